//===- Proof.cpp - That a scheduled kernel is right -----------------------===//
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

/// Guards that compare with more than this would need more runs than a compiler has time for.
static constexpr int64_t greatestShift = 64;

Finding &Findings::add(Finding finding) {
  for (Finding &known : list)
    if (known.site == finding.site && known.message == finding.message) {
      known.notes.clear(); // the caller adds the same ones
      return known;
    }
  list.push_back(std::move(finding));
  return list.back();
}

Finding &Findings::error(Rule rule, Site site, const Twine &message) {
  return add({rule, /*isError=*/true, site, message.str(), {}});
}

Finding &Findings::remark(Rule rule, Site site, const Twine &message) {
  return add({rule, /*isError=*/false, site, message.str(), {}});
}

void Findings::append(Findings &&other) {
  for (Finding &finding : other.list) {
    std::vector<FindingNote> notes = std::move(finding.notes);
    add(std::move(finding)).notes = std::move(notes);
  }
}

bool Findings::hasErrors() const {
  return any_of(list, [](const Finding &finding) { return finding.isError; });
}

/// The greatest lead of a copy, peel of a loop or shift of a guard.
static int64_t findShift(const EventProgram &program, Findings &findings) {
  int64_t shift = 0;
  auto look = [&](ExprId expr, Site site) {
    int64_t own = program.expressions.getGreatestShift(expr);
    if (own > greatestShift)
      findings.error(Rule::Control, site,
                     "a bound or guard of channel ops shifts positions by " + Twine(own) +
                         "; schedules are proved up to a shift of " + Twine(greatestShift));
    shift = std::max(shift, std::min(own, greatestShift));
  };
  for (const Role &role : program.roles)
    walk(role.body, [&](const Stmt &stmt) {
      if (auto *copy = stmt.getIf<Copy>(); copy && copy->where)
        look(*copy->where, stmt.site);
      if (auto *fetch = stmt.getIf<Fetch>(); fetch && fetch->where)
        look(*fetch->where, stmt.site);
      auto *guard = stmt.getIf<If>();
      if (guard && (synchronises(guard->yes) || synchronises(guard->no)))
        look(guard->condition, stmt.site);
      if (auto *loop = stmt.getIf<Loop>(); loop && synchronises(loop->body)) {
        look(loop->lower, stmt.site);
        look(loop->upper, stmt.site);
      }
    });
  return shift;
}

/// The sets of trip counts to run, short streams first.
static std::vector<SmallVector<int64_t, 2>> listTrips(size_t trips, int64_t bound) {
  std::vector<SmallVector<int64_t, 2>> sets;
  auto add = [&](SmallVector<int64_t, 2> set) {
    if (!is_contained(sets, set))
      sets.push_back(std::move(set));
  };
  SmallSetVector<int64_t, 4> corners;
  corners.insert_range(SmallVector<int64_t>{0, 1, 2, bound});
  if (trips == 0)
    add({});
  // All corners of each pair, the others at 2.
  for (size_t first = 0; first < trips; ++first)
    for (size_t second = first + 1; second < trips; ++second)
      for (int64_t x : corners)
        for (int64_t y : corners) {
          SmallVector<int64_t, 2> set(trips, 2);
          set[first] = x;
          set[second] = y;
          add(std::move(set));
        }
  // Every count of one, the others at the bound.
  for (size_t each = 0; each < trips; ++each)
    for (int64_t n = 0; n <= bound; ++n) {
      SmallVector<int64_t, 2> set(trips, bound);
      set[each] = n;
      add(std::move(set));
    }
  for (int64_t same : corners)
    add(SmallVector<int64_t, 2>(trips, same));
  auto sum = [](ArrayRef<int64_t> set) { return llvm::sum_of(set, int64_t(0)); };
  llvm::sort(sets, [&](const auto &a, const auto &b) {
    return sum(a) != sum(b) ? sum(a) < sum(b) : a < b;
  });
  return sets;
}

/// Rule 6 as a remark, where a barrier is not free.
static void remarkBarriers(const EventProgram &program, const Machine &machine, Proof &proof) {
  if (machine.lanes == 1)
    return;
  for (const Role &role : program.roles)
    walk(role.body, [&](const Stmt &stmt) {
      if (auto *acquire = stmt.getIf<Acquire>(); acquire && proof.acquireBarriers.count(stmt.site))
        proof.findings.remark(Rule::Barriers, stmt.site,
                              "acquire of '" + program.channels[acquire->channel].name +
                                  "' costs a barrier of its own");
    });
}

Proof tegula::sched::proof::prove(const EventProgram &program, const Machine &machine,
                                  unsigned stretch) {
  Proof proof;
  Topology topology = analyseTopology(program, machine, proof.findings);
  unsigned depth = 1;
  for (const Channel &channel : program.channels)
    depth = std::max(depth, channel.depth);
  // Three positions are the least that show a progression.
  int64_t bound = std::max<int64_t>(3, depth + findShift(program, proof.findings) + 1);
  proof.bound = bound * stretch;
  if (proof.findings.hasErrors())
    return proof;

  for (SmallVector<int64_t, 2> &trips : listTrips(program.trips.size(), proof.bound)) {
    Run run{std::move(trips), {}};
    Environment env(program.variables);
    for (auto [index, each] : enumerate(program.trips))
      env[each.variable] = run.trips[index];
    WrittenSlots written;
    for (unsigned role = 0; role < program.roles.size(); ++role)
      for (unsigned member = 0; member < program.roles[role].members; ++member)
        run.traces.push_back(
            Tracer(program, machine, topology, role, member, env, written, proof.findings).run());
    if (proof.findings.hasErrors())
      return proof;
    checkBalance(program, topology, run, proof.findings);
    if (proof.findings.hasErrors()) // that it then blocks too says nothing new
      return proof;
    checkContents(program, run, written, proof.findings);
    checkPositions(program, topology, run, proof.findings);
    for (const Trace &trace : run.traces)
      findAcquireBarriers(program, topology, trace, proof.acquireBarriers);
    checkProgress(program, topology, run, proof.acquireBarriers, proof.findings);
    if (proof.findings.hasErrors())
      return proof;
  }
  remarkBarriers(program, machine, proof);
  return proof;
}
