//===- WarpHandlers.cpp - What lanes of a warp do together, and barriers -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Core/Handlers.h"
#include "../Exec/Access.h"

namespace tegula::sim::SIM_HOST {

constexpr int W = 32;
using U32 = uint32_t;
using U64 = uint64_t;

/// The lanes that an instruction names in its member mask must be those that execute it.
/// `extra->in[0]` holds the mask.
static SIM_INLINE void checkMembers(Warp &w, const Inst *pc) {
  U32 active = static_cast<U32>(w.mask);
  if (w.defined[pc->extra->in[0]] & w.mask) {
    U32 members = get<U32, W>(w, pc->extra->in[0])[firstLane(w.mask)];
    if (__builtin_expect(members == active, 1))
      return;
    if (active & ~members)
      reportMisuse(w, pc, active & ~members, "a lane executes it that its member mask leaves out");
    // Lanes that have left the kernel cannot come.
    if (members & ~active)
      reportConvergence(w, pc, members & ~active,
                        "lanes that its member mask names do not take part");
    return;
  }
  reportUndefined(w, pc, w.mask, "a member mask");
}

enum class Shuffle { Idx, Up, Down, Xor };

template <Shuffle S> static void shuffle(Warp &w, const Inst *pc) {
  checkMembers(w, pc);
  Vec<U32, W> a = get<U32, W>(w, pc->a), b = get<U32, W>(w, pc->b), c = get<U32, W>(w, pc->c), r;
  U64 da = w.defined[pc->a], defined = 0;
  U64 undefined = w.mask & ~(w.defined[pc->b] & w.defined[pc->c]);
  if (__builtin_expect(undefined != 0, 0))
    reportUndefined(w, pc, undefined, "the source lane of a shuffle");
  U64 inRange = 0, strangers = 0;
  for (U32 i = 0; i < W; ++i) {
    U32 by = b[i] & 31, clamp = c[i] & 31, segment = (c[i] >> 8) & 31;
    U32 most = (i & segment) | (clamp & ~segment), least = i & segment;
    U32 j;
    bool ok;
    if constexpr (S == Shuffle::Up) {
      j = i - by;
      ok = static_cast<int>(j) >= static_cast<int>(most);
    } else if constexpr (S == Shuffle::Down) {
      j = i + by;
      ok = j <= most;
    } else if constexpr (S == Shuffle::Xor) {
      j = i ^ by;
      ok = j <= most;
    } else {
      j = least | (by & ~segment);
      ok = j <= most;
    }
    j = ok ? j & 31 : i;
    inRange |= U64(ok) << i;
    strangers |= U64(!((w.mask >> j) & 1)) << i;
    r[i] = a[j];
    defined |= ((da >> j) & 1) << i;
  }
  // What an inactive lane would give is undefined.
  setDefined(w, pc->d, defined & ~strangers);
  put<U32, W>(w, pc->d, r);
  if (!pc->extra->out.empty()) {
    setDefined(w, pc->extra->out[0], ~U64(0));
    putBits<W>(w, pc->extra->out[0], inRange);
  }
  SIM_NEXT(pc + 1);
}
constexpr Handler ShuffleIdx = &shuffle<Shuffle::Idx>;
constexpr Handler ShuffleUp = &shuffle<Shuffle::Up>;
constexpr Handler ShuffleDown = &shuffle<Shuffle::Down>;
constexpr Handler ShuffleXor = &shuffle<Shuffle::Xor>;

/// The active lanes whose predicate is true; undefined predicates are reported.
static SIM_INLINE U64 readVote(Warp &w, const Inst *pc) {
  checkMembers(w, pc);
  U64 undefined = w.mask & ~w.defined[pc->a];
  if (__builtin_expect(undefined != 0, 0))
    reportUndefined(w, pc, undefined, "the predicate of a vote");
  return getBits<W>(w, pc->a) & w.mask;
}
#define VOTE(Name, Expr)                                                                           \
  static void Name(Warp &w, const Inst *pc) {                                                      \
    U64 yes = readVote(w, pc);                                                                     \
    setDefined(w, pc->d, ~U64(0));                                                                 \
    putBits<W>(w, pc->d, (Expr) ? ~U64(0) : 0);                                                    \
    SIM_NEXT(pc + 1);                                                                              \
  }
VOTE(VoteAll, yes == w.mask)
VOTE(VoteAny, yes != 0)
VOTE(VoteUniform, yes == 0 || yes == w.mask)
static void VoteBallot(Warp &w, const Inst *pc) {
  U64 yes = readVote(w, pc);
  setDefined(w, pc->d, ~U64(0));
  put<U32, W>(w, pc->d, Vec<U32, W>(static_cast<U32>(yes)));
  SIM_NEXT(pc + 1);
}

/// Lane i's value, of either kind.
static SIM_INLINE U64 laneValue(Warp &w, Slot s, Kind kind, U32 i) {
  return kind == Kind::Pair ? get<U64, W>(w, s)[i] : get<U32, W>(w, s)[i];
}
static void MatchAny(Warp &w, const Inst *pc) {
  checkMembers(w, pc);
  Vec<U32, W> r = {};
  for (U32 i = 0; i < W; ++i)
    for (U32 j = 0; j < W; ++j)
      if (((w.mask >> j) & 1) &&
          laneValue(w, pc->a, pc->extra->kind, i) == laneValue(w, pc->a, pc->extra->kind, j))
        r[i] |= 1u << j;
  setDefined(w, pc->d, w.defined[pc->a]);
  put<U32, W>(w, pc->d, r);
  SIM_NEXT(pc + 1);
}
static void MatchAll(Warp &w, const Inst *pc) {
  checkMembers(w, pc);
  U64 first = laneValue(w, pc->a, pc->extra->kind, firstLane(w.mask));
  bool same = true;
  for (U32 i = 0; i < W; ++i)
    if ((w.mask >> i) & 1)
      same &= laneValue(w, pc->a, pc->extra->kind, i) == first;
  U64 defined = (w.defined[pc->a] & w.mask) == w.mask ? ~U64(0) : 0;
  setDefined(w, pc->d, defined);
  put<U32, W>(w, pc->d, Vec<U32, W>(same ? static_cast<U32>(w.mask) : 0u));
  setDefined(w, pc->extra->out[0], defined);
  putBits<W>(w, pc->extra->out[0], same ? ~U64(0) : 0);
  SIM_NEXT(pc + 1);
}

static void ReduceWarp(Warp &w, const Inst *pc) {
  checkMembers(w, pc);
  Vec<U32, W> a = get<U32, W>(w, pc->a);
  U32 r = a[firstLane(w.mask)];
  for (U64 m = w.mask & (w.mask - 1); m; m &= m - 1) {
    U32 v = a[firstLane(m)];
    switch (static_cast<AtomicOp>(pc->extra->variant)) {
    case AtomicOp::Add:
      r += v;
      break;
    case AtomicOp::And:
      r &= v;
      break;
    case AtomicOp::Or:
      r |= v;
      break;
    case AtomicOp::Xor:
      r ^= v;
      break;
    case AtomicOp::SMin:
      r = static_cast<int32_t>(v) < static_cast<int32_t>(r) ? v : r;
      break;
    case AtomicOp::SMax:
      r = static_cast<int32_t>(v) > static_cast<int32_t>(r) ? v : r;
      break;
    case AtomicOp::UMin:
      r = v < r ? v : r;
      break;
    default:
      r = v > r ? v : r;
      break;
    }
  }
  setDefined(w, pc->d, (w.defined[pc->a] & w.mask) == w.mask ? ~U64(0) : 0);
  put<U32, W>(w, pc->d, Vec<U32, W>(r));
  SIM_NEXT(pc + 1);
}

static void ElectLane(Warp &w, const Inst *pc) {
  checkMembers(w, pc);
  unsigned lane = firstLane(w.mask);
  if (pc->d != noSlot) {
    setDefined(w, pc->d, ~U64(0));
    put<U32, W>(w, pc->d, Vec<U32, W>(lane));
  }
  setDefined(w, pc->extra->out[0], ~U64(0));
  putBits<W>(w, pc->extra->out[0], U64(1) << lane);
  SIM_NEXT(pc + 1);
}

static void ActiveMask(Warp &w, const Inst *pc) {
  setDefined(w, pc->d, ~U64(0));
  put<U32, W>(w, pc->d, Vec<U32, W>(static_cast<U32>(w.mask)));
  SIM_NEXT(pc + 1);
}

static void WarpSync(Warp &w, const Inst *pc) {
  checkMembers(w, pc);
  syncWarp(w);
  SIM_NEXT(pc + 1);
}

//===----------------------------------------------------------------------===//
// Barriers of the block
//===----------------------------------------------------------------------===//

/// An operand of a barrier, the same in all lanes.
static SIM_INLINE U32 barrierOperand(Warp &w, const Inst *pc, Slot s) {
  if (s == noSlot)
    return 0;
  if ((w.defined[s] & w.mask) != w.mask)
    reportUndefined(w, pc, w.mask & ~w.defined[s], "an operand of a barrier");
  U32 first = get<U32, W>(w, s)[firstLane(w.mask)];
  if (toMask<W>(get<U32, W>(w, s) != first) & w.mask)
    reportMisuse(w, pc, w.mask, "lanes of a warp give different operands to a barrier");
  return first;
}
/// imm: whether whole warps must come.
static void BarrierSync(Warp &w, const Inst *pc) {
  U32 index = barrierOperand(w, pc, pc->a), threads = barrierOperand(w, pc, pc->b);
  if (index > 15) {
    reportMisuse(w, pc, w.mask, "a barrier with a number above 15");
    index = 15;
  }
  SIM_CONTINUE(arriveAtBarrier(w, pc, pc + 1, index, threads, true, pc->imm));
}
static void BarrierArrive(Warp &w, const Inst *pc) {
  U32 index = barrierOperand(w, pc, pc->a), threads = barrierOperand(w, pc, pc->b);
  if (index > 15) {
    reportMisuse(w, pc, w.mask, "a barrier with a number above 15");
    index = 15;
  }
  SIM_CONTINUE(arriveAtBarrier(w, pc, pc + 1, index, threads, false, pc->imm));
}
/// c: the predicate; the result is all, any or a count by `extra->variant`. Runs twice:
/// to arrive, and to take the result.
static void BarrierReduce(Warp &w, const Inst *pc) {
  if (w.reduced && w.reducing == pc) {
    w.reducing = nullptr;
    setDefined(w, pc->d, ~U64(0));
    if (pc->extra->variant == 2)
      put<U32, W>(w, pc->d, Vec<U32, W>(w.reducedCount));
    else
      putBits<W>(w, pc->d, (pc->extra->variant ? w.reducedAny : w.reducedAll) ? ~U64(0) : 0);
    SIM_NEXT(pc + 1);
  }
  U32 index = barrierOperand(w, pc, pc->a), threads = barrierOperand(w, pc, pc->b);
  if (w.mask & ~w.defined[pc->c])
    reportUndefined(w, pc, w.mask & ~w.defined[pc->c], "the predicate of a barrier");
  w.predicate |= getBits<W>(w, pc->c) & w.mask;
  w.reduced = false;
  w.reducing = pc;
  SIM_CONTINUE(arriveAtBarrier(w, pc, pc, index & 15, threads, true, pc->imm));
}

//===----------------------------------------------------------------------===//
// Asynchronous copies
//===----------------------------------------------------------------------===//

/// `count` bytes per lane; c, if any, says how many of them are read.
static void CpAsync(Warp &w, const Inst *pc) {
  unsigned bytes = pc->count;
  alignas(64) U64 to[W], from[W];
  auto &tos = *reinterpret_cast<Vec<U64, W> *>(to);
  tos = pc->shortAddress ? __builtin_convertvector((get<U32, W>(w, pc->a)), Vec<U64, W>)
                         : get<U64, W>(w, pc->a);
  *reinterpret_cast<Vec<U64, W> *>(from) = get<U64, W>(w, pc->b);
  if (pc->extra->space == Space::Generic)
    tos -= U64(sharedWindow);
  U64 lanes = w.mask & w.defined[pc->a] & w.defined[pc->b];
  if (__builtin_expect(lanes != w.mask, 0))
    reportUndefined(w, pc, w.mask & ~lanes, "an address");
  Region &shared = w.block->shared;
  // Each side is checked against its own alignment, which is the size of the copy.
  lanes = checkAccess<W>(w, pc, shared, to, lanes, bytes, true);
  if (lanes) {
    countAccess<W>(shared, to, lanes, bytes, true, isContiguous<W>(to, lanes, bytes));
    if (shared.cells)
      checkRaceAsync(w, pc, shared, lanes, to, bytes, true);
  }
  Vec<U32, W> valid = Vec<U32, W>(bytes);
  if (pc->c != noSlot) {
    if (w.mask & ~w.defined[pc->c])
      reportUndefined(w, pc, w.mask & ~w.defined[pc->c], "the size of a copy");
    valid = get<U32, W>(w, pc->c);
  }
  alignas(64) U64 offsets[W];
  while (lanes) {
    U64 first = from[firstLane(lanes)];
    U64 same = lanes & toMask<W>((*reinterpret_cast<Vec<U64, W> *>(from) >> regionShift) ==
                                 (first >> regionShift));
    lanes &= ~same;
    U64 offset = 0;
    // A lane that copies nothing reads nothing: its address may be anything.
    U64 reads = same & toMask<W>(valid != 0u);
    Region *region = findRegion(w, first, offset);
    if (!region || region->space != Space::Global) {
      if (reads)
        reportOutOfBounds(w, pc, nullptr, reads, from, bytes, false);
      reads = 0;
      region = nullptr;
    }
    for (int i = 0; i < W; ++i)
      offsets[i] = region ? from[i] - (first - offset) : 0;
    for (U64 m = reads; m; m &= m - 1) {
      unsigned i = firstLane(m);
      U32 size = valid[i] < bytes ? U32(valid[i]) : bytes;
      bool crooked = (offsets[i] & (bytes - 1)) != 0;
      if (offsets[i] > region->size || size > region->size - offsets[i] || crooked) {
        if (crooked)
          reportMisaligned(w, pc, region, U64(1) << i, offsets, bytes, false);
        else
          reportOutOfBounds(w, pc, region, U64(1) << i, offsets, size, false);
        same &= ~(U64(1) << i);
        reads &= ~(U64(1) << i);
      }
    }
    if (reads) {
      U64 asked = 0;
      for (U64 m = reads; m; m &= m - 1)
        asked += valid[firstLane(m)] < bytes ? U32(valid[firstLane(m)]) : bytes;
      region->bytesLoaded += asked;
      region->sectorsLoaded += countSectors<W>(offsets, reads, bytes);
      if (region->cells)
        checkRaceAsync(w, pc, *region, reads, offsets, bytes, false);
    }
    for (U64 m = same; m; m &= m - 1) {
      unsigned i = firstLane(m);
      bool read = (reads >> i) & 1;
      U32 size = !read ? 0 : valid[i] < bytes ? U32(valid[i]) : bytes;
      issueCopy(w, pc, to[i], read ? region : nullptr, offsets[i], bytes, size);
    }
  }
  if (--w.budget < 0) {
    w.pc = pc + 1;
    return;
  }
  SIM_NEXT(pc + 1);
}
static void CpAsyncCommit(Warp &w, const Inst *pc) {
  commitCopies(w);
  SIM_NEXT(pc + 1);
}
/// imm: groups that may stay under way.
static void CpAsyncWait(Warp &w, const Inst *pc) {
  waitForCopies(w, pc->imm);
  SIM_NEXT(pc + 1);
}

void addNVVMHandlers(HandlerTable &table) {
#define ADD(Name) table[static_cast<unsigned>(Op::Name)] = Name;
  ADD(ShuffleIdx)
  ADD(ShuffleUp)
  ADD(ShuffleDown)
  ADD(ShuffleXor)
  ADD(VoteAll)
  ADD(VoteAny)
  ADD(VoteUniform)
  ADD(VoteBallot)
  ADD(MatchAny)
  ADD(MatchAll)
  ADD(ReduceWarp)
  ADD(ElectLane)
  ADD(ActiveMask)
  ADD(WarpSync)
  ADD(BarrierSync)
  ADD(BarrierArrive)
  ADD(BarrierReduce)
  ADD(CpAsync)
  ADD(CpAsyncCommit)
  ADD(CpAsyncWait)
#undef ADD
}

} // namespace tegula::sim::SIM_HOST
