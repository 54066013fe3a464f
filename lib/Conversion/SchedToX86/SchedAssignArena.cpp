//===- SchedAssignArena.cpp - Places of buffers in the arena --------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ops of the grid's body are numbered in the order of the text. A buffer lives
// from its first use to its last; where a loop carries its contents from one
// trip to the next, it lives as long as the loop. Large buffers are placed
// first, each at the lowest offset that no buffer alive at the same time holds.
//
//===----------------------------------------------------------------------===//

#include "Storage.h"
#include "tegula/Conversion/Passes.h"

#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/Support/MathExtras.h"

namespace tegula {
#define GEN_PASS_DEF_SCHEDASSIGNARENAPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

namespace {

/// Positions in the text, both inclusive.
struct Lifetime {
  int64_t first, last;
  bool overlaps(Lifetime other) const { return first <= other.last && other.first <= last; }
};

/// A buffer with its place.
struct Placed {
  AllocOp alloc;
  Lifetime life;
  int64_t bytes;
  size_t number; ///< in the text
  int64_t offset = 0;
};

/// Numbers the ops of a grid's body.
class Positions {
public:
  explicit Positions(Block &body) { number(body); }
  Lifetime of(Operation *op) const { return spans.lookup(op); }

private:
  void number(Block &block) {
    for (Operation &op : block) {
      int64_t first = next++;
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          number(inner);
      spans[&op] = {first, next++};
    }
  }
  DenseMap<Operation *, Lifetime> spans;
  int64_t next = 0;
};

} // namespace

/// True if `op` writes every element of `buffer` and reads none.
static bool overwrites(Operation *op, Value buffer) {
  if (auto copy = dyn_cast<CopyOp>(op))
    return copy.getDest() == buffer && copy.getSource() != buffer;
  if (auto gather = dyn_cast<sched::GatherOp>(op))
    return gather.getDest() == buffer && gather.getBy() != buffer;
  if (auto mma = dyn_cast<MmaOp>(op))
    return mma.getC() == buffer && !mma.getAccumulate() && mma.getA() != buffer &&
           mma.getB() != buffer;
  if (auto map = dyn_cast<MapOp>(op))
    return llvm::is_contained(map.getOuts(), buffer) && !llvm::is_contained(map.getIns(), buffer);
  if (auto reshape = dyn_cast<sched::ReshapeOp>(op))
    return reshape.getDest() == buffer && reshape.getSource() != buffer;
  if (auto scan = dyn_cast<sched::ScanOp>(op))
    return scan.getDest() == buffer && scan.getSource() != buffer;
  if (auto argmax = dyn_cast<sched::ArgMaxOp>(op))
    return argmax.getDest() == buffer;
  return false;
}

/// What reads or writes a buffer, also through its slices and views.
static SmallVector<Operation *> collectUses(Operation *buffer) {
  SmallVector<Operation *> uses;
  for (Operation *user : buffer->getUsers()) {
    if (isa<sched::SliceOp, sched::ViewOp>(user))
      llvm::append_range(uses, collectUses(user));
    else
      uses.push_back(user);
  }
  return uses;
}

/// Erases a buffer that nothing uses, with its slices and views.
static void eraseUnused(Operation *buffer) {
  for (Operation *user : llvm::make_early_inc_range(buffer->getUsers()))
    eraseUnused(user);
  buffer->erase();
}

/// The life of a buffer with `uses` in textual order inside `grid`.
static Lifetime getLifetime(Value buffer, ArrayRef<Operation *> uses, const Positions &positions,
                            Operation *grid) {
  Lifetime life{positions.of(uses.front()).first, positions.of(uses.front()).last};
  for (Operation *use : uses)
    life.last = std::max(life.last, positions.of(use).last);
  // Every loop around a use: the contents survive a trip unless each trip begins
  // with overwriting them and nothing outside uses them.
  for (Operation *use : uses) {
    for (Operation *loop = use->getParentOp(); loop != grid; loop = loop->getParentOp()) {
      if (!isa<LoopLikeOpInterface>(loop))
        continue;
      bool allInside =
          llvm::all_of(uses, [&](Operation *other) { return loop->isAncestor(other); });
      bool fresh = uses.front()->getParentOp() == loop && overwrites(uses.front(), buffer);
      if (allInside && fresh)
        continue;
      Lifetime span = positions.of(loop);
      life = {std::min(life.first, span.first), std::max(life.last, span.last)};
    }
  }
  return life;
}

/// The bytes of a buffer with what keeps the next one apart from it: a cache line, so
/// that their rows do not fall into the same sets. Sizes are often whole pages, and a
/// load waits for an earlier store to the same place in another page: one line apart,
/// that is the store of the trip before. 13 lines leave any two of the next four
/// buffers at least 12 lines apart within a page of 64.
static int64_t withGap(int64_t bytes) {
  constexpr int64_t line = 64, page = 4096;
  return llvm::alignTo(bytes, line) + (bytes < page ? line : 13 * line);
}

/// The lowest place for `bytes` that is free of `taken`, which are in order of offset.
static int64_t findPlace(ArrayRef<const Placed *> taken, int64_t bytes) {
  int64_t offset = 0;
  for (const Placed *other : taken) {
    if (offset + bytes <= other->offset)
      break;
    offset = std::max(offset, other->offset + other->bytes);
  }
  return offset;
}

namespace {

struct SchedAssignArena : tegula::impl::SchedAssignArenaPassBase<SchedAssignArena> {
  void runOnOperation() override {
    for (auto kernel : getOperation().getOps<sched::KernelOp>())
      if (failed(assign(kernel)))
        return signalPassFailure();
  }

  LogicalResult assign(sched::KernelOp kernel) {
    const TargetInfo *target = x86::getTarget(kernel);
    if (!target)
      return failure();
    GridOp grid = *kernel.getBody().front().getOps<GridOp>().begin();
    Positions positions(grid.getBody().front());
    std::vector<Placed> buffers;
    SmallVector<AllocOp> unused;
    for (AllocOp alloc : grid.getBody().getOps<AllocOp>()) {
      if (failed(x86::verifyStorage(alloc, *target)))
        return failure();
      SmallVector<Operation *> uses = collectUses(alloc);
      if (uses.empty()) {
        unused.push_back(alloc);
        continue;
      }
      llvm::sort(uses, [&](Operation *a, Operation *b) {
        return positions.of(a).first < positions.of(b).first;
      });
      int64_t bytes = withGap(x86::getStorageBytes(alloc.getBuffer().getType(), *target));
      buffers.push_back(
          {alloc, getLifetime(alloc.getBuffer(), uses, positions, grid), bytes, buffers.size()});
    }
    for (AllocOp alloc : unused)
      eraseUnused(alloc);
    place(buffers);
    return success();
  }

  void place(std::vector<Placed> &buffers) {
    llvm::sort(buffers, [](const Placed &a, const Placed &b) {
      return std::make_pair(-a.bytes, a.number) < std::make_pair(-b.bytes, b.number);
    });
    for (size_t i = 0; i < buffers.size(); ++i) {
      SmallVector<const Placed *> taken;
      for (const Placed &other : ArrayRef<Placed>(buffers).take_front(i))
        if (other.life.overlaps(buffers[i].life))
          taken.push_back(&other);
      llvm::sort(taken, [](const Placed *a, const Placed *b) { return a->offset < b->offset; });
      buffers[i].offset = findPlace(taken, buffers[i].bytes);
      buffers[i].alloc.setOffset(buffers[i].offset);
    }
  }
};

} // namespace
