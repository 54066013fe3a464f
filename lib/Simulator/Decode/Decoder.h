//===- Decoder.h - From LLVM IR to instructions ----------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decoding has three steps: every LLVM instruction becomes instructions on virtual
// registers (this class, with a vendor's help for intrinsics and inline assembly);
// what nobody uses is dropped; registers get slots (SlotAllocator.cpp).
//
// A value is a list of components. What only moves bits around (`extractvalue`, casts
// of equal width, `insertelement` at a constant index) names components anew and
// becomes no instruction at all.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SIMULATOR_DECODE_DECODER_H
#define TEGULA_SIMULATOR_DECODE_DECODER_H

#include "../Core/Program.h"
#include "tegula/Simulator/Simulator.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/Twine.h"
#include "llvm/IR/DataLayout.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"

#include <map>
#include <optional>

namespace tegula::sim {

/// A virtual register.
using Reg = int;
constexpr Reg noReg = -1;

struct Component {
  Reg reg = noReg;
  Kind kind = Kind::Word;
};
using Components = llvm::SmallVector<Component, 4>;

/// An instruction on virtual registers.
struct VirtualInst {
  Op op = Op::Nop;
  Reg d = noReg, a = noReg, b = noReg, c = noReg;
  uint64_t imm = 0;
  std::vector<Reg> in, out;
  /// Everything of it but the slots; null: the instruction needs none.
  std::unique_ptr<Extra> extra;
  Branch *branch = nullptr;
  uint32_t source = 0;
  uint8_t count = 1;
  uint8_t align = 1;
  bool shortAddress = false;
  /// Of MaskPush: instructions under the guard.
  size_t guards = 0;
};

struct VirtualMove {
  Reg to, from;
};

/// A basic block: instructions [begin, end) and where its edges lead.
struct VirtualBlock {
  size_t begin = 0, end = 0;
  struct Out {
    unsigned block;
    std::vector<VirtualMove> moves;
  };
  std::vector<Out> edges;
};

class Decoder;

/// What one vendor's machines do; see NVVM/Vendor.cpp.
struct Vendor {
  llvm::StringRef name;
  /// Decodes a call to an intrinsic, or says why not by returning false.
  bool (*intrinsic)(Decoder &decoder, const llvm::IntrinsicInst &call);
  /// The same for inline assembly.
  bool (*assembly)(Decoder &decoder, const llvm::CallInst &call);
};

extern const Vendor amdgpuVendor;
extern const Vendor nvvmVendor;

class Decoder {
public:
  Decoder(llvm::Function &function, Program &program, std::vector<Report> &reports);

  /// Decodes the whole function; false if something is not modelled.
  bool run();

  // For vendors.

  /// Components of a value.
  Components get(const llvm::Value *value);
  /// The register of a value of one component.
  Reg one(const llvm::Value *value) { return get(value).front().reg; }
  /// A value as words of 32 bits, 16-bit elements packed in pairs.
  llvm::SmallVector<Reg, 4> words(const llvm::Value *value);
  /// New components for the result of an instruction.
  Components define(const llvm::Instruction &inst);
  /// The result of an instruction is these components.
  void name(const llvm::Instruction &inst, Components components);
  /// The result of an instruction is these words.
  void nameWords(const llvm::Instruction &inst, llvm::ArrayRef<Reg> words);
  Reg fresh(Kind kind);
  /// A register that holds a constant.
  Reg constant(Kind kind, uint64_t bits);
  Reg undefinedReg(Kind kind);
  Kind kindOf(Reg reg) const { return kinds[reg]; }
  VirtualInst &emit(Op op, Reg d = noReg, Reg a = noReg, Reg b = noReg, Reg c = noReg,
                    uint64_t imm = 0);
  /// As emit, to a new register of the kind.
  Reg compute(Kind kind, Op op, Reg a, Reg b = noReg, Reg c = noReg, uint64_t imm = 0);
  /// `Name32` or `Name64`, given the first.
  static Op sized(Op op32, Kind kind) {
    return static_cast<Op>(static_cast<unsigned>(op32) + (kind == Kind::Pair));
  }
  /// The place of the next instruction, and the end of the guard that begins there.
  size_t mark() const { return insts.size(); }
  void closeGuard(size_t push);
  /// The number of a counter of matrix operations.
  unsigned counter(llvm::StringRef name);
  /// The value of a constant integer.
  static std::optional<int64_t> constantOf(const llvm::Value *value);
  /// The value of a register that holds a constant.
  std::optional<int64_t> constantIn(Reg reg) const;
  /// Reports that an instruction is not modelled; returns false.
  bool unsupported(const llvm::Instruction &inst, const llvm::Twine &why = "");
  /// f32 from another float type, and back.
  Reg toF32(Reg reg, llvm::Type *type);
  Reg fromF32(Reg reg, llvm::Type *type);
  /// An operation of f32 on every component of the (possibly 16-bit) operands.
  void elementwise(const llvm::Instruction &inst, Op op32, unsigned operands);
  /// Loads or stores components; `bits` of one in memory.
  VirtualInst &memory(bool store, Space space, unsigned bits, Reg address, bool shortAddress,
                      uint64_t offset, llvm::Align align, llvm::ArrayRef<Reg> regs);
  Space spaceOf(const llvm::Value *pointer) const;

  const llvm::DataLayout &layout;
  Program &program;

private:
  friend class SlotAllocator;

  bool decodeInst(const llvm::Instruction &inst);
  bool decodeBinary(const llvm::BinaryOperator &inst);
  bool decodeFloatBinary(const llvm::BinaryOperator &inst);
  bool fuse(const llvm::BinaryOperator &inst);
  bool decodeCompare(const llvm::CmpInst &inst);
  bool decodeCast(const llvm::CastInst &inst);
  bool decodeBitcast(const llvm::Instruction &inst);
  bool decodeGep(const llvm::GetElementPtrInst &inst);
  bool decodeLoadStore(const llvm::Instruction &inst);
  bool decodeAtomic(const llvm::Instruction &inst);
  bool decodeVector(const llvm::Instruction &inst);
  bool decodeTerminator(const llvm::Instruction &inst);
  bool decodeCall(const llvm::CallInst &call);
  bool decodeIntrinsic(const llvm::IntrinsicInst &call);
  bool decodeMemoryIntrinsic(const llvm::MemIntrinsic &call);

  std::optional<Kind> kindOf(llvm::Type *type) const;
  bool flatten(llvm::Type *type, llvm::SmallVectorImpl<llvm::Type *> &types) const;
  bool checkTypes(const llvm::Instruction &inst);
  Components constantComponents(const llvm::Constant *constant);
  Component constantScalar(const llvm::Constant *constant);
  struct Address {
    Preset::What what = Preset::Bits;
    unsigned index = 0;
    uint64_t offset = 0;
    bool good = true;
  };
  Address constantAddress(const llvm::Constant *constant);
  Address variable(const llvm::GlobalVariable *variable);
  Reg preset(Preset preset);
  llvm::SmallVector<Reg, 4> packWords(llvm::Type *type, llvm::ArrayRef<Component> components);
  Components unpackWords(llvm::Type *type, llvm::ArrayRef<Reg> words);
  unsigned fieldIndex(llvm::Type *type, llvm::ArrayRef<unsigned> indices) const;
  unsigned fieldCount(llvm::Type *type) const;
  void declareParameters();
  void addMoves();
  void dropUnused();
  void link();

  llvm::Function &function;
  std::vector<Report> &reports;
  bool failed = false;

  std::vector<Kind> kinds;
  llvm::DenseMap<const llvm::Value *, Components> values;
  /// Words that the 16-bit elements of a value were unpacked from.
  llvm::DenseMap<const llvm::Value *, llvm::SmallVector<Reg, 4>> packed;
  std::map<std::tuple<unsigned, unsigned, unsigned, uint64_t>, Reg> presets;
  llvm::DenseMap<Reg, Preset> presetOf;
  llvm::DenseMap<const llvm::GlobalVariable *, Address> variables;
  std::vector<VirtualInst> insts;
  std::vector<VirtualBlock> blocks;
  std::vector<const llvm::BasicBlock *> order;
  llvm::DenseMap<const llvm::BasicBlock *, unsigned> blockIndex;
  llvm::DenseSet<const llvm::Instruction *> notModelled;
  const llvm::Instruction *current = nullptr;
  uint32_t currentSource = 0;
};

/// Whether an instruction does nothing but compute its result.
bool isPure(Op op);

/// The chain of source lines of an instruction, innermost first.
std::vector<Site> sitesOf(const llvm::Instruction &inst);
/// The instruction as one line of text.
std::string textOf(const llvm::Instruction &inst);

} // namespace tegula::sim

#endif // TEGULA_SIMULATOR_DECODE_DECODER_H
