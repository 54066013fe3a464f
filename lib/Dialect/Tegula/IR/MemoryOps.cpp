//===- MemoryOps.cpp - Loads and stores of tiles -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace tegula;

/// C1 to C3 of loads and stores.
static LogicalResult verifyAccess(Operation *op, MemRefType view, RankedTensorType tile,
                                  ValueRange at, ValueRange upto) {
  int64_t rank = view.getRank();
  if (static_cast<int64_t>(at.size()) != rank)
    return op->emitOpError() << "has " << at.size() << " offsets for a view of rank " << rank;
  if (tile.getRank() != rank)
    return op->emitOpError() << "has a tile of rank " << tile.getRank()
                             << " for a view of rank " << rank;
  if (!upto.empty() && static_cast<int64_t>(upto.size()) != rank)
    return op->emitOpError() << "has " << upto.size() << " limits for a view of rank " << rank;
  if (view.getElementType() != tile.getElementType())
    return op->emitOpError() << "moves elements of type " << tile.getElementType()
                             << " but the view holds " << view.getElementType();
  return success();
}

LogicalResult LoadOp::verify() {
  if (failed(verifyAccess(*this, cast<MemRefType>(getView().getType()), getTile().getType(),
                          getAt(), getUpto())))
    return failure();
  if (getPad() && getPad().getType() != getTile().getType().getElementType())
    return emitOpError() << "pads with " << getPad().getType() << " but the tile holds "
                         << getTile().getType().getElementType();
  if (getViewAccess(getView()) == Access::Out) // C4
    return emitOpError() << "reads argument '"
                         << cast<ArgAttr>(cast<KernelOpInterface>(getViewArgument(getView())
                                                                      .getOwner()
                                                                      ->getParentOp())
                                              .getArgAttrs()[getViewArgument(getView())
                                                                 .getArgNumber()])
                                .getName()
                         << "', which is 'out'";
  return success();
}

LogicalResult StoreOp::verify() {
  if (failed(verifyAccess(*this, cast<MemRefType>(getView().getType()), getTile().getType(),
                          getAt(), getUpto())))
    return failure();
  if (getViewAccess(getView()) == Access::In) // C4
    return emitOpError() << "writes argument '"
                         << cast<ArgAttr>(cast<KernelOpInterface>(getViewArgument(getView())
                                                                      .getOwner()
                                                                      ->getParentOp())
                                              .getArgAttrs()[getViewArgument(getView())
                                                                 .getArgNumber()])
                                .getName()
                         << "', which is 'in'";
  return success();
}

bool tegula::isRedundantLimit(Value limit, Value view, int64_t axis) {
  auto type = cast<MemRefType>(view.getType());
  if (getConstantIntValue(limit) == std::numeric_limits<int64_t>::max())
    return true;
  if (!type.isDynamicDim(axis)) {
    std::optional<int64_t> constant = getConstantIntValue(limit);
    return constant && *constant >= type.getDimSize(axis);
  }
  if (auto dim = limit.getDefiningOp<memref::DimOp>())
    return dim.getSource() == view && dim.getConstantIndex() == axis;
  auto subview = view.getDefiningOp<memref::SubViewOp>();
  if (!subview)
    return false;
  llvm::SmallBitVector dropped = subview.getDroppedDims();
  int64_t kept = -1;
  for (auto [i, size] : llvm::enumerate(subview.getMixedSizes())) {
    if (!dropped.test(i))
      ++kept;
    if (kept == axis && !dropped.test(i))
      return isEqualConstantIntOrValue(size, getAsOpFoldResult(limit));
  }
  return false;
}

namespace {

/// load %v[..] upto [%size0, %size1]  ->  load %v[..]
template <typename OpTy>
struct DropRedundantLimits : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    if (op.getUpto().empty())
      return rewriter.notifyMatchFailure(op, "has no limits");
    for (auto [axis, limit] : llvm::enumerate(op.getUpto()))
      if (!isRedundantLimit(limit, op.getView(), axis))
        return rewriter.notifyMatchFailure(op, "a limit may be tighter than the view");
    rewriter.modifyOpInPlace(op, [&] { op.getUptoMutable().clear(); });
    return success();
  }
};

} // namespace

void LoadOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropRedundantLimits<LoadOp>>(context);
}

void StoreOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropRedundantLimits<StoreOp>>(context);
}
