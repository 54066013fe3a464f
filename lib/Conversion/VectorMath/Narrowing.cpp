//===- Narrowing.cpp - Maxima, and conversions to 16-bit floats -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Expansions.h"

#include <limits>

using namespace mlir;
using namespace tegula;
using namespace tegula::vectormath;
using arith::CmpFPredicate;

Value vectormath::expandRsqrt(Emitter &e, Value x) {
  Type element = getElementTypeOrSelf(x.getType());
  return e.div(e.number(element, 1), math::SqrtOp::create(e, x));
}

//===----------------------------------------------------------------------===//
// Larger and smaller
//===----------------------------------------------------------------------===//
//
// `a > b ? a : b` is one instruction on machines whose maximum gives its second
// operand for unordered ones. It gives b where either is NaN: what is missing is a.
// There, a constant NaN takes its place: with `a` itself, LLVM would merge the two
// selects, and with them the maximum, into four instructions instead of three.

static Value selectKeepingNaN(Emitter &e, CmpFPredicate predicate, Value a, Value b) {
  Value chosen = e.select(e.compare(predicate, a, b), a, b);
  Type element = getElementTypeOrSelf(a.getType());
  return e.select(e.isNaN(a), e.number(element, std::numeric_limits<double>::quiet_NaN()), chosen);
}

Value vectormath::expandMaximum(Emitter &e, Value a, Value b) {
  return selectKeepingNaN(e, CmpFPredicate::OGT, a, b);
}

Value vectormath::expandMinimum(Emitter &e, Value a, Value b) {
  return selectKeepingNaN(e, CmpFPredicate::OLT, a, b);
}

Value vectormath::expandMaxNum(Emitter &e, Value a, Value b) {
  Value larger = e.select(e.compare(CmpFPredicate::OGT, a, b), a, b);
  return e.select(e.isNaN(b), a, larger);
}

Value vectormath::expandMinNum(Emitter &e, Value a, Value b) {
  Value smaller = e.select(e.compare(CmpFPredicate::OLT, a, b), a, b);
  return e.select(e.isNaN(b), a, smaller);
}

//===----------------------------------------------------------------------===//
// Rounding to 16-bit floats
//===----------------------------------------------------------------------===//

/// Half of the last kept place, less one where that place is even: a tie then stays.
Value vectormath::roundToBF16Bits(Emitter &e, Value x) {
  Value bits = e.bits(x);
  Value odd = e.andI(e.shiftRight(bits, 16), 1);
  Value rounded = e.addI(e.addI(bits, 0x7FFF), odd);
  return e.select(e.isNaN(x), e.orI(bits, 0x400000), rounded);
}

/// Cut towards zero, then set the last bit if anything was cut off: no later rounding
/// to fewer bits takes that for a tie.
Value vectormath::roundToOddF32(Emitter &e, Value x) {
  Type i32 = e.getI32Type();
  Value nearest = e.cast<arith::TruncFOp>(x, e.getF32Type());
  Value back = e.cast<arith::ExtFOp>(nearest, e.getF64Type());
  Value isInexact = e.compare(CmpFPredicate::ONE, back, x);
  Value isBeyond = e.compare(CmpFPredicate::OGT, e.abs(back), e.abs(x));
  Value bits = e.subI(e.bits(nearest), e.cast<arith::ExtUIOp>(isBeyond, i32));
  return e.fromBits(e.orI(bits, e.cast<arith::ExtUIOp>(isInexact, i32)));
}

/// Up to 53 bits fit. Of a larger number the last 11 bits are cut off and, if any was
/// set, leave a mark in bit 11, far below the last place of any 16-bit float.
Value vectormath::integerToF64(Emitter &e, Value x, bool isSigned) {
  unsigned width = getElementTypeOrSelf(x.getType()).getIntOrFloatBitWidth();
  auto convert = [&](Value integer) -> Value {
    if (isSigned)
      return e.cast<arith::SIToFPOp>(integer, e.getF64Type());
    return e.cast<arith::UIToFPOp>(integer, e.getF64Type());
  };
  if (width <= 53)
    return convert(x);

  constexpr int64_t cut = (1 << 11) - 1, mark = 1 << 11;
  Value hasRest = e.andI(e.addI(e.andI(x, cut), cut), mark);
  Value coarse = e.orI(e.andI(x, ~cut), hasRest);
  // Small numbers are exact as they are: |x| < 2^53, by the unsigned trick for both.
  Value shifted = isSigned ? e.addI(x, int64_t(1) << 53) : x;
  Value isSmall = arith::CmpIOp::create(
      e, arith::CmpIPredicate::ult, shifted,
      e.integer(getElementTypeOrSelf(x.getType()), int64_t(1) << (isSigned ? 54 : 53)));
  return convert(e.select(isSmall, x, coarse));
}
