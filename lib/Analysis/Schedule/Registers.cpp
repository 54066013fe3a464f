//===- Registers.cpp - Registers that fragments occupy --------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Analysis/Schedule/Proof.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace llvm;
using namespace tegula;
using namespace tegula::sched::proof;

namespace {

/// From the op that gives the value to its last use, that end excluded: a result may
/// take the registers of an operand that dies there.
struct Interval {
  bool defined = false;
  unsigned begin = 0, end = 0;
};

/// Numbers the ops of a role and finds every value's interval. What is defined before a
/// loop and used in it lives to the loop's end.
class Liveness {
public:
  explicit Liveness(const Role &role) : role(role), intervals(role.values.size()) {
    run(role.body);
  }

  RegisterPeak findPeak() const;

private:
  void run(const Block &block);
  void use(ValueId value);
  void use(ArrayRef<ValueId> values) {
    for (ValueId value : values)
      use(value);
  }
  void use(const Operand &operand) { use(operand.value); }
  void define(ValueId value) { intervals[value] = {true, position, position}; }
  void define(ArrayRef<ValueId> values) {
    for (ValueId value : values)
      define(value);
  }

  void visit(const Loop &op);
  void visit(const If &op);
  void visit(const Copy &op) {
    use(op.dest);
    if (op.source)
      use(*op.source);
    if (op.rows)
      use(*op.rows);
  }
  void visit(const Fetch &op) { define(op.result); }
  void visit(const Compute &op) {
    for (const Operand &operand : op.operands)
      use(operand);
    define(op.results);
  }
  void visit(const Alias &op) {
    use(op.source);
    define(op.result);
  }
  void visit(const Product &op) {
    for (const Operand &operand : op.operands)
      use(operand);
    if (op.accumulator)
      use(*op.accumulator);
    define(op.result);
  }
  void visit(const ProductWait &op) {
    use(op.products);
    use(op.retire);
    define(op.results);
  }
  template <typename T> void visit(const T &op) {} // touches slots only

  const Role &role;
  std::vector<Interval> intervals;
  /// Loops around the current op: where each began, and the values that live to its end.
  SmallVector<std::pair<unsigned, SmallVector<ValueId>>, 4> loops;
  unsigned position = 0;
};

} // namespace

void Liveness::run(const Block &block) {
  for (const Stmt &stmt : block) {
    ++position;
    std::visit([&](const auto &op) { visit(op); }, stmt.op);
  }
}

void Liveness::use(ValueId value) {
  Interval &interval = intervals[value];
  if (!interval.defined)
    return;
  interval.end = position;
  for (auto &[begin, held] : loops)
    if (interval.begin < begin)
      held.push_back(value);
}

void Liveness::visit(const Loop &op) {
  use(op.inits);
  define(op.arguments);
  loops.push_back({position, {}});
  run(op.body);
  ++position;
  use(op.yields);
  auto [begin, held] = loops.pop_back_val();
  for (ValueId value : held)
    intervals[value].end = position;
  define(op.results);
}

void Liveness::visit(const If &op) {
  run(op.yes);
  ++position;
  use(op.yesYields);
  run(op.no);
  ++position;
  use(op.noYields);
  define(op.results);
}

RegisterPeak Liveness::findPeak() const {
  RegisterPeak peak;
  unsigned at = 0;
  auto isLive = [&](ValueId value, unsigned when) {
    return intervals[value].defined && intervals[value].begin <= when &&
           when < intervals[value].end;
  };
  for (unsigned when = 0; when <= position; ++when) {
    double sum = 0;
    for (ValueId value = 0; value < intervals.size(); ++value)
      if (isLive(value, when))
        sum += role.values[value].registers;
    if (sum > peak.registers) {
      peak.registers = sum;
      at = when;
    }
  }
  for (ValueId value = 0; value < intervals.size(); ++value)
    if (role.values[value].registers > 0 && isLive(value, at))
      peak.values.push_back({value, role.values[value].registers});
  llvm::sort(peak.values, [](const auto &a, const auto &b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  return peak;
}

RegisterPeak tegula::sched::proof::findRegisterPeak(const Role &role) {
  return Liveness(role).findPeak();
}

//===----------------------------------------------------------------------===//
// Rule 13
//===----------------------------------------------------------------------===//

static void checkRole(const Role &role, const Machine &machine, bool movesRegisters,
                      Findings &findings) {
  std::string name = "role @" + role.name;
  if (!role.registers) {
    findings.error(Rule::Registers, role.site, name + " has no register budget: add 'regs'");
    return;
  }
  if (movesRegisters &&
      (role.registers % machine.registerGranule || role.registers < machine.roleRegistersLeast ||
       role.registers > machine.roleRegistersMost))
    findings.error(Rule::Registers, role.site,
                   "registers of " + name + " (" + Twine(role.registers) +
                       ") must be a multiple of " + Twine(machine.registerGranule) + " in " +
                       Twine(machine.roleRegistersLeast) + ".." + Twine(machine.roleRegistersMost));
  else if (!movesRegisters && role.registers > machine.registersPerLane)
    findings.error(Rule::Registers, role.site,
                   name + " asks for " + Twine(role.registers) + " registers, " + machine.name +
                       " has " + Twine(machine.registersPerLane));
  RegisterPeak peak = findRegisterPeak(role);
  // A role without fragments holds addresses and counters only.
  if (peak.registers == 0)
    return;
  unsigned needed = std::lround(peak.registers) + machine.registerMargin;
  if (needed <= role.registers)
    return;
  std::string live;
  for (auto [value, registers] : ArrayRef(peak.values).take_front(5))
    if (registers >= 1)
      live += ((live.empty() ? "" : ", ") + role.values[value].name + " " +
               Twine(std::lround(registers)))
                  .str();
  findings.error(Rule::Registers, role.site,
                 name + " needs about " + Twine(needed) + " registers, its budget is " +
                     Twine(role.registers) + "; live at the peak: " + live);
}

void tegula::sched::proof::checkRegisters(const EventProgram &program, const Machine &machine,
                                          Findings &findings) {
  if (!machine.gpu)
    return;
  bool movesRegisters = program.roles.size() > 1 && machine.roleRegistersMost > 0;
  int64_t total = 0, threads = 0;
  for (const Role &role : program.roles) {
    checkRole(role, machine, movesRegisters, findings);
    int64_t warps = role.warps;
    if (movesRegisters)
      warps = alignTo(warps, machine.warpsPerGroup);
    threads += warps * machine.lanes;
    total += warps * machine.lanes * role.registers;
  }
  if (program.roles.empty())
    return;
  int64_t entry = machine.gpu->getEntryRegisters(threads);
  std::string at = (" (" + Twine(entry) + " at entry x " + Twine(threads) + " threads)").str();
  // Roles share what the block has at its start; one role must find its budget there.
  if (movesRegisters ? total > entry * threads
                     : program.roles.size() == 1 && total > entry * threads)
    findings.error(Rule::Registers, program.roles.front().site,
                   "registers of all roles: " + Twine(total) + " of " + Twine(entry * threads) +
                       at);
}
