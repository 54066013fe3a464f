//===- Ranges.cpp - Between which numbers a value lies -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bounds are computed in f64 and then moved outwards by more than what the op rounds:
// a bound of 0 stays 0, for no op rounds across it. An end that the element type
// cannot hold is infinite.
//
//===----------------------------------------------------------------------===//

#include "Ranges.h"

#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace tegula;
using namespace tegula::vectormath;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// How many ops are looked through.
static constexpr int kDepth = 12;

static Interval hull(std::initializer_list<double> ends) {
  auto [lo, hi] = std::minmax(ends);
  return {lo, hi};
}

static Interval sum(Interval a, Interval b) {
  // inf - inf is NaN, which is no end.
  double lo = a.lo + b.lo, hi = a.hi + b.hi;
  return {std::isnan(lo) ? -kInfinity : lo, std::isnan(hi) ? kInfinity : hi};
}

static Interval negated(Interval a) { return {-a.hi, -a.lo}; }

static Interval product(Interval a, Interval b) {
  // 0 * inf is NaN, which is no end; 0 times anything below is 0.
  auto times = [](double x, double y) { return x == 0 || y == 0 ? 0.0 : x * y; };
  return hull({times(a.lo, b.lo), times(a.lo, b.hi), times(a.hi, b.lo), times(a.hi, b.hi)});
}

static Interval magnitude(Interval a) {
  if (a.lo >= 0)
    return a;
  return {a.hi <= 0 ? -a.hi : 0, std::max(-a.lo, a.hi)};
}

/// e^x, or 2^x. A result that is small may have become 0.
static Interval exponential(Interval x, double (*function)(double)) {
  double lo = function(x.lo), hi = function(x.hi);
  return {lo < 1e-30 ? 0 : lo, hi};
}

/// What the element type makes of it.
static Interval rounded(Interval range, Type elem) {
  double relative = elem.isBF16() ? 0x1p-7 : elem.isF16() ? 0x1p-9 : 0x1p-18;
  double most = elem.isF64()   ? std::numeric_limits<double>::max()
                : elem.isF16() ? 65504
                               : std::numeric_limits<float>::max();
  // Small numbers are rounded to multiples of a least one.
  double least = elem.isF16() ? 0x1p-14 : elem.isF64() ? 0 : 0x1p-126;
  auto outwards = [&](double end, double sign) {
    if (end == 0)
      return 0.0;
    double moved = end + sign * (std::abs(end) * relative);
    if (std::abs(moved) < 2 * least)
      return sign * end > 0 ? sign * 2 * least : 0;
    return std::abs(moved) > most ? std::copysign(kInfinity, moved) : moved;
  };
  return {outwards(range.lo, -1), outwards(range.hi, 1)};
}

Interval Ranges::get(Value value, int depth) {
  if (auto it = known.find(value); it != known.end())
    return it->second;
  Operation *op = value.getDefiningOp();
  Type elem = getElementTypeOrSelf(value.getType());
  if (!op || depth > kDepth || op->getNumResults() != 1 || !isa<FloatType>(elem))
    return {};
  return known[value] = compute(op, depth + 1);
}

Interval Ranges::compute(Operation *op, int depth) {
  auto of = [&](unsigned operand) { return get(op->getOperand(operand), depth); };
  Type elem = getElementTypeOrSelf(op->getResult(0).getType());
  auto bound = [&](Interval range) { return rounded(range, elem); };
  APFloat constant(0.0);
  if (matchPattern(op, m_ConstantFloat(&constant))) {
    double number = constant.convertToDouble();
    return std::isnan(number) ? Interval() : Interval{number, number};
  }
  bool isSquare = op->getNumOperands() >= 2 && op->getOperand(0) == op->getOperand(1);
  auto multiplied = [&] {
    Interval result = product(of(0), of(1));
    return isSquare ? Interval{std::max(result.lo, 0.0), result.hi} : result;
  };
  return llvm::TypeSwitch<Operation *, Interval>(op)
      .Case<vector::BroadcastOp, vector::ShapeCastOp>([&](auto op) {
        return isa<FloatType>(getElementTypeOrSelf(op->getOperand(0).getType())) ? of(0)
                                                                                 : Interval();
      })
      .Case<arith::ExtFOp>([&](auto) { return of(0); })
      .Case<arith::TruncFOp>([&](auto) { return bound(of(0)); })
      .Case<arith::NegFOp>([&](auto) { return negated(of(0)); })
      .Case<math::AbsFOp>([&](auto) { return magnitude(of(0)); })
      .Case<arith::AddFOp>([&](auto) { return bound(sum(of(0), of(1))); })
      .Case<arith::SubFOp>([&](auto) { return bound(sum(of(0), negated(of(1)))); })
      .Case<arith::MulFOp>([&](auto) { return bound(multiplied()); })
      .Case<math::FmaOp, vector::FMAOp>([&](auto) { return bound(sum(multiplied(), of(2))); })
      .Case<arith::MaximumFOp>([&](auto) {
        Interval a = of(0), b = of(1);
        return Interval{std::max(a.lo, b.lo), std::max(a.hi, b.hi)};
      })
      .Case<arith::MinimumFOp>([&](auto) {
        Interval a = of(0), b = of(1);
        return Interval{std::min(a.lo, b.lo), std::min(a.hi, b.hi)};
      })
      .Case<arith::SelectOp>([&](auto) {
        Interval a = of(1), b = of(2);
        return Interval{std::min(a.lo, b.lo), std::max(a.hi, b.hi)};
      })
      .Case<math::ExpOp>([&](auto) { return bound(exponential(of(0), std::exp)); })
      .Case<math::Exp2Op, Exp2Op>([&](auto) {
        Interval range = exponential(of(0), std::exp2);
        // The shortest polynomials are off by 1e-4.
        return bound({range.lo * (1 - 2e-4), range.hi * (1 + 2e-4)});
      })
      .Case<math::SqrtOp>([&](auto) {
        Interval x = of(0);
        return bound({std::sqrt(std::max(x.lo, 0.0)), std::sqrt(std::max(x.hi, 0.0))});
      })
      .Case<math::SinOp, math::CosOp, math::TanhOp, math::ErfOp>(
          [&](auto) { return bound({-1, 1}); })
      .Default([](Operation *) { return Interval(); });
}
