//===- EventProgram.h - What the roles of a kernel do ---------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A scheduled kernel without its arithmetic: per role the ops that synchronise,
// and which of its values they touch. A proof (Proof.h) needs no more, and knows
// no IR. One role of a two-stage ring, and what is kept of it:
//
//   for %i = 0 to %n {                 Loop    %i, 0, %n
//     %w = acquire %c                  Acquire 0 -> w
//     copy bulk %A[%i * 64] to %w      Copy    -> w, at (%i * 64)
//     commit %w                        Commit  w
//   }
//
// Values are slots, products in flight, fragments, or none of these; which one a
// name means in a given iteration is found by running the role.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_ANALYSIS_SCHEDULE_EVENTPROGRAM_H
#define TEGULA_ANALYSIS_SCHEDULE_EVENTPROGRAM_H

#include "tegula/Analysis/Schedule/Expression.h"
#include "tegula/Target/GpuInfo.h"
#include "llvm/ADT/SmallVector.h"
#include <string>
#include <variant>

namespace tegula::sched::proof {

/// A place in the author's text. Whoever builds the program knows what it means.
using Site = unsigned;

/// A name in a role; every role has names of its own, visible in its nested loops.
using ValueId = unsigned;

/// As the target table has them. `Registers` is a store of fragments by the role itself.
using ::tegula::Completion;
using ::tegula::CopyEngine;
using ::tegula::stringify;

/// All buffers of a slot.
inline constexpr unsigned allParts = ~0u;

/// A value, or one buffer of the slot that it is.
struct Operand {
  ValueId value;
  unsigned part = allParts;
};

struct Stmt;
using Block = std::vector<Stmt>;

/// Waits for a free slot of the ring, which may then be written.
struct Acquire {
  unsigned channel;
  ValueId result;
};
/// Ends the writes to an acquired slot.
struct Commit {
  ValueId slot;
};
/// Waits until the next slot of the ring is full.
struct Wait {
  unsigned channel;
  std::optional<unsigned> inflight;
  ValueId result;
};
/// Gives a slot back that was waited for.
struct Release {
  ValueId slot;
};
/// Ends what this role still has in the ring.
struct Drain {
  unsigned channel;
};
/// Where a labelled copy or fetch takes its data: what a stream's position is.
struct Origin {
  std::string label;
  llvm::SmallVector<ExprId, 2> coordinates;
};
/// An asynchronous copy, or a store of a fragment, into a slot.
struct Copy {
  CopyEngine engine;
  Operand dest;
  std::optional<Operand> source; ///< a stored fragment
  std::optional<Operand> rows;   ///< the index tile of a gather
  std::optional<ExprId> where;
  Origin origin;
};
/// A load from a view into registers.
struct Fetch {
  ValueId result;
  std::optional<ExprId> where;
  Origin origin;
};
/// Anything else that reads values and gives others.
struct Compute {
  enum class Kind : uint8_t { Map, Constant, Output, Other };
  Kind kind = Kind::Other;
  llvm::SmallVector<Operand, 4> operands;
  llvm::SmallVector<ValueId, 2> results;
};
/// Another name for a value, or for one buffer of it.
struct Alias {
  ValueId result;
  Operand source;
};
/// A product. An asynchronous one gives a flight.
struct Product {
  bool async = false;
  llvm::SmallVector<Operand, 2> operands;
  std::optional<Operand> accumulator;
  ValueId result;
};
/// Waits for all but the `inflight` youngest products.
struct ProductWait {
  unsigned inflight = 0;
  llvm::SmallVector<ValueId, 2> products; ///< one per result
  llvm::SmallVector<ValueId, 2> results;
  llvm::SmallVector<ValueId, 2> retire;
};
/// Pins elementwise work before the next wait.
struct Finish {};
struct Turn {
  unsigned baton;
};
struct Pass {
  unsigned baton;
};
/// A counted loop with carried values.
struct Loop {
  VariableId induction;
  ExprId lower, upper, step;
  llvm::SmallVector<ValueId, 4> inits, arguments, yields, results;
  Block body;
};
/// A guard.
struct If {
  ExprId condition;
  Block yes, no;
  llvm::SmallVector<ValueId, 4> yesYields, noYields, results;
};

using StmtOp = std::variant<Acquire, Commit, Wait, Release, Drain, Copy, Fetch, Compute, Alias,
                            Product, ProductWait, Finish, Turn, Pass, Loop, If>;

/// One op of a role.
struct Stmt {
  Site site;
  StmtOp op;

  template <typename T> T *getIf() { return std::get_if<T>(&op); }
  template <typename T> const T *getIf() const { return std::get_if<T>(&op); }
};

/// A ring over buffers of equal depth.
struct Channel {
  std::string name;
  Completion kind;
  unsigned depth;
  unsigned parts; ///< buffers
  Site site;
};

/// A named order of a role's members.
struct Baton {
  std::string name;
  unsigned members;
  Site site;
};

/// A name in a role.
struct Value {
  std::string name;
  /// 32-bit registers of a thread that it occupies; 0 for what is not a fragment.
  double registers = 0;
};

/// One program, run by its members.
struct Role {
  std::string name;
  unsigned members = 1;   ///< that synchronise on their own (`groups`)
  unsigned warps = 1;     ///< of all members
  unsigned registers = 0; ///< budget per thread, 0 where none was given
  std::optional<VariableId> member;
  std::vector<Value> values;
  Block body;
  Site site;
};

/// The only source of dynamic loop counts.
struct Trips {
  std::string name;
  VariableId variable;
};

/// Memory that a kernel allocates.
struct Buffer {
  std::string name;
  std::string space;
  unsigned stages;
  int64_t stageBytes;
  int64_t alignment = 16;
  std::optional<unsigned> channel;
  Site site;
  bool scratch = false; ///< of one op, which orders its own accesses
};

/// A scheduled kernel, as far as a proof needs it.
struct EventProgram {
  std::string name;
  Site site = 0;
  Expressions expressions;
  unsigned variables = 0; ///< ids below this are in use
  std::vector<Trips> trips;
  std::vector<Channel> channels;
  std::vector<Baton> batons;
  std::vector<Buffer> buffers;
  std::vector<Role> roles;

  VariableId addVariable() { return variables++; }
  /// The trip count that the variable is, or nothing.
  std::optional<unsigned> findTrips(VariableId variable) const;
};

/// Calls `visit` for each op, in order, before those nested in it.
void walk(const Block &block, llvm::function_ref<void(const Stmt &)> visit);
void walk(Block &block, llvm::function_ref<void(Stmt &)> visit);

/// Whether something in the block synchronises: its loops and guards must then be
/// functions of trip counts.
bool synchronises(const Block &block);

} // namespace tegula::sched::proof

#endif // TEGULA_ANALYSIS_SCHEDULE_EVENTPROGRAM_H
