//===- Access.h - One access of all lanes to one region ---------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For files of handlers only, like Lanes.h. Checks the offsets of all lanes at once,
// moves the data by the cheapest way that fits, keeps the shadow and the counters.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SIMULATOR_EXEC_ACCESS_H
#define TEGULA_SIMULATOR_EXEC_ACCESS_H

#include "../Core/Lanes.h"

namespace tegula::sim::SIM_HOST {

/// The type that holds `Bytes` bytes in memory, and the one of a slot's lane.
template <int Bytes> struct Cell;
template <> struct Cell<1> {
  using Memory = uint8_t;
  using Lane = uint32_t;
};
template <> struct Cell<2> {
  using Memory = uint16_t;
  using Lane = uint32_t;
};
template <> struct Cell<4> {
  using Memory = uint32_t;
  using Lane = uint32_t;
};
template <> struct Cell<8> {
  using Memory = uint64_t;
  using Lane = uint64_t;
};

/// Distinct sectors of 32 bytes that the lanes touch.
template <int W>
static SIM_INLINE unsigned countSectors(const uint64_t *offsets, uint64_t lanes, unsigned bytes) {
  // An open hash set; at most two sectors per lane for accesses of up to 32 bytes.
  constexpr unsigned size = 4 * W;
  uint64_t seen[size] = {};
  unsigned count = 0;
  uint64_t last = ~uint64_t(0);
  for (uint64_t m = lanes; m; m &= m - 1) {
    unsigned lane = firstLane(m);
    uint64_t first = offsets[lane] >> 5, end = (offsets[lane] + bytes - 1) >> 5;
    for (uint64_t sector = first; sector <= end; ++sector) {
      if (sector == last)
        continue;
      last = sector;
      unsigned at = static_cast<unsigned>(sector * 0x9E3779B1u) % size;
      while (seen[at] && seen[at] != sector + 1)
        at = (at + 1) % size;
      count += seen[at] == 0;
      seen[at] = sector + 1;
    }
  }
  return count;
}

/// Turns that the 32 banks of 4 bytes take. Lanes are served in groups that ask for 128
/// bytes; in a group each bank serves one row per turn, to any number of lanes. Groups are
/// of consecutive lanes, but for AMD's loads of 16 bytes: lanes 0 to 3 go with 20 to 23
/// (the table of targets: bits 0, 1 and 2 ^ 4).
template <int W>
static SIM_INLINE unsigned countPhases(const uint64_t *offsets, uint64_t lanes, unsigned bytes,
                                       bool store, unsigned &minimum) {
  unsigned unit = bytes < 4 ? 4 : bytes;
  unsigned group = 128 / unit, shift = __builtin_ctz(unit);
  unsigned total = 0;
  minimum = 0;
  for (unsigned first = 0; first < W; first += group) {
    uint64_t in = group >= 64 ? lanes : (lanes >> first) & ((uint64_t(1) << group) - 1);
    unsigned base = first;
    if (W == 64 && bytes == 16 && !store) {
      unsigned low = first / 2 % 16 + first / 32 * 32, high = low ^ 20;
      in = lanes & (uint64_t(15) << low | uint64_t(15) << high);
      base = 0;
    }
    if (!in)
      continue;
    ++minimum;
    uint32_t rows[32][32];
    uint8_t used[32] = {};
    unsigned most = 1;
    for (; in; in &= in - 1) {
      uint32_t place = static_cast<uint32_t>(offsets[base + firstLane(in)] >> shift);
      unsigned bank = place & (group - 1);
      unsigned k = 0;
      while (k < used[bank] && rows[bank][k] != place)
        ++k;
      if (k == used[bank]) {
        rows[bank][used[bank]++] = place;
        most = used[bank] > most ? used[bank] : most;
      }
    }
    total += most;
  }
  return total;
}

/// Whether lane i accesses `bytes` bytes at `offsets[0] + i * bytes`, for every lane.
template <int W>
static SIM_INLINE bool isContiguous(const uint64_t *offsets, uint64_t lanes, unsigned bytes) {
  if (lanes != allLanes<W>)
    return false;
  uint64_t differs = 0;
  for (int i = 0; i < W; ++i)
    differs |= (offsets[i] - offsets[0]) ^ (static_cast<uint64_t>(i) * bytes);
  return differs == 0;
}

/// Counts one instruction on a region.
template <int W>
static SIM_INLINE void countAccess(Region &region, const uint64_t *offsets, uint64_t lanes,
                                   unsigned bytes, bool store, bool contiguous) {
  uint64_t asked = static_cast<uint64_t>(__builtin_popcountll(lanes)) * bytes;
  (store ? region.bytesStored : region.bytesLoaded) += asked;
  if (region.space == Space::Shared) {
    unsigned minimum = 0, phases;
    if (contiguous)
      phases = minimum = W * (bytes < 4 ? 4 : bytes) / 128;
    else
      phases = countPhases<W>(offsets, lanes, bytes, store, minimum);
    ++region.accesses;
    region.phases += phases;
    region.phasesMin += minimum;
  } else if (region.space == Space::Global) {
    unsigned sectors =
        contiguous
            ? static_cast<unsigned>(((offsets[0] + W * bytes - 1) >> 5) - (offsets[0] >> 5) + 1)
            : countSectors<W>(offsets, lanes, bytes);
    (store ? region.sectorsStored : region.sectorsLoaded) += sectors;
  }
}

/// Lanes of `lanes` whose access of `bytes` bytes is good; the others are reported.
/// Their offsets are replaced by that of a good lane, so that loops need no mask.
template <int W>
static SIM_INLINE uint64_t checkAccess(Warp &w, const Inst *pc, Region &region, uint64_t *offsets,
                                       uint64_t lanes, unsigned bytes, bool store) {
  Vec<uint64_t, W> off = *reinterpret_cast<Vec<uint64_t, W> *>(offsets);
  uint64_t outside =
      region.size < bytes ? ~uint64_t(0) : toMask<W>(off > Vec<uint64_t, W>(region.size - bytes));
  uint64_t crooked = toMask<W>((off & uint64_t(pc->align - 1)) != uint64_t(0));
  if (__builtin_expect((outside | crooked) & lanes, 0)) {
    if (outside & lanes)
      reportOutOfBounds(w, pc, &region, outside & lanes, offsets, bytes, store);
    lanes &= ~outside;
    if (crooked & lanes)
      reportMisaligned(w, pc, &region, crooked & lanes, offsets, pc->align, store);
    lanes &= ~crooked;
  }
  if (store && __builtin_expect(region.readOnly, 0)) {
    reportReadOnly(w, pc, &region, lanes);
    lanes = 0;
  }
  if (lanes && lanes != allLanes<W>) {
    off = toBools<W>(lanes) ? off : Vec<uint64_t, W>(offsets[firstLane(lanes)]);
    *reinterpret_cast<Vec<uint64_t, W> *>(offsets) = off;
  }
  return lanes;
}

/// Gathers component `c` of `count` from rows of bytes.
template <int W, int Bytes>
static SIM_INLINE Vec<typename Cell<Bytes>::Lane, W> gather(const uint8_t *data,
                                                            const uint64_t *offsets, unsigned c) {
  using Memory = typename Cell<Bytes>::Memory;
  Vec<Memory, W> r;
  for (int i = 0; i < W; ++i) {
    Memory m;
    std::memcpy(&m, data + offsets[i] + c * Bytes, Bytes);
    r[i] = m;
  }
  return __builtin_convertvector(r, Vec<typename Cell<Bytes>::Lane, W>);
}
template <int W, int Bytes>
static SIM_INLINE Vec<typename Cell<Bytes>::Lane, W> loadRow(const uint8_t *at) {
  Vec<typename Cell<Bytes>::Memory, W> r;
  std::memcpy(&r, at, W * Bytes);
  return __builtin_convertvector(r, Vec<typename Cell<Bytes>::Lane, W>);
}

/// Loads `count` components into `to`; undefined where an access was bad.
template <int W, int Bytes>
static SIM_INLINE void loadRegion(Warp &w, const Inst *pc, Region &region, uint64_t *offsets,
                                  uint64_t lanes, unsigned count, const Slot *to) {
  using Lane = typename Cell<Bytes>::Lane;
  unsigned bytes = Bytes * count;
  uint64_t mask = w.mask;
  w.mask = lanes;
  uint64_t good = checkAccess<W>(w, pc, region, offsets, lanes, bytes, false);
  if (good != lanes)
    for (unsigned c = 0; c < count; ++c)
      setDefined(w, to[c], 0);
  w.mask = good;
  if (good) {
    bool contiguous = isContiguous<W>(offsets, good, bytes);
    countAccess<W>(region, offsets, good, bytes, false, contiguous);
    if (region.cells)
      checkRace(w, pc, region, good, offsets, bytes, false);
    for (unsigned c = 0; c < count; ++c) {
      Vec<Lane, W> v = contiguous && count == 1 ? loadRow<W, Bytes>(region.data + offsets[0])
                                                : gather<W, Bytes>(region.data, offsets, c);
      uint64_t defined = ~uint64_t(0);
      if (region.shadow) {
        Vec<Lane, W> s = contiguous && count == 1 ? loadRow<W, Bytes>(region.shadow + offsets[0])
                                                  : gather<W, Bytes>(region.shadow, offsets, c);
        constexpr Lane ones = ~Lane(0) >> (8 * (sizeof(Lane) - Bytes));
        defined = toMask<W>(s == ones);
      }
      setDefined(w, to[c], defined);
      put<Lane, W>(w, to[c], v);
    }
  }
  w.mask = mask;
}

/// Stores `count` components.
template <int W, int Bytes>
static SIM_INLINE void storeRegion(Warp &w, const Inst *pc, Region &region, uint64_t *offsets,
                                   uint64_t lanes, unsigned count, const Slot *from) {
  using Lane = typename Cell<Bytes>::Lane;
  using Memory = typename Cell<Bytes>::Memory;
  unsigned bytes = Bytes * count;
  uint64_t good = checkAccess<W>(w, pc, region, offsets, lanes, bytes, true);
  if (!good)
    return;
  bool contiguous = isContiguous<W>(offsets, good, bytes);
  countAccess<W>(region, offsets, good, bytes, true, contiguous);
  if (region.cells)
    checkRace(w, pc, region, good, offsets, bytes, true);
  for (unsigned c = 0; c < count; ++c) {
    uint64_t undefined = good & ~w.defined[from[c]];
    if (__builtin_expect(undefined != 0, 0) && region.space == Space::Global)
      reportUndefinedStore(w, pc, &region, undefined, offsets);
    auto v = __builtin_convertvector((get<Lane, W>(w, from[c])), Vec<Memory, W>);
    if (contiguous && count == 1) {
      std::memcpy(region.data + offsets[0], &v, W * Bytes);
      if (region.shadow && !undefined) {
        std::memset(region.shadow + offsets[0], 0xFF, W * Bytes);
        continue;
      }
    } else {
      for (uint64_t m = good; m; m &= m - 1) {
        unsigned i = firstLane(m);
        Memory value = v[i];
        std::memcpy(region.data + offsets[i] + c * Bytes, &value, Bytes);
      }
    }
    if (region.shadow)
      for (uint64_t m = good; m; m &= m - 1) {
        unsigned i = firstLane(m);
        // What was reported once is not reported again by whoever reads it.
        bool bad = ((undefined >> i) & 1) && region.space != Space::Global;
        std::memset(region.shadow + offsets[i] + c * Bytes, bad ? 0 : 0xFF, Bytes);
      }
  }
}

} // namespace tegula::sim::SIM_HOST

#endif // TEGULA_SIMULATOR_EXEC_ACCESS_H
