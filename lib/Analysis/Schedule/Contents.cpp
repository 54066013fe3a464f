//===- Contents.cpp - What slots hold when they are read ------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Concurrency.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

using namespace llvm;
using namespace tegula::sched::proof;

void tegula::sched::proof::findAcquireBarriers(const EventProgram &program,
                                               const Topology &topology, const Trace &trace,
                                               std::set<Site> &barriers) {
  // Everything before this position is behind a barrier for every thread of the role.
  int64_t ordered = -1;
  std::map<std::pair<unsigned, unsigned>, int64_t> released, committed;
  for (auto [position, event] : enumerate(trace.events)) {
    bool isBaton = event.kind == Event::Kind::Turn || event.kind == Event::Kind::Pass;
    if (isBaton || !topology.channels[event.object].sameRole)
      continue;
    const Channel &channel = program.channels[event.object];
    std::pair slot(event.object, event.generation);
    int64_t here = position;
    switch (event.kind) {
    case Event::Kind::Barrier:
      ordered = here;
      break;
    case Event::Kind::Wait:
      // Barrier objects say that every thread has come to its commit, no further.
      if (channel.kind == Completion::Arrive)
        ordered = std::max(ordered, committed.count(slot) ? committed[slot] : -1);
      else if (channel.kind != Completion::Tx)
        ordered = here;
      break;
    case Event::Kind::Commit:
      committed[slot] = here;
      break;
    case Event::Kind::Release:
      released[slot] = here;
      break;
    case Event::Kind::Acquire: {
      if (barriers.count(event.site))
        ordered = here;
      if (event.generation < channel.depth)
        break;
      auto last = released.find({event.object, event.generation - channel.depth});
      if (last == released.end() || ordered > last->second)
        break;
      barriers.insert(event.site);
      ordered = here;
      break;
    }
    case Event::Kind::Turn:
    case Event::Kind::Pass:
      break;
    }
  }
}

void tegula::sched::proof::checkContents(const EventProgram &program, const Run &run,
                                         const WrittenSlots &written, Findings &findings) {
  for (const Trace &trace : run.traces)
    for (const SlotRead &read : trace.reads) {
      auto found = written.find({read.channel, read.generation});
      if (found == written.end())
        continue; // never committed: out of balance, or a deadlock
      const PartState &state = found->second[read.part];
      std::string slot =
          ("slot " + Twine(read.generation) + " of '" + program.channels[read.channel].name + "'")
              .str();
      std::string name = "'" + program.roles[trace.role].values[read.value].name + "'";
      if (!state.written)
        findings.error(Rule::Span, read.site,
                       name + " is read although nothing was written to buffer " +
                           Twine(read.part) + " of " + slot);
      else if (state.on && !*state.on)
        findings.error(Rule::Span, read.site,
                       name + " is read although the copy into " + slot + " is predicated off");
    }
}

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

namespace {

/// Occurrences of one copy for one pass over its stream: the prologue's, then the loop's.
struct StreamPass {
  SmallVector<const Occurrence *> occurrences;
  const Loop *stream = nullptr;
};

} // namespace

/// The first occurrence that does not continue the steps of the two before it.
static const Occurrence *findBreak(ArrayRef<const Occurrence *> list) {
  for (const Occurrence *each : list)
    if (each->bends)
      return each;
  for (size_t i = 2; i < list.size(); ++i)
    for (auto [a, b, c] : zip(list[i - 2]->at, list[i - 1]->at, list[i]->at))
      if (uint64_t(a) + uint64_t(c) != 2 * uint64_t(b))
        return list[i];
  return nullptr;
}

/// How often the copy is on, if only data decides on none of them; nothing where it is on
/// after it was off.
static std::optional<int64_t> countPrefix(ArrayRef<const Occurrence *> list) {
  int64_t on = 0;
  for (auto [index, occurrence] : enumerate(list)) {
    if (!occurrence->on.value_or(false))
      continue;
    if (on++ != int64_t(index))
      return std::nullopt;
  }
  return on;
}

static void checkPasses(const EventProgram &program, StringRef label, const Run &run,
                        ArrayRef<StreamPass> passes, Findings &findings) {
  // Streams that were split at a mask's edge are several loops over one sequence: where one
  // loop alone does not have n positions, it may together with the next.
  SmallVector<const Occurrence *> list;
  for (auto [index, pass] : enumerate(passes)) {
    list.append(pass.occurrences);
    if (list.empty())
      continue;
    if (const Occurrence *broken = findBreak(list)) {
      findings.error(Rule::Position, broken->site,
                     "copy '" + label +
                         "' leaves its progression: its occurrences must take consecutive "
                         "stream positions");
      return;
    }
    bool known = all_of(list, [](const Occurrence *each) { return each->on.has_value(); });
    if (!pass.stream || !known) {
      list.clear();
      continue;
    }
    std::optional<int64_t> on = countPrefix(list);
    SmallSetVector<unsigned, 2> trips = findTripsOf(program, *pass.stream);
    if (on && any_of(trips, [&](unsigned each) { return run.trips[each] == *on; })) {
      list.clear();
      continue;
    }
    if (index + 1 < passes.size() && passes[index + 1].stream)
      continue;
    int64_t total = count_if(list, [](const Occurrence *each) { return *each->on; });
    std::string streams;
    for (unsigned each : trips)
      streams += ((streams.empty() ? "" : " or ") + Twine(run.trips[each])).str();
    findings.error(Rule::Position, list.back()->site,
                   "copy '" + label + "' is on for " + Twine(total) + " positions of a stream of " +
                       streams);
    return;
  }
}

void tegula::sched::proof::checkPositions(const EventProgram &program, const Topology &topology,
                                          const Run &run, Findings &findings) {
  for (const Trace &trace : run.traces)
    for (const auto &[label, streams] : topology.streams[trace.role]) {
      std::vector<StreamPass> passes(1);
      for (const Occurrence &occurrence : trace.occurrences) {
        // The end of a stream ends the pass; so does the end of a loop around it.
        if (occurrence.label.empty()) {
          if (!streams.contains(occurrence.stream))
            continue;
          passes.back().stream = occurrence.stream;
          passes.emplace_back();
        } else if (occurrence.label == label) {
          passes.back().occurrences.push_back(&occurrence);
        }
      }
      // What follows the last loop (an epilogue) belongs to it.
      if (passes.size() > 1 && !passes.back().occurrences.empty()) {
        passes[passes.size() - 2].occurrences.append(passes.back().occurrences);
      }
      passes.pop_back();
      checkPasses(program, label, run, passes, findings);
    }
}
