//===- Machine.h - What a proof asks the target table ---------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_ANALYSIS_SCHEDULE_MACHINE_H
#define TEGULA_ANALYSIS_SCHEDULE_MACHINE_H

#include "tegula/Analysis/Schedule/EventProgram.h"
#include <map>
#include <set>

namespace tegula::sched::proof {

/// The answers of a target's row to the questions of a proof.
struct Machine {
  std::string name;
  unsigned lanes = 1; ///< of a warp; 1 where a role is one CPU thread
  unsigned maxRoles = 1;
  bool asyncProducts = false;
  std::set<Completion> kinds;
  /// How the copies of an engine may complete. An engine that is not here does not exist.
  std::map<CopyEngine, std::set<Completion>> engines;
  /// Bytes of a space, where running over is an error. The arena of a CPU thread is
  /// ordinary memory: leaving the cache is slow and not wrong.
  std::map<std::string, int64_t> spaces;
  unsigned registerMargin = 0; ///< addresses, statistics, loop state
  unsigned registersPerLane = 0;
  /// Registers move between roles while they run, in granules within these limits.
  unsigned registerGranule = 1, roleRegistersLeast = 0, roleRegistersMost = 0;
  /// The warps that registers are given to together, where roles take them from each other.
  unsigned warpsPerGroup = 1;
  const GpuInfo *gpu = nullptr;

  /// The machine of that name, or nothing.
  static std::optional<Machine> lookup(llvm::StringRef target);
};

} // namespace tegula::sched::proof

#endif // TEGULA_ANALYSIS_SCHEDULE_MACHINE_H
