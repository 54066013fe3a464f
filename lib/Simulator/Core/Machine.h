//===- Machine.h - Warps, blocks and the machine -----------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The state of a run, and the services that handlers call when something happens
// that is not plain arithmetic: parting and joining of lanes, barriers, reports.
// Services are compiled once, for any host; they see lanes as bits of a 64-bit mask,
// so nothing here depends on the width of a warp.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SIMULATOR_CORE_MACHINE_H
#define TEGULA_SIMULATOR_CORE_MACHINE_H

#include "Program.h"

#include <deque>

namespace tegula::sim {

struct Block;
struct Machine;

/// An inline function of a header that files for different hosts share: always
/// inlined, so that no copy of it is left for the linker to choose from.
#define SIM_INLINE inline __attribute__((always_inline))

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Where things live in the generic address space. A buffer has 2^36 addresses to
/// itself, half of them before its first byte: an address that runs off a buffer, in
/// either direction, still says which one it meant.
constexpr uint64_t sharedWindow = uint64_t(1) << 32;
constexpr uint64_t localWindow = uint64_t(2) << 32;
constexpr uint64_t windowSize = uint64_t(1) << 32;
constexpr unsigned regionShift = 36;
constexpr uint64_t regionStart = uint64_t(1) << 35;
SIM_INLINE uint64_t regionBase(unsigned index) {
  return (uint64_t(index + 1) << regionShift) + regionStart;
}

/// A piece of memory with a name.
struct Region {
  uint8_t *data = nullptr;
  /// A byte per byte: 0xFF where memory holds a value. Null: it all does.
  uint8_t *shadow = nullptr;
  /// Per word of four bytes who read and wrote it; null: nobody looks.
  uint64_t *cells = nullptr;
  uint8_t *cellLanes = nullptr;
  uint64_t size = 0;
  Space space = Space::Global;
  bool readOnly = false;
  /// Index of the buffer of the launch, or -1.
  int buffer = -1;
  /// Bytes asked for, and sectors touched.
  uint64_t bytesLoaded = 0, bytesStored = 0, bytesAtomic = 0;
  uint64_t sectorsLoaded = 0, sectorsStored = 0;
  /// Shared memory: instructions, turns of all banks that they take and would take
  /// without conflicts.
  uint64_t accesses = 0, phases = 0, phasesMin = 0;
};

//===----------------------------------------------------------------------===//
// Lanes that part and join
//===----------------------------------------------------------------------===//

/// Lanes that have parted and will meet again at the start of a basic block, as the
/// convergence barriers of the hardware do. They nest by `parent`.
struct Convergence {
  uint32_t block = 0;
  uint32_t target = 0;
  uint64_t pending = 0;
  uint64_t arrived = 0;
  int32_t parent = -1;
};

/// Lanes of a warp that run together. The running ones are in the warp itself.
struct Split {
  const Inst *pc;
  uint64_t mask;
  int32_t convergence;
  /// Has arrived at a barrier and waits for the other lanes of the warp.
  bool waiting;
};

/// A barrier at which lanes of a warp come apart.
struct Rendezvous {
  const Inst *pc = nullptr;
  const Inst *resume = nullptr;
  unsigned barrier = 0, threads = 0;
  bool waits = true;
};

enum class WarpState : uint8_t { Ready, AtBarrier, Finished };

/// A copy that has been issued.
struct AsyncCopy {
  uint64_t to;
  const uint8_t *from;
  const uint8_t *shadow;
  uint32_t bytes;
  /// Bytes that are copied; zeros follow.
  uint32_t valid;
  uint64_t group;
  uint32_t source;
  bool landed;
};

struct Warp {
  // What every handler needs.
  uint8_t *registers = nullptr;
  uint64_t *defined = nullptr;
  const Inst *code = nullptr;
  uint64_t mask = 0;
  const Inst *pc = nullptr;
  int64_t budget = 0;
  uint32_t joinBlock = Branch::never;
  int32_t convergence = -1;
  uint64_t live = 0;
  uint64_t instructions = 0;
  /// Lanes outside a guarded instruction.
  uint64_t savedMask = 0;
  Block *block = nullptr;
  Machine *machine = nullptr;
  uint32_t id = 0;
  WarpState state = WarpState::Ready;

  std::vector<Split> parked;
  std::vector<Convergence> convergences;
  std::vector<int32_t> freeConvergences;

  // Waiting at a barrier.
  unsigned barrier = 0;
  const Inst *waitsAt = nullptr;
  uint64_t arrivedLanes = 0;
  Rendezvous rendezvous;
  /// A barrier that reduces: lanes whose operand is true, and what came out.
  uint64_t predicate = 0;
  bool reduced = false;
  const Inst *reducing = nullptr;
  uint32_t reducedCount = 0;
  bool reducedAny = false, reducedAll = false;

  /// Private memory: `local` bytes per lane, lane after lane.
  Region local;
  /// Asynchronous copies in the order of issue; groups are numbered from 0.
  std::deque<AsyncCopy> copies;
  uint64_t copyGroup = 0;
  /// Matrix operations by Extra::counter.
  uint64_t matrixOps[Extra::maxCounters] = {};
  /// For races: what this warp knows of every actor of its block; see Races.h.
  std::vector<uint32_t> clock;
};

/// A barrier of a block.
struct BlockBarrier {
  unsigned expected = 0; // warps; 0: every warp that is alive
  std::vector<uint32_t> arrived;
  const Inst *first = nullptr;
  /// Of a barrier that reduces: threads in all, and those whose operand is true.
  uint32_t lanesAll = 0, lanesTrue = 0;
  std::vector<uint32_t> clock;
};

struct Block {
  std::array<uint32_t, 3> index = {0, 0, 0};
  uint32_t number = 0;
  Region shared;
  std::vector<std::unique_ptr<Warp>> warps;
  std::vector<BlockBarrier> barriers;
  unsigned finished = 0;
};

//===----------------------------------------------------------------------===//
// Services for handlers
//===----------------------------------------------------------------------===//

/// What a launch tells a thread; see Extra::variant of ReadLaunch.
enum class LaunchValue : unsigned {
  ThreadX,
  ThreadY,
  ThreadZ,
  BlockX,
  BlockY,
  BlockZ,
  BlockSizeX,
  BlockSizeY,
  BlockSizeZ,
  GridX,
  GridY,
  GridZ,
  Lane,
  Warp,
  WarpsPerBlock,
  WarpWidth,
  Clock,
};

/// The value for one lane. Thread numbers depend on it, the others do not.
uint64_t launchValue(const Warp &warp, LaunchValue value, unsigned lane);

// Divergence.cpp. The instruction to go on with, or null if the warp's turn is over.

/// Opens a place where the active lanes will meet, unless it is open already.
void openConvergence(Warp &warp, const Branch &branch);
/// Sets lanes aside that go on at `pc`.
void park(Warp &warp, const Inst *pc, uint64_t mask);
/// The active lanes have come to the block where they meet the others.
const Inst *arriveAtJoin(Warp &warp);
/// Lanes other than the active ones have come there; the active ones go on.
void arriveAside(Warp &warp, uint64_t mask);
/// The active lanes have left the kernel.
const Inst *exitLanes(Warp &warp);
/// Takes up lanes that were set aside; null if there are none that can run.
const Inst *resumeParked(Warp &warp);

/// Gives another part of the warp the turn, perhaps.
void rotateSplits(Warp &warp);

// Barriers.cpp.

/// The active lanes have come to a barrier of the block. `threads` 0: all of them.
/// Whoever has to wait goes on at `resume`.
const Inst *arriveAtBarrier(Warp &warp, const Inst *pc, const Inst *resume, unsigned barrier,
                            unsigned threads, bool waits, bool aligned);

/// All lanes have come apart to a barrier: the warp has.
const Inst *completeRendezvous(Warp &warp);
/// A warp of the block has finished: barriers for all warps may be complete.
void warpFinished(Block &block);

// Report.cpp.

void reportOutOfBounds(Warp &warp, const Inst *pc, const Region *region, uint64_t lanes,
                       const uint64_t *addresses, unsigned bytes, bool store);
void reportMisaligned(Warp &warp, const Inst *pc, const Region *region, uint64_t lanes,
                      const uint64_t *addresses, unsigned align, bool store);
void reportReadOnly(Warp &warp, const Inst *pc, const Region *region, uint64_t lanes);
/// `what` says what the undefined value is used as: "the condition of a branch".
void reportUndefined(Warp &warp, const Inst *pc, uint64_t lanes, const char *what);
/// As reportUndefined for a store of an undefined value to `region`.
void reportUndefinedStore(Warp &warp, const Inst *pc, const Region *region, uint64_t lanes,
                          const uint64_t *offsets);
void reportMisuse(Warp &warp, const Inst *pc, uint64_t lanes, const char *message);
void reportConvergence(Warp &warp, const Inst *pc, uint64_t lanes, const char *message);
void reportTrap(Warp &warp, const Inst *pc, uint64_t lanes, const char *message);

// Memory.

/// The region that an address means and the offset in it; null for no region at all.
Region *findRegion(Warp &warp, uint64_t address, uint64_t &offset);
void countExponentials(Warp &warp, uint64_t lanes);
/// One atomic operation of a lane; returns the old value.
uint64_t atomicLane(Warp &warp, const Inst *pc, Region &region, uint64_t offset, uint64_t operand,
                    uint64_t desired, bool &success);
/// Bits for a frozen value.
uint64_t randomBits(Warp &warp);

/// Looks for data races of an access; only for regions that have cells.
void checkRace(Warp &warp, const Inst *pc, Region &region, uint64_t lanes, const uint64_t *offsets,
               unsigned bytes, bool store);
/// The same for an asynchronous copy, issued here and made some time later.
void checkRaceAsync(Warp &warp, const Inst *pc, Region &region, uint64_t lanes,
                    const uint64_t *offsets, unsigned bytes, bool store);
/// Lanes of the warp have met: what they did before is ordered with what they do next.
void syncWarp(Warp &warp);

// CpAsync.cpp.
/// `valid` bytes from a region (null: none), zeros up to `bytes`.
void issueCopy(Warp &warp, const Inst *pc, uint64_t to, const Region *from, uint64_t offset,
               uint32_t bytes, uint32_t valid);
void commitCopies(Warp &warp);
/// Lands some of the copies that are under way, as the seed says.
void landSomeCopies(Warp &warp);
/// Lands copies until at most `pending` groups are under way.
void waitForCopies(Warp &warp, uint64_t pending);

} // namespace tegula::sim

#endif // TEGULA_SIMULATOR_CORE_MACHINE_H
