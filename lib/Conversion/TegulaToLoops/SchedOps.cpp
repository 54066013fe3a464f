//===- SchedOps.cpp - The meaning of scheduled ops -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a scheduled program computes, whatever the storage of its buffers: each is
// a plain array of its tile here, in memory of its own.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::loops;

LogicalResult loops::lower(sched::AllocOp op, Lowering &lowering) {
  (void)lowering.define(op.getBuffer());
  return success();
}

LogicalResult loops::lower(sched::ConstantOp op, Lowering &lowering) {
  memref::GlobalOp global = createGlobal(op, op.getValue());
  lowering.atEntry([&] {
    lowering.alias(op.getBuffer(), memref::GetGlobalOp::create(lowering.builder(), global.getType(),
                                                               global.getSymName())
                                       .getResult());
  });
  return success();
}

LogicalResult loops::lower(sched::SliceOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  auto ints = [&](ArrayRef<int64_t> numbers) { return getAsIndexOpFoldResult(b.getContext(), numbers); };
  SmallVector<int64_t> ones(op.getAt().size(), 1);
  Value box = memref::SubViewOp::create(b, lowering.buffer(op.getSource()), ints(op.getAt()),
                                        ints(op.getBuffer().getType().getShape()), ints(ones));
  lowering.alias(op.getBuffer(), box);
  return success();
}

LogicalResult loops::lower(sched::ViewOp op, Lowering &lowering) {
  Value source = lowering.buffer(op.getSource());
  if (!cast<MemRefType>(source.getType()).getLayout().isIdentity())
    return op.emitOpError("is of a slice, whose rows do not follow each other");
  auto tile = op.getBuffer().getType().getTile();
  SmallVector<int64_t> strides = computeSuffixProduct(tile.getShape());
  auto type = MemRefType::get(tile.getShape(), tile.getElementType());
  Value view = memref::ReinterpretCastOp::create(lowering.builder(), type, source, /*offset=*/0,
                                                 tile.getShape(), strides);
  lowering.alias(op.getBuffer(), view);
  return success();
}

LogicalResult loops::lower(sched::CopyOp op, Lowering &lowering) {
  Value dest = lowering.buffer(op.getDest());
  if (isTileLevel(op.getSource().getType()))
    lowering.copy(lowering.buffer(op.getSource()), dest);
  else
    writeLoad(lowering.builder(), op.getSource(), {op.getAt(), op.getUpto()}, op.getPad(), dest);
  return success();
}

LogicalResult loops::lower(sched::StoreOp op, Lowering &lowering) {
  writeStore(lowering.builder(), lowering.buffer(op.getSource()), op.getDest(),
             {op.getAt(), op.getUpto()});
  return success();
}

LogicalResult loops::lower(sched::GatherOp op, Lowering &lowering) {
  Window window{op.getAt(), op.getUpto(), lowering.buffer(op.getBy()),
                static_cast<int64_t>(op.getAxis())};
  writeLoad(lowering.builder(), op.getView(), window, op.getPad(), lowering.buffer(op.getDest()));
  return success();
}

LogicalResult loops::lower(sched::ScatterOp op, Lowering &lowering) {
  Window window{op.getAt(), op.getUpto(), lowering.buffer(op.getBy()),
                static_cast<int64_t>(op.getAxis())};
  writeStore(lowering.builder(), lowering.buffer(op.getSource()), op.getView(), window);
  return success();
}

LogicalResult loops::lower(sched::ReduceStoreOp op, Lowering &lowering) {
  writeReduceStore(lowering.builder(), op.getKind(), op.getAtomic(),
                   lowering.buffer(op.getSource()), op.getView(), {op.getAt(), op.getUpto()});
  return success();
}

LogicalResult loops::lower(sched::SegmentSumOp op, Lowering &lowering) {
  writeSegmentSum(lowering.builder(), lowering.buffer(op.getSource()),
                  lowering.buffer(op.getBy()), lowering.buffer(op.getDest()));
  return success();
}

/// c[.., m, n] = (scale[.., m] c[.., m, n] +) sum over k of a[.., m, k] b[.., k, n]
LogicalResult loops::lower(sched::MmaOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  DotOperand lhs{lowering.buffer(op.getA()), op.getTransA()};
  DotOperand rhs{lowering.buffer(op.getB()), op.getTransB()};
  Value c = lowering.buffer(op.getC());
  Value scale = op.getScale() ? lowering.buffer(op.getScale()) : Value();
  auto type = cast<MemRefType>(c.getType());
  b.nest(type.getShape(), [&](ValueRange i) {
    Value sum = writeDotSum(b, lhs, rhs, b.number(type.getElementType(), 0), i);
    if (op.getAccumulate()) {
      Value old = b.load(c, i);
      if (scale) {
        ValueRange rows = i.drop_back();
        int64_t rank = cast<MemRefType>(scale.getType()).getRank();
        old = b.mul(old, b.load(scale, rows.take_back(rank)));
      }
      sum = b.add(old, sum);
    }
    b.store(sum, c, i);
  });
  return success();
}

/// dest[to + i] = source[from + j] with j[perm[a]] = i[a]
LogicalResult loops::lower(sched::MoveOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  Value source = lowering.buffer(op.getSource()), dest = lowering.buffer(op.getDest());
  b.nest(op.getSizes(), [&](ValueRange i) {
    SmallVector<Value> from(i.size()), to;
    for (auto [axis, target] : llvm::enumerate(op.getPerm())) {
      from[target] = b.add(i[axis], b.index(op.getFrom()[target]));
      to.push_back(b.add(i[axis], b.index(op.getTo()[axis])));
    }
    b.store(b.load(source, from), dest, to);
  });
  return success();
}

LogicalResult loops::lower(sched::ReshapeOp op, Lowering &lowering) {
  writeReshape(lowering.builder(), lowering.buffer(op.getSource()), lowering.buffer(op.getDest()));
  return success();
}

LogicalResult loops::lower(sched::ScanOp op, Lowering &lowering) {
  Scan scan{op.getKind(), static_cast<int64_t>(op.getAxis()), op.getReverse(), op.getExclusive()};
  writeScan(lowering.builder(), scan, lowering.buffer(op.getSource()),
            lowering.buffer(op.getDest()));
  return success();
}

LogicalResult loops::lower(sched::ArgMaxOp op, Lowering &lowering) {
  writeArgMax(lowering.builder(), lowering.buffer(op.getSource()), lowering.buffer(op.getDest()),
              op.getAxis());
  return success();
}

LogicalResult loops::lower(sched::ScalarOp op, Lowering &lowering) {
  Value element = lowering.builder().load(lowering.buffer(op.getSource()), op.getAt());
  op.getValue().replaceAllUsesWith(element);
  return success();
}
