//===- Indexed.cpp - Gathers, scatters, segments --------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the last axis of the tile is not the one that goes by index, a gather
// copies a row of vectors per index:
//
//   for i: if 0 <= by[i] < size: tile[i, ..] = view[by[i], ..]  else: pad
//
// else it picks elements, a vector of them at once where the machine can.
//
//===----------------------------------------------------------------------===//

#include "Bounds.h"
#include "Lowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

namespace {

/// Where the elements of a tile are: offsets and limits of the axes but `axis`.
struct Place {
  Value view;
  ValueRange at, upto;
  Value by; ///< buffer of the indices along `axis`
  int64_t axis;
};

} // namespace

static SmallVector<int64_t> without(ArrayRef<int64_t> list, int64_t position) {
  SmallVector<int64_t> rest(list);
  rest.erase(rest.begin() + position);
  return rest;
}

namespace {

/// Moves one tile between its storage and a view.
class IndexedTransfer {
public:
  IndexedTransfer(x86::Context &context, x86::Emitter &emit, Place place, Value buffer, Value pad)
      : context(context), emit(emit), view(place.view), at(place.at), axis(place.axis),
        buffer(buffer), storage(context.arena.get(buffer)), by(context.arena.get(place.by)),
        shape(cast<BufType>(buffer.getType()).getShape()), rest(without(shape, axis)),
        bounds(emit, view, without(llvm::to_vector(llvm::seq<int64_t>(0, shape.size())), axis),
               place.at, place.upto, rest),
        pad(pad) {
    auto type = cast<MemRefType>(view.getType());
    elem = type.getElementType();
    stored = cast<MemRefType>(storage.getType()).getElementType();
    lanes = context.target.getLanes(stored);
    size = emit.builder.createOrFold<memref::DimOp>(emit.loc, view, axis);
    SmallVector<int64_t> strides;
    int64_t offset;
    // Bits (i1) have no vectors in memory: they are bytes there.
    unit = !elem.isInteger(1) && succeeded(type.getStridesAndOffset(strides, offset)) &&
           strides.back() == 1;
  }

  void emitGather();
  void emitScatter();

private:
  bool isAlongLanes() const { return axis + 1 == static_cast<int64_t>(shape.size()); }
  void ifValid(Value i, function_ref<void(Value id)> valid, function_ref<void()> none);
  x86::Values viewPosition(ValueRange others, Value id);
  x86::Values tilePosition(ValueRange others, Value i);
  Value padVector();
  void fill();
  void fillRow(Value i);
  void eachVector(bool whole, function_ref<void(ValueRange, Value mask)> vector,
                  function_ref<void(ValueRange)> element);
  void gatherRow(Value i, Value id, bool whole);
  void gatherVectors(bool whole);
  void gatherElements(bool whole);
  void scatterRow(Value i, Value id, bool whole);
  void scatterElements(bool whole);
  void nestOthers(bool whole, size_t count, function_ref<void(ValueRange)> body);

  x86::Context &context;
  x86::Emitter &emit;
  Value view;
  x86::Values at;
  int64_t axis;
  Value buffer, storage, by;
  ArrayRef<int64_t> shape;
  SmallVector<int64_t> rest; ///< extents of the axes but `axis`
  x86::Bounds bounds;        ///< of those axes
  Value pad, size;           ///< size: of the view along `axis`
  Type elem, stored;         ///< in the view, in the storage
  int64_t lanes;
  bool unit; ///< the last axis of the view has stride 1
};

} // namespace

/// Writes `valid` for the index of element `i` where it lies in the view, else `none`.
void IndexedTransfer::ifValid(Value i, function_ref<void(Value)> valid, function_ref<void()> none) {
  OpBuilder &builder = emit.builder;
  Value index = memref::LoadOp::create(builder, emit.loc, by, i);
  Value id = arith::IndexCastOp::create(builder, emit.loc, builder.getIndexType(), index);
  // Unsigned: a negative index is beyond every size.
  Value inside = arith::CmpIOp::create(builder, emit.loc, arith::CmpIPredicate::ult, id, size);
  auto choice = scf::IfOp::create(builder, emit.loc, inside, /*withElseRegion=*/bool(none));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(choice.thenBlock());
  valid(id);
  if (!none)
    return;
  builder.setInsertionPointToStart(choice.elseBlock());
  none();
}

/// The position of the view at `others` of the tile's other axes and `id`.
x86::Values IndexedTransfer::viewPosition(ValueRange others, Value id) {
  x86::Values position;
  for (auto [origin, offset] : llvm::zip(at, others))
    position.push_back(emit.add(origin, offset));
  position.insert(position.begin() + axis, id);
  return position;
}

x86::Values IndexedTransfer::tilePosition(ValueRange others, Value i) {
  x86::Values position(others);
  position.insert(position.begin() + axis, i);
  return position;
}

/// The pad as the storage holds it, in all lanes.
Value IndexedTransfer::padVector() {
  if (pad)
    return emit.splat(emit.toStorage(pad), lanes);
  return emit.neutral(Combine::add, emit.vectorOf(stored, lanes));
}

/// The whole storage.
void IndexedTransfer::fill() {
  auto type = cast<MemRefType>(storage.getType());
  Value flat = context.arena.get(buffer, {type.getNumElements()});
  Value value = padVector();
  emit.strips(type.getNumElements(), lanes, /*unroll=*/4,
              [&](Value position, int64_t) { emit.store(value, flat, position); });
}

void IndexedTransfer::fillRow(Value i) {
  Value value = padVector();
  emit.nest(ArrayRef<int64_t>(rest).drop_back(), [&](ValueRange outer) {
    emit.strips(rest.back(), lanes, /*unroll=*/4, [&](Value lane, int64_t) {
      x86::Values others(outer);
      others.push_back(lane);
      emit.store(value, storage, tilePosition(others, i));
    });
  });
}

/// The first `count` other axes, inside their bounds.
void IndexedTransfer::nestOthers(bool whole, size_t count, function_ref<void(ValueRange)> body) {
  x86::Values lo, hi;
  for (size_t i = 0; i < count; ++i) {
    lo.push_back(whole ? emit.index(0) : bounds.lo[i]);
    hi.push_back(whole ? emit.index(rest[i]) : bounds.hi[i]);
  }
  emit.nest(lo, hi, body);
}

/// Visits the positions of the other axes that are inside their bounds, vector by
/// vector along the last one (a null mask: all lanes), or element by element where
/// the view has no vectors there or the machine no masks.
void IndexedTransfer::eachVector(bool whole, function_ref<void(ValueRange, Value)> vector,
                                 function_ref<void(ValueRange)> element) {
  bool masks = elem.getIntOrFloatBitWidth() >= 32 || context.target.hasNarrowMasks();
  int64_t extent = rest.back(), full = extent / lanes * lanes;
  if (!unit || (!whole && !masks))
    return nestOthers(whole, rest.size(), element);
  nestOthers(whole, rest.size() - 1, [&](ValueRange outer) {
    auto others = [&](Value lane) {
      x86::Values position(outer);
      position.push_back(lane);
      return position;
    };
    if (!masks) { // a tail goes one by one
      emit.strips(full, lanes, 4, [&](Value lane, int64_t) { vector(others(lane), Value()); });
      for (int64_t lane = full; lane < extent; ++lane)
        element(others(emit.index(lane)));
      return;
    }
    emit.strips(extent, lanes, whole ? 4 : 1, [&](Value lane, int64_t valid) {
      Value mask;
      if (!whole) {
        Value first = bounds.lo.back();
        if (!isConstantIntValue(first, 0))
          first = emit.sub(first, lane);
        mask = emit.rangeMask(first, emit.sub(bounds.hi.back(), lane), lanes);
      } else if (valid < lanes) {
        mask = emit.prefixMask(valid, lanes);
      }
      vector(others(lane), mask);
    });
  });
}

//===----------------------------------------------------------------------===//
// Gathers
//===----------------------------------------------------------------------===//

void IndexedTransfer::gatherRow(Value i, Value id, bool whole) {
  OpBuilder &builder = emit.builder;
  eachVector(
      whole,
      [&](ValueRange others, Value mask) {
        x86::Values from = viewPosition(others, id);
        Value value;
        if (mask) {
          VectorType type = emit.vectorOf(elem, lanes);
          Value other = pad ? emit.splat(pad, lanes) : emit.neutral(Combine::add, type);
          value = vector::MaskedLoadOp::create(builder, emit.loc, type, view, from, mask, other);
        } else {
          value = emit.load(view, from, lanes);
        }
        emit.store(emit.toStorage(value), storage, tilePosition(others, i));
      },
      [&](ValueRange others) {
        Value value = memref::LoadOp::create(builder, emit.loc, view, viewPosition(others, id));
        emit.store(emit.toStorage(value), storage, tilePosition(others, i));
      });
}

/// The last axis goes by index: lanes of one vector come from anywhere on it.
void IndexedTransfer::gatherVectors(bool whole) {
  OpBuilder &builder = emit.builder;
  // Indices are below 2^31, so that a larger size bounds nothing.
  Value bound = emit.min(size, emit.index(int64_t(1) << 31));
  Value bound32 = arith::IndexCastOp::create(builder, emit.loc, builder.getI32Type(), bound);
  Value bounds32 = emit.splat(bound32, lanes), none = padVector();
  nestOthers(whole, rest.size(), [&](ValueRange others) {
    emit.strips(shape.back(), lanes, /*unroll=*/1, [&](Value lane, int64_t valid) {
      Value ids = emit.load(by, lane, lanes);
      Value mask =
          arith::CmpIOp::create(builder, emit.loc, arith::CmpIPredicate::ult, ids, bounds32);
      if (valid < lanes)
        mask = arith::AndIOp::create(builder, emit.loc, mask, emit.prefixMask(valid, lanes));
      x86::Values origin = viewPosition(others, emit.index(0));
      Value value = vector::GatherOp::create(builder, emit.loc, emit.vectorOf(elem, lanes), view,
                                             origin, ids, mask, none);
      emit.store(value, storage, tilePosition(others, lane));
    });
  });
}

void IndexedTransfer::gatherElements(bool whole) {
  nestOthers(whole, rest.size(), [&](ValueRange others) {
    emit.loop(emit.index(0), emit.index(shape.back()), 1, [&](Value i) {
      ifValid(
          i,
          [&](Value id) {
            Value value =
                memref::LoadOp::create(emit.builder, emit.loc, view, viewPosition(others, id));
            emit.store(emit.toStorage(value), storage, tilePosition(others, i));
          },
          nullptr);
    });
  });
}

void IndexedTransfer::emitGather() {
  if (isAlongLanes()) {
    // The machine gathers numbers of 32 and 64 bits.
    bool vectors = unit && elem.getIntOrFloatBitWidth() >= 32;
    auto gather = [&](bool whole) {
      if (!whole || !vectors)
        fill();
      vectors ? gatherVectors(whole) : gatherElements(whole);
    };
    return bounds.choose(emit, [&] { gather(true); }, [&] { gather(false); });
  }
  auto rows = [&](bool whole) {
    emit.loop(emit.index(0), emit.index(shape[axis]), 1, [&](Value i) {
      auto valid = [&](Value id) { gatherRow(i, id, whole); };
      auto none = [&] { fillRow(i); };
      whole ? ifValid(i, valid, none) : ifValid(i, valid, nullptr);
    });
  };
  bounds.choose(
      emit, [&] { rows(true); },
      [&] {
        fill();
        rows(false);
      });
}

//===----------------------------------------------------------------------===//
// Scatters
//===----------------------------------------------------------------------===//

void IndexedTransfer::scatterRow(Value i, Value id, bool whole) {
  OpBuilder &builder = emit.builder;
  eachVector(
      whole,
      [&](ValueRange others, Value mask) {
        Value value = emit.fromStorage(emit.load(storage, tilePosition(others, i), lanes), elem);
        x86::Values to = viewPosition(others, id);
        if (mask)
          vector::MaskedStoreOp::create(builder, emit.loc, view, to, mask, value);
        else
          emit.store(value, view, to);
      },
      [&](ValueRange others) {
        Value value = memref::LoadOp::create(builder, emit.loc, storage, tilePosition(others, i));
        emit.store(emit.fromStorage(value, elem), view, viewPosition(others, id));
      });
}

void IndexedTransfer::scatterElements(bool whole) {
  nestOthers(whole, rest.size(), [&](ValueRange others) {
    emit.loop(emit.index(0), emit.index(shape.back()), 1, [&](Value i) {
      ifValid(
          i,
          [&](Value id) {
            Value value =
                memref::LoadOp::create(emit.builder, emit.loc, storage, tilePosition(others, i));
            emit.store(emit.fromStorage(value, elem), view, viewPosition(others, id));
          },
          nullptr);
    });
  });
}

void IndexedTransfer::emitScatter() {
  auto scatter = [&](bool whole) {
    if (isAlongLanes())
      return scatterElements(whole);
    emit.loop(emit.index(0), emit.index(shape[axis]), 1,
              [&](Value i) { ifValid(i, [&](Value id) { scatterRow(i, id, whole); }, nullptr); });
  };
  bounds.choose(emit, [&] { scatter(true); }, [&] { scatter(false); });
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

LogicalResult x86::lowerGather(Context &context, Emitter &emit, sched::GatherOp op) {
  Place place{op.getView(), op.getAt(), op.getUpto(), op.getBy(),
              static_cast<int64_t>(op.getAxis())};
  IndexedTransfer(context, emit, place, op.getDest(), op.getPad()).emitGather();
  return success();
}

LogicalResult x86::lowerScatter(Context &context, Emitter &emit, sched::ScatterOp op) {
  Place place{op.getView(), op.getAt(), op.getUpto(), op.getBy(),
              static_cast<int64_t>(op.getAxis())};
  IndexedTransfer(context, emit, place, op.getSource(), /*pad=*/Value()).emitScatter();
  return success();
}

/// for e: if 0 <= by[e] < rows: dest[by[e], ..] += source[e, ..], vectors of a row
LogicalResult x86::lowerSegmentSum(Context &context, Emitter &emit, sched::SegmentSumOp op) {
  Value source = context.arena.get(op.getSource()), dest = context.arena.get(op.getDest());
  Value by = context.arena.get(op.getBy());
  auto from = cast<BufType>(op.getSource().getType());
  Type elem = from.getElem();
  int64_t lanes = context.target.getLanes(cast<MemRefType>(dest.getType()).getElementType());
  OpBuilder &builder = emit.builder;
  auto accumulate = [&](Value row, Value addend) {
    Value sum = emit.combine(Combine::add, row, addend);
    return elem.isF16() || elem.isBF16() ? emit.round(sum, elem) : sum;
  };
  Value rows = emit.index(op.getDest().getType().getDimSize(0));
  emit.loop(emit.index(0), emit.index(from.getDimSize(0)), 1, [&](Value e) {
    Value id = arith::IndexCastOp::create(builder, emit.loc, builder.getIndexType(),
                                          memref::LoadOp::create(builder, emit.loc, by, e));
    // Unsigned: a negative id is beyond every row.
    Value inside = arith::CmpIOp::create(builder, emit.loc, arith::CmpIPredicate::ult, id, rows);
    auto choice = scf::IfOp::create(builder, emit.loc, inside, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(choice.thenBlock());
    if (from.getRank() == 1) {
      Value sum = accumulate(emit.loadElement(dest, id), emit.loadElement(source, e));
      return emit.store(sum, dest, id);
    }
    emit.nest(from.getShape().drop_front().drop_back(), [&](ValueRange outer) {
      emit.strips(from.getShape().back(), lanes, /*unroll=*/4, [&](Value lane, int64_t) {
        x86::Values here{e}, there{id};
        for (x86::Values *position : {&here, &there}) {
          llvm::append_range(*position, outer);
          position->push_back(lane);
        }
        Value sum = accumulate(emit.load(dest, there, lanes), emit.load(source, here, lanes));
        emit.store(sum, dest, there);
      });
    });
  });
  return success();
}
