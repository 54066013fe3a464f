//===- Clip.h - The part of a product that a mask lets through --*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_SCHEDTOX86_CLIP_H
#define TEGULA_LIB_CONVERSION_SCHEDTOX86_CLIP_H

#include "Lowering.h"

namespace tegula::x86 {

/// Which elements of a product's result are read at all.
class Clip {
public:
  /// Finds out, from the map that reads the result of `op`; writes what the conditions
  /// have in common.
  Clip(Emitter &emit, sched::MmaOp op);

  /// Writes `block`, which computes `rows` x `columns` elements of the result from there
  /// on, behind a condition that one of them is read.
  void guard(Emitter &emit, mlir::Value row, int64_t rows, mlir::Value column, int64_t columns,
             llvm::function_ref<void()> block) const;

private:
  /// An element is read only where slack + perRow * row + perColumn * column >= 0.
  struct Condition {
    mlir::Value slack; ///< index
    int64_t perRow, perColumn;
  };
  llvm::SmallVector<Condition> conditions; ///< all of which must hold
};

} // namespace tegula::x86

#endif // TEGULA_LIB_CONVERSION_SCHEDTOX86_CLIP_H
