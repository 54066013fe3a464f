//===- Vendor.cpp - NVIDIA's machines ------------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MmaForms.h"
#include "Ptx.h"

#include "../Core/Machine.h"
#include "../Decode/Decoder.h"

#include "llvm/IR/IntrinsicsNVPTX.h"

using namespace llvm;
using namespace tegula::sim;

namespace {
/// A row of Intrinsics.def.
struct Row {
  Op op;
  unsigned variant;
};
using Decode = bool (*)(Decoder &, const IntrinsicInst &, const Row &);
} // namespace

/// Names of variants, as rows write them.
namespace variants {
#define LAUNCH(Name) constexpr unsigned Name = static_cast<unsigned>(LaunchValue::Name);
LAUNCH(ThreadX)
LAUNCH(ThreadY)
LAUNCH(ThreadZ)
LAUNCH(BlockX)
LAUNCH(BlockY)
LAUNCH(BlockZ)
LAUNCH(BlockSizeX)
LAUNCH(BlockSizeY)
LAUNCH(BlockSizeZ)
LAUNCH(GridX)
LAUNCH(GridY)
LAUNCH(GridZ)
LAUNCH(Lane)
constexpr unsigned WarpNumber = static_cast<unsigned>(LaunchValue::Warp);
LAUNCH(WarpsPerBlock)
LAUNCH(WarpWidth)
LAUNCH(Clock)
#undef LAUNCH
#define ATOMIC(Name) constexpr unsigned Name = static_cast<unsigned>(AtomicOp::Name);
ATOMIC(Add)
ATOMIC(And)
ATOMIC(Or)
ATOMIC(Xor)
ATOMIC(SMin)
ATOMIC(SMax)
ATOMIC(UMin)
ATOMIC(UMax)
#undef ATOMIC
#define MMA(Name) constexpr unsigned Name = static_cast<unsigned>(MmaForm::Name);
MMA(M16N8K16BF16)
MMA(M16N8K8BF16)
MMA(M16N8K16F16)
MMA(M16N8K16F16F16)
MMA(M16N8K8F16)
MMA(M16N8K8F16F16)
MMA(M16N8K8TF32)
MMA(M16N8K4TF32)
MMA(M8N8K4F64)
MMA(M16N8K16S8)
MMA(M16N8K32S8)
MMA(M16N8K16U8)
MMA(M16N8K32U8)
MMA(M16N8K32E4M3)
MMA(M16N8K32E5M2)
#undef MMA
} // namespace variants

//===----------------------------------------------------------------------===//
// Forms
//===----------------------------------------------------------------------===//

static bool nothing(Decoder &, const IntrinsicInst &, const Row &) { return true; }

static bool launchValue(Decoder &d, const IntrinsicInst &call, const Row &row) {
  d.emit(row.op, d.define(call)[0].reg, noReg, noReg, noReg, row.variant);
  return true;
}

/// One operand, one result.
static bool approximate(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Type *from = call.getArgOperand(0)->getType(), *to = call.getType();
  if (from->isVectorTy() ||
      from->isDoubleTy() != (d.kindOf(d.one(call.getArgOperand(0))) == Kind::Pair))
    return false;
  Reg x = d.toF32(d.one(call.getArgOperand(0)), from);
  if (row.variant)
    x = d.compute(Kind::Word, Op::FFlush, x);
  if (row.op == Op::FExp2)
    d.emit(Op::CountExponential);
  Components result = d.define(call);
  bool half = from->isHalfTy() || from->isBFloatTy();
  if (!row.variant && !half) {
    d.emit(row.op, result[0].reg, x);
    return true;
  }
  x = d.compute(Kind::Word, row.op, x);
  if (row.variant)
    x = d.compute(Kind::Word, Op::FFlush, x);
  d.name(call, {{d.fromF32(x, to), Kind::Word}});
  return true;
}

/// Two or three operands of one float type.
static bool arithmetic(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Reg regs[3] = {noReg, noReg, noReg};
  for (unsigned i = 0; i < call.arg_size(); ++i) {
    regs[i] = d.one(call.getArgOperand(i));
    if (row.variant)
      regs[i] = d.compute(Kind::Word, Op::FFlush, regs[i]);
  }
  Components result = d.define(call);
  if (!row.variant) {
    d.emit(row.op, result[0].reg, regs[0], regs[1], regs[2]);
    return true;
  }
  Reg x = d.compute(Kind::Word, row.op, regs[0], regs[1], regs[2]);
  d.emit(Op::FFlush, result[0].reg, x);
  return true;
}

/// The same of 16-bit floats: a scalar, or pairs as vectors or words.
static bool arithmetic16(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Type *type = call.getType()->getScalarType();
  if (type->isIntegerTy())
    return false;
  SmallVector<Components, 3> in;
  for (const Use &operand : call.args())
    in.push_back(d.get(operand));
  bool fused = row.op == Op::FmaF16 || row.op == Op::FmaBF16;
  Components result = d.define(call);
  for (size_t i = 0; i < result.size(); ++i) {
    Reg regs[3] = {noReg, noReg, noReg};
    for (size_t k = 0; k < in.size(); ++k)
      regs[k] = fused ? in[k][i].reg : d.toF32(in[k][i].reg, type);
    if (fused)
      d.emit(row.op, result[i].reg, regs[0], regs[1], regs[2]);
    else
      result[i].reg = d.fromF32(d.compute(Kind::Word, row.op, regs[0], regs[1]), type);
  }
  d.name(call, result);
  return true;
}

static bool integer(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Reg regs[3] = {noReg, noReg, noReg};
  for (unsigned i = 0; i < call.arg_size(); ++i)
    regs[i] = d.one(call.getArgOperand(i));
  d.emit(row.op, d.define(call)[0].reg, regs[0], regs[1], regs[2]);
  return true;
}

/// The first operand goes to the high half.
static bool packFloats(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Reg halves[2];
  for (unsigned i = 0; i < 2; ++i) {
    Reg x = d.one(call.getArgOperand(i));
    if (row.variant == 2)
      x = d.compute(Kind::Word, Op::FMaximum32, x, d.constant(Kind::Word, 0));
    halves[i] = d.compute(Kind::Word, row.op, x);
  }
  if (call.getType()->isVectorTy()) {
    // Both as elements and as the word that they are.
    d.nameWords(call, {d.compute(Kind::Word, Op::Pack16, halves[1], halves[0])});
    return true;
  }
  d.emit(Op::Pack16, d.define(call)[0].reg, halves[1], halves[0]);
  return true;
}

static VirtualInst &withMembers(Decoder &d, VirtualInst &v, Reg members) {
  v.extra = std::make_unique<Extra>();
  v.in.push_back(members);
  return v;
}

static bool shuffle(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Reg regs[4];
  for (unsigned i = 0; i < 4; ++i)
    regs[i] = d.one(call.getArgOperand(i));
  Components result = d.define(call);
  VirtualInst &v =
      withMembers(d, d.emit(row.op, result[0].reg, regs[1], regs[2], regs[3]), regs[0]);
  if (row.variant)
    v.out.push_back(result[1].reg);
  return true;
}

static bool vote(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Reg members = d.one(call.getArgOperand(0));
  Component value = d.get(call.getArgOperand(1)).front();
  Components result = d.define(call);
  VirtualInst &v = withMembers(d, d.emit(row.op, result[0].reg, value.reg), members);
  v.extra->kind = value.kind;
  if (row.variant)
    v.out.push_back(result[1].reg);
  return true;
}

static bool reduce(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Reg value = d.one(call.getArgOperand(0)), members = d.one(call.getArgOperand(1));
  VirtualInst &v = withMembers(d, d.emit(row.op, d.define(call)[0].reg, value), members);
  v.extra->variant = row.variant;
  return true;
}

static bool elect(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Reg members = d.one(call.getArgOperand(0));
  Components result = d.define(call);
  withMembers(d, d.emit(row.op, result[0].reg), members).out.push_back(result[1].reg);
  return true;
}

static bool activeMask(Decoder &d, const IntrinsicInst &call, const Row &) {
  // A ballot of a bit that is set, among whoever is here.
  d.emit(Op::ActiveMask, d.define(call)[0].reg);
  return true;
}

static bool warpSync(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Reg members = d.one(call.getArgOperand(0));
  withMembers(d, d.emit(row.op), members);
  return true;
}

static bool barrier(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Reg index = d.one(call.getArgOperand(0));
  Reg threads = call.arg_size() > 1 ? d.one(call.getArgOperand(1)) : noReg;
  d.emit(row.op, noReg, index, threads, noReg, row.variant);
  return true;
}

static bool barrierReduce(Decoder &d, const IntrinsicInst &call, const Row &row) {
  bool count = call.arg_size() > 2;
  Reg index = d.one(call.getArgOperand(0)), threads = count ? d.one(call.getArgOperand(1)) : noReg,
      predicate = d.one(call.getArgOperand(count ? 2 : 1));
  VirtualInst &v = d.emit(row.op, d.define(call)[0].reg, index, threads, predicate, 1);
  v.extra = std::make_unique<Extra>();
  v.extra->variant = row.variant;
  return true;
}

static bool copy(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Component to = d.get(call.getArgOperand(0)).front();
  Reg from = d.one(call.getArgOperand(1));
  Reg size = call.arg_size() > 2 ? d.one(call.getArgOperand(2)) : noReg;
  VirtualInst &v = d.emit(row.op, noReg, to.reg, from, size);
  v.extra = std::make_unique<Extra>();
  v.extra->space = d.spaceOf(call.getArgOperand(0));
  v.count = v.align = static_cast<uint8_t>(row.variant);
  v.shortAddress = to.kind == Kind::Word;
  return true;
}

static bool copyCommit(Decoder &d, const IntrinsicInst &, const Row &row) {
  d.emit(row.op);
  return true;
}

static bool copyWait(Decoder &d, const IntrinsicInst &call, const Row &row) {
  uint64_t pending = ~uint64_t(0);
  if (!row.variant) {
    std::optional<int64_t> count = Decoder::constantOf(call.getArgOperand(0));
    if (!count)
      return false;
    pending = *count;
  }
  d.emit(row.op, noReg, noReg, noReg, noReg, pending);
  return true;
}

static bool loadMatrix(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Component from = d.get(call.getArgOperand(0)).front();
  Components result = d.define(call);
  VirtualInst &v = d.emit(row.op, noReg, from.reg);
  for (const Component &c : result)
    v.out.push_back(c.reg);
  v.extra = std::make_unique<Extra>();
  v.extra->variant = row.variant;
  v.extra->space = d.spaceOf(call.getArgOperand(0));
  v.align = 16;
  v.shortAddress = from.kind == Kind::Word;
  return true;
}

static bool storeMatrix(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Component to = d.get(call.getArgOperand(0)).front();
  SmallVector<Reg, 4> values;
  for (unsigned i = 1; i < call.arg_size(); ++i)
    values.push_back(d.one(call.getArgOperand(i)));
  VirtualInst &v = d.emit(row.op, noReg, to.reg);
  v.in.assign(values.begin(), values.end());
  v.extra = std::make_unique<Extra>();
  v.extra->variant = row.variant;
  v.extra->space = d.spaceOf(call.getArgOperand(0));
  v.align = 16;
  v.shortAddress = to.kind == Kind::Word;
  return true;
}

static bool mma(Decoder &d, const IntrinsicInst &call, const Row &row) {
  const MmaShape &shape = mmaShapes[row.variant];
  std::vector<Reg> in, out;
  for (const Use &operand : call.args()) {
    if (shape.element == MmaElement::F64) {
      in.push_back(d.one(operand));
      continue;
    }
    for (Reg word : d.words(operand))
      in.push_back(word);
  }
  if (in.size() != shape.a + shape.b + shape.c)
    return false;
  if (shape.halfResult) {
    for (unsigned i = 0; i < shape.c; ++i)
      out.push_back(d.fresh(Kind::Word));
  } else {
    for (const Component &c : d.define(call))
      out.push_back(c.reg);
  }
  VirtualInst &v = d.emit(row.op);
  v.in = in;
  v.out = out;
  v.extra = std::make_unique<Extra>();
  v.extra->variant = row.variant;
  v.extra->counter = d.counter(shape.name);
  if (shape.halfResult)
    d.nameWords(call, out);
  return true;
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

/// The space that an address cast intrinsic, or a query, is about.
static bool decodeAddress(Decoder &d, const IntrinsicInst &call) {
  switch (call.getIntrinsicID()) {
  case Intrinsic::nvvm_isspacep_shared:
  case Intrinsic::nvvm_isspacep_local:
  case Intrinsic::nvvm_isspacep_global: {
    uint64_t window = call.getIntrinsicID() == Intrinsic::nvvm_isspacep_shared  ? sharedWindow
                      : call.getIntrinsicID() == Intrinsic::nvvm_isspacep_local ? localWindow
                                                                                : 0;
    Reg address = d.one(call.getArgOperand(0));
    Reg result = d.define(call)[0].reg;
    if (!window) {
      d.emit(Op::CmpUle64, result, d.constant(Kind::Pair, uint64_t(1) << regionShift), address);
      return true;
    }
    Reg inside = d.compute(Kind::Pair, Op::AddImm64, address, noReg, noReg, -window);
    d.emit(Op::CmpUlt64, result, inside, d.constant(Kind::Pair, windowSize));
    return true;
  }
  default:
    return false;
  }
}

static bool decodeNvvmIntrinsic(Decoder &decoder, const IntrinsicInst &call) {
  switch (call.getIntrinsicID()) {
#define NVVM(Id, Form, OpName, Variant, Section, Evidence)                                         \
  case Intrinsic::Id: {                                                                            \
    using namespace variants;                                                                      \
    Row row = {Op::OpName, Variant};                                                               \
    Decode decode = &Form;                                                                         \
    return decode(decoder, call, row);                                                             \
  }
#include "Intrinsics.def"
  default:
    return decodeAddress(decoder, call);
  }
}

const Vendor tegula::sim::nvvmVendor = {"NVIDIA", decodeNvvmIntrinsic, decodePtx};
