//===- Calls.cpp - Intrinsics that every machine has ---------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"

#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/Intrinsics.h"

using namespace llvm;
using namespace tegula::sim;

bool Decoder::decodeCall(const CallInst &call) {
  if (call.isInlineAsm())
    return program.vendor->assembly(*this, call) || unsupported(call);
  if (const auto *intrinsic = dyn_cast<IntrinsicInst>(&call)) {
    if (decodeIntrinsic(*intrinsic) || program.vendor->intrinsic(*this, *intrinsic))
      return true;
  }
  return unsupported(call);
}

/// The op of a float intrinsic that works on each component, or none.
static std::optional<std::pair<Op, unsigned>> elementwiseOp(Intrinsic::ID id) {
  switch (id) {
  case Intrinsic::minnum:
  case Intrinsic::minimumnum:
    return {{Op::FMinNum32, 2}};
  case Intrinsic::maxnum:
  case Intrinsic::maximumnum:
    return {{Op::FMaxNum32, 2}};
  case Intrinsic::minimum:
    return {{Op::FMinimum32, 2}};
  case Intrinsic::maximum:
    return {{Op::FMaximum32, 2}};
  case Intrinsic::copysign:
    return {{Op::FCopySign32, 2}};
  case Intrinsic::fabs:
    return {{Op::FAbs32, 1}};
  case Intrinsic::sqrt:
    return {{Op::FSqrt32, 1}};
  case Intrinsic::floor:
    return {{Op::FFloor32, 1}};
  case Intrinsic::ceil:
    return {{Op::FCeil32, 1}};
  case Intrinsic::trunc:
    return {{Op::FTrunc32, 1}};
  case Intrinsic::rint:
  case Intrinsic::nearbyint:
  case Intrinsic::roundeven:
    return {{Op::FRoundEven32, 1}};
  case Intrinsic::round:
    return {{Op::FRound32, 1}};
  default:
    return std::nullopt;
  }
}

/// The op of an integer intrinsic, whether it looks at the sign, and how many operands.
struct IntegerForm {
  Op op;
  bool isSigned;
  unsigned operands;
};
static std::optional<IntegerForm> integerOp(Intrinsic::ID id) {
  switch (id) {
  case Intrinsic::smin:
    return {{Op::SMin32, true, 2}};
  case Intrinsic::smax:
    return {{Op::SMax32, true, 2}};
  case Intrinsic::umin:
    return {{Op::UMin32, false, 2}};
  case Intrinsic::umax:
    return {{Op::UMax32, false, 2}};
  case Intrinsic::fshl:
    return {{Op::FShl32, false, 3}};
  case Intrinsic::fshr:
    return {{Op::FShr32, false, 3}};
  case Intrinsic::ctpop:
    return {{Op::Popcount32, false, 1}};
  case Intrinsic::ctlz:
    return {{Op::LeadingZeros32, false, 1}};
  case Intrinsic::cttz:
    return {{Op::TrailingZeros32, false, 1}};
  case Intrinsic::bitreverse:
    return {{Op::ReverseBits32, false, 1}};
  case Intrinsic::bswap:
    return {{Op::ReverseBytes32, false, 1}};
  default:
    return std::nullopt;
  }
}

/// The op of which a reduction of integers is a chain.
static std::optional<Op> reductionOp(Intrinsic::ID id) {
  switch (id) {
  case Intrinsic::vector_reduce_add:
    return Op::Add32;
  case Intrinsic::vector_reduce_mul:
    return Op::Mul32;
  case Intrinsic::vector_reduce_and:
    return Op::And32;
  case Intrinsic::vector_reduce_or:
    return Op::Or32;
  case Intrinsic::vector_reduce_xor:
    return Op::Xor32;
  case Intrinsic::vector_reduce_smax:
    return Op::SMax32;
  case Intrinsic::vector_reduce_smin:
    return Op::SMin32;
  case Intrinsic::vector_reduce_umax:
    return Op::UMax32;
  case Intrinsic::vector_reduce_umin:
    return Op::UMin32;
  default:
    return std::nullopt;
  }
}

bool Decoder::decodeMemoryIntrinsic(const MemIntrinsic &call) {
  // Unrolled: what compilers leave of these in kernels is small.
  std::optional<int64_t> length = constantOf(call.getLength());
  if (!length || *length > 4096)
    return unsupported(call,
                       "copies and fills of memory of unknown or large size are not modelled");
  Component to = get(call.getRawDest()).front();
  Space toSpace = spaceOf(call.getRawDest());
  uint64_t toAlign = call.getDestAlign().valueOrOne().value();
  const auto *transfer = dyn_cast<MemTransferInst>(&call);
  Component from = transfer ? get(transfer->getRawSource()).front() : Component();
  uint64_t unit = toAlign;
  if (transfer)
    unit = std::min(unit, transfer->getSourceAlign().valueOrOne().value());
  unit = std::min<uint64_t>(unit, transfer ? 8 : 1);
  if (isa<MemMoveInst>(call))
    return unsupported(call);
  for (uint64_t at = 0, size = *length; at < size;) {
    uint64_t bytes = unit;
    while (at + bytes > size)
      bytes /= 2;
    Kind kind = bytes == 8 ? Kind::Pair : Kind::Word;
    Reg value = transfer ? fresh(kind) : one(cast<MemSetInst>(call).getValue());
    if (transfer)
      memory(false, spaceOf(transfer->getRawSource()), 8 * bytes, from.reg, from.kind == Kind::Word,
             at, Align(bytes), {value});
    memory(true, toSpace, 8 * bytes, to.reg, to.kind == Kind::Word, at, Align(bytes), {value});
    at += bytes;
  }
  return true;
}

bool Decoder::decodeIntrinsic(const IntrinsicInst &call) {
  Intrinsic::ID id = call.getIntrinsicID();
  Type *type = call.getType()->getScalarType();
  if (std::optional<std::pair<Op, unsigned>> form = elementwiseOp(id)) {
    elementwise(call, form->first, form->second);
    return true;
  }
  if (std::optional<Op> op = reductionOp(id)) {
    unsigned bits = type->getIntegerBitWidth();
    if (bits != 32 && bits != 64)
      return unsupported(call);
    Components a = get(call.getArgOperand(0)), d = define(call);
    Reg total = a.front().reg;
    for (const Component &next : ArrayRef(a).drop_front())
      total = compute(next.kind, sized(*op, next.kind), total, next.reg);
    d.front().reg = total;
    values[&call] = d;
    return true;
  }
  if (std::optional<IntegerForm> form = integerOp(id)) {
    if (type->isIntegerTy(1))
      return unsupported(call);
    unsigned bits = type->getIntegerBitWidth();
    bool narrow = bits != 32 && bits != 64;
    if (narrow && form->operands == 3)
      return unsupported(call);
    SmallVector<Components, 3> in;
    for (unsigned k = 0; k < form->operands; ++k)
      in.push_back(get(call.getArgOperand(k)));
    Components d = define(call);
    for (size_t i = 0; i < d.size(); ++i) {
      Reg regs[3] = {noReg, noReg, noReg};
      Kind kind = d[i].kind;
      for (unsigned k = 0; k < form->operands; ++k) {
        regs[k] = in[k][i].reg;
        if (narrow && form->isSigned)
          regs[k] = compute(kind, sized(Op::SignExtendIn32, kind), regs[k], noReg, noReg, bits);
      }
      Reg result = narrow && form->isSigned ? fresh(kind) : d[i].reg;
      emit(sized(form->op, kind), result, regs[0], regs[1], regs[2], bits);
      if (narrow && form->isSigned)
        emit(sized(Op::ZeroExtendIn32, kind), d[i].reg, result, noReg, noReg, bits);
    }
    return true;
  }
  switch (id) {
  case Intrinsic::assume:
  case Intrinsic::lifetime_start:
  case Intrinsic::lifetime_end:
  case Intrinsic::experimental_noalias_scope_decl:
  case Intrinsic::donothing:
  case Intrinsic::sideeffect:
  case Intrinsic::prefetch:
    return true;
  case Intrinsic::expect:
    name(call, get(call.getArgOperand(0)));
    return true;
  case Intrinsic::trap:
  case Intrinsic::ubsantrap:
  case Intrinsic::debugtrap:
    emit(Op::Trap);
    return true;
  case Intrinsic::memcpy:
  case Intrinsic::memcpy_inline:
  case Intrinsic::memset:
  case Intrinsic::memset_inline:
    return decodeMemoryIntrinsic(cast<MemIntrinsic>(call));
  case Intrinsic::abs: {
    unsigned bits = type->getIntegerBitWidth();
    Components a = get(call.getArgOperand(0)), d = define(call);
    for (size_t i = 0; i < d.size(); ++i) {
      Kind kind = d[i].kind;
      Reg x = a[i].reg;
      bool narrow = bits != 32 && bits != 64;
      if (narrow)
        x = compute(kind, sized(Op::SignExtendIn32, kind), x, noReg, noReg, bits);
      Reg minus = compute(kind, sized(Op::Sub32, kind), constant(kind, 0), x);
      Reg most = compute(kind, sized(Op::SMax32, kind), x, minus);
      d[i].reg =
          narrow ? compute(kind, sized(Op::ZeroExtendIn32, kind), most, noReg, noReg, bits) : most;
    }
    values[&call] = d;
    return true;
  }
  case Intrinsic::fma:
  case Intrinsic::fmuladd: {
    if (!type->isHalfTy() && !type->isBFloatTy()) {
      elementwise(call, Op::Fma32, 3);
      return true;
    }
    Components a = get(call.getArgOperand(0)), b = get(call.getArgOperand(1)),
               c = get(call.getArgOperand(2)), d = define(call);
    for (size_t i = 0; i < d.size(); ++i)
      emit(type->isHalfTy() ? Op::FmaF16 : Op::FmaBF16, d[i].reg, a[i].reg, b[i].reg, c[i].reg);
    return true;
  }
  case Intrinsic::exp2:
    if (type->isDoubleTy())
      return false;
    emit(Op::CountExponential);
    elementwise(call, Op::FExp2, 1);
    return true;
  case Intrinsic::log2:
  case Intrinsic::sin:
  case Intrinsic::cos:
    if (type->isDoubleTy())
      return false;
    elementwise(call,
                id == Intrinsic::log2  ? Op::FLog2
                : id == Intrinsic::sin ? Op::FSin
                                       : Op::FCos,
                1);
    return true;
  case Intrinsic::fptosi_sat:
  case Intrinsic::fptoui_sat: {
    Type *from = call.getArgOperand(0)->getType()->getScalarType();
    unsigned bits = type->getIntegerBitWidth();
    if (bits != 32 && bits != 64)
      return false;
    Components a = get(call.getArgOperand(0)), d = define(call);
    bool isSigned = id == Intrinsic::fptosi_sat;
    for (size_t i = 0; i < d.size(); ++i) {
      Op op;
      if (from->isDoubleTy())
        op = isSigned ? (bits == 64 ? Op::F64ToS64 : Op::F64ToS32)
                      : (bits == 64 ? Op::F64ToU64 : Op::F64ToU32);
      else
        op = isSigned ? (bits == 64 ? Op::F32ToS64 : Op::F32ToS32)
                      : (bits == 64 ? Op::F32ToU64 : Op::F32ToU32);
      emit(op, d[i].reg, toF32(a[i].reg, from));
    }
    return true;
  }
  default:
    return false;
  }
}
