//===- LinearMapTest.cpp - Linear maps between bit vectors ----------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/Layout/LinearMap.h"

#include "Random.h"
#include "gtest/gtest.h"
#include <map>
#include <set>

using namespace tegula::layout;
using namespace tegula::layout::test;
using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::StringRef;

namespace {

/// A map of few bits between up to three dimensions a side.
LinearMap randomMap(Random &random, ArrayRef<Dim> ins, ArrayRef<Dim> outs) {
  unsigned inBits = 0, outBits = 0;
  for (const Dim &dim : ins)
    inBits += dim.bits;
  for (const Dim &dim : outs)
    outBits += dim.bits;
  SmallVector<uint64_t> columns;
  for (unsigned bit = 0; bit < inBits; ++bit)
    columns.push_back(random.below(1ull << outBits));
  return LinearMap(ins, outs, columns);
}

SmallVector<Dim> randomDims(Random &random, ArrayRef<StringRef> names, unsigned most = 3) {
  SmallVector<Dim> dims;
  for (StringRef name : names)
    dims.push_back({name.str(), unsigned(random.below(most + 1))});
  return dims;
}

uint64_t sizeOf(const LinearMap &map) { return 1ull << map.getInBits(); }

std::set<uint64_t> imageOf(const LinearMap &map) {
  std::set<uint64_t> image;
  for (uint64_t x = 0; x < sizeOf(map); ++x)
    image.insert(map.apply(x));
  return image;
}

TEST(LinearMapTest, BasesAreImagesOfPowersOfTwo) {
  LinearMap map = LinearMap::fromBases(
      {{"register", {{{"col", 1}}, {{"row", 8}}}},
       {"lane", {{{"col", 2}}, {{"col", 4}}, {{"row", 1}}, {{"row", 2}}, {{"row", 4}}}}},
      {{"row", 4}, {"col", 3}});
  EXPECT_EQ(map.apply({{"lane", 13}, {"register", 3}}), (SmallVector<uint64_t>{11, 3}));
  EXPECT_EQ(map.getBasis("lane", 1, "col"), 4u);
  EXPECT_EQ(map.getBasis("lane", 1, "row"), 0u);
  EXPECT_EQ(map.str(),
            "register 1 -> (col 1), 2 -> (row 8)\n"
            "lane 1 -> (col 2), 2 -> (col 4), 4 -> (row 1), 8 -> (row 2), 16 -> (row 4)\n");
}

TEST(LinearMapTest, IdentityAndZero) {
  LinearMap id = LinearMap::identity("lane", "col", 3);
  for (uint64_t x = 0; x < 8; ++x)
    EXPECT_EQ(id.apply(x), x);
  LinearMap zero = LinearMap::zero({{"lane", 2}}, {{"col", 3}});
  for (uint64_t x = 0; x < 4; ++x)
    EXPECT_EQ(zero.apply(x), 0u);
  EXPECT_EQ(zero.getFreeBits("lane"), 3u);
  EXPECT_EQ(zero.getRank(), 0u);
  EXPECT_FALSE(zero.pseudoInvert());
}

TEST(LinearMapTest, ProductJoinsBits) {
  // A row of four columns in registers, repeated over lanes: lane bits above.
  LinearMap tile = LinearMap::identity("register", "col", 2);
  LinearMap blocked = tile.product(LinearMap::identity("lane", "col", 2));
  EXPECT_EQ(blocked.apply({{"register", 3}, {"lane", 2}}), (SmallVector<uint64_t>{11}));
  std::optional<LinearMap> quotient = blocked.divideLeft(tile);
  ASSERT_TRUE(quotient);
  EXPECT_EQ(quotient->apply({{"lane", 2}}), (SmallVector<uint64_t>{2}));
  // The lanes come first here: registers are no contiguous run.
  EXPECT_FALSE(LinearMap::identity("lane", "col", 2).product(tile).divideLeft(tile));
}

TEST(LinearMapTest, ReshapeKeepsTheMatrix) {
  LinearMap id = LinearMap::identity("offset", "col", 5);
  LinearMap split = id.reshapeOuts({{"x", 2}, {"y", 3}});
  EXPECT_EQ(split.apply({{"offset", 22}}), (SmallVector<uint64_t>{2, 5}));
  LinearMap joined = split.reshapeIns({{"low", 1}, {"high", 4}});
  EXPECT_EQ(joined.apply({{"low", 0}, {"high", 11}}), (SmallVector<uint64_t>{2, 5}));
}

TEST(LinearMapTest, SublayoutRestricts) {
  LinearMap map = LinearMap::fromBases({{"a", {{{"x", 1}, {"y", 1}}}}, {"b", {{{"y", 2}}}}},
                                       {{"x", 1}, {"y", 2}});
  LinearMap part = map.sublayout({"b", "a"}, {"y"});
  EXPECT_EQ(part.apply({{"a", 1}, {"b", 1}}), (SmallVector<uint64_t>{3}));
  EXPECT_EQ(part.getIns()[0].name, "b");
}

TEST(LinearMapTest, EveryOperationAgainstBruteForce) {
  Random random;
  SCOPED_TRACE(random.str());
  for (unsigned round = 0; round < 300; ++round) {
    SmallVector<Dim> a = randomDims(random, {"p", "q", "r"}), b = randomDims(random, {"x", "y"}),
                     c = randomDims(random, {"u", "v"});
    LinearMap inner = randomMap(random, a, b), outer = randomMap(random, b, c);

    // Linearity, and points against flat indices.
    uint64_t x = random.below(sizeOf(inner)), y = random.below(sizeOf(inner));
    EXPECT_EQ(inner.apply(x ^ y), inner.apply(x) ^ inner.apply(y));
    SmallVector<std::pair<StringRef, uint64_t>> point;
    for (const Dim &dim : a)
      point.push_back({dim.name, inner.getInComponent(x, dim.name)});
    EXPECT_EQ(inner.flattenIn(point), x);
    SmallVector<uint64_t> parts = inner.apply(point);
    for (auto [dim, part] : llvm::zip(b, parts))
      EXPECT_EQ(part, inner.getOutComponent(inner.apply(x), dim.name));

    LinearMap both = outer.compose(inner);
    for (uint64_t i = 0; i < sizeOf(inner); ++i)
      ASSERT_EQ(both.apply(i), outer.apply(inner.apply(i)));

    std::set<uint64_t> image = imageOf(inner);
    EXPECT_EQ(image.size(), 1ull << inner.getRank());
    EXPECT_EQ(inner.isSurjective(), image.size() == 1ull << inner.getOutBits());
    EXPECT_EQ(inner.isInjective(), image.size() == sizeOf(inner));

    // The kernel: exactly what maps to 0.
    SmallVector<uint64_t> kernel = inner.getKernel();
    EXPECT_EQ(kernel.size() + inner.getRank(), inner.getInBits());
    for (uint64_t i = 0; i < sizeOf(inner); ++i)
      ASSERT_EQ(inner.apply(i) == 0, isInSpan(kernel, i));

    // Free bits may be fixed: the image stays.
    uint64_t free = 0;
    for (const Dim &dim : a)
      free |= dim.bits ? inner.flattenIn({{StringRef(dim.name), inner.getFreeBits(dim.name)}}) : 0;
    std::set<uint64_t> kept;
    for (uint64_t i = 0; i < sizeOf(inner); ++i)
      if (!(i & free))
        kept.insert(inner.apply(i));
    EXPECT_EQ(kept, image);
    EXPECT_EQ(llvm::popcount(free), int(kernel.size()));

    // Inverses.
    std::optional<LinearMap> right = inner.pseudoInvert();
    EXPECT_EQ(right.has_value(), inner.isSurjective());
    if (right)
      for (uint64_t i = 0; i < 1ull << inner.getOutBits(); ++i)
        ASSERT_EQ(inner.apply(right->apply(i)), i);
    EXPECT_EQ(inner.invert().has_value(), inner.isSurjective() && inner.isInjective());

    // Solving: a solution exists if and only if the image is contained.
    SmallVector<Dim> d = randomDims(random, {"s", "t"});
    LinearMap other = randomMap(random, d, b);
    std::optional<LinearMap> solution = inner.solve(other);
    bool contained = true;
    for (uint64_t i : imageOf(other))
      contained &= image.count(i) > 0;
    EXPECT_EQ(solution.has_value(), contained);
    if (solution)
      for (uint64_t i = 0; i < sizeOf(other); ++i)
        ASSERT_EQ(inner.apply(solution->apply(i)), other.apply(i));

    // A product is both, side by side, and divides back.
    SmallVector<Dim> e = randomDims(random, {"q", "z"}, 2), f = randomDims(random, {"y", "w"}, 2);
    LinearMap pattern = randomMap(random, e, f), product = inner.product(pattern);
    for (unsigned sample = 0; sample < 20; ++sample) {
      uint64_t low = random.below(sizeOf(inner)), high = random.below(sizeOf(pattern));
      SmallVector<std::pair<StringRef, uint64_t>> place;
      for (const Dim &dim : product.getIns())
        place.push_back(
            {dim.name, inner.getInComponent(low, dim.name) | pattern.getInComponent(high, dim.name)
                                                                 << inner.getInBits(dim.name)});
      SmallVector<uint64_t> got = product.apply(place);
      for (auto [dim, value] : llvm::zip(product.getOuts(), got))
        ASSERT_EQ(value, inner.getOutComponent(inner.apply(low), dim.name) |
                             pattern.getOutComponent(pattern.apply(high), dim.name)
                                 << inner.getOutBits(dim.name));
    }
    std::optional<LinearMap> quotient = product.divideLeft(inner);
    ASSERT_TRUE(quotient);
    for (const Dim &dim : e)
      EXPECT_EQ(quotient->getInBits(dim.name), dim.bits);
    EXPECT_EQ(inner.product(*quotient), product);

    // A random map is seldom a multiple of another; if said to be, it must be.
    LinearMap tile = randomMap(random, {{"p", 1}}, {{"x", a[0].bits ? b[0].bits : 0}});
    if (std::optional<LinearMap> rest = inner.divideLeft(tile))
      EXPECT_EQ(tile.product(*rest), inner);
  }
}

TEST(LinearMapTest, ReducedSpanIsTheSameSpan) {
  Random random;
  SCOPED_TRACE(random.str());
  for (unsigned round = 0; round < 200; ++round) {
    SmallVector<uint64_t> vectors;
    for (unsigned i = 0, n = random.below(6); i < n; ++i)
      vectors.push_back(random.below(64));
    SmallVector<uint64_t> reduced = reduceSpan(vectors);
    for (uint64_t x = 0; x < 64; ++x)
      EXPECT_EQ(isInSpan(vectors, x), isInSpan(reduced, x));
    for (size_t i = 0; i < reduced.size(); ++i)
      for (size_t j = 0; j < reduced.size(); ++j)
        EXPECT_TRUE(i == j || !(reduced[i] & llvm::bit_floor(reduced[j])));
  }
}

} // namespace
