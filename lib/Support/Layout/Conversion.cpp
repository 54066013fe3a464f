//===- Conversion.cpp - From one layout to another ------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/Layout/Conversion.h"

#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FormatVariadic.h"

using namespace tegula::layout;
using llvm::SmallVector;
using llvm::StringRef;

StringRef tegula::layout::stringifyConversionClass(ConversionClass kind) {
  switch (kind) {
  case ConversionClass::Free:
    return "free";
  case ConversionClass::Shuffle:
    return "shuffle";
  case ConversionClass::Shared:
    return "shared";
  }
  llvm_unreachable("unknown class");
}

std::optional<ConversionClass> tegula::layout::symbolizeConversionClass(StringRef name) {
  return llvm::StringSwitch<std::optional<ConversionClass>>(name)
      .Case("free", ConversionClass::Free)
      .Case("shuffle", ConversionClass::Shuffle)
      .Case("shared", ConversionClass::Shared)
      .Default(std::nullopt);
}

Layout tegula::layout::orient(const Layout &line, Extents tile) {
  Extents have = line.getTile();
  bool lies = have != tile && have[0] == tile[1] && have[1] == tile[0] &&
              (have[0] == 1 || have[1] == 1);
  return lies ? line.getTransposed() : line;
}

std::optional<std::string> tegula::layout::checkConversion(const Layout &from, const Layout &to) {
  Extents a = from.getTile(), b = to.getTile();
  if (a != b)
    return llvm::formatv("conversion of a {0}x{1} tile to a {2}x{3} tile", a[0], a[1], b[0], b[1])
        .str();
  if (from.getLanes() != to.getLanes())
    return llvm::formatv("layout {0} is for warps of {1} lanes, layout {2} of {3}", from.str(),
                         from.getLanes(), to.str(), to.getLanes())
        .str();
  return std::nullopt;
}

std::optional<SmallVector<unsigned>> tegula::layout::findRename(const Layout &from,
                                                                const Layout &to, int64_t warps) {
  SmallVector<unsigned> sources;
  for (unsigned reg = 0, e = to.getRegisters(); reg < e; ++reg) {
    // Candidates come from the first lane that has an element there; usually one.
    std::optional<SmallVector<unsigned>> candidates;
    for (int64_t warp = 0; warp < warps; ++warp)
      for (unsigned lane = 0; lane < to.getLanes(); ++lane) {
        Element element = to.getElement(warp, lane, reg);
        if (!to.isInside(element))
          continue;
        if (!candidates) {
          candidates.emplace();
          for (unsigned source = 0, n = from.getRegisters(); source < n; ++source)
            candidates->push_back(source);
        }
        llvm::erase_if(*candidates, [&](unsigned source) {
          return from.getElement(warp, lane, source) != element;
        });
        if (candidates->empty())
          return std::nullopt;
      }
    sources.push_back(candidates ? candidates->front() : noRegister);
  }
  return sources;
}

/// True if each warp holds, in some lane, whatever its lanes shall have.
static bool hasWarpsElements(const Layout &from, const Layout &to, int64_t warps) {
  Extents tile = to.getTile();
  llvm::BitVector held(tile[0] * tile[1]);
  for (int64_t warp = 0; warp < warps; ++warp) {
    held.reset();
    for (unsigned lane = 0; lane < from.getLanes(); ++lane)
      for (unsigned reg = 0, e = from.getRegisters(); reg < e; ++reg)
        if (Element x = from.getElement(warp, lane, reg); from.isInside(x))
          held.set(x.row * tile[1] + x.col);
    for (unsigned lane = 0; lane < to.getLanes(); ++lane)
      for (unsigned reg = 0, e = to.getRegisters(); reg < e; ++reg)
        if (Element x = to.getElement(warp, lane, reg);
            to.isInside(x) && !held.test(x.row * tile[1] + x.col))
          return false;
  }
  return true;
}

ConversionClass tegula::layout::classifyConversion(const Layout &from, const Layout &to,
                                                   int64_t warps) {
  assert(!checkConversion(from, to) && "layouts of different tiles");
  if (findRename(from, to, warps))
    return ConversionClass::Free;
  if (hasWarpsElements(from, to, warps) && planShuffle(from, to, warps, 32))
    return ConversionClass::Shuffle;
  return ConversionClass::Shared;
}
