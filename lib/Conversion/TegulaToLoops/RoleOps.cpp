//===- RoleOps.cpp - Roles, rings and fragments as loops ------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A fragment is a plain array of its tile, whatever its layout: layouts permute the same
// values. A slot is the number of its generation. See Rings.h for what is in a ring.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::loops;

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

/// max(0, hi - lo + step - 1) / step
LogicalResult loops::lower(sched::TripsOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  Value length = b.maximum(b.sub(op.getHi(), op.getLo()), b.index(0));
  Value step = b.maximum(op.getStep(), b.index(1));
  Value rounded = b.add(length, b.sub(step, b.index(1)));
  op.getCount().replaceAllUsesWith(arith::DivSIOp::create(b, rounded, step).getResult());
  return success();
}

/// role groups n (%g) { ... }  ->  scf.for %g = 0 to n { ... }
LogicalResult Lowering::lowerRole(sched::RoleOp op) {
  b.setInsertionPoint(op);
  b.setLoc(op.getLoc());
  lowered.push_back(op);
  if (failed(lowerRings(*this, op)))
    return failure();
  bool groups = op.getMembers() == sched::Members::groups;
  Value members = b.index(groups ? static_cast<int64_t>(op.getCount()) : 1);
  auto loop = scf::ForOp::create(b, b.index(0), members, b.index(1));
  if (op.getMember())
    op.getMember().replaceAllUsesWith(loop.getInductionVar());
  b.setInsertionPointToStart(loop.getBody());
  Value none = b.index(0);
  for (auto &[channel, ring] : rings.all()) {
    if (llvm::is_contained(ring.producers, op))
      b.store(none, ring.acquired, {});
    if (llvm::is_contained(ring.consumers, op))
      b.store(none, ring.waited, {});
  }
  Block &body = op.getBody().front(), *inside = loop.getBody();
  body.getTerminator()->erase();
  inside->getOperations().splice(Block::iterator(inside->getTerminator()), body.getOperations());
  return lowerBlock(*inside);
}

/// A phase is its ops.
LogicalResult Lowering::lowerPhase(sched::PhaseOp op) {
  lowered.push_back(op);
  Block &body = op.getBody().front();
  for (Operation &inner : llvm::make_early_inc_range(body.without_terminator())) {
    inner.moveBefore(op);
    if (failed(lowerOp(&inner)))
      return failure();
  }
  Operation *yield = body.getTerminator();
  for (auto [result, value] : llvm::zip(op.getResults(), yield->getOperands())) {
    if (isTileLevel(result.getType()))
      alias(result, SmallVector<Value>(buffers(value)));
    else
      result.replaceAllUsesWith(value);
  }
  lowered.push_back(yield);
  return success();
}

//===----------------------------------------------------------------------===//
// Rings
//===----------------------------------------------------------------------===//

LogicalResult loops::lower(sched::ChannelOp op, Lowering &lowering) {
  Ring &ring = lowering.getRings().get(op.getChannel());
  auto counter = RankedTensorType::get({}, lowering.builder().getIndexType());
  ring.acquired = lowering.allocate(counter);
  ring.waited = lowering.allocate(counter);
  if (!ring.isOwn())
    return success(); // its memory is made in front of the producer
  for (sched::BufType buffer : op.getChannel().getType().getBuffers()) {
    SmallVector<int64_t> shape{ring.depth};
    llvm::append_range(shape, buffer.getShape());
    ring.storage.push_back(lowering.allocate(RankedTensorType::get(shape, buffer.getElem())));
  }
  return success();
}

/// One generation of one buffer of a ring.
static Value getGeneration(LoopBuilder &b, Ring &ring, unsigned number, Value generation) {
  if (ring.isOwn())
    generation = arith::RemUIOp::create(b, generation, b.index(ring.depth));
  Value storage = ring.storage[number];
  auto type = cast<MemRefType>(storage.getType());
  ArrayRef<int64_t> shape = type.getShape().drop_front();
  int64_t rank = type.getRank();
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)), sizes,
      strides(rank, b.getIndexAttr(1));
  offsets[0] = generation;
  sizes.push_back(b.getIndexAttr(1));
  for (int64_t extent : shape)
    sizes.push_back(b.getIndexAttr(extent));
  MemRefType part =
      memref::SubViewOp::inferRankReducedResultType(shape, type, offsets, sizes, strides);
  return memref::SubViewOp::create(b, part, storage, offsets, sizes, strides);
}

/// The number of the next generation, which the running member now has.
static Value takeNext(LoopBuilder &b, Value counter) {
  Value generation = b.load(counter, {});
  b.store(b.add(generation, b.index(1)), counter, {});
  return generation;
}

static void fill(LoopBuilder &b, Value buffer, Value element) {
  b.nest(cast<MemRefType>(buffer.getType()).getShape(),
         [&](ValueRange i) { b.store(element, buffer, i); });
}

/// What is in a slot that has just been acquired is nobody's: NaN shows who reads it.
LogicalResult loops::lower(sched::AcquireOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  Ring &ring = lowering.getRings().get(op.getChannel());
  Value generation = takeNext(b, ring.acquired);
  if (!ring.isShared())
    for (auto [number, buffer] : llvm::enumerate(op.getChannel().getType().getBuffers()))
      if (auto type = dyn_cast<FloatType>(buffer.getElem())) {
        Value nan =
            b.constant(b.getFloatAttr(type, llvm::APFloat::getNaN(type.getFloatSemantics())));
        fill(b, getGeneration(b, ring, number, generation), nan);
      }
  op.getSlot().replaceAllUsesWith(generation);
  return success();
}

LogicalResult loops::lower(sched::WaitOp op, Lowering &lowering) {
  Ring &ring = lowering.getRings().get(op.getChannel());
  if (ring.producers.empty())
    return op.emitOpError() << "waits for channel '" << sched::describe(op.getChannel())
                            << "', which nobody fills";
  op.getSlot().replaceAllUsesWith(takeNext(lowering.builder(), ring.waited));
  return success();
}

/// The ring is empty: what was acquired and not waited for is skipped.
LogicalResult loops::lower(sched::DrainOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  Ring &ring = lowering.getRings().get(op.getChannel());
  b.store(b.maximum(b.load(ring.acquired, {}), b.load(ring.waited, {})), ring.waited, {});
  return success();
}

LogicalResult loops::lower(sched::PartOp op, Lowering &lowering) {
  Ring &ring = lowering.getRings().get(op);
  // The slot is a number by now.
  Value generation = op->getOperand(0);
  lowering.alias(op.getBuffer(),
                 getGeneration(lowering.builder(), ring, op.getNumber(), generation));
  return success();
}

//===----------------------------------------------------------------------===//
// Fragments
//===----------------------------------------------------------------------===//

/// The same memory with its last two axes swapped. A fragment's array has no gaps.
static Value transpose(LoopBuilder &b, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  SmallVector<int64_t> shape(type.getShape()), strides = computeSuffixProduct(shape);
  size_t rank = shape.size();
  std::swap(shape[rank - 2], shape[rank - 1]);
  std::swap(strides[rank - 2], strides[rank - 1]);
  auto layout = StridedLayoutAttr::get(b.getContext(), /*offset=*/0, strides);
  auto swapped = MemRefType::get(shape, type.getElementType(), layout);
  return memref::ReinterpretCastOp::create(b, swapped, buffer, /*offset=*/0, shape, strides);
}

LogicalResult loops::lower(sched::LoadOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  Value fragment = lowering.define(op.getFragment()).front();
  Value target = op.getTrans() ? transpose(b, fragment) : fragment;
  if (isTileLevel(op.getSource().getType())) {
    lowering.copy(lowering.buffer(op.getSource()), target);
    return success();
  }
  Value by = op.getBy() ? lowering.buffer(op.getBy()) : Value();
  Window window{op.getAt(), op.getUpto(), by,
                by ? static_cast<int64_t>(op.getAxis().value_or(0)) : -1};
  if (!op.getWhere()) {
    writeLoad(b, op.getSource(), window, op.getPad(), target);
    return success();
  }
  Type elem = op.getFragment().getType().getElem();
  fill(b, target, op.getPad() ? Value(op.getPad()) : b.number(elem, 0));
  b.when(op.getWhere(), [&] { writeLoad(b, op.getSource(), window, op.getPad(), target); });
  return success();
}

LogicalResult loops::lower(sched::StoreOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  Value source = lowering.buffer(op.getSource());
  if (op.getTrans())
    source = transpose(b, source);
  auto write = [&] {
    if (isTileLevel(op.getDest().getType()))
      lowering.copy(source, lowering.buffer(op.getDest()));
    else
      writeStore(b, source, op.getDest(), {op.getAt(), op.getUpto()});
  };
  if (op.getWhere())
    b.when(op.getWhere(), write);
  else
    write();
  return success();
}

LogicalResult loops::lower(sched::FillOp op, Lowering &lowering) {
  fill(lowering.builder(), lowering.buffer(op.getDest()), op.getValue());
  return success();
}

LogicalResult loops::lower(sched::SplatOp op, Lowering &lowering) {
  fill(lowering.builder(), lowering.define(op.getFragment()).front(), op.getValue());
  return success();
}

/// Whether some element of `buffer` below `at` is not `value`.
static Value differs(LoopBuilder &b, Value buffer, Value value, ValueRange at, Value start) {
  ArrayRef<int64_t> shape = cast<MemRefType>(buffer.getType()).getShape();
  if (at.size() == shape.size()) {
    Value other =
        arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, b.load(buffer, at), value);
    return arith::OrIOp::create(b, start, other);
  }
  return b.fold(shape[at.size()], start,
                [&](Value i, ValueRange carried) -> SmallVector<Value> {
                  SmallVector<Value> inner(at);
                  inner.push_back(i);
                  return {differs(b, buffer, value, inner, carried.front())};
                })
      .front();
}

LogicalResult loops::lower(sched::DiffersOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  Value value = b.constant(op.getValue()), none = b.constant(b.getBoolAttr(false));
  op.getResult().replaceAllUsesWith(differs(b, lowering.buffer(op.getX()), value, {}, none));
  return success();
}

LogicalResult loops::lower(sched::ConvertOp op, Lowering &lowering) {
  lowering.alias(op.getResult(), SmallVector<Value>(lowering.buffers(op.getSource())));
  return success();
}

LogicalResult loops::lower(sched::MmaWaitOp op, Lowering &lowering) {
  for (auto [flight, fragment] : llvm::zip(op.getFlights(), op.getFragments()))
    lowering.alias(fragment, SmallVector<Value>(lowering.buffers(flight)));
  return success();
}

/// result[i] = source[at + j] with j[perm[a]] = i[a]
LogicalResult loops::lower(sched::CutOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  Value source = lowering.buffer(op.getSource());
  Value result = lowering.define(op.getResult()).front();
  b.nest(op.getResult().getType().getShape(), [&](ValueRange i) {
    SmallVector<Value> from(i.size());
    for (auto [axis, target] : llvm::enumerate(op.getPerm()))
      from[target] = b.add(i[axis], b.index(op.getAt()[target]));
    b.store(b.load(source, from), result, i);
  });
  return success();
}

LogicalResult loops::lower(sched::ConcatOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  Value result = lowering.define(op.getResult()).front();
  int64_t axis = op.getAxis(), begin = 0;
  for (Value part : op.getParts()) {
    Value source = lowering.buffer(part);
    ArrayRef<int64_t> shape = cast<MemRefType>(source.getType()).getShape();
    b.nest(shape, [&](ValueRange i) {
      SmallVector<Value> to(i);
      to[axis] = b.add(i[axis], b.index(begin));
      b.store(b.load(source, i), result, to);
    });
    begin += shape[axis];
  }
  return success();
}

/// result[i, ..] = source[min(max(by[i], 0), rows - 1), ..]
LogicalResult loops::lower(sched::TakeOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  Value source = lowering.buffer(op.getSource()), by = lowering.buffer(op.getBy());
  Value result = lowering.define(op.getResult()).front();
  Value last = b.index(op.getSource().getType().getDimSize(0) - 1);
  b.nest(op.getResult().getType().getShape(), [&](ValueRange i) {
    SmallVector<Value> from(i);
    Value row = arith::IndexCastOp::create(b, b.getIndexType(), b.load(by, i.front()));
    from[0] = b.minimum(b.maximum(row, b.index(0)), last);
    b.store(b.load(source, from), result, i);
  });
  return success();
}
