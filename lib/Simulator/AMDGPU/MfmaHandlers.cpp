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
//
// (CDNA 3 instruction set guide, "Matrix Arithmetic Instructions".) Sums are chains of
// fused multiply-adds of f32 in the order of k.
//
//===----------------------------------------------------------------------===//

#include "MfmaForms.h"

#include "../Core/Handlers.h"
#include "../Core/Lanes.h"

namespace tegula::sim::SIM_HOST {

constexpr int W = 64;
using U32 = uint32_t;
using U64 = uint64_t;

/// A and the transpose of B, and whether each row's elements are all defined.
struct Operand {
  alignas(64) float at[32][32];
  bool good[32];
};

template <MfmaElement E> static SIM_INLINE float element(U32 word, unsigned half) {
  if constexpr (E == MfmaElement::F32) {
    return __builtin_bit_cast(float, word);
  } else {
    uint16_t bits = static_cast<uint16_t>(word >> (16 * half));
    if constexpr (E == MfmaElement::BF16)
      return __builtin_bit_cast(float, U32(bits) << 16);
    else
      return static_cast<float>(__builtin_bit_cast(_Float16, bits));
  }
}

template <MfmaElement E>
static SIM_INLINE void readOperand(Warp &w, const Slot *in, const MfmaShape &shape, Operand &o) {
  constexpr unsigned perWord = E == MfmaElement::F32 ? 1 : 2;
  for (bool &row : o.good)
    row = true;
  for (unsigned r = 0; r < shape.a; ++r) {
    U32 words[W];
    std::memcpy(words, slot<W>(w, in[r]), sizeof(words));
    for (unsigned l = 0; l < W; ++l)
      for (unsigned i = 0; i < perWord; ++i)
        o.at[l % shape.edge][shape.own * (l / shape.edge) + perWord * r + i] =
            element<E>(words[l], i);
    for (U64 bad = ~w.defined[in[r]]; bad; bad &= bad - 1)
      o.good[firstLane(bad) % shape.edge] = false;
  }
}

static SIM_INLINE unsigned resultRow(unsigned edge, unsigned lane, unsigned r) {
  return edge == 32 ? 8 * (r / 4) + 4 * (lane / 32) + r % 4 : 4 * (lane / 16) + r;
}

template <MfmaElement E, unsigned Edge>
static SIM_INLINE void multiply(Warp &w, const Inst *pc, const MfmaShape &shape) {
  using Row = float __attribute__((ext_vector_type(Edge)));
  const Slot *in = pc->extra->in.data(), *out = pc->extra->out.data();
  const Slot *c = in + 2 * shape.a;
  Operand a, b;
  readOperand<E>(w, in, shape, a);
  readOperand<E>(w, in + shape.a, shape, b);
  alignas(64) float sum[Edge][Edge], bk[32][Edge];
  for (unsigned r = 0; r < shape.c; ++r) {
    float values[W];
    std::memcpy(values, slot<W>(w, c[r]), sizeof(values));
    for (unsigned l = 0; l < W; ++l)
      sum[resultRow(Edge, l, r)][l % Edge] = values[l];
  }
  for (unsigned k = 0; k < shape.k; ++k)
    for (unsigned n = 0; n < Edge; ++n)
      bk[k][n] = b.at[n][k];
  for (unsigned m = 0; m < Edge; ++m) {
    Row s;
    std::memcpy(&s, sum[m], sizeof(s));
    for (unsigned k = 0; k < shape.k; ++k) {
      Row right;
      std::memcpy(&right, bk[k], sizeof(right));
      s = __builtin_elementwise_fma(Row(a.at[m][k]), right, s);
    }
    std::memcpy(sum[m], &s, sizeof(s));
  }
  for (unsigned r = 0; r < shape.c; ++r) {
    float values[W];
    U64 good = 0;
    for (unsigned l = 0; l < W; ++l) {
      unsigned row = resultRow(Edge, l, r);
      values[l] = sum[row][l % Edge];
      good |= U64(a.good[row] && b.good[l % Edge]) << l;
    }
    // A bad element of A spoils its row, one of B its column, one of C only itself.
    w.defined[out[r]] = good & w.defined[c[r]];
    std::memcpy(slot<W>(w, out[r]), values, sizeof(values));
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
  }
  ++w.matrixOps[pc->extra->counter];
  SIM_NEXT(pc + 1);
}

void addMfmaHandlers(HandlerTable &table) { table[static_cast<unsigned>(Op::Mfma)] = &Mfma; }

} // namespace tegula::sim::SIM_HOST
