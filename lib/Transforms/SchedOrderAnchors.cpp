//===- SchedOrderAnchors.cpp - Puts a stream's anchors in schedule order -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Schedule.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Transforms/Passes.h"

namespace tegula {
#define GEN_PASS_DEF_SCHEDORDERANCHORSPASS
#include "tegula/Transforms/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;

namespace {

/// Rewrites the body of one stream in the order of its rows; what an anchor needs
/// comes just before it, everything else behind in its old order.
class Orderer {
public:
  explicit Orderer(StreamOp stream) : stream(stream), block(stream.getBody().front()) {}

  LogicalResult run();

private:
  LogicalResult emit(Operation *op, StringAttr onBehalfOf);

  StreamOp stream;
  Block &block;
  DenseMap<Operation *, StringAttr> pendingLabel;
  DenseMap<Operation *, Operation *> previousEffect;
  DenseSet<Operation *> emitted;
};

} // namespace

/// Loads from `in` views may be issued at any time.
static bool hasOrderedEffects(Operation *op) {
  return !isMemoryEffectFree(op) && !isUnorderedLoad(op);
}

LogicalResult Orderer::emit(Operation *op, StringAttr onBehalfOf) {
  if (!emitted.insert(op).second)
    return success();
  StringAttr own = pendingLabel.lookup(op);
  if (own && onBehalfOf && own != onBehalfOf)
    return stream.emitOpError() << "schedules '" << onBehalfOf.getValue() << "' before '"
                                << own.getValue() << "', which it needs";
  SmallVector<Operation *> deps;
  op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (Operation *def = operand.getDefiningOp())
        if (Operation *here = block.findAncestorOpInBlock(*def); here && here != op)
          deps.push_back(here);
  });
  if (Operation *previous = previousEffect.lookup(op))
    deps.push_back(previous);
  for (Operation *dep : deps)
    if (failed(emit(dep, onBehalfOf)))
      return failure();
  op->moveBefore(&block, block.end());
  return success();
}

LogicalResult Orderer::run() {
  SmallVector<Operation *> ops = llvm::map_to_vector(block, [](Operation &op) { return &op; });
  Operation *last = nullptr;
  for (Operation *op : ops)
    if (hasOrderedEffects(op)) {
      previousEffect[op] = last;
      last = op;
    }
  DenseMap<StringAttr, Operation *> opOf;
  for (Anchor anchor : getAnchors(stream)) {
    Operation *here = block.findAncestorOpInBlock(*anchor.op);
    opOf[anchor.label] = here;
    pendingLabel[here] = anchor.label;
  }
  for (ScheduleRowAttr row : stream.getScheduleAttr().getRows()) {
    // Anchors of one row are issued together: none of them is late for another.
    for (StringAttr label : row.getLabels())
      pendingLabel.erase(opOf.lookup(label));
    // The second half of a load that goes through registers has no op yet.
    for (StringAttr label : row.getLabels())
      if (Operation *op = opOf.lookup(label); op && failed(emit(op, label)))
        return failure();
  }
  for (Operation *op : ops)
    if (failed(emit(op, nullptr)))
      return failure();
  return success();
}

namespace {

struct SchedOrderAnchors : tegula::impl::SchedOrderAnchorsPassBase<SchedOrderAnchors> {
  void runOnOperation() override {
    WalkResult result = getOperation()->walk([](StreamOp stream) {
      if (!stream.getScheduleAttr())
        return WalkResult::advance();
      return WalkResult(Orderer(stream).run());
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
