//===- Copy.cpp - Tiles between views and buffers -------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   if the whole tile lies inside the bounds: move it, vector by vector
//   else: fill the buffer with the pad, then move what lies inside, with masks
//
// The last axis of the storage runs along lanes. Where another axis of the view
// has the unit stride, squares of lanes x lanes elements are transposed in
// registers; where none has, elements move one by one. Storage that holds pairs of
// neighbours along K takes two rows at a time, or squares of pairs.
//
//===----------------------------------------------------------------------===//

#include "Bounds.h"
#include "Lowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/AffineMap.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

namespace {

/// A view whose axis `unit` has stride 1, seen with that axis last.
struct UnitView {
  Value memref;
  SmallVector<int64_t> axes; ///< of the view, in the order of `memref`

  UnitView(x86::Emitter &emit, Value view, int64_t unit) : memref(view) {
    int64_t rank = cast<MemRefType>(view.getType()).getRank();
    axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    if (unit == rank - 1)
      return;
    axes.erase(axes.begin() + unit);
    axes.push_back(unit);
    auto map = AffineMap::getPermutationMap(axes, view.getContext());
    memref = memref::TransposeOp::create(emit.builder, emit.loc, view, AffineMapAttr::get(map));
  }

  /// A position of the view as one of `memref`.
  x86::Values order(ValueRange position) const {
    x86::Values ordered;
    for (int64_t axis : axes)
      ordered.push_back(position[axis]);
    return ordered;
  }
};

/// How a tile lies in its storage: which tile axis runs along lanes, and where
/// an element is.
struct TileLayout {
  BufType buf;
  int64_t laneAxis, rowAxis; ///< rowAxis: the axis beside it, -1 in rank 1
  int64_t group;             ///< neighbours along rowAxis that lie side by side: 1 or 2

  TileLayout(BufType buf, const TargetInfo &target)
      : buf(buf), group(x86::isPaired(buf, target) ? 2 : 1) {
    int64_t rank = buf.getRank();
    bool swapped = buf.isPacked() && buf.getTransposed();
    laneAxis = swapped ? rank - 2 : rank - 1;
    rowAxis = swapped ? rank - 1 : rank - 2;
  }

  /// Where the element at `position` of the tile lies in the storage.
  x86::Values locate(x86::Emitter &emit, ValueRange position) const {
    if (buf.getRank() == 0)
      return {emit.index(0)};
    if (!buf.isPacked())
      return x86::Values(position);
    x86::Values place(position.drop_back(2));
    Value lane = position[laneAxis], row = position[rowAxis];
    Value inside = emit.mul(emit.rem(lane, buf.getPanel()), group);
    place.append({emit.div(lane, buf.getPanel()), emit.div(row, group),
                  emit.add(inside, emit.rem(row, group))});
    return place;
  }
};

//===----------------------------------------------------------------------===//
// From a view into a buffer
//===----------------------------------------------------------------------===//

/// Moves one tile between a view and its storage.
class TileTransfer {
public:
  TileTransfer(x86::Context &context, x86::Emitter &emit, Value view, ValueRange at,
               ValueRange upto, Value buffer, Value pad)
      : context(context), emit(emit), view(view), at(at), buffer(buffer),
        storage(context.arena.get(buffer)), layout(cast<BufType>(buffer.getType()), context.target),
        shape(layout.buf.getShape()),
        bounds(emit, view, llvm::to_vector(llvm::seq<int64_t>(0, shape.size())), at, upto, shape),
        pad(pad) {
    auto type = cast<MemRefType>(view.getType());
    elem = type.getElementType();
    held = context.target.getRegisterType(layout.buf.getElem());
    lanes = context.target.getLanes(held);
    findUnitAxis(type);
  }

  void emitCopy();
  void emitStore();
  /// A place that holds the tile: the view, or the storage after the copy.
  Value emitCopyUnlessWhole();
  /// A place to write the tile to, the view or the storage, and when it is the view
  /// (null: always).
  std::pair<Value, Value> chooseDestination();
  /// What is left to do for a tile in the storage.
  void emitStoreUnlessWhole();

private:
  void findUnitAxis(MemRefType type);
  void copy(bool whole);
  void copyPart();
  void store(bool whole);
  Value placeInView();
  Value placeInStorage();
  Value choosePlace(function_ref<void()> otherwise);
  bool masksAllowed() const {
    return elem.getIntOrFloatBitWidth() >= 32 || context.target.hasNarrowMasks();
  }
  void fill();
  void clearBeyond();
  void clearOddPartners();
  void keepInStorage(ValueRange place, ArrayRef<bool> kept);
  Value padVector();
  x86::Values viewPosition(ValueRange position);
  Value loadRaw(const UnitView &from, ValueRange position, int64_t count, Value mask);
  Value loadLanes(const UnitView &from, ValueRange position, Value mask) {
    return emit.toStorage(loadRaw(from, position, lanes, mask));
  }
  void prefetch(const UnitView &from, x86::Values position, int64_t axis, int64_t ahead);
  int64_t getRowsAhead() const;
  Value inBounds(Value position, int64_t axis);
  Value maskAlong(int64_t axis, Value first, int64_t count);
  void copyElements(ValueRange lo, ValueRange hi);
  void copyRows(bool whole);
  void copyPairedRows(bool whole);
  void copySquares(bool whole);
  void copySquare(const UnitView &from, ValueRange outer, Value first, int64_t rows, Value k,
                  int64_t depth, bool whole);
  void storeRows(bool whole);
  void storeElements(ValueRange lo, ValueRange hi);

  x86::Context &context;
  x86::Emitter &emit;
  Value view;
  x86::Values at;
  Value buffer, storage;
  TileLayout layout;
  ArrayRef<int64_t> shape;
  x86::Bounds bounds;
  Value pad;
  Type elem, held; ///< of elements in the view, in registers
  int64_t lanes, unitAxis = -1;
};

} // namespace

/// The lane axis if its stride is 1, else the row axis if that one's is, else none.
/// Bits (i1) have no vectors in memory: they are bytes there.
void TileTransfer::findUnitAxis(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (elem.isInteger(1) || shape.empty() || failed(type.getStridesAndOffset(strides, offset)))
    return;
  if (strides[layout.laneAxis] == 1)
    unitAxis = layout.laneAxis;
  else if (layout.rowAxis >= 0 && strides[layout.rowAxis] == 1 && shape[layout.rowAxis] > 1)
    unitAxis = layout.rowAxis;
}

x86::Values TileTransfer::viewPosition(ValueRange position) {
  x86::Values result;
  for (auto [origin, offset] : llvm::zip(at, position))
    result.push_back(emit.add(origin, offset));
  return result;
}

/// The pad as the storage holds it, in all lanes.
Value TileTransfer::padVector() {
  if (pad)
    return emit.splat(emit.toStorage(pad), lanes);
  return emit.neutral(Combine::add, emit.vectorOf(held, lanes));
}

/// The whole storage, padding and all.
void TileTransfer::fill() {
  auto type = cast<MemRefType>(storage.getType());
  Value flat = context.arena.get(buffer, {type.getNumElements()});
  Value value = padVector();
  emit.strips(type.getNumElements(), lanes, /*unroll=*/4,
              [&](Value position, int64_t) { emit.store(value, flat, position); });
}

/// Clears those of the elements at `place` of the storage that are not `kept`.
void TileTransfer::keepInStorage(ValueRange place, ArrayRef<bool> kept) {
  Type stored = cast<MemRefType>(storage.getType()).getElementType();
  VectorType type = emit.vectorOf(stored, kept.size());
  Value value = emit.neutral(Combine::add, type);
  if (llvm::is_contained(kept, true)) {
    auto maskType = emit.vectorOf(emit.builder.getI1Type(), kept.size());
    Value mask =
        arith::ConstantOp::create(emit.builder, emit.loc, DenseElementsAttr::get(maskType, kept));
    Value old = vector::LoadOp::create(emit.builder, emit.loc, type, storage, place);
    value = arith::SelectOp::create(emit.builder, emit.loc, mask, old, value);
  }
  emit.store(value, storage, place);
}

/// Columns of the last panel beyond the tile are 0 whatever the pad.
void TileTransfer::clearBeyond() {
  BufType buf = layout.buf;
  if (!buf.isPacked() || shape[layout.laneAxis] % buf.getPanel() == 0)
    return;
  auto type = cast<MemRefType>(storage.getType());
  int64_t rank = type.getRank(), used = shape[layout.laneAxis] % buf.getPanel();
  SmallVector<int64_t> outer(type.getShape().drop_back(3));
  outer.push_back(type.getDimSize(rank - 2));
  emit.nest(outer, [&](ValueRange position) {
    for (int64_t lane = used / lanes * lanes; lane < buf.getPanel(); lane += lanes) {
      x86::Values place(position.drop_back());
      place.append({emit.index(type.getDimSize(rank - 3) - 1), position.back(),
                    emit.index(layout.group * lane)});
      SmallVector<bool> kept(layout.group * lanes, false);
      std::fill_n(kept.begin(), layout.group * std::clamp<int64_t>(used - lane, 0, lanes), true);
      keepInStorage(place, kept);
    }
  });
}

/// The last of an odd number of rows has a 0 beside each element, whatever the pad.
void TileTransfer::clearOddPartners() {
  if (layout.group == 1 || shape[layout.rowAxis] % layout.group == 0)
    return;
  auto type = cast<MemRefType>(storage.getType());
  int64_t rank = type.getRank(), width = layout.group * lanes;
  SmallVector<bool> kept;
  for (int64_t i = 0; i < width; ++i)
    kept.push_back(i % layout.group == 0);
  emit.nest(type.getShape().drop_back(2), [&](ValueRange outer) {
    emit.strips(type.getDimSize(rank - 1), width, 1, [&](Value inside, int64_t) {
      x86::Values place(outer);
      place.append({emit.index(type.getDimSize(rank - 2) - 1), inside});
      keepInStorage(place, kept);
    });
  });
}

/// `count` elements along the unit axis from `position` of the tile, those under
/// `mask` (null: all), as the view holds them.
Value TileTransfer::loadRaw(const UnitView &from, ValueRange position, int64_t count, Value mask) {
  x86::Values place = from.order(viewPosition(position));
  VectorType type = emit.vectorOf(elem, count);
  if (!mask)
    return vector::LoadOp::create(emit.builder, emit.loc, type, from.memref, place);
  Value other = pad ? emit.splat(pad, count) : emit.neutral(Combine::add, type);
  return vector::MaskedLoadOp::create(emit.builder, emit.loc, type, from.memref, place, mask,
                                      other);
}

/// Asks for what lies `ahead` positions further along `axis`. The machine itself looks
/// ahead along rows, but those of a tile are short and far apart. An address beyond the
/// view does no harm.
void TileTransfer::prefetch(const UnitView &from, x86::Values position, int64_t axis,
                            int64_t ahead) {
  position[axis] = emit.add(position[axis], ahead);
  memref::PrefetchOp::create(emit.builder, emit.loc, from.memref,
                             from.order(viewPosition(position)), /*isWrite=*/false,
                             /*localityHint=*/3, /*isDataCache=*/true);
}

/// Rows that fill a few dozen lines of cache: what arrives while they are copied.
int64_t TileTransfer::getRowsAhead() const {
  constexpr int64_t bytes = 2048;
  int64_t row = shape[layout.laneAxis] * elem.getIntOrFloatBitWidth() / 8;
  return llvm::divideCeil(bytes, row);
}

/// i1: whether `position` lies within the bounds along `axis`.
Value TileTransfer::inBounds(Value position, int64_t axis) {
  OpBuilder &builder = emit.builder;
  Value above = arith::CmpIOp::create(builder, emit.loc, arith::CmpIPredicate::sge, position,
                                      bounds.lo[axis]);
  Value below = arith::CmpIOp::create(builder, emit.loc, arith::CmpIPredicate::slt, position,
                                      bounds.hi[axis]);
  return arith::AndIOp::create(builder, emit.loc, above, below);
}

void TileTransfer::copyElements(ValueRange lo, ValueRange hi) {
  emit.nest(lo, hi, [&](ValueRange position) {
    Value value = memref::LoadOp::create(emit.builder, emit.loc, view, viewPosition(position));
    emit.store(emit.toStorage(value), storage, layout.locate(emit, position));
  });
}

/// Which of `count` elements from `first` on along `axis` lie within the bounds.
Value TileTransfer::maskAlong(int64_t axis, Value first, int64_t count) {
  Value low = bounds.lo[axis];
  if (!isConstantIntValue(low, 0))
    low = emit.sub(low, first);
  return emit.rangeMask(low, emit.sub(bounds.hi[axis], first), count);
}

/// The lane axis has the unit stride.
void TileTransfer::copyRows(bool whole) {
  UnitView from(emit, view, unitAxis);
  int64_t extent = shape[layout.laneAxis];
  x86::Values lo, hi;
  for (auto [axis, size] : llvm::enumerate(shape)) {
    if (static_cast<int64_t>(axis) == layout.laneAxis)
      continue;
    lo.push_back(whole ? emit.index(0) : bounds.lo[axis]);
    hi.push_back(whole ? emit.index(size) : bounds.hi[axis]);
  }
  emit.nest(lo, hi, [&](ValueRange outer) {
    emit.strips(extent, lanes, whole ? 4 : 1, [&](Value lane, int64_t valid) {
      x86::Values position(outer);
      position.insert(position.begin() + layout.laneAxis, lane);
      Value mask;
      if (!whole)
        mask = maskAlong(layout.laneAxis, lane, lanes);
      else if (valid < lanes)
        mask = emit.prefixMask(valid, lanes);
      if (whole && layout.rowAxis >= 0)
        prefetch(from, position, layout.rowAxis, getRowsAhead());
      emit.store(loadLanes(from, position, mask), storage, layout.locate(emit, position));
    });
  });
}

/// The same into pairs: two rows are read, and written element by element in turn.
void TileTransfer::copyPairedRows(bool whole) {
  UnitView from(emit, view, unitAxis);
  int64_t extent = shape[layout.laneAxis], depth = shape[layout.rowAxis];
  x86::Values lo, hi;
  for (int64_t axis = 0, end = shape.size() - 2; axis < end; ++axis) {
    lo.push_back(whole ? emit.index(0) : bounds.lo[axis]);
    hi.push_back(whole ? emit.index(shape[axis]) : bounds.hi[axis]);
  }
  SmallVector<int64_t> picks;
  for (int64_t lane = 0; lane < lanes; ++lane)
    picks.append({lane, lanes + lane});
  Value zero = emit.neutral(Combine::add, emit.vectorOf(elem, lanes));
  auto copyPair = [&](ValueRange outer, Value row, bool partner) {
    emit.strips(extent, lanes, whole ? 2 : 1, [&](Value lane, int64_t valid) {
      Value mask;
      if (!whole)
        mask = maskAlong(layout.laneAxis, lane, lanes);
      else if (valid < lanes)
        mask = emit.prefixMask(valid, lanes);
      auto loadRow = [&](Value row) {
        x86::Values position(outer);
        position.append(2, row);
        position[layout.laneAxis] = lane;
        Value rowMask = mask;
        if (!whole)
          rowMask = arith::AndIOp::create(emit.builder, emit.loc, mask,
                                          emit.splat(inBounds(row, layout.rowAxis), lanes));
        else
          prefetch(from, position, layout.rowAxis, getRowsAhead());
        return loadRaw(from, position, lanes, rowMask);
      };
      Value first = loadRow(row), second = partner ? loadRow(emit.add(row, 1)) : zero;
      x86::Values position(outer);
      position.append(2, row);
      position[layout.laneAxis] = lane;
      emit.store(emit.shuffle(first, second, picks), storage, layout.locate(emit, position));
    });
  };
  emit.nest(lo, hi, [&](ValueRange outer) {
    emit.loop(emit.index(0), emit.index(depth / 2 * 2), 2,
              [&](Value row) { copyPair(outer, row, /*partner=*/true); });
    if (depth % 2 != 0)
      copyPair(outer, emit.index(depth - 1), /*partner=*/false);
  });
}

/// The row axis has the unit stride: squares are transposed in registers.
void TileTransfer::copySquares(bool whole) {
  UnitView from(emit, view, unitAxis);
  int64_t extent = shape[layout.laneAxis], depth = shape[layout.rowAxis];
  SmallVector<int64_t> outer;
  outer.append(shape.begin(), shape.end() - 2);
  emit.nest(outer, [&](ValueRange position) {
    emit.strips(extent, lanes, 1, [&](Value lane, int64_t rows) {
      emit.strips(depth, layout.group * lanes, 1, [&](Value k, int64_t valid) {
        copySquare(from, position, lane, rows, k, valid, whole);
      });
    });
  });
}

/// Lanes [first, first + rows) and rows [k, k + depth) of the storage. Pairs are
/// transposed as one element each.
void TileTransfer::copySquare(const UnitView &from, ValueRange outer, Value first, int64_t rows,
                              Value k, int64_t depth, bool whole) {
  auto positionOf = [&](Value lane, Value row) {
    x86::Values position(outer);
    position.append({layout.laneAxis < layout.rowAxis ? lane : row,
                     layout.laneAxis < layout.rowAxis ? row : lane});
    return position;
  };
  OpBuilder &builder = emit.builder;
  bool paired = layout.group == 2;
  int64_t count = layout.group * lanes;
  Value mask = depth < count ? emit.prefixMask(depth, count) : Value();
  if (!whole) {
    mask = maskAlong(layout.rowAxis, k, count);
    for (auto [axis, iv] : llvm::enumerate(outer))
      mask = arith::AndIOp::create(builder, emit.loc, mask, emit.splat(inBounds(iv, axis), count));
  }
  VectorType pairs = emit.vectorOf(builder.getI32Type(), lanes);
  auto loadRow = [&](Value lane) -> Value {
    Value rowMask = mask;
    if (!whole)
      rowMask = arith::AndIOp::create(builder, emit.loc, mask,
                                      emit.splat(inBounds(lane, layout.laneAxis), count));
    else
      prefetch(from, positionOf(lane, k), layout.laneAxis, lanes);
    Value raw = loadRaw(from, positionOf(lane, k), count, rowMask);
    if (paired)
      return vector::BitCastOp::create(builder, emit.loc, pairs, raw);
    return emit.toStorage(raw);
  };
  Value none = paired ? emit.neutral(Combine::add, pairs) : padVector();
  x86::Values square;
  for (int64_t row = 0; row < lanes; ++row)
    square.push_back(row < rows ? loadRow(emit.add(first, row)) : none);
  square = emit.transpose(square);
  for (int64_t row = 0; row < depth; row += layout.group) {
    Value value = square[row / layout.group];
    if (paired)
      value = vector::BitCastOp::create(builder, emit.loc, emit.vectorOf(elem, count), value);
    emit.store(value, storage, layout.locate(emit, positionOf(first, emit.add(k, row))));
  }
}

void TileTransfer::copy(bool whole) {
  bool rows = unitAxis == layout.laneAxis && unitAxis >= 0;
  // Without masks for narrow elements a row's tail goes one by one.
  bool tail = unitAxis >= 0 && shape[unitAxis] % lanes != 0;
  if (unitAxis < 0 || ((!whole || tail) && !masksAllowed())) {
    x86::Values zero(shape.size(), emit.index(0)), extents;
    for (int64_t extent : shape)
      extents.push_back(emit.index(extent));
    copyElements(whole ? zero : bounds.lo, whole ? extents : bounds.hi);
  } else if (rows && layout.group == 2) {
    copyPairedRows(whole);
  } else if (rows) {
    copyRows(whole);
  } else {
    copySquares(whole);
  }
  clearBeyond();
  clearOddPartners();
}

void TileTransfer::copyPart() {
  fill();
  copy(/*whole=*/false);
}

void TileTransfer::emitCopy() {
  bounds.choose(emit, [&] { copy(/*whole=*/true); }, [&] { copyPart(); });
}

//===----------------------------------------------------------------------===//
// From a buffer into a view
//===----------------------------------------------------------------------===//

void TileTransfer::storeElements(ValueRange lo, ValueRange hi) {
  emit.nest(lo, hi, [&](ValueRange position) {
    Value value = emit.loadElement(storage, layout.locate(emit, position));
    emit.store(emit.fromStorage(value, elem), view, viewPosition(position));
  });
}

void TileTransfer::storeRows(bool whole) {
  int64_t axis = layout.laneAxis;
  x86::Values lo, hi;
  for (auto [i, size] : llvm::enumerate(shape.drop_back())) {
    lo.push_back(whole ? emit.index(0) : bounds.lo[i]);
    hi.push_back(whole ? emit.index(size) : bounds.hi[i]);
  }
  emit.nest(lo, hi, [&](ValueRange outer) {
    emit.strips(shape[axis], lanes, whole ? 4 : 1, [&](Value lane, int64_t valid) {
      x86::Values position(outer);
      position.push_back(lane);
      Value value = emit.fromStorage(emit.load(storage, position, lanes), elem);
      x86::Values place = viewPosition(position);
      if (whole && valid == lanes)
        return emit.store(value, view, place);
      Value mask;
      if (whole) {
        mask = emit.prefixMask(valid, lanes);
      } else {
        Value first = bounds.lo[axis];
        if (!isConstantIntValue(first, 0))
          first = emit.sub(first, lane);
        mask = emit.rangeMask(first, emit.sub(bounds.hi[axis], lane), lanes);
      }
      vector::MaskedStoreOp::create(emit.builder, emit.loc, view, place, mask, value);
    });
  });
}

void TileTransfer::store(bool whole) {
  bool tail = unitAxis >= 0 && shape[unitAxis] % lanes != 0;
  bool rows = unitAxis >= 0 && unitAxis == layout.laneAxis && layout.group == 1;
  if (rows && ((whole && !tail) || masksAllowed()))
    return storeRows(whole);
  x86::Values zero(shape.size(), emit.index(0)), extents;
  for (int64_t extent : shape)
    extents.push_back(emit.index(extent));
  storeElements(whole ? zero : bounds.lo, whole ? extents : bounds.hi);
}

void TileTransfer::emitStore() {
  bounds.choose(emit, [&] { store(/*whole=*/true); }, [&] { store(/*whole=*/false); });
}

//===----------------------------------------------------------------------===//
// In place
//===----------------------------------------------------------------------===//

/// `memref` from `offsets` on, in the tile's shape, with strides that are not known.
static Value viewTile(x86::Emitter &emit, Value memref, ValueRange offsets,
                      ArrayRef<int64_t> shape) {
  OpBuilder &builder = emit.builder;
  SmallVector<OpFoldResult> sizes, strides(shape.size(), builder.getIndexAttr(1));
  for (int64_t extent : shape)
    sizes.push_back(builder.getIndexAttr(extent));
  Value tile = memref::SubViewOp::create(builder, emit.loc, memref, getAsOpFoldResult(offsets),
                                         sizes, strides);
  SmallVector<int64_t> unknown(shape.size(), ShapedType::kDynamic);
  unknown.back() = 1;
  auto layout = StridedLayoutAttr::get(builder.getContext(), ShapedType::kDynamic, unknown);
  auto type = MemRefType::get(shape, cast<MemRefType>(memref.getType()).getElementType(), layout);
  return builder.createOrFold<memref::CastOp>(emit.loc, type, tile);
}

Value TileTransfer::placeInView() { return viewTile(emit, view, at, shape); }

Value TileTransfer::placeInStorage() {
  return viewTile(emit, storage, x86::Values(shape.size(), emit.index(0)), shape);
}

/// Whether a tile of `shape` may lie in `memref` at all: MLIR takes no subview that leaves
/// a static extent, not even where it is never run.
static bool mayLieIn(Value memref, ValueRange offsets, ArrayRef<int64_t> shape) {
  ArrayRef<int64_t> extents = cast<MemRefType>(memref.getType()).getShape();
  return llvm::all_of(llvm::zip_equal(offsets, extents, shape), [](auto axis) {
    auto [offset, extent, size] = axis;
    int64_t first = getConstantIntValue(offset).value_or(0);
    return first >= 0 && (ShapedType::isDynamic(extent) || first + size <= extent);
  });
}

/// The tile in its view, or in the storage after what there is to do `otherwise`.
Value TileTransfer::choosePlace(function_ref<void()> otherwise) {
  if (!bounds.inside)
    return placeInView();
  if (!mayLieIn(view, at, shape)) {
    otherwise();
    return placeInStorage();
  }
  auto choice = scf::IfOp::create(
      emit.builder, emit.loc, bounds.inside,
      [&](OpBuilder &, Location) {
        Value place = placeInView();
        scf::YieldOp::create(emit.builder, emit.loc, place);
      },
      [&](OpBuilder &, Location) {
        otherwise();
        Value place = placeInStorage();
        scf::YieldOp::create(emit.builder, emit.loc, place);
      });
  return choice.getResult(0);
}

Value TileTransfer::emitCopyUnlessWhole() {
  return choosePlace([&] { copyPart(); });
}

std::pair<Value, Value> TileTransfer::chooseDestination() {
  return {choosePlace([] {}), bounds.inside};
}

void TileTransfer::emitStoreUnlessWhole() {
  bounds.choose(emit, [] {}, [&] { store(/*whole=*/false); });
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

LogicalResult x86::lowerCopy(Context &context, Emitter &emit, CopyOp op) {
  Value source = op.getSource();
  x86::Values at(op.getAt()), upto(op.getUpto());
  if (auto buf = dyn_cast<BufType>(source.getType())) {
    if (buf.getRank() == 0) {
      Value zero = emit.index(0);
      emit.store(emit.load(context.arena.get(source), zero, /*lanes=*/1),
                 context.arena.get(op.getDest()), zero);
      return success();
    }
    // The storage of a row buffer, seen without its padding, is a view like any other.
    Value memref = context.arena.get(source);
    auto type = cast<MemRefType>(memref.getType());
    SmallVector<OpFoldResult> offsets(type.getRank(), emit.builder.getIndexAttr(0)), sizes,
        strides(type.getRank(), emit.builder.getIndexAttr(1));
    for (int64_t extent : buf.getShape())
      sizes.push_back(emit.builder.getIndexAttr(extent));
    source = memref::SubViewOp::create(emit.builder, emit.loc, memref, offsets, sizes, strides);
    at.assign(buf.getRank(), emit.index(0));
  }
  TileTransfer(context, emit, source, at, upto, op.getDest(), op.getPad()).emitCopy();
  return success();
}

Value x86::readInPlace(Context &context, Emitter &emit, CopyOp op) {
  return TileTransfer(context, emit, op.getSource(), op.getAt(), op.getUpto(), op.getDest(),
                      op.getPad())
      .emitCopyUnlessWhole();
}

static TileTransfer transferOf(x86::Context &context, x86::Emitter &emit, sched::StoreOp op) {
  return TileTransfer(context, emit, op.getDest(), op.getAt(), op.getUpto(), op.getSource(),
                      /*pad=*/Value());
}

Value x86::writeInPlace(Context &context, Emitter &emit, sched::StoreOp op) {
  auto [place, whole] = transferOf(context, emit, op).chooseDestination();
  context.inPlace[op] = whole;
  return place;
}

LogicalResult x86::lowerStore(Context &context, Emitter &emit, sched::StoreOp op) {
  TileTransfer transfer = transferOf(context, emit, op);
  auto entry = context.inPlace.find(op);
  if (entry == context.inPlace.end())
    transfer.emitStore();
  else if (entry->second)
    transfer.emitStoreUnlessWhole();
  return success();
}
