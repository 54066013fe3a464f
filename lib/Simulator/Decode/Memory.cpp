//===- Memory.cpp - Addresses, loads, stores, and values as bits ---------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/IR/Operator.h"

using namespace llvm;
using namespace tegula::sim;

bool Decoder::decodeGep(const GetElementPtrInst &inst) {
  Components bases = get(inst.getPointerOperand());
  if (bases.size() != 1 || inst.getType()->isVectorTy())
    return unsupported(inst, "vectors of addresses are not modelled");
  unsigned bits = layout.getIndexTypeSizeInBits(inst.getType());
  SmallMapVector<Value *, APInt, 4> variables;
  APInt constant(bits, 0);
  if (!inst.collectOffset(layout, bits, variables, constant))
    return unsupported(inst);
  Kind kind = bases[0].kind;
  Reg address = bases[0].reg;
  for (auto &[value, scale] : variables) {
    Component index = get(value).front();
    unsigned width = value->getType()->getIntegerBitWidth();
    if (index.kind != Kind::Bit && width != 32 && width != 64)
      index.reg = compute(index.kind, sized(Op::SignExtendIn32, index.kind), index.reg, noReg,
                          noReg, width);
    if (index.kind == Kind::Bit)
      index = {compute(Kind::Word, Op::SignExtend1To32, index.reg, noReg, noReg, 0xFFFFFFFFu),
               Kind::Word};
    Op op = Op::Index32;
    if (kind == Kind::Pair)
      op = index.kind == Kind::Pair ? Op::Index64 : Op::Index64By32;
    else if (index.kind == Kind::Pair)
      index.reg = compute(Kind::Word, Op::Truncate64To32, index.reg);
    address =
        compute(kind, op, address, index.reg, noReg, static_cast<uint64_t>(scale.getSExtValue()));
  }
  if (!constant.isZero())
    address = compute(kind, sized(Op::AddImm32, kind), address, noReg, noReg,
                      static_cast<uint64_t>(constant.getSExtValue()));
  name(inst, {{address, kind}});
  return true;
}

Space Decoder::spaceOf(const Value *pointer) const {
  switch (pointer->getType()->getPointerAddressSpace()) {
  case 1:
  case 4:
    return Space::Global;
  case 3:
    return Space::Shared;
  case 5:
    return Space::Local;
  default:
    return Space::Generic;
  }
}

VirtualInst &Decoder::memory(bool store, Space space, unsigned bits, Reg address, bool shortAddress,
                             uint64_t offset, Align align, ArrayRef<Reg> regs) {
  constexpr Op first[] = {Op::LoadGeneric8, Op::LoadGlobal8, Op::LoadShared8, Op::LoadLocal8};
  unsigned op = static_cast<unsigned>(first[static_cast<unsigned>(space)]) + (store ? 4 : 0) +
                Log2_32(bits / 8);
  VirtualInst &v = emit(static_cast<Op>(op), noReg, address, noReg, noReg, offset);
  v.count = static_cast<uint8_t>(regs.size());
  v.align = static_cast<uint8_t>(std::min<uint64_t>(align.value(), 128));
  v.shortAddress = shortAddress;
  if (regs.size() == 1) {
    (store ? v.b : v.d) = regs[0];
  } else {
    v.extra = std::make_unique<Extra>();
    (store ? v.in : v.out).assign(regs.begin(), regs.end());
  }
  return v;
}

bool Decoder::decodeLoadStore(const Instruction &inst) {
  if (const auto *alloca = dyn_cast<AllocaInst>(&inst)) {
    std::optional<TypeSize> size = alloca->getAllocationSize(layout);
    if (!size || !alloca->isStaticAlloca())
      return unsupported(inst, "private memory of a size that is not known here is not modelled");
    program.local = alignTo(program.local, std::max<uint64_t>(alloca->getAlign().value(), 8));
    // The generic address; the private space itself counts from 0.
    uint64_t window = alloca->getAddressSpace() == 5 ? 0 : uint64_t(2) << 32;
    Kind kind = *kindOf(inst.getType());
    name(inst, {{constant(kind, window + program.local), kind}});
    program.local = alignTo(program.local + size->getFixedValue(), 8);
    return true;
  }
  const Value *pointer = getLoadStorePointerOperand(&inst);
  Align align = getLoadStoreAlignment(&inst);
  Type *type = getLoadStoreType(&inst);
  bool store = isa<StoreInst>(inst);
  Component address = get(pointer).front();
  Space space = spaceOf(pointer);
  bool shortAddress = address.kind == Kind::Word;
  Type *element = type->getScalarType();
  if (type->isAggregateType() || (isa<FixedVectorType>(type) && element->isIntegerTy(1)))
    return unsupported(inst, "loads and stores of this type are not modelled");

  unsigned bits = layout.getTypeSizeInBits(element);
  unsigned stored = layout.getTypeStoreSizeInBits(element);
  if (!isPowerOf2_32(stored))
    return unsupported(inst, "loads and stores of this width are not modelled");
  Components values = store ? get(inst.getOperand(0)) : define(inst);
  SmallVector<Reg> regs;
  for (Component &value : values) {
    Reg reg = value.reg;
    // A bit is a byte in memory.
    if (value.kind == Kind::Bit)
      reg = store ? compute(Kind::Word, Op::ZeroExtend1To32, reg) : fresh(Kind::Word);
    regs.push_back(reg);
  }
  // A vector of 16-bit elements moves as words where that is possible.
  unsigned size = regs.size() * stored / 8;
  if (size > 64)
    return unsupported(inst, "loads and stores of this width are not modelled");
  if (stored == 16 && regs.size() > 1 && regs.size() % 2 == 0 && align.value() >= 4) {
    SmallVector<Reg, 4> whole;
    if (store) {
      whole = words(inst.getOperand(0));
    } else {
      for (size_t i = 0; i < regs.size() / 2; ++i)
        whole.push_back(fresh(Kind::Word));
    }
    memory(store, space, 32, address.reg, shortAddress, 0, align, whole);
    if (!store)
      nameWords(inst, whole);
    return true;
  }
  memory(store, space, stored, address.reg, shortAddress, 0, align, regs);
  if (!store && values[0].kind == Kind::Bit)
    emit(Op::TruncateTo132, values[0].reg, regs[0]);
  else if (!store && bits != stored)
    return unsupported(inst, "loads and stores of this width are not modelled");
  return true;
}

bool Decoder::decodeAtomic(const Instruction &inst) {
  const Value *pointer = inst.getOperand(0);
  Component address = get(pointer).front();
  auto extra = std::make_unique<Extra>();
  extra->space = spaceOf(pointer);
  Type *type = inst.getOperand(1)->getType();
  std::optional<Kind> kind = type->isVectorTy() ? std::nullopt : kindOf(type);
  if (!kind || *kind == Kind::Bit)
    return unsupported(inst);
  extra->kind = *kind;
  AtomicOp op;
  Reg c = noReg;
  unsigned bytes = layout.getTypeStoreSize(type);
  if (const auto *exchange = dyn_cast<AtomicCmpXchgInst>(&inst)) {
    op = AtomicOp::CompareExchange;
    c = one(exchange->getNewValOperand());
  } else {
    switch (cast<AtomicRMWInst>(inst).getOperation()) {
    case AtomicRMWInst::Xchg:
      op = AtomicOp::Exchange;
      break;
    case AtomicRMWInst::Add:
      op = AtomicOp::Add;
      break;
    case AtomicRMWInst::Sub:
      op = AtomicOp::Sub;
      break;
    case AtomicRMWInst::And:
      op = AtomicOp::And;
      break;
    case AtomicRMWInst::Nand:
      op = AtomicOp::Nand;
      break;
    case AtomicRMWInst::Or:
      op = AtomicOp::Or;
      break;
    case AtomicRMWInst::Xor:
      op = AtomicOp::Xor;
      break;
    case AtomicRMWInst::Max:
      op = AtomicOp::SMax;
      break;
    case AtomicRMWInst::Min:
      op = AtomicOp::SMin;
      break;
    case AtomicRMWInst::UMax:
      op = AtomicOp::UMax;
      break;
    case AtomicRMWInst::UMin:
      op = AtomicOp::UMin;
      break;
    case AtomicRMWInst::UIncWrap:
      op = AtomicOp::Increment;
      break;
    case AtomicRMWInst::UDecWrap:
      op = AtomicOp::Decrement;
      break;
    case AtomicRMWInst::FAdd:
      op = AtomicOp::FAdd;
      break;
    case AtomicRMWInst::FSub:
      op = AtomicOp::FSub;
      break;
    case AtomicRMWInst::FMax:
      op = AtomicOp::FMax;
      break;
    case AtomicRMWInst::FMin:
      op = AtomicOp::FMin;
      break;
    default:
      return unsupported(inst);
    }
    if (type->isFloatingPointTy() && bytes < 4)
      return unsupported(inst, "atomic operations on 16-bit floats are not modelled");
  }
  extra->variant = static_cast<unsigned>(op);
  Components d = define(inst);
  VirtualInst &v = emit(Op::Atomic, d[0].reg, address.reg, one(inst.getOperand(1)), c);
  if (d.size() > 1)
    v.out.push_back(d[1].reg);
  v.extra = std::move(extra);
  v.count = static_cast<uint8_t>(bytes);
  v.align = static_cast<uint8_t>(bytes);
  v.shortAddress = address.kind == Kind::Word;
  return true;
}

//===----------------------------------------------------------------------===//
// Values as bits
//===----------------------------------------------------------------------===//

/// The bits of a value in words of 32, first word first.
SmallVector<Reg, 4> Decoder::packWords(Type *type, ArrayRef<Component> components) {
  SmallVector<Reg, 4> result;
  unsigned bits = layout.getTypeSizeInBits(type->getScalarType());
  if (bits == 32) {
    for (const Component &c : components)
      result.push_back(c.reg);
  } else if (bits == 64) {
    for (const Component &c : components) {
      result.push_back(compute(Kind::Word, Op::Low32, c.reg));
      result.push_back(compute(Kind::Word, Op::High32, c.reg));
    }
  } else {
    // 8- and 16-bit elements: put together from the top down.
    unsigned per = 32 / bits;
    for (size_t i = 0; i < components.size(); i += per) {
      size_t last = std::min<size_t>(i + per, components.size()) - 1;
      Reg word = components[last].reg;
      for (size_t k = last; k-- > i;) {
        if (bits == 16) {
          word = compute(Kind::Word, Op::Pack16, components[k].reg, word);
          continue;
        }
        Reg shifted = compute(Kind::Word, Op::Shl32, word, constant(Kind::Word, bits), noReg, 32);
        word = compute(Kind::Word, Op::Or32, shifted, components[k].reg);
      }
      result.push_back(word);
    }
  }
  return result;
}

Components Decoder::unpackWords(Type *type, ArrayRef<Reg> from) {
  Components result;
  unsigned bits = layout.getTypeSizeInBits(type->getScalarType());
  unsigned count = layout.getTypeSizeInBits(type) / bits;
  for (unsigned i = 0; i < count; ++i) {
    if (bits == 64) {
      result.push_back({compute(Kind::Pair, Op::Pack32, from[2 * i], from[2 * i + 1]), Kind::Pair});
    } else if (bits == 32) {
      result.push_back({from[i], Kind::Word});
    } else if (bits == 16) {
      result.push_back(
          {compute(Kind::Word, i % 2 ? Op::High16 : Op::Low16, from[i / 2]), Kind::Word});
    } else {
      unsigned at = i % 4 * 8;
      Reg shifted =
          at ? compute(Kind::Word, Op::LShr32, from[i / 4], constant(Kind::Word, at), noReg, 32)
             : from[i / 4];
      result.push_back(
          {compute(Kind::Word, Op::ZeroExtendIn32, shifted, noReg, noReg, 8), Kind::Word});
    }
  }
  return result;
}

/// Whether a value is a whole number of elements of 8, 16, 32 or 64 bits.
static bool hasWords(const DataLayout &layout, Type *type) {
  uint64_t bits = layout.getTypeSizeInBits(type->getScalarType());
  return bits == 8 || bits == 16 || bits == 32 || bits == 64;
}

SmallVector<Reg, 4> Decoder::words(const Value *value) {
  auto it = packed.find(value);
  if (it != packed.end())
    return it->second;
  Type *type = value->getType();
  if (!hasWords(layout, type)) {
    failed = true;
    return SmallVector<Reg, 4>(8, undefinedReg(Kind::Word));
  }
  return packWords(type, get(value));
}

void Decoder::nameWords(const Instruction &inst, ArrayRef<Reg> from) {
  // Unpacked at once; whoever wants the words gets them, and then nobody uses the rest.
  packed[&inst] = SmallVector<Reg, 4>(from.begin(), from.end());
  Components components;
  SmallVector<Type *> fields = {inst.getType()};
  if (auto *aggregate = dyn_cast<StructType>(inst.getType()))
    fields.assign(aggregate->element_begin(), aggregate->element_end());
  for (Type *field : fields) {
    unsigned count = std::max<uint64_t>(layout.getTypeSizeInBits(field) / 32, 1);
    components.append(unpackWords(field, from.take_front(count)));
    from = from.drop_front(count);
  }
  values[&inst] = components;
}

bool Decoder::decodeBitcast(const Instruction &inst) {
  Type *from = inst.getOperand(0)->getType(), *to = inst.getType();
  uint64_t fromBits = layout.getTypeSizeInBits(from->getScalarType());
  uint64_t toBits = layout.getTypeSizeInBits(to->getScalarType());
  if (fromBits == toBits) {
    name(inst, get(inst.getOperand(0)));
    auto it = packed.find(inst.getOperand(0));
    if (it != packed.end()) {
      SmallVector<Reg, 4> copy = it->second;
      packed[&inst] = std::move(copy);
    }
    return true;
  }
  if (!hasWords(layout, from) || !hasWords(layout, to))
    return unsupported(inst, "a bit cast between these types is not modelled");
  nameWords(inst, words(inst.getOperand(0)));
  return true;
}

bool Decoder::decodeVector(const Instruction &inst) {
  switch (inst.getOpcode()) {
  case Instruction::ExtractValue: {
    const auto &extract = cast<ExtractValueInst>(inst);
    Components from = get(extract.getAggregateOperand());
    unsigned first = fieldIndex(extract.getAggregateOperand()->getType(), extract.getIndices());
    name(inst, Components(from.begin() + first, from.begin() + first + fieldCount(inst.getType())));
    // A packed field of a result stays packed.
    auto it = packed.find(extract.getAggregateOperand());
    if (it != packed.end() && extract.getNumIndices() == 1 &&
        isa<FixedVectorType>(inst.getType())) {
      unsigned each = layout.getTypeSizeInBits(inst.getType()) / 32;
      SmallVector<Reg, 4> part(it->second.begin() + extract.getIndices()[0] * each,
                               it->second.begin() + (extract.getIndices()[0] + 1) * each);
      packed[&inst] = std::move(part);
    }
    return true;
  }
  case Instruction::InsertValue: {
    const auto &insert = cast<InsertValueInst>(inst);
    Components into = get(insert.getAggregateOperand());
    Components what = get(insert.getInsertedValueOperand());
    llvm::copy(what, into.begin() + fieldIndex(inst.getType(), insert.getIndices()));
    name(inst, into);
    return true;
  }
  case Instruction::ExtractElement: {
    Components from = get(inst.getOperand(0));
    if (std::optional<int64_t> index = constantOf(inst.getOperand(1))) {
      name(inst, {from[static_cast<uint64_t>(*index) < from.size() ? *index : 0]});
      return true;
    }
    // Chosen lane by lane.
    Component index = get(inst.getOperand(1)).front();
    Component result = from[0];
    for (size_t i = 1; i < from.size(); ++i) {
      Reg here =
          compute(Kind::Bit, sized(Op::CmpEq32, index.kind), index.reg, constant(index.kind, i));
      Op op = result.kind == Kind::Bit ? Op::Select1 : sized(Op::Select32, result.kind);
      result.reg = compute(result.kind, op, here, from[i].reg, result.reg);
    }
    name(inst, {result});
    return true;
  }
  case Instruction::InsertElement: {
    Components into = get(inst.getOperand(0));
    Reg what = one(inst.getOperand(1));
    if (std::optional<int64_t> at = constantOf(inst.getOperand(2))) {
      if (static_cast<uint64_t>(*at) < into.size())
        into[*at].reg = what;
      name(inst, into);
      return true;
    }
    Component index = get(inst.getOperand(2)).front();
    for (size_t i = 0; i < into.size(); ++i) {
      Reg here =
          compute(Kind::Bit, sized(Op::CmpEq32, index.kind), index.reg, constant(index.kind, i));
      Op op = into[i].kind == Kind::Bit ? Op::Select1 : sized(Op::Select32, into[i].kind);
      into[i].reg = compute(into[i].kind, op, here, what, into[i].reg);
    }
    name(inst, into);
    return true;
  }
  case Instruction::ShuffleVector: {
    const auto &shuffle = cast<ShuffleVectorInst>(inst);
    Components a = get(shuffle.getOperand(0)), b = get(shuffle.getOperand(1)), result;
    for (int i : shuffle.getShuffleMask()) {
      if (i < 0)
        result.push_back({undefinedReg(a[0].kind), a[0].kind});
      else
        result.push_back(i < static_cast<int>(a.size()) ? a[i] : b[i - a.size()]);
    }
    name(inst, result);
    return true;
  }
  default:
    return unsupported(inst);
  }
}
