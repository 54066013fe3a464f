//===- Ordering.cpp - Maxima and minima, also of rows -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Expander.h"

#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include <limits>

using namespace mlir;
using namespace tegula;
using namespace tegula::vectormath;
using arith::CmpFPredicate;
using vector::CombiningKind;

//===----------------------------------------------------------------------===//
// Larger and smaller of two
//===----------------------------------------------------------------------===//
//
// `a > b ? a : b` is one instruction on machines whose maximum gives its second
// operand for unordered ones. It gives b where either is NaN: what is missing is a.
// There, a constant NaN takes its place: with `a` itself, LLVM would merge the two
// selects, and with them the maximum, into four instructions instead of three.

static bool isNumber(Value value) {
  APFloat constant(0.0);
  return matchPattern(value, m_ConstantFloat(&constant)) && !constant.isNaN();
}

static Value selectKeepingNaN(Emitter &e, CmpFPredicate predicate, Value a, Value b) {
  // A constant that is no NaN goes first: then nothing is missing.
  if (isNumber(b))
    std::swap(a, b);
  Value chosen = e.select(e.compare(predicate, a, b), a, b);
  if (isNumber(a))
    return chosen;
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
// Largest and smallest of many
//===----------------------------------------------------------------------===//

static bool isOrdering(CombiningKind kind) {
  return kind == CombiningKind::MAXIMUMF || kind == CombiningKind::MINIMUMF ||
         kind == CombiningKind::MAXNUMF || kind == CombiningKind::MINNUMF;
}

static Value combine(Emitter &e, CombiningKind kind, Value a, Value b) {
  switch (kind) {
  case CombiningKind::MAXIMUMF:
    return expandMaximum(e, a, b);
  case CombiningKind::MINIMUMF:
    return expandMinimum(e, a, b);
  case CombiningKind::MAXNUMF:
    return expandMaxNum(e, a, b);
  case CombiningKind::MINNUMF:
    return expandMinNum(e, a, b);
  default:
    llvm_unreachable("not an ordering");
  }
}

/// Largest or smallest of one row by halves, which may overlap. NaN is not followed
/// through the halves, where it may be lost: one look at all elements decides.
static Value reduceOrdering(Operation *op, CombiningKind kind, Value row) {
  bool followNaN = kind == CombiningKind::MAXIMUMF || kind == CombiningKind::MINIMUMF;
  bool isMax = kind == CombiningKind::MAXIMUMF || kind == CombiningKind::MAXNUMF;
  auto type = cast<VectorType>(row.getType());
  Value rest = row;
  for (int64_t size = type.getNumElements(); size > 1;) {
    int64_t half = (size + 1) / 2;
    Emitter e(op, VectorType::get(half, type.getElementType()));
    auto low = llvm::to_vector(llvm::seq<int64_t>(0, half));
    auto high = llvm::to_vector(llvm::seq<int64_t>(size - half, size));
    Value a = vector::ShuffleOp::create(e, rest, rest, low);
    Value b = vector::ShuffleOp::create(e, rest, rest, high);
    if (followNaN)
      rest = e.select(e.compare(isMax ? CmpFPredicate::OGT : CmpFPredicate::OLT, a, b), a, b);
    else
      rest = combine(e, kind, a, b);
    size = half;
  }
  Emitter e(op, type);
  Value result = vector::ExtractOp::create(e, rest, ArrayRef<int64_t>{0});
  if (!followNaN)
    return result;
  Value anyNaN = vector::ReductionOp::create(e, CombiningKind::OR, e.isNaN(row));
  Emitter scalar(op, type.getElementType());
  Value nan = scalar.number(type.getElementType(), std::numeric_limits<double>::quiet_NaN());
  return scalar.select(anyNaN, nan, result);
}

LogicalResult Expander::expandReduction(vector::ReductionOp op) {
  VectorType type = op.getSourceVectorType();
  bool narrowed = isNarrow(type);
  if (isa<vector::MaskOp>(op->getParentOp()) || !isa<FloatType>(type.getElementType()) ||
      !(narrowed || isOrdering(op.getKind())))
    return success();
  if (type.isScalable())
    return op.emitOpError() << "of a vector of unknown length has no expansion";

  Emitter vectors(op, type), scalars(op, type.getElementType());
  Value row = narrowed ? widen(vectors, op.getVector()) : op.getVector();
  Value acc = op.getAcc();
  if (acc && narrowed)
    acc = widen(scalars, acc);
  Value result;
  if (isOrdering(op.getKind())) {
    result = reduceOrdering(op, op.getKind(), row);
    if (acc)
      result = combine(scalars, op.getKind(), result, acc);
  } else if (acc) {
    result = vector::ReductionOp::create(scalars, op.getKind(), row, acc, op.getFastmath());
  } else {
    result = vector::ReductionOp::create(scalars, op.getKind(), row, op.getFastmath());
  }
  if (narrowed)
    result = narrow(scalars, result, type.getElementType(), isOrdering(op.getKind()));
  rewriter.replaceOp(op, result);
  return success();
}

LogicalResult vectormath::lowerOrderingMultiReductions(Operation *root) {
  SmallVector<Operation *> ops;
  root->walk([&](vector::MultiDimReductionOp op) {
    bool isMasked = isa<vector::MaskOp>(op->getParentOp());
    if (isOrdering(op.getKind()) && !isMasked && !op.getSourceVectorType().isScalable())
      ops.push_back(op);
  });
  if (ops.empty())
    return success();
  RewritePatternSet patterns(root->getContext());
  vector::populateVectorMultiReductionLoweringPatterns(
      patterns, vector::VectorMultiReductionLowering::InnerReduction);
  GreedyRewriteConfig config;
  config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
  return applyOpPatternsGreedily(ops, std::move(patterns), config);
}
