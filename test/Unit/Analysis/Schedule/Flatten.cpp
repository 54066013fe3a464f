//===- Flatten.cpp - The ops that a member executes -----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Flatten.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace llvm;
using namespace tegula;
using namespace tegula::sched::proof;

namespace {

/// Unrolls one member.
class Flattener {
public:
  Flattener(const EventProgram &program, unsigned role, unsigned member, ArrayRef<int64_t> trips)
      : program(program), role(program.roles[role]), env(program.variables),
        places(this->role.values.size()), acquires(program.channels.size()),
        waits(program.channels.size()) {
    for (auto [index, each] : enumerate(program.trips))
      env[each.variable] = trips[index];
    if (this->role.member)
      env[*this->role.member] = member;
  }

  MemberOps run() {
    run(role.body);
    return std::move(out);
  }

private:
  void run(const Block &block) {
    for (const Stmt &stmt : block)
      std::visit([&](const auto &op) { visit(op, stmt.site); }, stmt.op);
  }

  MicroOp &add(MicroOp::Kind kind, Site site) {
    out.ops.push_back({});
    out.ops.back().kind = kind;
    out.ops.back().site = site;
    return out.ops.back();
  }
  unsigned define(ValueId value) {
    places[value] = {};
    places[value].kind = Place::Kind::Cell;
    places[value].cell = out.lastUse.size();
    out.lastUse.push_back(0);
    return places[value].cell;
  }
  Place use(const Operand &operand) {
    Place place = places[operand.value];
    if (operand.part != allParts)
      place.part = operand.part;
    if (place.kind == Place::Kind::Cell)
      out.lastUse[place.cell] = out.ops.size() - 1; // the op that is being built
    return place;
  }
  uint64_t tagOf(const Origin &origin, std::optional<ExprId> where) {
    if (where && program.expressions.evaluate(*where, env).value_or(1) == 0)
      return 1; // dropped
    uint64_t tag = 2;
    for (char letter : origin.label)
      tag = mix(tag, letter);
    for (ExprId at : origin.coordinates)
      tag = mix(tag, program.expressions.evaluateSymbolically(at, env));
    return tag;
  }
  /// An op in an iteration: maps know where they are.
  uint64_t tagOf(Site site) {
    uint64_t tag = mix(3, site);
    for (int64_t i : iterations)
      tag = mix(tag, i);
    return tag;
  }
  void open(unsigned channel, unsigned generation, ValueId value) {
    places[value] = {};
    places[value].kind = Place::Kind::Slot;
    places[value].channel = channel;
    places[value].generation = generation;
  }

  void visit(const Acquire &op, Site site) {
    MicroOp &micro = add(MicroOp::Kind::Acquire, site);
    micro.object = op.channel;
    micro.generation = acquires[op.channel]++;
    open(op.channel, micro.generation, op.result);
  }
  void visit(const Wait &op, Site site) {
    MicroOp &micro = add(MicroOp::Kind::Wait, site);
    micro.object = op.channel;
    micro.generation = waits[op.channel]++;
    micro.inflight = op.inflight.value_or(0);
    open(op.channel, micro.generation, op.result);
  }
  void end(MicroOp::Kind kind, ValueId slot, Site site) {
    const Place &place = places[slot];
    if (place.kind != Place::Kind::Slot)
      return;
    MicroOp &micro = add(kind, site);
    micro.object = place.channel;
    micro.generation = place.generation;
  }
  void visit(const Commit &op, Site site) { end(MicroOp::Kind::Commit, op.slot, site); }
  void visit(const Release &op, Site site) { end(MicroOp::Kind::Release, op.slot, site); }
  void visit(const Drain &op, Site site) {
    add(MicroOp::Kind::Drain, site).object = op.channel;
    waits[op.channel] = std::max(waits[op.channel], acquires[op.channel]);
  }
  void visit(const Copy &op, Site site) {
    MicroOp &micro = add(MicroOp::Kind::Copy, site);
    micro.engine = op.engine;
    micro.tag = tagOf(op.origin, op.where);
    if (op.source) {
      micro.tag = 4;
      micro.operands.push_back(use(*op.source));
    }
    if (op.rows)
      micro.operands.push_back(use(*op.rows));
    micro.dest = use(op.dest);
  }
  void visit(const Fetch &op, Site site) {
    MicroOp &micro = add(MicroOp::Kind::Compute, site);
    micro.tag = tagOf(op.origin, op.where);
    micro.cells.push_back(define(op.result));
  }
  void visit(const Compute &op, Site site) {
    MicroOp &micro = add(MicroOp::Kind::Compute, site);
    micro.tag = tagOf(site);
    micro.output = op.kind == Compute::Kind::Output;
    for (const Operand &operand : op.operands)
      micro.operands.push_back(use(operand));
    for (ValueId result : op.results)
      micro.cells.push_back(define(result));
  }
  void visit(const Alias &op, Site site) {
    places[op.result] = places[op.source.value];
    if (op.source.part != allParts)
      places[op.result].part = op.source.part;
  }
  void visit(const Product &op, Site site) {
    MicroOp &micro = add(MicroOp::Kind::Product, site);
    micro.tag = tagOf(site);
    micro.async = op.async;
    for (const Operand &operand : op.operands)
      micro.operands.push_back(use(operand));
    micro.accumulates = op.accumulator.has_value();
    if (op.accumulator)
      micro.operands.push_back(use(*op.accumulator));
    micro.cells.push_back(define(op.result));
  }
  void visit(const ProductWait &op, Site site) {
    MicroOp &micro = add(MicroOp::Kind::ProductWait, site);
    micro.inflight = op.inflight;
    for (ValueId fragment : op.retire)
      use({fragment});
    SmallVector<unsigned, 2> products;
    for (ValueId product : op.products)
      products.push_back(use({product}).cell);
    out.ops.back().products = products;
    for (ValueId result : op.results)
      out.ops.back().cells.push_back(define(result));
  }
  void visit(const Finish &, Site) {}
  void visit(const Turn &op, Site site) { add(MicroOp::Kind::Turn, site).object = op.baton; }
  void visit(const Pass &op, Site site) { add(MicroOp::Kind::Pass, site).object = op.baton; }

  void visit(const Loop &op, Site site) {
    int64_t lower = program.expressions.evaluate(op.lower, env).value_or(0);
    int64_t upper = program.expressions.evaluate(op.upper, env).value_or(1);
    int64_t step = program.expressions.evaluate(op.step, env).value_or(1);
    auto get = [&](ArrayRef<ValueId> values) {
      return map_to_vector<4>(values, [&](ValueId value) { return places[value]; });
    };
    SmallVector<Place, 4> carried = get(op.inits);
    for (int64_t i = lower; i < upper; i += step) {
      env[op.induction] = i;
      for (auto [argument, place] : zip(op.arguments, carried))
        places[argument] = place;
      iterations.push_back(i);
      run(op.body);
      iterations.pop_back();
      carried = get(op.yields);
    }
    for (auto [result, place] : zip(op.results, carried))
      places[result] = place;
  }
  void visit(const If &op, Site site) {
    bool yes = program.expressions.evaluate(op.condition, env).value_or(1) != 0;
    run(yes ? op.yes : op.no);
    for (auto [result, value] : zip(op.results, yes ? op.yesYields : op.noYields))
      places[result] = Place(places[value]);
  }

  const EventProgram &program;
  const Role &role;
  Environment env;
  std::vector<Place> places;
  std::vector<unsigned> acquires, waits;
  SmallVector<int64_t, 4> iterations;
  MemberOps out;
};

} // namespace

MemberOps tegula::sched::proof::flatten(const EventProgram &program, unsigned role, unsigned member,
                                        ArrayRef<int64_t> trips) {
  return Flattener(program, role, member, trips).run();
}
