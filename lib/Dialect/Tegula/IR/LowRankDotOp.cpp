//===- LowRankDotOp.cpp - Products of three tiles -------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace tegula;

/// Rows and columns of an operand, as it is multiplied.
static std::pair<int64_t, int64_t> getExtents(RankedTensorType type, bool trans) {
  int64_t rows = type.getDimSize(type.getRank() - 2), cols = type.getDimSize(type.getRank() - 1);
  return trans ? std::make_pair(cols, rows) : std::make_pair(rows, cols);
}

int64_t LowRankDotOp::getDepth() { return getExtents(getU().getType(), getTransU()).first; }
int64_t LowRankDotOp::getInnerRank() { return getExtents(getU().getType(), getTransU()).second; }
int64_t LowRankDotOp::getColumns() { return getExtents(getV().getType(), getTransV()).second; }

LogicalResult LowRankDotOp::verify() {
  RankedTensorType x = getX().getType(), u = getU().getType(), v = getV().getType();
  RankedTensorType result = getResult().getType();
  int64_t rank = result.getRank();
  if (x.getRank() != rank || u.getRank() != rank || v.getRank() != rank || rank < 2) // C1
    return emitOpError() << "needs operands and result of one rank, at least 2, got " << x.getRank()
                         << ", " << u.getRank() << ", " << v.getRank() << " and " << rank;
  auto [m, k] = getExtents(x, false);
  int64_t r = getExtents(v, getTransV()).first;
  if (k != getDepth()) // C2
    return emitOpError() << "contracts " << k << " elements of 'x' with " << getDepth()
                         << " of 'u'";
  if (r != getInnerRank())
    return emitOpError() << "contracts " << getInnerRank() << " elements of 'u' with " << r
                         << " of 'v'";
  if (result.getDimSize(rank - 2) != m || result.getDimSize(rank - 1) != getColumns())
    return emitOpError() << "of " << m << " rows and " << getColumns() << " columns does not give "
                         << result;
  for (int64_t axis = 0; axis < rank - 2; ++axis) // C3
    for (RankedTensorType type : {x, u, v})
      if (int64_t extent = type.getDimSize(axis); extent != 1 && extent != result.getDimSize(axis))
        return emitOpError() << "stretches batch axis " << axis << " of extent " << extent << " to "
                             << result.getDimSize(axis);
  Type elem = x.getElementType(); // C4
  if (u.getElementType() != elem || v.getElementType() != elem)
    return emitOpError() << "mixes " << elem << ", " << u.getElementType() << " and "
                         << v.getElementType() << ": cast explicitly";
  Type expected = elem.isF64() ? elem : Type(Float32Type::get(getContext()));
  if (result.getElementType() != expected)
    return emitOpError() << "of " << elem << " gives " << expected << ", not "
                         << result.getElementType();
  return success();
}

ArrayRef<StringRef> LowRankDotOp::getInnerLabels() {
  static constexpr StringRef labels[] = {".mid", ".out"};
  return labels;
}

namespace {

/// An operand of a product.
struct Factor {
  Value tile;
  bool trans;
};

} // namespace

/// lhs . rhs, batch axes stretched to the larger ones
static Value multiply(ImplicitLocOpBuilder &b, Factor lhs, Factor rhs, Type elem,
                      StringAttr label) {
  auto lhsType = cast<RankedTensorType>(lhs.tile.getType());
  auto rhsType = cast<RankedTensorType>(rhs.tile.getType());
  SmallVector<int64_t> shape;
  for (int64_t axis = 0; axis < lhsType.getRank() - 2; ++axis)
    shape.push_back(std::max(lhsType.getDimSize(axis), rhsType.getDimSize(axis)));
  shape.push_back(getExtents(lhsType, lhs.trans).first);
  shape.push_back(getExtents(rhsType, rhs.trans).second);
  return DotOp::create(b, RankedTensorType::get(shape, elem), lhs.tile, rhs.tile, /*acc=*/Value(),
                       lhs.trans, rhs.trans, Precision::ieee, label);
}

/// mid = x . u, or u . v; rounded to the operands' type; then the other product
LogicalResult LowRankDotOp::decompose(OpBuilder &builder, ArrayRef<ValueRange> operands,
                                      SmallVectorImpl<SmallVector<Value>> &results) {
  ImplicitLocOpBuilder b(getLoc(), builder);
  auto label = [&](StringRef suffix) {
    return getLabelAttr() ? StringAttr::get(getContext(), *getLabel() + suffix) : StringAttr();
  };
  Factor x{operands[0].front(), false}, u{operands[1].front(), getTransU()},
      v{operands[2].front(), getTransV()};
  Type elem = getX().getType().getElementType(), wide = getResult().getType().getElementType();
  bool right = getAssociation() == Association::right;
  Value middle =
      right ? multiply(b, u, v, wide, label(".mid")) : multiply(b, x, u, wide, label(".mid"));
  if (elem != wide)
    middle =
        arith::TruncFOp::create(b, cast<RankedTensorType>(middle.getType()).clone(elem), middle);
  Factor mid{middle, false};
  results.push_back({right ? multiply(b, x, mid, wide, label(".out"))
                           : multiply(b, mid, v, wide, label(".out"))});
  return success();
}
