//===- Slips.h - One random mistake in a schedule -------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TEST_UNIT_ANALYSIS_SCHEDULE_SLIPS_H
#define TEGULA_TEST_UNIT_ANALYSIS_SCHEDULE_SLIPS_H

#include "Executor.h"

namespace tegula::sched::proof {

/// Drops, moves or exchanges one op that synchronises, or changes a count, a depth or the
/// length of a prologue. Nothing where the result would not be SSA, or is the same.
std::optional<EventProgram> slip(const EventProgram &program, std::mt19937 &random);

/// What became of many slips.
struct Tally {
  unsigned accepted = 0, refused = 0;
  unsigned refusedRun = 0, refusedWrong = 0; ///< of the refused ones that were run anyway
  std::vector<std::string> holes;            ///< accepted, and went wrong
};

/// Makes `count` slips of the program. Whatever the proof accepts must store what the program
/// stores, under every interleaving that is tried.
Tally trySlips(const EventProgram &program, const Machine &machine, unsigned count, unsigned seed);

} // namespace tegula::sched::proof

#endif // TEGULA_TEST_UNIT_ANALYSIS_SCHEDULE_SLIPS_H
