//===- Rings.cpp - Who uses which ring, and how often ---------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rings.h"
#include "Lowering.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::loops;

//===----------------------------------------------------------------------===//
// The plan
//===----------------------------------------------------------------------===//

static bool hasGroups(sched::RoleOp role) {
  return role.getMembers() == sched::Members::groups && role.getCount() > 1;
}

bool Ring::isShared() const { return producers.size() > 1 || hasGroups(producers.front()); }

static void addOnce(SmallVectorImpl<sched::RoleOp> &roles, sched::RoleOp role) {
  if (!llvm::is_contained(roles, role))
    roles.push_back(role);
}

LogicalResult Rings::plan(GridOp grid) {
  for (auto channel : grid.getBody().getOps<sched::ChannelOp>()) {
    Ring ring;
    ring.depth = channel.getChannel().getType().getDepth();
    for (Operation *user : channel->getUsers()) {
      if (isa<sched::AcquireOp>(user))
        addOnce(ring.producers, user->getParentOfType<sched::RoleOp>());
      else if (isa<sched::WaitOp>(user))
        addOnce(ring.consumers, user->getParentOfType<sched::RoleOp>());
    }
    if (ring.isOwn() && hasGroups(ring.producers[0]))
      return channel.emitOpError() << "'" << sched::describe(channel)
                                   << "' is filled and read by the groups of one role, which "
                                      "plain loops run one after the other";
    rings[channel] = std::move(ring);
  }
  WalkResult walked = grid.walk([&](sched::PartOp part) {
    Value channel = sched::getChannel(part.getSlot());
    if (channel)
      channels[part] = channel;
    return channel ? WalkResult::advance()
                   : (part.emitOpError("is of a slot whose channel cannot be seen"),
                      WalkResult::interrupt());
  });
  return failure(walked.wasInterrupted() || failed(orderRoles(grid)));
}

/// Moves each role behind those that it waits for, else in the order of the text.
LogicalResult Rings::orderRoles(GridOp grid) {
  SmallVector<sched::RoleOp> left(grid.getBody().getOps<sched::RoleOp>());
  auto isReady = [&](sched::RoleOp role) {
    return llvm::all_of(rings, [&](auto &entry) {
      if (!llvm::is_contained(entry.second.consumers, role))
        return true;
      return llvm::none_of(entry.second.producers, [&](sched::RoleOp producer) {
        return producer != role && llvm::is_contained(left, producer);
      });
    });
  };
  Operation *end = grid.getBody().front().getTerminator();
  while (!left.empty()) {
    auto *next = llvm::find_if(left, isReady);
    if (next == left.end())
      return left.front().emitOpError()
             << "@" << left.front().getSymName()
             << " and other roles wait for each other's data, and plain loops run one role "
                "after the other";
    (*next)->moveBefore(end);
    left.erase(next);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Counting
//===----------------------------------------------------------------------===//

namespace {

/// A role with nothing in it but what decides how often it acquires.
class Counter {
public:
  Counter(LoopBuilder &b, ArrayRef<Value> channels) : b(b), channels(channels) {}

  /// How often each channel is acquired, added to `counts`.
  FailureOr<SmallVector<Value>> count(Block &block, SmallVector<Value> counts);

private:
  FailureOr<SmallVector<Value>> countLoop(scf::ForOp loop, SmallVector<Value> counts);
  FailureOr<SmallVector<Value>> countBranch(scf::IfOp branch, SmallVector<Value> counts);
  bool acquires(Operation *op) const;
  /// The value in the skeleton; null where it hangs on something that is left out.
  Value find(Value value) const;

  LoopBuilder &b;
  ArrayRef<Value> channels;
  IRMapping mapping;
  llvm::SmallPtrSet<Region *, 8> inside;
};

} // namespace

bool Counter::acquires(Operation *op) const {
  return op
      ->walk([&](sched::AcquireOp acquire) {
        return llvm::is_contained(channels, acquire.getChannel()) ? WalkResult::interrupt()
                                                                  : WalkResult::advance();
      })
      .wasInterrupted();
}

Value Counter::find(Value value) const {
  if (inside.contains(value.getParentRegion()))
    return mapping.lookupOrNull(value);
  return value;
}

static LogicalResult refuse(Operation *op) {
  return op->emitOpError("holds channel ops, and how often they run does not follow from 'trips'");
}

FailureOr<SmallVector<Value>> Counter::countLoop(scf::ForOp loop, SmallVector<Value> counts) {
  Value lo = find(loop.getLowerBound()), hi = find(loop.getUpperBound()),
        step = find(loop.getStep());
  if (!lo || !hi || !step)
    return refuse(loop);
  auto skeleton = scf::ForOp::create(b, lo, hi, step, counts);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(skeleton.getBody());
  mapping.map(loop.getInductionVar(), skeleton.getInductionVar());
  auto next = count(*loop.getBody(), SmallVector<Value>(skeleton.getRegionIterArgs()));
  if (failed(next))
    return failure();
  scf::YieldOp::create(b, *next);
  return SmallVector<Value>(skeleton.getResults());
}

FailureOr<SmallVector<Value>> Counter::countBranch(scf::IfOp branch, SmallVector<Value> counts) {
  Value condition = find(branch.getCondition());
  if (!condition)
    return refuse(branch);
  SmallVector<Type> types(counts.size(), b.getIndexType());
  auto skeleton = scf::IfOp::create(b, types, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  for (auto [region, target] : llvm::zip(branch->getRegions(), skeleton->getRegions())) {
    b.setInsertionPointToStart(&target.front());
    FailureOr<SmallVector<Value>> next = counts;
    if (!region.empty())
      next = count(region.front(), counts);
    if (failed(next))
      return failure();
    scf::YieldOp::create(b, *next);
  }
  return SmallVector<Value>(skeleton.getResults());
}

FailureOr<SmallVector<Value>> Counter::count(Block &block, SmallVector<Value> counts) {
  inside.insert(block.getParent());
  for (Operation &op : block.without_terminator()) {
    if (auto acquire = dyn_cast<sched::AcquireOp>(op)) {
      auto *channel = llvm::find(channels, acquire.getChannel());
      if (channel != channels.end()) {
        Value &number = counts[channel - channels.begin()];
        number = b.add(number, b.index(1));
      }
      continue;
    }
    if (op.getNumRegions() != 0) {
      if (!acquires(&op))
        continue;
      FailureOr<SmallVector<Value>> next = failure();
      if (auto loop = dyn_cast<scf::ForOp>(op))
        next = countLoop(loop, counts);
      else if (auto branch = dyn_cast<scf::IfOp>(op))
        next = countBranch(branch, counts);
      else if (auto phase = dyn_cast<sched::PhaseOp>(op))
        next = count(phase.getBody().front(), counts);
      else
        return refuse(&op);
      if (failed(next))
        return failure();
      counts = *next;
      continue;
    }
    auto isScalar = [](Type type) { return type.isIntOrIndexOrFloat(); };
    bool cloned = isMemoryEffectFree(&op) && llvm::all_of(op.getResultTypes(), isScalar) &&
                  llvm::all_of(op.getOperands(), [&](Value value) { return bool(find(value)); });
    if (cloned)
      b.clone(op, mapping);
  }
  return counts;
}

LogicalResult loops::lowerRings(Lowering &lowering, sched::RoleOp role) {
  LoopBuilder &b = lowering.builder();
  SmallVector<Value> channels;
  for (auto &[channel, ring] : lowering.getRings().all())
    if (!ring.isOwn() && !ring.producers.empty() && ring.producers.front() == role)
      channels.push_back(channel);
  if (channels.empty())
    return success();
  SmallVector<Value> zeros(channels.size(), b.index(0));
  auto counts = Counter(b, channels).count(role.getBody().front(), zeros);
  if (failed(counts))
    return failure();
  for (auto [channel, count] : llvm::zip(channels, *counts))
    for (sched::BufType buffer : cast<sched::ChanType>(channel.getType()).getBuffers()) {
      SmallVector<int64_t> shape{ShapedType::kDynamic};
      llvm::append_range(shape, buffer.getShape());
      lowering.getRings().get(channel).storage.push_back(
          lowering.allocateHere(MemRefType::get(shape, buffer.getElem()), count));
    }
  return success();
}
