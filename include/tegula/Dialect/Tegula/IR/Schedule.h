//===- Schedule.h - The schedule object of a stream -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A schedule says, for each stream, which role issues each anchor at which stage
// and in which order, and how. It is keyed by label, lives in one attribute of
// the stream until materialisation, and prints as a table (SCHED.md 2).

#ifndef TEGULA_DIALECT_TEGULA_IR_SCHEDULE_H
#define TEGULA_DIALECT_TEGULA_IR_SCHEDULE_H

#include "tegula/Dialect/Tegula/IR/Tegula.h"

namespace tegula {

/// An op that a schedule names, and one of its labels: a structured op stands
/// for several.
struct Anchor {
  mlir::StringAttr label;
  mlir::Operation *op;
};

/// The labelled anchors of `stream`, in the order of the text; those of streams
/// inside it are theirs.
llvm::SmallVector<Anchor> getAnchors(StreamOp stream);

/// The row of `schedule` that names `label`, or null.
ScheduleRowAttr findRow(ScheduleAttr schedule, mlir::StringAttr label);

/// Every anchor of the stream in exactly one row, and nothing else (C4 of
/// `tegula.stream`).
mlir::LogicalResult verifySchedule(StreamOp stream);

/// Where `tile` is read as the right operand of products and nothing else:
/// whether transposed. Nothing where some use is another.
std::optional<bool> getRightOperandSide(mlir::Value tile);

/// Prints the schedules of all streams of `kernel` as one table.
void printSchedule(llvm::raw_ostream &os, KernelOpInterface kernel, llvm::StringRef target);

} // namespace tegula

#endif // TEGULA_DIALECT_TEGULA_IR_SCHEDULE_H
