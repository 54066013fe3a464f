//===- Random.h - Random layouts for tests --------------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A generator whose seed is new at each run and is printed with a failure.
// TEGULA_TEST_SEED repeats a run.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TEST_UNIT_SUPPORT_LAYOUT_RANDOM_H
#define TEGULA_TEST_UNIT_SUPPORT_LAYOUT_RANDOM_H

#include "tegula/Support/Layout/Layout.h"

#include "gtest/gtest.h"
#include <cstdlib>
#include <random>

namespace tegula::layout::test {

class Random {
public:
  Random() : seed(chooseSeed()), engine(seed) {}

  /// A number below `n`.
  uint64_t below(uint64_t n) { return engine() % n; }
  int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }
  template <typename T> const T &pick(llvm::ArrayRef<T> values) {
    return values[below(values.size())];
  }

  /// For SCOPED_TRACE.
  std::string str() const { return "TEGULA_TEST_SEED=" + std::to_string(seed); }

private:
  static unsigned chooseSeed() {
    const char *text = std::getenv("TEGULA_TEST_SEED");
    return text ? std::strtoul(text, nullptr, 10) : std::random_device()();
  }
  unsigned seed;
  std::mt19937_64 engine;
};

/// A layout over some atom of so many lanes; small, of any extents, sometimes masked.
inline Layout randomLayout(Random &random, unsigned lanes) {
  llvm::SmallVector<const Atom *> atoms;
  for (const Atom &atom : getAtoms())
    if (atom.getLanes() == lanes && atom.getRegisters() <= 16)
      atoms.push_back(&atom);
  const Atom *atom = random.pick(llvm::ArrayRef(atoms));
  Extents repetition = {random.between(1, 3), random.between(1, 5)};
  Warps warps;
  warps.count = {random.between(1, 3), random.between(1, 2)};
  if (random.below(4) == 0) // by columns
    warps.stride = {1, warps.count[0]};
  Layout whole = llvm::cantFail(Layout::get(*atom, repetition, warps));
  if (random.below(2))
    return whole;
  Extents tile = whole.getCovered();
  for (unsigned axis : {0, 1})
    tile[axis] -= random.below(std::min<int64_t>(tile[axis], atom->getShape()[axis]));
  return llvm::cantFail(Layout::get(*atom, repetition, warps, tile));
}

} // namespace tegula::layout::test

#endif // TEGULA_TEST_UNIT_SUPPORT_LAYOUT_RANDOM_H
