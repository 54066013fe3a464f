//===- Requirements.cpp - What a launch has been checked for ------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Analysis/Requirements.h"

#include "tegula/Analysis/LinearForm.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include <numeric>

using namespace mlir;
using namespace tegula;

/// The kernel that `value` stands in, or null.
static KernelOpInterface getKernel(Value value) {
  Operation *op = value.getParentRegion() ? value.getParentRegion()->getParentOp() : nullptr;
  while (op && !isa<KernelOpInterface>(op))
    op = op->getParentOp();
  return dyn_cast_or_null<KernelOpInterface>(op);
}

/// Whether the two are one value, or the same size of the same view.
static bool isSame(Value a, Value b) {
  if (a == b)
    return true;
  auto x = a.getDefiningOp<memref::DimOp>(), y = b.getDefiningOp<memref::DimOp>();
  return x && y && x.getSource() == y.getSource() && x.getConstantIndex() &&
         x.getConstantIndex() == y.getConstantIndex();
}

/// The equations that `condition` is a conjunction of.
static void collectEquations(Value condition, SmallVectorImpl<arith::CmpIOp> &equations) {
  if (auto both = condition.getDefiningOp<arith::AndIOp>()) {
    collectEquations(both.getLhs(), equations);
    collectEquations(both.getRhs(), equations);
  }
  auto cmp = condition.getDefiningOp<arith::CmpIOp>();
  if (cmp && cmp.getPredicate() == arith::CmpIPredicate::eq)
    equations.push_back(cmp);
}

static SmallVector<arith::CmpIOp> getEquations(KernelOpInterface kernel) {
  SmallVector<arith::CmpIOp> equations;
  for (auto require : kernel.getKernelBlock()->getOps<RequireOp>())
    collectEquations(require.getCondition(), equations);
  return equations;
}

/// All that the equations say is equal to `value`, which is the first.
static SmallVector<Value> getEquals(Value value, ArrayRef<arith::CmpIOp> equations) {
  SmallVector<Value> equals = {value};
  auto isKnown = [&](Value other) {
    return llvm::any_of(equals, [&](Value known) { return isSame(known, other); });
  };
  for (size_t before = 0; before != equals.size();) {
    before = equals.size();
    for (arith::CmpIOp equation : equations) {
      bool left = isKnown(equation.getLhs()), right = isKnown(equation.getRhs());
      if (left != right)
        equals.push_back(left ? equation.getRhs() : equation.getLhs());
    }
  }
  return equals;
}

Value tegula::getRepresentative(Value value) {
  KernelOpInterface kernel = getKernel(value);
  if (!kernel)
    return value;
  SmallVector<Value> equals = getEquals(value, getEquations(kernel));
  // A size is read again and again; the first reading of the launch part stands for all.
  for (Operation &op : *kernel.getKernelBlock())
    for (Value result : op.getResults())
      if (llvm::any_of(equals, [&](Value equal) { return isSame(equal, result); }))
        return result;
  for (Value equal : equals)
    if (isa<BlockArgument>(equal))
      return equal;
  return value;
}

int64_t tegula::getRequiredDivisor(Value value) {
  KernelOpInterface kernel = getKernel(value);
  if (!kernel)
    return 1;
  SmallVector<arith::CmpIOp> equations = getEquations(kernel);
  SmallVector<Value> equals = getEquals(value, equations);
  int64_t divisor = 1;
  for (arith::CmpIOp equation : equations) {
    Operation *rest = equation.getLhs().getDefiningOp();
    if (!isa_and_nonnull<arith::RemSIOp, arith::RemUIOp>(rest) ||
        getConstantIntValue(equation.getRhs()) != 0)
      continue;
    std::optional<int64_t> by = getConstantIntValue(rest->getOperand(1));
    Value divided = rest->getOperand(0);
    if (by && *by > 0 && *by <= INT32_MAX &&
        llvm::any_of(equals, [&](Value equal) { return isSame(equal, divided); }))
      divisor = std::lcm(divisor, *by) <= INT32_MAX ? std::lcm(divisor, *by) : divisor;
  }
  return divisor;
}

/// The size of an axis, or nothing where no op reads it.
static std::optional<LinearForm> getSize(Value view, int64_t axis) {
  auto type = cast<MemRefType>(view.getType());
  if (!type.isDynamicDim(axis))
    return LinearForm(type.getDimSize(axis));
  for (Operation *user : view.getUsers())
    if (auto dim = dyn_cast<memref::DimOp>(user); dim && dim.getConstantIndex() == axis)
      return getLinearForm(dim.getResult());
  auto subview = view.getDefiningOp<memref::SubViewOp>();
  if (!subview)
    return std::nullopt;
  llvm::SmallBitVector dropped = subview.getDroppedDims();
  for (auto [i, size] : llvm::enumerate(subview.getMixedSizes()))
    if (!dropped.test(i) && axis-- == 0)
      if (auto value = dyn_cast<Value>(size))
        return getLinearForm(value);
  return std::nullopt;
}

bool tegula::endsWithinView(Value view, int64_t axis, Value at, Value limit, int64_t extent) {
  std::optional<LinearForm> start = getLinearForm(at);
  auto endsBefore = [&](std::optional<LinearForm> end) {
    return start && end && end->add(*start, -1) && end->add(-extent) && isProvablyNonNegative(*end);
  };
  return endsBefore(getSize(view, axis)) && (!limit || endsBefore(getLinearForm(limit)));
}
