//===- Vendor.cpp - AMD's machines ---------------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MfmaForms.h"

#include "../Core/Machine.h"
#include "../Decode/Decoder.h"

#include "llvm/IR/IntrinsicsAMDGPU.h"

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
#undef LAUNCH
#define MFMA(Name) constexpr unsigned Name = static_cast<unsigned>(MfmaForm::Name);
MFMA(F32M32N32K8F16)
MFMA(F32M16N16K16F16)
MFMA(F32M32N32K8BF16)
MFMA(F32M16N16K16BF16)
MFMA(F32M32N32K2F32)
MFMA(F32M16N16K4F32)
MFMA(F32M32N32K16F16)
MFMA(F32M16N16K32F16)
MFMA(F32M32N32K16BF16)
MFMA(F32M16N16K32BF16)
MFMA(F64M16N16K4F64)
#undef MFMA
} // namespace variants

//===----------------------------------------------------------------------===//
// Forms
//===----------------------------------------------------------------------===//

static bool nothing(Decoder &, const IntrinsicInst &, const Row &) { return true; }

static bool plain(Decoder &d, const IntrinsicInst &, const Row &row) {
  d.emit(row.op);
  return true;
}

static bool launchValue(Decoder &d, const IntrinsicInst &call, const Row &row) {
  d.emit(row.op, d.define(call)[0].reg, noReg, noReg, noReg, row.variant);
  return true;
}

/// One operand of f32 or f16, one result.
static bool approximate(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Type *type = call.getType();
  if (!type->isFloatTy() && !type->isHalfTy())
    return false;
  Reg x = d.toF32(d.one(call.getArgOperand(0)), type);
  if (row.op == Op::FExp2)
    d.emit(Op::CountExponential);
  if (type->isFloatTy()) {
    d.emit(row.op, d.define(call)[0].reg, x);
    return true;
  }
  d.name(call, {{d.fromF32(d.compute(Kind::Word, row.op, x), type), Kind::Word}});
  return true;
}

/// The first operand goes to the low half.
static bool packFloats(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Reg halves[2];
  for (unsigned i = 0; i < 2; ++i)
    halves[i] = d.compute(Kind::Word, row.op, d.one(call.getArgOperand(i)));
  d.nameWords(call, {d.compute(Kind::Word, Op::Pack16, halves[0], halves[1])});
  return true;
}

static bool binary(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Reg a = d.one(call.getArgOperand(0)), b = d.one(call.getArgOperand(1));
  d.emit(row.op, d.define(call)[0].reg, a, b);
  return true;
}

/// Bytes 0 to 3 of a selector are those of the second operand, 4 to 7 of the first. Others
/// (signs and constants) are not modelled.
static bool permuteBytes(Decoder &d, const IntrinsicInst &call, const Row &row) {
  std::optional<int64_t> selector = Decoder::constantOf(call.getArgOperand(2));
  if (!selector)
    return false;
  uint64_t nibbles = 0;
  for (unsigned i = 0; i < 4; ++i) {
    uint64_t byte = (static_cast<uint64_t>(*selector) >> (8 * i)) & 0xFF;
    if (byte > 7)
      return false;
    nibbles |= byte << (4 * i);
  }
  Reg high = d.one(call.getArgOperand(0)), low = d.one(call.getArgOperand(1));
  d.emit(row.op, d.define(call)[0].reg, low, high, d.constant(Kind::Word, nibbles));
  return true;
}

/// The words of a value that moves between lanes; others than of 32 and 64 bits, and pairs
/// of 16, are not modelled.
static bool isMovable(Type *type) {
  unsigned bits = type->getPrimitiveSizeInBits();
  return type->isPointerTy() || ((bits == 32 || bits == 64) && !type->isAggregateType());
}

/// Applies `make` to each word of `value`; the result of the call is the words it returns.
template <typename Make>
static bool moveWords(Decoder &d, const IntrinsicInst &call, const Value *value, Make make) {
  if (!isMovable(call.getType()))
    return false;
  Components from = d.get(value);
  if (from.size() == 1 && from[0].kind == Kind::Pair) {
    Reg low = make(d.compute(Kind::Word, Op::Low32, from[0].reg), 0u);
    Reg high = make(d.compute(Kind::Word, Op::High32, from[0].reg), 1u);
    d.name(call, {{d.compute(Kind::Pair, Op::Pack32, low, high), Kind::Pair}});
    return true;
  }
  if (from.size() == 1) {
    d.name(call, {{make(from[0].reg, 0u), Kind::Word}});
    return true;
  }
  SmallVector<Reg, 4> moved;
  for (auto [i, word] : enumerate(d.words(value)))
    moved.push_back(make(word, static_cast<unsigned>(i)));
  d.nameWords(call, moved);
  return true;
}

static bool readLane(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Reg lane = row.variant ? d.one(call.getArgOperand(1)) : noReg;
  return moveWords(d, call, call.getArgOperand(0),
                   [&](Reg word, unsigned) { return d.compute(Kind::Word, row.op, word, lane); });
}

static bool ballot(Decoder &d, const IntrinsicInst &call, const Row &row) {
  if (d.program.width == 64 && !call.getType()->isIntegerTy(64))
    return d.unsupported(call, "a ballot of fewer bits than a wave has lanes");
  Reg predicate = d.one(call.getArgOperand(0));
  d.emit(row.op, d.define(call)[0].reg, predicate, noReg, noReg, call.getType()->isIntegerTy(64));
  return true;
}

/// (old, source, control, row mask, bank mask, bound) or the same without `old`.
static bool dpp(Decoder &d, const IntrinsicInst &call, const Row &row) {
  unsigned first = row.variant ? 0 : 1;
  uint64_t imm = 0;
  constexpr unsigned shifts[] = {0, 16, 20, 24};
  for (unsigned i = 0; i < 4; ++i) {
    std::optional<int64_t> value = Decoder::constantOf(call.getArgOperand(first + 1 + i));
    if (!value)
      return false;
    imm |= (static_cast<uint64_t>(*value) & (i ? 15 : 0xFFFF)) << shifts[i];
  }
  unsigned control = imm & 0xFFFF, group = control >> 4;
  bool isKnown = control <= 0xFF || (group >= 0x10 && group <= 0x12 && (control & 15)) ||
                 control == 0x130 || control == 0x134 || control == 0x138 || control == 0x13C ||
                 (control >= 0x140 && control <= 0x143) || group == 0x15;
  if (!isKnown)
    return d.unsupported(call, "this DPP control is not modelled");
  imm = (imm & ~(uint64_t(1) << 24)) | (uint64_t((imm >> 24) & 1) << 24);
  SmallVector<Reg, 4> old;
  if (!row.variant) {
    Components before = d.get(call.getArgOperand(0));
    if (before.size() == 1 && before[0].kind == Kind::Pair)
      old = {d.compute(Kind::Word, Op::Low32, before[0].reg),
             d.compute(Kind::Word, Op::High32, before[0].reg)};
    else if (before.size() == 1)
      old = {before[0].reg};
    else
      old = d.words(call.getArgOperand(0));
  }
  return moveWords(d, call, call.getArgOperand(first), [&](Reg word, unsigned i) {
    Reg before = row.variant ? d.undefinedReg(Kind::Word) : old[i];
    return d.compute(Kind::Word, row.op, before, word, noReg, imm);
  });
}

static bool permute(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Reg lane = d.one(call.getArgOperand(0));
  return moveWords(d, call, call.getArgOperand(1),
                   [&](Reg word, unsigned) { return d.compute(Kind::Word, row.op, lane, word); });
}

static bool swizzle(Decoder &d, const IntrinsicInst &call, const Row &row) {
  std::optional<int64_t> pattern = Decoder::constantOf(call.getArgOperand(1));
  if (!pattern)
    return false;
  Reg from = d.one(call.getArgOperand(0));
  d.emit(row.op, d.define(call)[0].reg, from, noReg, noReg, *pattern & 0xFFFF);
  return true;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// (base, stride, number of records, flags): two pairs, the second the number of bytes.
static bool makeDescriptor(Decoder &d, const IntrinsicInst &call, const Row &) {
  std::optional<int64_t> stride = Decoder::constantOf(call.getArgOperand(1));
  if (!stride || *stride)
    return d.unsupported(call, "descriptors with a stride are not modelled");
  if (call.getType()->getPointerAddressSpace() != 8)
    return d.unsupported(call, "fat pointers are not modelled");
  Component base = d.get(call.getArgOperand(0)).front();
  Component records = d.get(call.getArgOperand(2)).front();
  if (records.kind == Kind::Word)
    records.reg = d.compute(Kind::Pair, Op::ZeroExtend32To64, records.reg);
  d.name(call, {{base.reg, Kind::Pair}, {records.reg, Kind::Pair}});
  return true;
}

/// How components of a buffer access lie in memory: 16-bit pairs move as words.
static unsigned componentBytes(Type *type) {
  unsigned bits = type->getScalarType()->getPrimitiveSizeInBits();
  if (bits != 8 && bits != 16 && bits != 32)
    return 0;
  auto *vector = dyn_cast<FixedVectorType>(type);
  if (vector && bits < 32)
    return vector->getNumElements() * bits % 32 ? 0 : 4;
  return bits / 8;
}

/// Emits an access of `bytes` a component at (descriptor, voffset, soffset).
static VirtualInst &bufferAccess(Decoder &d, const IntrinsicInst &call, unsigned first, Op op,
                                 unsigned bytes) {
  Components descriptor = d.get(call.getArgOperand(first));
  Reg lane = d.one(call.getArgOperand(first + 1)), all = d.one(call.getArgOperand(first + 2));
  VirtualInst &v = d.emit(op, noReg, descriptor[0].reg, descriptor[1].reg, lane);
  v.in = {all};
  v.extra = std::make_unique<Extra>();
  v.extra->variant = bytes;
  v.align = static_cast<uint8_t>(bytes);
  return v;
}

static bool bufferLoad(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Type *type = call.getType();
  unsigned bytes = componentBytes(type);
  if (!bytes)
    return false;
  std::vector<Reg> out;
  bool isPacked = bytes == 4 && type->getScalarType()->getPrimitiveSizeInBits() < 32;
  if (isPacked)
    for (unsigned i = 0; i < type->getPrimitiveSizeInBits() / 32; ++i)
      out.push_back(d.fresh(Kind::Word));
  else
    for (const Component &c : d.define(call))
      out.push_back(c.reg);
  bufferAccess(d, call, 0, row.op, bytes).out = out;
  if (isPacked)
    d.nameWords(call, out);
  return true;
}

static bool bufferStore(Decoder &d, const IntrinsicInst &call, const Row &row) {
  unsigned bytes = componentBytes(call.getArgOperand(0)->getType());
  if (!bytes)
    return false;
  SmallVector<Reg, 4> values;
  if (bytes == 4)
    values = d.words(call.getArgOperand(0));
  else
    values = {d.one(call.getArgOperand(0))};
  VirtualInst &v = bufferAccess(d, call, 1, row.op, bytes);
  v.in.insert(v.in.end(), values.begin(), values.end());
  return true;
}

/// A copy of `size` bytes a lane; null operands mean that the machine has none.
static bool copyToShared(Decoder &d, const IntrinsicInst &call, const Row &row, const Value *to,
                         unsigned sizeAt, unsigned offsetAt, Reg from, std::vector<Reg> in) {
  std::optional<int64_t> size = Decoder::constantOf(call.getArgOperand(sizeAt));
  std::optional<int64_t> offset = Decoder::constantOf(call.getArgOperand(offsetAt));
  if (!size || !offset || (*size != 4 && *size != 12 && *size != 16))
    return d.unsupported(call, "copies to shared memory of this size are not modelled");
  Component destination = d.get(to).front();
  VirtualInst &v =
      d.emit(row.op, noReg, destination.reg, from, noReg, static_cast<uint64_t>(*offset));
  v.in = std::move(in);
  v.extra = std::make_unique<Extra>();
  v.count = static_cast<uint8_t>(*size);
  v.align = 4;
  v.shortAddress = destination.kind == Kind::Word;
  return true;
}

/// (descriptor, destination, size, voffset, soffset, offset, aux)
static bool bufferToShared(Decoder &d, const IntrinsicInst &call, const Row &row) {
  Components descriptor = d.get(call.getArgOperand(0));
  Reg lane = d.one(call.getArgOperand(3)), all = d.one(call.getArgOperand(4));
  return copyToShared(d, call, row, call.getArgOperand(1), 2, 5, descriptor[0].reg,
                      {descriptor[1].reg, lane, all});
}

/// (address, destination, size, offset, aux)
static bool globalToShared(Decoder &d, const IntrinsicInst &call, const Row &row) {
  return copyToShared(d, call, row, call.getArgOperand(1), 2, 3, d.one(call.getArgOperand(0)), {});
}

/// The counter of operations on memory in the encoding of gfx9: bits 3:0 and 15:14.
static bool waitCount(Decoder &d, const IntrinsicInst &call, const Row &row) {
  std::optional<int64_t> encoded = Decoder::constantOf(call.getArgOperand(0));
  if (!encoded)
    return false;
  uint64_t count = (*encoded & 15) | ((*encoded >> 14) & 3) << 4;
  if (count < 63) // all ones: no wait
    d.emit(row.op, noReg, noReg, noReg, noReg, count);
  return true;
}

static bool mfma(Decoder &d, const IntrinsicInst &call, const Row &row) {
  const MfmaShape &shape = mfmaShapes[row.variant];
  for (unsigned i = 3; i < 6; ++i)
    if (Decoder::constantOf(call.getArgOperand(i)) != 0)
      return d.unsupported(call, "broadcasts and permutations of blocks are not modelled");
  std::vector<Reg> in, out;
  for (unsigned i = 0; i < 3; ++i) {
    const Value *operand = call.getArgOperand(i);
    if (shape.element == MfmaElement::F64)
      for (const Component &c : d.get(operand))
        in.push_back(c.reg);
    else
      for (Reg word : d.words(operand))
        in.push_back(word);
  }
  if (in.size() != 2 * shape.a + shape.c)
    return false;
  for (const Component &c : d.define(call))
    out.push_back(c.reg);
  VirtualInst &v = d.emit(row.op);
  v.in = in;
  v.out = out;
  v.extra = std::make_unique<Extra>();
  v.extra->variant = row.variant;
  v.extra->counter = d.counter(shape.name);
  return true;
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static bool decodeAmdIntrinsic(Decoder &decoder, const IntrinsicInst &call) {
  switch (call.getIntrinsicID()) {
#define AMD(Id, Form, OpName, Variant, Section, Evidence)                                          \
  case Intrinsic::Id: {                                                                            \
    using namespace variants;                                                                      \
    Row row = {Op::OpName, Variant};                                                               \
    Decode decode = &Form;                                                                         \
    return decode(decoder, call, row);                                                             \
  }
#include "Intrinsics.def"
  default:
    return false;
  }
}

/// Nothing that we make for these machines has assembly in it.
static bool decodeAssembly(Decoder &, const CallInst &) { return false; }

const Vendor tegula::sim::amdgpuVendor = {"AMD", decodeAmdIntrinsic, decodeAssembly};
