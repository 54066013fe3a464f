//===- WaveHandlers.cpp - What lanes of a wave do together ---------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every one of these is legal under a partial mask: what an inactive lane would give is
// 0, or the old value (LLVM's AMDGPU usage guide; CDNA 3 instruction set guide, "DPP",
// "DS instructions").
//
//===----------------------------------------------------------------------===//

#include "../Core/Handlers.h"
#include "../Core/Lanes.h"

namespace tegula::sim::SIM_HOST {

constexpr int W = 64;
using U32 = uint32_t;
using U64 = uint64_t;
using S32 = int32_t;

static void ReadFirstLane(Warp &w, const Inst *pc) {
  unsigned lane = firstLane(w.mask);
  U32 value = get<U32, W>(w, pc->a)[lane];
  setDefined(w, pc->d, (w.defined[pc->a] >> lane) & 1 ? ~U64(0) : 0);
  put<U32, W>(w, pc->d, Vec<U32, W>(value));
  SIM_NEXT(pc + 1);
}

/// Any lane may be read, an inactive one too.
static void ReadLane(Warp &w, const Inst *pc) {
  unsigned first = firstLane(w.mask);
  if (!((w.defined[pc->b] >> first) & 1))
    reportUndefined(w, pc, w.mask, "the source lane of a read");
  unsigned lane = get<U32, W>(w, pc->b)[first] & (W - 1);
  U32 value = get<U32, W>(w, pc->a)[lane];
  setDefined(w, pc->d, (w.defined[pc->a] >> lane) & 1 ? ~U64(0) : 0);
  put<U32, W>(w, pc->d, Vec<U32, W>(value));
  SIM_NEXT(pc + 1);
}

static void Ballot(Warp &w, const Inst *pc) {
  U64 undefined = w.mask & ~w.defined[pc->a];
  if (__builtin_expect(undefined != 0, 0))
    reportUndefined(w, pc, undefined, "the predicate of a ballot");
  U64 yes = getBits<W>(w, pc->a) & w.mask;
  setDefined(w, pc->d, ~U64(0));
  if (pc->imm)
    put<U64, W>(w, pc->d, Vec<U64, W>(yes));
  else
    put<U32, W>(w, pc->d, Vec<U32, W>(static_cast<U32>(yes)));
  SIM_NEXT(pc + 1);
}

static SIM_INLINE void countBelow(Warp &w, const Inst *pc, unsigned from) {
  Vec<U32, W> a = get<U32, W>(w, pc->a), b = get<U32, W>(w, pc->b), r;
  for (unsigned i = 0; i < W; ++i) {
    unsigned below = i <= from ? 0 : i - from >= 32 ? 32 : i - from;
    U32 bits = below == 32 ? ~U32(0) : (U32(1) << below) - 1;
    r[i] = b[i] + __builtin_popcount(a[i] & bits);
  }
  setDefined(w, pc->d, w.defined[pc->a] & w.defined[pc->b]);
  put<U32, W>(w, pc->d, r);
}
static void CountBelowLow(Warp &w, const Inst *pc) {
  countBelow(w, pc, 0);
  SIM_NEXT(pc + 1);
}
static void CountBelowHigh(Warp &w, const Inst *pc) {
  countBelow(w, pc, 32);
  SIM_NEXT(pc + 1);
}

//===----------------------------------------------------------------------===//
// Permutations
//===----------------------------------------------------------------------===//

/// The lane that lane i reads, or -1: none. Rows are of 16 lanes.
static SIM_INLINE int dppSource(unsigned control, int i) {
  int row = i & ~15, in = i & 15;
  if (control <= 0xFF) // quad_perm
    return (i & ~3) | ((control >> (2 * (i & 3))) & 3);
  int by = control & 15;
  switch (control >> 4) {
  case 0x10: // row_shl
    return in + by < 16 ? i + by : -1;
  case 0x11: // row_shr
    return in - by >= 0 ? i - by : -1;
  case 0x12: // row_ror
    return row | ((in - by) & 15);
  case 0x13: // wave_shl, wave_rol, wave_shr, wave_ror by one
    return control == 0x130   ? (i + 1 < W ? i + 1 : -1)
           : control == 0x134 ? (i + 1) & (W - 1)
           : control == 0x138 ? i - 1
                              : (i - 1) & (W - 1);
  case 0x14:
    switch (control) {
    case 0x140: // row_mirror
      return row | (15 - in);
    case 0x141: // row_half_mirror
      return (i & ~7) | (7 - (i & 7));
    case 0x142: // row_bcast15
      return row ? row - 1 : -1;
    default: // row_bcast31
      return i >= 32 ? 31 : -1;
    }
  default: // row_newbcast
    return row | by;
  }
}

static void DppMove(Warp &w, const Inst *pc) {
  unsigned control = pc->imm & 0xFFFF, rows = (pc->imm >> 16) & 15, banks = (pc->imm >> 20) & 15;
  bool bound = (pc->imm >> 24) & 1;
  Vec<U32, W> old = get<U32, W>(w, pc->a), from = get<U32, W>(w, pc->b), r;
  U64 defined = 0;
  for (int i = 0; i < W; ++i) {
    bool written = ((rows >> (i / 16)) & 1) && ((banks >> ((i & 15) / 4)) & 1);
    int lane = dppSource(control, i);
    bool valid = lane >= 0 && ((w.mask >> lane) & 1);
    bool takesOld = !written || (!valid && !bound);
    r[i] = takesOld ? U32(old[i]) : valid ? U32(from[lane]) : 0;
    bool good = takesOld ? (w.defined[pc->a] >> i) & 1 : !valid || ((w.defined[pc->b] >> lane) & 1);
    defined |= U64(good) << i;
  }
  setDefined(w, pc->d, defined);
  put<U32, W>(w, pc->d, r);
  SIM_NEXT(pc + 1);
}

/// Reports undefined lane numbers of a permutation.
static SIM_INLINE void checkLaneNumbers(Warp &w, const Inst *pc) {
  if (U64 undefined = w.mask & ~w.defined[pc->a])
    reportUndefined(w, pc, undefined, "the lane of a permutation");
}

static void BackwardPermute(Warp &w, const Inst *pc) {
  checkLaneNumbers(w, pc);
  Vec<U32, W> address = get<U32, W>(w, pc->a), from = get<U32, W>(w, pc->b), r;
  U64 defined = 0;
  for (int i = 0; i < W; ++i) {
    unsigned lane = (address[i] / 4) & (W - 1);
    bool active = (w.mask >> lane) & 1;
    r[i] = active ? U32(from[lane]) : 0;
    defined |= U64(!active || ((w.defined[pc->b] >> lane) & 1)) << i;
  }
  setDefined(w, pc->d, defined);
  put<U32, W>(w, pc->d, r);
  SIM_NEXT(pc + 1);
}

/// Of several lanes that send to one, the last wins.
static void ForwardPermute(Warp &w, const Inst *pc) {
  checkLaneNumbers(w, pc);
  Vec<U32, W> address = get<U32, W>(w, pc->a), from = get<U32, W>(w, pc->b), r = {};
  U64 defined = ~U64(0);
  for (U64 m = w.mask; m; m &= m - 1) {
    unsigned i = firstLane(m), lane = (address[i] / 4) & (W - 1);
    r[lane] = from[i];
    defined = (defined & ~(U64(1) << lane)) | (((w.defined[pc->b] >> i) & 1) << lane);
  }
  setDefined(w, pc->d, defined);
  put<U32, W>(w, pc->d, r);
  SIM_NEXT(pc + 1);
}

static void Swizzle(Warp &w, const Inst *pc) {
  unsigned pattern = static_cast<unsigned>(pc->imm);
  Vec<U32, W> from = get<U32, W>(w, pc->a), r;
  U64 defined = 0;
  for (unsigned i = 0; i < W; ++i) {
    // A permutation of each quad, or of each half by and, or, xor.
    unsigned lane = pattern & 0x8000
                        ? (i & ~3u) | ((pattern >> (2 * (i & 3))) & 3)
                        : (i & ~31u) | ((((i & 31) & (pattern & 31)) | ((pattern >> 5) & 31)) ^
                                        ((pattern >> 10) & 31));
    bool active = (w.mask >> lane) & 1;
    r[i] = active ? U32(from[lane]) : 0;
    defined |= U64(!active || ((w.defined[pc->a] >> lane) & 1)) << i;
  }
  setDefined(w, pc->d, defined);
  put<U32, W>(w, pc->d, r);
  SIM_NEXT(pc + 1);
}

//===----------------------------------------------------------------------===//
// Barriers and waits
//===----------------------------------------------------------------------===//

static void WaveBarrier(Warp &w, const Inst *pc) {
  SIM_CONTINUE(arriveAtBarrier(w, pc, pc + 1, 0, 0, true, true));
}

/// Copies to shared memory are the only operations whose end a program can miss.
static void WaitCount(Warp &w, const Inst *pc) {
  waitForCopies(w, pc->imm);
  SIM_NEXT(pc + 1);
}

void addWaveHandlers(HandlerTable &table) {
#define ADD(Name) table[static_cast<unsigned>(Op::Name)] = Name;
  ADD(ReadFirstLane)
  ADD(ReadLane)
  ADD(Ballot)
  ADD(CountBelowLow)
  ADD(CountBelowHigh)
  ADD(DppMove)
  ADD(BackwardPermute)
  ADD(ForwardPermute)
  ADD(Swizzle)
  ADD(WaveBarrier)
  ADD(WaitCount)
#undef ADD
}

} // namespace tegula::sim::SIM_HOST
