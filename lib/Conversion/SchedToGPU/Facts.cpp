//===- Facts.cpp - What is known of a kernel's text -----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include <numeric>

using namespace mlir;
using namespace tegula;
using namespace tegula::gpu;

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

/// 0 is divided by everything.
static constexpr int64_t mostDivisor = 1 << 20;

static int64_t divisorOf(int64_t number) {
  return number == 0 ? mostDivisor : std::gcd(number, mostDivisor);
}

static int64_t divisorOf(Value value, int depth) {
  if (std::optional<int64_t> known = getConstantIntValue(value))
    return ::divisorOf(*known);
  if (depth == 0)
    return 1;
  auto of = [&](Value x) { return ::divisorOf(x, depth - 1); };
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    Operation *parent = argument.getOwner()->getParentOp();
    if (auto grid = dyn_cast<GridOp>(parent))
      return ::divisorOf(grid.getSteps()[argument.getArgNumber()]);
    if (auto loop = dyn_cast<scf::ForOp>(parent); loop && argument == loop.getInductionVar())
      return std::gcd(of(loop.getLowerBound()), of(loop.getStep()));
    return 1;
  }
  Operation *op = value.getDefiningOp();
  if (isa<arith::AddIOp, arith::SubIOp, arith::MinSIOp, arith::MaxSIOp, arith::MinUIOp,
          arith::MaxUIOp>(op))
    return std::gcd(of(op->getOperand(0)), of(op->getOperand(1)));
  if (isa<arith::MulIOp>(op))
    return std::min(of(op->getOperand(0)) * of(op->getOperand(1)), mostDivisor);
  if (isa<arith::SelectOp>(op))
    return std::gcd(of(op->getOperand(1)), of(op->getOperand(2)));
  if (isa<arith::IndexCastOp, arith::ExtSIOp, arith::ExtUIOp>(op))
    return of(op->getOperand(0));
  return 1;
}

int64_t gpu::divisorOf(Value value) { return ::divisorOf(value, /*depth=*/16); }

static bool isNonNegative(Value value, int depth) {
  if (std::optional<int64_t> known = getConstantIntValue(value))
    return *known >= 0;
  if (depth == 0)
    return false;
  auto of = [&](Value x) { return ::isNonNegative(x, depth - 1); };
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    Operation *parent = argument.getOwner()->getParentOp();
    if (isa<GridOp>(parent))
      return true;
    if (auto loop = dyn_cast<scf::ForOp>(parent); loop && argument == loop.getInductionVar())
      return of(loop.getLowerBound());
    return false;
  }
  Operation *op = value.getDefiningOp();
  if (isa<memref::DimOp, sched::TripsOp>(op))
    return true;
  if (isa<arith::AddIOp, arith::MulIOp, arith::MinSIOp, arith::DivUIOp, arith::RemUIOp,
          arith::DivSIOp, arith::RemSIOp>(op))
    return of(op->getOperand(0)) && of(op->getOperand(1));
  if (isa<arith::MaxSIOp>(op))
    return of(op->getOperand(0)) || of(op->getOperand(1));
  if (isa<arith::SelectOp>(op))
    return of(op->getOperand(1)) && of(op->getOperand(2));
  if (isa<arith::IndexCastOp, arith::ExtSIOp>(op))
    return of(op->getOperand(0));
  return false;
}

bool gpu::isNonNegative(Value value) { return ::isNonNegative(value, /*depth=*/16); }

std::optional<int64_t> gpu::getUnrolledTrips(scf::ForOp loop) {
  std::optional<int64_t> lo = getConstantIntValue(loop.getLowerBound()),
                         hi = getConstantIntValue(loop.getUpperBound()),
                         step = getConstantIntValue(loop.getStep());
  if (!lo || !hi || !step)
    return std::nullopt;
  int64_t trips = *hi > *lo ? llvm::divideCeil(*hi - *lo, *step) : 0;
  bool opensSlots = false;
  loop.walk([&](sched::AcquireOp) { opensSlots = true; });
  return trips <= 1 || (opensSlots && trips <= 8) ? std::optional(trips) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// Credits
//===----------------------------------------------------------------------===//

namespace {

/// Where a ring stands: slots acquired and not yet released, and releases that no
/// barrier has made known.
struct Credit {
  int64_t held = 0, unknown = 0;

  bool operator==(const Credit &other) const {
    return held == other.held && unknown == other.unknown;
  }
};

/// Walks a role in order and notes acquires whose credit no barrier has made known:
/// generation g needs the release of g - depth, so of `held + unknown` slots less than
/// `depth` may be in use.
class Credits {
public:
  llvm::DenseSet<Operation *> run(sched::RoleOp role) {
    walk(role.getBody().front());
    return costly;
  }

private:
  using State = llvm::MapVector<Value, Credit>;

  void barrier() {
    for (auto &[ring, credit] : state)
      credit.unknown = 0;
  }

  /// Of two ways to come here, the one that knows less.
  static State join(State a, const State &b) {
    for (auto &[ring, credit] : b) {
      Credit &mine = a[ring];
      mine.held = std::max(mine.held, credit.held);
      mine.unknown = std::max(mine.unknown, credit.unknown);
    }
    return a;
  }

  void walk(Block &block) {
    for (Operation &op : block)
      visit(&op);
  }

  void visit(Operation *op) {
    if (auto acquire = dyn_cast<sched::AcquireOp>(op)) {
      Credit &credit = state[acquire.getChannel()];
      auto type = cast<sched::ChanType>(acquire.getChannel().getType());
      if (credit.held + credit.unknown >= type.getDepth()) {
        costly.insert(op);
        barrier();
      }
      ++state[acquire.getChannel()].held;
    } else if (auto release = dyn_cast<sched::ReleaseOp>(op)) {
      Credit &credit = state[ringOf(release.getSlot())];
      --credit.held;
      ++credit.unknown;
    } else if (auto drain = dyn_cast<sched::DrainOp>(op)) {
      barrier();
      state[drain.getChannel()] = {};
    } else if (isa<sched::WaitOp>(op)) {
      barrier();
    } else if (auto loop = dyn_cast<scf::ForOp>(op)) {
      if (std::optional<int64_t> trips = getUnrolledTrips(loop)) {
        for (int64_t i = 0; i < *trips; ++i)
          walk(*loop.getBody());
        return;
      }
      // Held slots are the same in each iteration; what is unknown may grow once.
      State before = state;
      for (int round = 0; round < 3; ++round) {
        walk(*loop.getBody());
        State after = join(before, state);
        if (llvm::equal(after, before, [](auto &a, auto &b) {
              return a.first == b.first && a.second == b.second;
            }))
          break;
        before = after;
        state = before;
      }
      state = before;
    } else if (auto choice = dyn_cast<scf::IfOp>(op)) {
      State before = state;
      walk(*choice.thenBlock());
      State then = state;
      state = before;
      if (choice.elseBlock())
        walk(*choice.elseBlock());
      state = join(then, state);
    } else {
      for (Region &region : op->getRegions())
        for (Block &block : region)
          walk(block);
    }
  }

  /// The channel of a slot, through the values of loops.
  static Value ringOf(Value slot) {
    while (true) {
      if (auto argument = dyn_cast<BlockArgument>(slot)) {
        auto loop = cast<scf::ForOp>(argument.getOwner()->getParentOp());
        slot = loop.getTiedLoopInit(argument)->get();
      } else if (auto loop = slot.getDefiningOp<scf::ForOp>()) {
        slot = loop.getInitArgs()[cast<OpResult>(slot).getResultNumber()];
      } else if (auto choice = slot.getDefiningOp<scf::IfOp>()) {
        slot = choice.thenYield().getOperand(cast<OpResult>(slot).getResultNumber());
      } else if (auto acquire = slot.getDefiningOp<sched::AcquireOp>()) {
        return acquire.getChannel();
      } else {
        return cast<sched::WaitOp>(slot.getDefiningOp()).getChannel();
      }
    }
  }

  State state;
  llvm::DenseSet<Operation *> costly;
};

} // namespace

llvm::DenseSet<Operation *> gpu::findCostlyAcquires(sched::RoleOp role) {
  return Credits().run(role);
}
