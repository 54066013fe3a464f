//===- SegmentOps.cpp - Segments as loops ---------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::loops;

/// ids[i] = the number of r with ends[r] <= start + i
LogicalResult loops::lower(SegmentIdsOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  RankedTensorType ids = op.getResult().getType();
  int64_t segments = op.getEnds().getType().getDimSize(0);
  Value ends = lowering.buffer(op.getEnds());
  Value result = lowering.define(op.getResult()).front();
  b.loop(ids.getDimSize(0), [&](Value i) {
    Value position = b.add(op.getStart(), i), zero = b.number(ids.getElementType(), 0);
    Value count = b.fold(segments, zero, [&](Value r, ValueRange partial) {
      Value end = arith::IndexCastOp::create(b, b.getIndexType(), b.load(ends, r));
      Value passed = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, end, position);
      return SmallVector<Value>{
          b.select(passed, b.add(partial[0], b.number(ids.getElementType(), 1)), partial[0])};
    })[0];
    b.store(count, result, i);
  });
  return success();
}

/// for e: if 0 <= by[e] < rows: result[by[e], ..] += x[e, ..]
void loops::writeSegmentSum(LoopBuilder &b, Value x, Value by, Value result) {
  auto from = cast<MemRefType>(x.getType()), to = cast<MemRefType>(result.getType());
  Type elem = to.getElementType();
  b.loop(from.getDimSize(0), [&](Value e) {
    Value row = arith::IndexCastOp::create(b, b.getIndexType(), b.load(by, e));
    Value low = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, row, b.index(0));
    Value high =
        arith::CmpIOp::create(b, arith::CmpIPredicate::slt, row, b.index(to.getDimSize(0)));
    b.when(arith::AndIOp::create(b, low, high), [&] {
      b.nest(from.getShape().drop_front(), [&](ValueRange i) {
        SmallVector<Value> source{e}, target{row};
        llvm::append_range(source, i);
        llvm::append_range(target, i);
        Value sum = b.add(b.widen(b.load(result, target)), b.widen(b.load(x, source)));
        if (auto real = dyn_cast<FloatType>(elem))
          sum = b.convertFloat(sum, real);
        b.store(sum, result, target);
      });
    });
  });
}

LogicalResult loops::lower(SegmentSumOp op, Lowering &lowering) {
  Value acc = lowering.buffer(op.getAcc());
  Value result = lowering.define(op.getResult()).front();
  lowering.copy(acc, result);
  writeSegmentSum(lowering.builder(), lowering.buffer(op.getX()), lowering.buffer(op.getBy()),
                  result);
  return success();
}
