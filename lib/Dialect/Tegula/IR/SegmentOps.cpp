//===- SegmentOps.cpp - Segments of a sorted index space ------------------===//
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

//===----------------------------------------------------------------------===//
// SegmentIdsOp
//===----------------------------------------------------------------------===//

/// ids[i] = sum over r of (ends[r] <= start + i)
LogicalResult SegmentIdsOp::decompose(OpBuilder &builder, ArrayRef<ValueRange> operands,
                                      SmallVectorImpl<SmallVector<Value>> &results) {
  ImplicitLocOpBuilder b(getLoc(), builder);
  RankedTensorType ids = getResult().getType();
  Value ends = operands[0].front(), start = operands[1].front();
  RankedTensorType plane = RankedTensorType::get(
      {getEnds().getType().getDimSize(0), ids.getDimSize(0)}, ids.getElementType());
  Value positions = IotaOp::create(b, ids, start);
  Value columns = BroadcastOp::create(b, plane, positions, ArrayRef<int64_t>{1});
  Value rows = BroadcastOp::create(b, plane, ends, ArrayRef<int64_t>{0});
  Value passed = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, rows, columns);
  Value ones = arith::ExtUIOp::create(b, plane, passed);
  results.push_back(
      {ReduceOp::create(b, ids, Combine::add, ones, /*axis=*/0, /*label=*/StringAttr())});
  return success();
}

//===----------------------------------------------------------------------===//
// SegmentSumOp
//===----------------------------------------------------------------------===//

LogicalResult SegmentSumOp::verify() {
  RankedTensorType x = getX().getType(), by = getBy().getType(), acc = getAcc().getType();
  if (x.getRank() < 1 || x.getRank() != acc.getRank() ||
      x.getShape().drop_front() != acc.getShape().drop_front()) // C1
    return emitOpError() << "needs rows of one shape, got " << x << " and " << acc;
  if (by.getDimSize(0) != x.getDimSize(0)) // C2
    return emitOpError() << "has " << by.getDimSize(0) << " ids for " << x.getDimSize(0) << " rows";
  if (x.getElementType() != acc.getElementType()) // C3
    return emitOpError() << "adds " << x.getElementType() << " to " << acc.getElementType()
                         << ": cast one side explicitly";
  return success();
}
