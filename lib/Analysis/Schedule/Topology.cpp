//===- Topology.cpp - Who produces and consumes what ----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Topology.h"
#include "llvm/ADT/Twine.h"

using namespace llvm;
using namespace tegula::sched::proof;

SmallSetVector<unsigned, 2> tegula::sched::proof::findTripsOf(const EventProgram &program,
                                                              const Loop &loop) {
  SmallSetVector<unsigned, 2> found;
  for (ExprId bound : {loop.lower, loop.upper})
    program.expressions.forEachVariable(bound, [&](VariableId variable) {
      if (std::optional<unsigned> trips = program.findTrips(variable))
        found.insert(*trips);
    });
  return found;
}

/// Every label below a block, whatever the depth.
static void collectLabels(const Block &block, SetVector<StringRef> &labels) {
  walk(block, [&](const Stmt &stmt) {
    if (auto *copy = stmt.getIf<Copy>(); copy && !copy->origin.label.empty())
      labels.insert(copy->origin.label);
    if (auto *fetch = stmt.getIf<Fetch>(); fetch && !fetch->origin.label.empty())
      labels.insert(fetch->origin.label);
  });
}

static void collectStreams(const EventProgram &program, const Block &block,
                           StringMap<SmallSetVector<const Loop *, 2>> &streams) {
  walk(block, [&](const Stmt &stmt) {
    auto *loop = stmt.getIf<Loop>();
    if (!loop || !synchronises(loop->body) || findTripsOf(program, *loop).empty())
      return;
    SetVector<StringRef> all, nested;
    collectLabels(loop->body, all);
    walk(loop->body, [&](const Stmt &inner) {
      if (auto *other = inner.getIf<Loop>();
          other && synchronises(other->body) && !findTripsOf(program, *other).empty())
        collectLabels(other->body, nested);
    });
    for (StringRef label : all)
      if (!nested.contains(label))
        streams[label].insert(loop);
  });
}

/// Names of roles, as "@a and @b".
static std::string listRoles(const EventProgram &program, ArrayRef<unsigned> roles) {
  std::string text;
  for (auto [index, role] : enumerate(roles))
    text += (index ? " and @" : "@") + program.roles[role].name;
  return text;
}

static void checkChannel(const EventProgram &program, const Machine &machine, unsigned index,
                         const ChannelEnds &ends, Findings &findings) {
  const Channel &channel = program.channels[index];
  if (!machine.kinds.count(channel.kind))
    findings.error(Rule::Copies, channel.site,
                   "target " + machine.name + " has no '" + stringify(channel.kind) +
                       "' completion");
  if (ends.producers.empty() || ends.consumers.empty()) {
    findings.error(Rule::Balance, channel.site,
                   "channel '" + channel.name + "' has no " +
                       (ends.producers.empty() ? "producer" : "consumer"));
    return;
  }
  if (ends.producers.size() > 1)
    findings.error(Rule::Balance, channel.site,
                   "channel '" + channel.name + "' has producers in several roles: " +
                       listRoles(program, ends.producers.getArrayRef()));
  if (!ends.sameRole && channel.kind == Completion::Fifo)
    findings.error(Rule::Counters, channel.site,
                   "fifo channel '" + channel.name +
                       "' crosses roles: a counter is seen only by the threads that issued "
                       "the copies");
  if (!ends.sameRole && channel.kind == Completion::Sync)
    findings.error(Rule::Counters, channel.site,
                   "sync channel '" + channel.name +
                       "' crosses roles: the barrier of a role is seen by that role only");
}

static void checkBatons(const EventProgram &program, Findings &findings) {
  std::vector<std::optional<unsigned>> owner(program.batons.size());
  auto use = [&](unsigned baton, unsigned role, Site site) {
    if (owner[baton] && *owner[baton] != role) {
      findings.error(Rule::Batons, site,
                     "baton '" + program.batons[baton].name + "' belongs to role @" +
                         program.roles[*owner[baton]].name);
      return;
    }
    if (!owner[baton] && program.batons[baton].members != program.roles[role].members)
      findings.error(Rule::Batons, site,
                     "baton '" + program.batons[baton].name + "' is for " +
                         Twine(program.batons[baton].members) + " members, role @" +
                         program.roles[role].name + " has " + Twine(program.roles[role].members));
    owner[baton] = role;
  };
  for (auto [index, role] : enumerate(program.roles))
    walk(role.body, [&, role = unsigned(index)](const Stmt &stmt) {
      if (auto *turn = stmt.getIf<Turn>())
        use(turn->baton, role, stmt.site);
      if (auto *pass = stmt.getIf<Pass>())
        use(pass->baton, role, stmt.site);
    });
}

Topology tegula::sched::proof::analyseTopology(const EventProgram &program, const Machine &machine,
                                               Findings &findings) {
  Topology topology;
  topology.channels.resize(program.channels.size());
  topology.streams.resize(program.roles.size());
  for (auto [index, role] : enumerate(program.roles)) {
    walk(role.body, [&, role = unsigned(index)](const Stmt &stmt) {
      if (auto *acquire = stmt.getIf<Acquire>())
        topology.channels[acquire->channel].producers.insert(role);
      if (auto *wait = stmt.getIf<Wait>())
        topology.channels[wait->channel].consumers.insert(role);
    });
    collectStreams(program, role.body, topology.streams[index]);
  }
  for (auto [index, ends] : enumerate(topology.channels)) {
    ends.sameRole = ends.producers.size() == 1 && ends.consumers.size() == 1 &&
                    ends.producers.front() == ends.consumers.front();
    checkChannel(program, machine, index, ends, findings);
  }
  for (const Buffer &buffer : program.buffers)
    if (buffer.space == "shared" && !buffer.channel && !buffer.scratch)
      findings.error(Rule::Linear, buffer.site,
                     "shared buffer '" + buffer.name +
                         "' belongs to no channel: nothing orders its users");
  if (program.roles.size() > machine.maxRoles)
    findings.error(Rule::Balance, program.roles[machine.maxRoles].site,
                   "target " + machine.name + " runs at most " + Twine(machine.maxRoles) +
                       (machine.maxRoles == 1 ? " role" : " roles"));
  checkBatons(program, findings);
  return topology;
}
