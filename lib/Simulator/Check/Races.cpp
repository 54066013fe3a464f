//===- Races.cpp - Accesses that nothing orders --------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Races.h"

#include "../Core/Run.h"

#include "llvm/ADT/STLExtras.h"

#include <cstdlib>
#include <cstring>

using namespace llvm;
using namespace tegula::sim;

/// Bytes of the smallest access to memory that others can see, as a shift.
static unsigned smallestAccess(const Program &program, bool &hasAtomics) {
  unsigned shift = 2;
  for (const Inst &inst : program.code[0]) {
    switch (inst.op) {
    case Op::LoadGeneric8:
    case Op::LoadGlobal8:
    case Op::LoadShared8:
    case Op::StoreGeneric8:
    case Op::StoreGlobal8:
    case Op::StoreShared8:
      shift = 0;
      break;
    case Op::LoadGeneric16:
    case Op::LoadGlobal16:
    case Op::LoadShared16:
    case Op::StoreGeneric16:
    case Op::StoreGlobal16:
    case Op::StoreShared16:
      shift = std::min(shift, 1u);
      break;
    case Op::Atomic:
      hasAtomics = true;
      shift = std::min<unsigned>(shift, inst.count >= 4 ? 2 : inst.count / 2);
      break;
    default:
      break;
    }
  }
  return shift;
}

RaceDetector::RaceDetector(Machine &machine) : machine(machine) {
  shift = smallestAccess(machine.program, blocksMayBeOrdered);
  records.emplace_back();
  sets.emplace_back();
  interned[{}] = 0;
  // Buffers that nobody writes need no cells.
  for (size_t i = 0; i < machine.launch.buffers.size(); ++i) {
    if (machine.launch.buffers[i].readOnly)
      continue;
    bool written = false;
    for (auto [argument, parameter] :
         zip_equal(machine.launch.arguments, machine.program.parameters))
      written |= argument.buffer == static_cast<int>(i) && !parameter.readOnly;
    if (written)
      watch(*machine.regions[i]);
  }
}

void RaceDetector::watch(Region &region) {
  size_t cells = (region.size >> shift) + 2;
  region.cells = static_cast<uint64_t *>(std::calloc(cells, sizeof(uint64_t)));
  region.cellLanes = static_cast<uint8_t *>(std::calloc(cells, 1));
}

void RaceDetector::startBlock(Block &block) {
  size_t cells = (block.shared.size >> shift) + 2;
  if (!block.shared.cells) {
    watch(block.shared);
  } else {
    std::memset(block.shared.cells, 0, cells * sizeof(uint64_t));
    std::memset(block.shared.cellLanes, 0, cells);
  }
  size_t warps = block.warps.size();
  for (auto &warp : block.warps) {
    warp->clock.assign(2 * warps, 0);
    warp->clock[warp->id] = 1;
  }
}

void RaceDetector::endBlock(Block &block) {
  // Numbers of records are only ever compared within a block, or found to be foreign.
  (void)block;
}

uint32_t RaceDetector::recordFor(Warp &warp, const Inst *pc, bool async) {
  uint32_t actor = warp.id + (async ? static_cast<uint32_t>(warp.block->warps.size()) : 0);
  uint32_t clock = async ? static_cast<uint32_t>(warp.copyGroup) + 1 : warp.clock[warp.id];
  uint64_t key = uint64_t(pc->source) << 40 | uint64_t(warp.block->number & 0xFFFFFF) << 16 | actor;
  uint32_t &last = recordMemo[key];
  if (last && records[last].clock == clock && records[last].block == warp.block->number)
    return last;
  records.push_back({warp.block->number, actor, clock, pc->source, async, pc->op == Op::Atomic});
  return last = static_cast<uint32_t>(records.size()) - 1;
}

bool RaceDetector::before(uint32_t record, const Warp &warp) const {
  if (!record)
    return true;
  const Record &r = records[record];
  return r.block == warp.block->number && r.clock <= warp.clock[r.actor];
}

uint32_t RaceDetector::addReader(uint32_t set, uint32_t record, const Warp &warp) {
  uint64_t key = uint64_t(set) << 32 | record;
  auto it = addMemo.find(key);
  if (it != addMemo.end())
    return it->second;
  std::vector<uint32_t> readers;
  // Of readers in other blocks two are enough to find a race.
  unsigned foreign = 0;
  for (uint32_t reader : sets[set]) {
    if (before(reader, warp))
      continue;
    bool isForeign = records[reader].block != warp.block->number;
    if (!isForeign || foreign++ < 2)
      readers.push_back(reader);
  }
  if (!is_contained(readers, record))
    readers.push_back(record);
  llvm::sort(readers);
  auto [place, isNew] = interned.try_emplace(readers, static_cast<uint32_t>(sets.size()));
  if (isNew)
    sets.push_back(readers);
  return addMemo[key] = place->second;
}

uint64_t RaceDetector::update(Warp &warp, const Inst *pc, Region &region, uint64_t offset,
                              uint64_t cell, uint32_t record, bool store) {
  auto written = static_cast<uint32_t>(cell), readers = static_cast<uint32_t>(cell >> 32);
  const Record &mine = records[record];
  auto unordered = [&](uint32_t other) {
    if (before(other, warp))
      return false;
    const Record &r = records[other];
    if (r.atomic && mine.atomic)
      return false;
    return r.block == warp.block->number || !blocksMayBeOrdered;
  };
  if (unordered(written))
    reportRace(warp, pc, region, offset, written, record, store ? "a store" : "a load");
  if (!store)
    return uint64_t(addReader(readers, record, warp)) << 32 | written;
  for (uint32_t reader : sets[readers])
    if (unordered(reader)) {
      reportRace(warp, pc, region, offset, reader, record, "a store");
      break;
    }
  return record;
}

void RaceDetector::access(Warp &warp, const Inst *pc, Region &region, uint64_t lanes,
                          const uint64_t *offsets, unsigned bytes, bool store, bool async) {
  uint32_t record = recordFor(warp, pc, async);
  uint32_t epoch = warp.clock[warp.id];
  // Neighbouring cells mostly have one value: what it becomes is looked up once.
  uint64_t last = 0, next = 0;
  bool known = false, mine = false;
  for (uint64_t m = lanes; m; m &= m - 1) {
    unsigned lane = countr_zero(m);
    uint64_t first = offsets[lane] >> shift, end = (offsets[lane] + bytes - 1) >> shift;
    for (uint64_t i = first; i <= end; ++i) {
      uint64_t cell = region.cells[i];
      if (!known || cell != last) {
        // Lanes of one warp are unordered until it synchronises.
        auto written = static_cast<uint32_t>(cell);
        const Record &w = records[written];
        mine = written && !async && w.block == warp.block->number && w.actor == warp.id &&
               w.clock == epoch && w.source != pc->source && !w.atomic;
        Memo &entry = memo[(cell * 0x9E3779B97F4A7C15ull + record) >> 56];
        if (entry.cell != cell || entry.record != record || entry.store != store) {
          uint64_t made = update(warp, pc, region, i << shift, cell, record, store);
          entry = {cell, made, record, store};
        }
        last = cell;
        next = entry.next;
        known = true;
      }
      if (mine && region.cellLanes[i] != lane + 1)
        reportLaneRace(warp, pc, region, i << shift, lane, region.cellLanes[i] - 1,
                       static_cast<uint32_t>(cell), store);
      region.cells[i] = next;
      if (store)
        region.cellLanes[i] = static_cast<uint8_t>(lane + 1);
    }
  }
}

//===----------------------------------------------------------------------===//
// Reports
//===----------------------------------------------------------------------===//

void RaceDetector::reportRace(Warp &warp, const Inst *pc, Region &region, uint64_t offset,
                              uint32_t other, uint32_t mine, const char *kind) {
  const Record &theirs = records[other];
  bool foreign = theirs.block != warp.block->number;
  bool async = theirs.async || records[mine].async;
  size_t warps = warp.block->warps.size();
  uint32_t who = theirs.actor % warps;
  const auto &grid = machine.launch.grid;
  std::string actor = theirs.async ? "an asynchronous copy of warp " + std::to_string(who)
                                   : "warp " + std::to_string(who);
  if (foreign)
    actor += " of block (" + std::to_string(theirs.block % grid[0]) + ", " +
             std::to_string(theirs.block / grid[0] % grid[1]) + ", " +
             std::to_string(theirs.block / grid[0] / grid[1]) + ")";
  std::string why = foreign                          ? "blocks are not ordered"
                    : theirs.async && who == warp.id ? "the warp has not waited for the copy"
                    : theirs.async ? "no wait for the copy and barrier after it lie in between"
                                   : "no barrier lies in between";
  ReportKind reportKind = foreign ? ReportKind::RaceBlock
                          : async ? ReportKind::RaceAsync
                                  : ReportKind::Race;
  machine.report(reportKind, &warp, pc, 0,
                 Twine(records[mine].async ? "the copy's access" : kind) + " of " +
                     machine.describePlace(&region, offset) + " races with an access by " + actor +
                     ": " + why,
                 {{"the other access", machine.sitesOf(theirs.source)}});
}

void RaceDetector::reportLaneRace(Warp &warp, const Inst *pc, Region &region, uint64_t offset,
                                  unsigned lane, unsigned otherLane, uint32_t other, bool store) {
  machine.report(ReportKind::RaceLane, &warp, pc, uint64_t(1) << lane,
                 Twine(store ? "a store" : "a load") + " by lane " + Twine(lane) + " of " +
                     machine.describePlace(&region, offset) + " races with a store by lane " +
                     Twine(otherLane) + " of the same warp: the warp has not synchronised since",
                 {{"the store", machine.sitesOf(records[other].source)}});
}

//===----------------------------------------------------------------------===//
// Services, and what orders
//===----------------------------------------------------------------------===//

void tegula::sim::checkRace(Warp &warp, const Inst *pc, Region &region, uint64_t lanes,
                            const uint64_t *offsets, unsigned bytes, bool store) {
  warp.machine->races->access(warp, pc, region, lanes, offsets, bytes, store, false);
}

void tegula::sim::checkRaceAsync(Warp &warp, const Inst *pc, Region &region, uint64_t lanes,
                                 const uint64_t *offsets, unsigned bytes, bool store) {
  warp.machine->races->access(warp, pc, region, lanes, offsets, bytes, store, true);
}

static void join(std::vector<uint32_t> &into, const std::vector<uint32_t> &from) {
  if (into.size() < from.size())
    into.resize(from.size(), 0);
  for (size_t i = 0; i < from.size(); ++i)
    into[i] = std::max(into[i], from[i]);
}

void tegula::sim::syncWarp(Warp &warp) {
  if (warp.machine->races)
    ++warp.clock[warp.id];
}

void Machine::publishToBarrier(Warp &warp, BlockBarrier &barrier) {
  if (!races)
    return;
  join(barrier.clock, warp.clock);
  ++warp.clock[warp.id];
}

void Machine::joinBarrier(Warp &warp, BlockBarrier &barrier) {
  if (races)
    join(warp.clock, barrier.clock);
}

void Machine::joinCopies(Warp &warp, uint64_t end) {
  if (!races)
    return;
  uint32_t &known = warp.clock[warp.id + warp.block->warps.size()];
  known = std::max(known, static_cast<uint32_t>(end));
}
