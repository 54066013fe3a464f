//===- TileBuffers.cpp - Lifetimes of tiles and the buffers they get ------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileMaterializer.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tegula;
using sched::BufType;

//===----------------------------------------------------------------------===//
// Lifetimes
//===----------------------------------------------------------------------===//

/// Whether the result of `op` is its operand seen in another way.
bool TileMaterializer::sharesStorage(Operation *op) {
  auto isSlice = [](Operation *op) {
    auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(op);
    if (!slice || !slice.hasUnitStride() ||
        llvm::any_of(slice.getStaticOffsets(), ShapedType::isDynamic))
      return false;
    RankedTensorType from = slice.getSourceType(), to = slice.getType();
    // Maps read boxes of whole rows with any stride between the rows.
    return from.getRank() == to.getRank() && from.getShape().back() == to.getShape().back() &&
           llvm::all_of(slice->getUsers(), [](Operation *user) { return isa<sched::MapOp>(user); });
  };
  if (isSlice(op))
    return true;
  auto reshape = dyn_cast<ReshapeOp>(op);
  if (!reshape || isSlice(reshape.getX().getDefiningOp()))
    return false;
  auto hasWholeRows = [&](Value tile) {
    auto type = cast<RankedTensorType>(tile.getType());
    return type.getRank() > 0 && type.getShape().back() % target.getRowMultiple() == 0;
  };
  return hasWholeRows(reshape.getX()) && hasWholeRows(reshape.getResult());
}

/// The last op of `block` that reads `tile`, or what shares its storage.
Operation *TileMaterializer::findLastUse(Value tile, Block *block) {
  Operation *last = nullptr;
  auto use = [&](Operation *here) {
    if (here && (!last || last->isBeforeInBlock(here)))
      last = here;
  };
  for (Operation *user : tile.getUsers()) {
    use(block->findAncestorOpInBlock(*user));
    if (sharesStorage(user))
      use(findLastUse(user->getResult(0), block));
  }
  return last;
}

void TileMaterializer::findLastUses() {
  kernel->walk([&](Operation *op) {
    auto record = [&](Value tile) { lastUse[tile] = findLastUse(tile, tile.getParentBlock()); };
    for (Value result : op->getResults())
      if (isTile(result))
        record(result);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (BlockArgument argument : block.getArguments())
          if (isTile(argument))
            record(argument);
  });
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

Value TileMaterializer::alloc(BufType type, Location loc) {
  // Allocations come first, in the order in which they are made.
  if (lastAlloc)
    allocs.setInsertionPointAfter(lastAlloc);
  auto op = sched::AllocOp::create(allocs, loc, type);
  lastAlloc = op;
  return op;
}

Value tegula::getRoot(Value buf) {
  while (Operation *def = buf.getDefiningOp()) {
    if (!isa<sched::SliceOp, sched::ViewOp>(def))
      break;
    buf = def->getOperand(0);
  }
  return buf;
}

Value TileMaterializer::buffer(Value tile) {
  Value buf = buffers.lookup(tile);
  assert(buf && "a tile is converted before its users");
  return buf;
}

/// The buffer that `op` writes `result` into: the one it should end in, one of
/// an operand in `candidates` that dies here, or a new one.
Value TileMaterializer::chooseBuffer(Value result, Operation *op, ArrayRef<Value> candidates) {
  // Not one of which the op reads a part elsewhere.
  SmallVector<Value> overwritable(candidates);
  llvm::erase_if(overwritable, [&](Value candidate) {
    return llvm::any_of(op->getOperands(), [&](Value operand) {
      return operand != candidate && isTile(operand) && buffers.contains(operand) &&
             getRoot(buffer(operand)) == getRoot(buffer(candidate));
    });
  });
  auto type = BufType::get(cast<RankedTensorType>(result.getType()));
  auto isFree = [&](Value tenant) {
    Operation *last = lastUse.lookup(tenant);
    if (!last || last->getBlock() != op->getBlock())
      return !last;
    return last->isBeforeInBlock(op) || (last == op && llvm::is_contained(overwritable, tenant));
  };
  if (Value home = wanted.lookup(result); home && isFree(tenants.lookup(home)))
    return home;
  for (Value operand : overwritable)
    if (diesAt(operand, op) && buffer(operand).getType() == type && isOwned(buffer(operand)) &&
        tenants.lookup(buffer(operand)) == operand)
      return buffer(operand);
  return alloc(type, op->getLoc());
}

void TileMaterializer::copy(OpBuilder &builder, Location loc, Value from, Value to) {
  if (from != to)
    sched::CopyOp::create(builder, loc, from, ValueRange(), ValueRange(), Value(), to,
                          StringAttr());
}

/// Whether the target reads the operands of `op` as pairs of neighbours along K.
bool TileMaterializer::readsPairs(DotOp op) const {
  return target.hasPairDots(cast<RankedTensorType>(op.getA().getType()).getElementType());
}

/// The left operand of `op`, as the op names it, but a transposed copy where pairs are
/// to be read along K and lie along the other axis.
Value TileMaterializer::getLeftOperand(DotOp op) {
  Value buf = buffer(op.getA());
  if (!op.getTransA() || !readsPairs(op))
    return buf;
  auto tile = cast<RankedTensorType>(op.getA().getType());
  SmallVector<int64_t> shape(tile.getShape()), zeros(tile.getRank(), 0),
      perm(llvm::to_vector(llvm::seq<int64_t>(0, tile.getRank())));
  std::swap(shape[shape.size() - 2], shape.back());
  std::swap(perm[perm.size() - 2], perm.back());
  Value rows = allocTile(RankedTensorType::get(shape, tile.getElementType()), op.getLoc());
  OpBuilder builder(op);
  sched::MoveOp::create(builder, op.getLoc(), buf, rows, zeros, zeros, shape, perm);
  return rows;
}

/// The right operand of `op`; where it is a row buffer that is read transposed or in
/// pairs, a packed copy, made once where the tile is made.
Value TileMaterializer::getRightOperand(DotOp op) {
  Value tile = op.getB(), buf = buffer(tile);
  auto type = cast<BufType>(buf.getType());
  if (type.isPacked() || (!op.getTransB() && !readsPairs(op)))
    return buf;
  DenseMap<Value, Value> &copies = packedCopies[op.getTransB()];
  Value &copyOf = copies[tile];
  if (copyOf)
    return copyOf;
  copyOf = alloc(BufType::get(type.getTile(), type.getSpace(), target.getPanelWidth(type.getElem()),
                              op.getTransB()),
                 op.getLoc());
  OpBuilder builder(op);
  if (Operation *def = tile.getDefiningOp())
    builder.setInsertionPointAfter(def);
  copy(builder, op.getLoc(), buf, copyOf);
  // A carried tile changes from trip to trip: its copy serves this dot only.
  Value result = copyOf;
  if (!tile.getDefiningOp())
    copies.erase(tile);
  return result;
}
