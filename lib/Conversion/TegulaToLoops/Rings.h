//===- Rings.h - Roles and rings without concurrency ----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Roles run concurrently, loops do not. But a scheduled kernel is a network of
// processes that talk through bounded queues only, and how far each gets depends on
// `trips` alone; so its result is the same in every interleaving (Kahn), and in
// particular in this one, which needs no scheduler: *one role after the other*,
// producers first, and within a role one member after the other. What makes that
// impossible on a machine is the bound of the queues, and memory is cheap here:
//
// * A ring within one role is an array of its stages. Generation g lies in stage g mod
//   depth, as on the machine: the order of the role's ops is the machine's.
// * A ring between roles is an array of *all* its generations. How many there are is
//   counted first, by the producer's loops and branches with nothing in them but counts.
//
// Credits carry no data, so `release` and the end of a turn mean nothing; asynchronous
// copies and products take effect where they are issued, which is one of the times the
// machine may choose. A program that the verifier of schedules accepts gives what the
// machine gives; one that it refuses may give anything, but nothing worse: a slot is
// filled with NaN when it is acquired, so what reads too early or too much shows.
//
// Not run: roles that wait for each other's data in a circle, and rings inside a role
// of several groups, each of which writes a part of every slot. Both are refused.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_TEGULATOLOOPS_RINGS_H
#define TEGULA_LIB_CONVERSION_TEGULATOLOOPS_RINGS_H

#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "llvm/ADT/MapVector.h"

namespace tegula::loops {

/// A channel as memory.
struct Ring {
  /// Roles that acquire and that wait, in the order of the text.
  llvm::SmallVector<sched::RoleOp, 2> producers, consumers;
  /// One array of generations for each buffer.
  llvm::SmallVector<mlir::Value, 2> storage;
  /// How many generations the running member has acquired and waited for.
  mlir::Value acquired, waited;
  int64_t depth = 0;

  /// True where one role is all that uses it.
  bool isOwn() const {
    return producers.size() == 1 && consumers.size() == 1 && producers[0] == consumers[0];
  }
  /// True where several members write parts of a slot.
  bool isShared() const;
};

/// The channels of a kernel.
class Rings {
public:
  /// Finds who uses what, and moves producers in front of consumers.
  mlir::LogicalResult plan(GridOp grid);

  Ring &get(mlir::Value channel) { return rings.find(channel)->second; }
  /// The ring whose slot a part belongs to.
  Ring &get(sched::PartOp part) { return get(channels.find(part)->second); }
  bool empty() const { return rings.empty(); }
  llvm::MapVector<mlir::Value, Ring> &all() { return rings; }

private:
  mlir::LogicalResult orderRoles(GridOp grid);

  llvm::MapVector<mlir::Value, Ring> rings;
  llvm::DenseMap<sched::PartOp, mlir::Value> channels;
};

} // namespace tegula::loops

#endif // TEGULA_LIB_CONVERSION_TEGULATOLOOPS_RINGS_H
