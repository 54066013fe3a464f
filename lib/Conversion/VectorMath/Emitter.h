//===- Emitter.h - Elementwise arithmetic of one shape -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_CONVERSION_VECTORMATH_EMITTER_H
#define TEGULA_CONVERSION_VECTORMATH_EMITTER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace tegula::vectormath {

/// Emits elementwise ops on scalars or vectors, all of the shape of one value. A
/// constant is splat over that shape. Everything is `arith`, and `math.fma`,
/// without fast-math flags: what the formulas say is what is rounded.
class Emitter : public mlir::ImplicitLocOpBuilder {
public:
  /// Emits before `op`, in the shape of `like`: a vector type or a scalar type.
  Emitter(mlir::Operation *op, mlir::Type like)
      : ImplicitLocOpBuilder(op->getLoc(), op), shape(like) {}

  /// The type of this shape with another element type.
  mlir::Type like(mlir::Type element) const;

  /// Constants: of an f32, an i32, and of a given element type.
  mlir::Value f32(double value) { return number(getF32Type(), value); }
  mlir::Value i32(int64_t value) { return integer(getI32Type(), value); }
  mlir::Value number(mlir::Type element, double value);
  mlir::Value integer(mlir::Type element, int64_t value);

  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value div(mlir::Value a, mlir::Value b);
  mlir::Value neg(mlir::Value a);
  mlir::Value abs(mlir::Value a);
  mlir::Value copySign(mlir::Value magnitude, mlir::Value sign);
  /// a * b + c, rounded once.
  mlir::Value fma(mlir::Value a, mlir::Value b, mlir::Value c);
  /// The polynomial in `x` of these coefficients, lowest order first.
  mlir::Value polynomial(llvm::ArrayRef<float> coefficients, mlir::Value x);

  /// `x`, or the bound that it exceeds; NaN stays. One instruction where the
  /// machine's minimum gives its second operand for unordered ones.
  mlir::Value atLeast(mlir::Value bound, mlir::Value x);
  mlir::Value atMost(mlir::Value bound, mlir::Value x);

  mlir::Value compare(mlir::arith::CmpFPredicate predicate, mlir::Value a, mlir::Value b);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);
  mlir::Value isNaN(mlir::Value x) { return compare(mlir::arith::CmpFPredicate::UNO, x, x); }

  /// Between a float and the signless integer of the same width.
  mlir::Value bits(mlir::Value x);
  mlir::Value fromBits(mlir::Value x, mlir::Type element);
  mlir::Value fromBits(mlir::Value x) { return fromBits(x, getF32Type()); }

  /// Integer ops; the constant operand takes the other's type.
  mlir::Value addI(mlir::Value a, mlir::Value b);
  mlir::Value subI(mlir::Value a, mlir::Value b);
  mlir::Value andI(mlir::Value a, mlir::Value b);
  mlir::Value orI(mlir::Value a, mlir::Value b);
  mlir::Value xorI(mlir::Value a, mlir::Value b);
  mlir::Value addI(mlir::Value a, int64_t b) { return addI(a, sameAs(a, b)); }
  mlir::Value andI(mlir::Value a, int64_t b) { return andI(a, sameAs(a, b)); }
  mlir::Value orI(mlir::Value a, int64_t b) { return orI(a, sameAs(a, b)); }
  mlir::Value shiftLeft(mlir::Value a, int64_t places);
  mlir::Value shiftRight(mlir::Value a, int64_t places);
  mlir::Value shiftRightSigned(mlir::Value a, int64_t places);

  /// One conversion op, to this shape with element type `element`.
  template <typename CastOp> mlir::Value cast(mlir::Value x, mlir::Type element) {
    return CastOp::create(*this, like(element), x);
  }

private:
  mlir::Value sameAs(mlir::Value a, int64_t b) {
    return integer(mlir::getElementTypeOrSelf(a.getType()), b);
  }

  mlir::Type shape;
};

} // namespace tegula::vectormath

#endif // TEGULA_CONVERSION_VECTORMATH_EMITTER_H
