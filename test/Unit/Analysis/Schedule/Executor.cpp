//===- Executor.cpp - Runs an event program against the grain -------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Executor.h"
#include "Flatten.h"
#include "llvm/ADT/STLExtras.h"
#include <deque>

using namespace llvm;
using namespace tegula;
using namespace tegula::sched::proof;

namespace {

/// A barrier object: how many of its phases are over, and who arrived in this one.
struct BarrierObject {
  unsigned phases = 0, arrived = 0, expected = 0;

  void arrive() {
    if (++arrived == expected) {
      arrived = 0;
      ++phases;
    }
  }
  /// Waiting is by parity: two phases behind looks like not yet.
  bool isOver(unsigned phase) const { return phases % 2 != phase % 2; }
};

/// A copy on its way, or an arrival behind earlier copies.
struct Transfer {
  unsigned channel, stage, part;
  bool arrival; ///< on the `full` object, when everything before it has landed
  bool bothHalves;
  uint64_t value;
  unsigned group; ///< number of the commit that closes it
};

/// A product on its way.
struct InFlight {
  const MicroOp *op;
};

struct Thread {
  unsigned role, member, half, threads; ///< `threads` of its member
  const MemberOps *program;
  size_t next = 0;
  std::vector<uint64_t> cells;
  std::deque<Transfer> transfers;
  unsigned commits = 0; ///< of fifo channels
  std::deque<InFlight> products;
  unsigned met = 0;     ///< barriers of its role
  bool waiting = false; ///< stands at one
  std::vector<unsigned> turns, passes;
};

class Execution {
public:
  Execution(const EventProgram &program, const Machine &machine, ArrayRef<int64_t> trips,
            const std::set<Site> &barriers, Landing landing, unsigned seed);
  Outcome run();

private:
  bool tryStep(Thread &thread);
  bool passRoleBarrier(Thread &thread);
  bool landSomething();
  void land(Thread &thread, size_t transfer);
  void landProduct(Thread &thread);
  void copy(Thread &thread, const MicroOp &op);
  uint64_t read(Thread &thread, const Place &place);
  uint64_t &at(unsigned channel, unsigned stage, unsigned part, unsigned half) {
    return contents[channel][(stage * program.channels[channel].parts + part) * 2 + half];
  }
  bool isSameRole(unsigned channel) const {
    return producers[channel].size() == 1 && producers[channel] == consumers[channel];
  }
  unsigned below(unsigned limit) { return random() % limit; }
  uint64_t garbage() { return mix(0xdead, ++poison); }

  const EventProgram &program;
  const std::set<Site> &barriers;
  Landing landing;
  std::mt19937 random;
  std::vector<MemberOps> members;
  std::vector<Thread> threads;
  std::vector<std::set<unsigned>> producers, consumers;
  std::vector<std::vector<uint64_t>> contents;
  std::vector<std::vector<BarrierObject>> full, empty;
  uint64_t poison = 0;
  Outcome outcome;
};

} // namespace

Execution::Execution(const EventProgram &program, const Machine &machine, ArrayRef<int64_t> trips,
                     const std::set<Site> &barriers, Landing landing, unsigned seed)
    : program(program), barriers(barriers), landing(landing), random(seed),
      producers(program.channels.size()), consumers(program.channels.size()),
      contents(program.channels.size()), full(program.channels.size()),
      empty(program.channels.size()) {
  for (unsigned role = 0; role < program.roles.size(); ++role) {
    walk(program.roles[role].body, [&](const Stmt &stmt) {
      if (auto *acquire = stmt.getIf<Acquire>())
        producers[acquire->channel].insert(role);
      if (auto *wait = stmt.getIf<Wait>())
        consumers[wait->channel].insert(role);
    });
    for (unsigned member = 0; member < program.roles[role].members; ++member)
      members.push_back(flatten(program, role, member, trips));
  }
  size_t next = 0;
  std::vector<unsigned> threadsOfRole(program.roles.size());
  for (unsigned role = 0; role < program.roles.size(); ++role)
    for (unsigned member = 0; member < program.roles[role].members; ++member, ++next) {
      unsigned count = machine.lanes > 1 && program.roles[role].warps > 1 ? 2 : 1;
      threadsOfRole[role] += count;
      for (unsigned half = 0; half < count; ++half) {
        Thread thread{};
        thread.role = role;
        thread.member = member;
        thread.half = half;
        thread.threads = count;
        thread.program = &members[next];
        thread.cells.resize(members[next].lastUse.size());
        thread.turns.resize(program.batons.size());
        thread.passes.resize(program.batons.size());
        threads.push_back(std::move(thread));
      }
    }
  for (unsigned channel = 0; channel < program.channels.size(); ++channel) {
    const Channel &ring = program.channels[channel];
    contents[channel].resize(ring.depth * ring.parts * 2);
    for (uint64_t &value : contents[channel])
      value = garbage();
    BarrierObject fullObject, emptyObject;
    for (unsigned role : producers[channel])
      fullObject.expected +=
          ring.kind == Completion::Tx ? program.roles[role].members : threadsOfRole[role];
    for (unsigned role : consumers[channel])
      emptyObject.expected += threadsOfRole[role];
    full[channel].assign(ring.depth, fullObject);
    empty[channel].assign(ring.depth, emptyObject);
  }
  outcome.outputs.resize(threads.size());
}

uint64_t Execution::read(Thread &thread, const Place &place) {
  if (place.kind == Place::Kind::Cell)
    return thread.cells[place.cell];
  if (place.kind == Place::Kind::None)
    return 0;
  uint64_t value = 5;
  unsigned stage = place.generation % program.channels[place.channel].depth;
  for (unsigned part = 0; part < program.channels[place.channel].parts; ++part)
    if (place.part == allParts || place.part == part)
      for (unsigned half = 0; half < 2; ++half)
        value = mix(value, at(place.channel, stage, part, half));
  return value;
}

void Execution::land(Thread &thread, size_t index) {
  Transfer transfer = thread.transfers[index];
  thread.transfers.erase(thread.transfers.begin() + index);
  if (transfer.arrival) {
    full[transfer.channel][transfer.stage].arrive();
    return;
  }
  for (unsigned half = 0; half < 2; ++half)
    if (transfer.bothHalves || half == thread.half)
      at(transfer.channel, transfer.stage, transfer.part, half) = mix(transfer.value, half);
}

void Execution::landProduct(Thread &thread) {
  InFlight product = thread.products.front();
  thread.products.pop_front();
  uint64_t value = product.op->tag;
  for (auto [index, place] : enumerate(product.op->operands)) {
    uint64_t operand = read(thread, place);
    bool tied = product.op->accumulates && index + 1 == product.op->operands.size();
    // Registers of a value that nobody names any more hold something else.
    if (!tied && place.kind == Place::Kind::Cell &&
        thread.program->lastUse[place.cell] < thread.next)
      operand = garbage();
    value = mix(value, operand);
  }
  thread.cells[product.op->cells.front()] = value;
}

void Execution::copy(Thread &thread, const MicroOp &op) {
  if (op.dest.kind != Place::Kind::Slot)
    return;
  uint64_t value = op.tag;
  for (const Place &place : op.operands) // rows are read at issue
    value = mix(value, read(thread, place));
  const Channel &ring = program.channels[op.dest.channel];
  bool elected = op.engine == CopyEngine::Bulk;
  if (elected && thread.half != 0)
    return;
  bool immediate = op.engine == CopyEngine::Registers || op.engine == CopyEngine::Pack;
  unsigned stage = op.dest.generation % ring.depth;
  for (unsigned part = 0; part < ring.parts; ++part) {
    if (op.dest.part != allParts && op.dest.part != part)
      continue;
    thread.transfers.push_back({op.dest.channel, stage, part, /*arrival=*/false,
                                elected || thread.threads == 1, value, thread.commits});
    if (immediate || landing == Landing::Early)
      land(thread, thread.transfers.size() - 1);
  }
}

/// All threads of a role meet; the last one to come lets the others go.
bool Execution::passRoleBarrier(Thread &thread) {
  thread.waiting = true;
  for (Thread &other : threads)
    if (other.role == thread.role && other.met == thread.met && !other.waiting)
      return false;
    else if (other.role == thread.role && other.met < thread.met)
      return false;
  thread.waiting = false;
  ++thread.met;
  return true;
}

bool Execution::tryStep(Thread &thread) {
  const MicroOp &op = thread.program->ops[thread.next];
  unsigned index = &thread - threads.data();
  const Channel *ring =
      op.object < program.channels.size() ? &program.channels[op.object] : nullptr;
  unsigned stage = ring ? op.generation % ring->depth : 0;
  switch (op.kind) {
  case MicroOp::Kind::Acquire: {
    // One thread fills a ring that counts bytes.
    bool elected = ring->kind == Completion::Tx;
    if (elected && thread.half != 0)
      break;
    unsigned phase = op.generation / ring->depth;
    if (isSameRole(op.object)) {
      if (barriers.count(op.site) && !passRoleBarrier(thread))
        return false;
    } else if (phase && !empty[op.object][stage].isOver(phase - 1)) {
      return false;
    }
    for (unsigned part = 0; part < ring->parts; ++part)
      for (unsigned half = 0; half < 2; ++half)
        if (half == thread.half || thread.threads == 1 || elected)
          at(op.object, stage, part, half) = garbage();
    break;
  }
  case MicroOp::Kind::Commit:
    if (ring->kind == Completion::Fifo)
      ++thread.commits;
    if (ring->kind == Completion::Arrive || (ring->kind == Completion::Tx && thread.half == 0)) {
      thread.transfers.push_back({op.object, stage, 0, /*arrival=*/true, false, 0, 0});
      if (thread.transfers.size() == 1)
        land(thread, 0);
    }
    break;
  case MicroOp::Kind::Wait:
    if (ring->kind == Completion::Tx || ring->kind == Completion::Arrive) {
      if (!full[op.object][stage].isOver(op.generation / ring->depth))
        return false;
      break;
    }
    if (ring->kind == Completion::Fifo)
      for (size_t i = 0; i < thread.transfers.size();) {
        const Transfer &transfer = thread.transfers[i];
        if (!transfer.arrival && transfer.group + op.inflight < thread.commits)
          land(thread, i);
        else
          ++i;
      }
    if (!passRoleBarrier(thread))
      return false;
    break;
  case MicroOp::Kind::Release:
    if (!isSameRole(op.object))
      empty[op.object][stage].arrive();
    break;
  case MicroOp::Kind::Drain:
    for (size_t i = 0; i < thread.transfers.size();)
      if (thread.transfers[i].arrival)
        ++i;
      else
        land(thread, i);
    if (!passRoleBarrier(thread))
      return false;
    break;
  case MicroOp::Kind::Copy:
    copy(thread, op);
    break;
  case MicroOp::Kind::Compute:
  case MicroOp::Kind::Product: {
    if (op.async) {
      thread.products.push_back({&op});
      thread.cells[op.cells.front()] = garbage();
      if (landing == Landing::Early)
        landProduct(thread);
      break;
    }
    uint64_t value = op.tag;
    for (const Place &place : op.operands)
      value = mix(value, read(thread, place));
    for (auto [number, cell] : enumerate(op.cells))
      thread.cells[cell] = mix(value, number);
    if (op.output)
      outcome.outputs[index].push_back({op.site, value});
    break;
  }
  case MicroOp::Kind::ProductWait:
    while (thread.products.size() > op.inflight)
      landProduct(thread);
    for (auto [product, cell] : zip(op.products, op.cells))
      thread.cells[cell] = thread.cells[product];
    break;
  case MicroOp::Kind::Turn: {
    unsigned count = program.roles[thread.role].members;
    unsigned before = (thread.member + count - 1) % count;
    unsigned needed = thread.turns[op.object] + (thread.member ? 1 : 0);
    for (const Thread &other : threads)
      if (other.role == thread.role && other.member == before && other.passes[op.object] < needed)
        return false;
    ++thread.turns[op.object];
    break;
  }
  case MicroOp::Kind::Pass:
    ++thread.passes[op.object];
    break;
  }
  ++thread.next;
  return true;
}

/// One copy, arrival or product of somebody. Arrivals wait for what is in front of them.
bool Execution::landSomething() {
  std::vector<std::pair<unsigned, int>> choices;
  for (auto [index, thread] : enumerate(threads)) {
    for (int i = 0; i < int(thread.transfers.size()); ++i)
      if (!thread.transfers[i].arrival || i == 0)
        choices.push_back({index, i});
    if (!thread.products.empty())
      choices.push_back({index, -1});
  }
  if (choices.empty())
    return false;
  auto [index, what] = choices[below(choices.size())];
  if (what < 0)
    landProduct(threads[index]);
  else
    land(threads[index], what);
  return true;
}

Outcome Execution::run() {
  unsigned current = 0, burst = 0;
  while (true) {
    bool ended = all_of(
        threads, [](const Thread &thread) { return thread.next == thread.program->ops.size(); });
    if (ended)
      return std::move(outcome);
    if (landing == Landing::Random && below(4) == 0)
      landSomething();
    if (burst-- == 0) {
      current = below(threads.size());
      burst = below(12);
    }
    auto isAble = [&](Thread &thread) {
      return thread.next < thread.program->ops.size() && tryStep(thread);
    };
    if (isAble(threads[current]))
      continue;
    burst = 0;
    bool moved = false;
    unsigned start = below(threads.size());
    for (unsigned i = 0; i < threads.size() && !moved; ++i)
      moved = isAble(threads[(start + i) % threads.size()]);
    if (!moved && !landSomething()) {
      outcome.fault = "deadlock";
      return std::move(outcome);
    }
  }
}

Outcome tegula::sched::proof::execute(const EventProgram &program, const Machine &machine,
                                      ArrayRef<int64_t> trips, const std::set<Site> &barriers,
                                      Landing landing, unsigned seed) {
  return Execution(program, machine, trips, barriers, landing, seed).run();
}
