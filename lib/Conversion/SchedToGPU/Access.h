//===- Access.h - Elements of a tile in device memory -----------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile and a view meet at `at`. Element (i0, i1, ...) of the tile lies at
//
//   pointer + sum over axes of (at + i) * stride
//
// of which the part of `at` is the same for all threads, the part of lane and warp is
// computed once, and the part of a register is a constant (times a stride). It is inside
// where low <= i < limit along each axis; these are numbers between 0 and the extent, so
// what is known when the kernel is compiled costs nothing.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_SCHEDTOGPU_ACCESS_H
#define TEGULA_LIB_CONVERSION_SCHEDTOGPU_ACCESS_H

#include "Lowering.h"

namespace tegula::gpu {

/// A tile of a view.
class TileAccess {
public:
  /// `shape` is the tile's. `trans`: positions are those of the tile with its last two
  /// axes exchanged.
  /// `by`: the axis whose coordinate is a position of the view itself; it has no offset in
  /// the window.
  TileAccess(Emitter &e, Lowering &lowering, const View &view, llvm::ArrayRef<int64_t> shape,
             const Window &window, bool trans, int64_t by = -1);

  /// A position of the tile, split into one coordinate per axis.
  llvm::SmallVector<Coordinate> split(Emitter &e, const Coordinate &row,
                                      const Coordinate &col) const;
  mlir::Value address(Emitter &e, llvm::ArrayRef<Coordinate> at);
  /// Whether the element is inside, but for axis `but`; null where it always is.
  mlir::Value isInside(Emitter &e, llvm::ArrayRef<Coordinate> at, int64_t but = -1) const;
  /// Whether the whole tile is; null where it always is.
  mlir::Value isWholeInside(Emitter &e) const;
  /// i32 bound of the last axis, between 0 and its extent.
  mlir::Value getLastLimit() const { return limits.back(); }
  mlir::Value getLastLow() const { return lows.back(); }
  bool isLastBounded() const;
  /// Elements of the last axis, from a multiple of their number on, that one access may
  /// move if addresses are aligned: at most `most`.
  int64_t getWidth(int64_t most) const;
  /// Whether rows begin at multiples of so many bytes; null where that is promised.
  mlir::Value isAligned(Emitter &e, int64_t bytes) const;
  int64_t getRank() const { return shape.size(); }

private:
  /// Whether every position of that axis is below its limit.
  bool isBelow(size_t axis) const;

  /// The address asked for last.
  struct Last {
    mlir::Value pointer;
    llvm::SmallVector<Coordinate> at;
    mlir::Block *block = nullptr;
  };

  const View &view;
  llvm::SmallVector<int64_t> shape;
  bool trans;
  int64_t by;
  mlir::Value base;
  Values lows, limits; ///< i32; a null low is 0
  int64_t align;       ///< bytes that divide the address of every row's first element
  Last last;
  int64_t lastDivisor = 1; ///< elements that divide the offset along the last axis
};

} // namespace tegula::gpu

#endif // TEGULA_LIB_CONVERSION_SCHEDTOGPU_ACCESS_H
