//===- Trigonometry.cpp - sin and cos in f32 -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// x = n pi/2 + r with |r| <= pi/4, in f64: n to 2^51 is exact there, and pi/2 in two
// parts has 106 bits, so r is right to 2^-53 up to |x| = 2^50. Beyond, a result would
// be arbitrary: it is NaN.
//
//===----------------------------------------------------------------------===//

#include "Coefficients.h"
#include "Expansions.h"

#include <limits>

using namespace mlir;
using namespace tegula;
using namespace tegula::vectormath;

static constexpr double kTwoOverPi = 0.63661977236758134;
static constexpr double kHalfPiHi = 1.5707963267948966;
static constexpr double kHalfPiLo = 6.123233995736766e-17;
/// 1.5 * 2^52: adding it rounds to an integer, left in the low bits.
static constexpr double kRounder = 6755399441055744.0;

/// sin(x) for `quarters` = 0, cos(x) for 1: sin of x and so many right angles.
static Value expandSine(Emitter &e, Value x, int64_t quarters) {
  Value inRange = e.compare(arith::CmpFPredicate::OLT, e.abs(x), e.f32(0x1p50));
  Value safe = e.select(inRange, x, e.f32(std::numeric_limits<double>::quiet_NaN()));
  auto f64 = [&](double value) { return e.number(e.getF64Type(), value); };

  Value wide = e.cast<arith::ExtFOp>(safe, e.getF64Type());
  Value rounded = e.fma(wide, f64(kTwoOverPi), f64(kRounder));
  Value n = e.sub(rounded, f64(kRounder));
  Value rest = e.fma(n, f64(-kHalfPiLo), e.fma(n, f64(-kHalfPiHi), wide));
  Value quadrant = e.cast<arith::TruncIOp>(e.bits(rounded), e.getI32Type());
  if (quarters != 0)
    quadrant = e.addI(quadrant, quarters);

  Value r = e.cast<arith::TruncFOp>(rest, e.getF32Type());
  Value square = e.mul(r, r);
  Value sine = e.mul(r, e.fma(square, e.polynomial(kSin, square), e.f32(1)));
  Value cosine = e.fma(e.mul(square, square), e.polynomial(kCos, square),
                       e.fma(square, e.f32(-0.5), e.f32(1)));

  // Odd quadrants take the cosine; the upper two change sign.
  Value isOdd = arith::CmpIOp::create(e, arith::CmpIPredicate::ne, e.andI(quadrant, 1), e.i32(0));
  Value size = e.select(isOdd, cosine, sine);
  Value sign = e.shiftLeft(e.andI(quadrant, 2), 30);
  return e.fromBits(e.xorI(e.bits(size), sign));
}

Value vectormath::expandSin(Emitter &e, Value x) { return expandSine(e, x, 0); }
Value vectormath::expandCos(Emitter &e, Value x) { return expandSine(e, x, 1); }
