//===- Machine.cpp - What a proof asks the target table -------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Analysis/Schedule/Machine.h"
#include "tegula/Target/TargetInfo.h"

using namespace llvm;
using namespace tegula;
using namespace tegula::sched::proof;

/// One thread: barriers cost nothing, and packing is the only copy that changes storage.
static Machine describe(const TargetInfo &cpu) {
  Machine machine;
  machine.name = cpu.getName();
  machine.kinds = {Completion::Sync};
  machine.engines[CopyEngine::Pack] = {Completion::Sync};
  return machine;
}

static Machine describe(const GpuInfo &gpu) {
  Machine machine;
  machine.name = gpu.getName();
  machine.gpu = &gpu;
  machine.lanes = gpu.getWarpSize();
  machine.maxRoles = gpu.getMostRoles();
  machine.asyncProducts = gpu.hasAsyncProducts();
  for (Completion kind : {Completion::Tx, Completion::Arrive, Completion::Fifo, Completion::Sync})
    if (gpu.hasCompletion(kind))
      machine.kinds.insert(kind);
  for (const Copying &copying : gpu.getCopies())
    machine.engines[copying.engine].insert(copying.completions.begin(), copying.completions.end());
  machine.spaces["shared"] = gpu.getSharedPerBlock();
  machine.registerMargin = gpu.getRegisterMargin();
  machine.registersPerLane = gpu.getRegistersPerLane();
  if (gpu.canMoveRegisters()) {
    machine.registerGranule = gpu.getRegisterGranule();
    machine.roleRegistersLeast = gpu.getRoleRegistersLeast();
    machine.roleRegistersMost = gpu.getRoleRegistersMost();
    machine.warpsPerGroup = gpu.getWarpsPerGroup();
  }
  return machine;
}

std::optional<Machine> Machine::lookup(StringRef target) {
  auto found = lookupTarget(target);
  if (auto *gpu = found.dyn_cast<const GpuInfo *>())
    return describe(*gpu);
  if (auto *cpu = found.dyn_cast<const TargetInfo *>())
    return describe(*cpu);
  return std::nullopt;
}
