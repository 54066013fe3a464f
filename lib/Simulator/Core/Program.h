//===- Program.h - A kernel, decoded ------------------------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the decoder makes and the handlers read. This header is included by files
// that are compiled once per kind of host CPU, so it holds data and nothing that the
// linker could take from the wrong one of them.
//
// An SSA value is a list of components, each in a *slot* of the warp's register
// file: 4 bytes per lane. A bit takes the first 8 bytes of a slot, a component of up
// to 32 bits one slot, of 64 bits two. Slots are shared by values whose lives do not
// meet; writes are masked, so lanes on different paths never disturb each other.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SIMULATOR_CORE_PROGRAM_H
#define TEGULA_SIMULATOR_CORE_PROGRAM_H

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class Instruction;
class Function;
} // namespace llvm

namespace tegula::sim {

struct Inst;
struct Warp;
struct Vendor;

/// Executes one instruction and, by a tail call, those that follow it, until the
/// warp's turn is over.
using Handler = void (*)(Warp &, const Inst *);

enum class Op : uint16_t {
#define SIM_OP(Name) Name,
#include "Ops.def"
  Count
};

constexpr unsigned numOps = static_cast<unsigned>(Op::Count);

/// Where a component's bits are.
using Slot = uint16_t;
constexpr Slot noSlot = 0xFFFF;

/// What a component is: a bit, a word of up to 32 bits, or 64 bits.
enum class Kind : uint8_t { Bit, Word, Pair };

/// Memory that an address speaks of.
enum class Space : uint8_t { Generic, Global, Shared, Local };

/// What an atomic operation does; Extra::variant.
enum class AtomicOp : unsigned {
  Exchange,
  Add,
  Sub,
  And,
  Nand,
  Or,
  Xor,
  SMax,
  SMin,
  UMax,
  UMin,
  Increment,
  Decrement,
  FAdd,
  FSub,
  FMax,
  FMin,
  CompareExchange,
};

/// Operands that do not fit into an instruction.
struct Extra {
  std::vector<Slot> in;
  std::vector<Slot> out;
  /// What exactly the instruction does; each op says how it reads this.
  unsigned variant = 0;
  /// Kinds of the components that an atomic operation and the like work on.
  Kind kind = Kind::Word;
  Space space = Space::Generic;
  /// Index into Program::counterNames.
  unsigned counter = 0;
  static constexpr unsigned maxCounters = 32;
};

struct Move {
  Slot to, from;
  Kind kind;
};

/// A way from one basic block to the next, with the moves that φs make on it.
struct Edge {
  uint32_t target = 0;
  uint32_t block = 0;
  /// Some move reads what an earlier one has written: read all, then write.
  bool conflict = false;
  std::vector<Move> moves;
};

/// A block's end. A divergent branch parts the warp until `join`, the immediate
/// post-dominator of the block.
struct Branch {
  std::vector<Edge> edges;
  /// Of a switch: the values that lead to edges 1, 2, ...; edge 0 is the default.
  std::vector<uint64_t> cases;
  Kind kind = Kind::Word;
  static constexpr uint32_t never = ~0u;
  uint32_t join = never;
  uint32_t joinTarget = 0;
};

/// One instruction; operands as in Ops.def.
struct Inst {
  Handler handler = nullptr;
  Slot d = noSlot, a = noSlot, b = noSlot, c = noSlot;
  uint64_t imm = 0;
  const Extra *extra = nullptr;
  const Branch *branch = nullptr;
  /// Index into Program::sources.
  uint32_t source = 0;
  Op op = Op::Nop;
  /// Memory: number of components, and the alignment of the whole.
  uint8_t count = 1;
  uint8_t align = 1;
  /// Memory: the address is a word, not a pair.
  bool shortAddress = false;
};

/// A component whose value is known before the first instruction.
struct Preset {
  enum What : uint8_t { Bits, Undefined, Argument, Shared, Data, DynamicShared };
  What what = Bits;
  Kind kind = Kind::Word;
  Slot slot = 0;
  /// Bits; or an offset that is added to what `index` names.
  uint64_t bits = 0;
  unsigned index = 0;
};

/// A parameter as the launch must give it.
struct Parameter {
  bool isPointer = false;
  unsigned bytes = 4;
  /// The kernel gets a copy of that many bytes.
  uint64_t byValue = 0;
  /// The kernel is known never to write through it.
  bool readOnly = false;
  std::string name;
};

/// A variable in shared memory.
struct SharedVariable {
  std::string name;
  uint64_t offset = 0;
  uint64_t size = 0;
};

/// A variable of the module in global or constant memory.
struct DataVariable {
  std::string name;
  std::vector<uint8_t> bytes;
  bool readOnly = false;
};

struct Program {
  std::string name;
  const llvm::Function *function = nullptr;
  const Vendor *vendor = nullptr;
  /// Lanes of a warp.
  unsigned width = 32;
  /// The instructions twice: with handlers for wide and for any supported host.
  std::array<std::vector<Inst>, 2> code;
  std::vector<std::unique_ptr<Extra>> extras;
  std::vector<std::unique_ptr<Branch>> branches;
  std::vector<Preset> presets;
  std::vector<Parameter> parameters;
  std::vector<SharedVariable> shared;
  std::vector<DataVariable> data;
  uint64_t staticShared = 0;
  /// Bytes of private memory per lane.
  uint64_t local = 0;
  /// Threads per block that the kernel was compiled for; 0: any.
  uint64_t maxThreads = 0;
  unsigned slots = 0;
  std::vector<const llvm::Instruction *> sources;
  /// Kinds of matrix operations that the kernel has.
  std::vector<std::string> counterNames;
};

} // namespace tegula::sim

#endif // TEGULA_SIMULATOR_CORE_PROGRAM_H
