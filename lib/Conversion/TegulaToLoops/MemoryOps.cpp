//===- MemoryOps.cpp - Loads and stores as guarded loops -===//
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

namespace {

/// The coordinates of a tile in a view, and which of them are in bounds.
struct Footprint {
  Footprint(LoopBuilder &b, Value view, Window window) : b(b), window(window) {
    auto type = cast<MemRefType>(view.getType());
    int64_t next = 0; // of the offsets and limits
    for (int64_t axis = 0; axis < type.getRank(); ++axis) {
      Value limit = type.isDynamicDim(axis)
                        ? memref::DimOp::create(b, view, b.index(axis)).getResult()
                        : b.index(type.getDimSize(axis));
      bool indexed = axis == window.axis;
      if (!window.upto.empty() && !indexed)
        limit = arith::MinSIOp::create(b, limit, window.upto[next]);
      limits.push_back(limit);
      at.push_back(indexed ? Value() : window.at[next++]);
    }
  }

  /// The coordinates of element `i` of the tile, and whether all are in bounds.
  std::pair<SmallVector<Value>, Value> locate(ValueRange i) {
    SmallVector<Value> coords;
    Value inside;
    for (auto [start, offset, limit] : llvm::zip(at, i, limits)) {
      // No offset: the axis goes by index.
      Value coord = start ? b.add(start, offset) : loadIndex(offset);
      Value low = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, coord, b.index(0));
      Value high = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, coord, limit);
      Value both = arith::AndIOp::create(b, low, high);
      inside = inside ? arith::AndIOp::create(b, inside, both).getResult() : both;
      coords.push_back(coord);
    }
    // A view without axes has one element, which is always there.
    return {coords, inside ? inside : b.number(b.getI1Type(), 1)};
  }

  /// Element `i` of the indices: a tile of rank 1, or of one with unit axes behind it.
  Value loadIndex(Value i) {
    SmallVector<Value> from(cast<MemRefType>(window.by.getType()).getRank(), b.index(0));
    from[0] = i;
    return arith::IndexCastOp::create(b, b.getIndexType(), b.load(window.by, from));
  }

  LoopBuilder &b;
  Window window;
  SmallVector<Value> at, limits;
};

} // namespace

/// for i in tile: tile[i] = inside(at + i) ? view[at + i] : pad
void loops::writeLoad(LoopBuilder &b, Value view, Window window, Value pad, Value tile) {
  auto type = cast<MemRefType>(tile.getType());
  Type elem = type.getElementType();
  if (!pad)
    pad = b.number(elem, 0);
  Footprint footprint(b, view, window);
  b.nest(type.getShape(), [&](ValueRange i) {
    auto [coords, inside] = footprint.locate(i);
    auto choice = scf::IfOp::create(b, elem, inside, /*withElseRegion=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(choice.thenBlock());
      scf::YieldOp::create(b, b.load(view, coords));
      b.setInsertionPointToStart(choice.elseBlock());
      scf::YieldOp::create(b, pad);
    }
    b.store(choice.getResult(0), tile, i);
  });
}

/// for i in tile: if inside(at + i): view[at + i] = tile[i]
void loops::writeStore(LoopBuilder &b, Value tile, Value view, Window window) {
  Footprint footprint(b, view, window);
  b.nest(cast<MemRefType>(tile.getType()).getShape(), [&](ValueRange i) {
    auto [coords, inside] = footprint.locate(i);
    b.when(inside, [&, &coords = coords] { b.store(b.load(tile, i), view, coords); });
  });
}

static arith::AtomicRMWKind getAtomicKind(Combine kind, bool real) {
  switch (kind) {
  case Combine::add:
    return real ? arith::AtomicRMWKind::addf : arith::AtomicRMWKind::addi;
  case Combine::max:
    return real ? arith::AtomicRMWKind::maximumf : arith::AtomicRMWKind::maxs;
  case Combine::min:
    return real ? arith::AtomicRMWKind::minimumf : arith::AtomicRMWKind::mins;
  }
  llvm_unreachable("unknown combination");
}

/// for i in tile: if inside(at + i): view[at + i] = kind(view[at + i], tile[i])
void loops::writeReduceStore(LoopBuilder &b, Combine kind, bool atomic, Value tile, Value view,
                             Window window) {
  auto type = cast<MemRefType>(tile.getType());
  Footprint footprint(b, view, window);
  b.nest(type.getShape(), [&](ValueRange i) {
    auto [coords, inside] = footprint.locate(i);
    b.when(inside, [&, &coords = coords] {
      Value value = b.load(tile, i);
      if (!atomic)
        return b.store(b.combine(kind, b.load(view, coords), value), view, coords);
      bool real = isa<FloatType>(type.getElementType());
      memref::AtomicRMWOp::create(b, getAtomicKind(kind, real), value, view, coords);
    });
  });
}

LogicalResult loops::lower(ReduceStoreOp op, Lowering &lowering) {
  // In order is a fixed order as well: plain loops need no partial results.
  if (op.getHow() != ReduceHow::atomic)
    lowering.runInOrder();
  writeReduceStore(lowering.builder(), op.getKind(), op.getHow() == ReduceHow::atomic,
                   lowering.buffer(op.getTile()), op.getView(), {op.getAt(), op.getUpto()});
  return success();
}

LogicalResult loops::lower(LoadOp op, Lowering &lowering) {
  Value tile = lowering.define(op.getTile()).front();
  writeLoad(lowering.builder(), op.getView(), {op.getAt(), op.getUpto()}, op.getPad(), tile);
  return success();
}

LogicalResult loops::lower(StoreOp op, Lowering &lowering) {
  writeStore(lowering.builder(), lowering.buffer(op.getTile()), op.getView(),
             {op.getAt(), op.getUpto()});
  return success();
}

LogicalResult loops::lower(GatherOp op, Lowering &lowering) {
  Value tile = lowering.define(op.getTile()).front();
  Window window{op.getAt(), op.getUpto(), lowering.buffer(op.getBy()),
                static_cast<int64_t>(op.getAxis())};
  writeLoad(lowering.builder(), op.getView(), window, op.getPad(), tile);
  return success();
}

LogicalResult loops::lower(ScatterOp op, Lowering &lowering) {
  Window window{op.getAt(), op.getUpto(), lowering.buffer(op.getBy()),
                static_cast<int64_t>(op.getAxis())};
  writeStore(lowering.builder(), lowering.buffer(op.getTile()), op.getView(), window);
  return success();
}
