//===- Registers.h - A thread's share of a fragment -------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A fragment is a matrix (leading axes of its tile are rows) dealt out over the
// threads of a role. Every atom's bits touch disjoint bits of the position, so the
// position of a register splits into parts that are added:
//
//   row = rows that register r adds + rows that the lane adds + rows that the warp adds
//
// The first is known when the kernel is compiled; the others are computed once per
// kernel and layout. All code that touches elements of fragments works on this form.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_SCHEDTOGPU_REGISTERS_H
#define TEGULA_LIB_CONVERSION_SCHEDTOGPU_REGISTERS_H

#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Support/Layout/Layout.h"

namespace tegula::gpu {

/// A position in a matrix, or a part of one.
struct Position {
  int64_t row = 0, col = 0;

  Position operator+(Position other) const { return {row + other.row, col + other.col}; }
  bool operator==(Position other) const { return row == other.row && col == other.col; }
  bool operator<(Position other) const {
    return row != other.row ? row < other.row : col < other.col;
  }
};

/// Which elements each thread of a role holds.
struct Registers {
  explicit Registers(layout::Layout layout);
  /// Of the fragment's type; a diagnostic at `loc` where it has no layout.
  static llvm::FailureOr<Registers> get(sched::FragType type, mlir::Location loc);

  layout::Layout layout;
  /// True extents of the matrix. Registers beyond them hold nothing of the tile.
  int64_t rows, cols;
  /// What each register adds.
  llvm::SmallVector<Position> regs;
  /// What each bit of the lane, and of the warp inside an atom, adds; (0, 0) where lanes
  /// hold copies.
  llvm::SmallVector<Position> laneBits, warpBits;
  /// What a warp's block covers.
  Position block;

  int64_t size() const { return regs.size(); }
  /// The most elements that follow each other in a row, from a multiple of their number,
  /// and that consecutive registers hold: what one instruction may move.
  int64_t vectorWidth(int64_t most) const;
  /// Whether some of a thread's positions may lie outside the tile.
  bool hasRemainder() const { return layout.isMasked(); }
};

} // namespace tegula::gpu

#endif // TEGULA_LIB_CONVERSION_SCHEDTOGPU_REGISTERS_H
