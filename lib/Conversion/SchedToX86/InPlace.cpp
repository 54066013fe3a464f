//===- InPlace.cpp - Tiles that maps read and write in memory -------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A copy into a buffer costs a map as much as reading the tile once more. Where a
// tile lies in memory as it would in a buffer, and whole, maps need no copy:
//
//   copy %x[..] to %b ; map ins(%b)        map outs(%b) ; store %b to %y[..]
//
// Both become a choice between two places of one type, made while running: the
// tile in its view if all of it lies inside the bounds, else the buffer, with the
// copy or the store that goes with it. The map is written once.
//
// What is decided here is which copies and stores these are: `in` views are never
// written, `out` views never read, and arguments do not overlap, so a tile may be
// read later and written earlier than the text says.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

/// Whether whole vectors of the buffer's rows can be read from and written to the
/// view as they are.
static bool liesAlike(x86::Context &context, Value view, Value buffer) {
  auto type = dyn_cast<MemRefType>(view.getType());
  auto buf = cast<BufType>(buffer.getType());
  if (!type || buf.isPacked() || buf.getRank() == 0)
    return false;
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)) || strides.back() != 1)
    return false;
  // A tile that sticks out of its view is never whole.
  for (auto [size, extent] : llvm::zip(type.getShape(), buf.getShape()))
    if (!ShapedType::isDynamic(size) && size < extent)
      return false;
  Type stored = cast<MemRefType>(context.arena.get(buffer).getType()).getElementType();
  return type.getElementType() == stored &&
         buf.getShape().back() % context.target.getRowMultiple() == 0;
}

/// Whether something else is known by this buffer, or the buffer a part of it.
static bool hasSlices(Value buffer) {
  auto givesBuffer = [](Operation *op) {
    return llvm::any_of(op->getResultTypes(), llvm::IsaPred<BufType>);
  };
  return !buffer.getDefiningOp<AllocOp>() || llvm::any_of(buffer.getUsers(), givesBuffer);
}

bool x86::canReadInPlace(Context &context, CopyOp op) {
  Value buffer = op.getDest();
  if (hasSlices(buffer) || !isa<MemRefType>(op.getSource().getType()) ||
      getViewAccess(op.getSource()) != Access::In || !liesAlike(context, op.getSource(), buffer))
    return false;
  // The first map that writes the buffer, if any, ends this; up to there maps read it.
  Operation *end = nullptr;
  auto isPast = [&](Operation *here) { return end && end->isBeforeInBlock(here); };
  for (Operation *user : buffer.getUsers()) {
    Operation *here = op->getBlock()->findAncestorOpInBlock(*user);
    if (!here || here->isBeforeInBlock(op))
      return false;
    auto map = dyn_cast<MapOp>(user);
    if (map && map == here && llvm::is_contained(map.getOuts(), buffer) && !isPast(map))
      end = map;
  }
  return llvm::all_of(buffer.getUsers(), [&](Operation *user) {
    if (user == op || isPast(op->getBlock()->findAncestorOpInBlock(*user)))
      return true;
    // A product reads the elements of its left operand one by one, wherever they are.
    // What it reads again in each trip of a loop is better near.
    if (auto mma = dyn_cast<MmaOp>(user))
      return mma->getBlock() == op->getBlock() && mma.getA() == buffer && mma.getB() != buffer &&
             mma.getC() != buffer && mma.getScale() != buffer;
    auto map = dyn_cast<MapOp>(user);
    return map && (map == end || !llvm::is_contained(map.getOuts(), buffer));
  });
}

/// Makes `value` known before `op`, if that takes no more than moving pure ops.
static bool makeAvailable(Value value, Operation *op) {
  Operation *def = value.getDefiningOp();
  if (!def || def->getBlock() != op->getBlock() || def->isBeforeInBlock(op))
    return true;
  if (!isPure(def) || def->getNumRegions() != 0 ||
      !llvm::all_of(def->getOperands(), [&](Value operand) { return makeAvailable(operand, op); }))
    return false;
  def->moveBefore(op);
  return true;
}

/// Whether nothing between `map` and `store` cares if the view is written already.
static bool mayStoreAt(MapOp map, sched::StoreOp store, Value buffer) {
  BlockArgument origin = getViewOrigin(store.getDest());
  for (Operation *op = map->getNextNode(); op != store; op = op->getNextNode()) {
    if (op->getNumRegions() != 0 && !isa<MapOp>(op))
      return false;
    bool looksAtMemory = !isMemoryEffectFree(op);
    for (Value operand : op->getOperands())
      if (operand == buffer ||
          (looksAtMemory && isa<MemRefType>(operand.getType()) && getViewOrigin(operand) == origin))
        return false;
  }
  return true;
}

sched::StoreOp x86::findStoreInPlace(Context &context, MapOp map, unsigned number) {
  Value buffer = map.getOuts()[number];
  if (isa_and_nonnull<ReduceOp>(map.getYield().getValues()[number].getDefiningOp()) ||
      !isa<GridOp>(map->getParentOp()) || hasSlices(buffer))
    return nullptr;
  // The store is the last that is heard of the buffer.
  sched::StoreOp store;
  for (Operation *user : buffer.getUsers()) {
    Operation *here = map->getBlock()->findAncestorOpInBlock(*user);
    if (here->isBeforeInBlock(map) || here == map)
      continue;
    auto found = dyn_cast<sched::StoreOp>(here);
    if (!found || store)
      return nullptr;
    store = found;
  }
  if (!store || !getViewOrigin(store.getDest()) || !liesAlike(context, store.getDest(), buffer) ||
      !mayStoreAt(map, store, buffer))
    return nullptr;
  for (Value operand : store->getOperands())
    if (!makeAvailable(operand, map))
      return nullptr;
  return store;
}
