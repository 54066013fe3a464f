//===- Conversion.h - From one layout to another --------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What it takes to have a tile in another layout. Three classes:
//
//   free     every lane has what it needs, in the same place of its registers as all
//            others: registers are renamed
//   shuffle  every warp has what its lanes need: they exchange registers
//   shared   through shared memory, with a scratch buffer and a barrier
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SUPPORT_LAYOUT_CONVERSION_H
#define TEGULA_SUPPORT_LAYOUT_CONVERSION_H

#include "tegula/Support/Layout/Layout.h"

namespace tegula::layout {

/// What a conversion costs, from cheap to dear.
enum class ConversionClass { Free, Shuffle, Shared };

/// `free`, `shuffle`, `shared`.
llvm::StringRef stringifyConversionClass(ConversionClass kind);
std::optional<ConversionClass> symbolizeConversionClass(llvm::StringRef name);

/// Why there is no conversion between these layouts at all, or nothing: tiles of other
/// extents, warps of other widths.
std::optional<std::string> checkConversion(const Layout &from, const Layout &to);

/// The class of a conversion among so many warps; `checkConversion` must hold.
ConversionClass classifyConversion(const Layout &from, const Layout &to, int64_t warps);

inline bool isFreeConversion(const Layout &from, const Layout &to, int64_t warps) {
  return classifyConversion(from, to, warps) == ConversionClass::Free;
}

/// For each register of `to`, the register of `from` that holds the same element in
/// every lane of every warp; nothing if there is not one for each. Registers that lie
/// beyond the tile in all lanes are `noRegister`.
inline constexpr unsigned noRegister = ~0u;
std::optional<llvm::SmallVector<unsigned>> findRename(const Layout &from, const Layout &to,
                                                      int64_t warps);

} // namespace tegula::layout

#endif // TEGULA_SUPPORT_LAYOUT_CONVERSION_H
