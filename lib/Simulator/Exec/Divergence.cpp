//===- Divergence.cpp - Lanes that part and join -------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// As the hardware since Volta: a divergent branch parts a warp into *splits* that run
// by turns, and opens a convergence at its immediate post-dominator, where lanes wait
// until all that have not left the kernel have come. A split that cannot go on yields
// to the others, so lanes may wait for lanes of their own warp.
//
//===----------------------------------------------------------------------===//

#include "../Core/Run.h"

using namespace tegula::sim;

static void setConvergence(Warp &w, int32_t index) {
  w.convergence = index;
  w.joinBlock = index < 0 ? Branch::never : w.convergences[index].block;
}

void tegula::sim::openConvergence(Warp &w, const Branch &branch) {
  // An exit of a loop whose other lanes have left already: they wait at the same place.
  if (branch.join == Branch::never || branch.join == w.joinBlock)
    return;
  int32_t index;
  if (w.freeConvergences.empty()) {
    index = static_cast<int32_t>(w.convergences.size());
    w.convergences.emplace_back();
  } else {
    index = w.freeConvergences.back();
    w.freeConvergences.pop_back();
  }
  w.convergences[index] = {branch.join, branch.joinTarget, w.mask, 0, w.convergence};
  setConvergence(w, index);
}

void tegula::sim::park(Warp &w, const Inst *pc, uint64_t mask) {
  w.parked.push_back({pc, mask, w.convergence, false});
}

void tegula::sim::arriveAside(Warp &w, uint64_t mask) {
  w.convergences[w.convergence].arrived |= mask;
}

/// Goes on at `pc`, or ends the turn there.
static const Inst *continueAt(Warp &w, const Inst *pc) {
  if (--w.budget >= 0)
    return pc;
  w.pc = pc;
  return nullptr;
}

const Inst *tegula::sim::arriveAtJoin(Warp &w) {
  while (true) {
    Convergence &c = w.convergences[w.convergence];
    c.arrived |= w.mask;
    if (c.arrived != c.pending)
      return resumeParked(w);
    w.mask = c.arrived;
    uint32_t block = c.block, target = c.target;
    w.freeConvergences.push_back(w.convergence);
    setConvergence(w, c.parent);
    // The same block may end an outer region as well.
    if (w.joinBlock != block)
      return continueAt(w, w.code + target);
  }
}

const Inst *tegula::sim::resumeParked(Warp &w) {
  size_t count = w.parked.size();
  size_t first = count > 1 ? w.machine->random() % count : 0;
  for (size_t i = 0; i < count; ++i) {
    size_t at = (first + i) % count;
    if (w.parked[at].waiting)
      continue;
    Split split = w.parked[at];
    w.parked[at] = w.parked.back();
    w.parked.pop_back();
    w.mask = split.mask;
    setConvergence(w, split.convergence);
    return continueAt(w, split.pc);
  }
  // Whoever is left waits: at a barrier, or for lanes that do.
  w.mask = 0;
  w.state = WarpState::AtBarrier;
  return nullptr;
}

/// Lanes have left: convergences from `index` outward wait for them no longer.
static void releaseWithout(Warp &w, int32_t index, uint64_t gone) {
  while (index >= 0) {
    Convergence &c = w.convergences[index];
    c.pending &= ~gone;
    int32_t parent = c.parent;
    if (c.arrived == c.pending) {
      uint64_t lanes = c.arrived;
      uint32_t block = c.block, target = c.target;
      w.freeConvergences.push_back(index);
      if (lanes && parent >= 0 && w.convergences[parent].block == block)
        w.convergences[parent].arrived |= lanes;
      else if (lanes)
        w.parked.push_back({w.code + target, lanes, parent, false});
    }
    index = parent;
  }
}

const Inst *tegula::sim::exitLanes(Warp &w) {
  uint64_t gone = w.mask;
  w.live &= ~gone;
  releaseWithout(w, w.convergence, gone);
  w.mask = 0;
  setConvergence(w, -1);
  if (!w.live) {
    w.machine->finishWarp(w);
    return nullptr;
  }
  // The other lanes may have been waiting at a barrier for these.
  if (w.arrivedLanes && w.arrivedLanes == w.live)
    return completeRendezvous(w);
  return resumeParked(w);
}

void tegula::sim::rotateSplits(Warp &w) {
  size_t count = w.parked.size();
  size_t at = w.machine->random() % (count + 1);
  if (at == count || w.parked[at].waiting)
    return;
  Split current = {w.pc, w.mask, w.convergence, false};
  Split next = w.parked[at];
  w.parked[at] = current;
  w.pc = next.pc;
  w.mask = next.mask;
  setConvergence(w, next.convergence);
}
