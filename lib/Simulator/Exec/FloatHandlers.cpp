//===- FloatHandlers.cpp - Floats ----------------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// f64 and f32 lanes are computed as IEEE says, rounded to nearest even. 16-bit floats
// are the 16 bits of a word; the decoder converts them to f32 and back around an
// operation, which rounds correctly (24 >= 2 * 11 + 2). The exception is the fused
// multiply-add, which has handlers of its own.
//
// What the hardware approximates is computed in f64 and rounded once.
//
//===----------------------------------------------------------------------===//

#include "../Core/Handlers.h"
#include "../Core/Lanes.h"

#include <cmath>

namespace tegula::sim::SIM_HOST {

using U32 = uint32_t;
using U64 = uint64_t;
using S32 = int32_t;
using S64 = int64_t;

#define HANDLER(Name) template <int W> static void Name(Warp &w, const Inst *pc)
#define BINARY(Name, T, Expr)                                                                      \
  HANDLER(Name) {                                                                                  \
    Vec<T, W> a = get<T, W>(w, pc->a), b = get<T, W>(w, pc->b);                                    \
    setDefined(w, pc->d, w.defined[pc->a] & w.defined[pc->b]);                                     \
    put<T, W>(w, pc->d, Expr);                                                                     \
    SIM_NEXT(pc + 1);                                                                              \
  }
#define CONVERT(Name, From, To, Expr)                                                              \
  HANDLER(Name) {                                                                                  \
    Vec<From, W> a = get<From, W>(w, pc->a);                                                       \
    setDefined(w, pc->d, w.defined[pc->a]);                                                        \
    put<To, W>(w, pc->d, Expr);                                                                    \
    SIM_NEXT(pc + 1);                                                                              \
  }
/// d of type To = Expr of a lane's scalar a of From.
#define CONVERT_LANES(Name, From, To, Expr)                                                        \
  HANDLER(Name) {                                                                                  \
    Vec<From, W> av = get<From, W>(w, pc->a);                                                      \
    Vec<To, W> r;                                                                                  \
    for (int i = 0; i < W; ++i) {                                                                  \
      From a = av[i];                                                                              \
      r[i] = Expr;                                                                                 \
    }                                                                                              \
    setDefined(w, pc->d, w.defined[pc->a]);                                                        \
    put<To, W>(w, pc->d, r);                                                                       \
    SIM_NEXT(pc + 1);                                                                              \
  }
#define BINARY2(Name, Expr32, Expr64)                                                              \
  BINARY(Name##32, float, Expr32)                                                                  \
  BINARY(Name##64, double, Expr64)
#define BINARY_SAME2(Name, Expr) BINARY2(Name, Expr, Expr)
#define UNARY_SAME2(Name, Expr)                                                                    \
  CONVERT(Name##32, float, float, Expr)                                                            \
  CONVERT(Name##64, double, double, Expr)

template <typename T> struct BitsOf;
template <> struct BitsOf<float> {
  using Type = uint32_t;
  static constexpr uint32_t sign = 0x80000000u, nan = 0x7FFFFFFFu;
};
template <> struct BitsOf<double> {
  using Type = uint64_t;
  static constexpr uint64_t sign = uint64_t(1) << 63, nan = ~uint64_t(0) >> 1;
};
template <typename T, int W> using VecBits = Vec<typename BitsOf<T>::Type, W>;

/// The smaller (sign bits or-ed for equal values: -0 is below +0) or the larger number;
/// a NaN loses.
template <typename T, int W, bool Max> static SIM_INLINE Vec<T, W> pick(Vec<T, W> a, Vec<T, W> b) {
  auto bitsA = __builtin_bit_cast(VecBits<T, W>, a), bitsB = __builtin_bit_cast(VecBits<T, W>, b);
  Vec<T, W> equal = __builtin_bit_cast(Vec<T, W>, Max ? (bitsA & bitsB) : (bitsA | bitsB));
  Vec<T, W> r = (Max ? a > b : a < b) ? a : b;
  r = (a == b) ? equal : r;
  return (b != b) ? a : r;
}
/// As pick, and a NaN wins.
template <typename T, int W, bool Max>
static SIM_INLINE Vec<T, W> pickNaN(Vec<T, W> a, Vec<T, W> b) {
  T nan = __builtin_bit_cast(T, BitsOf<T>::nan);
  Vec<T, W> r = pick<T, W, Max>(a, b);
  r = (a != a) ? Vec<T, W>(nan) : r;
  return (b != b) ? Vec<T, W>(nan) : r;
}
template <typename T, int W> static SIM_INLINE Vec<T, W> copySign(Vec<T, W> a, Vec<T, W> b) {
  auto bitsA = __builtin_bit_cast(VecBits<T, W>, a), bitsB = __builtin_bit_cast(VecBits<T, W>, b);
  constexpr auto sign = BitsOf<T>::sign;
  return __builtin_bit_cast(Vec<T, W>, (bitsA & ~sign) | (bitsB & sign));
}

BINARY_SAME2(FAdd, a + b)
BINARY_SAME2(FSub, a - b)
BINARY_SAME2(FMul, a *b)
BINARY_SAME2(FDiv, a / b)
BINARY2(FMinNum, (pick<float, W, false>(a, b)), (pick<double, W, false>(a, b)))
BINARY2(FMaxNum, (pick<float, W, true>(a, b)), (pick<double, W, true>(a, b)))
BINARY2(FMinimum, (pickNaN<float, W, false>(a, b)), (pickNaN<double, W, false>(a, b)))
BINARY2(FMaximum, (pickNaN<float, W, true>(a, b)), (pickNaN<double, W, true>(a, b)))
BINARY2(FCopySign, (copySign<float, W>(a, b)), (copySign<double, W>(a, b)))

#define REMAINDER(Name, T)                                                                         \
  HANDLER(Name) {                                                                                  \
    Vec<T, W> a = get<T, W>(w, pc->a), b = get<T, W>(w, pc->b), r;                                 \
    for (int i = 0; i < W; ++i)                                                                    \
      r[i] = std::fmod(T(a[i]), T(b[i]));                                                          \
    setDefined(w, pc->d, w.defined[pc->a] & w.defined[pc->b]);                                     \
    put<T, W>(w, pc->d, r);                                                                        \
    SIM_NEXT(pc + 1);                                                                              \
  }
REMAINDER(FRem32, float)
REMAINDER(FRem64, double)

#define FMA(Name, T)                                                                               \
  HANDLER(Name) {                                                                                  \
    Vec<T, W> a = get<T, W>(w, pc->a), b = get<T, W>(w, pc->b), c = get<T, W>(w, pc->c);           \
    setDefined(w, pc->d, w.defined[pc->a] & w.defined[pc->b] & w.defined[pc->c]);                  \
    put<T, W>(w, pc->d, __builtin_elementwise_fma(a, b, c));                                       \
    SIM_NEXT(pc + 1);                                                                              \
  }
FMA(Fma32, float)
FMA(Fma64, double)

UNARY_SAME2(FNeg, -a)
UNARY_SAME2(FAbs, __builtin_elementwise_abs(a))
UNARY_SAME2(FSqrt, __builtin_elementwise_sqrt(a))
UNARY_SAME2(FFloor, __builtin_elementwise_floor(a))
UNARY_SAME2(FCeil, __builtin_elementwise_ceil(a))
UNARY_SAME2(FTrunc, __builtin_elementwise_trunc(a))
UNARY_SAME2(FRoundEven, __builtin_elementwise_roundeven(a))
CONVERT_LANES(FRound32, float, float, std::round(a))
CONVERT_LANES(FRound64, double, double, std::round(a))

//===----------------------------------------------------------------------===//
// Approximations
//===----------------------------------------------------------------------===//

template <int W> static SIM_INLINE Vec<float, W> exp2Lanes(Vec<float, W> x) {
  using D = Vec<double, W>;
  // Beyond these the result is 0 or infinity in f32; NaN stays.
  Vec<float, W> clamped = (x > 200.0f) ? Vec<float, W>(200.0f) : x;
  clamped = (clamped < -200.0f) ? Vec<float, W>(-200.0f) : clamped;
  D v = __builtin_convertvector(clamped, D);
  D whole = __builtin_elementwise_roundeven(v);
  D t = (v - whole) * 0.69314718055994530942;
  D p = D(1.0 / 39916800);
  p = __builtin_elementwise_fma(p, t, D(1.0 / 3628800));
  p = __builtin_elementwise_fma(p, t, D(1.0 / 362880));
  p = __builtin_elementwise_fma(p, t, D(1.0 / 40320));
  p = __builtin_elementwise_fma(p, t, D(1.0 / 5040));
  p = __builtin_elementwise_fma(p, t, D(1.0 / 720));
  p = __builtin_elementwise_fma(p, t, D(1.0 / 120));
  p = __builtin_elementwise_fma(p, t, D(1.0 / 24));
  p = __builtin_elementwise_fma(p, t, D(1.0 / 6));
  p = __builtin_elementwise_fma(p, t, D(0.5));
  p = __builtin_elementwise_fma(p, t, D(1.0));
  p = __builtin_elementwise_fma(p, t, D(1.0));
  // 2^whole, from its bits; a NaN becomes some number here and is put back below.
  D safe = (whole == whole) ? whole : D(0.0);
  auto exponent = __builtin_convertvector(safe, Vec<S64, W>) + 1023;
  D scale = __builtin_bit_cast(D, exponent << 52);
  Vec<float, W> r = __builtin_convertvector(p * scale, Vec<float, W>);
  return (x != x) ? x : r;
}
CONVERT(FExp2, float, float, exp2Lanes<W>(a))
CONVERT(FRcp, float, float, 1.0f / a)
CONVERT_LANES(FLog2, float, float, static_cast<float>(std::log2(static_cast<double>(a))))
CONVERT_LANES(FRsqrt, float, float, static_cast<float>(1.0 / std::sqrt(static_cast<double>(a))))
CONVERT_LANES(FSin, float, float, static_cast<float>(std::sin(static_cast<double>(a))))
CONVERT_LANES(FCos, float, float, static_cast<float>(std::cos(static_cast<double>(a))))
CONVERT_LANES(FTanh, float, float, static_cast<float>(std::tanh(static_cast<double>(a))))
CONVERT(FRcp64, double, double, 1.0 / a)
CONVERT(FRsqrt64, double, double, 1.0 / __builtin_elementwise_sqrt(a))

template <int W> static SIM_INLINE Vec<U32, W> flush(Vec<U32, W> bits) {
  return ((bits & 0x7F800000u) == 0u) ? (bits & 0x80000000u) : bits;
}
CONVERT(FFlush, U32, U32, flush<W>(a))
CONVERT(FSaturate, float, float,
        (pick<float, W, false>(pick<float, W, true>(a, Vec<float, W>(0.0f)), Vec<float, W>(1.0f))))

//===----------------------------------------------------------------------===//
// Comparisons
//===----------------------------------------------------------------------===//

#define COMPARE(Name, T, Expr)                                                                     \
  HANDLER(Name) {                                                                                  \
    Vec<T, W> a = get<T, W>(w, pc->a), b = get<T, W>(w, pc->b);                                    \
    setDefined(w, pc->d, w.defined[pc->a] & w.defined[pc->b]);                                     \
    U64 ordered = toMask<W>(a == a) & toMask<W>(b == b);                                           \
    (void)ordered;                                                                                 \
    putBits<W>(w, pc->d, Expr);                                                                    \
    SIM_NEXT(pc + 1);                                                                              \
  }
#define COMPARE2(Name, Expr)                                                                       \
  COMPARE(Name##32, float, Expr)                                                                   \
  COMPARE(Name##64, double, Expr)
COMPARE2(FCmpOeq, toMask<W>(a == b))
COMPARE2(FCmpOlt, toMask<W>(a < b))
COMPARE2(FCmpOle, toMask<W>(a <= b))
COMPARE2(FCmpOne, toMask<W>(a != b) & ordered)
COMPARE2(FCmpOrd, ordered)
COMPARE2(FCmpUeq, toMask<W>(a == b) | ~ordered)
COMPARE2(FCmpUlt, toMask<W>(a < b) | ~ordered)
COMPARE2(FCmpUle, toMask<W>(a <= b) | ~ordered)
COMPARE2(FCmpUne, toMask<W>(a != b))
COMPARE2(FCmpUno, ~ordered)

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

template <int W> static SIM_INLINE Vec<float, W> fromF16(Vec<U32, W> a) {
  auto half = __builtin_bit_cast(Vec<_Float16, W>, __builtin_convertvector(a, Vec<uint16_t, W>));
  return __builtin_convertvector(half, Vec<float, W>);
}
template <int W> static SIM_INLINE Vec<float, W> fromBF16(Vec<U32, W> a) {
  return __builtin_bit_cast(Vec<float, W>, a << 16);
}
/// A NaN becomes the machine's one NaN, 0x7FFF.
template <int W> static SIM_INLINE Vec<U32, W> toF16(Vec<float, W> a) {
  auto half = __builtin_convertvector(a, Vec<_Float16, W>);
  auto bits = __builtin_convertvector(__builtin_bit_cast(Vec<uint16_t, W>, half), Vec<U32, W>);
  return (a != a) ? Vec<U32, W>(0x7FFFu) : bits;
}
template <int W> static SIM_INLINE Vec<U32, W> toBF16(Vec<float, W> a) {
  auto bits = __builtin_bit_cast(Vec<U32, W>, a);
  bits = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  return (a != a) ? Vec<U32, W>(0x7FFFu) : bits;
}
/// f64 to f32 by truncation with the last bit set if anything was lost ("round to odd"):
/// rounding that to a narrower format gives what rounding the f64 would have given.
template <int W> static SIM_INLINE Vec<float, W> toOdd(Vec<double, W> a) {
  auto near = __builtin_convertvector(a, Vec<float, W>);
  auto back = __builtin_convertvector(near, Vec<double, W>);
  auto bits = __builtin_bit_cast(Vec<U32, W>, near);
  auto far = __builtin_convertvector(__builtin_elementwise_abs(back) > __builtin_elementwise_abs(a),
                                     Bools<W>);
  auto lost = __builtin_convertvector(back != a, Bools<W>);
  auto finite = __builtin_convertvector(a == a, Bools<W>);
  bits = far ? bits - 1u : bits;
  bits = (lost & finite) ? (bits | 1u) : bits;
  return __builtin_bit_cast(Vec<float, W>, bits);
}
/// a * b + c for values of at most 16 bits: the product is exact in f64, and the sum is
/// rounded to odd with the help of its exact error.
template <int W>
static SIM_INLINE Vec<double, W> fmaOdd(Vec<float, W> a, Vec<float, W> b, Vec<float, W> c) {
  using D = Vec<double, W>;
  D p = __builtin_convertvector(a, D) * __builtin_convertvector(b, D);
  D q = __builtin_convertvector(c, D);
  D s = p + q;
  D r = s - p;
  D error = (p - (s - r)) + (q - r);
  auto bits = __builtin_bit_cast(Vec<U64, W>, s);
  auto inexact = __builtin_convertvector((error != 0.0) & (error == error), Bools<W>);
  auto even = __builtin_convertvector((bits & U64(1)) == U64(0), Bools<W>);
  auto outward = __builtin_convertvector((error > 0.0) == (s > 0.0), Bools<W>);
  auto moved = outward ? bits + U64(1) : bits - U64(1);
  return __builtin_bit_cast(D, (inexact & even) ? moved : bits);
}
#define FMA16(Name, From, To)                                                                      \
  HANDLER(Name) {                                                                                  \
    auto a = From<W>(get<U32, W>(w, pc->a)), b = From<W>(get<U32, W>(w, pc->b)),                   \
         c = From<W>(get<U32, W>(w, pc->c));                                                       \
    setDefined(w, pc->d, w.defined[pc->a] & w.defined[pc->b] & w.defined[pc->c]);                  \
    put<U32, W>(w, pc->d, To<W>(toOdd<W>(fmaOdd<W>(a, b, c))));                                    \
    SIM_NEXT(pc + 1);                                                                              \
  }
FMA16(FmaF16, fromF16, toF16)
FMA16(FmaBF16, fromBF16, toBF16)

CONVERT(F32ToF64, float, double, (__builtin_convertvector(a, Vec<double, W>)))
CONVERT(F64ToF32, double, float, (__builtin_convertvector(a, Vec<float, W>)))
CONVERT(F16ToF32, U32, float, fromF16<W>(a))
CONVERT(BF16ToF32, U32, float, fromBF16<W>(a))
CONVERT(F32ToF16, float, U32, toF16<W>(a))
CONVERT(F32ToBF16, float, U32, toBF16<W>(a))
CONVERT(F64ToF16, double, U32, toF16<W>(toOdd<W>(a)))
CONVERT(F64ToBF16, double, U32, toBF16<W>(toOdd<W>(a)))

/// Nearest value with 10 bits of fraction, ties away from zero.
template <int W> static SIM_INLINE Vec<U32, W> toTF32(Vec<U32, W> bits) {
  auto rounded = (bits + 0x1000u) & 0xFFFFE000u;
  return ((bits & 0x7F800000u) == 0x7F800000u) ? bits : rounded;
}
CONVERT(F32ToTF32, U32, U32, toTF32<W>(a))

/// Toward zero: a rounded value that has grown is one step too far.
template <int W> static SIM_INLINE Vec<U32, W> toF16Z(Vec<float, W> a) {
  Vec<U32, W> near = toF16<W>(a);
  Vec<float, W> back = fromF16<W>(near);
  auto far = __builtin_convertvector(__builtin_elementwise_abs(back) > __builtin_elementwise_abs(a),
                                     Bools<W>);
  return far ? near - 1u : near;
}
template <int W> static SIM_INLINE Vec<U32, W> toBF16Z(Vec<float, W> a) {
  auto bits = __builtin_bit_cast(Vec<U32, W>, a) >> 16;
  return (a != a) ? Vec<U32, W>(0x7FFFu) : bits;
}
CONVERT(F32ToF16Z, float, U32, toF16Z<W>(a))
CONVERT(F32ToBF16Z, float, U32, toBF16Z<W>(a))

CONVERT(S32ToF32, S32, float, (__builtin_convertvector(a, Vec<float, W>)))
CONVERT(U32ToF32, U32, float, (__builtin_convertvector(a, Vec<float, W>)))
CONVERT_LANES(S64ToF32, S64, float, static_cast<float>(a))
CONVERT_LANES(U64ToF32, U64, float, static_cast<float>(a))
CONVERT(S32ToF64, S32, double, (__builtin_convertvector(a, Vec<double, W>)))
CONVERT(U32ToF64, U32, double, (__builtin_convertvector(a, Vec<double, W>)))
CONVERT_LANES(S64ToF64, S64, double, static_cast<double>(a))
CONVERT_LANES(U64ToF64, U64, double, static_cast<double>(a))

/// Toward zero; out of range gives the nearest end, NaN gives 0.
template <typename To, typename From>
static SIM_INLINE To saturate(From a, From low, From beyond, To least, To most) {
  if (!(a == a))
    return 0;
  if (a < low)
    return least;
  if (a >= beyond)
    return most;
  return static_cast<To>(a);
}
#define TO_INTEGER(Name, From, To, Low, Beyond, Least, Most)                                       \
  CONVERT_LANES(Name, From, To, (saturate<To, From>(a, Low, Beyond, Least, Most)))
TO_INTEGER(F32ToS32, float, S32, -0x1p31f, 0x1p31f, INT32_MIN, INT32_MAX)
TO_INTEGER(F32ToU32, float, U32, 0.0f, 0x1p32f, 0u, ~0u)
TO_INTEGER(F32ToS64, float, S64, -0x1p63f, 0x1p63f, INT64_MIN, INT64_MAX)
TO_INTEGER(F32ToU64, float, U64, 0.0f, 0x1p64f, U64(0), ~U64(0))
TO_INTEGER(F64ToS32, double, S32, -0x1p31, 0x1p31, INT32_MIN, INT32_MAX)
TO_INTEGER(F64ToU32, double, U32, 0.0, 0x1p32, 0u, ~0u)
TO_INTEGER(F64ToS64, double, S64, -0x1p63, 0x1p63, INT64_MIN, INT64_MAX)
TO_INTEGER(F64ToU64, double, U64, 0.0, 0x1p64, U64(0), ~U64(0))

template <int W> void addFloatHandlers(HandlerTable &table) {
#define FLOAT_OP(Name) table[static_cast<unsigned>(Op::Name)] = &Name<W>;
#define SIM_OP(Name)
#include "../Core/Ops.def"
}
template void addFloatHandlers<32>(HandlerTable &);
template void addFloatHandlers<64>(HandlerTable &);

} // namespace tegula::sim::SIM_HOST
