//===- Sched.h - The scheduled level -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_SCHED_IR_SCHED_H
#define TEGULA_DIALECT_SCHED_IR_SCHED_H

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "tegula/Dialect/Sched/IR/SchedDialect.h.inc"
#include "tegula/Dialect/Sched/IR/SchedEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "tegula/Dialect/Sched/IR/SchedTypes.h.inc"
#define GET_OP_CLASSES
#include "tegula/Dialect/Sched/IR/SchedOps.h.inc"

#endif // TEGULA_DIALECT_SCHED_IR_SCHED_H
