//===- SlotAllocator.cpp - Where registers live --------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Liveness over basic blocks, then a linear scan: every virtual register gets one slot
// (two for pairs) for the interval from its first to its last live position. Slots of
// constants are shared by nobody and written once.
//
// That lanes run apart needs little thought here: each lane has its own column of the
// register file and runs the instructions of an ordinary thread. A slot must only keep
// to one kind of value, since a column is not in the same place for all kinds.
//
//===----------------------------------------------------------------------===//

#include "../Core/Handlers.h"
#include "Decoder.h"

#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Analysis/PostDominators.h"

using namespace llvm;
using namespace tegula::sim;

namespace tegula::sim {

class SlotAllocator {
public:
  explicit SlotAllocator(Decoder &decoder)
      : decoder(decoder), first(decoder.kinds.size(), never), last(decoder.kinds.size(), 0),
        slots(decoder.kinds.size(), noSlot) {}

  bool run();
  Slot slotOf(Reg reg) const { return reg == noReg ? noSlot : slots[reg]; }
  unsigned count() const { return top; }

private:
  static constexpr size_t never = ~size_t(0);

  void computeLiveness();
  void extend(Reg reg, size_t position) {
    first[reg] = std::min(first[reg], position);
    last[reg] = std::max(last[reg], position);
  }
  template <typename F> static void forEachUse(const VirtualInst &v, F f) {
    for (Reg reg : {v.a, v.b, v.c})
      if (reg != noReg)
        f(reg);
    for (Reg reg : v.in)
      f(reg);
  }
  template <typename F> static void forEachDef(const VirtualInst &v, F f) {
    if (v.d != noReg)
      f(v.d);
    for (Reg reg : v.out)
      f(reg);
  }

  Decoder &decoder;
  std::vector<size_t> first, last;
  std::vector<Slot> slots;
  unsigned top = 0;
};

} // namespace tegula::sim

void SlotAllocator::computeLiveness() {
  auto &blocks = decoder.blocks;
  size_t regs = decoder.kinds.size();
  std::vector<BitVector> liveIn(blocks.size(), BitVector(regs)), uses = liveIn, defs = liveIn;
  for (size_t i = 0; i < blocks.size(); ++i) {
    for (size_t k = blocks[i].begin; k < blocks[i].end; ++k) {
      forEachUse(decoder.insts[k], [&](Reg reg) {
        if (!defs[i].test(reg))
          uses[i].set(reg);
      });
      forEachDef(decoder.insts[k], [&](Reg reg) { defs[i].set(reg); });
    }
  }
  // What is live where a block ends, an edge's moves undone.
  auto liveOut = [&](size_t i) {
    BitVector live(regs);
    for (const VirtualBlock::Out &edge : blocks[i].edges) {
      BitVector in = liveIn[edge.block];
      for (const VirtualMove &move : edge.moves)
        in.reset(move.to);
      for (const VirtualMove &move : edge.moves)
        in.set(move.from);
      live |= in;
    }
    return live;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = blocks.size(); i-- > 0;) {
      BitVector live = liveOut(i);
      live.reset(defs[i]);
      live |= uses[i];
      if (live != liveIn[i]) {
        liveIn[i] = live;
        changed = true;
      }
    }
  }
  // Positions: two per instruction, use before definition; a block has one more at
  // each end.
  size_t position = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    for (unsigned reg : liveIn[i].set_bits())
      extend(reg, position);
    ++position;
    for (size_t k = blocks[i].begin; k < blocks[i].end; ++k) {
      forEachUse(decoder.insts[k], [&](Reg reg) { extend(reg, position); });
      forEachDef(decoder.insts[k], [&](Reg reg) { extend(reg, position + 1); });
      // Results that are written one after another must not meet operands, or each other.
      const VirtualInst &v = decoder.insts[k];
      if (v.out.size() + (v.d != noReg) > 1)
        forEachDef(v, [&](Reg reg) { extend(reg, position); });
      position += 2;
    }
    BitVector live = liveOut(i);
    for (unsigned reg : live.set_bits())
      extend(reg, position);
    for (const VirtualBlock::Out &edge : blocks[i].edges)
      for (const VirtualMove &move : edge.moves)
        extend(move.to, position);
    ++position;
  }
}

bool SlotAllocator::run() {
  computeLiveness();
  // Constants first: they are never reused.
  for (auto &[reg, preset] : decoder.presetOf) {
    if (first[reg] == never)
      continue;
    slots[reg] = static_cast<Slot>(top);
    top += preset.kind == Kind::Pair ? 2 : 1;
    Preset placed = preset;
    placed.slot = slots[reg];
    decoder.program.presets.push_back(placed);
    if (top >= noSlot)
      return false;
  }
  std::vector<Reg> order;
  for (Reg reg = 0; reg < static_cast<Reg>(first.size()); ++reg)
    if (first[reg] != never && slots[reg] == noSlot)
      order.push_back(reg);
  llvm::sort(order, [&](Reg a, Reg b) {
    return std::make_pair(first[a], a) < std::make_pair(first[b], b);
  });
  // Free slots by kind, and the intervals that end soonest on top of a heap. A slot stays
  // with one kind: the kinds lay a lane's bits out differently, and lanes that run apart
  // must not meet in it.
  std::array<std::vector<Slot>, 3> freeSlots;
  using Ending = std::pair<size_t, Reg>;
  std::vector<Ending> active;
  auto later = [](const Ending &a, const Ending &b) { return a > b; };
  for (Reg reg : order) {
    while (!active.empty() && active.front().first < first[reg]) {
      Reg ended = active.front().second;
      std::pop_heap(active.begin(), active.end(), later);
      active.pop_back();
      freeSlots[static_cast<size_t>(decoder.kinds[ended])].push_back(slots[ended]);
    }
    bool pair = decoder.kinds[reg] == Kind::Pair;
    std::vector<Slot> &free = freeSlots[static_cast<size_t>(decoder.kinds[reg])];
    if (!free.empty()) {
      slots[reg] = free.back();
      free.pop_back();
    } else {
      slots[reg] = static_cast<Slot>(top);
      top += pair ? 2 : 1;
      if (top >= noSlot)
        return false;
    }
    active.push_back({last[reg], reg});
    std::push_heap(active.begin(), active.end(), later);
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Linking
//===----------------------------------------------------------------------===//

/// Tables of handlers by width and host.
static HandlerTable handlersFor(unsigned width, bool isNarrow) {
  HandlerTable table = {};
#define SIM_TABLE(Host)                                                                            \
  if (width == 32) {                                                                               \
    Host::addIntHandlers<32>(table);                                                               \
    Host::addFloatHandlers<32>(table);                                                             \
    Host::addMemoryHandlers<32>(table);                                                            \
    Host::addControlHandlers<32>(table);                                                           \
    Host::addNVVMHandlers(table);                                                                  \
    Host::addNVVMMatrixHandlers(table);                                                            \
  } else {                                                                                         \
    Host::addIntHandlers<64>(table);                                                               \
    Host::addFloatHandlers<64>(table);                                                             \
    Host::addMemoryHandlers<64>(table);                                                            \
    Host::addControlHandlers<64>(table);                                                           \
    Host::addBufferHandlers(table);                                                                \
    Host::addMfmaHandlers(table);                                                                  \
    Host::addWaveHandlers(table);                                                                  \
  }
  if (isNarrow || !hasWideHost()) {
    SIM_TABLE(narrow)
  } else {
    SIM_TABLE(wide)
  }
#undef SIM_TABLE
  return table;
}

bool tegula::sim::hasWideHost() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  // style: allow(chip) because this asks the host what it is
  return __builtin_cpu_supports("x86-64-v4");
#else
  return false;
#endif
}

void Decoder::link() {
  SlotAllocator allocator(*this);
  if (!allocator.run()) {
    failed = true;
    reports.push_back({ReportKind::Unsupported,
                       "the kernel needs more registers than are modelled",
                       {},
                       {},
                       function.getName().str(),
                       {0, 0, 0},
                       -1,
                       0,
                       {}});
    return;
  }
  program.slots = allocator.count();
  PostDominatorTree tree(function);
  std::vector<Inst> code;
  std::vector<uint32_t> start;
  for (const VirtualBlock &block : blocks) {
    start.push_back(code.size());
    for (size_t k = block.begin; k < block.end; ++k)
      code.emplace_back();
  }
  size_t next = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    VirtualBlock &block = blocks[i];
    for (size_t k = block.begin; k < block.end; ++k) {
      VirtualInst &v = insts[k];
      Inst &inst = code[next++];
      inst.op = v.op;
      inst.d = allocator.slotOf(v.d);
      inst.a = allocator.slotOf(v.a);
      inst.b = allocator.slotOf(v.b);
      inst.c = allocator.slotOf(v.c);
      inst.imm = v.imm;
      inst.source = v.source;
      inst.count = v.count;
      inst.align = v.align;
      inst.shortAddress = v.shortAddress;
      if (v.extra) {
        for (Reg reg : v.in)
          v.extra->in.push_back(allocator.slotOf(reg));
        for (Reg reg : v.out)
          v.extra->out.push_back(allocator.slotOf(reg));
        inst.extra = v.extra.get();
        program.extras.push_back(std::move(v.extra));
      }
      if (v.branch) {
        for (auto [edge, out] : zip_equal(v.branch->edges, block.edges)) {
          edge.block = out.block;
          edge.target = start[out.block];
          llvm::SmallDenseSet<Slot> written;
          for (const VirtualMove &move : out.moves) {
            Slot from = allocator.slotOf(move.from), to = allocator.slotOf(move.to);
            if (from == to)
              continue;
            bool pairFrom = kinds[move.from] == Kind::Pair;
            edge.conflict |= written.contains(from) || (pairFrom && written.contains(from + 1));
            written.insert(to);
            if (kinds[move.to] == Kind::Pair)
              written.insert(to + 1);
            edge.moves.push_back({to, from, kinds[move.to]});
          }
        }
        const auto *node = tree.getNode(const_cast<BasicBlock *>(order[i]));
        const auto *dominator = node ? node->getIDom() : nullptr;
        if (dominator && dominator->getBlock()) {
          v.branch->join = blockIndex[dominator->getBlock()];
          v.branch->joinTarget = start[v.branch->join];
        }
        inst.branch = v.branch;
      }
      if (k + 1 == block.end)
        inst.imm = block.end - block.begin;
    }
  }
  for (unsigned host = 0; host < 2; ++host) {
    HandlerTable table = handlersFor(program.width, host == 1);
    program.code[host] = code;
    for (Inst &inst : program.code[host])
      inst.handler = table[static_cast<unsigned>(inst.op)];
  }
}
