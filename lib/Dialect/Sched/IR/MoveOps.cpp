//===- MoveOps.cpp - Copies, loads, stores --------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Sched/IR/Sched.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

//===----------------------------------------------------------------------===//
// Copies, loads and stores
//===----------------------------------------------------------------------===//

/// The tile of a buffer or fragment.
static RankedTensorType getTile(Type type) {
  if (auto buffer = dyn_cast<BufType>(type))
    return buffer.getTile();
  return cast<FragType>(type).getTile();
}

static bool isPacked(Type type) {
  auto buffer = dyn_cast<BufType>(type);
  return buffer && buffer.isPacked();
}

/// Offsets and limits of an access to `view` by a tile like `tile`. With `indexed` the
/// first axis has neither.
static LogicalResult verifyAccess(Operation *op, MemRefType view, RankedTensorType tile,
                                  ValueRange at, ValueRange upto, bool indexed = false) {
  int64_t rank = view.getRank();
  if (static_cast<int64_t>(at.size()) + indexed != rank || tile.getRank() != rank) // C1
    return op->emitOpError() << "has " << at.size() << " offsets and a buffer of rank "
                             << tile.getRank() << " for a view of rank " << rank;
  if (!upto.empty() && upto.size() != at.size()) // C2
    return op->emitOpError() << "has " << upto.size() << " limits for a view of rank " << rank;
  if (view.getElementType() != tile.getElementType())
    return op->emitOpError() << "moves elements between " << view.getElementType() << " and "
                             << tile.getElementType();
  return success();
}

static LogicalResult verifyPad(Operation *op, Value pad, Type elem) {
  if (pad && pad.getType() != elem)
    return op->emitOpError() << "pads with " << pad.getType() << " but the buffer holds " << elem;
  return success();
}

/// The slot that `buffer` is a part of is in `mode`, or there is none.
static LogicalResult verifySlotMode(Operation *op, Value buffer, SlotMode mode) {
  Value slot = getSlot(buffer);
  if (!slot || cast<SlotType>(slot.getType()).getMode() == mode)
    return success();
  if (mode == SlotMode::waited)
    return op->emitOpError() << "'" << describe(slot)
                             << "' is acquired, not waited for: cannot read it";
  return op->emitOpError() << "'" << describe(slot)
                           << "' is waited for, not acquired: cannot write it";
}

/// True where copies of `engine` can complete as `kind`.
static bool completes(Engine engine, Completion kind) {
  switch (engine) {
  case Engine::bulk:
    return kind == Completion::tx;
  case Engine::async:
    return kind == Completion::fifo || kind == Completion::arrive;
  case Engine::direct:
    return kind == Completion::fifo;
  case Engine::pack:
    return kind == Completion::sync;
  }
  llvm_unreachable("unknown engine");
}

/// What `engine` can complete as, in words.
static StringRef describeCompletion(Engine engine) {
  switch (engine) {
  case Engine::bulk:
    return "tx";
  case Engine::async:
    return "fifo or arrive";
  case Engine::direct:
    return "fifo";
  case Engine::pack:
    return "sync";
  }
  llvm_unreachable("unknown engine");
}

/// C5 and C6 of copies.
static LogicalResult verifyDestination(CopyOp op) {
  Value slot = getSlot(op.getDest());
  if (!op.getEngine()) {
    if (slot || op.getDest().getType().getSpace() == Space::shared)
      return op.emitOpError("into a slot or shared memory names no engine");
    return success();
  }
  if (!slot)
    return op.emitOpError() << "'" << stringifyEngine(*op.getEngine())
                            << "' fills no slot: nothing says when it has landed";
  if (failed(verifySlotMode(op, op.getDest(), SlotMode::acquired)))
    return failure();
  Completion kind = cast<SlotType>(slot.getType()).getChan().getKind();
  if (completes(*op.getEngine(), kind))
    return success();
  Value channel = getChannel(slot);
  return op.emitOpError() << "a '" << stringifyEngine(*op.getEngine()) << "' copy completes as "
                          << describeCompletion(*op.getEngine()) << ", but channel '"
                          << (channel ? describe(channel) : describe(slot)) << "' is '"
                          << stringifyCompletion(kind) << "'";
}

/// C7 of copies, C6 of loads: one index per row, where it can be read.
static LogicalResult verifyIndices(Operation *op, Value by, RankedTensorType dest,
                                   int64_t axis = 0) {
  if (axis != 0 && (axis < 0 || axis >= dest.getRank()))
    return op->emitOpError() << "goes by index along axis " << axis << " of a tile of rank "
                             << dest.getRank();
  RankedTensorType indices = getTile(by.getType());
  int64_t count = indices.getNumElements(), rows = dest.getRank() < 1 ? 0 : dest.getDimSize(axis);
  auto buffer = dyn_cast<BufType>(by.getType());
  if (!indices.getElementType().isInteger(32) || count != rows || indices.getRank() < 1 ||
      indices.getDimSize(0) != count || (buffer && buffer.isPacked()))
    return op->emitOpError() << "needs " << rows << " indices of i32, got " << by.getType();
  if (buffer && buffer.getSpace() == Space::shared && !getSlot(by))
    return op->emitOpError("takes row indices from a part of a slot, or from local memory");
  return verifySlotMode(op, by, SlotMode::waited);
}

LogicalResult CopyOp::verify() {
  BufType dest = getDest().getType();
  if (failed(verifyPad(*this, getPad(), dest.getElem())) || failed(verifyDestination(*this)))
    return failure();
  if (dest.getStages() != 1)
    return emitOpError() << "fills one stage, not " << dest;
  if (auto view = dyn_cast<MemRefType>(getSource().getType())) {
    if (failed(verifyAccess(*this, view, dest.getTile(), getAt(), getUpto(), bool(getBy()))))
      return failure();
    return getBy() ? verifyIndices(*this, getBy(), dest.getTile()) : success();
  }
  if (!getAt().empty() || !getUpto().empty() || getPad() || getBy()) // C3
    return emitOpError("from a buffer takes no offsets, limits or pad");
  auto source = cast<BufType>(getSource().getType());
  if (source.getTile() != dest.getTile() || source.isPacked())
    return emitOpError() << "cannot copy " << source << " to " << dest;
  return verifySlotMode(*this, getSource(), SlotMode::waited);
}

/// `tile` with its last two axes swapped where `trans` says so; null without two axes.
static RankedTensorType transposed(RankedTensorType tile, bool trans) {
  if (!trans)
    return tile;
  int64_t rank = tile.getRank();
  if (rank < 2)
    return {};
  SmallVector<int64_t> shape(tile.getShape());
  std::swap(shape[rank - 2], shape[rank - 1]);
  return RankedTensorType::get(shape, tile.getElementType());
}

LogicalResult sched::LoadOp::verify() {
  FragType fragment = getFragment().getType();
  if (getAhead() && static_cast<int64_t>(*getAhead()) < 0) // C5
    return emitOpError() << "'ahead' is not negative, got " << static_cast<int64_t>(*getAhead());
  if (getAxis() && !getBy()) // C6
    return emitOpError("names an axis without 'by'");
  RankedTensorType tile = transposed(fragment.getTile(), getTrans());
  if (!tile) // C3
    return emitOpError() << "'trans' needs a fragment of rank 2, got " << fragment;
  if (failed(verifyPad(*this, getPad(), fragment.getElem())))
    return failure();
  if (auto view = dyn_cast<MemRefType>(getSource().getType()))
    return failed(verifyAccess(*this, view, tile, getAt(), getUpto(), bool(getBy()))) ||
                   (getBy() &&
                    failed(verifyIndices(*this, getBy(), tile, getAxis().value_or(0)))) // C6
               ? failure()
               : success();
  if (!getAt().empty() || !getUpto().empty() || getPad() || getWhere() || getBy()) // C2
    return emitOpError("from a buffer takes no offsets, limits, 'by', pad or 'where'");
  auto source = cast<BufType>(getSource().getType());
  if (source.getTile() != tile || source.isPacked() || source.getStages() != 1)
    return emitOpError() << "cannot load " << fragment << " from " << source;
  return verifySlotMode(*this, getSource(), SlotMode::waited); // C4
}

/// C4 of stores: ordinary writes into a slot.
static LogicalResult verifyPut(sched::StoreOp op) {
  Value slot = getSlot(op.getDest());
  if (!slot)
    return success();
  if (failed(verifySlotMode(op, op.getDest(), SlotMode::acquired)))
    return failure();
  Completion kind = cast<SlotType>(slot.getType()).getChan().getKind();
  if (kind == Completion::sync || kind == Completion::arrive)
    return success();
  Value channel = getChannel(slot);
  return op.emitOpError() << "a store completes as sync or arrive, but channel '"
                          << (channel ? describe(channel) : describe(slot)) << "' is '"
                          << stringifyCompletion(kind) << "'";
}

LogicalResult sched::StoreOp::verify() {
  auto fragment = dyn_cast<FragType>(getSource().getType());
  auto buffer = dyn_cast<BufType>(getSource().getType());
  if (buffer && buffer.isPacked()) // C3
    return emitOpError() << "takes no packed buffer, got " << buffer;
  if (buffer && (getTrans() || getWhere()))
    return emitOpError("of a buffer takes neither 'trans' nor 'where'");
  RankedTensorType tile = buffer ? buffer.getTile() : transposed(fragment.getTile(), getTrans());
  if (!tile)
    return emitOpError() << "'trans' needs a fragment of rank 2, got " << fragment;
  if (auto view = dyn_cast<MemRefType>(getDest().getType()))
    return verifyAccess(*this, view, tile, getAt(), getUpto());
  auto dest = cast<BufType>(getDest().getType());
  if (!fragment || !getAt().empty() || !getUpto().empty() || dest.getTile() != tile ||
      dest.isPacked() || dest.getStages() != 1) // C2
    return emitOpError() << "cannot put " << getSource().getType() << " into " << dest;
  return verifyPut(*this);
}

LogicalResult sched::ReduceStoreOp::verify() {
  RankedTensorType source = getTile(getSource().getType());
  if (failed(
          verifyAccess(*this, cast<MemRefType>(getView().getType()), source, getAt(), getUpto())))
    return failure();
  Type elem = source.getElementType();
  if (isPacked(getSource().getType()) ||
      !(elem.isF32() || elem.isF64() || elem.isInteger(32) || elem.isInteger(64))) // C2
    return emitOpError() << "reduces rows of f64, f32, i64 or i32 into memory, got "
                         << getSource().getType();
  auto grid = (*this)->getParentOfType<GridOp>();
  if (!getAtomic() && grid && grid.getOrder() != GridOrder::sequential) // C3
    return emitOpError("is not atomic, in a grid whose instances run in any order");
  return success();
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// No rearranging op takes packed buffers.
static LogicalResult verifyRows(Operation *op, BufType source, BufType dest) {
  if (source.isPacked() || dest.isPacked())
    return op->emitOpError("takes no packed buffers");
  return success();
}

LogicalResult MoveOp::verify() {
  BufType source = getSource().getType(), dest = getDest().getType();
  int64_t rank = source.getRank();
  for (size_t count : {getFrom().size(), getTo().size(), getSizes().size(), getPerm().size(),
                       static_cast<size_t>(dest.getRank())})
    if (static_cast<int64_t>(count) != rank) // C1
      return emitOpError() << "needs offsets, sizes and perm of rank " << rank << ", got " << count;
  llvm::SmallBitVector seen(rank);
  for (auto [axis, from] : llvm::enumerate(getPerm())) {
    if (from < 0 || from >= rank || seen.test(from))
      return emitOpError() << "perm is no permutation of " << rank << " axes";
    seen.set(from);
    int64_t size = getSizes()[axis];
    if (size < 1 || getTo()[axis] < 0 || getTo()[axis] + size > dest.getDimSize(axis) ||
        getFrom()[from] < 0 || getFrom()[from] + size > source.getDimSize(from)) // C2
      return emitOpError() << "leaves a buffer along axis " << axis;
  }
  if (source.getElem() != dest.getElem()) // C3
    return emitOpError() << "moves " << source.getElem() << " to " << dest.getElem();
  return verifyRows(*this, source, dest);
}

/// An op from a buffer into a buffer, or from a fragment to a fragment: the type of
/// what it writes, or null after an error.
template <typename OpTy> static Type verifyForm(OpTy op) {
  bool fragment = isa<FragType>(op.getSource().getType());
  if (fragment != bool(op.getResult()) || fragment == bool(op.getDest())) {
    op.emitOpError("goes from a buffer into a buffer, or from a fragment to a fragment");
    return {};
  }
  if (isPacked(op.getSource().getType()) || (op.getDest() && op.getDest().getType().isPacked())) {
    op.emitOpError("takes no packed buffers");
    return {};
  }
  return fragment ? Type(op.getResult().getType()) : Type(op.getDest().getType());
}

LogicalResult sched::ReshapeOp::verify() {
  Type type = verifyForm(*this); // C2
  if (!type)
    return failure();
  RankedTensorType source = getTile(getSource().getType()), dest = getTile(type);
  if (source.getNumElements() != dest.getNumElements() ||
      source.getElementType() != dest.getElementType()) // C1
    return emitOpError() << "cannot make " << type << " of " << getSource().getType();
  return success();
}

LogicalResult sched::ScanOp::verify() {
  Type type = verifyForm(*this); // C3
  if (!type)
    return failure();
  RankedTensorType source = getTile(getSource().getType());
  if (static_cast<int64_t>(getAxis()) < 0 ||
      static_cast<int64_t>(getAxis()) >= source.getRank()) // C1
    return emitOpError() << "axis " << static_cast<int64_t>(getAxis()) << " is no axis of rank "
                         << source.getRank();
  if (source != getTile(type)) // C2
    return emitOpError() << "scans " << getSource().getType() << " into " << type;
  return success();
}

LogicalResult sched::ArgMaxOp::verify() {
  Type type = verifyForm(*this); // C3
  if (!type)
    return failure();
  RankedTensorType source = getTile(getSource().getType()), dest = getTile(type);
  int64_t axis = getAxis();
  if (axis < 0 || axis >= source.getRank()) // C1
    return emitOpError() << "axis " << axis << " is no axis of rank " << source.getRank();
  SmallVector<int64_t> shape(source.getShape());
  shape.erase(shape.begin() + axis);
  if (dest.getShape() != ArrayRef<int64_t>(shape) || !dest.getElementType().isInteger(32)) // C2
    return emitOpError() << "along axis " << axis << " of " << getSource().getType()
                         << " does not give " << type;
  return success();
}

LogicalResult CutOp::verify() {
  FragType source = getSource().getType(), result = getResult().getType();
  int64_t rank = source.getRank();
  llvm::SmallBitVector seen(rank);
  bool permutes = static_cast<int64_t>(getPerm().size()) == rank;
  for (int64_t axis : getPerm()) {
    permutes = permutes && axis >= 0 && axis < rank && !seen.test(axis);
    if (permutes)
      seen.set(axis);
  }
  if (!permutes || static_cast<int64_t>(getAt().size()) != rank || result.getRank() != rank) // C1
    return emitOpError() << "needs offsets and a permutation of " << rank << " axes, for "
                         << result;
  for (auto [axis, from] : llvm::enumerate(getPerm())) // C2
    if (getAt()[from] < 0 || getAt()[from] + result.getDimSize(axis) > source.getDimSize(from))
      return emitOpError() << "leaves " << source << " along axis " << from;
  if (source.getElem() != result.getElem()) // C3
    return emitOpError() << "of " << source << " cannot give " << result;
  return success();
}

LogicalResult sched::ConcatOp::verify() {
  FragType result = getResult().getType();
  int64_t axis = getAxis(), sum = 0;
  if (axis < 0 || axis >= result.getRank()) // C1
    return emitOpError() << "axis " << axis << " is no axis of rank " << result.getRank();
  for (Value part : getParts()) { // C2
    auto type = cast<FragType>(part.getType());
    SmallVector<int64_t> shape(type.getShape());
    if (type.getRank() == result.getRank()) {
      sum += shape[axis];
      shape[axis] = result.getDimSize(axis);
    }
    if (ArrayRef<int64_t>(shape) != result.getShape() || type.getElem() != result.getElem())
      return emitOpError() << "cannot put " << type << " into " << result;
  }
  if (sum != result.getDimSize(axis))
    return emitOpError() << "of extents that add up to " << sum << " does not give " << result;
  return success();
}

LogicalResult ScalarOp::verify() {
  auto buffer = dyn_cast<BufType>(getSource().getType());
  auto view = dyn_cast<MemRefType>(getSource().getType());
  RankedTensorType tile = view ? RankedTensorType() : getTile(getSource().getType());
  int64_t rank = view ? view.getRank() : tile.getRank();
  if (static_cast<int64_t>(getAt().size()) != rank || (buffer && buffer.isPacked())) // C1
    return emitOpError() << "takes " << rank << " indices of a row buffer, got " << getAt().size()
                         << " for " << getSource().getType();
  Type elem = view ? view.getElementType() : tile.getElementType();
  if (getValue().getType() != elem) // C2
    return emitOpError() << "gives " << elem << ", not " << getValue().getType();
  return buffer ? verifySlotMode(*this, getSource(), SlotMode::waited) : success();
}

LogicalResult FillOp::verify() {
  BufType dest = getDest().getType();
  if (getValue().getType() != dest.getElem()) // C1
    return emitOpError() << "puts " << getValue().getType() << " into " << dest;
  if (dest.isPacked() || dest.getStages() != 1) // C2
    return emitOpError() << "takes one row buffer, not " << dest;
  return success();
}

LogicalResult sched::SplatOp::verify() {
  if (getValue().getType() != getFragment().getType().getElem()) // C1
    return emitOpError() << "puts " << getValue().getType() << " into " << getFragment().getType();
  return success();
}
