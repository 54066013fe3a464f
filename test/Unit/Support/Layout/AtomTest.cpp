//===- AtomTest.cpp - Layouts that instructions prescribe -----------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Published fragment maps, as divisions and remainders of lane and element number,
// which is how the vendors' manuals print them: stated here without the table.
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/Layout/Atom.h"

#include "gtest/gtest.h"
#include <functional>
#include <set>

using namespace tegula::layout;
using llvm::StringRef;

namespace {

/// Row and column of element `i` of lane `l` of warp `w`.
using Formula = std::function<Extents(int w, int l, int i)>;

struct Published {
  const char *name;
  Extents shape;
  unsigned lanes, registers;
  Formula formula;
};

void PrintTo(const Published &published, std::ostream *os) { *os << published.name; }

class AtomTest : public ::testing::TestWithParam<Published> {};

TEST_P(AtomTest, AgreesWithThePublishedMap) {
  const Published &published = GetParam();
  const Atom *atom = findAtom(published.name);
  ASSERT_TRUE(atom);
  EXPECT_EQ(atom->getShape(), published.shape);
  EXPECT_EQ(atom->getLanes(), published.lanes);
  EXPECT_EQ(atom->getRegisters(), published.registers);
  for (unsigned w = 0; w < atom->getWarps(); ++w)
    for (unsigned l = 0; l < published.lanes; ++l)
      for (unsigned i = 0; i < published.registers; ++i) {
        auto place = atom->map.apply({{registerDim, i}, {laneDim, l}, {warpDim, w}});
        Extents expected = published.formula(w, l, i);
        EXPECT_EQ((Extents{int64_t(place[0]), int64_t(place[1])}), expected)
            << "warp " << w << " lane " << l << " element " << i;
      }
}

// g = lane / 4 and t = lane % 4 in NVIDIA's manual (PTX ISA, "Matrix Fragments").
INSTANTIATE_TEST_SUITE_P(
    WarpMatrices, AtomTest,
    ::testing::Values(
        Published{"m16n8k16.A",
                  {16, 16},
                  32,
                  8,
                  [](int, int l, int i) -> Extents {
                    return {l / 4 + 8 * (i / 2 % 2), 8 * (i / 4) + 2 * (l % 4) + i % 2};
                  }},
        Published{"m16n8k16.B",
                  {16, 8},
                  32,
                  4,
                  [](int, int l, int i) -> Extents {
                    return {8 * (i / 2) + 2 * (l % 4) + i % 2, l / 4};
                  }},
        Published{"m16n8k16.D",
                  {16, 8},
                  32,
                  4,
                  [](int, int l, int i) -> Extents {
                    return {l / 4 + 8 * (i / 2), 2 * (l % 4) + i % 2};
                  }},
        Published{"m16n8k8.A",
                  {16, 8},
                  32,
                  4,
                  [](int, int l, int i) -> Extents {
                    return {i == 0 || i == 2 ? l / 4 : l / 4 + 8, i < 2 ? l % 4 : l % 4 + 4};
                  }},
        Published{"m16n8k8.B",
                  {8, 8},
                  32,
                  2,
                  [](int, int l, int i) -> Extents { return {l % 4 + 4 * i, l / 4}; }},
        Published{"m16n8k8.D",
                  {16, 8},
                  32,
                  4,
                  [](int, int l, int i) -> Extents {
                    return {l / 4 + 8 * (i / 2), 2 * (l % 4) + i % 2};
                  }},
        Published{
            "m8n8k4.A", {8, 4}, 32, 1, [](int, int l, int) -> Extents { return {l / 4, l % 4}; }},
        Published{
            "m8n8k4.B", {4, 8}, 32, 1, [](int, int l, int) -> Extents { return {l % 4, l / 4}; }},
        Published{"m8n8k4.D",
                  {8, 8},
                  32,
                  2,
                  [](int, int l, int i) -> Extents { return {l / 4, 2 * (l % 4) + i}; }},
        Published{"wgmma.D",
                  {64, 8},
                  32,
                  4,
                  [](int w, int l, int i) -> Extents {
                    return {16 * w + l / 4 + 8 * (i / 2 % 2), 8 * (i / 4) + 2 * (l % 4) + i % 2};
                  }},
        Published{"wgmma.A", {64, 16}, 32, 8, [](int w, int l, int i) -> Extents {
                    return {16 * w + l / 4 + 8 * (i / 2 % 2), 8 * (i / 4) + 2 * (l % 4) + i % 2};
                  }}));

// AMD's matrix instruction calculator; the f64 rows as IREE has them.
INSTANTIATE_TEST_SUITE_P(
    WaveMatrices, AtomTest,
    ::testing::Values(
        Published{"mfma32.A",
                  {32, 8},
                  64,
                  4,
                  [](int, int l, int i) -> Extents { return {l % 32, 4 * (l / 32) + i}; }},
        Published{"mfma32.B",
                  {8, 32},
                  64,
                  4,
                  [](int, int l, int i) -> Extents { return {4 * (l / 32) + i, l % 32}; }},
        Published{"mfma32.D",
                  {32, 32},
                  64,
                  16,
                  [](int, int l, int i) -> Extents {
                    return {8 * (i / 4) + 4 * (l / 32) + i % 4, l % 32};
                  }},
        Published{"mfma16.A",
                  {16, 16},
                  64,
                  4,
                  [](int, int l, int i) -> Extents { return {l % 16, 4 * (l / 16) + i}; }},
        Published{"mfma16.B",
                  {16, 16},
                  64,
                  4,
                  [](int, int l, int i) -> Extents { return {4 * (l / 16) + i, l % 16}; }},
        Published{"mfma16.D",
                  {16, 16},
                  64,
                  4,
                  [](int, int l, int i) -> Extents { return {4 * (l / 16) + i, l % 16}; }},
        Published{"mfma32k16.A",
                  {32, 16},
                  64,
                  8,
                  [](int, int l, int i) -> Extents { return {l % 32, 8 * (l / 32) + i}; }},
        Published{"mfma32k16.D",
                  {32, 32},
                  64,
                  16,
                  [](int, int l, int i) -> Extents {
                    return {8 * (i / 4) + 4 * (l / 32) + i % 4, l % 32};
                  }},
        Published{"mfma16k32.B",
                  {32, 16},
                  64,
                  8,
                  [](int, int l, int i) -> Extents { return {8 * (l / 16) + i, l % 16}; }},
        Published{"mfma32k2.A",
                  {32, 2},
                  64,
                  1,
                  [](int, int l, int) -> Extents { return {l % 32, l / 32}; }},
        Published{"mfma16k4.B",
                  {4, 16},
                  64,
                  1,
                  [](int, int l, int) -> Extents { return {l / 16, l % 16}; }},
        Published{"mfma16k4.D",
                  {16, 16},
                  64,
                  4,
                  [](int, int l, int i) -> Extents { return {4 * (l / 16) + i, l % 16}; }},
        Published{"mfma16d.D", {16, 16}, 64, 4, [](int, int l, int i) -> Extents {
                    return {4 * i + l / 16, l % 16};
                  }}));

// 16-byte pieces of 16-bit rows, lanes along a row first.
INSTANTIATE_TEST_SUITE_P(
    Pieces, AtomTest,
    ::testing::Values(
        Published{"v8c32",
                  {16, 32},
                  64,
                  8,
                  [](int, int l, int i) -> Extents { return {l / 4, 8 * (l % 4) + i}; }},
        Published{"v8c64",
                  {8, 64},
                  64,
                  8,
                  [](int, int l, int i) -> Extents { return {l / 8, 8 * (l % 8) + i}; }},
        Published{"v8c128",
                  {4, 128},
                  64,
                  8,
                  [](int, int l, int i) -> Extents { return {l / 16, 8 * (l % 16) + i}; }},
        Published{"v4c32w32", {4, 32}, 32, 4, [](int, int l, int i) -> Extents {
                    return {l / 8, 4 * (l % 8) + i};
                  }}));

TEST(AtomTableTest, NamesAreUniqueAndRowsReadBack) {
  std::set<std::string> names;
  for (const Atom &atom : getAtoms()) {
    EXPECT_TRUE(names.insert(atom.name).second) << atom.name;
    EXPECT_EQ(findAtom(atom.name), &atom);
    llvm::Expected<Atom> again = parseAtom(atom.str());
    ASSERT_TRUE(bool(again)) << llvm::toString(again.takeError());
    EXPECT_EQ(again->map, atom.map) << atom.str();
    EXPECT_TRUE(atom.getLanes() == 32 || atom.getLanes() == 64) << atom.name;
    EXPECT_TRUE(atom.map.isSurjective()) << atom.name;
  }
  EXPECT_EQ(findAtom("m16n8k16.C"), nullptr);
}

TEST(AtomTableTest, TheRowsOfTheScheduledLevel) {
  // As the design of the scheduled level writes them.
  for (StringRef row : {"m16n8k16.A axes mk lane k2 k4 m1 m2 m4 | reg k1 m8 k8",
                        "wgmma.A axes mk lane k2 k4 m1 m2 m4 | reg k1 m8 k8 | warp m16 m32",
                        "mfma32.D axes mn lane n1 n2 n4 n8 n16 m4 | reg m1 m2 m8 m16",
                        "v8c128 axes rc lane c8 c16 c32 c64 r1 r2 | reg c1 c2 c4",
                        "row16 axes rx lane 0 0 r1 r2 r4 | reg r8",
                        "row64 axes rx lane 0 0 r1 r2 r4 | reg r8 | warp r16 r32",
                        "col32 axes xq lane q1 q2 q4 q8 q16 0 | reg"})
    EXPECT_EQ(findAtom(row.split(' ').first)->str(), row);
}

TEST(AtomTableTest, ProductsAreWhole) {
  // A, B and D of each product agree in what they share, in one register numbering
  // per multiply-add where no matrix unit exchanges lanes.
  for (const Atom &d : getAtoms()) {
    if (d.getPart() != 'D' || d.isTransposed())
      continue;
    const Atom *a = findAtom((d.getProduct() + ".A").str());
    const Atom *b = findAtom((d.getProduct() + ".B").str());
    ASSERT_TRUE(a) << d.name;
    EXPECT_EQ(a->getShape()[0], d.getShape()[0]);
    EXPECT_EQ(a->getLanes(), d.getLanes());
    if (!b) {
      EXPECT_EQ(d.getProduct(), "wgmma"); // B is a buffer
      continue;
    }
    EXPECT_EQ(b->getShape()[1], d.getShape()[1]);
    EXPECT_EQ(b->getShape()[0], a->getShape()[1]);
    EXPECT_EQ(b->getLanes(), d.getLanes());
    if (!d.getProduct().starts_with("fma"))
      continue;
    for (unsigned lane = 0; lane < d.getLanes(); ++lane)
      for (unsigned reg = 0; reg < d.getRegisters(); ++reg) {
        auto place = d.map.apply({{laneDim, lane}, {registerDim, reg}});
        for (int64_t k = 0; k < a->getShape()[1]; ++k) {
          auto holds = [&](const Atom &atom, uint64_t row, uint64_t col) {
            for (unsigned r = 0; r < atom.getRegisters(); ++r) {
              auto x = atom.map.apply({{laneDim, lane}, {registerDim, r}});
              if (x[0] == row && x[1] == col)
                return true;
            }
            return false;
          };
          EXPECT_TRUE(holds(*a, place[0], k) && holds(*b, k, place[1])) << d.name;
        }
      }
  }
}

TEST(AtomTableTest, StatisticsHaveNames) {
  for (const Atom &atom : getAtoms())
    if (atom.getPart() || StringRef(atom.name).starts_with("v"))
      for (unsigned axis : {0u, 1u}) {
        Atom statistics = atom.dropAxis(axis);
        EXPECT_TRUE(findAtom(statistics.map)) << statistics.name;
        EXPECT_EQ(statistics.getShape()[axis], 1);
        EXPECT_EQ(statistics.getShape()[1 - axis], atom.getShape()[1 - axis]);
      }
  EXPECT_EQ(findAtom(findAtom("m16n8k16.D")->dropAxis(1).map)->name, "row16");
  EXPECT_EQ(findAtom(findAtom("wgmma.D")->dropAxis(1).map)->name, "row64");
  EXPECT_EQ(findAtom(findAtom("mfma32.D")->dropAxis(0).map)->name, "col32");
}

TEST(AtomTableTest, TransposedAtomsHaveNames) {
  for (const Atom &atom : getAtoms()) {
    Atom transposed = atom.getTransposed();
    const Atom *found = findAtom(transposed.name);
    ASSERT_TRUE(found) << transposed.name;
    EXPECT_EQ(found->map, transposed.map);
    EXPECT_EQ(found->getPart(), atom.getPart());
    EXPECT_EQ(found->getProduct(), atom.getProduct());
    EXPECT_NE(found->isTransposed(), atom.isTransposed());
    EXPECT_EQ(transposed.getTransposed().name, atom.name);
    EXPECT_EQ(transposed.getTransposed().map, atom.map);
  }
  // Operands that are each other's transposed.
  EXPECT_EQ(findAtom("mfma32.B^T")->map, findAtom("mfma32.A")->map);
  EXPECT_NE(findAtom("m16n8k16.B^T")->map, findAtom("m16n8k16.A")->map);
}

TEST(AtomTableTest, BadRowsAreRefused) {
  auto message = [](StringRef text) {
    llvm::Expected<Atom> atom = parseAtom(text);
    return atom ? std::string("accepted") : llvm::toString(atom.takeError());
  };
  EXPECT_EQ(message("x axes mm lane m1"),
            "expected 'name axes xy lane …' in the atom 'x axes mm lane m1'");
  EXPECT_EQ(message("x axes mn lane m3 | reg"),
            "expected an axis of 'mn' and a power of two, not 'm3'");
  EXPECT_EQ(message("x axes mn lane k1 | reg"),
            "expected an axis of 'mn' and a power of two, not 'k1'");
  EXPECT_EQ(message("x axes mn lane m4 | reg"), "the atom 'x' has elements that nobody holds");
  EXPECT_EQ(message("x axes mn m1 | reg"),
            "image 'm1' belongs to no dimension in the atom 'x axes mn m1 | reg'");
}

} // namespace
