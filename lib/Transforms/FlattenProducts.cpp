//===- FlattenProducts.cpp - Products of many matrices as one -------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Transforms/Passes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace tegula {
#define GEN_PASS_DEF_FLATTENPRODUCTSPASS
#include "tegula/Transforms/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;

static RankedTensorType getTile(Value value) { return cast<RankedTensorType>(value.getType()); }

static int64_t getBatch(RankedTensorType tile) {
  int64_t batch = 1;
  for (int64_t extent : tile.getShape().drop_back(2))
    batch *= extent;
  return batch;
}

static Value reshape(OpBuilder &builder, Location loc, Value tile, ArrayRef<int64_t> shape) {
  RankedTensorType type = getTile(tile).clone(shape);
  return type == tile.getType() ? tile : Value(ReshapeOp::create(builder, loc, type, tile));
}

/// Swaps the last two axes.
static Value turn(OpBuilder &builder, Location loc, Value tile) {
  RankedTensorType type = getTile(tile);
  SmallVector<int64_t> perm = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  std::swap(perm[perm.size() - 2], perm.back());
  SmallVector<int64_t> shape =
      llvm::map_to_vector(perm, [&](int64_t a) { return type.getDimSize(a); });
  return TransposeOp::create(builder, loc, type.clone(shape), tile,
                             builder.getDenseI64ArrayAttr(perm));
}

/// The matrix of an operand that matrix `index` of the result is made of: along an axis of
/// extent 1 all are made of one.
static int64_t getOperandIndex(RankedTensorType operand, RankedTensorType result, int64_t index) {
  int64_t found = 0, step = 1;
  for (int64_t axis = result.getRank() - 2; axis-- > 0;) {
    int64_t extent = result.getDimSize(axis), mine = operand.getDimSize(axis);
    found += mine == 1 ? 0 : index % extent * step;
    step *= mine;
    index /= extent;
  }
  return found;
}

/// The matrix number `index` of a tile of matrices.
static Value pick(OpBuilder &builder, Location loc, Value tile, int64_t index) {
  RankedTensorType type = getTile(tile);
  int64_t rows = type.getDimSize(type.getRank() - 2), cols = type.getShape().back();
  Value flat = reshape(builder, loc, tile, {getBatch(type) * rows, cols});
  SmallVector<OpFoldResult> at = {builder.getIndexAttr(index * rows), builder.getIndexAttr(0)};
  SmallVector<OpFoldResult> sizes = {builder.getIndexAttr(rows), builder.getIndexAttr(cols)};
  SmallVector<OpFoldResult> ones(2, builder.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(builder, loc, flat, at, sizes, ones);
}

namespace {

/// A product of rank 3 or more as products of matrices.
struct FlattenProduct : OpRewritePattern<DotOp> {
  using OpRewritePattern<DotOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(DotOp op, PatternRewriter &rewriter) const override {
    RankedTensorType type = op.getType();
    if (type.getRank() < 3)
      return rewriter.notifyMatchFailure(op, "is a product of two matrices");
    Location loc = op.getLoc();
    Value a = op.getTransA() ? turn(rewriter, loc, op.getA()) : op.getA();
    Value b = op.getTransB() ? turn(rewriter, loc, op.getB()) : op.getB();
    int64_t batch = getBatch(type), m = type.getDimSize(type.getRank() - 2),
            n = type.getShape().back(), k = getTile(a).getShape().back();
    auto isOne = [&](Value tile) { return getBatch(getTile(tile)) == 1; };
    auto isWhole = [&](Value tile) { return getBatch(getTile(tile)) == batch; };
    auto product = [&](Value a, Value b, bool transB, Value acc, ArrayRef<int64_t> shape) -> Value {
      auto dot = DotOp::create(rewriter, loc, type.clone(shape), a, b, acc, /*trans_a=*/false,
                               transB, op.getPrecision(), op.getLabelAttr());
      return dot.getResult();
    };
    Value acc = op.getAcc();
    if (isWhole(a) && isOne(b)) {
      // One right operand: the matrices on the left are rows of one.
      Value left = reshape(rewriter, loc, a, {batch * m, k});
      Value right = reshape(rewriter, loc, b, {k, n});
      Value sum = acc ? reshape(rewriter, loc, acc, {batch * m, n}) : Value();
      Value flat = product(left, right, /*transB=*/false, sum, {batch * m, n});
      rewriter.replaceOp(op, reshape(rewriter, loc, flat, type.getShape()));
      return success();
    }
    if (isOne(a) && isWhole(b)) {
      // One left operand: (A B)' = B' A'.
      Value right = turn(rewriter, loc, b);
      Value flat =
          product(reshape(rewriter, loc, right, {batch * n, k}), reshape(rewriter, loc, a, {m, k}),
                  /*transB=*/true,
                  acc ? reshape(rewriter, loc, turn(rewriter, loc, acc), {batch * n, m}) : Value(),
                  {batch * n, m});
      SmallVector<int64_t> turned(type.getShape());
      std::swap(turned[turned.size() - 2], turned.back());
      rewriter.replaceOp(op, turn(rewriter, loc, reshape(rewriter, loc, flat, turned)));
      return success();
    }
    // One product after the other.
    SmallVector<Value> parts;
    auto of = [&](Value tile, int64_t i) {
      return pick(rewriter, loc, tile, getOperandIndex(getTile(tile), type, i));
    };
    for (int64_t i = 0; i < batch; ++i)
      parts.push_back(product(of(a, i), of(b, i),
                              /*transB=*/false, acc ? pick(rewriter, loc, acc, i) : Value(),
                              {m, n}));
    Value flat = parts.size() == 1
                     ? parts.front()
                     : ConcatOp::create(rewriter, loc, type.clone({batch * m, n}), 0, parts);
    rewriter.replaceOp(op, reshape(rewriter, loc, flat, type.getShape()));
    return success();
  }
};

struct FlattenProducts : tegula::impl::FlattenProductsPassBase<FlattenProducts> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FlattenProduct>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
