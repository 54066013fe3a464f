//===- HoistLoads.cpp - Invariant loads and tile ops out of streams -------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"

namespace tegula {
#define GEN_PASS_DEF_HOISTLOADSPASS
#include "tegula/Transforms/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;

/// True for ops whose results may be computed elsewhere and any number of times:
/// pure ones, and loads from `in` views. A tile load is in bounds everywhere, so
/// that it may also run where the stream makes no trip.
static bool isRepeatable(Operation *op) {
  if (isUnorderedLoad(op))
    return true;
  return op->getNumRegions() == 0 && op->getNumResults() != 0 && isPure(op);
}

/// True for tile ops that are cheaper to repeat on every trip than to keep a
/// tile for: what makes data out of less data, and integer arithmetic (ids and
/// masks, which are built of such tiles).
static bool isCheap(Operation *op) {
  if (op->hasTrait<OpTrait::ConstantLike>())
    return true;
  auto tile = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!tile || isa<LoadOp, GatherOp>(op))
    return false;
  if (isa<IotaOp, BroadcastOp, ReshapeOp, tensor::SplatOp, tensor::ExtractSliceOp>(op))
    return true;
  return op->hasTrait<OpTrait::Elementwise>() && tile.getElementType().isIntOrIndex() &&
         llvm::all_of(op->getOperandTypes(),
                      [](Type type) { return getElementTypeOrSelf(type).isIntOrIndex(); });
}

/// The schedule without the labels of ops that are no longer in the stream.
static ScheduleAttr withoutLabels(ScheduleAttr schedule, const SmallPtrSetImpl<Attribute> &gone) {
  SmallVector<ScheduleRowAttr> rows;
  for (ScheduleRowAttr row : schedule.getRows()) {
    SmallVector<StringAttr> labels;
    llvm::copy_if(row.getLabels(), std::back_inserter(labels),
                  [&](StringAttr label) { return !gone.contains(label); });
    if (!labels.empty())
      rows.push_back(ScheduleRowAttr::get(schedule.getContext(), row.getRole(), row.getStage(),
                                          labels, row.getFlags(), row.getAmounts(),
                                          row.getPhase()));
  }
  SmallVector<ScheduleRingAttr> rings;
  for (ScheduleRingAttr ring : schedule.getRings()) {
    SmallVector<StringAttr> labels;
    llvm::copy_if(ring.getLabels(), std::back_inserter(labels),
                  [&](StringAttr label) { return !gone.contains(label); });
    if (!labels.empty())
      rings.push_back(ScheduleRingAttr::get(schedule.getContext(), ring.getName(), ring.getKind(),
                                            ring.getDepth(), labels));
  }
  return ScheduleAttr::get(schedule.getContext(), rows, rings);
}

/// What moves: every invariant op that is not cheap, and the invariant ops that
/// it needs, in the order of the body.
static llvm::SetVector<Operation *> collectHoisted(StreamOp stream) {
  SmallPtrSet<Operation *, 16> invariant;
  SmallVector<Operation *> roots;
  for (Operation &op : stream.getBody().front().without_terminator()) {
    bool isInvariant = isRepeatable(&op) && llvm::all_of(op.getOperands(), [&](Value operand) {
      return stream.isDefinedOutsideOfLoop(operand) ||
             invariant.contains(operand.getDefiningOp());
    });
    if (!isInvariant)
      continue;
    invariant.insert(&op);
    if (!isCheap(&op))
      roots.push_back(&op);
  }
  SmallPtrSet<Operation *, 16> needed;
  while (!roots.empty()) {
    Operation *op = roots.pop_back_val();
    if (!needed.insert(op).second)
      continue;
    for (Value operand : op->getOperands())
      if (Operation *def = operand.getDefiningOp(); invariant.contains(def))
        roots.push_back(def);
  }
  llvm::SetVector<Operation *> hoisted;
  for (Operation &op : stream.getBody().front())
    if (needed.contains(&op))
      hoisted.insert(&op);
  return hoisted;
}

static void hoistOutOf(StreamOp stream) {
  llvm::SetVector<Operation *> hoisted = collectHoisted(stream);
  OpBuilder builder(stream);
  IRMapping mapping;
  SmallPtrSet<Attribute, 4> gone;
  for (Operation *op : hoisted) {
    Operation *outside = builder.clone(*op, mapping);
    // A cheap op stays as well: what else uses it in the body repeats it.
    if (isCheap(op))
      continue;
    op->replaceAllUsesWith(outside);
    if (auto anchor = dyn_cast<AnchorOpInterface>(op))
      if (StringAttr label = anchor.getAnchorLabel())
        gone.insert(label);
  }
  for (Operation *op : llvm::reverse(hoisted))
    if (op->use_empty())
      op->erase();
  if (stream.getScheduleAttr() && !gone.empty())
    stream.setScheduleAttr(withoutLabels(stream.getScheduleAttr(), gone));
}

namespace {

struct HoistLoads : tegula::impl::HoistLoadsPassBase<HoistLoads> {
  void runOnOperation() override {
    // Inner streams first: what leaves them may leave the next one too.
    getOperation()->walk([](StreamOp stream) { hoistOutOf(stream); });
  }
};

} // namespace
