//===- Exponentials.cpp - exp, exp2, expm1, tanh and erf in f32 -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// All of them rest on 2^n times a polynomial. Adding 1.5 * 2^23 to a small number
// rounds it to an integer n, and leaves n in the low bits of the sum: there, n plus
// the exponent's bias is 23 places away from being the power of two itself.
//
// The power is multiplied in, not added to the exponent's bits, so that NaN stays
// NaN whatever its payload.
//
//===----------------------------------------------------------------------===//

#include "Coefficients.h"
#include "Expansions.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::vectormath;

/// 1.5 * 2^23: the ulp of numbers near it is 1.
static constexpr double kRounder = 12582912.0;
static constexpr int64_t kBias = 127;

static ArrayRef<float> getExp2Coefficients(int64_t degree) {
  switch (degree) {
  case 3:
    return kExp2Degree3;
  case 4:
    return kExp2Degree4;
  case 5:
    return kExp2Degree5;
  case 7:
    return kExp2Degree7;
  default:
    return kExp2Degree6;
  }
}

/// p * 2^n, n the integer in the low bits of `rounded` less 2 * bias. `t` has the
/// sign of n. Neither factor over- or underflows, so the product is rounded once:
///
///   t < 0:  (p * 2^(n + 64)) * 2^-64      else:  (p * 2^(n - 64)) * 2^64
///
/// The first form also serves n = 0. Where 2^n p is a normal number, both are one
/// product.
static Value scale(Emitter &e, Value p, Value rounded, Value t, Interval powers) {
  if (powers.isWithin(-125, 126)) {
    Value power = e.shiftLeft(e.bits(rounded), 23);
    return e.mul(p, e.fromBits(e.subI(power, e.i32(kBias << 23))));
  }
  if (powers.hi <= 0) {
    Value outer = e.i32((kBias - 64) << 23);
    Value inner = e.subI(e.shiftLeft(e.bits(rounded), 23), outer);
    return e.mul(e.mul(p, e.fromBits(inner)), e.fromBits(outer));
  }
  Value negative = e.compare(arith::CmpFPredicate::OLT, t, e.f32(0));
  Value outer = e.select(negative, e.i32((kBias - 64) << 23), e.i32((kBias + 64) << 23));
  Value inner = e.subI(e.shiftLeft(e.bits(rounded), 23), outer);
  return e.mul(e.mul(p, e.fromBits(inner)), e.fromBits(outer));
}

/// `x` between `least` and `most`; what `range` promises is not computed again.
static Value clamp(Emitter &e, Value x, double least, double most, Interval range) {
  if (range.lo < least)
    x = e.atLeast(e.f32(least), x);
  return range.hi > most ? e.atMost(e.f32(most), x) : x;
}

Value vectormath::expandFastExp2(Emitter &e, Value x, int64_t degree, Interval range) {
  Value t = clamp(e, x, -127, 128, range);
  Value rounder = e.f32(kRounder + kBias);
  Value rounded = e.add(t, rounder);
  Value rest = e.sub(t, e.sub(rounded, rounder));
  Value p = e.polynomial(getExp2Coefficients(degree), rest);
  return e.mul(p, e.fromBits(e.shiftLeft(e.bits(rounded), 23)));
}

Value vectormath::expandExp2(Emitter &e, Value x) {
  Value t = e.atMost(e.f32(129), e.atLeast(e.f32(-151), x));
  Value rounder = e.f32(kRounder + 2 * kBias);
  Value rounded = e.add(t, rounder);
  Value rest = e.sub(t, e.sub(rounded, rounder));
  return scale(e, e.polynomial(kExp2Degree6, rest), rounded, t, Interval());
}

/// x - n ln(2), n an integer given as f32.
static Value reduce(Emitter &e, Value x, Value n) {
  return e.fma(n, e.f32(-kLn2Lo), e.fma(n, e.f32(-kLn2Hi), x));
}

Value vectormath::expandExp(Emitter &e, Value x, Interval range) {
  Value t = clamp(e, x, -105, 89.5, range);
  Value rounder = e.f32(kRounder + 2 * kBias);
  Value rounded = e.fma(t, e.f32(kLog2e), rounder);
  Value rest = reduce(e, t, e.sub(rounded, rounder));
  SmallVector<float> coefficients = {1, 1};
  llvm::append_range(coefficients, kExpm1);
  return scale(e, e.polynomial(coefficients, rest), rounded, t,
               {range.lo * kLog2e, range.hi * kLog2e});
}

namespace {

/// e^x = 2^n (q + 1): `power` is 2^(n + shift), and q = e^rest - 1.
struct ExpM1 {
  Value power, q;
};

} // namespace

/// For |n + shift| below 127.
static ExpM1 splitExpM1(Emitter &e, Value x, int64_t shift) {
  Value rounder = e.f32(kRounder + kBias + shift);
  Value rounded = e.fma(x, e.f32(kLog2e), rounder);
  Value rest = reduce(e, x, e.sub(rounded, rounder));
  Value q = e.fma(e.mul(rest, rest), e.polynomial(kExpm1, rest), rest);
  return {e.fromBits(e.shiftLeft(e.bits(rounded), 23)), q};
}

/// Twice (2^(n-1) q + (2^(n-1) - 1/2)): 2^128 itself is not a float. Halving a
/// subnormal would round it, but there e^x - 1 is x.
Value vectormath::expandExpM1(Emitter &e, Value x) {
  Value t = e.atMost(e.f32(89), e.atLeast(e.f32(-30), x));
  auto [power, q] = splitExpM1(e, t, -1);
  Value half = e.fma(q, power, e.sub(power, e.f32(0.5)));
  Value isTiny = e.compare(arith::CmpFPredicate::OLT, e.abs(x), e.f32(0x1p-25));
  return e.select(isTiny, x, e.add(half, half));
}

/// With t = e^(2|x|) - 1: t / (t + 2), which is 1 from |x| = 10 on.
Value vectormath::expandTanh(Emitter &e, Value x) {
  Value a = e.atMost(e.f32(10), e.abs(x));
  auto [power, q] = splitExpM1(e, e.add(a, a), 0);
  Value t = e.fma(q, power, e.sub(power, e.f32(1)));
  return e.copySign(e.div(t, e.add(t, e.f32(2))), x);
}

/// |erf(x)| = 1 - e^(-a Q(a)), a = |x|, with Q a polynomial: near 0 the difference is
/// formed without cancellation, far away it forgives Q's error. 1 from a = 4 on.
Value vectormath::expandErf(Emitter &e, Value x) {
  // Working on -a saves a negation: odd coefficients change sign instead. The first
  // coefficient is multiplied in last, and exactly: it decides the error near 0.
  Value minusA = e.atLeast(e.f32(-4), e.neg(e.abs(x)));
  SmallVector<float> coefficients(std::begin(kErf), std::end(kErf));
  for (size_t i = 1; i < coefficients.size(); i += 2)
    coefficients[i] = -coefficients[i];
  coefficients[0] = kErfSlopeLo;
  Value rest = e.mul(minusA, e.polynomial(coefficients, minusA));
  Value exponent = e.fma(minusA, e.f32(kErf[0]), rest);
  auto [power, q] = splitExpM1(e, exponent, 0);
  return e.copySign(e.fma(q, power, e.sub(power, e.f32(1))), x);
}
