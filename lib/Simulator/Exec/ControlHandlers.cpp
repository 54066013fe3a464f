//===- ControlHandlers.cpp - Branches, and what the launch says ----------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Core/Handlers.h"
#include "../Core/Lanes.h"

namespace tegula::sim::SIM_HOST {

#define HANDLER(Name) template <int W> static void Name(Warp &w, const Inst *pc)

template <int W> static SIM_INLINE void moveOne(Warp &w, const Move &m) {
  setDefined(w, m.to, w.defined[m.from]);
  if (m.kind == Kind::Word)
    put<uint32_t, W>(w, m.to, get<uint32_t, W>(w, m.from));
  else if (m.kind == Kind::Pair)
    put<uint64_t, W>(w, m.to, get<uint64_t, W>(w, m.from));
  else
    putBits<W>(w, m.to, getBits<W>(w, m.from));
}

/// Moves that overwrite each other's sources: all are read before any is written.
template <int W> static __attribute__((noinline)) void moveAll(Warp &w, const Edge &edge) {
  constexpr size_t bytes = 8 * W;
  size_t count = edge.moves.size();
  const Move *moves = edge.moves.data();
  auto *values = static_cast<uint8_t *>(__builtin_alloca(count * bytes));
  auto *defined = static_cast<uint64_t *>(__builtin_alloca(count * 8));
  for (size_t i = 0; i < count; ++i) {
    std::memcpy(values + i * bytes, slot<W>(w, moves[i].from),
                moves[i].kind == Kind::Pair ? bytes : bytes / 2);
    defined[i] = w.defined[moves[i].from];
  }
  for (size_t i = 0; i < count; ++i) {
    setDefined(w, moves[i].to, defined[i]);
    if (moves[i].kind == Kind::Word) {
      Vec<uint32_t, W> v;
      std::memcpy(&v, values + i * bytes, bytes / 2);
      put<uint32_t, W>(w, moves[i].to, v);
    } else if (moves[i].kind == Kind::Pair) {
      Vec<uint64_t, W> v;
      std::memcpy(&v, values + i * bytes, bytes);
      put<uint64_t, W>(w, moves[i].to, v);
    } else {
      uint64_t v;
      std::memcpy(&v, values + i * bytes, 8);
      putBits<W>(w, moves[i].to, v);
    }
  }
}

template <int W> static SIM_INLINE void move(Warp &w, const Edge &edge) {
  if (__builtin_expect(edge.conflict, 0)) {
    moveAll<W>(w, edge);
    return;
  }
  for (const Move *m = edge.moves.data(), *end = m + edge.moves.size(); m != end; ++m)
    moveOne<W>(w, *m);
}

/// The active lanes go along an edge.
template <int W> static SIM_INLINE const Inst *take(Warp &w, const Edge &edge) {
  move<W>(w, edge);
  if (edge.block == w.joinBlock)
    return arriveAtJoin(w);
  const Inst *next = w.code + edge.target;
  if (__builtin_expect(--w.budget < 0, 0)) {
    w.pc = next;
    return nullptr;
  }
  return next;
}

/// Lanes other than the active ones go along an edge and wait for their turn.
template <int W> static SIM_INLINE void takeAside(Warp &w, const Edge &edge, uint64_t lanes) {
  uint64_t mask = w.mask;
  w.mask = lanes;
  move<W>(w, edge);
  w.mask = mask;
  if (edge.block == w.joinBlock)
    arriveAside(w, lanes);
  else
    park(w, w.code + edge.target, lanes);
}

// imm of a block's end: instructions of the block.
HANDLER(Jump) {
  w.instructions += pc->imm;
  SIM_CONTINUE(take<W>(w, pc->branch->edges[0]));
}

HANDLER(CondBranch) {
  w.instructions += pc->imm;
  const Branch &branch = *pc->branch;
  uint64_t undefined = w.mask & ~w.defined[pc->a];
  if (__builtin_expect(undefined != 0, 0))
    reportUndefined(w, pc, undefined, "the condition of a branch");
  uint64_t taken = getBits<W>(w, pc->a) & w.mask;
  uint64_t other = w.mask & ~taken;
  if (!other)
    SIM_CONTINUE(take<W>(w, branch.edges[0]));
  if (!taken)
    SIM_CONTINUE(take<W>(w, branch.edges[1]));
  openConvergence(w, branch);
  unsigned first = randomBits(w) & 1;
  takeAside<W>(w, branch.edges[!first], first ? taken : other);
  w.mask = first ? other : taken;
  SIM_CONTINUE(take<W>(w, branch.edges[first]));
}

HANDLER(Switch) {
  w.instructions += pc->imm;
  const Branch &branch = *pc->branch;
  uint64_t undefined = w.mask & ~w.defined[pc->a];
  if (__builtin_expect(undefined != 0, 0))
    reportUndefined(w, pc, undefined, "the condition of a switch");
  bool pair = branch.kind == Kind::Pair;
  uint64_t rest = w.mask, last = 0;
  size_t lastEdge = 0;
  bool open = false;
  // Each group of lanes but the last one steps aside.
  for (size_t i = 0; i <= branch.cases.size(); ++i) {
    bool isDefault = i == branch.cases.size();
    uint64_t lanes = rest;
    if (!isDefault) {
      uint64_t value = branch.cases[i];
      lanes &= pair ? toMask<W>(get<uint64_t, W>(w, pc->a) == value)
                    : toMask<W>(get<uint32_t, W>(w, pc->a) == static_cast<uint32_t>(value));
    }
    if (!lanes)
      continue;
    if (last) {
      if (!open)
        openConvergence(w, branch);
      open = true;
      takeAside<W>(w, branch.edges[lastEdge], last);
    }
    last = lanes;
    lastEdge = isDefault ? 0 : i + 1;
    rest &= ~lanes;
  }
  w.mask = last;
  SIM_CONTINUE(take<W>(w, branch.edges[lastEdge]));
}

HANDLER(Return) {
  w.instructions += pc->imm;
  SIM_CONTINUE(exitLanes(w));
}
HANDLER(Unreachable) {
  reportTrap(w, pc, w.mask, "control reached an 'unreachable' instruction");
  SIM_CONTINUE(exitLanes(w));
}
HANDLER(Trap) {
  reportTrap(w, pc, w.mask, "the kernel trapped");
  SIM_CONTINUE(exitLanes(w));
}
HANDLER(Nop) { SIM_NEXT(pc + 1); }

HANDLER(ReadLaunch) {
  auto what = static_cast<LaunchValue>(pc->imm);
  Vec<uint32_t, W> v = {};
  for (unsigned i = 0; i < W; ++i)
    v[i] = static_cast<uint32_t>(launchValue(w, what, i));
  setDefined(w, pc->d, ~uint64_t(0));
  put<uint32_t, W>(w, pc->d, v);
  SIM_NEXT(pc + 1);
}

/// A turn never ends under a guard, so that one saved mask per warp is enough.
constexpr int64_t guardBudget = int64_t(1) << 40;
HANDLER(MaskPush) {
  uint64_t undefined = w.mask & ~w.defined[pc->a];
  if (__builtin_expect(undefined != 0, 0))
    reportUndefined(w, pc, undefined, "the guard of an instruction");
  uint64_t bits = getBits<W>(w, pc->a);
  uint64_t lanes = w.mask & (pc->imm & 1 ? ~bits : bits);
  w.savedMask = w.mask;
  w.budget += guardBudget;
  w.mask = lanes;
  if (!lanes)
    SIM_NEXT(pc + 1 + (pc->imm >> 1));
  SIM_NEXT(pc + 1);
}
HANDLER(MaskPop) {
  w.mask = w.savedMask;
  w.budget -= guardBudget;
  SIM_NEXT(pc + 1);
}

HANDLER(CountExponential) {
  countExponentials(w, w.mask);
  SIM_NEXT(pc + 1);
}
template <int W> void addControlHandlers(HandlerTable &table) {
#define CONTROL_OP(Name) table[static_cast<unsigned>(Op::Name)] = &Name<W>;
#define SIM_OP(Name)
#include "../Core/Ops.def"
}
template void addControlHandlers<32>(HandlerTable &);
template void addControlHandlers<64>(HandlerTable &);

} // namespace tegula::sim::SIM_HOST
