//===- BufferHandlers.cpp - Memory behind descriptors, copies to shared --===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A descriptor is an address, a number of bytes and flags. A component of a raw access
// whose offset lies beyond the number gives 0, or is not stored: kernels use this as a
// mask, so it is no fault here. Sources disagree whether the offset of all lanes takes
// part in the comparison (LLVM's intrinsics: no; CDNA: yes), so an access for which this
// makes a difference is reported: on some chip it would be wrong.
//
//===----------------------------------------------------------------------===//

#include "../Core/Handlers.h"
#include "../Exec/Access.h"

namespace tegula::sim::SIM_HOST {

constexpr int W = 64;
using U32 = uint32_t;
using U64 = uint64_t;

/// An access of all lanes through a descriptor.
struct BufferAccess {
  alignas(64) U64 addresses[W];
  alignas(64) U64 offsets[W];
  U64 records;
  /// Lanes whose operands are defined.
  U64 lanes;
};

/// A value that must be the same in all lanes.
template <typename T>
static SIM_INLINE T uniform(Warp &w, const Inst *pc, Slot s, const char *what) {
  Vec<T, W> all = get<T, W>(w, s);
  T first = all[firstLane(w.mask)];
  if (w.mask & ~w.defined[s])
    reportUndefined(w, pc, w.mask & ~w.defined[s], what);
  else if (toMask<W>(all != first) & w.mask)
    reportMisuse(w, pc, toMask<W>(all != first) & w.mask,
                 "lanes of a wave give different descriptors or offsets of all lanes");
  return first;
}

static SIM_INLINE void readAccess(Warp &w, const Inst *pc, Slot base, Slot records, Slot lane,
                                  Slot all, BufferAccess &access) {
  U64 address = uniform<U64>(w, pc, base, "the address of a descriptor");
  // The lower half of the second part is the number of bytes, flags are above it.
  access.records = uniform<U64>(w, pc, records, "the size of a descriptor") & 0xFFFFFFFFu;
  U64 shift = uniform<U32>(w, pc, all, "an offset of all lanes");
  access.lanes = w.mask & w.defined[lane];
  if (access.lanes != w.mask)
    reportUndefined(w, pc, w.mask & ~access.lanes, "an offset");
  Vec<U64, W> own = __builtin_convertvector((get<U32, W>(w, lane)), Vec<U64, W>);
  *reinterpret_cast<Vec<U64, W> *>(access.offsets) = own;
  *reinterpret_cast<Vec<U64, W> *>(access.addresses) = own + (address + shift);
  // Where the readings differ, the access goes on as one out of range.
  U64 bytes = access.records;
  U64 inside = toMask<W>(own < bytes), insideBoth = toMask<W>(own + shift < bytes);
  if (U64 differ = access.lanes & (inside ^ insideBoth)) {
    reportMisuse(w, pc, differ,
                 "the offset of all lanes decides whether the access is out of range, which "
                 "chips do not agree on");
    own = toBools<W>(differ) ? Vec<U64, W>(bytes) : own;
    *reinterpret_cast<Vec<U64, W> *>(access.offsets) = own;
  }
}

/// Calls `body(region, offsets, lanes)` for the lanes of each region.
template <typename Body>
static SIM_INLINE void forEachBuffer(Warp &w, const Inst *pc, const U64 *addresses, U64 lanes,
                                     unsigned bytes, bool store, Body body) {
  const Vec<U64, W> &at = *reinterpret_cast<const Vec<U64, W> *>(addresses);
  while (lanes) {
    U64 first = addresses[firstLane(lanes)];
    U64 same = lanes & toMask<W>((at >> regionShift) == (first >> regionShift));
    lanes &= ~same;
    U64 offset = 0;
    Region *region = findRegion(w, first, offset);
    if (!region || region->space != Space::Global) {
      reportOutOfBounds(w, pc, nullptr, same, addresses, bytes, store);
      continue;
    }
    alignas(64) U64 offsets[W];
    *reinterpret_cast<Vec<U64, W> *>(offsets) = at - (first - offset);
    body(*region, offsets, same);
  }
}

/// Lanes whose `bytes` bytes from `skip` on lie inside the descriptor.
static SIM_INLINE U64 inRange(const BufferAccess &access, unsigned skip, unsigned bytes) {
  if (access.records < skip + bytes)
    return 0;
  const auto &own = *reinterpret_cast<const Vec<U64, W> *>(access.offsets);
  return access.lanes & toMask<W>(own <= Vec<U64, W>(access.records - skip - bytes));
}

/// Runs `move(addresses, lanes, first component, number)`: at once where every lane is
/// wholly inside or wholly outside, else component by component, as the hardware does.
template <typename Move>
static SIM_INLINE void forEachPart(const BufferAccess &access, unsigned size, unsigned count,
                                   Move move) {
  if (inRange(access, 0, size) == inRange(access, 0, size * count)) {
    move(access.addresses, inRange(access, 0, size), 0u, count);
    return;
  }
  alignas(64) U64 addresses[W];
  for (unsigned c = 0; c < count; ++c) {
    *reinterpret_cast<Vec<U64, W> *>(addresses) =
        *reinterpret_cast<const Vec<U64, W> *>(access.addresses) + U64(c * size);
    move(addresses, inRange(access, c * size, size), c, 1u);
  }
}

template <int Bytes> static SIM_INLINE void loadBuffer(Warp &w, const Inst *pc) {
  using Lane = typename Cell<Bytes>::Lane;
  BufferAccess access;
  readAccess(w, pc, pc->a, pc->b, pc->c, pc->extra->in[0], access);
  unsigned count = static_cast<unsigned>(pc->extra->out.size());
  const Slot *to = pc->extra->out.data();
  // Zero everywhere, then what is inside.
  for (unsigned c = 0; c < count; ++c) {
    setDefined(w, to[c], access.lanes);
    put<Lane, W>(w, to[c], Vec<Lane, W>(Lane(0)));
  }
  forEachPart(access, Bytes, count, [&](const U64 *addresses, U64 lanes, unsigned c, unsigned n) {
    forEachBuffer(w, pc, addresses, lanes, Bytes * n, false,
                  [&](Region &region, U64 *offsets, U64 same) {
                    loadRegion<W, Bytes>(w, pc, region, offsets, same, n, to + c);
                  });
  });
}

template <int Bytes> static SIM_INLINE void storeBuffer(Warp &w, const Inst *pc) {
  BufferAccess access;
  readAccess(w, pc, pc->a, pc->b, pc->c, pc->extra->in[0], access);
  const Slot *from = pc->extra->in.data() + 1;
  unsigned count = static_cast<unsigned>(pc->extra->in.size()) - 1;
  forEachPart(access, Bytes, count, [&](const U64 *addresses, U64 lanes, unsigned c, unsigned n) {
    forEachBuffer(w, pc, addresses, lanes, Bytes * n, true,
                  [&](Region &region, U64 *offsets, U64 same) {
                    storeRegion<W, Bytes>(w, pc, region, offsets, same, n, from + c);
                  });
  });
}

static void BufferLoad(Warp &w, const Inst *pc) {
  if (pc->extra->variant == 1)
    loadBuffer<1>(w, pc);
  else if (pc->extra->variant == 2)
    loadBuffer<2>(w, pc);
  else
    loadBuffer<4>(w, pc);
  if (--w.budget < 0) {
    w.pc = pc + 1;
    return;
  }
  SIM_NEXT(pc + 1);
}

static void BufferStore(Warp &w, const Inst *pc) {
  if (pc->extra->variant == 1)
    storeBuffer<1>(w, pc);
  else if (pc->extra->variant == 2)
    storeBuffer<2>(w, pc);
  else
    storeBuffer<4>(w, pc);
  if (--w.budget < 0) {
    w.pc = pc + 1;
    return;
  }
  SIM_NEXT(pc + 1);
}

//===----------------------------------------------------------------------===//
// Copies to shared memory
//===----------------------------------------------------------------------===//

/// Lane i's bytes go to `count` bytes at destination + i * count, whoever is active. They
/// land when the seed says, at the latest when a wait covers them; each is a group.
static void CopyToShared(Warp &w, const Inst *pc) {
  unsigned bytes = pc->count;
  BufferAccess access;
  bool isBuffer = !pc->extra->in.empty();
  if (isBuffer) {
    const Slot *in = pc->extra->in.data();
    readAccess(w, pc, pc->b, in[0], in[1], in[2], access);
  } else {
    *reinterpret_cast<Vec<U64, W> *>(access.addresses) = get<U64, W>(w, pc->b);
    access.lanes = w.mask & w.defined[pc->b];
    if (access.lanes != w.mask)
      reportUndefined(w, pc, w.mask & ~access.lanes, "an address");
  }
  // The offset moves both sides.
  for (U64 &address : access.addresses)
    address += pc->imm;
  for (U64 &offset : access.offsets)
    offset += pc->imm;
  U64 destination = pc->shortAddress ? uniform<U32>(w, pc, pc->a, "the destination of a copy")
                                     : uniform<U64>(w, pc, pc->a, "the destination of a copy");
  alignas(64) U64 to[W];
  for (unsigned i = 0; i < W; ++i)
    to[i] = destination + pc->imm + U64(i) * bytes;
  Region &shared = w.block->shared;
  U64 lanes = checkAccess<W>(w, pc, shared, to, access.lanes, bytes, true);
  if (lanes) {
    countAccess<W>(shared, to, lanes, bytes, true, lanes == allLanes<W>);
    if (shared.cells)
      checkRaceAsync(w, pc, shared, lanes, to, bytes, true);
  }
  U64 reads = isBuffer ? lanes & inRange(access, 0, bytes) : lanes;
  for (U64 m = lanes & ~reads; m; m &= m - 1) {
    unsigned i = firstLane(m);
    issueCopy(w, pc, to[i], nullptr, 0, bytes, 0);
  }
  forEachBuffer(w, pc, access.addresses, reads, bytes, false,
                [&](Region &region, U64 *offsets, U64 same) {
                  U64 good = checkAccess<W>(w, pc, region, offsets, same, bytes, false);
                  if (!good)
                    return;
                  countAccess<W>(region, offsets, good, bytes, false, false);
                  if (region.cells)
                    checkRaceAsync(w, pc, region, good, offsets, bytes, false);
                  for (U64 m = good; m; m &= m - 1) {
                    unsigned i = firstLane(m);
                    issueCopy(w, pc, to[i], &region, offsets[i], bytes, bytes);
                  }
                });
  commitCopies(w);
  if (--w.budget < 0) {
    w.pc = pc + 1;
    return;
  }
  SIM_NEXT(pc + 1);
}

void addBufferHandlers(HandlerTable &table) {
  table[static_cast<unsigned>(Op::BufferLoad)] = &BufferLoad;
  table[static_cast<unsigned>(Op::BufferStore)] = &BufferStore;
  table[static_cast<unsigned>(Op::CopyToShared)] = &CopyToShared;
}

} // namespace tegula::sim::SIM_HOST
