//===- TraceChannels.cpp - Slots, and what is written to them -------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Trace.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

using namespace llvm;
using namespace tegula::sched::proof;

void Tracer::visit(const Acquire &op, Site site) {
  unsigned generation = acquires[op.channel]++;
  bindings[op.result] = {Binding::Kind::Slot, unsigned(slots.size())};
  slots.push_back({op.channel, generation, /*forWriting=*/true, op.result, site, true, 0, {}});
  slots.back().parts.resize(program.channels[op.channel].parts);
  record(Event::Kind::Acquire, op.channel, generation, site);
}

void Tracer::visit(const Commit &op, Site site) {
  const Binding &binding = bindings[op.slot];
  Slot *slot = binding.kind == Binding::Kind::Slot ? &slots[binding.index] : nullptr;
  if (!slot || !slot->forWriting || !slot->open) {
    Finding &finding = findings.error(
        Rule::Linear, site, "commit of " + quote(op.slot) + " which is not an open acquired slot");
    if (slot && !slot->open)
      finding.notes.push_back({slot->closed, "it ended here"});
    return;
  }
  slot->open = false;
  slot->closed = site;
  written.try_emplace({slot->channel, slot->generation}, slot->parts);
  record(Event::Kind::Commit, slot->channel, slot->generation, site);
  if (program.channels[slot->channel].kind == Completion::Fifo)
    fifo.push_back({slot->channel, slot->generation});
}

/// Rule 5: as many commits may fly as are younger than the awaited one.
bool Tracer::checkCounter(const Wait &op, unsigned generation, Site site) {
  const Channel &channel = program.channels[op.channel];
  bool counts = channel.kind == Completion::Fifo;
  if (op.inflight && !counts)
    findings.error(Rule::Counters, site,
                   "'inflight' on channel " + quoteChannel(op.channel) + " of kind " +
                       stringify(channel.kind) + ": only fifo channels count");
  if (!counts || !topology.channels[op.channel].sameRole)
    return true;
  auto awaited = find(fifo, std::pair(op.channel, generation));
  if (awaited == fifo.end()) {
    findings.error(Rule::Counters, site,
                   "wait for slot " + Twine(generation) + " of " + quoteChannel(op.channel) +
                       " before its commit, in the same role");
    return false;
  }
  unsigned younger = std::distance(awaited, fifo.end()) - 1, allowed = op.inflight.value_or(0);
  if (allowed > younger)
    findings.error(Rule::Counters, site,
                   "wait on " + quoteChannel(op.channel) + " allows " + Twine(allowed) +
                       " commits in flight, but only " + Twine(younger) +
                       " are younger than the awaited one");
  else if (allowed < younger)
    findings.remark(Rule::Counters, site,
                    "wait on " + quoteChannel(op.channel) + " could leave " + Twine(younger) +
                        " commits in flight, leaves " + Twine(allowed));
  return true;
}

void Tracer::visit(const Wait &op, Site site) {
  unsigned generation = waits[op.channel]++;
  bindings[op.result] = {Binding::Kind::Slot, unsigned(slots.size())};
  slots.push_back({op.channel, generation, /*forWriting=*/false, op.result, site, true, 0, {}});
  record(Event::Kind::Wait, op.channel, generation, site);
  stopped |= !checkCounter(op, generation, site);
}

void Tracer::visit(const Release &op, Site site) {
  const Binding &binding = bindings[op.slot];
  Slot *slot = binding.kind == Binding::Kind::Slot ? &slots[binding.index] : nullptr;
  if (!slot || slot->forWriting || !slot->open) {
    Finding &finding = findings.error(
        Rule::Linear, site, "release of " + quote(op.slot) + " which is not an open waited slot");
    if (slot && !slot->open)
      finding.notes.push_back({slot->closed, "it ended here"});
    return;
  }
  for (unsigned group : groups)
    if (is_contained(flights[group].slots, binding.index)) {
      Finding &finding = findings.error(Rule::Products, site,
                                        "release of a slot of " + quoteChannel(slot->channel) +
                                            " while the product " + quote(flights[group].name) +
                                            " that reads it may be in flight");
      finding.notes.push_back({flights[group].site, "the product is issued here"});
    }
  slot->open = false;
  slot->closed = site;
  record(Event::Kind::Release, slot->channel, slot->generation, site);
}

void Tracer::visit(const Drain &op, Site site) {
  if (!topology.channels[op.channel].sameRole) {
    findings.error(Rule::Balance, site,
                   "drain of " + quoteChannel(op.channel) +
                       ", which crosses roles: its consumers take every slot");
    return;
  }
  for (auto [index, slot] : enumerate(slots))
    if (slot.open && slot.channel == op.channel) {
      Finding &finding = findings.error(Rule::Linear, site,
                                        "drain of " + quoteChannel(op.channel) +
                                            " while its slot " + quote(slot.name) + " is open");
      finding.notes.push_back({slot.opened, slot.forWriting ? "acquired here" : "waited for here"});
      slot.open = false;
    }
  for (unsigned generation = waits[op.channel]; generation < acquires[op.channel]; ++generation) {
    auto committed = written.find({op.channel, generation});
    bool on = committed != written.end() && any_of(committed->second, [](const PartState &part) {
                return part.written && part.on.value_or(false);
              });
    if (on)
      findings.error(Rule::Balance, site,
                     "drain of " + quoteChannel(op.channel) + " drops slot " + Twine(generation) +
                         ", whose copy was not predicated off: trip counts disagree");
    record(Event::Kind::Release, op.channel, generation, site);
  }
  waits[op.channel] = std::max(waits[op.channel], acquires[op.channel]);
  record(Event::Kind::Barrier, op.channel, 0, site);
  erase_if(fifo, [&](auto commit) { return commit.first == op.channel; });
}

/// Rule 7: the engine completes as the channel's kind says.
void Tracer::checkEngine(const Copy &op, const Slot &slot, Site site) {
  const Channel &channel = program.channels[slot.channel];
  if (op.engine == CopyEngine::Registers) {
    if (channel.kind != Completion::Sync && channel.kind != Completion::Arrive)
      findings.error(Rule::Copies, site,
                     "a store completes as sync or arrive, but channel " +
                         quoteChannel(slot.channel) + " is '" + stringify(channel.kind) + "'");
    return;
  }
  auto engine = machine.engines.find(op.engine);
  if (engine == machine.engines.end()) {
    findings.error(Rule::Copies, site,
                   "target " + machine.name + " has no '" + stringify(op.engine) + "' copy");
    return;
  }
  if (engine->second.count(channel.kind))
    return;
  std::string kinds;
  for (Completion kind : engine->second)
    kinds += (kinds.empty() ? "" : " or ") + stringify(kind).str();
  findings.error(Rule::Copies, site,
                 "a '" + stringify(op.engine) + "' copy completes as " + kinds + ", but channel " +
                     quoteChannel(slot.channel) + " is '" + stringify(channel.kind) + "'");
}

void Tracer::visit(const Copy &op, Site site) {
  std::optional<bool> on = evaluate(op.where);
  if (op.source) {
    read(*op.source, site);
    // What was fetched under a guard is worth as much as the guard.
    const Binding &source = bindings[op.source->value];
    if (source.kind == Binding::Kind::Fragment)
      on = !source.on || !on ? std::nullopt : std::optional<bool>(*on && *source.on);
  }
  Slot *rows = nullptr;
  if (op.rows) {
    read(*op.rows, site);
    const Binding &binding = bindings[op.rows->value];
    rows = binding.kind == Binding::Kind::Slot ? &slots[binding.index] : nullptr;
  }
  Slot *slot = access(op.dest, /*write=*/true, site);
  if (slot) {
    checkEngine(op, *slot, site);
    if (rows && rows->generation != slot->generation)
      findings.error(Rule::Position, site,
                     "rows of slot " + Twine(slot->generation) + " of " +
                         quoteChannel(slot->channel) + " are addressed by slot " +
                         Twine(rows->generation) + " of " + quoteChannel(rows->channel));
    unsigned part = op.dest.part != allParts ? op.dest.part : bindings[op.dest.value].part;
    for (auto [index, state] : enumerate(slot->parts)) {
      if (part != allParts && part != index)
        continue;
      state.on = !state.on || !on ? std::nullopt : std::optional<bool>(*state.on && *on);
      state.written = true;
    }
  }
  record(op.origin, on, site);
}
