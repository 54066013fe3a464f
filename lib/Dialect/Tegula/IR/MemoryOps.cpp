//===- MemoryOps.cpp - Loads and stores of tiles --------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

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
  ArgAttr arg = getViewArgAttr(getView());
  if (arg && arg.getAccess() == Access::Out) // C4
    return emitOpError() << "reads argument '" << arg.getName() << "', which is 'out'";
  return success();
}

LogicalResult StoreOp::verify() {
  if (failed(verifyAccess(*this, cast<MemRefType>(getView().getType()), getTile().getType(),
                          getAt(), getUpto())))
    return failure();
  ArgAttr arg = getViewArgAttr(getView());
  if (arg && arg.getAccess() == Access::In) // C4
    return emitOpError() << "writes argument '" << arg.getName() << "', which is 'in'";
  return success();
}

/// On a kernel that must give equal bits for equal inputs.
static constexpr llvm::StringLiteral kRepeatableAttr = "tegula.repeatable";

LogicalResult ReduceStoreOp::verify() {
  RankedTensorType tile = getTile().getType();
  if (failed(verifyAccess(*this, cast<MemRefType>(getView().getType()), tile, getAt(), getUpto())))
    return failure();
  Type elem = tile.getElementType();
  if (!elem.isF32() && !elem.isF64() && !elem.isInteger(32) && !elem.isInteger(64)) // C3
    return emitOpError() << "reduces f64, f32, i64 or i32 into memory, got " << elem;
  ArgAttr arg = getViewArgAttr(getView());
  if (arg && arg.getAccess() != Access::InOut) // C4
    return emitOpError() << "reads and writes argument '" << arg.getName()
                         << "', which is not 'inout'";
  auto kernel = (*this)->getParentOfType<KernelOp>();
  bool anyOrder = getHow() == ReduceHow::atomic && getKind() == Combine::add && isa<FloatType>(elem);
  if (anyOrder && kernel && kernel->hasAttr(kRepeatableAttr)) // C5
    return emitOpError() << "adds " << elem << " in any order, in a kernel that promises to be "
                         << "repeatable: use ordered or two_pass";
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
  if (auto dim = limit.getDefiningOp<memref::DimOp>();
      dim && dim.getSource() == view && dim.getConstantIndex() == axis)
    return true;
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

bool tegula::isUnorderedLoad(Operation *op) {
  Value view;
  if (auto load = dyn_cast<LoadOp>(op))
    view = load.getView();
  else if (auto gather = dyn_cast<GatherOp>(op))
    view = gather.getView();
  return view && getViewAccess(view) == Access::In;
}

bool tegula::isWithinLimit(Value at, Value limit, int64_t extent) {
  std::optional<int64_t> start = getConstantIntValue(at), end = getConstantIntValue(limit);
  return start && end && *start <= std::numeric_limits<int64_t>::max() - extent &&
         *start + extent <= *end;
}

namespace {

/// load %v[..] upto [%size0, %size1]  ->  load %v[..]
template <typename OpTy>
struct DropRedundantLimits : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    if (op.getUpto().empty())
      return rewriter.notifyMatchFailure(op, "has no limits");
    ArrayRef<int64_t> shape = op.getTile().getType().getShape();
    for (auto [axis, at, limit] : llvm::enumerate(op.getAt(), op.getUpto()))
      if (!isWithinLimit(at, limit, shape[axis]) && !isRedundantLimit(limit, op.getView(), axis))
        return rewriter.notifyMatchFailure(op, "a limit may be tighter than the view");
    rewriter.modifyOpInPlace(op, [&] { op.getUptoMutable().clear(); });
    return success();
  }
};

/// load %v[..] pad %zero  ->  load %v[..]
struct DropZeroPad : OpRewritePattern<LoadOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LoadOp op, PatternRewriter &rewriter) const override {
    if (!op.getPad() || !(matchPattern(op.getPad(), m_PosZeroFloat()) ||
                          matchPattern(op.getPad(), m_Zero())))
      return rewriter.notifyMatchFailure(op, "does not pad with zero");
    rewriter.modifyOpInPlace(op, [&] { op.getPadMutable().clear(); });
    return success();
  }
};

} // namespace

void LoadOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropRedundantLimits<LoadOp>, DropZeroPad>(context);
}

void StoreOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropRedundantLimits<StoreOp>>(context);
}

void ReduceStoreOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                                MLIRContext *context) {
  patterns.add<DropRedundantLimits<ReduceStoreOp>>(context);
}
