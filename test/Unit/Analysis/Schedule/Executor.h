//===- Executor.h - Runs an event program against the grain ---*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the machine does, and no more: barriers where waits and drains have some, barrier
// objects by parity, counters of commits, copies and products that land whenever they may.
// Data are hashes: a tile is known by where it came from and what was done to it, so two
// runs agree if and only if every output was computed from the same things. It shares no
// code with the proof, and knows no rule.
//
// Every member is two threads that run apart from each other and write half of each
// buffer; a role of one warp is one thread.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TEST_UNIT_ANALYSIS_SCHEDULE_EXECUTOR_H
#define TEGULA_TEST_UNIT_ANALYSIS_SCHEDULE_EXECUTOR_H

#include "tegula/Analysis/Schedule/Proof.h"
#include <random>

namespace tegula::sched::proof {

/// When asynchronous work lands.
enum class Landing { Early, Late, Random };

/// What a run stored, per thread in order, or why it came to no end.
struct Outcome {
  std::string fault; ///< empty where every thread came to its end
  std::vector<std::vector<std::pair<Site, uint64_t>>> outputs;

  bool operator==(const Outcome &other) const {
    return fault == other.fault && outputs == other.outputs;
  }
};

/// Runs the program for these trip counts. `barriers` are the acquires that have one.
Outcome execute(const EventProgram &program, const Machine &machine, llvm::ArrayRef<int64_t> trips,
                const std::set<Site> &barriers, Landing landing, unsigned seed);

} // namespace tegula::sched::proof

#endif // TEGULA_TEST_UNIT_ANALYSIS_SCHEDULE_EXECUTOR_H
