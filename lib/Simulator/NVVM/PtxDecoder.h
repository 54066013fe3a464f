//===- PtxDecoder.h - Parser of inline assembly ------------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SIMULATOR_NVVM_PTXDECODER_H
#define TEGULA_SIMULATOR_NVVM_PTXDECODER_H

#include "../Decode/Decoder.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/IR/InlineAsm.h"

namespace tegula::sim {

/// `[$1 + 16]`, `{a, b}`, `p|q`, a name or a number.
struct PtxOperand {
  llvm::StringRef text;
  bool isAddress = false;
  llvm::SmallVector<llvm::StringRef, 4> parts;
  int64_t offset = 0;
};

struct PtxStatement {
  llvm::StringRef text;
  llvm::StringRef guard;
  bool negated = false;
  llvm::StringRef opcode;
  /// The opcode's pieces between dots.
  llvm::SmallVector<llvm::StringRef, 8> words;
  llvm::SmallVector<PtxOperand, 6> operands;

  bool has(llvm::StringRef word) const { return llvm::is_contained(words, word); }
  llvm::StringRef type() const { return words.back(); }
};

class PtxDecoder {
public:
  PtxDecoder(Decoder &decoder, const llvm::CallInst &call)
      : d(decoder), call(call), assembly(llvm::cast<llvm::InlineAsm>(call.getCalledOperand())) {}

  bool run();

private:
  bool fail(const llvm::Twine &why);
  bool bindOperands();
  bool nameResults();
  bool parse(llvm::StringRef text);
  bool parseStatement(llvm::StringRef text);
  bool execute(const PtxStatement &s);
  bool executePlain(const PtxStatement &s);
  bool executeMove(const PtxStatement &s);
  bool executeConvert(const PtxStatement &s);
  bool executeArithmetic(const PtxStatement &s);
  bool executeCompare(const PtxStatement &s);
  bool executeMemory(const PtxStatement &s);
  bool executeCopy(const PtxStatement &s);
  bool executeMatrix(const PtxStatement &s);
  bool executeWarp(const PtxStatement &s);
  bool executeBarrier(const PtxStatement &s);

  /// Bits of a type name: "u32" is 32; 1 for "pred".
  static unsigned bitsOf(llvm::StringRef type);
  static Kind kindOf(llvm::StringRef type);
  /// A source operand.
  Reg source(llvm::StringRef name, Kind kind);
  Reg source(const PtxOperand &operand, Kind kind) { return source(operand.parts[0], kind); }
  /// Assigns a destination.
  void assign(llvm::StringRef name, Reg reg);
  Reg address(const PtxOperand &operand);
  std::optional<int64_t> number(llvm::StringRef text);
  bool isShort(Reg reg) const { return d.kindOf(reg) == Kind::Word; }

  Decoder &d;
  const llvm::CallInst &call;
  const llvm::InlineAsm *assembly;
  llvm::SmallVector<PtxStatement, 4> statements;
  llvm::StringMap<Reg> registers;
  llvm::SmallVector<std::string, 16> outputs;
  std::string buffer;
};

} // namespace tegula::sim

#endif // TEGULA_SIMULATOR_NVVM_PTXDECODER_H
