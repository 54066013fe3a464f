//===- LayoutTest.cpp - Who holds which element of a tile -----------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/Layout/Layout.h"

#include "Random.h"
#include "tegula/Support/Layout/Conversion.h"
#include "gtest/gtest.h"
#include <map>
#include <set>
#include <tuple>

using namespace tegula::layout;
using namespace tegula::layout::test;
using llvm::SmallVector;
using llvm::StringRef;

namespace {

Layout parse(StringRef text) {
  llvm::Expected<Layout> layout = Layout::parse(text);
  if (!layout) {
    ADD_FAILURE() << llvm::toString(layout.takeError());
    std::abort();
  }
  return *layout;
}

std::string messageOf(llvm::Expected<Layout> layout) {
  return layout ? "accepted" : llvm::toString(layout.takeError());
}

TEST(LayoutTest, TheExampleAtTheHead) {
  Layout d = parse("m16n8k16.D [2, 16] warps [4, 1]");
  EXPECT_EQ(d.getTile(), (Extents{128, 128}));
  EXPECT_EQ(d.getRegisters(), 128u);
  EXPECT_EQ(d.getRegisters32(16), 64u);
  EXPECT_EQ(d.getWarps(), 4);
  EXPECT_EQ(d.getElement(0, 13, 0), (Element{3, 2}));
  EXPECT_EQ(d.getElement(0, 13, 1), (Element{3, 3}));
  EXPECT_EQ(d.getElement(0, 13, 2), (Element{11, 2}));
  EXPECT_EQ(d.getElement(0, 13, 3), (Element{11, 3}));
  EXPECT_EQ(d.getRegister(1, 1, 2), 70u);
  EXPECT_EQ(d.getElement(1, 13, 70), (Element{32 + 16 + 11, 8 + 2}));
  EXPECT_EQ(d.getOwners({59, 10}, 4), (SmallVector<Owner>{{1, 13, 70}}));

  Layout a = parse("m16n8k16.A [2, 8] warps [4, 1]");
  std::optional<SmallVector<unsigned>> rename = findRename(d, a, 4);
  ASSERT_TRUE(rename);
  for (auto [i, source] : llvm::enumerate(*rename))
    EXPECT_EQ(source, i);

  Layout rows = d.dropAxis(1);
  EXPECT_EQ(rows.str(), "row16 [2, 1] warps [4, 1]");
  EXPECT_EQ(rows.getOwners({0, 0}, 4).size(), 4u);

  Layout narrow = parse("m16n8k16.D [1, 10] tile [16, 70]");
  EXPECT_EQ(narrow.getCovered(), (Extents{16, 80}));
  EXPECT_TRUE(narrow.isMasked());
  EXPECT_FALSE(narrow.isInside(narrow.getElement(0, 3, 9 * 4)));

  Layout b = parse("m16n8k16.B [4, 16]");
  EXPECT_EQ(b.getOwners({0, 0}, 4).size(), 4u);
  Layout shared = parse("m16n8k16.A [2, 4] warps [2, 1] by [2, 1]");
  EXPECT_EQ(shared.getElement(1, 0, 0), shared.getElement(0, 0, 0));
  EXPECT_EQ(shared.getElement(2, 0, 0), (Element{32, 0}));
  EXPECT_EQ(shared.getWarps(), 4);
  // Strides that run on independently repeat after both.
  EXPECT_EQ(parse("m16n8k16.D [1, 1] warps [3, 2] by [1, 1]").getWarps(), 6);
}

TEST(LayoutTest, TextReadsBack) {
  for (StringRef text :
       {"m16n8k16.D [2, 16] warps [4, 1]", "mfma32.B [8, 1] warps [1, 4]",
        "m16n8k16.A [2, 4] warps [2, 1] by [2, 1]", "wgmma.D [1, 11]",
        "m16n8k16.D [1, 10] tile [16, 70]", "v8c64 [2, 1] warps [2, 2] tile [31, 100]"})
    EXPECT_EQ(parse(text).str(), text);
}

TEST(LayoutTest, BadLayoutsAreRefused) {
  EXPECT_EQ(messageOf(Layout::parse("m16n8k16.C [1, 1]")), "unknown atom 'm16n8k16.C'");
  EXPECT_EQ(messageOf(Layout::parse("m16n8k16.D [1]")),
            "expected '[rows, columns]' after atom 'm16n8k16.D'");
  EXPECT_EQ(messageOf(Layout::parse("m16n8k16.D [0, 1]")),
            "repetition [0, 1] of atom 'm16n8k16.D' must be between 1 and 4096");
  EXPECT_EQ(messageOf(Layout::parse("m16n8k16.D [4096, 4096]")),
            "repetition [4096, 4096] of atom 'm16n8k16.D' needs more than 4096 atoms of registers");
  EXPECT_EQ(messageOf(Layout::parse("m16n8k16.D [1, 1] warps [0, 1]")),
            "warps [0, 1] by [1, 1] must be between 1 and 64");
  EXPECT_EQ(messageOf(Layout::parse("m16n8k16.D [4096, 1] warps [64, 1]")),
            "layout m16n8k16.D [4096, 1] warps [64, 1] covers 4194304x8, more than 16777216 "
            "elements");
  EXPECT_EQ(messageOf(Layout::parse("m16n8k16.D [1, 1] warps [2, 2] by [1, 1]")),
            "warps [2, 2] by [1, 1] leave a block without a warp");
  EXPECT_EQ(messageOf(Layout::parse("m16n8k16.D [99999999999999999999, 1]")),
            "expected '[rows, columns]' after atom 'm16n8k16.D'");
  EXPECT_EQ(messageOf(Layout::parse("m16n8k16.D [1, -1]")),
            "repetition [1, -1] of atom 'm16n8k16.D' must be between 1 and 4096");
  EXPECT_EQ(messageOf(Layout::parse("m16n8k16.D [1, 1] warp")),
            "unexpected 'warp' in the layout 'm16n8k16.D [1, 1] warp'");
  EXPECT_EQ(messageOf(Layout::get(*findAtom("m16n8k16.D"), {1, 4}, {}, Extents{17, 32})),
            "layout m16n8k16.D [1, 4] covers 16x32, the tile is 17x32");
  EXPECT_EQ(messageOf(Layout::cover(*findAtom("m16n8k16.D"), {0, 32})),
            "no layout has an empty tile or no warps");
  EXPECT_EQ(llvm::cantFail(Layout::cover(*findAtom("m16n8k16.D"), {100, 70}, {{4, 1}})).str(),
            "m16n8k16.D [2, 9] warps [4, 1] tile [100, 70]");
}

TEST(LayoutTest, ElementsAgainstTheDefinition) {
  // The text of the scheduled level: blocks of repetition x atom dealt row-major to
  // warps, atoms whole along both axes, the atom's bits summed.
  Random random;
  SCOPED_TRACE(random.str());
  for (unsigned round = 0; round < 60; ++round) {
    Layout layout = randomLayout(random, random.below(2) ? 32 : 64);
    SCOPED_TRACE(layout.str());
    const Atom &atom = layout.getAtom();
    Extents shape = atom.getShape(), rep = layout.getRepetition(), wp = layout.getWarpCounts();
    // Row-major unless said otherwise.
    Extents stride = layout.getWarpStrides();
    if (!StringRef(layout.str()).contains(" by "))
      stride = {wp[1], 1};
    int64_t warps = layout.getWarps() * random.between(1, 2);
    std::map<std::pair<int64_t, int64_t>, std::set<std::tuple<int64_t, unsigned, unsigned>>> owners;
    for (int64_t w = 0; w < warps; ++w) {
      int64_t outer = w / atom.getWarps(), wr = outer / stride[0] % wp[0],
              wc = outer / stride[1] % wp[1];
      for (unsigned l = 0; l < layout.getLanes(); ++l)
        for (int64_t i = 0, reg = 0; i < rep[0]; ++i)
          for (int64_t j = 0; j < rep[1]; ++j)
            for (unsigned r = 0; r < atom.getRegisters(); ++r, ++reg) {
              int64_t row = 0, col = 0;
              for (auto [dim, index] :
                   {std::pair(StringRef(registerDim), uint64_t(r)),
                    std::pair(StringRef(laneDim), uint64_t(l)),
                    std::pair(StringRef(warpDim), uint64_t(w % atom.getWarps()))})
                for (unsigned bit = 0; bit < atom.map.getInBits(dim); ++bit)
                  if (index >> bit & 1) {
                    row ^= atom.map.getBasis(dim, bit, rowDim);
                    col ^= atom.map.getBasis(dim, bit, colDim);
                  }
              Element expected = {(wr * rep[0] + i) * shape[0] + row,
                                  (wc * rep[1] + j) * shape[1] + col};
              ASSERT_EQ(layout.getElement(w, l, reg), expected);
              owners[{expected.row, expected.col}].insert({w, l, reg});
            }
    }
    // Owners are the inverse, replication included; none beyond the tile.
    for (unsigned sample = 0; sample < 40; ++sample) {
      Element e = {int64_t(random.below(layout.getCovered()[0])),
                   int64_t(random.below(layout.getCovered()[1]))};
      std::set<std::tuple<int64_t, unsigned, unsigned>> got;
      for (Owner owner : layout.getOwners(e, warps)) {
        EXPECT_TRUE(got.insert({owner.warp, owner.lane, owner.reg}).second);
        EXPECT_EQ(layout.getElement(owner), e);
      }
      if (layout.isInside(e)) {
        std::set<std::tuple<int64_t, unsigned, unsigned>> want = owners[{e.row, e.col}];
        EXPECT_FALSE(want.empty());
        EXPECT_EQ(got, want);
      } else {
        EXPECT_TRUE(got.empty());
      }
    }
    for (const Layout &derived : {layout, layout.getTransposed(), layout.dropAxis(0),
                                  layout.dropAxis(1), layout.getTransposed().dropAxis(0)})
      EXPECT_EQ(parse(derived.str()), derived) << derived.str();
  }
}

TEST(LayoutTest, DroppedAndTransposedHoldWhatTheyShould) {
  Random random;
  SCOPED_TRACE(random.str());
  for (unsigned round = 0; round < 40; ++round) {
    Layout layout = randomLayout(random, random.below(2) ? 32 : 64);
    SCOPED_TRACE(layout.str());
    int64_t warps = layout.getWarps();
    Layout transposed = layout.getTransposed();
    EXPECT_EQ(transposed.getTransposed(), layout);
    for (int64_t w = 0; w < warps; ++w)
      for (unsigned l = 0; l < layout.getLanes(); ++l) {
        std::set<std::pair<int64_t, int64_t>> mine, turned, index[2], dropped[2];
        for (unsigned r = 0; r < layout.getRegisters(); ++r) {
          Element x = layout.getElement(w, l, r), y = transposed.getElement(w, l, r);
          mine.insert({x.row, x.col});
          turned.insert({y.col, y.row});
          index[1].insert({x.row, 0});
          index[0].insert({0, x.col});
        }
        EXPECT_EQ(mine, turned);
        for (unsigned axis : {0, 1}) {
          Layout statistics = layout.dropAxis(axis);
          for (unsigned r = 0; r < statistics.getRegisters(); ++r) {
            Element x = statistics.getElement(w, l, r);
            EXPECT_TRUE(dropped[axis].insert({x.row, x.col}).second) << "a number held twice";
          }
          EXPECT_EQ(index[axis], dropped[axis]);
        }
      }
  }
}

TEST(LayoutTest, ReductionsAlongAnAxis) {
  Random random;
  SCOPED_TRACE(random.str());
  for (unsigned round = 0; round < 40; ++round) {
    Layout layout = randomLayout(random, random.below(2) ? 32 : 64);
    unsigned axis = random.below(2);
    SCOPED_TRACE(layout.str() + " along " + std::to_string(axis));
    AxisPlan plan = planAxis(layout, axis);
    auto kept = [&](Element e) { return axis == 0 ? e.col : e.row; };
    auto other = [&](Element e) { return axis == 0 ? e.row : e.col; };
    bool isWhole = true;
    for (int64_t w = 0; w < layout.getWarps(); ++w) {
      // Sets of indices stand for sums: a lane's own, then joined by xor of lanes.
      std::vector<std::vector<std::multiset<int64_t>>> sums(
          layout.getLanes(), std::vector<std::multiset<int64_t>>(plan.results.getRegisters()));
      for (unsigned l = 0; l < layout.getLanes(); ++l)
        for (unsigned r = 0; r < layout.getRegisters(); ++r) {
          unsigned result = plan.resultOf[r];
          ASSERT_EQ(kept(layout.getElement(w, l, r)), kept(plan.results.getElement(w, l, result)));
          sums[l][result].insert(other(layout.getElement(w, l, r)));
        }
      for (unsigned mask : plan.laneMasks) {
        auto before = sums;
        for (unsigned l = 0; l < layout.getLanes(); ++l)
          for (unsigned r = 0; r < plan.results.getRegisters(); ++r)
            sums[l][r].insert(before[l ^ mask][r].begin(), before[l ^ mask][r].end());
      }
      for (auto &lane : sums)
        for (std::multiset<int64_t> &sum : lane) {
          EXPECT_EQ(sum.size(), std::set<int64_t>(sum.begin(), sum.end()).size()) << "added twice";
          isWhole &= int64_t(sum.size()) == layout.getCovered()[axis];
        }
    }
    EXPECT_NE(isWhole, plan.crossesWarps);
  }
  EXPECT_EQ(planAxis(parse("m16n8k16.D [2, 8]"), 1).laneMasks, (SmallVector<unsigned>{1, 2}));
  EXPECT_EQ(planAxis(parse("mfma32.D [2, 1]"), 0).laneMasks, (SmallVector<unsigned>{32}));
  EXPECT_TRUE(planAxis(parse("fmarow32.D [1, 16]"), 1).laneMasks.empty());
}

TEST(LayoutTest, ClassesOfTheScheduledLevelsConversions) {
  auto classOf = [](StringRef from, StringRef to, int64_t warps) {
    return stringifyConversionClass(classifyConversion(parse(from), parse(to), warps)).str();
  };
  // Results that are operands of the next product.
  EXPECT_EQ(classOf("m16n8k16.D [2, 8] warps [4, 1]", "m16n8k16.A [2, 4] warps [4, 1]", 4), "free");
  EXPECT_EQ(classOf("mfma32.D [2, 1] warps [1, 4]", "mfma32.B [8, 1] warps [1, 4]", 4), "free");
  EXPECT_EQ(classOf("mfma16.D [4, 1] warps [1, 4]", "mfma16.B [4, 1] warps [1, 4]", 4), "free");
  EXPECT_EQ(classOf("wgmma.D [1, 16]", "wgmma.A [1, 8]", 4), "free");
  EXPECT_EQ(classOf("mfma32.D^T [1, 2] warps [4, 1]", "mfma32.B^T [1, 8] warps [4, 1]", 4), "free");
  EXPECT_EQ(classOf("fmarow32.D [1, 8] warps [4, 1]", "fmarow32.A [1, 8] warps [4, 1]", 4), "free");
  EXPECT_EQ(classOf("fma32.D [4, 4] warps [4, 1]", "fma32.A [4, 16] warps [4, 1]", 4), "shuffle");
  // Widths that are no powers of two.
  EXPECT_EQ(classOf("m16n8k16.D [1, 10]", "m16n8k16.A [1, 5]", 1), "free");
  EXPECT_EQ(classOf("m16n8k16.D [1, 22] tile [16, 170]", "m16n8k16.A [1, 11] tile [16, 170]", 1),
            "free");
  // The other orientation of the first product would cost lanes.
  EXPECT_EQ(classOf("mfma32.D [1, 2] warps [4, 1]", "mfma32.A [1, 8] warps [4, 1]", 4), "shuffle");
  // Rows dealt otherwise cross warps; tf32's order of k crosses lanes.
  EXPECT_EQ(classOf("m16n8k16.D [2, 8] warps [4, 1]", "m16n8k16.A [8, 4]", 4), "shared");
  EXPECT_EQ(classOf("wgmma.D [2, 8]", "m16n8k16.D [2, 8] warps [4, 1]", 4), "shared");
  EXPECT_EQ(classOf("wgmma.D [1, 8]", "m16n8k16.D [1, 8] warps [4, 1]", 4), "free");
  EXPECT_EQ(classOf("m16n8k8.D [1, 8]", "m16n8k8.A [1, 8]", 1), "shuffle");
  // From everywhere to somewhere.
  EXPECT_EQ(classOf("m16n8k16.A [8, 4]", "m16n8k16.A [8, 4]", 4), "free");
  EXPECT_EQ(classOf("all32 [16, 8]", "m16n8k16.D [1, 1]", 1), "shuffle");
}

TEST(LayoutTest, RegistersBeyondTheTileNeedNoSource) {
  std::optional<SmallVector<unsigned>> rename =
      findRename(parse("m8n8k4.D [1, 1]"), parse("m16n8k16.D [1, 1] tile [8, 8]"), 1);
  ASSERT_TRUE(rename);
  EXPECT_EQ(*rename, (SmallVector<unsigned>{0, 1, noRegister, noRegister}));
}

TEST(LayoutTest, ConversionsThatAreNone) {
  EXPECT_EQ(*checkConversion(parse("m16n8k16.D [1, 2]"), parse("m16n8k16.A [2, 1]")),
            "conversion of a 16x16 tile to a 32x16 tile");
  EXPECT_EQ(*checkConversion(parse("m16n8k16.D [2, 4]"), parse("mfma32.D [1, 1]")),
            "layout m16n8k16.D [2, 4] is for warps of 32 lanes, layout mfma32.D [1, 1] of 64");
}

TEST(LayoutTest, OperandsOfAProduct) {
  auto check = [](StringRef a, StringRef b, StringRef d) {
    return checkProduct(parse(a), parse(b), parse(d)).value_or("fits");
  };
  StringRef a = "m16n8k16.A [2, 4] warps [4, 1]", b = "m16n8k16.B [4, 16]",
            d = "m16n8k16.D [2, 16] warps [4, 1]";
  EXPECT_EQ(check(a, b, d), "fits");
  EXPECT_EQ(check("m16n8k16.A [2, 4] warps [2, 1] by [2, 1]", "m16n8k16.B [4, 8] warps [1, 2]",
                  "m16n8k16.D [2, 8] warps [2, 2]"),
            "fits");
  EXPECT_EQ(check(a, a, d), "operand 'B' has layout m16n8k16.A, the product needs m16n8k16.B");
  EXPECT_EQ(check(a, b, a), "result layout m16n8k16.A is not a result layout");
  EXPECT_EQ(check("m16n8k16.A [8, 4]", b, d),
            "rows of 'A' are spread over warps 1, those of the result over 4");
  EXPECT_EQ(check(a, "m16n8k16.B [4, 8]", d),
            "columns of 'B' extend over 64, those of the result over 128");
  // S = Q K' computed as its transposed.
  EXPECT_EQ(check("mfma32.B^T [1, 8] warps [4, 1]", "mfma32.A^T [8, 2]",
                  "mfma32.D^T [1, 2] warps [4, 1]"),
            "fits");
  EXPECT_EQ(check("m16n8k16.A [1, 4] warps [4, 1]", "m16n8k16.A^T [4, 2]",
                  "m16n8k16.D^T [2, 2] warps [4, 1]"),
            "operand 'A' has layout m16n8k16.A, the product needs m16n8k16.B^T");
  EXPECT_EQ(check(a, "m16n8k16.B [3, 16]", d), "product contracts 64 with 48");
  EXPECT_EQ(check(a, "m16n8k16.B [1, 16] warps [4, 1]", d),
            "operand 'B' is spread over warps along the contraction");
}

} // namespace
