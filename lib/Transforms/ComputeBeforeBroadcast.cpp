//===- ComputeBeforeBroadcast.cpp - Elementwise ops ahead of broadcasts ---===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace tegula {
#define GEN_PASS_DEF_COMPUTEBEFOREBROADCASTPASS
#include "tegula/Transforms/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;

/// `value` with the shape of `inner`, if it is the same number everywhere.
static Value resizeSplat(PatternRewriter &rewriter, Value value, RankedTensorType inner) {
  RankedTensorType type =
      inner.clone(cast<RankedTensorType>(value.getType()).getElementType());
  if (auto splat = value.getDefiningOp<tensor::SplatOp>())
    return tensor::SplatOp::create(rewriter, value.getLoc(), splat.getInput(), type);
  if (auto constant = value.getDefiningOp<arith::ConstantOp>())
    if (auto elements = dyn_cast<SplatElementsAttr>(constant.getValue()))
      return arith::ConstantOp::create(rewriter, value.getLoc(), elements.resizeSplat(type));
  return {};
}

static bool isSplat(Value value) {
  Operation *op = value.getDefiningOp();
  if (auto constant = dyn_cast_or_null<arith::ConstantOp>(op))
    return isa<SplatElementsAttr>(constant.getValue());
  return isa_and_nonnull<tensor::SplatOp>(op);
}

namespace {

/// op (broadcast %x dims d), (broadcast %y dims d), splat
///   ->  broadcast (op %x, %y, splat) dims d
struct ComputeBeforeBroadcast : RewritePattern {
  ComputeBeforeBroadcast(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || op->getNumRegions() != 0 ||
        !(OpTrait::hasElementwiseMappableTraits(op) || isa<Exp2Op>(op)))
      return failure();
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type)
      return failure();

    BroadcastOp first;
    for (Value operand : op->getOperands()) {
      if (!isa<RankedTensorType>(operand.getType()) || isSplat(operand))
        continue;
      auto broadcast = operand.getDefiningOp<BroadcastOp>();
      if (!broadcast)
        return failure();
      if (!first)
        first = broadcast;
      if (broadcast.getDims() != first.getDims() ||
          broadcast.getX().getType().getShape() != first.getX().getType().getShape())
        return failure();
    }
    // A tile of rank 0 is one number: nothing is saved, and it fills no vector.
    if (!first || first.getX().getType().getRank() == 0)
      return failure();

    RankedTensorType inner = first.getX().getType().clone(type.getElementType());
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      if (auto broadcast = operand.getDefiningOp<BroadcastOp>())
        operands.push_back(broadcast.getX());
      else if (isa<RankedTensorType>(operand.getType()))
        operands.push_back(resizeSplat(rewriter, operand, inner));
      else
        operands.push_back(operand);
    }
    Operation *moved = mlir::clone(rewriter, op, inner, operands);
    rewriter.replaceOpWithNewOp<BroadcastOp>(op, type, moved->getResult(0), first.getDims());
    return success();
  }
};

struct ComputeBeforeBroadcastPass
    : tegula::impl::ComputeBeforeBroadcastPassBase<ComputeBeforeBroadcastPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ComputeBeforeBroadcast>(&getContext());
    BroadcastOp::getCanonicalizationPatterns(patterns, &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
