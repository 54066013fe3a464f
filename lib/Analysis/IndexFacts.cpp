//===- IndexFacts.cpp - What is known of index arithmetic ----------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Analysis/IndexFacts.h"

#include "tegula/Analysis/Requirements.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include <numeric>

using namespace mlir;
using namespace tegula;

static constexpr int64_t mostDivisor = 1 << 20;

/// A divisor of `number` of at most `mostDivisor`. 0, which everything divides, stays 0.
static int64_t limited(int64_t number) {
  return std::abs(number) <= mostDivisor ? std::abs(number) : std::gcd(number, mostDivisor);
}

/// A divisor of the value, 0 where that is 0.
static int64_t divisorOf(Value value, int depth) {
  if (std::optional<int64_t> known = getConstantIntValue(value))
    return *known == INT64_MIN ? mostDivisor : limited(*known);
  if (depth == 0)
    return 1;
  auto of = [&](Value x) { return ::divisorOf(x, depth - 1); };
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    Operation *parent = argument.getOwner()->getParentOp();
    if (auto grid = dyn_cast<GridOp>(parent))
      return limited(grid.getSteps()[argument.getArgNumber()]);
    if (auto loop = dyn_cast<scf::ForOp>(parent); loop && argument == loop.getInductionVar())
      return std::gcd(of(loop.getLowerBound()), of(loop.getStep()));
    if (auto stream = dyn_cast<StreamOp>(parent); stream && argument == stream.getPosition())
      return std::gcd(of(stream.getLo()), limited(stream.getStep()));
    return limited(getRequiredDivisor(value));
  }
  Operation *op = value.getDefiningOp();
  if (isa<arith::AddIOp, arith::SubIOp, arith::MinSIOp, arith::MaxSIOp, arith::MinUIOp,
          arith::MaxUIOp>(op))
    return std::gcd(of(op->getOperand(0)), of(op->getOperand(1)));
  if (isa<arith::MulIOp>(op))
    return limited(of(op->getOperand(0)) * of(op->getOperand(1)));
  if (isa<arith::SelectOp>(op))
    return std::gcd(of(op->getOperand(1)), of(op->getOperand(2)));
  if (isa<arith::IndexCastOp, arith::ExtSIOp, arith::ExtUIOp>(op))
    return of(op->getOperand(0));
  return limited(getRequiredDivisor(value));
}

int64_t tegula::getDivisor(Value value) {
  int64_t divisor = ::divisorOf(value, /*depth=*/16);
  return divisor == 0 ? mostDivisor : divisor;
}

static bool isNonNegative(Value value, int depth) {
  if (std::optional<int64_t> known = getConstantIntValue(value))
    return *known >= 0;
  if (depth == 0)
    return false;
  auto of = [&](Value x) { return ::isNonNegative(x, depth - 1); };
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    Operation *parent = argument.getOwner()->getParentOp();
    if (isa<GridOp>(parent))
      return true;
    if (auto loop = dyn_cast<scf::ForOp>(parent); loop && argument == loop.getInductionVar())
      return of(loop.getLowerBound());
    return false;
  }
  Operation *op = value.getDefiningOp();
  if (isa<memref::DimOp, sched::TripsOp>(op))
    return true;
  if (isa<arith::AddIOp, arith::MulIOp, arith::MinSIOp, arith::DivUIOp, arith::RemUIOp,
          arith::DivSIOp, arith::RemSIOp>(op))
    return of(op->getOperand(0)) && of(op->getOperand(1));
  if (isa<arith::MaxSIOp>(op))
    return of(op->getOperand(0)) || of(op->getOperand(1));
  if (isa<arith::SelectOp>(op))
    return of(op->getOperand(1)) && of(op->getOperand(2));
  if (isa<arith::IndexCastOp, arith::ExtSIOp>(op))
    return of(op->getOperand(0));
  return false;
}

bool tegula::isNonNegative(Value value) { return ::isNonNegative(value, /*depth=*/16); }
