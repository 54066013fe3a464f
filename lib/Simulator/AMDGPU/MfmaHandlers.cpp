//===- MfmaHandlers.cpp - Products of matrices on AMD's machines ---------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With E the edge of the result, lane l holds row l % E of A (column of B) at the
// `own` neighbours k = own (l / E) + i; of the result it holds column l % E, at row
//
//   E = 32:  8 (r / 4) + 4 (l / 32) + r % 4     r < 16
//   E = 16:  4 (l / 16) + r                     r < 4
//   f64:     l / 16 + 4 r                       r < 4
//
// (CDNA 3 instruction set guide, "Matrix Arithmetic Instructions".) Sums are chains of
// fused multiply-adds in the order of k, of f32 (f64: of f64).
//
//===----------------------------------------------------------------------===//

#include "MfmaForms.h"

#include "../Core/Handlers.h"
#include "../Core/Lanes.h"

namespace tegula::sim::SIM_HOST {

constexpr int W = 64;
using U32 = uint32_t;
using U64 = uint64_t;

/// What elements are multiplied and added as.
template <MfmaElement E> struct SumOf {
  using Type = float;
};
template <> struct SumOf<MfmaElement::F64> {
  using Type = double;
};
template <MfmaElement E> using Sum = typename SumOf<E>::Type;

/// A (or B) by k: rows of `edge` elements, as they stand beside one another in a register;
/// and which rows of A (columns of B) are all defined.
template <typename T> struct Operand {
  alignas(64) T at[32][32];
  uint64_t good;
};

/// One element of each lane, widened: `half` of the word of register `s`.
template <MfmaElement E> static SIM_INLINE Vec<Sum<E>, W> widen(Warp &w, Slot s, unsigned half) {
  if constexpr (E == MfmaElement::F32 || E == MfmaElement::F64) {
    return get<Sum<E>, W>(w, s);
  } else if constexpr (E == MfmaElement::BF16) {
    Vec<U32, W> words = get<U32, W>(w, s);
    return __builtin_bit_cast(Vec<float, W>, half ? words & 0xFFFF0000u : words << 16);
  } else {
    Vec<U32, W> words = get<U32, W>(w, s);
    auto bits = __builtin_convertvector(half ? words >> 16 : words, Vec<uint16_t, W>);
    return __builtin_convertvector(__builtin_bit_cast(Vec<_Float16, W>, bits), Vec<float, W>);
  }
}

template <MfmaElement E, unsigned Edge>
static SIM_INLINE void readOperand(Warp &w, const Slot *in, const MfmaShape &shape,
                                   Operand<Sum<E>> &o) {
  constexpr unsigned perWord = E == MfmaElement::F32 || E == MfmaElement::F64 ? 1 : 2;
  U64 bad = 0;
  for (unsigned r = 0; r < shape.a; ++r) {
    for (unsigned i = 0; i < perWord; ++i) {
      alignas(64) Sum<E> values[W];
      Vec<Sum<E>, W> wide = widen<E>(w, in[r], i);
      std::memcpy(values, &wide, sizeof(values));
      for (unsigned part = 0; part < W / Edge; ++part)
        std::memcpy(o.at[shape.own * part + perWord * r + i], values + part * Edge,
                    Edge * sizeof(Sum<E>));
    }
    bad |= ~w.defined[in[r]];
  }
  // What any part of the wave holds undefined of a row spoils it.
  for (unsigned part = 1; part < W / Edge; ++part)
    bad |= bad >> (part * Edge);
  o.good = ~bad & ((U64(1) << Edge) - 1);
}

/// Row of the result that part `part` of the wave holds in register r.
template <MfmaElement E, unsigned Edge>
static SIM_INLINE unsigned resultRow(unsigned part, unsigned r) {
  if (E == MfmaElement::F64)
    return part + 4 * r;
  return Edge == 32 ? 8 * (r / 4) + 4 * part + r % 4 : 4 * part + r;
}

template <MfmaElement E, unsigned Edge>
static SIM_INLINE void multiply(Warp &w, const Inst *pc, const MfmaShape &shape) {
  using Row = Sum<E> __attribute__((ext_vector_type(Edge)));
  constexpr unsigned bytes = Edge * sizeof(Sum<E>);
  const Slot *in = pc->extra->in.data(), *out = pc->extra->out.data();
  const Slot *c = in + 2 * shape.a;
  Operand<Sum<E>> a, b;
  readOperand<E, Edge>(w, in, shape, a);
  readOperand<E, Edge>(w, in + shape.a, shape, b);
  alignas(64) Sum<E> sum[Edge][Edge];
  constexpr unsigned parts = W / Edge;
  for (unsigned r = 0; r < shape.c; ++r)
    for (unsigned part = 0; part < parts; ++part)
      std::memcpy(sum[resultRow<E, Edge>(part, r)], slot<W>(w, c[r]) + part * bytes, bytes);
  // Two rows at a time, so that their chains overlap.
  for (unsigned m = 0; m < Edge; m += 2) {
    Row s0, s1;
    std::memcpy(&s0, sum[m], sizeof(s0));
    std::memcpy(&s1, sum[m + 1], sizeof(s1));
    for (unsigned k = 0; k < shape.k; ++k) {
      Row right;
      std::memcpy(&right, b.at[k], sizeof(right));
      s0 = __builtin_elementwise_fma(Row(a.at[k][m]), right, s0);
      s1 = __builtin_elementwise_fma(Row(a.at[k][m + 1]), right, s1);
    }
    std::memcpy(sum[m], &s0, sizeof(s0));
    std::memcpy(sum[m + 1], &s1, sizeof(s1));
  }
  U64 defined[16];
  for (unsigned r = 0; r < shape.c; ++r) {
    U64 good = 0;
    for (unsigned part = 0; part < parts; ++part)
      if ((a.good >> resultRow<E, Edge>(part, r)) & 1)
        good |= b.good << (part * Edge);
    // A bad element of A spoils its row, one of B its column, one of C only itself.
    defined[r] = good & w.defined[c[r]];
  }
  for (unsigned r = 0; r < shape.c; ++r) {
    w.defined[out[r]] = defined[r];
    for (unsigned part = 0; part < parts; ++part)
      std::memcpy(slot<W>(w, out[r]) + part * bytes, sum[resultRow<E, Edge>(part, r)], bytes);
  }
}

template <MfmaElement E> static SIM_INLINE void dispatch(Warp &w, const Inst *pc) {
  const MfmaShape &shape = mfmaShapes[pc->extra->variant];
  if (shape.edge == 32)
    multiply<E, 32>(w, pc, shape);
  else
    multiply<E, 16>(w, pc, shape);
}

static void Mfma(Warp &w, const Inst *pc) {
  if (__builtin_expect(w.mask != allLanes<W>, 0))
    reportConvergence(w, pc, w.live & ~w.mask ? w.live & ~w.mask : w.mask,
                      "a matrix instruction for whole waves is executed by part of one");
  switch (mfmaShapes[pc->extra->variant].element) {
  case MfmaElement::F16:
    dispatch<MfmaElement::F16>(w, pc);
    break;
  case MfmaElement::BF16:
    dispatch<MfmaElement::BF16>(w, pc);
    break;
  case MfmaElement::F32:
    dispatch<MfmaElement::F32>(w, pc);
    break;
  case MfmaElement::F64:
    multiply<MfmaElement::F64, 16>(w, pc, mfmaShapes[pc->extra->variant]);
    break;
  }
  ++w.matrixOps[pc->extra->counter];
  SIM_NEXT(pc + 1);
}

void addMfmaHandlers(HandlerTable &table) { table[static_cast<unsigned>(Op::Mfma)] = &Mfma; }

} // namespace tegula::sim::SIM_HOST
