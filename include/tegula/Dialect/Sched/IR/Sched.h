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
#include "tegula/Support/Layout/Layout.h"

#include "mlir/Interfaces/InferTypeOpInterface.h"

#include "tegula/Dialect/Sched/IR/SchedDialect.h.inc"
#include "tegula/Dialect/Sched/IR/SchedEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "tegula/Dialect/Sched/IR/SchedAttrs.h.inc"

namespace tegula::sched {
/// The matrix that the layout of a fragment of that shape speaks of.
layout::Extents getMatrix(llvm::ArrayRef<int64_t> shape, LayoutAttr layout);
} // namespace tegula::sched

#define GET_TYPEDEF_CLASSES
#include "tegula/Dialect/Sched/IR/SchedTypes.h.inc"

namespace tegula::sched {

/// Gives the results of `op` the name that its text had, if it had one.
void nameResults(mlir::Operation *op, mlir::StringAttr name, mlir::OpAsmSetValueNameFn setName);

/// `value` as the text of its kernel names it, for diagnostics.
std::string describe(mlir::Value value);

/// The slot that a buffer is a part of, through slices; null for any other buffer.
mlir::Value getSlot(mlir::Value buffer);

/// The slot's channel where it can be seen: through the op that opened the slot, and
/// through loops and branches that carry it. Null where that leads nowhere.
mlir::Value getChannel(mlir::Value slot);

} // namespace tegula::sched

#define GET_OP_CLASSES
#include "tegula/Dialect/Sched/IR/SchedOps.h.inc"

#endif // TEGULA_DIALECT_SCHED_IR_SCHED_H
