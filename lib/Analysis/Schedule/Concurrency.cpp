//===- Concurrency.cpp - Members side by side -----------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Concurrency.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/ErrorHandling.h"

using namespace llvm;
using namespace tegula::sched::proof;

StringRef tegula::sched::proof::stringify(Event::Kind kind) {
  switch (kind) {
  case Event::Kind::Acquire:
    return "acquire";
  case Event::Kind::Commit:
    return "commit";
  case Event::Kind::Wait:
    return "wait";
  case Event::Kind::Release:
    return "release";
  case Event::Kind::Barrier:
    return "drain";
  case Event::Kind::Turn:
    return "turn";
  case Event::Kind::Pass:
    return "pass";
  }
  llvm_unreachable("every event has a name");
}

std::string Run::describe(const EventProgram &program) const {
  std::string text;
  for (auto [index, n] : enumerate(trips))
    text += ((index ? ", " : "") + program.trips[index].name + " = " + Twine(n)).str();
  return text.empty() ? "one pass" : text;
}

/// As "@load.0".
static std::string nameMember(const EventProgram &program, const Trace &trace) {
  return ("@" + program.roles[trace.role].name + "." + Twine(trace.member)).str();
}

//===----------------------------------------------------------------------===//
// Balance
//===----------------------------------------------------------------------===//

static unsigned countEvents(const Trace &trace, Event::Kind kind, unsigned object) {
  return count_if(trace.events,
                  [&](const Event &event) { return event.kind == kind && event.object == object; });
}

static void checkChannelBalance(const EventProgram &program, const ChannelEnds &ends,
                                unsigned index, const Run &run, Findings &findings) {
  std::string list;
  SmallSetVector<unsigned, 4> counts;
  auto add = [&](const Trace &trace, Event::Kind kind) {
    unsigned number = countEvents(trace, kind, index);
    counts.insert(number);
    list += ((list.empty() ? "" : ", ") + nameMember(program, trace) + " " + stringify(kind) + " " +
             Twine(number))
                .str();
  };
  for (const Trace &trace : run.traces) {
    if (ends.producers.contains(trace.role)) {
      add(trace, Event::Kind::Acquire);
      add(trace, Event::Kind::Commit);
    }
    if (ends.consumers.contains(trace.role)) {
      add(trace, Event::Kind::Wait);
      add(trace, Event::Kind::Release);
    }
  }
  if (counts.size() > 1)
    findings.error(Rule::Balance, program.channels[index].site,
                   "channel '" + program.channels[index].name + "' is out of balance for " +
                       run.describe(program) + ": " + list);
}

static void checkBatonBalance(const EventProgram &program, unsigned index, const Run &run,
                              Findings &findings) {
  std::optional<size_t> length;
  std::optional<Site> last;
  bool right = true;
  for (const Trace &trace : run.traces) {
    SmallVector<Event::Kind> order;
    for (const Event &event : trace.events)
      if ((event.kind == Event::Kind::Turn || event.kind == Event::Kind::Pass) &&
          event.object == index) {
        order.push_back(event.kind);
        last = event.site;
      }
    if (order.empty() && !length)
      continue;
    right &= length.value_or(order.size()) == order.size() && order.size() % 2 == 0;
    length = order.size();
    for (auto [position, kind] : enumerate(order))
      right &= kind == (position % 2 ? Event::Kind::Pass : Event::Kind::Turn);
  }
  if (!right)
    findings.error(Rule::Batons, *last,
                   "baton '" + program.batons[index].name +
                       "': every member must take turn and pass alternately, equally often, "
                       "for " +
                       run.describe(program));
}

void tegula::sched::proof::checkBalance(const EventProgram &program, const Topology &topology,
                                        const Run &run, Findings &findings) {
  for (auto [index, ends] : enumerate(topology.channels))
    if (!ends.sameRole || program.roles[ends.producers.front()].members > 1)
      checkChannelBalance(program, ends, index, run, findings);
  for (unsigned index = 0; index < program.batons.size(); ++index)
    checkBatonBalance(program, index, run, findings);
}

//===----------------------------------------------------------------------===//
// Progress
//===----------------------------------------------------------------------===//

namespace {

/// All members, each as far as it gets.
class GreedyRun {
public:
  GreedyRun(const EventProgram &program, const Topology &topology, const Run &run,
            const std::set<Site> &barriers)
      : program(program), topology(topology), run(run), barriers(barriers), next(run.traces.size()),
        met(run.traces.size()),
        done(run.traces.size(), std::vector<Progress>(program.channels.size())),
        turns(run.traces.size(), std::vector<unsigned>(program.batons.size())), passes(turns) {
    for (const Channel &channel : program.channels)
      depths.push_back(channel.depth);
  }

  /// Runs until nothing moves. True where every member came to its end.
  bool go();

  /// Members that did not.
  SmallVector<unsigned> listStuck() const;
  const Event &getNext(unsigned member) const { return run.traces[member].events[next[member]]; }
  void setDepth(unsigned channel, unsigned depth) { depths[channel] = depth; }

private:
  /// Generations committed and released.
  struct Progress {
    std::vector<bool> commits, releases;
  };

  bool isReady(unsigned member) const;
  /// Members of one role meet at its barriers: the n-th of each at the n-th of all.
  bool isMeeting(const Trace &trace, const Event &event) const;
  bool haveAllMet(unsigned member) const;
  void finish(unsigned member);

  static bool has(const std::vector<bool> &set, unsigned generation) {
    return generation < set.size() && set[generation];
  }
  static void add(std::vector<bool> &set, unsigned generation) {
    if (set.size() <= generation)
      set.resize(generation + 1);
    set[generation] = true;
  }

  const EventProgram &program;
  const Topology &topology;
  const Run &run;
  const std::set<Site> &barriers;
  std::vector<unsigned> depths;
  std::vector<size_t> next;
  std::vector<unsigned> met; ///< barriers of its role that a member has passed
  std::vector<std::vector<Progress>> done;
  std::vector<std::vector<unsigned>> turns, passes;
};

} // namespace

bool GreedyRun::isMeeting(const Trace &trace, const Event &event) const {
  if (program.roles[trace.role].members == 1)
    return false;
  if (event.kind == Event::Kind::Barrier)
    return true;
  if (event.kind == Event::Kind::Acquire)
    return barriers.count(event.site);
  if (event.kind != Event::Kind::Wait || !topology.channels[event.object].sameRole)
    return false;
  Completion kind = program.channels[event.object].kind;
  return kind == Completion::Fifo || kind == Completion::Sync;
}

/// Whether every other member of the role stands at the same barrier, or has passed it.
bool GreedyRun::haveAllMet(unsigned member) const {
  const Trace &trace = run.traces[member];
  const Event &event = getNext(member);
  for (auto [index, other] : enumerate(run.traces)) {
    if (other.role != trace.role || index == member || met[index] > met[member])
      continue;
    if (next[index] == other.events.size())
      return false;
    const Event &theirs = getNext(index);
    if (!isMeeting(other, theirs) || theirs.site != event.site)
      return false;
  }
  return true;
}

bool GreedyRun::isReady(unsigned member) const {
  const Trace &trace = run.traces[member];
  const Event &event = getNext(member);
  if (isMeeting(trace, event) && !haveAllMet(member))
    return false;
  auto all = [&](const SmallSetVector<unsigned, 2> &roles, unsigned generation,
                 std::vector<bool> Progress::*set) {
    for (auto [index, other] : enumerate(run.traces))
      if (roles.contains(other.role) && !has(done[index][event.object].*set, generation))
        return false;
    return true;
  };
  switch (event.kind) {
  case Event::Kind::Acquire: {
    unsigned depth = depths[event.object];
    return event.generation < depth || all(topology.channels[event.object].consumers,
                                           event.generation - depth, &Progress::releases);
  }
  case Event::Kind::Wait:
    return all(topology.channels[event.object].producers, event.generation, &Progress::commits);
  case Event::Kind::Turn: {
    // Member 0 goes first, then strictly round.
    unsigned members = program.roles[trace.role].members;
    unsigned before = (trace.member + members - 1) % members;
    unsigned needed = turns[member][event.object] + (trace.member ? 1 : 0);
    for (auto [index, other] : enumerate(run.traces))
      if (other.role == trace.role && other.member == before)
        return passes[index][event.object] >= needed;
    return true;
  }
  case Event::Kind::Commit:
  case Event::Kind::Release:
  case Event::Kind::Barrier:
  case Event::Kind::Pass:
    return true;
  }
  llvm_unreachable("every event is ready or waits");
}

void GreedyRun::finish(unsigned member) {
  const Trace &trace = run.traces[member];
  const Event &event = getNext(member);
  met[member] += isMeeting(trace, event);
  if (event.kind == Event::Kind::Commit)
    add(done[member][event.object].commits, event.generation);
  if (event.kind == Event::Kind::Release)
    add(done[member][event.object].releases, event.generation);
  if (event.kind == Event::Kind::Turn)
    ++turns[member][event.object];
  if (event.kind == Event::Kind::Pass)
    ++passes[member][event.object];
  ++next[member];
}

bool GreedyRun::go() {
  for (bool moved = true; moved;) {
    moved = false;
    for (unsigned member = 0; member < run.traces.size(); ++member)
      while (next[member] < run.traces[member].events.size() && isReady(member)) {
        finish(member);
        moved = true;
      }
  }
  return listStuck().empty();
}

SmallVector<unsigned> GreedyRun::listStuck() const {
  SmallVector<unsigned> stuck;
  for (unsigned member = 0; member < run.traces.size(); ++member)
    if (next[member] < run.traces[member].events.size())
      stuck.push_back(member);
  return stuck;
}

/// As "acquire 1 of '%vc'".
static std::string describe(const EventProgram &program, const Event &event) {
  if (event.kind == Event::Kind::Turn || event.kind == Event::Kind::Pass)
    return (stringify(event.kind) + " of '" + program.batons[event.object].name + "'").str();
  std::string text = stringify(event.kind).str();
  if (event.kind != Event::Kind::Barrier)
    text += (" " + Twine(event.generation)).str();
  return text + " of '" + program.channels[event.object].name + "'";
}

/// The least depth of the ring with which everything comes to its end.
static std::optional<unsigned> findDepth(const EventProgram &program, const Topology &topology,
                                         const Run &run, const std::set<Site> &barriers,
                                         unsigned channel) {
  unsigned depth = program.channels[channel].depth;
  for (unsigned more = 1; more <= 8; ++more) {
    GreedyRun attempt(program, topology, run, barriers);
    attempt.setDepth(channel, depth + more);
    if (attempt.go())
      return depth + more;
  }
  return std::nullopt;
}

void tegula::sched::proof::checkProgress(const EventProgram &program, const Topology &topology,
                                         const Run &run, const std::set<Site> &barriers,
                                         Findings &findings) {
  GreedyRun greedy(program, topology, run, barriers);
  if (greedy.go())
    return;
  SmallVector<unsigned> stuck = greedy.listStuck();
  const Event &first = greedy.getNext(stuck.front());
  if (stuck.size() == 1 && first.kind == Event::Kind::Acquire &&
      topology.channels[first.object].sameRole) {
    unsigned depth = program.channels[first.object].depth;
    std::string message =
        ("ring '" + program.channels[first.object].name + "' of depth " + Twine(depth) +
         " is too short: slot " + Twine(first.generation) + " is acquired while slot " +
         Twine(first.generation - depth) + " is still held")
            .str();
    if (std::optional<unsigned> enough = findDepth(program, topology, run, barriers, first.object))
      message += ("; depth " + Twine(*enough) + " would do").str();
    findings.error(Rule::Deadlock, first.site, message)
        .notes.push_back({program.channels[first.object].site, "the ring is declared here"});
    return;
  }
  std::string message = "deadlock for " + run.describe(program) + ": ";
  for (auto [index, member] : enumerate(stuck))
    message += (index ? "; " : "") + nameMember(program, run.traces[member]) + " stops at " +
               describe(program, greedy.getNext(member));
  Finding &finding = findings.error(Rule::Deadlock, first.site, message);
  for (unsigned member : ArrayRef(stuck).drop_front())
    finding.notes.push_back(
        {greedy.getNext(member).site, nameMember(program, run.traces[member]) + " stops here"});
}
