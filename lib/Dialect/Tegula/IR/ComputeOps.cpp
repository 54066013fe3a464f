//===- ComputeOps.cpp - Products, reductions, shapes ----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tegula;

/// Prints extents as `4x8` for diagnostics.
static std::string shapeText(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::interleave(shape, os, "x");
  return shape.empty() ? "scalar" : text;
}

//===----------------------------------------------------------------------===//
// DotOp
//===----------------------------------------------------------------------===//

LogicalResult DotOp::verify() {
  RankedTensorType a = getA().getType(), b = getB().getType(), result = getResult().getType();
  int64_t rank = result.getRank();
  if (a.getRank() != rank || b.getRank() != rank || rank < 2) // C1
    return emitOpError() << "needs operands and result of one rank, at least 2, got "
                         << a.getRank() << ", " << b.getRank() << " and " << rank;
  int64_t m = a.getDimSize(rank - 2), ka = a.getDimSize(rank - 1);
  if (getTransA())
    std::swap(m, ka);
  int64_t kb = b.getDimSize(rank - 2), n = b.getDimSize(rank - 1);
  if (getTransB())
    std::swap(kb, n);
  if (ka != kb) // C2
    return emitOpError() << "contracts " << ka << " elements of 'a' with " << kb << " of 'b'";
  if (result.getDimSize(rank - 2) != m || result.getDimSize(rank - 1) != n)
    return emitOpError() << "of " << m << " rows and " << n << " columns gives a tile of "
                         << shapeText(result.getShape().take_back(2));
  for (int64_t axis = 0; axis < rank - 2; ++axis) // C3
    for (int64_t extent : {a.getDimSize(axis), b.getDimSize(axis)})
      if (extent != 1 && extent != result.getDimSize(axis))
        return emitOpError() << "stretches batch axis " << axis << " of extent " << extent
                             << " to " << result.getDimSize(axis);
  Type elem = a.getElementType();
  if (elem != b.getElementType()) // C4
    return emitOpError() << "mixes " << elem << " and " << b.getElementType()
                         << ": cast one side explicitly";
  MLIRContext *context = getContext();
  Type expected = elem.isF64()         ? Type(Float64Type::get(context))
                  : elem.isInteger(8)  ? Type(IntegerType::get(context, 32))
                                       : Type(Float32Type::get(context));
  if (isa<IntegerType>(elem) && !elem.isInteger(8))
    return emitOpError() << "takes floats or i8, got " << elem;
  if (result.getElementType() != expected)
    return emitOpError() << "of " << elem << " gives " << expected << ", not "
                         << result.getElementType();
  if (getPrecision() != Precision::ieee && !elem.isF32()) // C5
    return emitOpError() << "precision " << stringifyPrecision(getPrecision())
                         << " needs f32 operands, got " << elem;
  return success();
}

namespace {

/// dot (transpose %x perm [.., n, n-1]), %y  ->  dot trans %x, %y
struct FoldTransposeIntoDot : OpRewritePattern<DotOp> {
  using OpRewritePattern::OpRewritePattern;

  static TransposeOp getSwap(Value operand) {
    auto transpose = operand.getDefiningOp<TransposeOp>();
    if (!transpose)
      return nullptr;
    ArrayRef<int64_t> perm = transpose.getPerm();
    int64_t rank = perm.size();
    for (int64_t i = 0; i < rank - 2; ++i)
      if (perm[i] != i)
        return nullptr;
    return perm[rank - 2] == rank - 1 ? transpose : nullptr;
  }

  LogicalResult matchAndRewrite(DotOp op, PatternRewriter &rewriter) const override {
    TransposeOp a = getSwap(op.getA()), b = getSwap(op.getB());
    if (!a && !b)
      return rewriter.notifyMatchFailure(op, "no operand is a swap of the last two axes");
    rewriter.modifyOpInPlace(op, [&] {
      if (a) {
        op.getAMutable().assign(a.getX());
        op.setTransA(!op.getTransA());
      }
      if (b) {
        op.getBMutable().assign(b.getX());
        op.setTransB(!op.getTransB());
      }
    });
    return success();
  }
};

/// dot %a, %b acc %zero  ->  dot %a, %b
struct DropZeroAcc : OpRewritePattern<DotOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DotOp op, PatternRewriter &rewriter) const override {
    if (!op.getAcc() || !(matchPattern(op.getAcc(), m_PosZeroFloat()) ||
                          matchPattern(op.getAcc(), m_Zero())))
      return rewriter.notifyMatchFailure(op, "does not accumulate onto zero");
    rewriter.modifyOpInPlace(op, [&] { op.getAccMutable().clear(); });
    return success();
  }
};

} // namespace

void DotOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldTransposeIntoDot, DropZeroAcc>(context);
}

//===----------------------------------------------------------------------===//
// Reductions and scans
//===----------------------------------------------------------------------===//

/// C1 of ops along one axis.
static LogicalResult verifyAxis(Operation *op, int64_t axis, int64_t rank) {
  if (axis < 0 || axis >= rank)
    return op->emitOpError() << "axis " << axis << " is no axis of a tile of rank " << rank;
  return success();
}

/// C1 and C2 of ops that drop one axis.
static LogicalResult verifyDropsAxis(Operation *op, RankedTensorType from, RankedTensorType to,
                                     int64_t axis) {
  if (failed(verifyAxis(op, axis, from.getRank())))
    return failure();
  SmallVector<int64_t> shape(from.getShape());
  shape.erase(shape.begin() + axis);
  if (to.getShape() != ArrayRef<int64_t>(shape))
    return op->emitOpError() << "along axis " << axis << " of " << shapeText(from.getShape())
                             << " gives " << shapeText(shape) << ", not "
                             << shapeText(to.getShape());
  return success();
}

LogicalResult ReduceOp::verify() {
  RankedTensorType from = getX().getType(), to = getResult().getType();
  if (failed(verifyDropsAxis(*this, from, to, getAxis())))
    return failure();
  if (from.getElementType() != to.getElementType())
    return emitOpError() << "changes the element type from " << from.getElementType() << " to "
                         << to.getElementType();
  return success();
}

OpFoldResult ReduceOp::fold(FoldAdaptor adaptor) {
  // The extremum of equal elements is one of them.
  auto splat = dyn_cast_or_null<SplatElementsAttr>(adaptor.getX());
  if (splat && getKind() != Combine::add)
    return splat.resizeSplat(getResult().getType());
  return {};
}

namespace {

/// reduce %x axis a, of extent 1  ->  reshape %x
struct ReduceOfOne : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    if (op.getX().getType().getDimSize(op.getAxis()) != 1)
      return rewriter.notifyMatchFailure(op, "combines several elements");
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), op.getX());
    return success();
  }
};

} // namespace

void ReduceOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<ReduceOfOne>(context);
}

LogicalResult ArgMaxOp::verify() {
  return verifyDropsAxis(*this, getX().getType(), getResult().getType(), getAxis());
}

LogicalResult ScanOp::verify() {
  return verifyAxis(*this, getAxis(), getX().getType().getRank());
}

//===----------------------------------------------------------------------===//
// BroadcastOp
//===----------------------------------------------------------------------===//

LogicalResult BroadcastOp::verify() {
  RankedTensorType from = getX().getType(), to = getResult().getType();
  if (static_cast<int64_t>(getDims().size()) != from.getRank()) // C1
    return emitOpError() << "has " << getDims().size() << " dims for a tile of rank "
                         << from.getRank();
  int64_t previous = -1;
  for (auto [i, dim] : llvm::enumerate(getDims())) {
    if (dim <= previous || dim >= to.getRank())
      return emitOpError() << "dims must be increasing axes of the result, got " << dim
                           << " at position " << i;
    previous = dim;
    int64_t extent = from.getDimSize(i);
    if (extent != 1 && extent != to.getDimSize(dim)) // C2
      return emitOpError() << "stretches axis " << i << " of extent " << extent << " to "
                           << to.getDimSize(dim);
  }
  if (from.getElementType() != to.getElementType()) // C3
    return emitOpError() << "changes the element type from " << from.getElementType() << " to "
                         << to.getElementType();
  return success();
}

OpFoldResult BroadcastOp::fold(FoldAdaptor adaptor) {
  if (getX().getType() == getResult().getType())
    return getX();
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(adaptor.getX()))
    return splat.resizeSplat(getResult().getType());
  return {};
}

namespace {

/// broadcast (broadcast %x dims [d]) dims [e]  ->  broadcast %x dims [e[d]]
struct ComposeBroadcasts : OpRewritePattern<BroadcastOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(BroadcastOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getX().getDefiningOp<BroadcastOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "operand is no broadcast");
    SmallVector<int64_t> dims = llvm::map_to_vector(
        inner.getDims(), [&](int64_t dim) { return op.getDims()[dim]; });
    rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getType(), inner.getX(), dims);
    return success();
  }
};

/// broadcast (reshape %x : 4 -> 4x1) dims [0, 1]  ->  broadcast %x dims [0]
struct BroadcastOfReshape : OpRewritePattern<BroadcastOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(BroadcastOp op, PatternRewriter &rewriter) const override {
    auto reshape = op.getX().getDefiningOp<ReshapeOp>();
    if (!reshape)
      return rewriter.notifyMatchFailure(op, "operand is no reshape");
    ArrayRef<int64_t> from = reshape.getX().getType().getShape();
    ArrayRef<int64_t> to = reshape.getType().getShape();
    SmallVector<int64_t> dims;
    for (auto [axis, extent] : llvm::enumerate(to)) {
      if (dims.size() < from.size() && from[dims.size()] == extent)
        dims.push_back(op.getDims()[axis]);
      else if (extent != 1)
        return rewriter.notifyMatchFailure(op, "reshape does more than insert axes of extent 1");
    }
    if (dims.size() != from.size())
      return rewriter.notifyMatchFailure(op, "reshape drops an axis");
    rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getType(), reshape.getX(), dims);
    return success();
  }
};

/// broadcast (splat %s)  ->  splat %s, and likewise of other changes of shape
template <typename OpTy>
struct ShapeOfSplat : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    auto splat = op.getX().template getDefiningOp<tensor::SplatOp>();
    if (!splat)
      return rewriter.notifyMatchFailure(op, "operand is no splat");
    rewriter.replaceOpWithNewOp<tensor::SplatOp>(op, op.getType(), splat.getInput());
    return success();
  }
};

} // namespace

void BroadcastOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                              MLIRContext *context) {
  patterns.add<ComposeBroadcasts, BroadcastOfReshape, ShapeOfSplat<BroadcastOp>>(context);
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

LogicalResult TransposeOp::verify() {
  RankedTensorType from = getX().getType(), to = getResult().getType();
  int64_t rank = from.getRank();
  llvm::SmallBitVector seen(rank);
  for (int64_t axis : getPerm())
    if (axis >= 0 && axis < rank)
      seen.set(axis);
  if (static_cast<int64_t>(getPerm().size()) != rank || !seen.all()) // C1
    return emitOpError() << "perm is no permutation of " << rank << " axes";
  SmallVector<int64_t> shape = llvm::map_to_vector(
      getPerm(), [&](int64_t axis) { return from.getDimSize(axis); });
  if (to.getShape() != ArrayRef<int64_t>(shape) ||
      to.getElementType() != from.getElementType()) // C2
    return emitOpError() << "gives " << RankedTensorType::get(shape, from.getElementType())
                         << ", not " << to;
  return success();
}

OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) {
  bool identity = llvm::all_of(llvm::enumerate(getPerm()), [](auto pair) {
    return static_cast<int64_t>(pair.index()) == pair.value();
  });
  if (identity)
    return getX();
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(adaptor.getX()))
    return splat.resizeSplat(getResult().getType());
  return {};
}

namespace {

/// transpose (transpose %x perm p) perm q  ->  transpose %x perm p[q]
struct ComposeTransposes : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getX().getDefiningOp<TransposeOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "operand is no transpose");
    SmallVector<int64_t> perm = llvm::map_to_vector(
        op.getPerm(), [&](int64_t axis) { return inner.getPerm()[axis]; });
    rewriter.replaceOpWithNewOp<TransposeOp>(op, op.getType(), inner.getX(), perm);
    return success();
  }
};

/// reshape (reshape %x)  ->  reshape %x
struct ComposeReshapes : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ReshapeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getX().getDefiningOp<ReshapeOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "operand is no reshape");
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), inner.getX());
    return success();
  }
};

} // namespace

void TransposeOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                              MLIRContext *context) {
  patterns.add<ComposeTransposes, ShapeOfSplat<TransposeOp>>(context);
}

LogicalResult ReshapeOp::verify() {
  RankedTensorType from = getX().getType(), to = getResult().getType();
  if (from.getNumElements() != to.getNumElements() ||
      from.getElementType() != to.getElementType()) // C1
    return emitOpError() << "cannot make " << to << " of " << from;
  return success();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getX().getType() == getResult().getType())
    return getX();
  if (auto dense = dyn_cast_or_null<DenseElementsAttr>(adaptor.getX()))
    return dense.reshape(getResult().getType());
  return {};
}

void ReshapeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<ComposeReshapes, ShapeOfSplat<ReshapeOp>>(context);
}

LogicalResult ConcatOp::verify() {
  RankedTensorType to = getResult().getType();
  if (getXs().empty()) // C1
    return emitOpError("needs at least one operand");
  if (failed(verifyAxis(*this, getAxis(), to.getRank())))
    return failure();
  int64_t total = 0;
  for (auto [i, x] : llvm::enumerate(getXs())) {
    auto from = cast<RankedTensorType>(x.getType());
    if (from.getRank() != to.getRank() || from.getElementType() != to.getElementType())
      return emitOpError() << "operand " << i << " is " << from << ", the result " << to;
    for (int64_t axis = 0; axis < to.getRank(); ++axis) // C2
      if (axis != static_cast<int64_t>(getAxis()) && from.getDimSize(axis) != to.getDimSize(axis))
        return emitOpError() << "operand " << i << " has extent " << from.getDimSize(axis)
                             << " along axis " << axis << ", the result "
                             << to.getDimSize(axis);
    total += from.getDimSize(getAxis());
  }
  if (total != to.getDimSize(getAxis()))
    return emitOpError() << "operands have " << total << " elements along axis " << getAxis()
                         << ", the result " << to.getDimSize(getAxis());
  return success();
}

OpFoldResult ConcatOp::fold(FoldAdaptor) {
  if (getXs().size() == 1 && getXs().front().getType() == getResult().getType())
    return getXs().front();
  return {};
}

LogicalResult IotaOp::verify() {
  RankedTensorType type = getResult().getType();
  if (type.getRank() != 1 ||
      !(type.getElementType().isInteger(32) || type.getElementType().isInteger(64))) // C1
    return emitOpError() << "gives a rank 1 tile of i32 or i64, not " << type;
  return success();
}

LogicalResult Exp2Op::verify() {
  if (getDegree() && (static_cast<int64_t>(*getDegree()) < 3 || *getDegree() > 7)) // C1
    return emitOpError() << "degree must be between 3 and 7, got "
                         << static_cast<int64_t>(*getDegree());
  return success();
}
