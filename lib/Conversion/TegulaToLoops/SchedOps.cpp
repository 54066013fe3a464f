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

/// The buffers of a ring are made with the ring.
LogicalResult loops::lower(sched::AllocOp op, Lowering &lowering) {
  auto isRing = [](Operation *user) { return isa<sched::ChannelOp>(user); };
  if (llvm::none_of(op->getUsers(), isRing))
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

/// A box of a view is copied: nothing may write the view while the box lives.
LogicalResult loops::lower(sched::SliceOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  if (!isTileLevel(op.getSource().getType())) {
    SmallVector<Value> at;
    size_t next = 0;
    for (int64_t offset : op.getAt())
      at.push_back(ShapedType::isDynamic(offset) ? Value(op.getOffsets()[next++])
                                                 : b.index(offset));
    writeLoad(b, op.getSource(), {at, {}}, /*pad=*/nullptr,
              lowering.define(op.getBuffer()).front());
    return success();
  }
  auto ints = [&](ArrayRef<int64_t> numbers) {
    return getAsIndexOpFoldResult(b.getContext(), numbers);
  };
  SmallVector<int64_t> ones(op.getAt().size(), 1);
  SmallVector<OpFoldResult> offsets = getMixedValues(op.getAt(), op.getOffsets(), b);
  Value box = memref::SubViewOp::create(b, lowering.buffer(op.getSource()), offsets,
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
  LoopBuilder &b = lowering.builder();
  Value dest = lowering.buffer(op.getDest());
  Value by = op.getBy() ? lowering.buffer(op.getBy()) : Value();
  auto write = [&] {
    if (isTileLevel(op.getSource().getType()))
      lowering.copy(lowering.buffer(op.getSource()), dest);
    else
      writeLoad(b, op.getSource(), {op.getAt(), op.getUpto(), by, by ? 0 : -1}, op.getPad(), dest);
  };
  if (op.getWhere())
    b.when(op.getWhere(), write);
  else
    write();
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
  Value target;
  if (op.getAcc()) {
    target = lowering.define(op.getResult()).front();
    lowering.copy(lowering.buffer(op.getAcc()), target);
  } else {
    target = lowering.buffer(op.getDest());
  }
  writeSegmentSum(lowering.builder(), lowering.buffer(op.getSource()), lowering.buffer(op.getBy()),
                  target);
  return success();
}

/// c[.., m, n] = (scale[.., m] c[.., m, n] +) sum over k of a[.., m, k] b[.., k, n], or
/// the product plus acc, whose sum begins with acc as in registers
LogicalResult loops::lower(sched::MmaOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  DotOperand lhs{lowering.buffer(op.getA()), op.getTransA()};
  DotOperand rhs{lowering.buffer(op.getB()), op.getTransB()};
  Value acc = op.getAcc() ? lowering.buffer(op.getAcc()) : Value();
  Value scale = op.getScale() ? lowering.buffer(op.getScale()) : Value();
  Value c = op.getC() ? lowering.buffer(op.getC()) : lowering.define(op.getResult()).front();
  auto type = cast<MemRefType>(c.getType());
  b.nest(type.getShape(), [&](ValueRange i) {
    Value start = acc ? b.load(acc, i) : b.number(type.getElementType(), 0);
    Value sum = writeDotSum(b, lhs, rhs, start, i);
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

/// What an op writes that goes into a buffer or gives a fragment.
template <typename OpTy> static Value getTarget(OpTy op, Lowering &lowering) {
  return op.getDest() ? lowering.buffer(op.getDest()) : lowering.define(op.getResult()).front();
}

LogicalResult loops::lower(sched::ReshapeOp op, Lowering &lowering) {
  writeReshape(lowering.builder(), lowering.buffer(op.getSource()), getTarget(op, lowering));
  return success();
}

LogicalResult loops::lower(sched::ScanOp op, Lowering &lowering) {
  Scan scan{op.getKind(), static_cast<int64_t>(op.getAxis()), op.getReverse(), op.getExclusive()};
  writeScan(lowering.builder(), scan, lowering.buffer(op.getSource()), getTarget(op, lowering));
  return success();
}

LogicalResult loops::lower(sched::ArgMaxOp op, Lowering &lowering) {
  writeArgMax(lowering.builder(), lowering.buffer(op.getSource()), getTarget(op, lowering),
              op.getAxis());
  return success();
}

LogicalResult loops::lower(sched::ScalarOp op, Lowering &lowering) {
  Value source = op.getSource();
  if (isTileLevel(source.getType()))
    source = lowering.buffer(source);
  Value element = lowering.builder().load(source, op.getAt());
  op.getValue().replaceAllUsesWith(element);
  return success();
}
