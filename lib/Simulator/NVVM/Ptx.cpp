//===- Ptx.cpp - Inline assembly of NVIDIA -------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The text is parsed into instructions with operands; nothing is recognised by its
// looks. Names are registers of the text, `$n` operands of the call. An instruction
// under a guard is put between MaskPush and MaskPop.
//
//===----------------------------------------------------------------------===//

#include "Ptx.h"

#include "PtxDecoder.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/InlineAsm.h"

using namespace llvm;
using namespace tegula::sim;

bool PtxDecoder::fail(const Twine &why) { return d.unsupported(call, why); }

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

std::optional<int64_t> PtxDecoder::number(StringRef text) {
  if (text.consume_front("0f") || text.consume_front("0F") || text.consume_front("0d")) {
    uint64_t bits;
    return text.getAsInteger(16, bits) ? std::nullopt : std::optional<int64_t>(bits);
  }
  text.consume_back("U");
  int64_t value;
  if (!text.getAsInteger(0, value))
    return value;
  uint64_t wide;
  return text.getAsInteger(0, wide) ? std::nullopt : std::optional<int64_t>(wide);
}

bool PtxDecoder::parseStatement(StringRef text) {
  PtxStatement s;
  s.text = text;
  StringRef rest = text;
  if (rest.consume_front("@")) {
    s.negated = rest.consume_front("!");
    size_t end = rest.find_first_of(" \t");
    s.guard = rest.take_front(end);
    rest = rest.drop_front(std::min(end, rest.size())).ltrim();
  }
  size_t end = rest.find_first_of(" \t\n");
  s.opcode = rest.take_front(end);
  rest = rest.drop_front(std::min(end, rest.size())).trim();
  if (s.opcode.ends_with(":"))
    return fail("inline assembly with labels is not modelled: '" + text + "'");
  s.opcode.split(s.words, '.', -1, false);
  if (s.opcode.starts_with(".reg"))
    return true;
  while (!rest.empty()) {
    int depth = 0;
    size_t i = 0;
    for (; i < rest.size(); ++i) {
      char c = rest[i];
      depth += (c == '{' || c == '[') - (c == '}' || c == ']');
      if (c == ',' && depth == 0)
        break;
    }
    PtxOperand operand;
    operand.text = rest.take_front(i).trim();
    rest = rest.drop_front(std::min(i + 1, rest.size())).ltrim();
    StringRef inner = operand.text;
    operand.isAddress = inner.starts_with("[");
    if (operand.isAddress || inner.starts_with("{"))
      inner = inner.drop_front().drop_back().trim();
    if (operand.isAddress) {
      auto [name, offset] = inner.split('+');
      if (!offset.trim().empty()) {
        std::optional<int64_t> by = number(offset.trim());
        if (!by)
          return fail("an address of this form is not modelled: '" + operand.text + "'");
        operand.offset = *by;
      }
      operand.parts.push_back(name.trim());
    } else if (operand.text.starts_with("{")) {
      inner.split(operand.parts, ',');
    } else {
      inner.split(operand.parts, '|');
    }
    for (StringRef &part : operand.parts)
      part = part.trim();
    s.operands.push_back(std::move(operand));
  }
  statements.push_back(std::move(s));
  return true;
}

bool PtxDecoder::parse(StringRef text) {
  while (true) {
    // Blocks and comments between statements.
    text = text.ltrim(" \t\r\n{};");
    if (text.starts_with("//")) {
      text = text.drop_front(std::min(text.find('\n'), text.size()));
      continue;
    }
    if (text.empty())
      return true;
    size_t end = text.find(';');
    StringRef statement = text.take_front(end).trim();
    text = text.drop_front(std::min(end, text.size()));
    if (!parseStatement(statement))
      return false;
  }
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

unsigned PtxDecoder::bitsOf(StringRef type) {
  return StringSwitch<unsigned>(type)
      .Case("pred", 1)
      .Cases({"b8", "u8", "s8"}, 8)
      .Cases({"b16", "u16", "s16"}, 16)
      .Cases({"f16", "bf16"}, 16)
      .Cases({"b32", "u32", "s32", "f32"}, 32)
      .Cases({"tf32", "f16x2", "bf16x2"}, 32)
      .Cases({"b64", "u64", "s64", "f64"}, 64)
      .Default(0);
}

Kind PtxDecoder::kindOf(StringRef type) {
  unsigned bits = bitsOf(type);
  return bits == 64 ? Kind::Pair : bits == 1 ? Kind::Bit : Kind::Word;
}

/// `$0`, `$1`, ...: outputs first, then inputs; a tied input is its output as well.
bool PtxDecoder::bindOperands() {
  unsigned index = 0, argument = 0;
  for (const InlineAsm::ConstraintInfo &constraint : assembly->ParseConstraints()) {
    if (constraint.Type == InlineAsm::isClobber || constraint.Type == InlineAsm::isLabel)
      continue;
    std::string name = "$" + std::to_string(index++);
    if (constraint.Type == InlineAsm::isOutput) {
      if (constraint.isIndirect)
        return fail("inline assembly with results in memory is not modelled");
      outputs.push_back(name);
      continue;
    }
    const Value *value = call.getArgOperand(argument++);
    Reg reg = value->getType()->isVectorTy() ? d.words(value)[0] : d.one(value);
    registers[name] = reg;
    StringRef code = constraint.Codes.empty() ? StringRef() : StringRef(constraint.Codes[0]);
    unsigned tied;
    if (!code.getAsInteger(10, tied))
      registers["$" + std::to_string(tied)] = reg;
  }
  return true;
}

bool PtxDecoder::nameResults() {
  Type *type = call.getType();
  if (type->isVoidTy())
    return true;
  SmallVector<Type *> types = {type};
  if (auto *aggregate = dyn_cast<StructType>(type))
    types.assign(aggregate->element_begin(), aggregate->element_end());
  Components components;
  SmallVector<Reg, 4> words;
  bool vectors = false;
  for (auto [output, each] : zip_equal(outputs, types)) {
    auto it = registers.find(output);
    if (it == registers.end())
      return fail("inline assembly leaves its result " + output + " undefined");
    components.push_back({it->second, d.kindOf(it->second)});
    words.push_back(it->second);
    vectors |= each->isVectorTy();
  }
  if (vectors)
    d.nameWords(call, words);
  else
    d.name(call, components);
  return true;
}

Reg PtxDecoder::source(StringRef name, Kind kind) {
  auto it = registers.find(name);
  if (it != registers.end())
    return it->second;
  if (std::optional<int64_t> value = number(name))
    return d.constant(kind, static_cast<uint64_t>(*value));
  if (name == "true")
    return d.constant(Kind::Bit, 1);
  return noReg;
}

void PtxDecoder::assign(StringRef name, Reg reg) {
  if (name != "_")
    registers[name] = reg;
}

Reg PtxDecoder::address(const PtxOperand &operand) {
  Reg reg = source(operand.parts[0], Kind::Pair);
  if (reg == noReg || operand.offset == 0)
    return reg;
  Kind kind = d.kindOf(reg);
  return d.compute(kind, Decoder::sized(Op::AddImm32, kind), reg, noReg, noReg,
                   static_cast<uint64_t>(operand.offset));
}

//===----------------------------------------------------------------------===//
// Moves, conversions, arithmetic
//===----------------------------------------------------------------------===//

bool PtxDecoder::executeMove(const PtxStatement &s) {
  if (s.operands.size() != 2)
    return false;
  const PtxOperand &to = s.operands[0], &from = s.operands[1];
  Kind kind = kindOf(s.type());
  if (to.parts.size() == 1 && from.parts.size() == 1) {
    Reg reg = source(from, kind);
    assign(to.parts[0], reg);
    return reg != noReg;
  }
  bool wide = kind == Kind::Pair;
  if (from.parts.size() == 2) {
    Reg low = source(from.parts[0], Kind::Word), high = source(from.parts[1], Kind::Word);
    if (low == noReg || high == noReg)
      return false;
    assign(to.parts[0], d.compute(kind, wide ? Op::Pack32 : Op::Pack16, low, high));
    return true;
  }
  if (to.parts.size() != 2)
    return false;
  Reg reg = source(from, kind);
  if (reg == noReg)
    return false;
  assign(to.parts[0], d.compute(Kind::Word, wide ? Op::Low32 : Op::Low16, reg));
  assign(to.parts[1], d.compute(Kind::Word, wide ? Op::High32 : Op::High16, reg));
  return true;
}

bool PtxDecoder::executeConvert(const PtxStatement &s) {
  if (s.words.size() < 3 || s.operands.size() < 2)
    return false;
  StringRef to = s.words[s.words.size() - 2], from = s.type();
  bool towardZero = s.has("rz");
  if (to == "f16x2" || to == "bf16x2") {
    if (from != "f32" || s.operands.size() != 3 || !(s.has("rn") || towardZero))
      return false;
    bool half = to == "f16x2";
    Op op = half ? (towardZero ? Op::F32ToF16Z : Op::F32ToF16)
                 : (towardZero ? Op::F32ToBF16Z : Op::F32ToBF16);
    Reg halves[2];
    for (unsigned i = 0; i < 2; ++i) {
      Reg x = source(s.operands[1 + i], Kind::Word);
      if (x == noReg)
        return false;
      if (s.has("relu"))
        x = d.compute(Kind::Word, Op::FMaximum32, x, d.constant(Kind::Word, 0));
      halves[i] = d.compute(Kind::Word, op, x);
    }
    // The first source goes to the high half.
    assign(s.operands[0].parts[0], d.compute(Kind::Word, Op::Pack16, halves[1], halves[0]));
    return true;
  }
  std::optional<Op> op =
      StringSwitch<std::optional<Op>>((to + "." + from).str())
          .Case("f32.f16", Op::F16ToF32)
          .Case("f32.bf16", Op::BF16ToF32)
          .Case("f16.f32", towardZero ? Op::F32ToF16Z : Op::F32ToF16)
          .Case("bf16.f32", towardZero ? Op::F32ToBF16Z : Op::F32ToBF16)
          .Case("tf32.f32", s.has("rna") ? std::optional<Op>(Op::F32ToTF32) : std::nullopt)
          .Case("f32.s32", Op::S32ToF32)
          .Case("f32.u32", Op::U32ToF32)
          .Case("f64.f32", Op::F32ToF64)
          .Case("f32.f64", Op::F64ToF32)
          .Case("s32.f32", s.has("rzi") ? std::optional<Op>(Op::F32ToS32) : std::nullopt)
          .Case("u32.f32", s.has("rzi") ? std::optional<Op>(Op::F32ToU32) : std::nullopt)
          .Case("u64.u32", Op::ZeroExtend32To64)
          .Case("s64.s32", Op::SignExtend32To64)
          .Case("u32.u64", Op::Truncate64To32)
          .Default(std::nullopt);
  Reg x = source(s.operands[1], kindOf(from));
  if (!op || x == noReg || s.has("sat") || s.has("satfinite"))
    return false;
  assign(s.operands[0].parts[0], d.compute(kindOf(to), *op, x));
  return true;
}

bool PtxDecoder::executeArithmetic(const PtxStatement &s) {
  StringRef name = s.words[0], type = s.type();
  Kind kind = kindOf(type);
  bool isFloat = type == "f32" || type == "f64", isSigned = type.starts_with("s");
  if (!bitsOf(type) || bitsOf(type) == 8 || (bitsOf(type) == 16))
    return false;
  bool flush = s.has("ftz");
  if (s.has("sat") || s.has("rz") || s.has("rm") || s.has("rp") || s.has("cc") || s.has("wide"))
    return false;
  std::optional<Op> op;
  if (isFloat)
    op = StringSwitch<std::optional<Op>>(name)
             .Case("add", Op::FAdd32)
             .Case("sub", Op::FSub32)
             .Case("mul", Op::FMul32)
             .Case("div", Op::FDiv32)
             .Case("fma", Op::Fma32)
             .Case("neg", Op::FNeg32)
             .Case("abs", Op::FAbs32)
             .Case("max", s.has("NaN") ? Op::FMaximum32 : Op::FMaxNum32)
             .Case("min", s.has("NaN") ? Op::FMinimum32 : Op::FMinNum32)
             .Case("sqrt", Op::FSqrt32)
             .Default(std::nullopt);
  else
    op = StringSwitch<std::optional<Op>>(name)
             .Case("add", Op::Add32)
             .Case("sub", Op::Sub32)
             .Case("mul", s.has("lo")   ? std::optional<Op>(Op::Mul32)
                          : s.has("hi") ? std::optional<Op>(isSigned ? Op::MulHiS32 : Op::MulHiU32)
                                        : std::nullopt)
             .Case("and", kind == Kind::Bit ? Op::And1 : Op::And32)
             .Case("or", kind == Kind::Bit ? Op::Or1 : Op::Or32)
             .Case("xor", kind == Kind::Bit ? Op::Xor1 : Op::Xor32)
             .Case("shl", Op::Shl32)
             .Case("shr", isSigned ? Op::AShr32 : Op::LShr32)
             .Case("max", isSigned ? Op::SMax32 : Op::UMax32)
             .Case("min", isSigned ? Op::SMin32 : Op::UMin32)
             .Default(std::nullopt);
  bool approximates = false;
  if (!op && type == "f32") {
    op = StringSwitch<std::optional<Op>>(name)
             .Case("ex2", Op::FExp2)
             .Case("lg2", Op::FLog2)
             .Case("rcp", Op::FRcp)
             .Case("rsqrt", Op::FRsqrt)
             .Case("sin", Op::FSin)
             .Case("cos", Op::FCos)
             .Case("tanh", Op::FTanh)
             .Default(std::nullopt);
    approximates = op.has_value();
  }
  if (!op || s.operands.size() < 2 || s.operands.size() > 4)
    return false;
  Reg regs[3] = {noReg, noReg, noReg};
  for (size_t i = 1; i < s.operands.size(); ++i) {
    bool amount = (name == "shl" || name == "shr") && i == 2;
    regs[i - 1] = source(s.operands[i], amount ? Kind::Word : kind);
    if (regs[i - 1] == noReg)
      return false;
    if (amount && kind == Kind::Pair)
      regs[i - 1] = d.compute(Kind::Pair, Op::ZeroExtend32To64, regs[i - 1]);
    if (flush)
      regs[i - 1] = d.compute(Kind::Word, Op::FFlush, regs[i - 1]);
  }
  if (*op == Op::FExp2)
    d.emit(Op::CountExponential);
  bool shift = name == "shl" || name == "shr";
  Op sized = approximates || kind == Kind::Bit ? *op : Decoder::sized(*op, kind);
  Reg result = d.compute(kind, sized, regs[0], regs[1], regs[2], shift ? bitsOf(type) : 0);
  if (flush)
    result = d.compute(Kind::Word, Op::FFlush, result);
  assign(s.operands[0].parts[0], result);
  return true;
}

bool PtxDecoder::executeCompare(const PtxStatement &s) {
  if (s.words[0] == "selp") {
    if (s.operands.size() != 4)
      return false;
    Kind kind = kindOf(s.type());
    Reg a = source(s.operands[1], kind), b = source(s.operands[2], kind),
        p = source(s.operands[3], Kind::Bit);
    if (a == noReg || b == noReg || p == noReg)
      return false;
    assign(s.operands[0].parts[0], d.compute(kind, Decoder::sized(Op::Select32, kind), p, a, b));
    return true;
  }
  if (s.words.size() < 3 || s.operands.size() != 3 || s.operands[0].parts.size() != 1)
    return false;
  StringRef relation = s.words[1], type = s.type();
  Kind kind = kindOf(type);
  Reg a = source(s.operands[1], kind), b = source(s.operands[2], kind);
  if (a == noReg || b == noReg)
    return false;
  bool isFloat = type == "f32" || type == "f64", isSigned = type.starts_with("s");
  bool swaps = relation == "gt" || relation == "ge" || relation == "hi" || relation == "hs";
  std::optional<Op> op;
  if (isFloat)
    op = StringSwitch<std::optional<Op>>(relation)
             .Case("eq", Op::FCmpOeq32)
             .Case("ne", Op::FCmpOne32)
             .Cases({"lt", "gt"}, Op::FCmpOlt32)
             .Cases({"le", "ge"}, Op::FCmpOle32)
             .Default(std::nullopt);
  else
    op = StringSwitch<std::optional<Op>>(relation)
             .Case("eq", Op::CmpEq32)
             .Case("ne", Op::CmpNe32)
             .Cases({"lt", "gt"}, isSigned ? Op::CmpSlt32 : Op::CmpUlt32)
             .Cases({"le", "ge"}, isSigned ? Op::CmpSle32 : Op::CmpUle32)
             .Cases({"lo", "hi"}, Op::CmpUlt32)
             .Cases({"ls", "hs"}, Op::CmpUle32)
             .Default(std::nullopt);
  if (!op)
    return false;
  if (swaps)
    std::swap(a, b);
  assign(s.operands[0].parts[0], d.compute(Kind::Bit, Decoder::sized(*op, kind), a, b));
  return true;
}

//===----------------------------------------------------------------------===//
// Execution
//===----------------------------------------------------------------------===//

bool PtxDecoder::executePlain(const PtxStatement &s) {
  StringRef name = s.words[0];
  if (name == "mov")
    return executeMove(s);
  if (name == "cvt")
    return executeConvert(s);
  if (name == "setp" || name == "selp")
    return executeCompare(s);
  if (name == "ld" || name == "st")
    return executeMemory(s);
  if (name == "cp")
    return executeCopy(s);
  if (name == "ldmatrix" || name == "stmatrix" || name == "mma")
    return executeMatrix(s);
  if (name == "bar" || name == "barrier")
    return executeBarrier(s);
  // They order accesses, or are hints.
  if (name == "membar" || name == "nanosleep" || name == "prefetch" ||
      (name == "fence" && !s.has("proxy") && !s.has("mbarrier_init")))
    return true;
  return executeWarp(s) || executeArithmetic(s);
}

bool PtxDecoder::execute(const PtxStatement &s) {
  if (s.guard.empty())
    return executePlain(s) || fail("inline assembly '" + s.text + "' is not modelled");
  Reg guard = source(s.guard, Kind::Bit);
  if (guard == noReg)
    return fail("inline assembly '" + s.text + "' has an unknown guard");
  if (d.kindOf(guard) != Kind::Bit)
    guard = d.compute(Kind::Bit, Op::TruncateTo132, guard);
  StringMap<Reg> before = registers;
  // How many instructions to skip is known afterwards.
  size_t push = d.mark();
  d.emit(Op::MaskPush, noReg, guard, noReg, noReg, s.negated);
  if (!executePlain(s))
    return fail("inline assembly '" + s.text + "' is not modelled");
  d.closeGuard(push);
  // Lanes that the guard leaves out keep what they had.
  for (auto &entry : registers) {
    auto old = before.find(entry.getKey());
    if (old == before.end() || old->second == entry.second)
      continue;
    Kind kind = d.kindOf(entry.second);
    Op op = kind == Kind::Bit ? Op::Select1 : Decoder::sized(Op::Select32, kind);
    entry.second = s.negated ? d.compute(kind, op, guard, old->second, entry.second)
                             : d.compute(kind, op, guard, entry.second, old->second);
  }
  return true;
}

bool PtxDecoder::run() {
  buffer = assembly->getAsmString().str();
  for (size_t at = 0; (at = buffer.find("$$", at)) != std::string::npos; ++at)
    buffer.erase(at, 1);
  if (!bindOperands() || !parse(buffer))
    return false;
  for (const PtxStatement &s : statements)
    if (!execute(s))
      return false;
  return nameResults();
}

bool tegula::sim::decodePtx(Decoder &decoder, const CallInst &call) {
  return PtxDecoder(decoder, call).run();
}
