//===- Proof.h - That a scheduled kernel is right -------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Roles hold no data-dependent channel op, so what a role does is a function of
// its trip counts. A proof runs every member of every role without data, for
// each n = 0 ... B, and looks at the sequences of events:
//
//   1. alone: spans, linear slots, counters, products (Trace.h)
//   2. side by side: balance, and one greedy run over counted credits, commits
//      and batons (Concurrency.h)
//   3. which acquires lack a barrier, and where copies take their data.
//
// One greedy run decides. Members, credits, full slots and turns form a marked
// graph: a wait takes tokens that nobody else can take, so an enabled event stays
// enabled, and all interleavings reach the same furthest state. A blocked set of
// events is a cycle without tokens; it blocks in the first iteration that holds
// all its events, which is at most (lead or peel) after the start. A further
// depth + 1 iterations use each slot twice. Hence B = depth + lead + 1; every n up
// to B is run since short streams take other guards. With several trip counts:
// all corners of each pair, and every n of one with the others at B.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_ANALYSIS_SCHEDULE_PROOF_H
#define TEGULA_ANALYSIS_SCHEDULE_PROOF_H

#include "tegula/Analysis/Schedule/Machine.h"
#include <set>

namespace tegula::sched::proof {

/// The rules, by their numbers in the description of the pass.
enum class Rule : uint8_t {
  Span = 1,
  Linear,
  Balance,
  Deadlock,
  Counters,
  Barriers,
  Copies,
  Products,
  Batons,
  Control,
  Layouts,
  Memory,
  Registers,
  Overlap,
  Position
};

/// A second place that belongs to a finding.
struct FindingNote {
  Site site;
  std::string message;
};

/// A breach of a rule, or a remark on something slow.
struct Finding {
  Rule rule;
  bool isError;
  Site site;
  std::string message;
  std::vector<FindingNote> notes;
};

/// Collects findings, each once.
class Findings {
public:
  Finding &error(Rule rule, Site site, const llvm::Twine &message);
  Finding &remark(Rule rule, Site site, const llvm::Twine &message);
  void append(Findings &&other);

  bool hasErrors() const;
  llvm::ArrayRef<Finding> get() const { return list; }

private:
  Finding &add(Finding finding);
  std::vector<Finding> list;
};

/// What a proof found out.
struct Proof {
  Findings findings;
  /// Acquires that need a barrier of their own, since none lies between the release
  /// of the slot's last use and them (rule 6). The lowering puts one there.
  std::set<Site> acquireBarriers;
  /// Trip counts up to this one were run.
  int64_t bound = 0;
};

/// Checks rules 1 to 10, 14 and 15. `stretch` multiplies the bound: a verdict must
/// not depend on it.
Proof prove(const EventProgram &program, const Machine &machine, unsigned stretch = 1);

/// Greatest number of 32-bit registers per thread that fragments of the role occupy
/// at one time, and the values that do, the greatest first.
struct RegisterPeak {
  double registers = 0;
  std::vector<std::pair<ValueId, double>> values;
};
RegisterPeak findRegisterPeak(const Role &role);

/// Bytes of each buffer's place within its space. Buffers of one role whose rings are drained
/// before those of another are first acquired share bytes.
struct MemoryPlan {
  std::vector<int64_t> offsets;         ///< one per buffer
  std::vector<int64_t> barrierOffsets;  ///< one per channel; -1 where it has no barrier objects
  std::map<std::string, int64_t> bytes; ///< per space, barrier objects included
  /// Bytes of shared memory that rings, other buffers and barrier objects hold throughout;
  /// scratch that ops of one role take in turn lies behind them.
  int64_t heldBytes = 0;
};
MemoryPlan planMemory(const EventProgram &program);

/// Checks rule 12.
void checkMemory(const EventProgram &program, const Machine &machine, Findings &findings);
/// Checks rule 13.
void checkRegisters(const EventProgram &program, const Machine &machine, Findings &findings);

} // namespace tegula::sched::proof

#endif // TEGULA_ANALYSIS_SCHEDULE_PROOF_H
