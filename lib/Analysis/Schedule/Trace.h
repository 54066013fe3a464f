//===- Trace.h - One member of a role, without data -----------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs one member for given trip counts. What it needs nobody else for is checked
// on the way: spans and linear slots (rules 1, 2), counters (5), engines (7),
// products (8), control (10), pinned work (14). The rest of the proof works on the
// sequence of events that the run leaves behind.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_ANALYSIS_SCHEDULE_TRACE_H
#define TEGULA_LIB_ANALYSIS_SCHEDULE_TRACE_H

#include "Topology.h"
#include <map>

namespace tegula::sched::proof {

/// What other members can notice of a member, or wait for.
struct Event {
  enum class Kind : uint8_t { Acquire, Commit, Wait, Release, Barrier, Turn, Pass };
  Kind kind;
  unsigned object;     ///< channel, or baton
  unsigned generation; ///< of the slot
  Site site;
};
llvm::StringRef stringify(Event::Kind kind);

/// One execution of a labelled copy or fetch, or the end of a stream.
struct Occurrence {
  llvm::StringRef label; ///< empty where a stream ends
  llvm::SmallVector<int64_t, 2> at;
  std::optional<bool> on; ///< not predicated off; nothing where data decides
  const Loop *stream = nullptr;
  Site site;
  bool bends = false; ///< the coordinates are no progression far into the stream
};

/// A read of one buffer of a slot.
struct SlotRead {
  unsigned channel, generation, part;
  ValueId value;
  Site site;
};

/// What is known of a buffer's contents in one generation.
struct PartState {
  bool written = false;
  std::optional<bool> on = true; ///< not predicated off
};

/// (channel, generation) -> state per buffer, once it is committed.
using WrittenSlots = std::map<std::pair<unsigned, unsigned>, llvm::SmallVector<PartState, 2>>;

/// What a member did.
struct Trace {
  unsigned role, member;
  std::vector<Event> events;
  std::vector<Occurrence> occurrences;
  std::vector<SlotRead> reads;
};

/// A generation of a ring, between its opening and its end.
struct Slot {
  unsigned channel, generation;
  bool forWriting; ///< acquired, not waited for
  ValueId name;
  Site opened;
  bool open = true;
  Site closed = 0;
  llvm::SmallVector<PartState, 2> parts;
};

/// A product that may not be complete.
struct Flight {
  ValueId name = 0;
  Site site = 0;
  llvm::SmallVector<unsigned, 2> slots;                         ///< that it reads
  llvm::SmallVector<std::pair<ValueId, unsigned>, 2> fragments; ///< name, identity
  bool open = true;
  bool unpinned = false;              ///< elementwise work since it was issued, without `finish`
  std::optional<ValueId> continuedBy; ///< the product that took it as accumulator
};

/// What a name means at one point of a run.
struct Binding {
  enum class Kind : uint8_t { Nothing, Slot, Flight, Fragment };
  Kind kind = Kind::Nothing;
  unsigned index = 0; ///< of the slot or flight, or the identity of the fragment
  unsigned part = allParts;
  std::optional<bool> on = std::nullopt; ///< fragments: not predicated off
};

/// Runs one member.
class Tracer {
public:
  Tracer(const EventProgram &program, const Machine &machine, const Topology &topology,
         unsigned role, unsigned member, const Environment &env, WrittenSlots &written,
         Findings &findings);

  Trace run();

private:
  // Trace.cpp: control, and values that are no slot.
  void run(const Block &block);
  void visit(const Loop &op, Site site);
  void visit(const If &op, Site site);
  void visit(const Compute &op, Site site);
  void visit(const Alias &op, Site site);
  void visit(const Finish &op, Site site);
  void visit(const Turn &op, Site site);
  void visit(const Pass &op, Site site);
  void visit(const Fetch &op, Site site);
  // TraceChannels.cpp
  void visit(const Acquire &op, Site site);
  void visit(const Commit &op, Site site);
  void visit(const Wait &op, Site site);
  void visit(const Release &op, Site site);
  void visit(const Drain &op, Site site);
  void visit(const Copy &op, Site site);
  // TraceProducts.cpp
  void visit(const Product &op, Site site);
  void visit(const ProductWait &op, Site site);

  /// The slot that a read or write of the operand touches, checked; null where it is none, or
  /// where that is an error.
  Slot *access(const Operand &operand, bool write, Site site);
  /// Reads an operand of any kind: a slot in its span, never a flight.
  void read(const Operand &operand, Site site);
  void checkEngine(const Copy &op, const Slot &slot, Site site);
  bool checkCounter(const Wait &op, unsigned generation, Site site);
  void checkAccumulator(const Product &op, Site site);
  void closeFlight(Flight &flight, llvm::ArrayRef<unsigned> retired, Site site);
  void checkBackEdge(const Loop &op, llvm::ArrayRef<Binding> yielded, Site site);
  /// Slots that this block opened and neither ended nor handed on.
  void checkLeftOpen(const std::vector<bool> &openBefore, llvm::ArrayRef<Binding> handedOn);
  std::vector<bool> listOpenSlots() const;

  void record(Event::Kind kind, unsigned object, unsigned generation, Site site) {
    trace.events.push_back({kind, object, generation, site});
  }
  void record(const Origin &origin, std::optional<bool> on, Site site);
  bool bends(const Origin &origin, VariableId induction);
  std::optional<bool> evaluate(std::optional<ExprId> where) const;
  void define(ValueId value, std::optional<bool> on = std::nullopt);
  llvm::SmallVector<Binding, 4> lookUp(llvm::ArrayRef<ValueId> values) const;
  /// Quoted, with the buffer that is meant.
  std::string quote(ValueId value) const;
  std::string quoteChannel(unsigned channel) const;

  const EventProgram &program;
  const Machine &machine;
  const Topology &topology;
  const Role &role;
  Environment env;
  WrittenSlots &written;
  Findings &findings;

  Trace trace;
  bool stopped = false; ///< after an error that leaves nothing to go on with
  std::vector<Binding> bindings;
  std::vector<Slot> slots;
  std::vector<Flight> flights;
  llvm::SmallVector<unsigned, 4> groups;           ///< open flights, the oldest first
  std::vector<unsigned> acquires, waits;           ///< per channel
  std::vector<std::pair<unsigned, unsigned>> fifo; ///< commits: channel, generation
  llvm::SmallVector<const Loop *, 4> loops;
  unsigned nextFragment = 0;
};

} // namespace tegula::sched::proof

#endif // TEGULA_LIB_ANALYSIS_SCHEDULE_TRACE_H
