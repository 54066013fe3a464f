//===- PtxMachine.cpp - Memory, matrices and barriers in inline assembly -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MmaForms.h"
#include "PtxDecoder.h"

#include "../Core/Machine.h"

#include "llvm/ADT/StringSwitch.h"

using namespace llvm;
using namespace tegula::sim;

/// The space that an instruction names, if any.
static Space spaceOf(const PtxStatement &s) {
  for (StringRef word : s.words) {
    if (word == "global" || word == "const")
      return Space::Global;
    if (word.starts_with("shared"))
      return Space::Shared;
    if (word == "local")
      return Space::Local;
  }
  return Space::Generic;
}

bool PtxDecoder::executeMemory(const PtxStatement &s) {
  bool store = s.words[0] == "st";
  if (s.operands.size() != 2 || s.has("volatile") || s.has("acquire") || s.has("release"))
    return false;
  const PtxOperand &place = s.operands[store ? 0 : 1], &values = s.operands[store ? 1 : 0];
  unsigned bits = bitsOf(s.type());
  unsigned count = s.has("v2") ? 2 : s.has("v4") ? 4 : s.has("v8") ? 8 : 1;
  Reg at = address(place);
  if (!place.isAddress || bits < 8 || at == noReg || values.parts.size() != count)
    return false;
  Kind kind = kindOf(s.type());
  SmallVector<Reg> regs;
  for (StringRef part : values.parts) {
    Reg reg = store ? source(part, kind) : d.fresh(kind);
    if (reg == noReg)
      return false;
    regs.push_back(reg);
  }
  d.memory(store, spaceOf(s), bits, at, isShort(at), 0, Align(count * bits / 8), regs);
  for (unsigned i = 0; !store && i < count; ++i)
    assign(values.parts[i], regs[i]);
  return true;
}

bool PtxDecoder::executeCopy(const PtxStatement &s) {
  if (s.words.size() < 2 || s.words[1] != "async" || s.has("bulk") || s.has("mbarrier"))
    return false;
  if (s.has("commit_group")) {
    d.emit(Op::CpAsyncCommit);
    return true;
  }
  if (s.has("wait_all") || s.has("wait_group")) {
    uint64_t pending = ~uint64_t(0);
    if (s.has("wait_group")) {
      std::optional<int64_t> count =
          s.operands.empty() ? std::nullopt : number(s.operands[0].parts[0]);
      // An immediate of the call is a constant register.
      if (!count && !s.operands.empty())
        count = d.constantIn(source(s.operands[0], Kind::Word));
      if (!count)
        return false;
      pending = static_cast<uint64_t>(*count);
    }
    d.emit(Op::CpAsyncWait, noReg, noReg, noReg, noReg, pending);
    return true;
  }
  if (s.operands.size() < 3)
    return false;
  std::optional<int64_t> bytes = number(s.operands[2].parts[0]);
  if (!bytes)
    bytes = d.constantIn(source(s.operands[2], Kind::Word));
  if (!bytes || (*bytes != 4 && *bytes != 8 && *bytes != 16))
    return false;
  Reg to = address(s.operands[0]), from = address(s.operands[1]), size = noReg;
  if (s.operands.size() > 3) {
    // The fourth operand is a size, or a predicate that says "ignore the source".
    size = source(s.operands[3], Kind::Word);
    if (size == noReg || d.kindOf(size) != Kind::Word)
      return false;
  }
  if (to == noReg || from == noReg || isShort(from))
    return false;
  VirtualInst &v = d.emit(Op::CpAsync, noReg, to, from, size);
  v.extra = std::make_unique<Extra>();
  v.extra->space = Space::Shared;
  v.count = v.align = static_cast<uint8_t>(*bytes);
  v.shortAddress = isShort(to);
  return true;
}

bool PtxDecoder::executeMatrix(const PtxStatement &s) {
  if (s.words[0] != "mma") {
    bool store = s.words[0] == "stmatrix";
    if (s.operands.size() != 2 || !s.has("m8n8") || !s.has("b16"))
      return false;
    const PtxOperand &place = s.operands[store ? 0 : 1], &values = s.operands[store ? 1 : 0];
    unsigned count = s.has("x4") ? 4 : s.has("x2") ? 2 : 1;
    Reg at = address(place);
    if (at == noReg || values.parts.size() != count)
      return false;
    SmallVector<Reg, 4> regs;
    for (StringRef part : values.parts)
      regs.push_back(store ? source(part, Kind::Word) : d.fresh(Kind::Word));
    if (is_contained(regs, noReg))
      return false;
    VirtualInst &v = d.emit(store ? Op::StoreMatrix : Op::LoadMatrix, noReg, at);
    (store ? v.in : v.out).assign(regs.begin(), regs.end());
    v.extra = std::make_unique<Extra>();
    v.extra->variant = s.has("trans");
    v.extra->space = spaceOf(s);
    v.align = 16;
    v.shortAddress = isShort(at);
    for (unsigned i = 0; !store && i < count; ++i)
      assign(values.parts[i], regs[i]);
    return true;
  }
  // mma.sync.aligned.shape.row.col.dtype.atype.btype.ctype
  if (s.operands.size() != 4 || s.words.size() < 10 || s.has("satfinite") || s.has("sp"))
    return false;
  StringRef shape = s.words[3];
  size_t n = s.words.size();
  StringRef result = s.words[n - 4], a = s.words[n - 3], b = s.words[n - 2];
  if (a != b || result != s.words[n - 1])
    return false;
  std::string name = (shape + "." + a).str();
  if (result == "f16")
    name += ".f16";
  for (unsigned form = 0; form < std::size(mmaShapes); ++form) {
    const MmaShape &known = mmaShapes[form];
    if (name != known.name)
      continue;
    Kind kind = known.element == MmaElement::F64 ? Kind::Pair : Kind::Word;
    std::vector<Reg> in, out;
    for (const PtxOperand &operand : ArrayRef(s.operands).drop_front())
      for (StringRef part : operand.parts)
        in.push_back(source(part, kind));
    if (in.size() != known.a + known.b + known.c || is_contained(in, noReg) ||
        s.operands[0].parts.size() != known.c)
      return false;
    for (unsigned i = 0; i < known.c; ++i)
      out.push_back(d.fresh(kind));
    VirtualInst &v = d.emit(Op::Mma);
    v.in = in;
    v.out = out;
    v.extra = std::make_unique<Extra>();
    v.extra->variant = form;
    v.extra->counter = d.counter(known.name);
    for (unsigned i = 0; i < known.c; ++i)
      assign(s.operands[0].parts[i], out[i]);
    return true;
  }
  return false;
}

bool PtxDecoder::executeBarrier(const PtxStatement &s) {
  if (s.operands.empty())
    return false;
  Reg first = source(s.operands[0], Kind::Word);
  if (first == noReg)
    return false;
  if (s.has("warp")) {
    VirtualInst &v = d.emit(Op::WarpSync);
    v.extra = std::make_unique<Extra>();
    v.in.push_back(first);
    return true;
  }
  bool arrives = s.has("arrive");
  if (!arrives && !s.has("sync"))
    return false;
  Reg threads = s.operands.size() > 1 ? source(s.operands[1], Kind::Word) : noReg;
  // `bar` is `barrier.cta....aligned`.
  bool aligned = s.words[0] == "bar" || s.has("aligned");
  d.emit(arrives ? Op::BarrierArrive : Op::BarrierSync, noReg, first, threads, noReg, aligned);
  return true;
}

bool PtxDecoder::executeWarp(const PtxStatement &s) {
  StringRef name = s.words[0];
  auto regs = [&](Kind kind, size_t from) {
    SmallVector<Reg, 4> result;
    for (size_t i = from; i < s.operands.size(); ++i)
      result.push_back(source(s.operands[i], i == from ? kind : Kind::Word));
    return result;
  };
  auto members = [&](VirtualInst &v, Reg mask) {
    v.extra = std::make_unique<Extra>();
    v.in.push_back(mask);
  };
  if (name == "shfl" && s.has("sync") && s.operands.size() == 5) {
    SmallVector<Reg, 4> in = regs(Kind::Word, 1);
    std::optional<Op> op = StringSwitch<std::optional<Op>>(s.words[2])
                               .Case("idx", Op::ShuffleIdx)
                               .Case("up", Op::ShuffleUp)
                               .Case("down", Op::ShuffleDown)
                               .Case("bfly", Op::ShuffleXor)
                               .Default(std::nullopt);
    if (!op || is_contained(in, noReg))
      return false;
    Reg result = d.fresh(Kind::Word), inRange = d.fresh(Kind::Bit);
    VirtualInst &v = d.emit(*op, result, in[0], in[1], in[2]);
    members(v, in[3]);
    v.out.push_back(inRange);
    assign(s.operands[0].parts[0], result);
    if (s.operands[0].parts.size() > 1)
      assign(s.operands[0].parts[1], inRange);
    return true;
  }
  if (name == "elect" && s.operands.size() == 2 && s.operands[0].parts.size() == 2) {
    Reg mask = source(s.operands[1], Kind::Word), lane = d.fresh(Kind::Word),
        isIt = d.fresh(Kind::Bit);
    if (mask == noReg)
      return false;
    VirtualInst &v = d.emit(Op::ElectLane, lane);
    members(v, mask);
    v.out.push_back(isIt);
    assign(s.operands[0].parts[0], lane);
    assign(s.operands[0].parts[1], isIt);
    return true;
  }
  if (name == "prmt" && s.operands.size() == 4 && s.words.size() == 2) {
    SmallVector<Reg, 4> in = regs(Kind::Word, 1);
    if (is_contained(in, noReg))
      return false;
    assign(s.operands[0].parts[0], d.compute(Kind::Word, Op::PermuteBytes, in[0], in[1], in[2]));
    return true;
  }
  if (name == "lop3" && s.operands.size() == 5) {
    SmallVector<Reg, 4> in = regs(Kind::Word, 1);
    std::optional<int64_t> table = number(s.operands[4].parts[0]);
    if (!table || in[0] == noReg || in[1] == noReg || in[2] == noReg)
      return false;
    assign(s.operands[0].parts[0],
           d.compute(Kind::Word, Op::Logic3, in[0], in[1], in[2], static_cast<uint64_t>(*table)));
    return true;
  }
  if (name == "activemask" && s.operands.size() == 1) {
    Reg result = d.fresh(Kind::Word);
    d.emit(Op::ActiveMask, result);
    assign(s.operands[0].parts[0], result);
    return true;
  }
  return false;
}
