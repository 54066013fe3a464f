//===- Bounds.h - The part of a tile inside a view --------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_SCHEDTOX86_BOUNDS_H
#define TEGULA_LIB_CONVERSION_SCHEDTOX86_BOUNDS_H

#include "Emitter.h"

namespace tegula::x86 {

/// The part of a tile that lies inside the bounds of a view: positions of the
/// tile, a half-open range per axis.
struct Bounds {
  Values lo, hi;
  mlir::Value inside; ///< i1: the whole tile; null where that is known

  /// Of the axes `axes` of `view`, with an offset, a limit (or none at all) and
  /// an extent for each.
  Bounds(Emitter &emit, mlir::Value view, llvm::ArrayRef<int64_t> axes, mlir::ValueRange at,
         mlir::ValueRange upto, llvm::ArrayRef<int64_t> shape);

  /// Writes `whole` for a tile that lies inside, else `part`.
  void choose(Emitter &emit, llvm::function_ref<void()> whole, llvm::function_ref<void()> part);
};

} // namespace tegula::x86

#endif // TEGULA_LIB_CONVERSION_SCHEDTOX86_BOUNDS_H
