//===- RolePlanner.h - Default schedules for targets with warps -----------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_TRANSFORMS_ROLEPLANNER_H
#define TEGULA_LIB_TRANSFORMS_ROLEPLANNER_H

#include "tegula/Dialect/Tegula/IR/Schedule.h"
#include "tegula/Target/GpuInfo.h"

namespace tegula {

/// Plans one role of warps: rings for the operands of products that a stream loads, as
/// deep as shared memory allows; everything else in the order of the text.
class RolePlanner {
public:
  RolePlanner(KernelOp kernel, const GpuInfo &gpu);

  /// The members that run an instance.
  ScheduleRoleAttr planRole();
  /// A schedule for a stream whose anchors have labels.
  ScheduleAttr plan(StreamOp stream);

private:
  bool isKnownBefore(mlir::Value value) const;
  bool canRunAhead(LoadOp load) const;
  bool hasAlignedRows(LoadOp load);
  llvm::SmallVector<LoadOp> getOperandLoads(StreamOp stream) const;

  KernelOp kernel;
  GridOp grid;
  const GpuInfo &gpu;
  /// Shared memory that rings of other streams do not take.
  int64_t freeBytes;
  unsigned ringCount = 0;
};

} // namespace tegula

#endif // TEGULA_LIB_TRANSFORMS_ROLEPLANNER_H
