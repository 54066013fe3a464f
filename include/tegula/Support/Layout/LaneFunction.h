//===- LaneFunction.h - Numbers that depend on the lane -------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SUPPORT_LAYOUT_LANEFUNCTION_H
#define TEGULA_SUPPORT_LAYOUT_LANEFUNCTION_H

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/bit.h"

namespace tegula::layout {

/// A constant, and what each bit of the lane's number changes in it by xor. In code: one
/// xor where `isXor`, else an and, a shift and an xor for each run of bits.
struct LaneFunction {
  unsigned constant = 0;
  /// For each bit of the lane, lowest first.
  llvm::SmallVector<unsigned, 6> images;

  unsigned operator()(unsigned lane) const {
    unsigned value = constant;
    for (; lane; lane &= lane - 1)
      if (unsigned bit = llvm::countr_zero(lane); bit < images.size())
        value ^= images[bit];
    return value;
  }

  /// lane ^ constant.
  bool isXor() const {
    return llvm::all_of(llvm::enumerate(images),
                        [](auto image) { return image.value() == 1u << image.index(); });
  }
  bool isIdentity() const { return isXor() && constant == 0; }
  bool isConstant() const {
    return llvm::all_of(images, [](unsigned image) { return image == 0; });
  }

  bool operator==(const LaneFunction &other) const {
    return constant == other.constant && images == other.images;
  }
  bool operator<(const LaneFunction &other) const {
    return constant != other.constant ? constant < other.constant : images < other.images;
  }
};

} // namespace tegula::layout

#endif // TEGULA_SUPPORT_LAYOUT_LANEFUNCTION_H
