//===- StreamTiming.cpp - When a scheduled stream's steps happen ----------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StreamTiming.h"

#include "tegula/Dialect/Sched/IR/Sched.h"

#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace tegula;

llvm::StringMap<size_t> tegula::getRowNumbers(ScheduleAttr schedule) {
  llvm::StringMap<size_t> numbers;
  for (auto [i, row] : llvm::enumerate(schedule.getRows()))
    for (StringAttr label : row.getLabels())
      numbers[label.getValue()] = i;
  return numbers;
}

/// The stage of the row that names `label`.
static int64_t getStage(ScheduleAttr schedule, StringRef label) {
  return findRow(schedule, StringAttr::get(schedule.getContext(), label)).getStage();
}

/// The rings of a schedule with the loads that fill them.
static SmallVector<Ring> collectRings(StreamOp stream, int64_t lastStage) {
  llvm::StringMap<LoadOp> loads;
  for (LoadOp load : stream.getBody().getOps<LoadOp>())
    if (StringAttr label = load.getLabelAttr())
      loads[label.getValue()] = load;
  SmallVector<Ring> rings;
  ScheduleAttr schedule = stream.getScheduleAttr();
  for (ScheduleRingAttr attr : schedule.getRings()) {
    Ring ring;
    ring.attr = attr;
    for (StringAttr label : attr.getLabels()) {
      StringRef name = label.getValue();
      ring.lead = lastStage - getStage(schedule, name);
      ring.throughRegisters = name.consume_back(".put");
      ring.loads.push_back(loads.lookup(name));
    }
    rings.push_back(ring);
  }
  return rings;
}

/// The rows are steps, in order; ops without a row stand where they are in the body,
/// and what fills a ring is one step where its last label's row is.
LogicalResult StreamTiming::collectSteps(StreamOp stream) {
  ScheduleAttr schedule = stream.getScheduleAttr();
  llvm::StringMap<size_t> rowOf;
  int64_t lastStage = 0;
  if (schedule) {
    rowOf = getRowNumbers(schedule);
    for (ScheduleRowAttr row : schedule.getRows())
      lastStage = std::max(lastStage, row.getStage());
    rings = collectRings(stream, lastStage);
  }

  // What each ring's filling waits for: the row of its last label.
  struct Pending {
    size_t row, ring;
  };
  SmallVector<Pending> pending;
  DenseMap<Operation *, size_t> ringOf;
  for (auto [i, ring] : llvm::enumerate(rings)) {
    size_t last = 0;
    for (auto [label, load] : llvm::zip(ring.attr.getLabels(), ring.loads)) {
      if (!load)
        return stream.emitOpError()
               << "puts '" << label.getValue() << "' into ring '" << ring.attr.getName()
               << "', which is no load of the stream's own body";
      if (getStage(schedule, label.getValue()) != lastStage - ring.lead)
        return stream.emitOpError()
               << "fills ring '" << ring.attr.getName() << "' at different stages";
      last = std::max(last, rowOf.lookup(label.getValue()));
      ringOf[load] = i;
    }
    pending.push_back({last, i});
  }
  llvm::sort(pending, [](Pending a, Pending b) { return a.row < b.row; });
  auto flush = [&](size_t row) {
    while (!pending.empty() && pending.front().row < row) {
      steps.push_back(
          {Step::Kind::Fill, pending.front().ring, nullptr, rings[pending.front().ring].lead});
      pending.erase(pending.begin());
    }
  };

  for (Operation &op : stream.getBody().front().without_terminator()) {
    std::optional<size_t> row;
    int64_t lead = 0;
    op.walk<WalkOrder::PreOrder>([&](Operation *inner) {
      if (isa<StreamOp>(inner) && inner != &op)
        return WalkResult::skip();
      auto anchor = dyn_cast<AnchorOpInterface>(inner);
      if (!schedule || !anchor || !anchor.getAnchorLabel() || isa<sched::MapOp>(inner))
        return WalkResult::advance();
      if (auto found = rowOf.find(anchor.getAnchorLabel().getValue()); found != rowOf.end()) {
        row = std::min(row.value_or(found->second), found->second);
        lead = lastStage - schedule.getRows()[found->second].getStage();
      }
      return WalkResult::advance();
    });
    if (row)
      flush(*row);
    auto ring = ringOf.find(&op);
    if (ring == ringOf.end()) {
      if (lead && row)
        return op.emitOpError() << "is scheduled " << lead
                                << " stages before the last one; so far only loads into rings "
                                   "may be";
      steps.push_back({Step::Kind::Compute, 0, &op, 0});
    } else if (rings[ring->second].throughRegisters) {
      int64_t ahead = lead - rings[ring->second].lead;
      if (ahead < 0 || ahead > 1)
        return op.emitOpError() << "is put " << ahead
                                << " stages after it is fetched; a tile waits in registers for "
                                   "one stage at most";
      steps.push_back({Step::Kind::Fetch, ring->second, &op, lead});
    }
  }
  flush(SIZE_MAX);
  for (const Step &step : steps)
    prologue = std::max(prologue, step.lead);
  return success();
}

/// Each ring is waited for above its first reader, and above the copies that directly
/// precede it, which want the credit that the wait's barrier returns. A copy of the same
/// trip into the same ring stays above.
LogicalResult StreamTiming::placeWaits(StreamOp stream) {
  for (size_t i = 0; i < rings.size(); ++i) {
    Ring &ring = rings[i];
    std::optional<size_t> first, last;
    for (size_t j = 0; j < steps.size(); ++j) {
      const Step &step = steps[j];
      if (step.kind != Step::Kind::Compute)
        continue;
      bool reads = false;
      step.op->walk([&](Operation *inner) {
        for (Value operand : inner->getOperands())
          for (LoadOp load : ring.loads)
            reads |= operand == load.getTile();
      });
      if (!reads)
        continue;
      first = first ? *first : j;
      last = j;
    }
    if (!first)
      return stream.emitOpError() << "fills ring '" << ring.attr.getName()
                                  << "', which nothing reads";
    size_t at = *first;
    while (at > 0) {
      const Step &before = steps[at - 1];
      bool copies = before.kind != Step::Kind::Compute || isPure(before.op);
      if (before.kind == Step::Kind::Compute && isa<sched::MapOp, DotOp>(before.op))
        copies = false;
      if (!copies || (before.kind == Step::Kind::Fill && before.ring == i && before.lead == 0))
        break;
      --at;
    }
    // Index arithmetic that a copy above does not need is no reason to wait earlier.
    while (at < *first && steps[at].kind == Step::Kind::Compute)
      ++at;
    ring.waitBefore = at;
    ring.releaseAfter = *last;
  }
  return success();
}

/// Counts commits of the role's queue: time t of the prologue is a trip -1, -2, ...
void StreamTiming::countInflight() {
  struct Commit {
    size_t ring;
    int64_t generation;
  };
  SmallVector<Commit> commits;
  auto isCounted = [&](size_t ring) { return rings[ring].attr.getKind() == RingKind::fifo; };
  SmallVector<int64_t> least(rings.size(), INT64_MAX);
  for (int64_t trip = -prologue; trip <= prologue + 1; ++trip) {
    for (size_t at = 0; at <= steps.size(); ++at) {
      for (size_t ring = 0; trip >= 0 && ring < rings.size(); ++ring) {
        if (!isCounted(ring) || rings[ring].waitBefore != at)
          continue;
        int64_t younger = 0;
        for (const Commit &commit : llvm::reverse(commits)) {
          if (commit.ring == ring && commit.generation == trip)
            break;
          ++younger;
        }
        least[ring] = std::min(least[ring], younger);
      }
      if (at == steps.size() || steps[at].kind != Step::Kind::Fill || !isCounted(steps[at].ring))
        continue;
      if (int64_t generation = trip + steps[at].lead; generation >= 0)
        commits.push_back({steps[at].ring, generation});
    }
  }
  for (auto [ring, count] : llvm::zip(rings, least))
    ring.inflight = count == INT64_MAX ? 0 : count;
}

FailureOr<StreamTiming> StreamTiming::get(StreamOp stream) {
  StreamTiming timing;
  if (failed(timing.collectSteps(stream)) || failed(timing.placeWaits(stream)))
    return failure();
  timing.countInflight();
  return timing;
}
