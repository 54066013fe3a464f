//===- Builder.h - Event programs by hand ---------------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TEST_UNIT_ANALYSIS_SCHEDULE_BUILDER_H
#define TEGULA_TEST_UNIT_ANALYSIS_SCHEDULE_BUILDER_H

#include "tegula/Analysis/Schedule/Proof.h"
#include <functional>
#include <map>

namespace tegula::sched::proof {

/// Builds one program, op by op. Values are called by name; ops get sites in order.
class Builder {
public:
  using Names = std::vector<std::string>;
  /// Initial values and the arguments that carry them.
  using Carried = std::vector<std::pair<std::string, std::string>>;

  EventProgram program;

  Builder() { program.site = sites++; }

  ExprId trips(const std::string &name) {
    VariableId variable = program.addVariable();
    program.trips.push_back({name, variable});
    return program.expressions.variable(variable);
  }
  ExprId c(int64_t value) { return program.expressions.constant(value); }
  ExprId unknown() { return program.expressions.variable(program.addVariable()); }
  ExprId make(Expressions::Kind kind, ExprId a, ExprId b) {
    return program.expressions.binary(kind, a, b);
  }
  ExprId add(ExprId a, int64_t b) { return make(Expressions::Kind::Add, a, c(b)); }
  ExprId less(ExprId a, ExprId b) { return make(Expressions::Kind::Less, a, b); }

  unsigned channel(const std::string &name, Completion kind, unsigned depth, unsigned parts = 1) {
    program.channels.push_back({name, kind, depth, parts, sites++});
    return program.channels.size() - 1;
  }
  unsigned baton(const std::string &name, unsigned members) {
    program.batons.push_back({name, members, sites++});
    return program.batons.size() - 1;
  }
  void role(const std::string &name, unsigned members, const std::function<void()> &body,
            unsigned warps = 4) {
    Role role;
    role.name = name;
    role.members = members;
    role.warps = warps * members;
    role.registers = 128;
    role.site = sites++;
    program.roles.push_back(std::move(role));
    ids.clear();
    program.roles.back().body = nest(body);
  }

  ValueId id(const std::string &name) {
    auto [entry, inserted] = ids.try_emplace(name, ids.size());
    if (inserted)
      program.roles.back().values.push_back({"%" + name, registers[name]});
    return entry->second;
  }
  /// Registers of values of that name, to be said before the first use.
  std::map<std::string, double> registers;

  Site acquire(unsigned channel, const std::string &slot) {
    return push(Acquire{channel, id(slot)});
  }
  Site commit(const std::string &slot) { return push(Commit{id(slot)}); }
  Site wait(unsigned channel, const std::string &slot,
            std::optional<unsigned> inflight = std::nullopt) {
    return push(Wait{channel, inflight, id(slot)});
  }
  Site release(const std::string &slot) { return push(Release{id(slot)}); }
  Site drain(unsigned channel) { return push(Drain{channel}); }
  Site copy(CopyEngine engine, const std::string &slot, ExprId at, const std::string &label = "",
            std::optional<ExprId> where = std::nullopt, unsigned part = allParts,
            const std::string &rows = "") {
    Copy copy;
    copy.engine = engine;
    copy.dest = {id(slot), part};
    copy.where = where;
    copy.origin = {label, {at}};
    if (!rows.empty())
      copy.rows = Operand{id(rows)};
    return push(std::move(copy));
  }
  Site put(const std::string &fragment, const std::string &slot) {
    Copy copy;
    copy.engine = CopyEngine::Registers;
    copy.dest = {id(slot)};
    copy.source = Operand{id(fragment)};
    return push(std::move(copy));
  }
  Site fetch(const std::string &fragment, ExprId at, const std::string &label,
             std::optional<ExprId> where = std::nullopt) {
    return push(Fetch{id(fragment), where, {label, {at}}});
  }
  Site compute(Compute::Kind kind, const Names &operands, const Names &results) {
    Compute compute;
    compute.kind = kind;
    for (const std::string &operand : operands)
      compute.operands.push_back({id(operand)});
    for (const std::string &result : results)
      compute.results.push_back(id(result));
    return push(std::move(compute));
  }
  Site map(const Names &operands, const Names &results) {
    return compute(Compute::Kind::Map, operands, results);
  }
  Site mma(bool async, const Names &operands, const std::string &result,
           const std::string &accumulator = "") {
    Product product;
    product.async = async;
    for (const std::string &operand : operands)
      product.operands.push_back({id(operand)});
    if (!accumulator.empty())
      product.accumulator = Operand{id(accumulator)};
    product.result = id(result);
    return push(std::move(product));
  }
  Site mmaWait(unsigned inflight, const Carried &products = {}, const Names &retire = {}) {
    ProductWait wait;
    wait.inflight = inflight;
    for (const auto &[product, result] : products) {
      wait.products.push_back(id(product));
      wait.results.push_back(id(result));
    }
    for (const std::string &fragment : retire)
      wait.retire.push_back(id(fragment));
    return push(std::move(wait));
  }
  Site finish() { return push(Finish{}); }
  Site turn(unsigned baton) { return push(Turn{baton}); }
  Site pass(unsigned baton) { return push(Pass{baton}); }

  /// `body` is given the induction variable and says what it yields.
  Site loop(ExprId lower, ExprId upper, const Carried &carried, const Names &results,
            const std::function<Names(ExprId)> &body) {
    Loop loop;
    loop.lower = lower;
    loop.upper = upper;
    loop.step = c(1);
    loop.induction = program.addVariable();
    for (const auto &[init, argument] : carried) {
      loop.inits.push_back(id(init));
      loop.arguments.push_back(id(argument));
    }
    Site site = sites++;
    ExprId variable = program.expressions.variable(loop.induction);
    loop.body = nest([&] {
      for (const std::string &yielded : body(variable))
        loop.yields.push_back(id(yielded));
    });
    for (const std::string &result : results)
      loop.results.push_back(id(result));
    current->push_back({site, std::move(loop)});
    return site;
  }
  Site loop(ExprId lower, ExprId upper, const std::function<void(ExprId)> &body) {
    return loop(lower, upper, {}, {}, [&](ExprId i) {
      body(i);
      return Names();
    });
  }
  Site guard(
      ExprId condition, const std::function<void()> &yes, const std::function<void()> &no = [] {}) {
    If guard;
    guard.condition = condition;
    Site site = sites++;
    guard.yes = nest(yes);
    guard.no = nest(no);
    current->push_back({site, std::move(guard)});
    return site;
  }

private:
  Block nest(const std::function<void()> &body) {
    Block block;
    Block *outer = current;
    current = &block;
    body();
    current = outer;
    return block;
  }
  Site push(StmtOp op) {
    current->push_back({sites, std::move(op)});
    return sites++;
  }

  Site sites = 0;
  Block *current = nullptr;
  std::map<std::string, ValueId> ids;
};

} // namespace tegula::sched::proof

#endif // TEGULA_TEST_UNIT_ANALYSIS_SCHEDULE_BUILDER_H
