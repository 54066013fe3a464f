//===- Lanes.h - Vectors with an element per lane ----------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For files of handlers only. They are compiled twice, for wide hosts and for any
// supported one, each time in a namespace of its own (SIM_HOST), with every inline
// function always inlined: nothing that uses an instruction of the wide host can
// end up in the other half.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SIMULATOR_CORE_LANES_H
#define TEGULA_SIMULATOR_CORE_LANES_H

#include "Machine.h"

#include <cstring>

namespace tegula::sim {
namespace SIM_HOST {

template <typename T, int W> using Vec = T __attribute__((ext_vector_type(W)));
template <int W> using Bools = bool __attribute__((ext_vector_type(W)));

template <int W> struct MaskOf;
template <> struct MaskOf<32> {
  using Type = uint32_t;
};
template <> struct MaskOf<64> {
  using Type = uint64_t;
};
/// All lanes of a warp.
template <int W>
constexpr uint64_t allLanes = W == 64 ? ~uint64_t(0) : (uint64_t(1) << (W & 63)) - 1;

template <int W> SIM_INLINE Bools<W> toBools(uint64_t mask) {
  return __builtin_bit_cast(Bools<W>, static_cast<typename MaskOf<W>::Type>(mask));
}
template <int W, typename V> SIM_INLINE uint64_t toMask(V comparison) {
  return __builtin_bit_cast(typename MaskOf<W>::Type,
                            __builtin_convertvector(comparison, Bools<W>));
}

/// A component of the register file.
template <int W> SIM_INLINE uint8_t *slot(Warp &w, Slot s) {
  return w.registers + static_cast<size_t>(s) * (4 * W);
}
template <typename T, int W> SIM_INLINE Vec<T, W> get(Warp &w, Slot s) {
  return *reinterpret_cast<const Vec<T, W> *>(slot<W>(w, s));
}
template <typename T, int W> SIM_INLINE void put(Warp &w, Slot s, Vec<T, W> value) {
  auto *at = reinterpret_cast<Vec<T, W> *>(slot<W>(w, s));
  if (__builtin_expect(w.mask == allLanes<W>, 1))
    *at = value;
  else
    *at = toBools<W>(w.mask) ? value : *at;
}
template <int W> SIM_INLINE uint64_t getBits(Warp &w, Slot s) {
  return *reinterpret_cast<const uint64_t *>(slot<W>(w, s));
}
template <int W> SIM_INLINE void putBits(Warp &w, Slot s, uint64_t bits) {
  auto *at = reinterpret_cast<uint64_t *>(slot<W>(w, s));
  *at = (*at & ~w.mask) | (bits & w.mask);
}

/// Which lanes of a component are defined.
SIM_INLINE void setDefined(Warp &w, Slot s, uint64_t lanes) {
  w.defined[s] = (w.defined[s] & ~w.mask) | (lanes & w.mask);
}

/// The first active lane.
SIM_INLINE unsigned firstLane(uint64_t mask) { return __builtin_ctzll(mask); }

/// Goes on with another instruction.
#define SIM_NEXT(PC)                                                                               \
  do {                                                                                             \
    const Inst *next_ = (PC);                                                                      \
    [[clang::musttail]] return next_->handler(w, next_);                                           \
  } while (0)
/// Goes on with what a service says, or ends the turn.
#define SIM_CONTINUE(PC)                                                                           \
  do {                                                                                             \
    const Inst *next_ = (PC);                                                                      \
    if (!next_)                                                                                    \
      return;                                                                                      \
    [[clang::musttail]] return next_->handler(w, next_);                                           \
  } while (0)

} // namespace SIM_HOST
} // namespace tegula::sim

#endif // TEGULA_SIMULATOR_CORE_LANES_H
