//===- IndexedOps.cpp - Memory through tiles of indices -------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tegula;

/// C1 to C4 of both ops.
static LogicalResult verifyIndexed(Operation *op, MemRefType view, RankedTensorType tile,
                                   RankedTensorType by, int64_t axis, ValueRange at,
                                   ValueRange upto) {
  int64_t rank = view.getRank();
  if (axis < 0 || axis >= rank) // C1
    return op->emitOpError() << "axis " << axis << " is no axis of a view of rank " << rank;
  if (static_cast<int64_t>(at.size()) != rank - 1) // C2
    return op->emitOpError() << "has " << at.size() << " offsets for a view of rank " << rank
                             << " with one axis by index: needs " << rank - 1;
  if (!upto.empty() && static_cast<int64_t>(upto.size()) != rank - 1)
    return op->emitOpError() << "has " << upto.size() << " limits for a view of rank " << rank
                             << " with one axis by index: needs " << rank - 1;
  if (tile.getRank() != rank) // C3
    return op->emitOpError() << "has a tile of rank " << tile.getRank() << " for a view of rank "
                             << rank;
  if (tile.getDimSize(axis) != by.getDimSize(0))
    return op->emitOpError() << "has " << by.getDimSize(0) << " indices for "
                             << tile.getDimSize(axis) << " elements along axis " << axis;
  if (view.getElementType() != tile.getElementType()) // C4
    return op->emitOpError() << "moves elements of type " << tile.getElementType()
                             << " but the view holds " << view.getElementType();
  return success();
}

LogicalResult GatherOp::verify() {
  RankedTensorType tile = getTile().getType();
  if (failed(verifyIndexed(*this, cast<MemRefType>(getView().getType()), tile, getBy().getType(),
                           getAxis(), getAt(), getUpto())))
    return failure();
  if (getPad() && getPad().getType() != tile.getElementType())
    return emitOpError() << "pads with " << getPad().getType() << " but the tile holds "
                         << tile.getElementType();
  ArgAttr arg = getViewArgAttr(getView());
  if (arg && arg.getAccess() == Access::Out) // C5
    return emitOpError() << "reads argument '" << arg.getName() << "', which is 'out'";
  return success();
}

LogicalResult ScatterOp::verify() {
  if (failed(verifyIndexed(*this, cast<MemRefType>(getView().getType()), getTile().getType(),
                           getBy().getType(), getAxis(), getAt(), getUpto())))
    return failure();
  ArgAttr arg = getViewArgAttr(getView());
  if (arg && arg.getAccess() == Access::In) // C5
    return emitOpError() << "writes argument '" << arg.getName() << "', which is 'in'";
  return success();
}

//===----------------------------------------------------------------------===//
// Canonicalisation
//===----------------------------------------------------------------------===//

namespace {

/// gather %v[..] by %j axis a upto [%size]  ->  gather %v[..] by %j axis a
template <typename OpTy> struct DropRedundantLimits : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    if (op.getUpto().empty())
      return rewriter.notifyMatchFailure(op, "has no limits");
    ArrayRef<int64_t> shape = op.getTile().getType().getShape();
    int64_t indexed = op.getAxis();
    for (auto [i, at, limit] : llvm::enumerate(op.getAt(), op.getUpto())) {
      int64_t axis = static_cast<int64_t>(i) < indexed ? i : i + 1;
      if (!isWithinLimit(at, limit, shape[axis]) && !isRedundantLimit(limit, op.getView(), axis))
        return rewriter.notifyMatchFailure(op, "a limit may be tighter than the view");
    }
    rewriter.modifyOpInPlace(op, [&] { op.getUptoMutable().clear(); });
    return success();
  }
};

/// gather .. pad %zero  ->  gather ..
struct DropZeroPad : OpRewritePattern<GatherOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(GatherOp op, PatternRewriter &rewriter) const override {
    if (!op.getPad() ||
        !(matchPattern(op.getPad(), m_PosZeroFloat()) || matchPattern(op.getPad(), m_Zero())))
      return rewriter.notifyMatchFailure(op, "does not pad with zero");
    rewriter.modifyOpInPlace(op, [&] { op.getPadMutable().clear(); });
    return success();
  }
};

} // namespace

void GatherOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropRedundantLimits<GatherOp>, DropZeroPad>(context);
}

void ScatterOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropRedundantLimits<ScatterOp>>(context);
}
