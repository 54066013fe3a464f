//===- Expander.h - Rewrites ops one after another -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_CONVERSION_VECTORMATH_EXPANDER_H
#define TEGULA_CONVERSION_VECTORMATH_EXPANDER_H

#include "Expansions.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"

namespace tegula::vectormath {

/// Whether the elements are bf16 or f16.
bool isNarrow(mlir::Type type);

/// Turns `vector.multi_reduction` of maxima and minima into elementwise ones and
/// reductions of rows; sums are left to those who know the order they want.
llvm::LogicalResult lowerOrderingMultiReductions(mlir::Operation *root);

/// Rewrites one op after another, in program order. What is emitted is final: no op
/// is visited twice.
class Expander {
public:
  explicit Expander(mlir::MLIRContext *context) : rewriter(context) {}

  mlir::LogicalResult expand(mlir::Operation *op);

  /// Notes what is known of the argument of `op`, while that is not expanded yet.
  void noteRange(mlir::Operation *op);

  /// Drops what was emitted for a rounded value that nobody took as 16 bits.
  void eraseUnused();

private:
  mlir::LogicalResult expandExtF(mlir::arith::ExtFOp op);
  mlir::LogicalResult expandTruncF(mlir::arith::TruncFOp op);
  mlir::LogicalResult expandIntegerToFloat(mlir::Operation *op);
  mlir::LogicalResult expandReduction(mlir::vector::ReductionOp op);
  mlir::LogicalResult expandElementwise(mlir::Operation *op);
  mlir::LogicalResult widenOperands(mlir::Operation *op);
  mlir::LogicalResult moveBits(mlir::Operation *op);

  /// `op` on f32 or f64 operands, expanded where no machine has it.
  mlir::FailureOr<mlir::Value> compute(Emitter &e, mlir::Operation *op, mlir::ValueRange operands);

  /// A 16-bit value as f32. Of a value that was just rounded, the 16-bit form is
  /// not needed: its bits are there already.
  mlir::Value widen(Emitter &e, mlir::Value x);
  /// An f32 as a 16-bit value; `exact` if it is known to fit.
  mlir::Value narrow(Emitter &e, mlir::Value x, mlir::Type element, bool exact);

  /// The operands, 16-bit ones as f32.
  llvm::SmallVector<mlir::Value> getWideOperands(mlir::Operation *op);

  mlir::IRRewriter rewriter;
  Ranges ranges;
  /// Of the arguments of functions whose expansion asks for it.
  llvm::DenseMap<mlir::Operation *, Interval> argumentRanges;
  /// bf16 value -> the i32 whose upper half holds its bits.
  llvm::MapVector<mlir::Value, mlir::Value> roundedBits;
};

} // namespace tegula::vectormath

#endif // TEGULA_CONVERSION_VECTORMATH_EXPANDER_H
