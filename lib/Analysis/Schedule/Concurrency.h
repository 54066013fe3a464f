//===- Concurrency.h - Members side by side -------------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_ANALYSIS_SCHEDULE_CONCURRENCY_H
#define TEGULA_LIB_ANALYSIS_SCHEDULE_CONCURRENCY_H

#include "Trace.h"

namespace tegula::sched::proof {

/// What all members did for one set of trip counts.
struct Run {
  llvm::SmallVector<int64_t, 2> trips;
  std::vector<Trace> traces;

  /// As "n = 2, u = 1".
  std::string describe(const EventProgram &program) const;
};

/// Rule 3 and the first half of 9: all members of both ends take every slot, and members take
/// turns equally often.
void checkBalance(const EventProgram &program, const Topology &topology, const Run &run,
                  Findings &findings);

/// Rules 4 and 9: one greedy run of all members.
void checkProgress(const EventProgram &program, const Topology &topology, const Run &run,
                   const std::set<Site> &barriers, Findings &findings);

/// Rule 6: adds the acquires of same-role rings that no barrier of the role separates
/// from the release whose slot they reuse.
void findAcquireBarriers(const EventProgram &program, const Topology &topology, const Trace &trace,
                         std::set<Site> &barriers);

/// Rule 1, last part: reads of slots whose copy was predicated off, or that nothing wrote.
void checkContents(const EventProgram &program, const Run &run, const WrittenSlots &written,
                   Findings &findings);

/// Rule 15: copies take consecutive positions of their stream.
void checkPositions(const EventProgram &program, const Topology &topology, const Run &run,
                    Findings &findings);

} // namespace tegula::sched::proof

#endif // TEGULA_LIB_ANALYSIS_SCHEDULE_CONCURRENCY_H
