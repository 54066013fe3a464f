//===- Canonicalize.cpp - Patterns on upstream ops over tiles -------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Elementwise arithmetic on tiles is `arith` and `math` on tensors. What there is
// to simplify about it because of our ops (iotas, products) or because tiles are
// splats of scalars stands here, as patterns of the dialect.
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tegula;

/// The scalar that every element of `tile` is, made at the rewriter's place where
/// the tile is a constant; null where it is no splat.
static Value getSplatScalar(Value tile, OpBuilder &builder, Location loc) {
  if (auto splat = tile.getDefiningOp<tensor::SplatOp>())
    return splat.getInput();
  SplatElementsAttr splat;
  if (!matchPattern(tile, m_Constant(&splat)))
    return nullptr;
  return arith::ConstantOp::create(builder, loc, cast<TypedAttr>(splat.getSplatValue<Attribute>()));
}

static bool isSplat(Value tile) {
  return tile.getDefiningOp<tensor::SplatOp>() || matchPattern(tile, m_Constant<SplatElementsAttr>(nullptr));
}

namespace {

/// addi (iota %n), (splat %k)               ->  iota (%n + %k)
/// addi (broadcast (iota %n)), (splat %k)   ->  broadcast (iota (%n + %k))
/// and the same for subi with the splat on the right. Ids of a shifted span are
/// then one iota, which is what masks are split by.
template <typename OpTy>
struct ShiftIota : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    constexpr bool isSum = std::is_same_v<OpTy, arith::AddIOp>;
    Value ids = op.getLhs(), shift = op.getRhs();
    if (isSum && !getIota(ids))
      std::swap(ids, shift);
    IotaOp iota = getIota(ids);
    if (!iota || !isSplat(shift))
      return rewriter.notifyMatchFailure(op, "is no iota and splat");
    Location loc = op.getLoc();
    Value amount = getSplatScalar(shift, rewriter, loc);
    auto cast = amount.getDefiningOp<arith::IndexCastOp>();
    if (cast && cast.getIn().getType().isIndex())
      amount = cast.getIn();
    else
      amount = arith::IndexCastOp::create(rewriter, loc, rewriter.getIndexType(), amount);
    Value start = isSum ? arith::AddIOp::create(rewriter, loc, iota.getStart(), amount).getResult()
                        : arith::SubIOp::create(rewriter, loc, iota.getStart(), amount).getResult();
    Value shifted = IotaOp::create(rewriter, loc, iota.getType(), start);
    if (auto broadcast = ids.getDefiningOp<BroadcastOp>())
      shifted = BroadcastOp::create(rewriter, loc, broadcast.getType(), shifted,
                                    broadcast.getDims());
    else if (auto reshape = ids.getDefiningOp<ReshapeOp>())
      shifted = ReshapeOp::create(rewriter, loc, reshape.getType(), shifted);
    rewriter.replaceOp(op, shifted);
    return success();
  }

private:
  /// The iota that `ids` is, under at most one change of shape, or null.
  static IotaOp getIota(Value ids) {
    if (auto broadcast = ids.getDefiningOp<BroadcastOp>())
      return broadcast.getX().getDefiningOp<IotaOp>();
    if (auto reshape = ids.getDefiningOp<ReshapeOp>())
      return reshape.getX().getDefiningOp<IotaOp>();
    return ids.getDefiningOp<IotaOp>();
  }
};

/// addf (dot %a, %b), %c  ->  dot %a, %b acc %c
/// A product may form its sum in any order, and starts it with what is added.
template <typename OpTy>
struct AddIntoDot : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    for (auto [product, other] :
         {std::make_pair(op.getLhs(), op.getRhs()), std::make_pair(op.getRhs(), op.getLhs())}) {
      auto dot = product.template getDefiningOp<DotOp>();
      if (!dot || dot.getAcc() || !dot->hasOneUse() || dot->getBlock() != op->getBlock())
        continue;
      rewriter.replaceOpWithNewOp<DotOp>(op, dot.getType(), dot.getA(), dot.getB(), other,
                                         dot.getTransA(), dot.getTransB(), dot.getPrecision(),
                                         dot.getLabelAttr());
      rewriter.eraseOp(dot);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "adds no product that only it uses");
  }
};

/// mulf (splat %a), (splat %b)  ->  splat (mulf %a, %b)
/// and so on for every elementwise op all of whose tiles are splats.
struct ElementwiseOfSplats : RewritePattern {
  explicit ElementwiseOfSplats(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!OpTrait::hasElementwiseMappableTraits(op) || op->getNumOperands() == 0 ||
        op->getNumResults() != 1)
      return rewriter.notifyMatchFailure(op, "is not elementwise");
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type || !type.hasStaticShape())
      return rewriter.notifyMatchFailure(op, "makes no tile");
    bool hasSplatOp = llvm::any_of(op->getOperands(), [](Value operand) {
      return operand.getDefiningOp<tensor::SplatOp>() != nullptr;
    });
    // All constants: folding does it.
    if (!hasSplatOp || !llvm::all_of(op->getOperands(), isScalarOrSplat))
      return rewriter.notifyMatchFailure(op, "an operand is no splat");
    SmallVector<Value> scalars;
    for (Value operand : op->getOperands())
      scalars.push_back(isa<RankedTensorType>(operand.getType())
                            ? getSplatScalar(operand, rewriter, op->getLoc())
                            : operand);
    Operation *scalar = rewriter.create(op->getLoc(), op->getName().getIdentifier(), scalars,
                                        type.getElementType(), op->getAttrs());
    rewriter.replaceOpWithNewOp<tensor::SplatOp>(op, type, scalar->getResult(0));
    return success();
  }

private:
  static bool isScalarOrSplat(Value value) {
    return !isa<ShapedType>(value.getType()) || isSplat(value);
  }
};

} // namespace

void TegulaDialect::getCanonicalizationPatterns(RewritePatternSet &patterns) const {
  patterns.add<ShiftIota<arith::AddIOp>, ShiftIota<arith::SubIOp>, AddIntoDot<arith::AddFOp>,
               AddIntoDot<arith::AddIOp>, ElementwiseOfSplats>(getContext());
}
