//===- Trace.cpp - One member of a role, without data ---------------------===//
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

Tracer::Tracer(const EventProgram &program, const Machine &machine, const Topology &topology,
               unsigned role, unsigned member, const Environment &env, WrittenSlots &written,
               Findings &findings)
    : program(program), machine(machine), topology(topology), role(program.roles[role]), env(env),
      written(written), findings(findings), bindings(this->role.values.size()),
      acquires(program.channels.size()), waits(program.channels.size()) {
  trace.role = role;
  trace.member = member;
  if (this->role.member)
    this->env[*this->role.member] = member;
}

Trace Tracer::run() {
  run(role.body);
  if (stopped)
    return std::move(trace);
  checkLeftOpen(std::vector<bool>(), {});
  if (!groups.empty())
    findings.error(Rule::Products, flights[groups.front()].site,
                   "role @" + role.name + " ends while the product " +
                       quote(flights[groups.front()].name) + " may be in flight");
  for (auto [index, ends] : enumerate(topology.channels))
    if (ends.sameRole && ends.producers.front() == trace.role && acquires[index] != waits[index])
      findings.error(Rule::Balance, role.site,
                     "role @" + role.name + " ends with " + Twine(acquires[index]) +
                         " acquires and " + Twine(waits[index]) + " waits on " +
                         quoteChannel(index) + ": drain it");
  return std::move(trace);
}

void Tracer::run(const Block &block) {
  for (const Stmt &stmt : block) {
    if (stopped)
      return;
    std::visit([&](const auto &op) { visit(op, stmt.site); }, stmt.op);
  }
}

std::string Tracer::quote(ValueId value) const { return "'" + role.values[value].name + "'"; }

std::string Tracer::quoteChannel(unsigned channel) const {
  return "'" + program.channels[channel].name + "'";
}

void Tracer::define(ValueId value, std::optional<bool> on) {
  bindings[value] = {Binding::Kind::Fragment, nextFragment++, allParts, on};
}

SmallVector<Binding, 4> Tracer::lookUp(ArrayRef<ValueId> values) const {
  return map_to_vector<4>(values, [&](ValueId value) { return bindings[value]; });
}

std::optional<bool> Tracer::evaluate(std::optional<ExprId> where) const {
  if (!where)
    return true;
  std::optional<int64_t> value = program.expressions.evaluate(*where, env);
  return value ? std::optional<bool>(*value != 0) : std::nullopt;
}

/// Runs are short. Coordinates with a minimum or a remainder may turn only later: places far
/// apart must lie on one line, too.
bool Tracer::bends(const Origin &origin, VariableId induction) {
  std::optional<int64_t> here = env[induction];
  bool found = false;
  for (ExprId coordinate : origin.coordinates)
    for (int64_t step : {1000, 1365}) {
      uint64_t at[3];
      for (int64_t i : {0, 1, 2}) {
        env[induction] = step * i;
        at[i] = program.expressions.evaluateSymbolically(coordinate, env);
      }
      found |= at[0] + at[2] != 2 * at[1];
    }
  env[induction] = here;
  return found;
}

void Tracer::record(const Origin &origin, std::optional<bool> on, Site site) {
  auto &streams = topology.streams[trace.role];
  auto found = streams.find(origin.label);
  if (origin.label.empty() || found == streams.end())
    return;
  Occurrence occurrence{found->getKey(), {}, on, nullptr, site, false};
  for (ExprId coordinate : origin.coordinates)
    occurrence.at.push_back(program.expressions.evaluateSymbolically(coordinate, env));
  for (const Loop *loop : reverse(loops))
    if (found->second.contains(loop)) {
      occurrence.stream = loop;
      occurrence.bends = bends(origin, loop->induction);
      break;
    }
  trace.occurrences.push_back(std::move(occurrence));
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

std::vector<bool> Tracer::listOpenSlots() const {
  std::vector<bool> open(slots.size());
  for (auto [index, slot] : enumerate(slots))
    open[index] = slot.open;
  return open;
}

void Tracer::checkLeftOpen(const std::vector<bool> &openBefore, ArrayRef<Binding> handedOn) {
  for (auto [index, slot] : enumerate(slots)) {
    if (!slot.open || (index < openBefore.size() && openBefore[index]))
      continue;
    bool kept = any_of(handedOn, [&, slot = index](const Binding &binding) {
      return binding.kind == Binding::Kind::Slot && binding.index == slot;
    });
    if (kept)
      continue;
    findings.error(
        Rule::Linear, slot.opened,
        "slot " + quote(slot.name) + " of " + quoteChannel(slot.channel) + " is " +
            (slot.forWriting ? "acquired and never committed" : "waited for and never released") +
            " in this iteration");
    slot.open = false; // once
  }
}

void Tracer::checkBackEdge(const Loop &op, ArrayRef<Binding> yielded, Site site) {
  for (auto [argument, binding] : zip(op.arguments, yielded)) {
    if (binding.kind != Binding::Kind::Flight || !flights[binding.index].open)
      continue;
    bool chained = false;
    walk(op.body, [&, argument = argument](const Stmt &stmt) {
      if (auto *product = stmt.getIf<Product>())
        chained |= product->accumulator && product->accumulator->value == argument;
    });
    if (!chained)
      findings.error(Rule::Products, site,
                     "product " + quote(flights[binding.index].name) +
                         " in flight is carried over the back edge, but not as an "
                         "accumulator chain");
  }
  for (unsigned group : groups)
    for (auto [fragment, identity] : flights[group].fragments)
      findings.error(Rule::Products, flights[group].site,
                     "operand " + quote(fragment) + " of the product " +
                         quote(flights[group].name) +
                         " is in flight over the back edge: retire it, or unroll by the "
                         "number of live sets");
}

void Tracer::visit(const Loop &op, Site site) {
  const Expressions &expressions = program.expressions;
  std::optional<int64_t> lower = expressions.evaluate(op.lower, env);
  std::optional<int64_t> upper = expressions.evaluate(op.upper, env);
  std::optional<int64_t> step = expressions.evaluate(op.step, env);
  bool heavy = synchronises(op.body);
  if (!lower || !upper || !step || *step <= 0) {
    if (heavy) {
      findings.error(Rule::Control, site,
                     "channel ops in a loop whose count is not a function of 'trips'");
      stopped = true;
      return;
    }
    lower = 0, upper = 1, step = 1;
  }
  // Nothing in it waits or is waited for: one iteration shows every access.
  if (!heavy)
    upper = std::min(*upper, *lower + *step);
  SmallVector<Binding, 4> carried = lookUp(op.inits);
  loops.push_back(&op);
  for (int64_t i = *lower; i < *upper && !stopped; i += *step) {
    env[op.induction] = i;
    for (auto [argument, binding] : zip(op.arguments, carried))
      bindings[argument] = binding;
    std::vector<bool> open = listOpenSlots();
    // A carried slot has moved into the iteration, which must end it or hand it on.
    for (const Binding &binding : carried)
      if (binding.kind == Binding::Kind::Slot)
        open[binding.index] = false;
    run(op.body);
    if (stopped)
      break;
    carried = lookUp(op.yields);
    checkLeftOpen(open, carried);
    checkBackEdge(op, carried, site);
  }
  loops.pop_back();
  env[op.induction] = std::nullopt;
  for (auto [result, binding] : zip(op.results, carried))
    bindings[result] = binding;
  trace.occurrences.push_back({"", {}, std::nullopt, &op, site, false});
}

void Tracer::visit(const If &op, Site site) {
  std::optional<int64_t> condition = program.expressions.evaluate(op.condition, env);
  if (!condition && (synchronises(op.yes) || synchronises(op.no))) {
    findings.error(Rule::Control, site,
                   "channel ops under a condition that is not a function of 'trips'");
    stopped = true;
    return;
  }
  // Either side may run where data decides. Both are walked, the second for good.
  std::vector<bool> open = listOpenSlots();
  if (!condition) {
    std::vector<Binding> saved = bindings;
    run(op.no);
    bindings = std::move(saved);
  }
  bool taken = condition.value_or(1) != 0;
  run(taken ? op.yes : op.no);
  if (stopped)
    return;
  SmallVector<Binding, 4> yielded = lookUp(taken ? op.yesYields : op.noYields);
  checkLeftOpen(open, yielded);
  for (auto [result, binding] : zip(op.results, yielded))
    bindings[result] = binding;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Slot *Tracer::access(const Operand &operand, bool write, Site site) {
  const Binding &binding = bindings[operand.value];
  if (binding.kind == Binding::Kind::Flight) {
    Finding &finding =
        findings.error(Rule::Products, site,
                       quote(operand.value) + " is in flight: read the result of its mma_wait");
    finding.notes.push_back({flights[binding.index].site, "the product is issued here"});
    return nullptr;
  }
  if (binding.kind != Binding::Kind::Slot)
    return nullptr;
  Slot &slot = slots[binding.index];
  if (!slot.open) {
    StringRef ended = slot.forWriting ? "committed" : "released";
    Finding &finding =
        findings.error(Rule::Span, site,
                       "access to " + quote(operand.value) + " outside its span: the slot of " +
                           quoteChannel(slot.channel) + " was " + ended);
    finding.notes.push_back({slot.closed, (ended + " here").str()});
    return nullptr;
  }
  if (slot.forWriting != write) {
    Finding &finding = findings.error(
        Rule::Span, site,
        quote(operand.value) + (slot.forWriting ? " is acquired, not waited for: cannot read it"
                                                : " is waited for, not acquired: cannot write it"));
    finding.notes.push_back({slot.opened, slot.forWriting ? "acquired here" : "waited for here"});
    return nullptr;
  }
  return &slot;
}

void Tracer::read(const Operand &operand, Site site) {
  Slot *slot = access(operand, /*write=*/false, site);
  if (!slot)
    return;
  unsigned part = bindings[operand.value].part;
  if (operand.part != allParts)
    part = operand.part;
  for (unsigned each = 0; each < program.channels[slot->channel].parts; ++each)
    if (part == allParts || part == each)
      trace.reads.push_back({slot->channel, slot->generation, each, operand.value, site});
}

void Tracer::visit(const Compute &op, Site site) {
  for (const Operand &operand : op.operands)
    read(operand, site);
  for (ValueId result : op.results)
    define(result);
  if (op.kind == Compute::Kind::Map)
    for (unsigned group : groups)
      flights[group].unpinned = true;
}

void Tracer::visit(const Alias &op, Site site) {
  bindings[op.result] = bindings[op.source.value];
  if (op.source.part != allParts)
    bindings[op.result].part = op.source.part;
}

void Tracer::visit(const Finish &op, Site site) {
  for (unsigned group : groups)
    flights[group].unpinned = false;
}

void Tracer::visit(const Turn &op, Site site) { record(Event::Kind::Turn, op.baton, 0, site); }

void Tracer::visit(const Pass &op, Site site) { record(Event::Kind::Pass, op.baton, 0, site); }

void Tracer::visit(const Fetch &op, Site site) {
  std::optional<bool> on = evaluate(op.where);
  define(op.result, on);
  record(op.origin, on, site);
}
