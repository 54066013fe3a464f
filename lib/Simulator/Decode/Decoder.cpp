//===- Decoder.cpp - From LLVM IR to instructions ------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"

#include "llvm/ADT/PostOrderIterator.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/Operator.h"

using namespace llvm;
using namespace tegula::sim;

Decoder::Decoder(Function &function, Program &program, std::vector<Report> &reports)
    : layout(function.getDataLayout()), program(program), function(function), reports(reports) {}

bool tegula::sim::isPure(Op op) {
  switch (op) {
#define SIM_OP(Name)
#define INT_OP(Name) case Op::Name:
#define FLOAT_OP(Name) case Op::Name:
#include "../Core/Ops.def"
  case Op::ReadLaunch:
    return true;
  default:
    return false;
  }
}

//===----------------------------------------------------------------------===//
// Registers and values
//===----------------------------------------------------------------------===//

std::optional<Kind> Decoder::kindOf(Type *type) const {
  if (type->isPointerTy()) {
    unsigned bits = layout.getPointerTypeSizeInBits(type);
    if (bits != 32 && bits != 64)
      return std::nullopt;
    return bits == 64 ? Kind::Pair : Kind::Word;
  }
  if (type->isIntegerTy()) {
    unsigned bits = type->getIntegerBitWidth();
    if (bits > 64)
      return std::nullopt;
    return bits == 1 ? Kind::Bit : bits <= 32 ? Kind::Word : Kind::Pair;
  }
  if (type->isFloatTy() || type->isHalfTy() || type->isBFloatTy())
    return Kind::Word;
  if (type->isDoubleTy())
    return Kind::Pair;
  return std::nullopt;
}

bool Decoder::flatten(Type *type, SmallVectorImpl<Type *> &types) const {
  if (type->isVoidTy())
    return true;
  if (auto *s = dyn_cast<StructType>(type))
    return all_of(s->elements(), [&](Type *element) { return flatten(element, types); });
  if (auto *a = dyn_cast<ArrayType>(type)) {
    for (uint64_t i = 0; i < a->getNumElements(); ++i)
      if (!flatten(a->getElementType(), types))
        return false;
    return true;
  }
  if (auto *v = dyn_cast<FixedVectorType>(type)) {
    if (!kindOf(v->getElementType()))
      return false;
    types.append(v->getNumElements(), v->getElementType());
    return true;
  }
  // AMD's descriptors of buffers: an address, and a number of bytes.
  if (type->isPointerTy() && type->getPointerAddressSpace() == 8) {
    types.append(2, Type::getInt64Ty(type->getContext()));
    return true;
  }
  if (!kindOf(type))
    return false;
  types.push_back(type);
  return true;
}

unsigned Decoder::fieldCount(Type *type) const {
  SmallVector<Type *> types;
  (void)flatten(type, types);
  return types.size();
}

/// The first component of a field of an aggregate.
unsigned Decoder::fieldIndex(Type *type, ArrayRef<unsigned> indices) const {
  unsigned index = 0;
  for (unsigned i : indices) {
    if (auto *s = dyn_cast<StructType>(type)) {
      for (unsigned k = 0; k < i; ++k)
        index += fieldCount(s->getElementType(k));
      type = s->getElementType(i);
    } else {
      type = cast<ArrayType>(type)->getElementType();
      index += i * fieldCount(type);
    }
  }
  return index;
}

Reg Decoder::fresh(Kind kind) {
  kinds.push_back(kind);
  return static_cast<Reg>(kinds.size()) - 1;
}

Reg Decoder::preset(Preset preset) {
  auto key =
      std::make_tuple(unsigned(preset.what), unsigned(preset.kind), preset.index, preset.bits);
  auto [it, isNew] = presets.try_emplace(key, noReg);
  if (isNew) {
    it->second = fresh(preset.kind);
    presetOf[it->second] = preset;
  }
  return it->second;
}

Reg Decoder::constant(Kind kind, uint64_t bits) {
  if (kind == Kind::Bit)
    bits &= 1;
  else if (kind == Kind::Word)
    bits &= 0xFFFFFFFFu;
  return preset({Preset::Bits, kind, 0, bits, 0});
}

Reg Decoder::undefinedReg(Kind kind) { return preset({Preset::Undefined, kind, 0, 0, 0}); }

Components Decoder::get(const Value *value) {
  auto it = values.find(value);
  if (it != values.end())
    return it->second;
  if (const auto *constant = dyn_cast<Constant>(value))
    return constantComponents(constant);
  // An instruction that is not modelled, or that follows one.
  failed = true;
  SmallVector<Type *> types;
  (void)flatten(value->getType(), types);
  Components components;
  for (Type *type : types)
    components.push_back({undefinedReg(*kindOf(type)), *kindOf(type)});
  if (components.empty())
    components.push_back({undefinedReg(Kind::Word), Kind::Word});
  return components;
}

Components Decoder::define(const Instruction &inst) {
  SmallVector<Type *> types;
  (void)flatten(inst.getType(), types);
  Components components;
  for (Type *type : types) {
    Kind kind = *kindOf(type);
    components.push_back({fresh(kind), kind});
  }
  values[&inst] = components;
  return components;
}

void Decoder::name(const Instruction &inst, Components components) {
  values[&inst] = std::move(components);
}

VirtualInst &Decoder::emit(Op op, Reg d, Reg a, Reg b, Reg c, uint64_t imm) {
  VirtualInst &v = insts.emplace_back();
  v.op = op;
  v.d = d;
  v.a = a;
  v.b = b;
  v.c = c;
  v.imm = imm;
  v.source = currentSource;
  return v;
}

Reg Decoder::compute(Kind kind, Op op, Reg a, Reg b, Reg c, uint64_t imm) {
  Reg d = fresh(kind);
  emit(op, d, a, b, c, imm);
  return d;
}

void Decoder::closeGuard(size_t push) {
  // MaskPop itself is executed always. Nothing in between may be dropped as unused.
  insts[push].imm |= uint64_t(insts.size() - push - 1) << 1;
  insts[push].guards = insts.size() - push - 1;
  emit(Op::MaskPop);
}

unsigned Decoder::counter(StringRef name) {
  auto &names = program.counterNames;
  auto it = llvm::find(names, name);
  if (it != names.end())
    return it - names.begin();
  // More kinds than there is room for share the last counter.
  if (names.size() == Extra::maxCounters)
    return names.size() - 1;
  names.push_back(name.str());
  return names.size() - 1;
}

std::optional<int64_t> Decoder::constantOf(const Value *value) {
  if (const auto *integer = dyn_cast<ConstantInt>(value))
    return integer->getSExtValue();
  return std::nullopt;
}

std::optional<int64_t> Decoder::constantIn(Reg reg) const {
  auto it = presetOf.find(reg);
  if (it == presetOf.end() || it->second.what != Preset::Bits)
    return std::nullopt;
  return static_cast<int64_t>(it->second.bits);
}

bool Decoder::unsupported(const Instruction &inst, const Twine &why) {
  failed = true;
  if (!notModelled.insert(&inst).second)
    return false;
  Report report{ReportKind::Unsupported,
                {},
                sitesOf(inst),
                textOf(inst),
                function.getName().str(),
                {0, 0, 0},
                -1,
                0,
                {}};
  std::string reason = why.str();
  if (const auto *call = dyn_cast<CallInst>(&inst); call && reason.empty()) {
    if (call->isInlineAsm())
      reason = "inline assembly is not modelled";
    else if (const Function *callee = call->getCalledFunction())
      reason = (callee->isIntrinsic() ? "intrinsic '" : "call to '") + callee->getName().str() +
               "' is not modelled";
    else
      reason = "indirect calls are not modelled";
  }
  if (reason.empty())
    reason = std::string("instruction '") + inst.getOpcodeName() + "' of this form is not modelled";
  report.message = reason;
  reports.push_back(std::move(report));
  return false;
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

/// The bytes of a constant in memory; false for what holds addresses.
static bool writeBytes(const Constant *constant, const DataLayout &layout, uint8_t *at) {
  if (isa<ConstantAggregateZero, UndefValue, ConstantPointerNull>(constant))
    return true;
  APInt bits;
  if (const auto *integer = dyn_cast<ConstantInt>(constant))
    bits = integer->getValue();
  else if (const auto *number = dyn_cast<ConstantFP>(constant))
    bits = number->getValueAPF().bitcastToAPInt();
  else if (!isa<ConstantAggregate, ConstantDataSequential>(constant))
    return false;
  if (constant->getType()->isIntegerTy() || constant->getType()->isFloatingPointTy()) {
    uint64_t bytes = layout.getTypeStoreSize(constant->getType());
    for (uint64_t i = 0; i < bytes && 8 * i < bits.getBitWidth(); ++i)
      at[i] = static_cast<uint8_t>(
          bits.extractBitsAsZExtValue(std::min<unsigned>(8, bits.getBitWidth() - 8 * i), 8 * i));
    return true;
  }
  Type *type = constant->getType();
  const StructLayout *fields =
      isa<StructType>(type) ? layout.getStructLayout(cast<StructType>(type)) : nullptr;
  for (unsigned i = 0; Constant *element = constant->getAggregateElement(i); ++i) {
    uint64_t offset = fields ? fields->getElementOffset(i).getFixedValue()
                             : i * layout.getTypeAllocSize(element->getType()).getFixedValue();
    if (!writeBytes(element, layout, at + offset))
      return false;
  }
  return true;
}

Decoder::Address Decoder::variable(const GlobalVariable *variable) {
  auto it = variables.find(variable);
  if (it != variables.end())
    return it->second;
  Address address;
  uint64_t size = layout.getTypeAllocSize(variable->getValueType());
  uint64_t align = std::max<uint64_t>(variable->getAlign().valueOrOne().value(), 16);
  if (variable->getAddressSpace() == 3) {
    if (size == 0) {
      // Starts where the static part ends, wherever that is in the end.
      address.what = Preset::DynamicShared;
    } else {
      address.what = Preset::Shared;
      address.index = program.shared.size();
      program.staticShared = alignTo(program.staticShared, align);
      program.shared.push_back({variable->getName().str(), program.staticShared, size});
      program.staticShared += size;
    }
  } else {
    address.what = Preset::Data;
    address.index = program.data.size();
    DataVariable data{variable->getName().str(), std::vector<uint8_t>(size),
                      variable->isConstant()};
    address.good = variable->hasInitializer() &&
                   writeBytes(variable->getInitializer(), layout, data.bytes.data());
    program.data.push_back(std::move(data));
  }
  variables[variable] = address;
  return address;
}

/// Windows of the generic address space, for casts between spaces.
static uint64_t windowOf(unsigned space) {
  // The constants of Machine.h; 3 and 5 are the same for both vendors.
  return space == 3 ? uint64_t(1) << 32 : space == 5 ? uint64_t(2) << 32 : 0;
}

Decoder::Address Decoder::constantAddress(const Constant *constant) {
  if (const auto *global = dyn_cast<GlobalVariable>(constant))
    return variable(global);
  if (const auto *integer = dyn_cast<ConstantInt>(constant))
    return {Preset::Bits, 0, integer->getZExtValue(), true};
  if (isa<ConstantPointerNull>(constant))
    return {};
  const auto *expr = dyn_cast<ConstantExpr>(constant);
  if (!expr)
    return {Preset::Bits, 0, 0, false};
  Address base = constantAddress(expr->getOperand(0));
  switch (expr->getOpcode()) {
  case Instruction::PtrToInt:
  case Instruction::PtrToAddr:
  case Instruction::IntToPtr:
  case Instruction::BitCast:
  case Instruction::Trunc:
    return base;
  case Instruction::AddrSpaceCast:
    base.offset += windowOf(expr->getOperand(0)->getType()->getPointerAddressSpace()) -
                   windowOf(expr->getType()->getPointerAddressSpace());
    return base;
  case Instruction::Add:
  case Instruction::Sub: {
    Address other = constantAddress(expr->getOperand(1));
    base.good &= other.good && other.what == Preset::Bits;
    base.offset += expr->getOpcode() == Instruction::Add ? other.offset : -other.offset;
    return base;
  }
  case Instruction::GetElementPtr: {
    unsigned bits = layout.getIndexTypeSizeInBits(expr->getType());
    APInt offset(bits, 0);
    base.good &= cast<GEPOperator>(expr)->accumulateConstantOffset(layout, offset);
    base.offset += static_cast<uint64_t>(offset.getSExtValue());
    return base;
  }
  default:
    base.good = false;
    return base;
  }
}

Component Decoder::constantScalar(const Constant *constant) {
  Kind kind = kindOf(constant->getType()).value_or(Kind::Word);
  if (isa<UndefValue>(constant))
    return {undefinedReg(kind), kind};
  if (const auto *integer = dyn_cast<ConstantInt>(constant))
    return {this->constant(kind, integer->getZExtValue()), kind};
  if (const auto *number = dyn_cast<ConstantFP>(constant))
    return {this->constant(kind, number->getValueAPF().bitcastToAPInt().getZExtValue()), kind};
  Address address = constantAddress(constant);
  if (!address.good) {
    if (current)
      (void)unsupported(*current, "a constant operand of this form is not modelled");
    return {undefinedReg(kind), kind};
  }
  return {preset({address.what, kind, 0, address.offset, address.index}), kind};
}

Components Decoder::constantComponents(const Constant *constant) {
  Type *type = constant->getType();
  if (!type->isAggregateType() && !type->isVectorTy())
    return {constantScalar(constant)};
  Components components;
  unsigned count = isa<FixedVectorType>(type) ? cast<FixedVectorType>(type)->getNumElements()
                   : isa<StructType>(type)    ? cast<StructType>(type)->getNumElements()
                                              : type->getArrayNumElements();
  for (unsigned i = 0; i < count; ++i) {
    const Constant *element = constant->getAggregateElement(i);
    if (!element) {
      if (current)
        (void)unsupported(*current, "a constant operand of this form is not modelled");
      element = UndefValue::get(GetElementPtrInst::getTypeAtIndex(type, uint64_t(i)));
    }
    components.append(constantComponents(element));
  }
  return components;
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

void Decoder::declareParameters() {
  for (const llvm::Argument &argument : function.args()) {
    Parameter parameter;
    parameter.name = argument.getName().str();
    Type *type = argument.getType();
    parameter.bytes = static_cast<unsigned>(layout.getTypeStoreSize(type).getFixedValue());
    parameter.isPointer = type->isPointerTy();
    parameter.readOnly = argument.onlyReadsMemory();
    if (argument.hasByValAttr())
      parameter.byValue = layout.getTypeAllocSize(argument.getParamByValType());
    unsigned index = argument.getArgNo();
    if (std::optional<Kind> kind = kindOf(type)) {
      values[&argument] = {{preset({Preset::Argument, *kind, 0, 0, index}), *kind}};
    } else {
      failed = true;
      Report report{
          ReportKind::Unsupported, {}, {}, {}, function.getName().str(), {0, 0, 0}, -1, 0, {}};
      report.message = "parameter '" + parameter.name + "' has a type that is not modelled";
      reports.push_back(std::move(report));
    }
    program.parameters.push_back(std::move(parameter));
  }
}

/// Whether all types of an instruction can be held in registers.
bool Decoder::checkTypes(const Instruction &inst) {
  SmallVector<Type *> types;
  if (!flatten(inst.getType(), types))
    return unsupported(inst, "a value of this type is not modelled");
  for (const Use &operand : inst.operands()) {
    Type *type = operand->getType();
    if (type->isLabelTy() || type->isMetadataTy() || isa<Function, InlineAsm>(operand))
      continue;
    types.clear();
    if (!flatten(type, types))
      return unsupported(inst, "an operand of this type is not modelled");
  }
  return true;
}

bool Decoder::run() {
  ReversePostOrderTraversal<Function *> traversal(&function);
  for (const BasicBlock *block : traversal) {
    blockIndex[block] = order.size();
    order.push_back(block);
  }
  declareParameters();
  program.sources.push_back(nullptr);
  for (const BasicBlock *block : order)
    for (const PHINode &phi : block->phis()) {
      SmallVector<Type *> types;
      current = &phi;
      if (flatten(phi.getType(), types))
        define(phi);
      else
        (void)unsupported(phi, "a value of this type is not modelled");
    }
  blocks.resize(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    blocks[i].begin = insts.size();
    for (const Instruction &inst : *order[i]) {
      if (isa<PHINode>(inst))
        continue;
      current = &inst;
      currentSource = program.sources.size();
      program.sources.push_back(&inst);
      if (checkTypes(inst))
        (void)decodeInst(inst);
    }
    blocks[i].end = insts.size();
  }
  current = nullptr;
  if (failed)
    return false;
  addMoves();
  dropUnused();
  link();
  return !failed;
}

/// φs become moves on edges.
void Decoder::addMoves() {
  for (size_t i = 0; i < order.size(); ++i)
    for (VirtualBlock::Out &edge : blocks[i].edges)
      for (const PHINode &phi : order[edge.block]->phis()) {
        current = &phi;
        Components to = get(&phi), from = get(phi.getIncomingValueForBlock(order[i]));
        for (size_t k = 0; k < to.size(); ++k)
          if (to[k].reg != from[k].reg)
            edge.moves.push_back({to[k].reg, from[k].reg});
      }
  current = nullptr;
}

/// Drops pure instructions, and moves, whose results nobody uses.
void Decoder::dropUnused() {
  std::vector<char> used(kinds.size(), 0), keep(insts.size(), 0), guarded(insts.size(), 0);
  // A guard says how many instructions follow it: they all stay.
  for (size_t i = 0; i < insts.size(); ++i)
    std::fill_n(guarded.begin() + i + 1, insts[i].guards, 1);
  auto use = [&](Reg reg) {
    if (reg == noReg || used[reg])
      return false;
    used[reg] = 1;
    return true;
  };
  bool changed = true;
  while (changed) {
    changed = false;
    for (size_t i = insts.size(); i-- > 0;) {
      VirtualInst &v = insts[i];
      bool wanted = !isPure(v.op) || (v.d != noReg && used[v.d]) || guarded[i];
      if (!wanted || keep[i])
        continue;
      keep[i] = true;
      for (Reg reg : {v.a, v.b, v.c})
        changed |= use(reg);
      for (Reg reg : v.in)
        changed |= use(reg);
    }
    for (VirtualBlock &block : blocks)
      for (VirtualBlock::Out &edge : block.edges)
        for (VirtualMove &move : edge.moves)
          if (used[move.to])
            changed |= use(move.from);
  }
  std::vector<VirtualInst> kept;
  for (VirtualBlock &block : blocks) {
    size_t begin = kept.size();
    for (size_t i = block.begin; i < block.end; ++i)
      if (keep[i])
        kept.push_back(std::move(insts[i]));
    block.begin = begin;
    block.end = kept.size();
    for (VirtualBlock::Out &edge : block.edges)
      erase_if(edge.moves, [&](const VirtualMove &move) { return !used[move.to]; });
  }
  insts = std::move(kept);
}
