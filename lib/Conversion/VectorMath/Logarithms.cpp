//===- Logarithms.cpp - log, log2 and log1p in f32 -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// x = m 2^k with m in [sqrt(1/2), sqrt(2)): then log(x) = k ln(2) + f Q(f), f = m - 1
// exactly, Q a polynomial. Near x = 1, k is 0 and nothing cancels.
//
//===----------------------------------------------------------------------===//

#include "Coefficients.h"
#include "Expansions.h"

#include <limits>

using namespace mlir;
using namespace tegula;
using namespace tegula::vectormath;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
/// The bits of the f32 next to sqrt(1/2).
static constexpr int64_t kSqrtHalf = 0x3F3504F3;

namespace {

/// x = (1 + f) 2^k; `k` is an i32.
struct Parts {
  Value f, k;
};

} // namespace

/// For positive normal x: where m crosses from 2 sqrt(1/2) to sqrt(1/2), k counts up.
static Parts split(Emitter &e, Value x) {
  Value bits = e.bits(x);
  Value k = e.shiftRightSigned(e.addI(bits, -kSqrtHalf), 23);
  Value m = e.fromBits(e.subI(bits, e.shiftLeft(k, 23)));
  return {e.sub(m, e.f32(1)), k};
}

/// For all positive finite x: subnormals are brought up by 2^24 first.
static Parts splitAny(Emitter &e, Value x) {
  Value isTiny = e.compare(arith::CmpFPredicate::OLT, x, e.f32(0x1p-126));
  Parts parts = split(e, e.select(isTiny, e.mul(x, e.f32(0x1p24)), x));
  parts.k = e.subI(parts.k, e.select(isTiny, e.i32(24), e.i32(0)));
  return parts;
}

/// The logarithm's ends: +inf and NaN as they come (in `x`), -inf at 0, NaN below.
/// `argument` is what the logarithm is taken of.
static Value finish(Emitter &e, Value result, Value x, Value argument) {
  Value isFinite = e.compare(arith::CmpFPredicate::OLT, x, e.f32(kInfinity));
  Value upper = e.select(isFinite, result, x);
  Value isZero = e.compare(arith::CmpFPredicate::OEQ, argument, e.f32(0));
  Value lower = e.select(isZero, e.f32(-kInfinity), e.f32(kNaN));
  Value isLow = e.compare(arith::CmpFPredicate::OLE, argument, e.f32(0));
  return e.select(isLow, lower, upper);
}

/// k ln(2) + f Q(f) with k = -`minusK`. That sign keeps log1p(-0) = -0, for
/// (+0) (-ln 2) is -0 and adds nothing.
static Value assemble(Emitter &e, Value f, Value minusK) {
  Value low = e.fma(f, e.polynomial(kLog, f), e.mul(minusK, e.f32(-kLn2Lo)));
  return e.fma(minusK, e.f32(-kLn2Hi), low);
}

/// Whether no argument is a subnormal number, an end, or below 0.
static bool isNormal(Interval range) {
  return range.isWithin(0x1p-126, std::numeric_limits<float>::max());
}

static Value negated(Emitter &e, Value k) {
  return e.cast<arith::SIToFPOp>(e.subI(e.i32(0), k), e.getF32Type());
}

/// Where k is -1 or 0: a little inside of sqrt(1/8) and sqrt(2).
static constexpr double kLeastNearOne = 0.354, kMostNearOne = 1.414;

/// The same numbers as `assemble` makes of `split`, by selects instead of integer
/// arithmetic and products with k. NaN goes through all of it.
static Value logNearOne(Emitter &e, Value x) {
  Value sqrtHalf = e.fromBits(e.i32(kSqrtHalf));
  Value isLow = e.compare(arith::CmpFPredicate::OLT, x, sqrtHalf);
  Value f = e.sub(e.select(isLow, e.add(x, x), x), e.f32(1));
  Value low = e.select(isLow, e.f32(-kLn2Lo), e.f32(-0.0));
  Value high = e.select(isLow, e.f32(-kLn2Hi), e.f32(0));
  return e.add(e.fma(f, e.polynomial(kLog, f), low), high);
}

Value vectormath::expandLog(Emitter &e, Value x, Interval range) {
  if (range.isWithin(kLeastNearOne, kMostNearOne))
    return logNearOne(e, x);
  if (isNormal(range)) {
    auto [f, k] = split(e, x);
    Value result = assemble(e, f, negated(e, k));
    return e.select(e.isNaN(x), x, result);
  }
  auto [f, k] = splitAny(e, x);
  return finish(e, assemble(e, f, negated(e, k)), x, x);
}

Value vectormath::expandLog2(Emitter &e, Value x) {
  auto [f, k] = splitAny(e, x);
  Value slope = e.polynomial(ArrayRef<float>(kLog2).drop_front(), f);
  slope = e.add(e.fma(slope, f, e.f32(kLog2eLo)), e.f32(kLog2[0]));
  Value result = e.fma(f, slope, e.cast<arith::SIToFPOp>(k, e.getF32Type()));
  return finish(e, result, x, x);
}

/// With u = 1 + x rounded = m 2^k, f = x 2^-k - (1 - 2^-k) has lost nothing of x. For
/// x so large that 2^-k is no normal number, m - 1 is right as it is.
Value vectormath::expandLog1p(Emitter &e, Value x) {
  Value u = e.add(x, e.f32(1));
  auto [large, k] = split(e, u);
  Value minusK = e.subI(e.i32(0), k);
  Value power = e.fromBits(e.addI(e.shiftLeft(minusK, 23), int64_t(127) << 23));
  Value exact = e.fma(x, power, e.neg(e.sub(e.f32(1), power)));
  Value isLarge = e.compare(arith::CmpFPredicate::OGT, x, e.f32(0x1p60));
  Value f = e.select(isLarge, large, exact);
  Value result = assemble(e, f, e.cast<arith::SIToFPOp>(minusK, e.getF32Type()));
  return finish(e, result, x, u);
}
