//===- DoubleMath.cpp - Elementary functions of f64 -----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A GPU has no library to call, and LLVM has no lowering of these. Each is range
// reduction and a polynomial: Taylor's, to a degree whose error is below the rounding;
// erfc of large arguments has a fitted one (Chebyshev interpolation, degree 24, relative
// error 2.1e-15). One path for all elements, no branches. Errors are a few units in the
// last place; test/python/test_sched_gpu.py measures them.
//
//===----------------------------------------------------------------------===//

#include "Math.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tegula;
using vectormath::Emitter;
using arith::CmpFPredicate;

static constexpr double expTerms[] = {
    1.00000000000000000e+00, 1.00000000000000000e+00, 5.00000000000000000e-01,
    1.66666666666666657e-01, 4.16666666666666644e-02, 8.33333333333333322e-03,
    1.38888888888888894e-03, 1.98412698412698413e-04, 2.48015873015873016e-05,
    2.75573192239858925e-06, 2.75573192239858883e-07, 2.50521083854417202e-08,
    2.08767569878681002e-09, 1.60590438368216133e-10, 1.14707455977297245e-11,
};
static constexpr double expM1Terms[] = {
    1.00000000000000000e+00, 5.00000000000000000e-01, 1.66666666666666657e-01,
    4.16666666666666644e-02, 8.33333333333333322e-03, 1.38888888888888894e-03,
    1.98412698412698413e-04, 2.48015873015873016e-05, 2.75573192239858925e-06,
    2.75573192239858883e-07, 2.50521083854417202e-08, 2.08767569878681002e-09,
    1.60590438368216133e-10, 1.14707455977297245e-11, 7.64716373181981641e-13,
    4.77947733238738525e-14, 2.81145725434552060e-15, 1.56192069685862253e-16,
};
// 2 / (2 k + 1): log((1 + s) / (1 - s)) / s in s^2.
static constexpr double logTerms[] = {
    2.00000000000000000e+00, 6.66666666666666630e-01, 4.00000000000000022e-01,
    2.85714285714285698e-01, 2.22222222222222210e-01, 1.81818181818181823e-01,
    1.53846153846153855e-01, 1.33333333333333331e-01, 1.17647058823529410e-01,
    1.05263157894736836e-01, 9.52380952380952328e-02, 8.69565217391304324e-02,
    8.00000000000000017e-02,
};
static constexpr double sinTerms[] = {
    1.00000000000000000e+00, -1.66666666666666657e-01, 8.33333333333333322e-03,
    -1.98412698412698413e-04, 2.75573192239858925e-06, -2.50521083854417202e-08,
    1.60590438368216133e-10, -7.64716373181981641e-13, 2.81145725434552060e-15,
    -8.22063524662432950e-18,
};
static constexpr double cosTerms[] = {
    1.00000000000000000e+00, -5.00000000000000000e-01, 4.16666666666666644e-02,
    -1.38888888888888894e-03, 2.48015873015873016e-05, -2.75573192239858883e-07,
    2.08767569878681002e-09, -1.14707455977297245e-11, 4.77947733238738525e-14,
    -1.56192069685862253e-16,
};
// erf(x) / x in x^2.
static constexpr double erfTerms[] = {
    1.12837916709551256e+00, -3.76126389031837538e-01, 1.12837916709551261e-01,
    -2.68661706451312522e-02, 5.22397762544218793e-03, -8.54832702345085225e-04,
    1.20553329817896636e-04, -1.49256503584062504e-05, 1.64621143658892463e-06,
    -1.63658446912349245e-07, 1.48071928158792176e-08, -1.22905553017179263e-09,
    9.42275906465041125e-11, -6.71136685516411048e-12, 4.46322426328647749e-13,
    -2.78351620721092118e-14, 1.63426140953671520e-15, -9.06397084280867278e-17,
    4.76334804051506831e-18, -2.37845988527742927e-19,
};
// exp(x^2) erfc(x) / t in 2 t - 1, for t = 2 / (2 + x).
static constexpr double erfcTerms[] = {
    5.10791352621011496e-01, 3.43580342206910860e-01, 1.39736046277992354e-01,
    1.82211157530004046e-02, -1.07553309431026520e-02, -3.23959252254826672e-03,
    1.54530599975961913e-03, 4.18647891967957521e-04, -3.31536459410437649e-04,
    -1.71847450188121932e-05, 7.22335939275209723e-05, -1.70786637920300887e-05,
    -1.08409916194718154e-05, 8.07231128943252082e-06, -5.82179575174671253e-07,
    -1.84387142163141714e-06, 1.03758514021729266e-06, 2.54219416244160379e-08,
    -3.33479908301271384e-07, 1.42984826596980282e-07, 4.07507116492613644e-08,
    -4.87926057359562911e-08, 4.72741136224104504e-09, 6.13851088641546593e-09,
    -1.61539894740136320e-09,
};

namespace {

/// f64 arithmetic on the values of one op.
struct Double {
  Emitter &e;

  Value number(double x) { return e.number(e.getF64Type(), x); }
  Value integer(int64_t x) { return e.integer(e.getI64Type(), x); }
  Value polynomial(ArrayRef<double> terms, Value x) {
    Value sum = number(terms.back());
    for (double term : llvm::reverse(terms.drop_back()))
      sum = e.fma(sum, x, number(term));
    return sum;
  }
  Value less(Value a, Value b) { return e.compare(CmpFPredicate::OLT, a, b); }
  /// 2^n of an integer in f64's normal range, by its bits.
  Value power(Value n) {
    return e.fromBits(e.shiftLeft(e.addI(n, 1023), 52), e.getF64Type());
  }
  Value toInteger(Value x) { return e.cast<arith::FPToSIOp>(x, e.getI64Type()); }

  Value scale(Value n, Value r, Value x);
  Value exp(Value x);
  Value exp2(Value x);
  Value expM1(Value x);
  Value log(Value x);
  Value log1p(Value x);
  Value sinCos(Value x, bool isCos);
  Value erf(Value x);
};

} // namespace

/// 2^n e^r with |r| <= ln 2 / 2; 2^n in two factors, so that the ends of the range round
/// once.
Value Double::scale(Value n, Value r, Value x) {
  Value whole = toInteger(e.select(e.isNaN(x), number(0), n));
  Value half = e.shiftRightSigned(whole, 1);
  Value result = e.mul(polynomial(expTerms, r), power(half));
  result = e.mul(result, power(e.subI(whole, half)));
  return e.select(e.isNaN(x), x, result);
}

Value Double::exp(Value x) {
  Value bounded = e.atMost(number(710), e.atLeast(number(-746), x));
  Value n = math::RoundEvenOp::create(e, e.mul(bounded, number(1.4426950408889634)));
  Value r = e.fma(n, number(-0x1.62e42fefa39efp-1), bounded);
  return scale(n, e.fma(n, number(-0x1.abc9e3b39803fp-56), r), x);
}

Value Double::exp2(Value x) {
  Value bounded = e.atMost(number(1025), e.atLeast(number(-1080), x));
  Value n = math::RoundEvenOp::create(e, bounded);
  return scale(n, e.mul(e.sub(bounded, n), number(0x1.62e42fefa39efp-1)), x);
}

Value Double::expM1(Value x) {
  Value small = e.mul(x, polynomial(expM1Terms, x));
  return e.select(less(e.abs(x), number(0.5)), small, e.sub(exp(x), number(1)));
}

/// m 2^k with m in [sqrt(1/2), sqrt(2)): log m by s = (m - 1) / (m + 1).
Value Double::log(Value x) {
  Value tiny = less(x, number(0x1p-1022));
  Value scaled = e.select(tiny, e.mul(x, number(0x1p54)), x);
  Value bits = e.bits(scaled);
  // The exponent changes where m passes sqrt(2).
  Value shifted = e.subI(bits, integer(0x3FE6A09E667F3BCD));
  Value k = e.shiftRightSigned(shifted, 52);
  Value m = e.fromBits(e.subI(bits, e.shiftLeft(k, 52)), e.getF64Type());
  Value exponent = e.cast<arith::SIToFPOp>(k, e.getF64Type());
  exponent = e.sub(exponent, e.select(tiny, number(54), number(0)));
  Value f = e.sub(m, number(1));
  Value s = e.div(f, e.add(m, number(1)));
  Value square = e.mul(s, s);
  // 2 s = f - s f, so that the largest term is exact.
  Value rest = e.mul(square, polynomial(ArrayRef(logTerms).drop_front(), square));
  Value tail = e.mul(s, e.sub(rest, f));
  Value result = e.fma(exponent, number(0x1.abc9e3b39803fp-56), tail);
  result = e.fma(exponent, number(0x1.62e42fefa39efp-1), e.add(f, result));
  Value infinity = number(std::numeric_limits<double>::infinity());
  Value isZero = e.compare(CmpFPredicate::OEQ, x, number(0));
  result = e.select(isZero, e.neg(infinity), result);
  result = e.select(less(x, number(0)), number(std::numeric_limits<double>::quiet_NaN()), result);
  // Infinity and NaN stay.
  return e.select(less(x, infinity), result, e.add(x, e.abs(x)));
}

/// log(u) + what 1 + x lost when it was rounded to u.
Value Double::log1p(Value x) {
  Value u = e.add(x, number(1));
  Value lost = e.sub(x, e.sub(u, number(1)));
  Value result = e.add(log(u), e.div(lost, u));
  Value tiny = less(e.abs(x), number(0x1p-54));
  Value ends = less(e.abs(u), number(std::numeric_limits<double>::infinity()));
  Value isEnd = e.compare(CmpFPredicate::OEQ, u, number(0));
  result = e.select(isEnd, number(-std::numeric_limits<double>::infinity()), result);
  return e.select(tiny, x, e.select(ends, result, log(u)));
}

/// Quarter turns are taken off in three parts; beyond 2^30 the rest is not known.
Value Double::sinCos(Value x, bool isCos) {
  Value n = math::RoundEvenOp::create(e, e.mul(x, number(0.63661977236758138)));
  Value r = e.fma(n, number(-0x1.921fb54442d18p+0), x);
  r = e.fma(n, number(-0x1.1a62633145c07p-54), r);
  r = e.fma(n, number(0x1.f1976b7ed8fbcp-110), r);
  Value known = less(e.abs(x), number(0x1p30));
  Value whole = toInteger(e.select(known, n, number(0)));
  Value square = e.mul(r, r);
  Value sine = e.mul(r, polynomial(sinTerms, square)), cosine = polynomial(cosTerms, square);
  auto isSet = [&](Value bit) -> Value {
    return arith::CmpIOp::create(e, arith::CmpIPredicate::ne, bit, integer(0));
  };
  Value quarter = isCos ? e.addI(whole, 1) : whole;
  Value result = e.select(isSet(e.andI(quarter, 1)), cosine, sine);
  result = e.select(isSet(e.andI(quarter, 2)), e.neg(result), result);
  return e.select(known, result, number(std::numeric_limits<double>::quiet_NaN()));
}

Value Double::erf(Value x) {
  Value a = e.abs(x), square = e.mul(a, a);
  Value small = e.mul(x, polynomial(erfTerms, square));
  Value bounded = e.atMost(number(27), a);
  square = e.mul(bounded, bounded);
  Value lost = e.fma(bounded, bounded, e.neg(square));
  Value t = e.div(number(2), e.add(bounded, number(2)));
  Value scaled = e.mul(t, polynomial(erfcTerms, e.sub(e.add(t, t), number(1))));
  Value tail = e.mul(exp(e.neg(square)), e.mul(scaled, e.sub(number(1), lost)));
  Value large = e.copySign(e.sub(number(1), tail), x);
  Value result = e.select(less(a, number(1)), small, large);
  return e.select(e.isNaN(x), x, result);
}

Value gpu::expandDouble(Emitter &e, Operation *op) {
  Double d{e};
  Value x = op->getOperand(0);
  if (isa<math::ExpOp>(op))
    return d.exp(x);
  if (isa<math::Exp2Op>(op) || isa<Exp2Op>(op))
    return d.exp2(x);
  if (isa<math::ExpM1Op>(op))
    return d.expM1(x);
  if (isa<math::LogOp>(op))
    return d.log(x);
  if (isa<math::Log2Op>(op))
    return e.mul(d.log(x), d.number(1.4426950408889634));
  if (isa<math::Log1pOp>(op))
    return d.log1p(x);
  if (isa<math::SinOp>(op))
    return d.sinCos(x, /*isCos=*/false);
  if (isa<math::CosOp>(op))
    return d.sinCos(x, /*isCos=*/true);
  if (isa<math::ErfOp>(op))
    return d.erf(x);
  if (isa<math::TanhOp>(op)) {
    Value a = e.atMost(d.number(22), e.abs(x));
    Value grown = d.expM1(e.add(a, a));
    Value result = e.copySign(e.div(grown, e.add(grown, d.number(2))), x);
    return e.select(e.isNaN(x), x, result);
  }
  return {};
}
