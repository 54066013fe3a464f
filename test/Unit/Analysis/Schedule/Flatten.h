//===- Flatten.h - The ops that a member executes -------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TEST_UNIT_ANALYSIS_SCHEDULE_FLATTEN_H
#define TEGULA_TEST_UNIT_ANALYSIS_SCHEDULE_FLATTEN_H

#include "tegula/Analysis/Schedule/Proof.h"

namespace tegula::sched::proof {

/// One number after another, as one number.
inline uint64_t mix(uint64_t a, uint64_t b) {
  uint64_t x = (a ^ (b + 0x9e3779b97f4a7c15 + (a << 6) + (a >> 2))) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// What an operand is in one iteration: a buffer of a slot, or a cell: one dynamic value.
struct Place {
  enum class Kind { None, Slot, Cell } kind = Kind::None;
  unsigned channel = 0, generation = 0, part = allParts;
  unsigned cell = 0;
};

/// One op of a member, loops unrolled and names resolved.
struct MicroOp {
  enum class Kind {
    Acquire,
    Commit,
    Wait,
    Release,
    Drain,
    Copy,
    Compute,
    Product,
    ProductWait,
    Turn,
    Pass
  };
  Kind kind;
  Site site;
  unsigned object = 0, generation = 0, inflight = 0;
  bool async = false, output = false;
  bool accumulates = false; ///< the last operand stands in the registers of the result
  CopyEngine engine = CopyEngine::Registers;
  uint64_t tag = 0; ///< what a copy brings, or who computes
  Place dest;
  llvm::SmallVector<Place, 4> operands;
  llvm::SmallVector<unsigned, 2> cells;    ///< results
  llvm::SmallVector<unsigned, 2> products; ///< cells of the flights that are waited for
};

/// The ops of a member, and for each cell the last of them that names it.
struct MemberOps {
  std::vector<MicroOp> ops;
  std::vector<size_t> lastUse;
};

MemberOps flatten(const EventProgram &program, unsigned role, unsigned member,
                  llvm::ArrayRef<int64_t> trips);

} // namespace tegula::sched::proof

#endif // TEGULA_TEST_UNIT_ANALYSIS_SCHEDULE_FLATTEN_H
