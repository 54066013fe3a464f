//===- Clip.cpp - The part of a product that a mask lets through ----------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   mma %a, %b into %c
//   map ins(%x = %c) outs(%c) { select(%i <= %j + .., f(%x), fill) }
//
// Where the comparison is false, nobody reads what the product has put there. It is
// linear in the place, so for a block of rows the columns that are read are a range,
// and the register blocks outside of it need not be computed: on the diagonal of a
// causal mask that is nearly half of them. What the buffer holds there stays.
//
//===----------------------------------------------------------------------===//

#include "Clip.h"

#include "tegula/Analysis/LinearForm.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

/// The map that overwrites all of the product's result, and is the first to read it; null
/// where something else may read it.
static MapOp findOnlyReader(MmaOp op) {
  Value buffer = op.getC();
  auto givesBuffer = [](Operation *user) {
    return llvm::any_of(user->getResultTypes(), llvm::IsaPred<BufType>);
  };
  if (op.getAccumulate() || !buffer.getDefiningOp<AllocOp>() ||
      llvm::any_of(buffer.getUsers(), givesBuffer))
    return nullptr;
  // In the order of the text, ops that are inside others included.
  for (Operation *next = op->getNextNode(); next; next = next->getNextNode()) {
    bool reads = next->walk([&](Operation *inner) {
                       return llvm::is_contained(inner->getOperands(), buffer)
                                  ? WalkResult::interrupt()
                                  : WalkResult::advance();
                     })
                     .wasInterrupted();
    if (!reads)
      continue;
    auto map = dyn_cast<MapOp>(next);
    return map && llvm::is_contained(map.getOuts(), buffer) ? map : nullptr;
  }
  return nullptr;
}

/// The masks without which no element of `value` goes anywhere but to the same place of
/// other tiles; false where there is a way without one.
static bool collectMasks(Value value, ArrayRef<int64_t> shape, llvm::SetVector<Value> &masks) {
  return llvm::all_of(value.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    auto select = dyn_cast<arith::SelectOp>(user);
    if (select && use.getOperandNumber() == 1 &&
        isa<RankedTensorType>(select.getCondition().getType())) {
      masks.insert(select.getCondition());
      return true;
    }
    if (!user->hasTrait<OpTrait::Elementwise>() && !isa<Exp2Op>(user))
      return false;
    return llvm::all_of(user->getResults(), [&](Value result) {
      auto tile = dyn_cast<RankedTensorType>(result.getType());
      return tile && tile.getShape() == shape && collectMasks(result, shape, masks);
    });
  });
}

/// Adds the slacks of the comparisons that `mask` is a conjunction of, where these are
/// linear in the place. `axes`: which axis of the product each axis of `mask` runs along.
static void collectSlacks(Value mask, ArrayRef<int64_t> axes, size_t rank,
                          SmallVectorImpl<LinearForm> &slacks) {
  Operation *op = mask.getDefiningOp();
  if (isa_and_nonnull<arith::AndIOp>(op)) {
    for (Value operand : op->getOperands())
      collectSlacks(operand, axes, rank, slacks);
  } else if (auto broadcast = dyn_cast_or_null<BroadcastOp>(op)) {
    SmallVector<int64_t> inner;
    for (auto [extent, dim] :
         llvm::zip_equal(broadcast.getX().getType().getShape(), broadcast.getDims()))
      inner.push_back(extent == 1 ? -1 : axes[dim]);
    collectSlacks(broadcast.getX(), inner, rank, slacks);
  } else if (auto cmp = dyn_cast_or_null<arith::CmpIOp>(op)) {
    std::optional<LinearForm> slack = getSlack(cmp);
    if (!slack)
      return;
    SmallVector<int64_t, 4> spread(rank, 0);
    for (auto [coefficient, axis] : llvm::zip_equal(slack->axes, axes))
      if (axis >= 0)
        spread[axis] = coefficient;
    slack->axes = spread;
    slacks.push_back(*slack);
  }
}

static bool isKnownAt(Value value, Operation *op) {
  Operation *here = value.getParentBlock()->findAncestorOpInBlock(*op);
  return here && (!value.getDefiningOp() || value.getDefiningOp()->isBeforeInBlock(here));
}

x86::Clip::Clip(Emitter &emit, MmaOp op) {
  MapOp map = findOnlyReader(op);
  ArrayRef<int64_t> shape = op.getBufC().getShape();
  if (!map || map.getDomain() != shape)
    return;
  llvm::SetVector<Value> masks;
  for (auto [operand, argument] : llvm::zip(map.getIns(), map.getBody().getArguments()))
    if (operand == op.getC() && !collectMasks(argument, shape, masks))
      return;
  // A second mask may let through what the first does not.
  if (masks.size() != 1)
    return;
  SmallVector<LinearForm> slacks;
  collectSlacks(masks.front(), llvm::to_vector(llvm::seq<int64_t>(0, shape.size())), shape.size(),
                slacks);
  for (LinearForm &slack : slacks) {
    bool isRows = llvm::all_of(ArrayRef(slack.axes).drop_back(2), [](int64_t c) { return c == 0; });
    bool isKnown =
        llvm::all_of(slack.symbols, [&](const auto &entry) { return isKnownAt(entry.first, op); });
    if (isRows && isKnown)
      conditions.push_back({slack.materialize(emit.builder, emit.loc), slack.axes[shape.size() - 2],
                            slack.axes.back()});
  }
}

void x86::Clip::guard(Emitter &emit, Value row, int64_t rows, Value column, int64_t columns,
                      function_ref<void()> block) const {
  Value needed;
  for (const Condition &condition : conditions) {
    // The greatest slack of the block, at one of its corners.
    auto add = [&](Value sum, int64_t coefficient, Value from, int64_t count) {
      Value corner = coefficient > 0 ? emit.add(from, count - 1) : from;
      return emit.add(sum, emit.mul(corner, coefficient));
    };
    Value greatest = add(condition.slack, condition.perRow, row, rows);
    greatest = add(greatest, condition.perColumn, column, columns);
    Value holds = arith::CmpIOp::create(emit.builder, emit.loc, arith::CmpIPredicate::sge, greatest,
                                        emit.index(0));
    needed = needed ? arith::AndIOp::create(emit.builder, emit.loc, needed, holds) : holds;
  }
  if (!needed)
    return block();
  auto choice = scf::IfOp::create(emit.builder, emit.loc, needed, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard insertion(emit.builder);
  emit.builder.setInsertionPointToStart(choice.thenBlock());
  block();
}
