//===- MatrixHandlers.cpp - Fragments and products of matrices -----------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Notation of the PTX ISA manual: lane = 4 g + t, so g is a row of a fragment's 8x8
// piece and t says which two neighbouring elements of it. A register of a 16-bit
// fragment, read as 64 halves in lane order, is such a piece row by row.
//
//===----------------------------------------------------------------------===//

#include "MmaForms.h"

#include "../Core/Handlers.h"
#include "../Exec/Access.h"

#include <type_traits>

namespace tegula::sim::SIM_HOST {

constexpr int W = 32;
using U32 = uint32_t;
using U64 = uint64_t;

//===----------------------------------------------------------------------===//
// ldmatrix, stmatrix
//===----------------------------------------------------------------------===//

/// Offsets in shared memory of the rows of `count` matrices: lane 8m + r has row r of
/// matrix m. Returns the lanes that have rows, or 0 after a report.
static SIM_INLINE U64 rowOffsets(Warp &w, const Inst *pc, unsigned count, U64 *offsets,
                                 bool store) {
  if (w.mask != allLanes<W>)
    reportConvergence(w, pc, w.live & ~w.mask ? w.live & ~w.mask : w.mask,
                      "a matrix instruction for whole warps is executed by part of one");
  auto &at = *reinterpret_cast<Vec<U64, W> *>(offsets);
  at = pc->shortAddress ? __builtin_convertvector((get<U32, W>(w, pc->a)), Vec<U64, W>)
                        : get<U64, W>(w, pc->a);
  if (pc->extra->space == Space::Generic)
    at -= U64(sharedWindow);
  U64 rows = count == 4 ? allLanes<W> : (U64(1) << (8 * count)) - 1;
  U64 undefined = rows & w.mask & ~w.defined[pc->a];
  if (__builtin_expect(undefined != 0, 0)) {
    reportUndefined(w, pc, undefined, "an address");
    return 0;
  }
  U64 active = rows & w.mask;
  U64 good = active ? checkAccess<W>(w, pc, w.block->shared, offsets, active, 16, store) : 0;
  if (good != rows)
    return 0;
  Region &shared = w.block->shared;
  countAccess<W>(shared, offsets, rows, 16, store, false);
  if (shared.cells)
    checkRace(w, pc, shared, rows, offsets, 16, store);
  return rows;
}

/// Between the rows of an 8x8 matrix of 16-bit elements and the lanes that hold them.
static SIM_INLINE void transpose(const uint16_t *from, uint16_t *to) {
  for (int r = 0; r < 8; ++r)
    for (int c = 0; c < 8; ++c)
      to[c * 8 + r] = from[r * 8 + c];
}

static void LoadMatrix(Warp &w, const Inst *pc) {
  const Slot *out = pc->extra->out.data();
  unsigned count = static_cast<unsigned>(pc->extra->out.size());
  alignas(64) U64 offsets[W];
  U64 rows = rowOffsets(w, pc, count, offsets, false);
  const Region &shared = w.block->shared;
  alignas(64) uint16_t data[4][64], shadow[4][64], turned[64];
  if (rows)
    for (unsigned i = 0; i < 8 * count; ++i) {
      std::memcpy(&data[i / 8][i % 8 * 8], shared.data + offsets[i], 16);
      std::memcpy(&shadow[i / 8][i % 8 * 8], shared.shadow + offsets[i], 16);
    }
  for (unsigned m = 0; m < count; ++m) {
    if (!rows) {
      setDefined(w, out[m], 0);
      continue;
    }
    const uint16_t *values = data[m], *defined = shadow[m];
    alignas(64) uint16_t turnedShadow[64];
    if (pc->extra->variant) {
      transpose(data[m], turned);
      transpose(shadow[m], turnedShadow);
      values = turned;
      defined = turnedShadow;
    }
    Vec<U32, W> v, s;
    std::memcpy(&v, values, 128);
    std::memcpy(&s, defined, 128);
    setDefined(w, out[m], toMask<W>(s == 0xFFFFFFFFu));
    put<U32, W>(w, out[m], v);
  }
  if (--w.budget < 0) {
    w.pc = pc + 1;
    return;
  }
  SIM_NEXT(pc + 1);
}

static void StoreMatrix(Warp &w, const Inst *pc) {
  unsigned count = static_cast<unsigned>(pc->extra->in.size());
  alignas(64) U64 offsets[W];
  U64 rows = rowOffsets(w, pc, count, offsets, true);
  Region &shared = w.block->shared;
  for (unsigned m = 0; rows && m < count; ++m) {
    Slot in = pc->extra->in[m];
    alignas(64) uint16_t values[64], shadow[64], turned[64];
    std::memcpy(values, slot<W>(w, in), 128);
    for (int lane = 0; lane < W; ++lane)
      shadow[2 * lane] = shadow[2 * lane + 1] = (w.defined[in] >> lane) & 1 ? 0xFFFF : 0;
    if (pc->extra->variant) {
      transpose(values, turned);
      std::memcpy(values, turned, 128);
      transpose(shadow, turned);
      std::memcpy(shadow, turned, 128);
    }
    for (unsigned r = 0; r < 8; ++r) {
      std::memcpy(shared.data + offsets[8 * m + r], &values[8 * r], 16);
      std::memcpy(shared.shadow + offsets[8 * m + r], &shadow[8 * r], 16);
    }
  }
  if (--w.budget < 0) {
    w.pc = pc + 1;
    return;
  }
  SIM_NEXT(pc + 1);
}

//===----------------------------------------------------------------------===//
// mma
//===----------------------------------------------------------------------===//

/// 64 halves of a register as floats.
template <MmaElement E> static SIM_INLINE void widen(const uint8_t *from, float *to) {
  Vec<uint16_t, 64> h;
  std::memcpy(&h, from, 128);
  Vec<float, 64> f;
  if constexpr (E == MmaElement::BF16)
    f = __builtin_bit_cast(Vec<float, 64>, __builtin_convertvector(h, Vec<U32, 64>) << 16);
  else
    f = __builtin_convertvector(__builtin_bit_cast(Vec<_Float16, 64>, h), Vec<float, 64>);
  std::memcpy(to, &f, 256);
}

/// An 8-bit float.
template <MmaElement E> static SIM_INLINE float fromF8(U32 bits) {
  if constexpr (E == MmaElement::E5M2) {
    // The upper byte of an f16.
    return static_cast<float>(__builtin_bit_cast(_Float16, static_cast<uint16_t>(bits << 8)));
  } else {
    U32 exponent = (bits >> 3) & 15, fraction = bits & 7;
    float magnitude;
    if (exponent == 15 && fraction == 7)
      magnitude = __builtin_nanf("");
    else if (exponent == 0)
      magnitude = static_cast<float>(fraction) * 0x1p-9f;
    else
      magnitude = __builtin_bit_cast(float, ((exponent + 120) << 23) | (fraction << 20));
    return bits & 0x80 ? -magnitude : magnitude;
  }
}

/// Operands of a product as plain matrices.
template <typename T> struct Operands {
  alignas(64) T a[16][32];
  alignas(64) T b[32][8];
  alignas(64) T c[16][8];
};

template <MmaElement E, typename T>
static SIM_INLINE void readA(Warp &w, const Slot *in, unsigned count, Operands<T> &o) {
  for (unsigned r = 0; r < count; ++r) {
    const uint8_t *reg = slot<W>(w, in[r]);
    unsigned row = 8 * (r & 1);
    if constexpr (E == MmaElement::F16 || E == MmaElement::BF16) {
      alignas(64) float piece[8][8];
      widen<E>(reg, piece[0]);
      for (unsigned g = 0; g < 8; ++g)
        std::memcpy(&o.a[row + g][8 * (r >> 1)], piece[g], 32);
    } else if constexpr (E == MmaElement::TF32) {
      U32 words[W];
      std::memcpy(words, reg, 128);
      for (unsigned l = 0; l < W; ++l)
        o.a[row + l / 4][l % 4 + 4 * (r >> 1)] = __builtin_bit_cast(float, words[l] & 0xFFFFE000u);
    } else {
      for (unsigned l = 0; l < W; ++l)
        for (unsigned i = 0; i < 4; ++i) {
          uint8_t byte = reg[4 * l + i];
          T &to = o.a[row + l / 4][16 * (r >> 1) + 4 * (l % 4) + i];
          if constexpr (E == MmaElement::S8)
            to = static_cast<int8_t>(byte);
          else if constexpr (E == MmaElement::U8)
            to = byte;
          else
            to = fromF8<E>(byte);
        }
    }
  }
}

template <MmaElement E, typename T>
static SIM_INLINE void readB(Warp &w, const Slot *in, unsigned count, Operands<T> &o) {
  for (unsigned r = 0; r < count; ++r) {
    const uint8_t *reg = slot<W>(w, in[r]);
    if constexpr (E == MmaElement::F16 || E == MmaElement::BF16) {
      alignas(64) float piece[8][8];
      widen<E>(reg, piece[0]);
      for (unsigned n = 0; n < 8; ++n)
        for (unsigned k = 0; k < 8; ++k)
          o.b[8 * r + k][n] = piece[n][k];
    } else if constexpr (E == MmaElement::TF32) {
      U32 words[W];
      std::memcpy(words, reg, 128);
      for (unsigned l = 0; l < W; ++l)
        o.b[l % 4 + 4 * r][l / 4] = __builtin_bit_cast(float, words[l] & 0xFFFFE000u);
    } else {
      for (unsigned l = 0; l < W; ++l)
        for (unsigned i = 0; i < 4; ++i) {
          uint8_t byte = reg[4 * l + i];
          T &to = o.b[16 * r + 4 * (l % 4) + i][l / 4];
          if constexpr (E == MmaElement::S8)
            to = static_cast<int8_t>(byte);
          else if constexpr (E == MmaElement::U8)
            to = byte;
          else
            to = fromF8<E>(byte);
        }
    }
  }
}

/// Which lanes of each result register are defined, given undefined operand elements: a
/// bad element of A spoils its row, one of B its column, one of C only itself.
static SIM_INLINE void definedResults(Warp &w, const Slot *in, const MmaShape &shape,
                                      U64 *defined) {
  bool rows[16], columns[8];
  for (bool &row : rows)
    row = true;
  for (bool &column : columns)
    column = true;
  for (unsigned r = 0; r < shape.a; ++r)
    for (U64 bad = ~w.defined[in[r]] & allLanes<W>; bad; bad &= bad - 1)
      rows[(firstLane(bad) / 4 + 8 * (r & 1)) % 16] = false;
  for (unsigned r = 0; r < shape.b; ++r)
    for (U64 bad = ~w.defined[in[shape.a + r]] & allLanes<W>; bad; bad &= bad - 1)
      columns[firstLane(bad) / 4] = false;
  for (unsigned i = 0; i < shape.c; ++i) {
    U64 good = 0;
    for (unsigned l = 0; l < W; ++l) {
      unsigned row = l / 4 + (shape.halfResult ? 8 * i : 8 * (i >> 1)), column = 2 * (l % 4);
      bool ok = rows[row];
      if (shape.halfResult)
        ok &= columns[column] && columns[column + 1];
      else
        ok &= columns[column + (i & 1)];
      good |= U64(ok) << l;
    }
    defined[i] = good & w.defined[in[shape.a + shape.b + i]];
  }
}

/// A product with f32 (or i32) results: a chain of fused multiply-adds in the order of k.
template <MmaElement E>
static SIM_INLINE void multiply(Warp &w, const Slot *in, const Slot *out, const MmaShape &shape) {
  constexpr bool isInteger = E == MmaElement::S8 || E == MmaElement::U8;
  using T = std::conditional_t<isInteger, int32_t, float>;
  using Row = T __attribute__((ext_vector_type(8)));
  Operands<T> o;
  readA<E>(w, in, shape.a, o);
  readB<E>(w, in + shape.a, shape.b, o);
  const Slot *c = in + shape.a + shape.b;
  for (unsigned i = 0; i < shape.c; ++i) {
    if (shape.halfResult) {
      float piece[8][8];
      widen<MmaElement::F16>(slot<W>(w, c[i]), piece[0]);
      for (unsigned g = 0; g < 8; ++g)
        for (unsigned n = 0; n < 8; ++n)
          o.c[8 * i + g][n] = static_cast<T>(piece[g][n]);
      continue;
    }
    T values[W];
    std::memcpy(values, slot<W>(w, c[i]), 128);
    for (unsigned l = 0; l < W; ++l)
      o.c[l / 4 + 8 * (i >> 1)][2 * (l % 4) + (i & 1)] = values[l];
  }
  Row sum[16], b[32];
  std::memcpy(sum, o.c, sizeof(sum));
  std::memcpy(b, o.b, sizeof(b));
  unsigned k = shape.k;
  // Four rows at a time, so that their chains overlap.
  for (unsigned m = 0; m < 16; m += 4) {
    Row s0 = sum[m], s1 = sum[m + 1], s2 = sum[m + 2], s3 = sum[m + 3];
    for (unsigned i = 0; i < k; ++i) {
      if constexpr (isInteger) {
        s0 += Row(o.a[m][i]) * b[i];
        s1 += Row(o.a[m + 1][i]) * b[i];
        s2 += Row(o.a[m + 2][i]) * b[i];
        s3 += Row(o.a[m + 3][i]) * b[i];
      } else {
        s0 = __builtin_elementwise_fma(Row(o.a[m][i]), b[i], s0);
        s1 = __builtin_elementwise_fma(Row(o.a[m + 1][i]), b[i], s1);
        s2 = __builtin_elementwise_fma(Row(o.a[m + 2][i]), b[i], s2);
        s3 = __builtin_elementwise_fma(Row(o.a[m + 3][i]), b[i], s3);
      }
    }
    sum[m] = s0;
    sum[m + 1] = s1;
    sum[m + 2] = s2;
    sum[m + 3] = s3;
  }
  std::memcpy(o.c, sum, sizeof(sum));
  for (unsigned i = 0; i < shape.c; ++i) {
    if (shape.halfResult) {
      Vec<float, 64> piece;
      std::memcpy(&piece, o.c[8 * i], 256);
      auto halves =
          __builtin_bit_cast(Vec<uint16_t, 64>, __builtin_convertvector(piece, Vec<_Float16, 64>));
      std::memcpy(slot<W>(w, out[i]), &halves, 128);
      continue;
    }
    T values[W];
    for (unsigned l = 0; l < W; ++l)
      values[l] = o.c[l / 4 + 8 * (i >> 1)][2 * (l % 4) + (i & 1)];
    std::memcpy(slot<W>(w, out[i]), values, 128);
  }
}

/// m8n8k4 in f64: A is (g, t), B is (t, g), C is (g, 2t + i).
static SIM_INLINE void multiplyF64(Warp &w, const Slot *in, const Slot *out) {
  Vec<double, W> a = get<double, W>(w, in[0]), b = get<double, W>(w, in[1]);
  Vec<double, W> c[2] = {get<double, W>(w, in[2]), get<double, W>(w, in[3])};
  for (unsigned i = 0; i < 2; ++i) {
    Vec<double, W> r;
    for (unsigned l = 0; l < W; ++l) {
      double sum = c[i][l];
      for (unsigned k = 0; k < 4; ++k)
        sum = __builtin_fma(a[l / 4 * 4 + k], b[(2 * (l % 4) + i) * 4 + k], sum);
      r[l] = sum;
    }
    std::memcpy(slot<W>(w, out[i]), &r, 256);
  }
}

static void Mma(Warp &w, const Inst *pc) {
  const Slot *in = pc->extra->in.data(), *out = pc->extra->out.data();
  const MmaShape &shape = mmaShapes[pc->extra->variant];
  if (__builtin_expect(w.mask != allLanes<W>, 0))
    reportConvergence(w, pc, w.live & ~w.mask ? w.live & ~w.mask : w.mask,
                      "a matrix instruction for whole warps is executed by part of one");
  U64 all = allLanes<W>, defined[4];
  for (unsigned i = 0; i < shape.a + shape.b + shape.c; ++i)
    all &= w.defined[in[i]];
  for (U64 &lanes : defined)
    lanes = allLanes<W>;
  if (__builtin_expect(all != allLanes<W>, 0))
    definedResults(w, in, shape, defined);
  switch (shape.element) {
  case MmaElement::BF16:
    multiply<MmaElement::BF16>(w, in, out, shape);
    break;
  case MmaElement::F16:
    multiply<MmaElement::F16>(w, in, out, shape);
    break;
  case MmaElement::TF32:
    multiply<MmaElement::TF32>(w, in, out, shape);
    break;
  case MmaElement::S8:
    multiply<MmaElement::S8>(w, in, out, shape);
    break;
  case MmaElement::U8:
    multiply<MmaElement::U8>(w, in, out, shape);
    break;
  case MmaElement::E4M3:
    multiply<MmaElement::E4M3>(w, in, out, shape);
    break;
  case MmaElement::E5M2:
    multiply<MmaElement::E5M2>(w, in, out, shape);
    break;
  case MmaElement::F64:
    multiplyF64(w, in, out);
    break;
  }
  for (unsigned i = 0; i < shape.c; ++i)
    w.defined[out[i]] = defined[i];
  ++w.matrixOps[pc->extra->counter];
  SIM_NEXT(pc + 1);
}

void addNVVMMatrixHandlers(HandlerTable &table) {
  table[static_cast<unsigned>(Op::LoadMatrix)] = &LoadMatrix;
  table[static_cast<unsigned>(Op::StoreMatrix)] = &StoreMatrix;
  table[static_cast<unsigned>(Op::Mma)] = &Mma;
}

} // namespace tegula::sim::SIM_HOST
