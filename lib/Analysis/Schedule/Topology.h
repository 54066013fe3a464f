//===- Topology.h - Who produces and consumes what ------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_ANALYSIS_SCHEDULE_TOPOLOGY_H
#define TEGULA_LIB_ANALYSIS_SCHEDULE_TOPOLOGY_H

#include "tegula/Analysis/Schedule/Proof.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"

namespace tegula::sched::proof {

/// The ends of one channel.
struct ChannelEnds {
  llvm::SmallSetVector<unsigned, 2> producers, consumers; ///< roles
  /// One role is both ends: credits cost a barrier of the role, or nothing.
  bool sameRole = false;
};

/// What the text of a kernel says, whatever the trip counts are.
struct Topology {
  std::vector<ChannelEnds> channels;
  /// Per role and label, the innermost loops of dynamic length that hold a copy with
  /// that label: the streams that the copy feeds.
  std::vector<llvm::StringMap<llvm::SmallSetVector<const Loop *, 2>>> streams;
};

/// Finds the ends, and checks what needs no run (parts of rules 2, 3, 5, 7 and 9).
Topology analyseTopology(const EventProgram &program, const Machine &machine, Findings &findings);

/// Trip counts that the bounds of the loop depend on.
llvm::SmallSetVector<unsigned, 2> findTripsOf(const EventProgram &program, const Loop &loop);

} // namespace tegula::sched::proof

#endif // TEGULA_LIB_ANALYSIS_SCHEDULE_TOPOLOGY_H
