//===- MemoryHandlers.cpp - Loads, stores and atomics --------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Core/Handlers.h"
#include "Access.h"

namespace tegula::sim::SIM_HOST {

/// The addresses of all lanes, and the lanes whose address is defined.
template <int W> static SIM_INLINE uint64_t readAddresses(Warp &w, const Inst *pc, uint64_t *at) {
  auto *out = reinterpret_cast<Vec<uint64_t, W> *>(at);
  if (pc->shortAddress)
    *out = __builtin_convertvector((get<uint32_t, W>(w, pc->a)), Vec<uint64_t, W>) + pc->imm;
  else
    *out = get<uint64_t, W>(w, pc->a) + pc->imm;
  uint64_t undefined = w.mask & ~w.defined[pc->a];
  if (__builtin_expect(undefined != 0, 0))
    reportUndefined(w, pc, undefined, "an address");
  return w.mask & ~undefined;
}

/// Calls `access(region, offsets, lanes)` for each region that the lanes' addresses
/// mean: for all of them at once, in good programs.
template <int W, Space S, typename Access>
static SIM_INLINE void forEachRegion(Warp &w, const Inst *pc, uint64_t *at, uint64_t lanes,
                                     unsigned bytes, bool store, Access access) {
  auto &addresses = *reinterpret_cast<Vec<uint64_t, W> *>(at);
  if constexpr (S == Space::Shared) {
    access(w.block->shared, at, lanes);
    return;
  }
  alignas(64) uint64_t offsets[W];
  auto &out = *reinterpret_cast<Vec<uint64_t, W> *>(offsets);
  while (lanes) {
    uint64_t first = S == Space::Local ? localWindow : at[firstLane(lanes)];
    unsigned shift = first >> regionShift ? regionShift : 32;
    uint64_t same = lanes;
    if constexpr (S != Space::Local)
      same &= toMask<W>((addresses >> shift) == (first >> shift));
    lanes &= ~same;
    if (first - localWindow < windowSize) {
      // Private memory: the same address means another place for each lane.
      uint64_t size = w.local.size / W;
      out = S == Space::Local ? addresses : addresses - localWindow;
      uint64_t outside =
          size < bytes ? ~uint64_t(0) : toMask<W>(out > Vec<uint64_t, W>(size - bytes));
      if (outside & same)
        reportOutOfBounds(w, pc, &w.local, outside & same, offsets, bytes, store);
      same &= ~outside;
      for (unsigned i = 0; i < W; ++i)
        offsets[i] += i * size;
      if (same)
        access(w.local, offsets, same);
      continue;
    }
    uint64_t offset = 0;
    Region *region = findRegion(w, first, offset);
    if (region && S == Space::Global && region->space == Space::Shared)
      region = nullptr;
    if (!region) {
      reportOutOfBounds(w, pc, nullptr, same, at, bytes, store);
      continue;
    }
    out = addresses - (first - offset);
    access(*region, offsets, same);
  }
}

template <int W, Space S, int Bytes> static void load(Warp &w, const Inst *pc) {
  alignas(64) uint64_t at[W];
  uint64_t lanes = readAddresses<W>(w, pc, at);
  unsigned count = pc->count;
  const Slot *to = count == 1 ? &pc->d : pc->extra->out.data();
  // Lanes that reach no region stay undefined.
  if (lanes != w.mask || S != Space::Shared)
    for (unsigned c = 0; c < count; ++c)
      setDefined(w, to[c], 0);
  forEachRegion<W, S>(w, pc, at, lanes, Bytes * count, false,
                      [&](Region &region, uint64_t *offsets, uint64_t same) {
                        loadRegion<W, Bytes>(w, pc, region, offsets, same, count, to);
                      });
  if (__builtin_expect(--w.budget < 0, 0)) {
    w.pc = pc + 1;
    return;
  }
  SIM_NEXT(pc + 1);
}

template <int W, Space S, int Bytes> static void store(Warp &w, const Inst *pc) {
  alignas(64) uint64_t at[W];
  uint64_t lanes = readAddresses<W>(w, pc, at);
  unsigned count = pc->count;
  const Slot *from = count == 1 ? &pc->b : pc->extra->in.data();
  forEachRegion<W, S>(w, pc, at, lanes, Bytes * count, true,
                      [&](Region &region, uint64_t *offsets, uint64_t same) {
                        storeRegion<W, Bytes>(w, pc, region, offsets, same, count, from);
                      });
  if (__builtin_expect(--w.budget < 0, 0)) {
    w.pc = pc + 1;
    return;
  }
  SIM_NEXT(pc + 1);
}

#define SPACE(S)                                                                                   \
  template <int W> constexpr Handler Load##S##8 = &load<W, Space::S, 1>;                           \
  template <int W> constexpr Handler Load##S##16 = &load<W, Space::S, 2>;                          \
  template <int W> constexpr Handler Load##S##32 = &load<W, Space::S, 4>;                          \
  template <int W> constexpr Handler Load##S##64 = &load<W, Space::S, 8>;                          \
  template <int W> constexpr Handler Store##S##8 = &store<W, Space::S, 1>;                         \
  template <int W> constexpr Handler Store##S##16 = &store<W, Space::S, 2>;                        \
  template <int W> constexpr Handler Store##S##32 = &store<W, Space::S, 4>;                        \
  template <int W> constexpr Handler Store##S##64 = &store<W, Space::S, 8>;
SPACE(Generic)
SPACE(Global)
SPACE(Shared)
SPACE(Local)

/// Lanes act one after another, in an order drawn from the seed.
template <int W> static void atomicLanes(Warp &w, const Inst *pc) {
  alignas(64) uint64_t at[W];
  uint64_t lanes = readAddresses<W>(w, pc, at);
  const Extra &extra = *pc->extra;
  bool pair = extra.kind == Kind::Pair;
  unsigned bytes = pc->count;
  bool exchange = pc->c != noSlot;
  Slot flag = exchange && !extra.out.empty() ? extra.out[0] : noSlot;
  for (Slot s : {pc->b, pc->c}) {
    uint64_t undefined = s == noSlot ? 0 : lanes & ~w.defined[s];
    if (undefined)
      reportUndefined(w, pc, undefined, "an operand of an atomic operation");
  }
  if (pc->d != noSlot)
    setDefined(w, pc->d, lanes);
  if (flag != noSlot)
    setDefined(w, flag, lanes);
  auto body = [&](Region &region, uint64_t *offsets, uint64_t same) {
    uint64_t good = checkAccess<W>(w, pc, region, offsets, same, bytes, true);
    if (pc->d != noSlot && good != same) {
      uint64_t mask = w.mask;
      w.mask = same & ~good;
      setDefined(w, pc->d, 0);
      w.mask = mask;
    }
    region.bytesAtomic += static_cast<uint64_t>(__builtin_popcountll(good)) * bytes;
    if (region.cells)
      checkRace(w, pc, region, good, offsets, bytes, true);
    uint64_t order = randomBits(w);
    for (uint64_t left = good; left;) {
      unsigned turn = static_cast<unsigned>(order & (W - 1));
      uint64_t after = left >> turn << turn;
      unsigned i = firstLane(after ? after : left);
      left &= ~(uint64_t(1) << i);
      auto read = [&](Slot s) -> uint64_t {
        if (s == noSlot)
          return 0;
        const uint8_t *base = slot<W>(w, s);
        return pair ? reinterpret_cast<const uint64_t *>(base)[i]
                    : reinterpret_cast<const uint32_t *>(base)[i];
      };
      bool success = false;
      uint64_t old = atomicLane(w, pc, region, offsets[i], read(pc->b), read(pc->c), success);
      if (pc->d != noSlot) {
        uint8_t *base = slot<W>(w, pc->d);
        if (pair)
          reinterpret_cast<uint64_t *>(base)[i] = old;
        else
          reinterpret_cast<uint32_t *>(base)[i] = static_cast<uint32_t>(old);
      }
      if (flag != noSlot) {
        auto *bits = reinterpret_cast<uint64_t *>(slot<W>(w, flag));
        *bits = (*bits & ~(uint64_t(1) << i)) | (uint64_t(success) << i);
      }
    }
  };
  if (extra.space == Space::Shared)
    forEachRegion<W, Space::Shared>(w, pc, at, lanes, bytes, true, body);
  else if (extra.space == Space::Global)
    forEachRegion<W, Space::Global>(w, pc, at, lanes, bytes, true, body);
  else
    forEachRegion<W, Space::Generic>(w, pc, at, lanes, bytes, true, body);
  if (--w.budget < 0) {
    w.pc = pc + 1;
    return;
  }
  SIM_NEXT(pc + 1);
}
template <int W> constexpr Handler Atomic = &atomicLanes<W>;

template <int W> void addMemoryHandlers(HandlerTable &table) {
#define MEMORY_OP(Name) table[static_cast<unsigned>(Op::Name)] = Name<W>;
#define SIM_OP(Name)
#include "../Core/Ops.def"
}
template void addMemoryHandlers<32>(HandlerTable &);
template void addMemoryHandlers<64>(HandlerTable &);

} // namespace tegula::sim::SIM_HOST
