//===- LinearForm.h - Integers as sums of symbols -------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Masks of tile programs are comparisons of positions: `n.ids[None, :] <=
// m.ids[:, None] + off` is, element by element, linear in the start of the span,
// in a few scalars, and in the element's place along each axis:
//
//   element (r, c) of  j - i  =  n - m - off  +  (-1) r  +  (+1) c
//                                symbols          axes
//
// This file gives that sum for a scalar or tile value, and answers whether such
// a sum is provably never negative. Sizes and positions are below 2^31 by the
// language's promise, so sums are taken not to wrap and casts between `index`
// and narrower integers not to lose bits.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_ANALYSIS_LINEARFORM_H
#define TEGULA_ANALYSIS_LINEARFORM_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/MapVector.h"
#include <optional>

namespace tegula {

/// constant + sum of coefficient * symbol + sum of coefficient * place along an axis.
class LinearForm {
public:
  /// The form of a constant, of a scalar or of a tile of `rank` axes.
  explicit LinearForm(int64_t constant = 0, size_t rank = 0)
      : axes(rank, 0), constant(constant) {}

  /// The form that is one symbol.
  static LinearForm symbol(mlir::Value value);

  /// Adds `factor * other`. False, with an unspecified sum, on overflow.
  [[nodiscard]] bool add(const LinearForm &other, int64_t factor = 1);

  /// Adds a number. False on overflow.
  [[nodiscard]] bool add(int64_t number);

  /// Coefficient of a symbol, 0 where it does not occur.
  int64_t getCoefficient(mlir::Value symbol) const;

  /// Least and greatest value of the axes' part over a tile of that shape;
  /// nothing on overflow.
  std::optional<std::pair<int64_t, int64_t>> getAxisRange(llvm::ArrayRef<int64_t> shape) const;

  /// True where no symbol occurs and no axis matters.
  bool isConstant() const;

  /// The sum as `index` arithmetic, without the axes' part.
  mlir::Value materialize(mlir::OpBuilder &builder, mlir::Location loc) const;

  /// Symbols with non-zero coefficients: values of `index` or integer type.
  llvm::SmallMapVector<mlir::Value, int64_t, 4> symbols;
  /// One coefficient per axis of the tile; empty for a scalar.
  llvm::SmallVector<int64_t, 4> axes;
  int64_t constant;
};

/// The form of a scalar or tile of index, i32 or i64. A scalar always has one
/// (itself as a symbol, at worst); a tile has none where it is not built of iotas, splats and
/// constants by sums, scalings and changes of shape.
std::optional<LinearForm> getLinearForm(mlir::Value value);

/// The form that is at least 0 where the comparison holds, element by element; nothing for
/// one that is not linear, or no signed order.
std::optional<LinearForm> getSlack(mlir::arith::CmpIOp cmp);

/// True where the form, without its axes, is at least 0 for every value that its
/// symbols can take: sizes are never negative, positions lie between the bounds
/// of their grid or stream, and `min` and `max` are what they say.
bool isProvablyNonNegative(const LinearForm &form);

} // namespace tegula

#endif // TEGULA_ANALYSIS_LINEARFORM_H
