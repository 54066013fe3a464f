//===- Run.h - One run of a kernel ------------------------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The machine of one run: memory, resident blocks, reports. For files that are
// compiled once; handlers see only Machine.h.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SIMULATOR_CORE_RUN_H
#define TEGULA_SIMULATOR_CORE_RUN_H

#include "Machine.h"
#include "tegula/Simulator/Simulator.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/Twine.h"

namespace tegula::sim {

class RaceDetector;

struct Machine {
  Machine(const Program &program, const Launch &launch, const Options &options);
  ~Machine();

  /// Checks the launch against the kernel, then runs it to its end or its first deadlock.
  void run();

  // Randomness.
  uint64_t random() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545F4914F6CDD1Dull >> 11;
  }

  // Reports. The first of a kind at an instruction is kept.
  void report(ReportKind kind, const Warp *warp, const Inst *pc, uint64_t lanes,
              const llvm::Twine &message, std::vector<Note> notes = {});
  /// "x[3, 5]" or "4 bytes past the end of x"; for shared memory the variable.
  std::string describePlace(const Region *region, uint64_t offset) const;
  std::string regionName(const Region *region) const;
  std::vector<Site> sitesOf(uint32_t source) const;

  void finishWarp(Warp &warp);

  // Orders of accesses, for races.
  void publishToBarrier(Warp &warp, BlockBarrier &barrier);
  void joinBarrier(Warp &warp, BlockBarrier &barrier);
  /// The warp has waited for its copies of the groups below `end`.
  void joinCopies(Warp &warp, uint64_t end);

  const Program &program;
  const Launch &launch;
  const Options &options;
  uint64_t state;
  Landing landing = Landing::Early;
  std::vector<std::unique_ptr<Region>> regions;
  std::vector<std::unique_ptr<Block>> resident;
  std::vector<Report> reports;
  Counters counters;
  bool stopped = false;
  std::unique_ptr<RaceDetector> races;

private:
  bool checkLaunch();
  void makeRegions();
  void makeTemplate();
  std::unique_ptr<Block> makeBlock(uint32_t number);
  void startWarp(Block &block, Warp &warp);
  void retire(Block &block);
  void runWarp(Warp &warp);
  void reportDeadlock();
  void collectCounters();

  llvm::DenseSet<uint64_t> reported;
  /// Definedness of all slots before the first instruction, and blocks to use again.
  std::vector<uint64_t> presetDefined;
  std::vector<std::unique_ptr<Block>> spare;
  std::vector<uint32_t> order;
  size_t nextBlock = 0;
  uint64_t instructions = 0;
  unsigned quantum = 16;
};

/// Memory of a warp's registers and of its block, aligned for vectors.
uint8_t *allocateAligned(size_t bytes);

} // namespace tegula::sim

#endif // TEGULA_SIMULATOR_CORE_RUN_H
