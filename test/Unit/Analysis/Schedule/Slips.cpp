//===- Slips.cpp - One random mistake in a schedule -----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Slips.h"
#include "llvm/ADT/STLExtras.h"

using namespace llvm;
using namespace tegula;
using namespace tegula::sched::proof;

namespace {

/// Where an op stands.
struct Spot {
  Block *block;
  size_t index;
};

void list(Block &block, std::vector<Spot> &spots) {
  for (size_t index = 0; index < block.size(); ++index) {
    spots.push_back({&block, index});
    if (auto *loop = block[index].getIf<Loop>())
      list(loop->body, spots);
    if (auto *guard = block[index].getIf<If>()) {
      list(guard->yes, spots);
      list(guard->no, spots);
    }
  }
}

bool isSync(const Stmt &stmt) {
  return !stmt.getIf<Loop>() && !stmt.getIf<If>() &&
         (stmt.getIf<Finish>() || (!stmt.getIf<Product>() && synchronises({stmt})));
}

/// Whether every value is defined above its uses.
class Ssa {
public:
  static bool holds(const EventProgram &program) {
    return all_of(program.roles, [](const Role &role) {
      Ssa ssa(role.values.size());
      ssa.run(role.body);
      return ssa.good;
    });
  }

private:
  explicit Ssa(size_t values) : defined(values) {}

  void run(const Block &block) {
    for (const Stmt &stmt : block)
      std::visit([&](const auto &op) { visit(op); }, stmt.op);
  }
  void use(ValueId value) { good &= defined[value]; }
  void use(const Operand &operand) { use(operand.value); }
  template <typename List> void useAll(const List &values) {
    for (const auto &value : values)
      use(value);
  }
  void define(ValueId value) { defined[value] = true; }
  void defineAll(ArrayRef<ValueId> values) {
    for (ValueId value : values)
      define(value);
  }
  void nest(const Block &block, ArrayRef<ValueId> arguments, ArrayRef<ValueId> yields) {
    std::vector<bool> outer = defined;
    defineAll(arguments);
    run(block);
    useAll(yields);
    defined = std::move(outer);
  }

  void visit(const Acquire &op) { define(op.result); }
  void visit(const Wait &op) { define(op.result); }
  void visit(const Commit &op) { use(op.slot); }
  void visit(const Release &op) { use(op.slot); }
  void visit(const Copy &op) {
    use(op.dest);
    if (op.source)
      use(*op.source);
    if (op.rows)
      use(*op.rows);
  }
  void visit(const Fetch &op) { define(op.result); }
  void visit(const Compute &op) {
    useAll(op.operands);
    defineAll(op.results);
  }
  void visit(const Alias &op) {
    use(op.source);
    define(op.result);
  }
  void visit(const Product &op) {
    useAll(op.operands);
    if (op.accumulator)
      use(*op.accumulator);
    define(op.result);
  }
  void visit(const ProductWait &op) {
    useAll(op.products);
    useAll(op.retire);
    defineAll(op.results);
  }
  void visit(const Loop &op) {
    useAll(op.inits);
    nest(op.body, op.arguments, op.yields);
    defineAll(op.results);
  }
  void visit(const If &op) {
    nest(op.yes, {}, op.yesYields);
    nest(op.no, {}, op.noYields);
    defineAll(op.results);
  }
  template <typename T> void visit(const T &) {} // names no value

  std::vector<bool> defined;
  bool good = true;
};

} // namespace

/// The op at `from` of a role goes in front of what is then at `to`.
static bool move(Role &role, size_t from, size_t to) {
  std::vector<Spot> spots;
  list(role.body, spots);
  Stmt &source = (*spots[from].block)[spots[from].index];
  if (source.getIf<Loop>() || source.getIf<If>())
    return false;
  Stmt stmt = std::move(source);
  spots[from].block->erase(spots[from].block->begin() + spots[from].index);
  spots.clear(); // blocks may have moved
  list(role.body, spots);
  if (to >= spots.size())
    return false;
  spots[to].block->insert(spots[to].block->begin() + spots[to].index, std::move(stmt));
  return true;
}

std::optional<EventProgram> tegula::sched::proof::slip(const EventProgram &program,
                                                       std::mt19937 &random) {
  EventProgram changed = program;
  auto below = [&](size_t limit) { return size_t(random() % limit); };
  Role &role = changed.roles[below(changed.roles.size())];
  std::vector<Spot> spots;
  list(role.body, spots);
  std::vector<size_t> numbers;
  for (auto [number, spot] : enumerate(spots))
    if (isSync((*spot.block)[spot.index]))
      numbers.push_back(number);
  unsigned what = below(10);
  if (what >= 7) { // a count, a depth, a prologue
    if (what == 7) {
      if (changed.channels.empty())
        return std::nullopt;
      Channel &channel = changed.channels[below(changed.channels.size())];
      channel.depth += below(2) ? 1 : -1;
      return channel.depth ? std::optional(changed) : std::nullopt;
    }
    Spot spot = spots[below(spots.size())];
    Stmt &stmt = (*spot.block)[spot.index];
    int64_t by = below(2) ? 1 : -1;
    if (auto *wait = stmt.getIf<Wait>(); wait && wait->inflight.value_or(0) + by >= 0) {
      if (changed.channels[wait->channel].kind != Completion::Fifo)
        return std::nullopt;
      wait->inflight = wait->inflight.value_or(0) + by;
    } else if (auto *wait = stmt.getIf<ProductWait>(); wait && wait->inflight + by >= 0) {
      wait->inflight += by;
    } else if (auto *loop = stmt.getIf<Loop>(); loop && synchronises(loop->body)) {
      ExprId one = changed.expressions.constant(by);
      ExprId &bound = below(2) ? loop->upper : loop->lower;
      bound = changed.expressions.binary(Expressions::Kind::Add, bound, one);
    } else {
      return std::nullopt;
    }
    return changed;
  }
  if (numbers.empty())
    return std::nullopt;
  size_t from = numbers[below(numbers.size())];
  if (what == 0) {
    Spot spot = spots[from];
    spot.block->erase(spot.block->begin() + spot.index);
  } else {
    int64_t distance = what < 4 ? 1 : 2 + below(4);
    int64_t to = int64_t(from) + (below(2) ? distance : -distance);
    if (to < 0 || to >= int64_t(spots.size()) || !move(role, from, to))
      return std::nullopt;
  }
  return Ssa::holds(changed) ? std::optional(std::move(changed)) : std::nullopt;
}

/// Trip counts to run, short and long.
static std::vector<std::vector<int64_t>> pickTrips(const EventProgram &program,
                                                   std::mt19937 &random) {
  std::vector<std::vector<int64_t>> sets;
  for (int64_t n : {3, 1, 7, 0, 2}) {
    std::vector<int64_t> set(program.trips.size(), n);
    for (int64_t &each : set)
      if (random() % 4 == 0)
        each = random() % 5;
    sets.push_back(std::move(set));
  }
  return sets;
}

/// Whether some run stores something else than the program does.
static bool goesWrong(const EventProgram &changed, const EventProgram &program,
                      const Machine &machine, const std::set<Site> &barriers,
                      std::mt19937 &random) {
  std::set<Site> own = prove(program, machine).acquireBarriers;
  for (const std::vector<int64_t> &trips : pickTrips(program, random)) {
    Outcome right = execute(program, machine, trips, own, Landing::Early, 1);
    for (Landing landing : {Landing::Late, Landing::Random, Landing::Random, Landing::Early})
      if (!(execute(changed, machine, trips, barriers, landing, random()) == right))
        return true;
  }
  return false;
}

Tally tegula::sched::proof::trySlips(const EventProgram &program, const Machine &machine,
                                     unsigned count, unsigned seed) {
  Tally tally;
  std::mt19937 random(seed);
  for (unsigned tries = 0; tally.accepted + tally.refused < count && tries < 50 * count; ++tries) {
    std::optional<EventProgram> changed = slip(program, random);
    if (!changed)
      continue;
    Proof proof = prove(*changed, machine);
    if (!proof.findings.hasErrors()) {
      ++tally.accepted;
      if (goesWrong(*changed, program, machine, proof.acquireBarriers, random))
        tally.holes.push_back(program.name + ", seed " + std::to_string(seed) + ", slip " +
                              std::to_string(tries));
      continue;
    }
    ++tally.refused;
    if (tally.refused % 3 == 0) {
      ++tally.refusedRun;
      tally.refusedWrong += goesWrong(*changed, program, machine, {}, random);
    }
  }
  return tally;
}
