//===- Emitter.cpp - Elementwise arithmetic of one shape -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitter.h"

using namespace mlir;
using namespace tegula::vectormath;

Type Emitter::like(Type element) const {
  if (auto vector = dyn_cast<VectorType>(shape))
    return vector.clone(element);
  return element;
}

Value Emitter::number(Type element, double value) {
  Type type = like(element);
  TypedAttr attr = getFloatAttr(element, value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, attr);
  return arith::ConstantOp::create(*this, attr);
}

Value Emitter::integer(Type element, int64_t value) {
  Type type = like(element);
  unsigned width = llvm::cast<IntegerType>(element).getWidth();
  APInt number(width, static_cast<uint64_t>(value), /*isSigned=*/true, /*implicitTrunc=*/true);
  TypedAttr attr = getIntegerAttr(element, number);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, attr);
  return arith::ConstantOp::create(*this, attr);
}

Value Emitter::add(Value a, Value b) { return arith::AddFOp::create(*this, a, b); }
Value Emitter::sub(Value a, Value b) { return arith::SubFOp::create(*this, a, b); }
Value Emitter::mul(Value a, Value b) { return arith::MulFOp::create(*this, a, b); }
Value Emitter::div(Value a, Value b) { return arith::DivFOp::create(*this, a, b); }
Value Emitter::neg(Value a) { return arith::NegFOp::create(*this, a); }
Value Emitter::abs(Value a) { return math::AbsFOp::create(*this, a); }

Value Emitter::copySign(Value magnitude, Value sign) {
  return math::CopySignOp::create(*this, magnitude, sign);
}

Value Emitter::fma(Value a, Value b, Value c) { return math::FmaOp::create(*this, a, b, c); }

Value Emitter::polynomial(ArrayRef<float> coefficients, Value x) {
  Value sum = f32(coefficients.back());
  for (float coefficient : llvm::reverse(coefficients.drop_back()))
    sum = fma(sum, x, f32(coefficient));
  return sum;
}

Value Emitter::atLeast(Value bound, Value x) {
  return select(compare(arith::CmpFPredicate::OGT, bound, x), bound, x);
}

Value Emitter::atMost(Value bound, Value x) {
  return select(compare(arith::CmpFPredicate::OLT, bound, x), bound, x);
}

Value Emitter::compare(arith::CmpFPredicate predicate, Value a, Value b) {
  return arith::CmpFOp::create(*this, predicate, a, b);
}

Value Emitter::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(*this, condition, a, b);
}

Value Emitter::bits(Value x) {
  unsigned width = getElementTypeOrSelf(x.getType()).getIntOrFloatBitWidth();
  return cast<arith::BitcastOp>(x, getIntegerType(width));
}

Value Emitter::fromBits(Value x, Type element) { return cast<arith::BitcastOp>(x, element); }

Value Emitter::addI(Value a, Value b) { return arith::AddIOp::create(*this, a, b); }
Value Emitter::subI(Value a, Value b) { return arith::SubIOp::create(*this, a, b); }
Value Emitter::andI(Value a, Value b) { return arith::AndIOp::create(*this, a, b); }
Value Emitter::orI(Value a, Value b) { return arith::OrIOp::create(*this, a, b); }
Value Emitter::xorI(Value a, Value b) { return arith::XOrIOp::create(*this, a, b); }

Value Emitter::shiftLeft(Value a, int64_t places) {
  return arith::ShLIOp::create(*this, a, sameAs(a, places));
}

Value Emitter::shiftRight(Value a, int64_t places) {
  return arith::ShRUIOp::create(*this, a, sameAs(a, places));
}

Value Emitter::shiftRightSigned(Value a, int64_t places) {
  return arith::ShRSIOp::create(*this, a, sameAs(a, places));
}
