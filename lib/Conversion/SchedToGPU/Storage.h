//===- Storage.h - Where a shared buffer keeps its elements -----*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile in shared memory is rows of bytes. `swz S` cuts rows into pieces of S bytes,
// keeps pieces with equal columns together (S * rows bytes each), and exchanges the
// 16-byte units inside a piece by a key made of the row, so that one instruction's lanes
// hit different banks:
//
//   offset = piece * S * rows + row * S + (unit ^ key(row)) * 16 + rest
//   key(row) = (row / (128 / S)) mod (S / 16)
//
// `swz auto` leaves rows in one piece, with the same key for units within S bytes, S the
// largest of 128, 64 and 32 that a row is a multiple of:
//
//   offset = row * (bytes of a row) + (unit ^ key(row)) * 16 + rest
//
// Rows of S * odd bytes start at 128 / S different places of the banks, so the key takes over
// where they repeat: any 8 rows in a row meet 8 different units in each column, as
// `layout::solveSwizzle` finds it, and copies along rows meet none twice.
//
// Inside a piece that is linear over bits: the parts of a position that are known when
// the kernel is compiled become an immediate offset wherever they touch no bit that a
// lane's part may have.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_SCHEDTOGPU_STORAGE_H
#define TEGULA_LIB_CONVERSION_SCHEDTOGPU_STORAGE_H

#include "Emitter.h"
#include "tegula/Dialect/Sched/IR/Sched.h"

namespace tegula::gpu {

/// One coordinate: a value plus a constant. `bits` are those that the value may have.
struct Coordinate {
  mlir::Value value; ///< i32, not negative; null for 0
  uint64_t bits = 0;
  int64_t constant = 0;

  Coordinate plus(int64_t amount) const { return {value, bits, constant + amount}; }
  /// Sum of two coordinates.
  static Coordinate sum(Emitter &e, const Coordinate &a, const Coordinate &b);
  /// As one value.
  mlir::Value get(Emitter &e) const;
};

/// How the bytes of one stage of a buffer are laid out.
class Storage {
public:
  explicit Storage(sched::BufType type);
  Storage(int64_t rows, int64_t cols, mlir::Type elem, int64_t swizzle);

  /// Bytes of one stage, a multiple of 16.
  int64_t getBytes() const { return bytes; }
  /// The alignment that a stage wants.
  int64_t getAlign() const { return swizzle ? swizzle * 8 : 16; }
  /// Elements of a row that lie side by side and aligned to their size in bytes, from a
  /// column that is a multiple of their number: at most 16 bytes.
  int64_t getUnit() const;

  /// The address of the element at (row, col) of the stage at `base`.
  mlir::Value address(Emitter &e, mlir::Value base, const Coordinate &row,
                      const Coordinate &col) const;

  int64_t rows, cols;
  mlir::Type elem;

private:
  int64_t elemBytes, rowBytes, swizzle, bytes;
  /// Bytes from row to row, and from one piece of a row to the next.
  int64_t rowPitch, piecePitch;
};

} // namespace tegula::gpu

#endif // TEGULA_LIB_CONVERSION_SCHEDTOGPU_STORAGE_H
