//===- Barriers.cpp - Barriers of a block --------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A barrier counts warps. A warp has come when all of its live lanes have; lanes that
// come apart (which only the non-aligned forms allow) meet here first.
//
//===----------------------------------------------------------------------===//

#include "../Core/Run.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace tegula::sim;

/// Warps that the barrier waits for.
static size_t expectedWarps(const Block &block, const BlockBarrier &barrier) {
  return barrier.expected ? barrier.expected : block.warps.size() - block.finished;
}

/// Lets everybody go if all have come.
static bool completeIfFull(Block &block, unsigned index) {
  BlockBarrier &b = block.barriers[index];
  if (b.arrived.empty() || b.arrived.size() < expectedWarps(block, b))
    return false;
  Machine &machine = *block.warps.front()->machine;
  machine.counters.barriers += b.arrived.size();
  for (uint32_t id : b.arrived) {
    Warp &w = *block.warps[id];
    if (w.state != WarpState::AtBarrier || w.barrier != index || !w.waitsAt)
      continue;
    w.state = WarpState::Ready;
    w.waitsAt = nullptr;
    w.reduced = true;
    w.reducedCount = b.lanesTrue;
    w.reducedAny = b.lanesTrue != 0;
    w.reducedAll = b.lanesTrue == b.lanesAll;
    machine.joinBarrier(w, b);
  }
  b = BlockBarrier();
  return true;
}

/// The whole warp has come.
static const Inst *arriveWhole(Warp &w, const Inst *pc, const Inst *resume, unsigned index,
                               unsigned threads, bool waits) {
  Block &block = *w.block;
  if (index >= block.barriers.size())
    block.barriers.resize(index + 1);
  BlockBarrier &b = block.barriers[index];
  unsigned width = w.machine->program.width;
  unsigned expected = (threads + width - 1) / width;
  if (!b.arrived.empty() && b.expected != expected)
    w.machine->report(ReportKind::Misuse, &w, pc, w.mask,
                      "barrier " + Twine(index) + " is used with " +
                          Twine(threads ? std::to_string(threads) : "all") +
                          " threads while warps wait at it for " +
                          (b.expected ? std::to_string(b.expected * width) : "all"));
  if (b.arrived.empty()) {
    b.expected = expected;
    b.first = pc;
  }
  if (is_contained(b.arrived, w.id))
    w.machine->report(ReportKind::Misuse, &w, pc, w.mask,
                      "the warp has already arrived at barrier " + Twine(index) +
                          ", which is not complete");
  b.arrived.push_back(w.id);
  b.lanesAll += popcount(w.live);
  b.lanesTrue += popcount(w.predicate & w.live);
  w.predicate = 0;
  w.machine->publishToBarrier(w, b);
  if (!waits) {
    completeIfFull(block, index);
    return pc + 1;
  }
  w.state = WarpState::AtBarrier;
  w.barrier = index;
  w.waitsAt = pc;
  w.pc = resume;
  if (completeIfFull(block, index))
    return --w.budget >= 0 ? resume : nullptr;
  return nullptr;
}

const Inst *tegula::sim::arriveAtBarrier(Warp &w, const Inst *pc, const Inst *resume,
                                         unsigned barrier, unsigned threads, bool waits,
                                         bool aligned) {
  unsigned width = w.machine->program.width;
  if (threads % width) {
    w.machine->report(ReportKind::Misuse, &w, pc, w.mask,
                      "a barrier for " + Twine(threads) +
                          " threads, which is not a multiple of the warp's " + Twine(width));
    threads = (threads + width - 1) / width * width;
  }
  if (w.mask == w.live)
    return arriveWhole(w, pc, resume, barrier, threads, waits);
  if (aligned) {
    w.machine->report(ReportKind::Convergence, &w, pc, w.mask,
                      "a barrier for whole warps is executed by " + Twine(popcount(w.mask)) +
                          " of " + Twine(popcount(w.live)) + " lanes");
    return arriveWhole(w, pc, resume, barrier, threads, waits);
  }
  // Lanes come apart: whoever is first waits for the others.
  w.arrivedLanes |= w.mask;
  w.rendezvous = {pc, resume, barrier, threads, waits};
  w.parked.push_back({resume, w.mask, w.convergence, true});
  if (w.arrivedLanes == w.live)
    return completeRendezvous(w);
  return resumeParked(w);
}

const Inst *tegula::sim::completeRendezvous(Warp &w) {
  w.arrivedLanes = 0;
  for (Split &split : w.parked)
    split.waiting = false;
  // One of the splits carries the wait; all go on after it.
  Rendezvous r = w.rendezvous;
  Split split = w.parked.back();
  w.parked.pop_back();
  w.mask = split.mask;
  w.convergence = split.convergence;
  w.joinBlock = w.convergence < 0 ? Branch::never : w.convergences[w.convergence].block;
  return arriveWhole(w, r.pc, split.pc, r.barrier, r.threads, r.waits);
}

void tegula::sim::warpFinished(Block &block) {
  for (unsigned i = 0; i < block.barriers.size(); ++i)
    if (!block.barriers[i].expected)
      completeIfFull(block, i);
}
