//===- Instructions.cpp - Arithmetic, comparisons, casts and branches ----===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/Operator.h"

using namespace llvm;
using namespace tegula::sim;

bool Decoder::decodeInst(const Instruction &inst) {
  if (const auto *binary = dyn_cast<BinaryOperator>(&inst))
    return inst.getType()->isFPOrFPVectorTy() ? decodeFloatBinary(*binary) : decodeBinary(*binary);
  if (const auto *compare = dyn_cast<CmpInst>(&inst))
    return decodeCompare(*compare);
  if (const auto *conversion = dyn_cast<CastInst>(&inst))
    return decodeCast(*conversion);
  if (const auto *gep = dyn_cast<GetElementPtrInst>(&inst))
    return decodeGep(*gep);
  if (const auto *call = dyn_cast<CallInst>(&inst))
    return decodeCall(*call);
  if (inst.isTerminator())
    return decodeTerminator(inst);
  switch (inst.getOpcode()) {
  case Instruction::FNeg:
    elementwise(inst, Op::FNeg32, 1);
    return true;
  case Instruction::Select: {
    Components condition = get(inst.getOperand(0)), a = get(inst.getOperand(1)),
               b = get(inst.getOperand(2)), d = define(inst);
    for (size_t i = 0; i < d.size(); ++i)
      emit(d[i].kind == Kind::Bit ? Op::Select1 : sized(Op::Select32, d[i].kind), d[i].reg,
           condition[condition.size() == d.size() ? i : 0].reg, a[i].reg, b[i].reg);
    return true;
  }
  case Instruction::Freeze: {
    if (isGuaranteedNotToBeUndefOrPoison(inst.getOperand(0))) {
      name(inst, get(inst.getOperand(0)));
      return true;
    }
    Components a = get(inst.getOperand(0)), d = define(inst);
    unsigned bits = inst.getType()->getScalarSizeInBits();
    uint64_t ones = bits && bits < 64 ? (uint64_t(1) << bits) - 1 : ~uint64_t(0);
    for (size_t i = 0; i < d.size(); ++i)
      emit(d[i].kind == Kind::Bit ? Op::Freeze1 : sized(Op::Freeze32, d[i].kind), d[i].reg,
           a[i].reg, noReg, noReg, ones);
    return true;
  }
  case Instruction::Load:
  case Instruction::Store:
  case Instruction::Alloca:
    return decodeLoadStore(inst);
  case Instruction::AtomicRMW:
  case Instruction::AtomicCmpXchg:
    return decodeAtomic(inst);
  case Instruction::Fence:
    return true;
  default:
    return decodeVector(inst);
  }
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

bool Decoder::decodeBinary(const BinaryOperator &inst) {
  Components a = get(inst.getOperand(0)), b = get(inst.getOperand(1)), d = define(inst);
  unsigned bits = inst.getType()->getScalarSizeInBits();
  for (size_t i = 0; i < d.size(); ++i) {
    Kind kind = d[i].kind;
    Reg x = a[i].reg, y = b[i].reg;
    if (kind == Kind::Bit) {
      switch (inst.getOpcode()) {
      case Instruction::And:
      case Instruction::Mul:
        emit(Op::And1, d[i].reg, x, y);
        continue;
      case Instruction::Or:
        emit(Op::Or1, d[i].reg, x, y);
        continue;
      case Instruction::Xor:
      case Instruction::Add:
      case Instruction::Sub:
        emit(Op::Xor1, d[i].reg, x, y);
        continue;
      default:
        return unsupported(inst);
      }
    }
    // Narrow integers live zero-extended: operations that look at the sign extend it
    // first, and those that may carry beyond the top bit are cut afterwards.
    bool narrow = bits != 32 && bits != 64, extends = false, cuts = false;
    Op op;
    switch (inst.getOpcode()) {
    case Instruction::Add:
      op = Op::Add32;
      cuts = true;
      break;
    case Instruction::Sub:
      op = Op::Sub32;
      cuts = true;
      break;
    case Instruction::Mul:
      op = Op::Mul32;
      cuts = true;
      break;
    case Instruction::And:
      op = Op::And32;
      break;
    case Instruction::Or:
      op = Op::Or32;
      break;
    case Instruction::Xor:
      op = Op::Xor32;
      break;
    case Instruction::Shl:
      op = Op::Shl32;
      cuts = true;
      break;
    case Instruction::LShr:
      op = Op::LShr32;
      break;
    case Instruction::AShr:
      op = Op::AShr32;
      extends = cuts = true;
      break;
    case Instruction::UDiv:
      op = Op::UDiv32;
      break;
    case Instruction::URem:
      op = Op::URem32;
      break;
    case Instruction::SDiv:
      op = Op::SDiv32;
      extends = cuts = true;
      break;
    case Instruction::SRem:
      op = Op::SRem32;
      extends = cuts = true;
      break;
    default:
      return unsupported(inst);
    }
    bool shift = inst.isShift();
    if (narrow && extends) {
      x = compute(kind, sized(Op::SignExtendIn32, kind), x, noReg, noReg, bits);
      if (!shift)
        y = compute(kind, sized(Op::SignExtendIn32, kind), y, noReg, noReg, bits);
    }
    Reg result = narrow && cuts ? fresh(kind) : d[i].reg;
    emit(sized(op, kind), result, x, y, noReg, shift ? bits : 0);
    if (narrow && cuts)
      emit(sized(Op::ZeroExtendIn32, kind), d[i].reg, result, noReg, noReg, bits);
  }
  return true;
}

bool Decoder::decodeCompare(const CmpInst &inst) {
  Components a = get(inst.getOperand(0)), b = get(inst.getOperand(1)), d = define(inst);
  CmpInst::Predicate predicate = inst.getPredicate();
  Type *type = inst.getOperand(0)->getType()->getScalarType();
  bool isFloat = type->isFloatingPointTy();
  bool swaps = false, isSigned = false;
  Op op;
  switch (predicate) {
  case CmpInst::ICMP_EQ:
    op = Op::CmpEq32;
    break;
  case CmpInst::ICMP_NE:
    op = Op::CmpNe32;
    break;
  case CmpInst::ICMP_UGT:
    swaps = true;
    [[fallthrough]];
  case CmpInst::ICMP_ULT:
    op = Op::CmpUlt32;
    break;
  case CmpInst::ICMP_UGE:
    swaps = true;
    [[fallthrough]];
  case CmpInst::ICMP_ULE:
    op = Op::CmpUle32;
    break;
  case CmpInst::ICMP_SGT:
    swaps = true;
    [[fallthrough]];
  case CmpInst::ICMP_SLT:
    op = Op::CmpSlt32;
    isSigned = true;
    break;
  case CmpInst::ICMP_SGE:
    swaps = true;
    [[fallthrough]];
  case CmpInst::ICMP_SLE:
    op = Op::CmpSle32;
    isSigned = true;
    break;
  case CmpInst::FCMP_OEQ:
    op = Op::FCmpOeq32;
    break;
  case CmpInst::FCMP_OGT:
    swaps = true;
    [[fallthrough]];
  case CmpInst::FCMP_OLT:
    op = Op::FCmpOlt32;
    break;
  case CmpInst::FCMP_OGE:
    swaps = true;
    [[fallthrough]];
  case CmpInst::FCMP_OLE:
    op = Op::FCmpOle32;
    break;
  case CmpInst::FCMP_ONE:
    op = Op::FCmpOne32;
    break;
  case CmpInst::FCMP_ORD:
    op = Op::FCmpOrd32;
    break;
  case CmpInst::FCMP_UEQ:
    op = Op::FCmpUeq32;
    break;
  case CmpInst::FCMP_UGT:
    swaps = true;
    [[fallthrough]];
  case CmpInst::FCMP_ULT:
    op = Op::FCmpUlt32;
    break;
  case CmpInst::FCMP_UGE:
    swaps = true;
    [[fallthrough]];
  case CmpInst::FCMP_ULE:
    op = Op::FCmpUle32;
    break;
  case CmpInst::FCMP_UNE:
    op = Op::FCmpUne32;
    break;
  case CmpInst::FCMP_UNO:
    op = Op::FCmpUno32;
    break;
  default:
    return unsupported(inst);
  }
  unsigned bits = type->isIntegerTy() ? type->getIntegerBitWidth() : 0;
  for (size_t i = 0; i < d.size(); ++i) {
    Kind kind = a[i].kind;
    Reg x = a[i].reg, y = b[i].reg;
    if (isFloat) {
      x = toF32(x, type);
      y = toF32(y, type);
    } else if (kind == Kind::Bit) {
      // As words of 0 and 1, or of 0 and -1 where the bit is a sign.
      Op extend = isSigned ? Op::SignExtend1To32 : Op::ZeroExtend1To32;
      uint64_t ones = isSigned ? 0xFFFFFFFFu : 0;
      x = compute(Kind::Word, extend, x, noReg, noReg, ones);
      y = compute(Kind::Word, extend, y, noReg, noReg, ones);
      kind = Kind::Word;
    } else if (isSigned && bits && bits != 32 && bits != 64) {
      x = compute(kind, sized(Op::SignExtendIn32, kind), x, noReg, noReg, bits);
      y = compute(kind, sized(Op::SignExtendIn32, kind), y, noReg, noReg, bits);
    }
    if (swaps)
      std::swap(x, y);
    emit(sized(op, kind), d[i].reg, x, y);
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

Reg Decoder::toF32(Reg reg, Type *type) {
  if (type->isHalfTy())
    return compute(Kind::Word, Op::F16ToF32, reg);
  if (type->isBFloatTy())
    return compute(Kind::Word, Op::BF16ToF32, reg);
  return reg;
}

Reg Decoder::fromF32(Reg reg, Type *type) {
  if (type->isHalfTy())
    return compute(Kind::Word, Op::F32ToF16, reg);
  if (type->isBFloatTy())
    return compute(Kind::Word, Op::F32ToBF16, reg);
  return reg;
}

/// Whether the function flushes denormals of f32.
static bool flushes(const Instruction &inst) {
  DenormalMode mode = inst.getFunction()->getDenormalMode(APFloat::IEEEsingle());
  return mode.Output == DenormalMode::PreserveSign || mode.Output == DenormalMode::PositiveZero;
}

void Decoder::elementwise(const Instruction &inst, Op op32, unsigned operands) {
  SmallVector<Components, 3> in;
  for (unsigned i = 0; i < operands; ++i)
    in.push_back(get(inst.getOperand(i)));
  Components d = define(inst);
  Type *type = inst.getType()->getScalarType();
  bool moves = op32 == Op::FNeg32 || op32 == Op::FAbs32 || op32 == Op::FCopySign32;
  bool flush = type->isFloatTy() && !moves && flushes(inst);
  for (size_t i = 0; i < d.size(); ++i) {
    Reg regs[3] = {noReg, noReg, noReg};
    for (unsigned k = 0; k < operands; ++k) {
      regs[k] = toF32(in[k][i].reg, type);
      if (flush)
        regs[k] = compute(Kind::Word, Op::FFlush, regs[k]);
    }
    Reg result = compute(d[i].kind, sized(op32, d[i].kind), regs[0], regs[1], regs[2]);
    if (flush)
      result = compute(Kind::Word, Op::FFlush, result);
    d[i].reg = fromF32(result, type);
  }
  values[&inst] = d;
}

/// `fadd contract (fmul contract a, b), c` is one rounding, as the backend does.
bool Decoder::fuse(const BinaryOperator &inst) {
  Type *type = inst.getType()->getScalarType();
  if (!inst.hasAllowContract() || !(type->isFloatTy() || type->isDoubleTy()))
    return false;
  bool subtracts = inst.getOpcode() == Instruction::FSub;
  auto product = [](const Value *value) -> const BinaryOperator * {
    const auto *mul = dyn_cast<BinaryOperator>(value);
    return mul && mul->getOpcode() == Instruction::FMul && mul->hasAllowContract() ? mul : nullptr;
  };
  const BinaryOperator *left = product(inst.getOperand(0)), *right = product(inst.getOperand(1));
  // Of two products, the one with fewer uses.
  if (left && right && right->getNumUses() < left->getNumUses())
    left = nullptr;
  const BinaryOperator *mul = left ? left : right;
  if (!mul)
    return false;
  Components a = get(mul->getOperand(0)), b = get(mul->getOperand(1)),
             c = get(inst.getOperand(left ? 1 : 0)), d = define(inst);
  bool flush = type->isFloatTy() && flushes(inst);
  for (size_t i = 0; i < d.size(); ++i) {
    Kind kind = d[i].kind;
    Reg x = a[i].reg, y = b[i].reg, z = c[i].reg;
    // a * b - c, or c - a * b.
    if (subtracts && left)
      z = compute(kind, sized(Op::FNeg32, kind), z);
    else if (subtracts)
      x = compute(kind, sized(Op::FNeg32, kind), x);
    if (flush) {
      x = compute(kind, Op::FFlush, x);
      y = compute(kind, Op::FFlush, y);
      z = compute(kind, Op::FFlush, z);
    }
    Reg result = flush ? fresh(kind) : d[i].reg;
    emit(sized(Op::Fma32, kind), result, x, y, z);
    if (flush)
      emit(Op::FFlush, d[i].reg, result);
  }
  return true;
}

bool Decoder::decodeFloatBinary(const BinaryOperator &inst) {
  switch (inst.getOpcode()) {
  case Instruction::FAdd:
    if (!fuse(inst))
      elementwise(inst, Op::FAdd32, 2);
    return true;
  case Instruction::FSub:
    if (!fuse(inst))
      elementwise(inst, Op::FSub32, 2);
    return true;
  case Instruction::FMul:
    elementwise(inst, Op::FMul32, 2);
    return true;
  case Instruction::FDiv:
    elementwise(inst, Op::FDiv32, 2);
    return true;
  case Instruction::FRem:
    elementwise(inst, Op::FRem32, 2);
    return true;
  default:
    return unsupported(inst);
  }
}

//===----------------------------------------------------------------------===//
// Casts
//===----------------------------------------------------------------------===//

/// `32` or `64` of the four conversions between a float and an integer.
static Op pick(bool second, Op first, Op other) { return second ? other : first; }

bool Decoder::decodeCast(const CastInst &inst) {
  Type *from = inst.getSrcTy()->getScalarType(), *to = inst.getDestTy()->getScalarType();
  unsigned fromBits = from->getScalarSizeInBits(), toBits = to->getScalarSizeInBits();
  switch (inst.getOpcode()) {
  case Instruction::BitCast:
    return decodeBitcast(inst);
  case Instruction::AddrSpaceCast:
  case Instruction::PtrToInt:
  case Instruction::PtrToAddr:
  case Instruction::IntToPtr:
  case Instruction::ZExt:
  case Instruction::SExt:
  case Instruction::Trunc:
  case Instruction::FPExt:
  case Instruction::FPTrunc:
  case Instruction::SIToFP:
  case Instruction::UIToFP:
  case Instruction::FPToSI:
  case Instruction::FPToUI:
    break;
  default:
    return unsupported(inst);
  }
  Components a = get(inst.getOperand(0)), d = define(inst);
  for (size_t i = 0; i < d.size(); ++i) {
    Kind source = a[i].kind, target = d[i].kind;
    Reg x = a[i].reg;
    switch (inst.getOpcode()) {
    case Instruction::AddrSpaceCast: {
      uint64_t by = 0;
      auto window = [](unsigned space) {
        return space == 3 ? uint64_t(1) << 32 : space == 5 ? uint64_t(2) << 32 : uint64_t(0);
      };
      by = window(from->getPointerAddressSpace()) - window(to->getPointerAddressSpace());
      if (source == target && by == 0)
        d[i].reg = x;
      else if (source == Kind::Word)
        d[i].reg = compute(Kind::Pair, Op::AddImm64, compute(Kind::Pair, Op::ZeroExtend32To64, x),
                           noReg, noReg, by);
      else {
        x = compute(Kind::Pair, Op::AddImm64, x, noReg, noReg, by);
        d[i].reg = target == Kind::Word ? compute(Kind::Word, Op::Truncate64To32, x) : x;
      }
      break;
    }
    case Instruction::PtrToInt:
    case Instruction::PtrToAddr:
    case Instruction::IntToPtr:
    case Instruction::ZExt:
    case Instruction::Trunc:
      if (source == Kind::Bit && target != Kind::Bit)
        emit(sized(Op::ZeroExtend1To32, target), d[i].reg, x);
      else if (target == Kind::Bit)
        emit(sized(Op::TruncateTo132, source), d[i].reg, x);
      else {
        Reg v = x;
        if (source == Kind::Word && target == Kind::Pair)
          v = compute(Kind::Pair, Op::ZeroExtend32To64, x);
        else if (source == Kind::Pair && target == Kind::Word)
          v = compute(Kind::Word, Op::Truncate64To32, x);
        if (inst.getOpcode() == Instruction::Trunc && toBits != 32 && toBits != 64)
          v = compute(target, sized(Op::ZeroExtendIn32, target), v, noReg, noReg, toBits);
        d[i].reg = v;
      }
      break;
    case Instruction::SExt: {
      uint64_t ones = toBits == 64 ? ~uint64_t(0) : (uint64_t(1) << toBits) - 1;
      if (source == Kind::Bit) {
        emit(sized(Op::SignExtend1To32, target), d[i].reg, x, noReg, noReg, ones);
        break;
      }
      if (fromBits != 32 && fromBits != 64)
        x = compute(source, sized(Op::SignExtendIn32, source), x, noReg, noReg, fromBits);
      if (source == Kind::Word && target == Kind::Pair)
        x = compute(Kind::Pair, Op::SignExtend32To64, x);
      if (toBits != 32 && toBits != 64)
        x = compute(target, sized(Op::ZeroExtendIn32, target), x, noReg, noReg, toBits);
      d[i].reg = x;
      break;
    }
    case Instruction::FPExt:
      x = toF32(x, from);
      d[i].reg = to->isDoubleTy() && !from->isDoubleTy() ? compute(Kind::Pair, Op::F32ToF64, x) : x;
      break;
    case Instruction::FPTrunc:
      if (from->isDoubleTy())
        emit(to->isFloatTy()  ? Op::F64ToF32
             : to->isHalfTy() ? Op::F64ToF16
                              : Op::F64ToBF16,
             d[i].reg, x);
      else
        d[i].reg = fromF32(x, to);
      break;
    case Instruction::SIToFP:
    case Instruction::UIToFP: {
      bool isSigned = inst.getOpcode() == Instruction::SIToFP;
      if (source == Kind::Bit)
        x = compute(Kind::Word, isSigned ? Op::SignExtend1To32 : Op::ZeroExtend1To32, x, noReg,
                    noReg, 0xFFFFFFFFu);
      else if (isSigned && fromBits != 32 && fromBits != 64)
        x = compute(source, sized(Op::SignExtendIn32, source), x, noReg, noReg, fromBits);
      bool wide = source == Kind::Pair;
      if (to->isDoubleTy())
        emit(isSigned ? pick(wide, Op::S32ToF64, Op::S64ToF64)
                      : pick(wide, Op::U32ToF64, Op::U64ToF64),
             d[i].reg, x);
      else if (to->isFloatTy())
        emit(isSigned ? pick(wide, Op::S32ToF32, Op::S64ToF32)
                      : pick(wide, Op::U32ToF32, Op::U64ToF32),
             d[i].reg, x);
      else {
        // Through f64, which holds 32-bit integers, so that only one step rounds.
        if (wide)
          return unsupported(inst);
        Reg v = compute(Kind::Pair, isSigned ? Op::S32ToF64 : Op::U32ToF64, x);
        emit(to->isHalfTy() ? Op::F64ToF16 : Op::F64ToBF16, d[i].reg, v);
      }
      break;
    }
    default: { // FPToSI, FPToUI
      bool isSigned = inst.getOpcode() == Instruction::FPToSI, wide = target == Kind::Pair;
      if (target == Kind::Bit)
        return unsupported(inst);
      x = toF32(x, from);
      bool narrow = toBits != 32 && toBits != 64;
      Reg v = narrow ? fresh(target) : d[i].reg;
      if (from->isDoubleTy())
        emit(isSigned ? pick(wide, Op::F64ToS32, Op::F64ToS64)
                      : pick(wide, Op::F64ToU32, Op::F64ToU64),
             v, x);
      else
        emit(isSigned ? pick(wide, Op::F32ToS32, Op::F32ToS64)
                      : pick(wide, Op::F32ToU32, Op::F32ToU64),
             v, x);
      if (narrow)
        emit(sized(Op::ZeroExtendIn32, target), d[i].reg, v, noReg, noReg, toBits);
      break;
    }
    }
  }
  values[&inst] = d;
  return true;
}

//===----------------------------------------------------------------------===//
// Ends of blocks
//===----------------------------------------------------------------------===//

bool Decoder::decodeTerminator(const Instruction &inst) {
  VirtualBlock &block = blocks[blockIndex[inst.getParent()]];
  if (isa<ReturnInst>(inst)) {
    emit(Op::Return);
    return true;
  }
  if (isa<UnreachableInst>(inst)) {
    emit(Op::Unreachable);
    return true;
  }
  program.branches.push_back(std::make_unique<Branch>());
  Branch &branch = *program.branches.back();
  auto edgeTo = [&](const BasicBlock *to) {
    block.edges.push_back({blockIndex[to], {}});
    branch.edges.emplace_back();
  };
  if (const auto *br = dyn_cast<BranchInst>(&inst)) {
    Reg condition = br->isConditional() ? one(br->getCondition()) : noReg;
    // By number: `successors()` does not promise that the true edge comes first.
    for (unsigned i = 0; i < br->getNumSuccessors(); ++i)
      edgeTo(br->getSuccessor(i));
    emit(br->isConditional() ? Op::CondBranch : Op::Jump, noReg, condition).branch = &branch;
    return true;
  }
  if (const auto *choice = dyn_cast<SwitchInst>(&inst)) {
    Component value = get(choice->getCondition()).front();
    if (value.kind == Kind::Bit)
      value = {compute(Kind::Word, Op::ZeroExtend1To32, value.reg), Kind::Word};
    branch.kind = value.kind;
    edgeTo(choice->getDefaultDest());
    for (const auto &entry : choice->cases()) {
      branch.cases.push_back(entry.getCaseValue()->getZExtValue());
      edgeTo(entry.getCaseSuccessor());
    }
    emit(Op::Switch, noReg, value.reg).branch = &branch;
    return true;
  }
  return unsupported(inst);
}
