//===- Scheduler.cpp - Who runs next -------------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Check/Races.h"
#include "../Core/Run.h"

#include "llvm/ADT/STLExtras.h"

#include <cstdlib>
#include <cstring>

using namespace llvm;
using namespace tegula::sim;

uint8_t *tegula::sim::allocateAligned(size_t bytes) {
  return static_cast<uint8_t *>(std::aligned_alloc(64, (bytes + 127) / 64 * 64));
}

Machine::Machine(const Program &program, const Launch &launch, const Options &options)
    : program(program), launch(launch), options(options),
      state((options.seed + 1) * 0x9E3779B97F4A7C15ull) {
  for (int i = 0; i < 4; ++i)
    (void)random();
}

static void releaseBlock(Block &block) {
  for (auto &warp : block.warps) {
    std::free(warp->registers);
    std::free(warp->defined);
    std::free(warp->local.data);
    std::free(warp->local.shadow);
  }
  std::free(block.shared.data);
  std::free(block.shared.shadow);
  std::free(block.shared.cells);
  std::free(block.shared.cellLanes);
}

Machine::~Machine() {
  for (auto &block : resident)
    releaseBlock(*block);
  for (auto &block : spare)
    releaseBlock(*block);
  for (auto &region : regions) {
    std::free(region->shadow);
    std::free(region->cells);
    std::free(region->cellLanes);
    if (region->buffer < 0)
      std::free(region->data);
  }
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

/// Writes the values that are known before the first instruction.
static void writePresets(Machine &machine, Warp &w) {
  const Program &program = machine.program;
  unsigned width = program.width;
  for (const Preset &preset : program.presets) {
    uint64_t bits = preset.bits;
    switch (preset.what) {
    case Preset::Bits:
    case Preset::Undefined:
      break;
    case Preset::Argument: {
      const Argument &argument = machine.launch.arguments[preset.index];
      if (program.parameters[preset.index].byValue)
        bits += regionBase(machine.launch.buffers.size() + program.data.size() + preset.index);
      else
        bits += argument.buffer < 0 ? argument.bits : regionBase(argument.buffer) + argument.bits;
      break;
    }
    case Preset::Shared:
      bits += program.shared[preset.index].offset;
      break;
    case Preset::DynamicShared:
      bits += program.staticShared;
      break;
    case Preset::Data:
      bits += regionBase(machine.launch.buffers.size() + preset.index);
      break;
    }
    uint8_t *at = w.registers + static_cast<size_t>(preset.slot) * 4 * width;
    if (preset.kind == Kind::Bit) {
      uint64_t lanes = bits & 1 ? ~uint64_t(0) : 0;
      std::memcpy(at, &lanes, 8);
    } else if (preset.kind == Kind::Pair) {
      std::fill_n(reinterpret_cast<uint64_t *>(at), width, bits);
    } else {
      std::fill_n(reinterpret_cast<uint32_t *>(at), width, static_cast<uint32_t>(bits));
    }
  }
}

void Machine::makeTemplate() {
  presetDefined.assign(program.slots + 2, 0);
  for (const Preset &preset : program.presets)
    if (preset.what != Preset::Undefined)
      presetDefined[preset.slot] = ~uint64_t(0);
}

std::unique_ptr<Block> Machine::makeBlock(uint32_t number) {
  std::unique_ptr<Block> block;
  uint64_t sharedBytes = program.staticShared + launch.dynamicShared;
  uint64_t threads = uint64_t(launch.block[0]) * launch.block[1] * launch.block[2];
  if (!spare.empty()) {
    block = std::move(spare.back());
    spare.pop_back();
  } else {
    block = std::make_unique<Block>();
    block->shared.space = Space::Shared;
    block->shared.size = sharedBytes;
    block->shared.data = allocateAligned(sharedBytes);
    block->shared.shadow = allocateAligned(sharedBytes);
    unsigned warps = static_cast<unsigned>((threads + program.width - 1) / program.width);
    for (unsigned id = 0; id < warps; ++id) {
      auto warp = std::make_unique<Warp>();
      warp->machine = this;
      warp->block = block.get();
      warp->id = id;
      warp->code = program.code[options.narrowHost].data();
      warp->registers = allocateAligned(static_cast<size_t>(program.slots + 2) * 4 * program.width);
      warp->defined = reinterpret_cast<uint64_t *>(allocateAligned((program.slots + 2) * 8));
      warp->local.space = Space::Local;
      warp->local.size = program.local * program.width;
      if (program.local) {
        warp->local.data = allocateAligned(warp->local.size);
        warp->local.shadow = allocateAligned(warp->local.size);
      }
      std::memset(warp->registers, 0, static_cast<size_t>(program.slots + 2) * 4 * program.width);
      writePresets(*this, *warp);
      block->warps.push_back(std::move(warp));
    }
  }
  block->number = number;
  block->index = {number % launch.grid[0], number / launch.grid[0] % launch.grid[1],
                  number / launch.grid[0] / launch.grid[1]};
  block->finished = 0;
  block->barriers.clear();
  // What a block finds in shared memory is left over from another one.
  std::memset(block->shared.data, static_cast<int>(random() & 0xFF), sharedBytes);
  std::memset(block->shared.shadow, 0, sharedBytes);
  if (races)
    races->startBlock(*block);
  for (auto &warp : block->warps)
    startWarp(*block, *warp);
  return block;
}

void Machine::startWarp(Block &block, Warp &warp) {
  uint64_t threads = uint64_t(launch.block[0]) * launch.block[1] * launch.block[2];
  uint64_t first = uint64_t(warp.id) * program.width;
  uint64_t lanes = std::min<uint64_t>(program.width, threads - first);
  warp.live = warp.mask = lanes >= 64 ? ~uint64_t(0) : (uint64_t(1) << lanes) - 1;
  warp.pc = warp.code;
  warp.state = WarpState::Ready;
  warp.joinBlock = Branch::never;
  warp.convergence = -1;
  warp.parked.clear();
  warp.convergences.clear();
  warp.freeConvergences.clear();
  warp.arrivedLanes = 0;
  warp.waitsAt = nullptr;
  warp.reduced = false;
  warp.copies.clear();
  warp.copyGroup = 0;
  warp.instructions = 0;
  std::memcpy(warp.defined, presetDefined.data(), presetDefined.size() * 8);
  if (program.local)
    std::memset(warp.local.shadow, 0, warp.local.size);
}

void Machine::finishWarp(Warp &warp) {
  warp.state = WarpState::Finished;
  ++warp.block->finished;
  // Landed or not: it is a wait that tells the kernel so.
  if (!warp.copies.empty()) {
    Inst at;
    at.source = warp.copies.front().source;
    report(ReportKind::AsyncAtExit, &warp, &at, 0,
           "the warp leaves the kernel while its asynchronous copies are under way; nothing has "
           "waited for them");
  }
  warpFinished(*warp.block);
}

void Machine::retire(Block &block) {
  const Region &shared = block.shared;
  counters.sharedBytesLoaded += shared.bytesLoaded;
  counters.sharedBytesStored += shared.bytesStored;
  counters.sharedAccesses += shared.accesses;
  counters.sharedPhases += shared.phases;
  counters.sharedPhasesMin += shared.phasesMin;
  block.shared.bytesLoaded = block.shared.bytesStored = 0;
  block.shared.accesses = block.shared.phases = block.shared.phasesMin = 0;
  for (auto &warp : block.warps) {
    instructions += warp->instructions;
    counters.localBytes += warp->local.bytesLoaded + warp->local.bytesStored;
    warp->local.bytesLoaded = warp->local.bytesStored = 0;
    warp->instructions = 0;
    for (size_t i = 0; i < program.counterNames.size(); ++i) {
      if (warp->matrixOps[i])
        counters.matrixOps[program.counterNames[i]] += warp->matrixOps[i];
      warp->matrixOps[i] = 0;
    }
  }
}

void Machine::collectCounters() {
  for (auto &block : resident)
    retire(*block);
  counters.warpInstructions = instructions;
  for (size_t i = 0; i < launch.buffers.size(); ++i) {
    const Region &r = *regions[i];
    counters.buffers.push_back({launch.buffers[i].name, r.bytesLoaded, r.bytesStored, r.bytesAtomic,
                                r.sectorsLoaded, r.sectorsStored});
  }
}

//===----------------------------------------------------------------------===//
// The loop
//===----------------------------------------------------------------------===//

void Machine::runWarp(Warp &warp) {
  // A part of the warp that spins must not starve the part that it waits for.
  if (!warp.parked.empty())
    rotateSplits(warp);
  warp.budget = static_cast<int64_t>(random() % quantum);
  warp.pc->handler(warp, warp.pc);
  if (landing == Landing::Random && !warp.copies.empty())
    landSomeCopies(warp);
}

void Machine::run() {
  if (!checkLaunch())
    return;
  makeRegions();
  makeTemplate();
  if (options.races)
    races = std::make_unique<RaceDetector>(*this);
  constexpr unsigned quanta[] = {1, 4, 16, 64};
  quantum = quanta[random() % 4];
  uint64_t draw = random();
  landing = options.landing;
  if (landing == Landing::Seeded)
    landing = draw % 3 == 0 ? Landing::Early : draw % 3 == 1 ? Landing::Late : Landing::Random;

  uint32_t blocks = launch.grid[0] * launch.grid[1] * launch.grid[2];
  order.resize(blocks);
  for (uint32_t i = 0; i < blocks; ++i)
    order[i] = i;
  for (uint32_t i = blocks; i > 1; --i)
    std::swap(order[i - 1], order[random() % i]);

  std::vector<Warp *> ready;
  while (!stopped) {
    while (resident.size() < std::max(1u, options.residentBlocks) && nextBlock < order.size())
      resident.push_back(makeBlock(order[nextBlock++]));
    if (resident.empty())
      break;
    ready.clear();
    uint64_t running = instructions;
    for (auto &block : resident)
      for (auto &warp : block->warps) {
        running += warp->instructions;
        if (warp->state == WarpState::Ready)
          ready.push_back(warp.get());
      }
    if (ready.empty()) {
      reportDeadlock();
      break;
    }
    if (running > options.maxInstructions) {
      report(ReportKind::Livelock, ready.front(), ready.front()->pc, 0,
             "the kernel has not ended after " + Twine(running) + " warp instructions");
      break;
    }
    Warp &warp = *ready[random() % ready.size()];
    runWarp(warp);
    if (warp.state != WarpState::Finished || warp.block->finished != warp.block->warps.size())
      continue;
    auto at = find_if(resident, [&](auto &block) { return block.get() == warp.block; });
    retire(**at);
    if (races)
      races->endBlock(**at);
    spare.push_back(std::move(*at));
    resident.erase(at);
  }
  collectCounters();
}

//===----------------------------------------------------------------------===//
// Deadlock
//===----------------------------------------------------------------------===//

/// "2, 3 and 5".
static std::string list(ArrayRef<uint32_t> numbers) {
  std::string text;
  for (size_t i = 0; i < numbers.size(); ++i)
    text += (i == 0 ? "" : i + 1 == numbers.size() ? " and " : ", ") + std::to_string(numbers[i]);
  return text;
}

void Machine::reportDeadlock() {
  const Warp *who = nullptr;
  std::vector<Note> notes;
  for (auto &block : resident) {
    std::string at = "block (" + std::to_string(block->index[0]) + ", " +
                     std::to_string(block->index[1]) + ", " + std::to_string(block->index[2]) + ")";
    for (unsigned index = 0; index < block->barriers.size(); ++index) {
      const BlockBarrier &b = block->barriers[index];
      if (b.arrived.empty())
        continue;
      if (!who)
        who = block->warps[b.arrived.front()].get();
      size_t expected = b.expected ? b.expected : block->warps.size() - block->finished;
      std::vector<uint32_t> arrived = b.arrived;
      llvm::sort(arrived);
      notes.push_back({at + ": barrier " + std::to_string(index) + " waits for " +
                           std::to_string(expected) + " warps; " + std::to_string(arrived.size()) +
                           " have come: " + list(arrived),
                       sitesOf(b.first->source)});
      for (auto &warp : block->warps) {
        if (is_contained(b.arrived, warp->id))
          continue;
        std::string message = at + ": warp " + std::to_string(warp->id);
        if (warp->state == WarpState::Finished)
          notes.push_back({message + " has left the kernel", {}});
        else if (warp->waitsAt)
          notes.push_back({message + " waits at barrier " + std::to_string(warp->barrier),
                           sitesOf(warp->waitsAt->source)});
      }
    }
    for (auto &warp : block->warps) {
      if (warp->state != WarpState::AtBarrier || warp->waitsAt)
        continue;
      if (!who)
        who = warp.get();
      uint64_t joined = 0;
      for (const Convergence &c : warp->convergences)
        joined |= c.arrived & ~warp->arrivedLanes;
      notes.push_back(
          {at + ": warp " + std::to_string(warp->id) + ": " +
               std::to_string(popcount(warp->arrivedLanes)) + " lanes wait at barrier " +
               std::to_string(warp->rendezvous.barrier) + ", " + std::to_string(popcount(joined)) +
               " lanes wait where the paths of the warp join",
           warp->rendezvous.pc ? sitesOf(warp->rendezvous.pc->source) : std::vector<Site>()});
    }
  }
  const Inst *pc = who ? (who->waitsAt ? who->waitsAt : who->rendezvous.pc) : nullptr;
  report(ReportKind::Deadlock, who, pc, 0, "every warp waits, and nothing can wake one",
         std::move(notes));
}
