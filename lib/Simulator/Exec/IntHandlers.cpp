//===- IntHandlers.cpp - Integers, bits and selections -------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Core/Handlers.h"
#include "../Core/Lanes.h"

namespace tegula::sim::SIM_HOST {

using U32 = uint32_t;
using U64 = uint64_t;
using S32 = int32_t;
using S64 = int64_t;

#define HANDLER(Name) template <int W> static void Name(Warp &w, const Inst *pc)

/// d = Expr of vectors a, b of T.
#define BINARY(Name, T, Expr)                                                                      \
  HANDLER(Name) {                                                                                  \
    Vec<T, W> a = get<T, W>(w, pc->a), b = get<T, W>(w, pc->b);                                    \
    setDefined(w, pc->d, w.defined[pc->a] & w.defined[pc->b]);                                     \
    put<T, W>(w, pc->d, Expr);                                                                     \
    SIM_NEXT(pc + 1);                                                                              \
  }
#define BINARY2(Name, Expr)                                                                        \
  BINARY(Name##32, U32, Expr)                                                                      \
  BINARY(Name##64, U64, Expr)
#define SIGNED2(Name, Expr)                                                                        \
  BINARY(Name##32, S32, Expr)                                                                      \
  BINARY(Name##64, S64, Expr)
/// d = Expr of a lane's scalars a, b of T.
#define BINARY_LANES(Name, T, Expr)                                                                \
  HANDLER(Name) {                                                                                  \
    Vec<T, W> av = get<T, W>(w, pc->a), bv = get<T, W>(w, pc->b), r;                               \
    for (int i = 0; i < W; ++i) {                                                                  \
      T a = av[i], b = bv[i];                                                                      \
      r[i] = static_cast<T>(Expr);                                                                 \
    }                                                                                              \
    setDefined(w, pc->d, w.defined[pc->a] & w.defined[pc->b]);                                     \
    put<T, W>(w, pc->d, r);                                                                        \
    SIM_NEXT(pc + 1);                                                                              \
  }
#define UNARY_LANES(Name, T, Expr)                                                                 \
  HANDLER(Name) {                                                                                  \
    Vec<T, W> av = get<T, W>(w, pc->a), r;                                                         \
    for (int i = 0; i < W; ++i) {                                                                  \
      T a = av[i];                                                                                 \
      r[i] = static_cast<T>(Expr);                                                                 \
    }                                                                                              \
    setDefined(w, pc->d, w.defined[pc->a]);                                                        \
    put<T, W>(w, pc->d, r);                                                                        \
    SIM_NEXT(pc + 1);                                                                              \
  }
/// d of type To = Expr of the vector a of From.
#define CONVERT(Name, From, To, Expr)                                                              \
  HANDLER(Name) {                                                                                  \
    Vec<From, W> a = get<From, W>(w, pc->a);                                                       \
    setDefined(w, pc->d, w.defined[pc->a]);                                                        \
    put<To, W>(w, pc->d, Expr);                                                                    \
    SIM_NEXT(pc + 1);                                                                              \
  }
#define COMPARE(Name, T, Relation)                                                                 \
  HANDLER(Name) {                                                                                  \
    Vec<T, W> a = get<T, W>(w, pc->a), b = get<T, W>(w, pc->b);                                    \
    setDefined(w, pc->d, w.defined[pc->a] & w.defined[pc->b]);                                     \
    putBits<W>(w, pc->d, toMask<W>(a Relation b));                                                 \
    SIM_NEXT(pc + 1);                                                                              \
  }
#define COMPARE2(Name, Unsigned, Signed, Relation)                                                 \
  COMPARE(Name##32, Unsigned##32, Relation)                                                        \
  COMPARE(Name##64, Unsigned##64, Relation)

BINARY2(Add, a + b)
BINARY2(Sub, a - b)
BINARY2(Mul, a *b)
BINARY2(And, a &b)
BINARY2(Or, a | b)
BINARY2(Xor, a ^ b)
SIGNED2(SMin, __builtin_elementwise_min(a, b))
SIGNED2(SMax, __builtin_elementwise_max(a, b))
BINARY2(UMin, __builtin_elementwise_min(a, b))
BINARY2(UMax, __builtin_elementwise_max(a, b))
BINARY_LANES(MulHiU32, U32, (U64(a) * b) >> 32)
BINARY_LANES(MulHiS32, S32, (S64(a) * b) >> 32)
BINARY_LANES(MulHiU64, U64, (static_cast<unsigned __int128>(a) * b) >> 64)
BINARY_LANES(MulHiS64, S64, (static_cast<__int128>(a) * b) >> 64)

/// A division leaves lanes with a divisor of 0, and the one quotient that does not fit,
/// undefined.
#define DIVIDE(Name, T, Wide, Operator)                                                            \
  HANDLER(Name) {                                                                                  \
    Vec<T, W> av = get<T, W>(w, pc->a), bv = get<T, W>(w, pc->b), r;                               \
    U64 zero = toMask<W>(bv == T(0));                                                              \
    for (int i = 0; i < W; ++i) {                                                                  \
      T b = bv[i] ? bv[i] : T(1);                                                                  \
      r[i] = static_cast<T>(static_cast<Wide>(av[i]) Operator static_cast<Wide>(b));               \
    }                                                                                              \
    setDefined(w, pc->d, w.defined[pc->a] & w.defined[pc->b] & ~zero);                             \
    put<T, W>(w, pc->d, r);                                                                        \
    SIM_NEXT(pc + 1);                                                                              \
  }
DIVIDE(UDiv32, U32, U32, /)
DIVIDE(UDiv64, U64, U64, /)
DIVIDE(URem32, U32, U32, %)
DIVIDE(URem64, U64, U64, %)
DIVIDE(SDiv32, S32, S64, /)
DIVIDE(SDiv64, S64, __int128, /)
DIVIDE(SRem32, S32, S64, %)
DIVIDE(SRem64, S64, __int128, %)

#define SHIFT(Name, T, Amount, Bits, Expr)                                                         \
  HANDLER(Name) {                                                                                  \
    Vec<T, W> a = get<T, W>(w, pc->a), b = get<T, W>(w, pc->b);                                    \
    U64 wild = toMask<W>(get<Amount, W>(w, pc->b) >= static_cast<Amount>(pc->imm));                \
    b &= T(Bits);                                                                                  \
    setDefined(w, pc->d, w.defined[pc->a] & w.defined[pc->b] & ~wild);                             \
    put<T, W>(w, pc->d, Expr);                                                                     \
    SIM_NEXT(pc + 1);                                                                              \
  }
SHIFT(Shl32, U32, U32, 31, a << b)
SHIFT(Shl64, U64, U64, 63, a << b)
SHIFT(LShr32, U32, U32, 31, a >> b)
SHIFT(LShr64, U64, U64, 63, a >> b)
SHIFT(AShr32, S32, U32, 31, a >> b)
SHIFT(AShr64, S64, U64, 63, a >> b)

#define FUNNEL(Name, T, Bits, Expr)                                                                \
  HANDLER(Name) {                                                                                  \
    Vec<T, W> av = get<T, W>(w, pc->a), bv = get<T, W>(w, pc->b), cv = get<T, W>(w, pc->c), r;     \
    for (int i = 0; i < W; ++i) {                                                                  \
      T a = av[i], b = bv[i], c = cv[i] & T(Bits - 1);                                             \
      r[i] = Expr;                                                                                 \
    }                                                                                              \
    setDefined(w, pc->d, w.defined[pc->a] & w.defined[pc->b] & w.defined[pc->c]);                  \
    put<T, W>(w, pc->d, r);                                                                        \
    SIM_NEXT(pc + 1);                                                                              \
  }
FUNNEL(FShl32, U32, 32, c ? (a << c) | (b >> (32 - c)) : a)
FUNNEL(FShl64, U64, 64, c ? (a << c) | (b >> (64 - c)) : a)
FUNNEL(FShr32, U32, 32, c ? (a << (32 - c)) | (b >> c) : b)
FUNNEL(FShr64, U64, 64, c ? (a << (64 - c)) | (b >> c) : b)

// imm: the number of bits of the integer; values are zero-extended.
UNARY_LANES(Popcount32, U32, __builtin_popcount(a))
UNARY_LANES(Popcount64, U64, __builtin_popcountll(a))
UNARY_LANES(LeadingZeros32, U32, a ? __builtin_clz(a) - (32 - pc->imm) : pc->imm)
UNARY_LANES(LeadingZeros64, U64, a ? __builtin_clzll(a) - (64 - pc->imm) : pc->imm)
UNARY_LANES(TrailingZeros32, U32, a ? __builtin_ctz(a) : pc->imm)
UNARY_LANES(TrailingZeros64, U64, a ? __builtin_ctzll(a) : pc->imm)
UNARY_LANES(ReverseBits32, U32, __builtin_bitreverse32(a) >> (32 - pc->imm))
UNARY_LANES(ReverseBits64, U64, __builtin_bitreverse64(a) >> (64 - pc->imm))
UNARY_LANES(ReverseBytes32, U32, __builtin_bswap32(a) >> (32 - pc->imm))
UNARY_LANES(ReverseBytes64, U64, __builtin_bswap64(a) >> (64 - pc->imm))

#define BITS(Name, Operator)                                                                       \
  HANDLER(Name) {                                                                                  \
    U64 v = getBits<W>(w, pc->a) Operator getBits<W>(w, pc->b);                                    \
    setDefined(w, pc->d, w.defined[pc->a] & w.defined[pc->b]);                                     \
    putBits<W>(w, pc->d, v);                                                                       \
    SIM_NEXT(pc + 1);                                                                              \
  }
// A bit that decides alone makes the other one's definedness irrelevant for `and` and `or`.
HANDLER(And1) {
  U64 a = getBits<W>(w, pc->a), b = getBits<W>(w, pc->b);
  U64 da = w.defined[pc->a], db = w.defined[pc->b];
  setDefined(w, pc->d, (da & db) | (da & ~a) | (db & ~b));
  putBits<W>(w, pc->d, a & b);
  SIM_NEXT(pc + 1);
}
HANDLER(Or1) {
  U64 a = getBits<W>(w, pc->a), b = getBits<W>(w, pc->b);
  U64 da = w.defined[pc->a], db = w.defined[pc->b];
  setDefined(w, pc->d, (da & db) | (da & a) | (db & b));
  putBits<W>(w, pc->d, a | b);
  SIM_NEXT(pc + 1);
}
BITS(Xor1, ^)

COMPARE2(CmpEq, U, S, ==)
COMPARE2(CmpNe, U, S, !=)
COMPARE2(CmpUlt, U, S, <)
COMPARE2(CmpUle, U, S, <=)
COMPARE2(CmpSlt, S, S, <)
COMPARE2(CmpSle, S, S, <=)

/// Definedness of a selection: of the condition and of the arm that it takes.
static SIM_INLINE U64 selected(Warp &w, const Inst *pc, U64 condition) {
  return w.defined[pc->a] & ((w.defined[pc->b] & condition) | (w.defined[pc->c] & ~condition));
}
HANDLER(Select1) {
  U64 m = getBits<W>(w, pc->a);
  U64 v = (getBits<W>(w, pc->b) & m) | (getBits<W>(w, pc->c) & ~m);
  setDefined(w, pc->d, selected(w, pc, m));
  putBits<W>(w, pc->d, v);
  SIM_NEXT(pc + 1);
}
#define SELECT(Name, T)                                                                            \
  HANDLER(Name) {                                                                                  \
    U64 m = getBits<W>(w, pc->a);                                                                  \
    Vec<T, W> b = get<T, W>(w, pc->b), c = get<T, W>(w, pc->c);                                    \
    setDefined(w, pc->d, selected(w, pc, m));                                                      \
    put<T, W>(w, pc->d, toBools<W>(m) ? b : c);                                                    \
    SIM_NEXT(pc + 1);                                                                              \
  }
SELECT(Select32, U32)
SELECT(Select64, U64)

HANDLER(Copy1) {
  U64 v = getBits<W>(w, pc->a);
  setDefined(w, pc->d, w.defined[pc->a]);
  putBits<W>(w, pc->d, v);
  SIM_NEXT(pc + 1);
}
CONVERT(Copy32, U32, U32, a)
CONVERT(Copy64, U64, U64, a)

HANDLER(Freeze1) {
  U64 defined = w.defined[pc->a];
  U64 v = (getBits<W>(w, pc->a) & defined) | (randomBits(w) & ~defined);
  setDefined(w, pc->d, ~U64(0));
  putBits<W>(w, pc->d, v);
  SIM_NEXT(pc + 1);
}
#define FREEZE(Name, T)                                                                            \
  HANDLER(Name) {                                                                                  \
    U64 defined = w.defined[pc->a];                                                                \
    Vec<T, W> v = get<T, W>(w, pc->a);                                                             \
    if ((defined & w.mask) != w.mask)                                                              \
      v = toBools<W>(defined) ? v : Vec<T, W>(static_cast<T>(randomBits(w) & pc->imm));            \
    setDefined(w, pc->d, ~U64(0));                                                                 \
    put<T, W>(w, pc->d, v);                                                                        \
    SIM_NEXT(pc + 1);                                                                              \
  }
FREEZE(Freeze32, U32)
FREEZE(Freeze64, U64)

#define FROM_BITS(Name, T, One)                                                                    \
  HANDLER(Name) {                                                                                  \
    Vec<T, W> v = toBools<W>(getBits<W>(w, pc->a)) ? Vec<T, W>(One) : Vec<T, W>(T(0));             \
    setDefined(w, pc->d, w.defined[pc->a]);                                                        \
    put<T, W>(w, pc->d, v);                                                                        \
    SIM_NEXT(pc + 1);                                                                              \
  }
FROM_BITS(ZeroExtend1To32, U32, 1u)
FROM_BITS(ZeroExtend1To64, U64, U64(1))
// imm: all ones of the integer's width.
FROM_BITS(SignExtend1To32, U32, static_cast<U32>(pc->imm))
FROM_BITS(SignExtend1To64, U64, pc->imm)

template <typename T, int W> static SIM_INLINE Vec<T, W> low(Vec<T, W> a, U64 bits) {
  return a & static_cast<T>(bits >= 8 * sizeof(T) ? ~T(0) : (T(1) << bits) - 1);
}
template <typename T, int W> static SIM_INLINE Vec<T, W> extend(Vec<T, W> a, U64 bits) {
  T by = static_cast<T>(8 * sizeof(T) - bits);
  return (a << by) >> by;
}
template <typename To, typename From, int W> static SIM_INLINE Vec<To, W> convert(Vec<From, W> a) {
  return __builtin_convertvector(a, Vec<To, W>);
}
CONVERT(ZeroExtend32To64, U32, U64, (convert<U64, U32, W>(a)))
CONVERT(SignExtend32To64, S32, S64, (convert<S64, S32, W>(a)))
CONVERT(ZeroExtendIn32, U32, U32, (low<U32, W>(a, pc->imm)))
CONVERT(ZeroExtendIn64, U64, U64, (low<U64, W>(a, pc->imm)))
CONVERT(SignExtendIn32, S32, S32, (extend<S32, W>(a, pc->imm)))
CONVERT(SignExtendIn64, S64, S64, (extend<S64, W>(a, pc->imm)))
CONVERT(Truncate64To32, U64, U32, (convert<U32, U64, W>(a)))
#define TO_BIT(Name, T)                                                                            \
  HANDLER(Name) {                                                                                  \
    Vec<T, W> a = get<T, W>(w, pc->a);                                                             \
    setDefined(w, pc->d, w.defined[pc->a]);                                                        \
    putBits<W>(w, pc->d, toMask<W>((a & T(1)) != T(0)));                                           \
    SIM_NEXT(pc + 1);                                                                              \
  }
TO_BIT(TruncateTo132, U32)
TO_BIT(TruncateTo164, U64)

CONVERT(AddImm32, U32, U32, a + static_cast<U32>(pc->imm))
CONVERT(AddImm64, U64, U64, a + pc->imm)
BINARY(Index32, U32, a + b * static_cast<U32>(pc->imm))
BINARY(Index64, U64, a + b * pc->imm)
HANDLER(Index64By32) {
  Vec<U64, W> a = get<U64, W>(w, pc->a);
  Vec<S64, W> b = convert<S64, S32, W>(get<S32, W>(w, pc->b));
  setDefined(w, pc->d, w.defined[pc->a] & w.defined[pc->b]);
  put<U64, W>(w, pc->d, a + __builtin_convertvector(b, Vec<U64, W>) * pc->imm);
  SIM_NEXT(pc + 1);
}

BINARY(Pack16, U32, (a & 0xFFFFu) | (b << 16))
CONVERT(Low16, U32, U32, a & 0xFFFFu)
CONVERT(High16, U32, U32, a >> 16)
HANDLER(Pack32) {
  Vec<U64, W> a = convert<U64, U32, W>(get<U32, W>(w, pc->a));
  Vec<U64, W> b = convert<U64, U32, W>(get<U32, W>(w, pc->b));
  setDefined(w, pc->d, w.defined[pc->a] & w.defined[pc->b]);
  put<U64, W>(w, pc->d, a | (b << 32));
  SIM_NEXT(pc + 1);
}
CONVERT(Low32, U64, U32, (convert<U32, U64, W>(a)))
CONVERT(High32, U64, U32, (convert<U32, U64, W>(a >> 32)))

/// Byte i of the result is byte `selector >> 4i & 7` of (a, b), or its sign if bit 3 is set.
static SIM_INLINE U32 permute(U32 a, U32 b, U32 selector) {
  U64 bytes = a | (U64(b) << 32);
  U32 result = 0;
  for (int i = 0; i < 4; ++i) {
    U32 pick = selector >> (4 * i);
    U32 byte = (bytes >> (8 * (pick & 7))) & 0xFF;
    if (pick & 8)
      byte = byte & 0x80 ? 0xFF : 0;
    result |= byte << (8 * i);
  }
  return result;
}
static SIM_INLINE U32 logic(U32 a, U32 b, U32 c, U32 table) {
  U32 result = 0;
  for (int i = 0; i < 8; ++i)
    if ((table >> i) & 1)
      result |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
  return result;
}
#define TERNARY_LANES(Name, Expr)                                                                  \
  HANDLER(Name) {                                                                                  \
    Vec<U32, W> av = get<U32, W>(w, pc->a), bv = get<U32, W>(w, pc->b),                            \
                cv = get<U32, W>(w, pc->c), r;                                                     \
    for (int i = 0; i < W; ++i) {                                                                  \
      U32 a = av[i], b = bv[i], c = cv[i];                                                         \
      r[i] = Expr;                                                                                 \
    }                                                                                              \
    setDefined(w, pc->d, w.defined[pc->a] & w.defined[pc->b] & w.defined[pc->c]);                  \
    put<U32, W>(w, pc->d, r);                                                                      \
    SIM_NEXT(pc + 1);                                                                              \
  }
TERNARY_LANES(PermuteBytes, permute(a, b, c))
TERNARY_LANES(Logic3, logic(a, b, c, static_cast<U32>(pc->imm)))

template <int W> void addIntHandlers(HandlerTable &table) {
#define INT_OP(Name) table[static_cast<unsigned>(Op::Name)] = &Name<W>;
#define SIM_OP(Name)
#include "../Core/Ops.def"
}
template void addIntHandlers<32>(HandlerTable &);
template void addIntHandlers<64>(HandlerTable &);

} // namespace tegula::sim::SIM_HOST
