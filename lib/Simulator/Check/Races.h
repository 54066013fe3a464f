//===- Races.h - Accesses that nothing orders -------------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Data races by happens-before. Whatever touches memory on its own clock is an
// *actor*: the warps of a block, and for each warp the engine that makes its
// asynchronous copies. A warp keeps a vector clock over the actors of its block.
//
//   event                      effect on clocks
//   barrier, arriving          the barrier's clock := max with the warp's; the warp ticks
//   barrier, leaving           the warp's clock := max with the barrier's
//   wait for copies            the warp learns its engine's clock up to the groups waited for
//   synchronisation of a warp  the warp ticks
//
// A warp's component of its own clock is its *epoch*. A copy is checked when it is
// issued, against the clock of its issuer, and recorded under the engine with the
// number of its group: whoever has not waited for that group races with it, whenever
// its bytes really move.
//
// Each piece of memory (four bytes, or less if the kernel has smaller accesses) has a
// cell: the record of its last write and an interned set of records of the reads
// since then. A barrier therefore costs nothing per cell.
//
//   read:   the last write must be before; the set keeps only reads that are not
//   write:  the last write and all reads must be before
//
// where `before(r)` says that r is of the same block and its clock is at most what
// the warp knows of r's actor. Blocks are unordered. A kernel that has atomic
// operations may order its blocks with them, which is not modelled: between blocks
// of such a kernel nothing is reported.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SIMULATOR_CHECK_RACES_H
#define TEGULA_SIMULATOR_CHECK_RACES_H

#include "../Core/Machine.h"

#include "llvm/ADT/DenseMap.h"

#include <map>

namespace tegula::sim {

class RaceDetector {
public:
  explicit RaceDetector(Machine &machine);

  void startBlock(Block &block);
  void endBlock(Block &block);

  /// Accesses of lanes at offsets, by the warp itself or by its engine.
  void access(Warp &warp, const Inst *pc, Region &region, uint64_t lanes, const uint64_t *offsets,
              unsigned bytes, bool store, bool async);
  /// Bytes of memory that share a cell, as a shift.
  unsigned granule() const { return shift; }
  void watch(Region &region);

private:
  struct Record {
    uint32_t block = ~0u;
    uint32_t actor = 0;
    uint32_t clock = 0;
    uint32_t source = 0;
    uint8_t async = 0, atomic = 0;
  };
  struct Memo {
    uint64_t cell = ~uint64_t(0), next = 0;
    uint32_t record = ~0u;
    bool store = false;
  };

  uint32_t recordFor(Warp &warp, const Inst *pc, bool async);
  bool before(uint32_t record, const Warp &warp) const;
  uint64_t update(Warp &warp, const Inst *pc, Region &region, uint64_t offset, uint64_t cell,
                  uint32_t record, bool store);
  uint32_t addReader(uint32_t set, uint32_t record, const Warp &warp);
  void reportRace(Warp &warp, const Inst *pc, Region &region, uint64_t offset, uint32_t other,
                  uint32_t mine, const char *kind);
  void reportLaneRace(Warp &warp, const Inst *pc, Region &region, uint64_t offset, unsigned lane,
                      unsigned otherLane, uint32_t other, bool store);

  Machine &machine;
  unsigned shift = 2;
  bool blocksMayBeOrdered = false;
  std::vector<Record> records;
  std::vector<std::vector<uint32_t>> sets;
  std::map<std::vector<uint32_t>, uint32_t> interned;
  llvm::DenseMap<uint64_t, uint32_t> addMemo;
  /// The last records of each instruction and actor.
  llvm::DenseMap<uint64_t, uint32_t> recordMemo;
  Memo memo[256];
};

} // namespace tegula::sim

#endif // TEGULA_SIMULATOR_CHECK_RACES_H
