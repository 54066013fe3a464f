//===- Memory.cpp - Bytes of each memory space ----------------------------===//
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

using namespace llvm;
using namespace tegula;
using namespace tegula::sched::proof;

namespace {

/// The ops at the top of a role between which a ring is in use.
struct Lifetime {
  std::optional<unsigned> role;
  unsigned first = 0, last = 0;
  bool drained = false; ///< the last of them ends the ring
  bool shared = false;  ///< several roles touch it

  /// Whether one ring is over, behind a barrier, before the other is first touched.
  bool isApartFrom(const Lifetime &other) const {
    return role && role == other.role && !shared && !other.shared &&
           ((drained && last < other.first) || (other.drained && other.last < first));
  }
};

} // namespace

static std::vector<Lifetime> findLifetimes(const EventProgram &program) {
  std::vector<Lifetime> lifetimes(program.channels.size());
  for (auto [number, role] : enumerate(program.roles))
    for (auto [index, top] : enumerate(role.body)) {
      auto touch = [&, number = unsigned(number), index = unsigned(index)](unsigned channel) {
        Lifetime &lifetime = lifetimes[channel];
        lifetime.shared |= lifetime.role.value_or(number) != number;
        if (!lifetime.role)
          lifetime.first = index;
        lifetime.role = number;
        lifetime.last = index;
        lifetime.drained = false;
      };
      bool atTop = true;
      auto visit = [&](const Stmt &stmt) {
        if (auto *acquire = stmt.getIf<Acquire>())
          touch(acquire->channel);
        if (auto *wait = stmt.getIf<Wait>())
          touch(wait->channel);
        if (auto *drain = stmt.getIf<Drain>()) {
          touch(drain->channel);
          lifetimes[drain->channel].drained = atTop;
        }
      };
      visit(top);
      atTop = false;
      if (auto *loop = top.getIf<Loop>())
        walk(loop->body, visit);
      if (auto *guard = top.getIf<If>()) {
        walk(guard->yes, visit);
        walk(guard->no, visit);
      }
    }
  return lifetimes;
}

MemoryPlan tegula::sched::proof::planMemory(const EventProgram &program) {
  MemoryPlan plan;
  std::vector<Lifetime> lifetimes = findLifetimes(program);
  // Ops order their own accesses to scratch; those of one role come one after the other.
  bool oneRole = program.roles.size() == 1;
  auto mayShare = [&](const Buffer &a, const Buffer &b) {
    return a.space != b.space || (oneRole && a.scratch && b.scratch) ||
           (a.channel && b.channel && a.channel != b.channel &&
            lifetimes[*a.channel].isApartFrom(lifetimes[*b.channel]));
  };
  plan.offsets.assign(program.buffers.size(), -1);
  // The lowest place that overlaps no buffer in use at the same time.
  auto place = [&](size_t index, int64_t first) {
    const Buffer &buffer = program.buffers[index];
    int64_t offset = alignTo(first, buffer.alignment), size = buffer.stages * buffer.stageBytes;
    for (bool moved = true; moved;) {
      moved = false;
      for (auto [other, begin] : zip(program.buffers, plan.offsets)) {
        int64_t end = begin + other.stages * other.stageBytes;
        if (begin < 0 || mayShare(buffer, other) || offset >= end || offset + size <= begin)
          continue;
        offset = alignTo(end, buffer.alignment);
        moved = true;
      }
    }
    plan.offsets[index] = offset;
    int64_t &bytes = plan.bytes[buffer.space];
    bytes = std::max(bytes, offset + size);
  };
  for (auto [index, buffer] : enumerate(program.buffers))
    if (!buffer.scratch)
      place(index, 0);
  // Two barrier objects of 8 bytes per stage: full and empty.
  for (const Channel &channel : program.channels)
    if (channel.kind == Completion::Tx || channel.kind == Completion::Arrive) {
      int64_t &bytes = plan.bytes["shared"];
      int64_t offset = alignTo(bytes, 8);
      plan.barrierOffsets.push_back(offset);
      bytes = offset + 16 * channel.depth;
    } else {
      plan.barrierOffsets.push_back(-1);
    }
  if (auto shared = plan.bytes.find("shared"); shared != plan.bytes.end())
    plan.heldBytes = shared->second;
  // Scratch comes last, so that what a lowering needs of its own may begin there too.
  for (auto [index, buffer] : enumerate(program.buffers))
    if (buffer.scratch)
      place(index, plan.heldBytes);
  return plan;
}

void tegula::sched::proof::checkMemory(const EventProgram &program, const Machine &machine,
                                       Findings &findings) {
  MemoryPlan plan = planMemory(program);
  for (const auto &[space, limit] : machine.spaces) {
    auto used = plan.bytes.find(space);
    if (used == plan.bytes.end() || used->second <= limit)
      continue;
    std::string list;
    Site site = program.site;
    int64_t greatest = 0;
    for (const Buffer &buffer : program.buffers) {
      if (buffer.space != space)
        continue;
      list += ((list.empty() ? "" : ", ") + buffer.name + " " + Twine(buffer.stages) + "x" +
               Twine(buffer.stageBytes))
                  .str();
      if (buffer.stages * buffer.stageBytes > greatest) {
        greatest = buffer.stages * buffer.stageBytes;
        site = buffer.site;
      }
    }
    findings.error(Rule::Memory, site,
                   space + " memory: " + Twine(used->second) + " bytes of " + Twine(limit) + ": " +
                       list);
  }
}
