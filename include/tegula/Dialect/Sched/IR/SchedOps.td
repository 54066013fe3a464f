//===- SchedOps.td - Ops of the scheduled level -*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_SCHED_IR_SCHEDOPS_TD
#define TEGULA_DIALECT_SCHED_IR_SCHEDOPS_TD

include "tegula/Dialect/Sched/IR/KernelOps.td"
include "tegula/Dialect/Sched/IR/ChannelOps.td"
include "tegula/Dialect/Sched/IR/MoveOps.td"
include "tegula/Dialect/Sched/IR/ComputeOps.td"

#endif // TEGULA_DIALECT_SCHED_IR_SCHEDOPS_TD
