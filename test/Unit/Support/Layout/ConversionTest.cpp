//===- ConversionTest.cpp - From one layout to another --------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Plans are executed here, lane by lane on random values, by an evaluator that knows
// nothing of how they were found.
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/Layout/Conversion.h"

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

Layout parse(StringRef text) { return llvm::cantFail(Layout::parse(text)); }

using Values = std::map<std::pair<int64_t, int64_t>, uint64_t>;
constexpr uint64_t poison = ~0ull;

/// A random value for each element of the tile.
Values randomTile(Random &random, Extents tile) {
  Values values;
  for (int64_t row = 0; row < tile[0]; ++row)
    for (int64_t col = 0; col < tile[1]; ++col)
      values[{row, col}] = random.below(1ull << 62);
  return values;
}

/// What a lane's registers hold; poison beyond the tile.
SmallVector<uint64_t> load(const Layout &layout, const Values &tile, int64_t warp, unsigned lane) {
  SmallVector<uint64_t> registers;
  for (unsigned reg = 0; reg < layout.getRegisters(); ++reg) {
    Element e = layout.getElement(warp, lane, reg);
    auto value = tile.find({e.row, e.col});
    registers.push_back(value == tile.end() ? poison : value->second);
  }
  return registers;
}

/// Runs the steps of a plan for all lanes of a warp; packs are vectors.
std::vector<SmallVector<uint64_t>> execute(const ShufflePlan &plan,
                                           const std::vector<SmallVector<uint64_t>> &registers) {
  size_t lanes = registers.size();
  std::vector<std::vector<std::vector<uint64_t>>> values(lanes);
  for (size_t lane = 0; lane < lanes; ++lane)
    for (uint64_t value : registers[lane])
      values[lane].push_back({value});
  for (const ShuffleStep &step : plan.steps) {
    std::vector<std::vector<uint64_t>> defined(lanes);
    for (size_t lane = 0; lane < lanes; ++lane) {
      auto operand = [&](size_t i, size_t of) { return values[of].at(step.operands[i]); };
      if (step.kind == ShuffleStep::Kind::Pack) {
        for (unsigned part : step.operands)
          defined[lane].push_back(part == noRegister ? poison : values[lane].at(part).at(0));
        EXPECT_EQ(step.operands.size(), plan.pack);
      } else if (step.kind == ShuffleStep::Kind::Unpack) {
        defined[lane] = {operand(0, lane).at(step.index)};
      } else if (step.kind == ShuffleStep::Kind::Select) {
        unsigned parity = 0;
        for (unsigned bit = 0; bit < 6; ++bit)
          parity ^= (lane >> bit & 1) & (step.mask >> bit & 1);
        defined[lane] = operand(parity, lane);
      } else {
        unsigned source = step.source.constant;
        for (unsigned bit = 0; bit < step.source.images.size(); ++bit)
          source ^= lane >> bit & 1 ? step.source.images[bit] : 0;
        EXPECT_LT(source, lanes);
        defined[lane] = operand(0, source);
      }
    }
    for (size_t lane = 0; lane < lanes; ++lane)
      values[lane].push_back(defined[lane]);
  }
  std::vector<SmallVector<uint64_t>> results(lanes);
  for (size_t lane = 0; lane < lanes; ++lane)
    for (unsigned value : plan.results)
      results[lane].push_back(value == noRegister ? poison : values[lane].at(value).at(0));
  return results;
}

/// Everything that `to` has inside its tile is what the plan gives.
void expectExchanged(Random &random, const Layout &from, const Layout &to, int64_t warps,
                     const ShufflePlan &plan) {
  Values tile = randomTile(random, from.getTile());
  for (int64_t warp = 0; warp < warps; ++warp) {
    std::vector<SmallVector<uint64_t>> before;
    for (unsigned lane = 0; lane < from.getLanes(); ++lane)
      before.push_back(load(from, tile, warp, lane));
    std::vector<SmallVector<uint64_t>> after = execute(plan, before);
    for (unsigned lane = 0; lane < to.getLanes(); ++lane) {
      SmallVector<uint64_t> wanted = load(to, tile, warp, lane);
      ASSERT_EQ(after[lane].size(), wanted.size());
      for (size_t reg = 0; reg < wanted.size(); ++reg) {
        if (wanted[reg] != poison) {
          ASSERT_EQ(after[lane][reg], wanted[reg])
              << "warp " << warp << " lane " << lane << " register " << reg;
        }
      }
    }
  }
}

/// The class by sets: what every lane, every warp has.
ConversionClass classBySets(const Layout &from, const Layout &to, int64_t warps) {
  bool hasWarp = true, hasName = true;
  for (int64_t warp = 0; warp < warps; ++warp) {
    std::set<std::pair<int64_t, int64_t>> held;
    for (unsigned lane = 0; lane < from.getLanes(); ++lane)
      for (unsigned reg = 0; reg < from.getRegisters(); ++reg) {
        Element e = from.getElement(warp, lane, reg);
        held.insert({e.row, e.col});
      }
    for (unsigned lane = 0; lane < to.getLanes(); ++lane)
      for (unsigned reg = 0; reg < to.getRegisters(); ++reg) {
        Element e = to.getElement(warp, lane, reg);
        hasWarp &= !to.isInside(e) || held.count({e.row, e.col});
      }
  }
  for (unsigned reg = 0; reg < to.getRegisters() && hasName; ++reg) {
    bool found = false;
    for (unsigned source = 0; source < from.getRegisters() && !found; ++source) {
      found = true;
      for (int64_t warp = 0; warp < warps && found; ++warp)
        for (unsigned lane = 0; lane < to.getLanes() && found; ++lane) {
          Element e = to.getElement(warp, lane, reg);
          found = !to.isInside(e) || from.getElement(warp, lane, source) == e;
        }
    }
    hasName = found;
  }
  return hasName   ? ConversionClass::Free
         : hasWarp ? ConversionClass::Shuffle
                   : ConversionClass::Shared;
}

/// Two layouts of one tile. Mostly of one warp or with warps dealt alike.
std::pair<Layout, Layout> randomPair(Random &random) {
  SmallVector<const Atom *> atoms;
  unsigned lanes = random.below(2) ? 32 : 64;
  for (const Atom &atom : getAtoms())
    if (atom.getLanes() == lanes && atom.getRegisters() <= 16)
      atoms.push_back(&atom);
  for (;;) {
    const Atom *a = random.pick(llvm::ArrayRef(atoms)), *b = random.pick(llvm::ArrayRef(atoms));
    if (random.below(8) == 0) {
      a = findAtom(lanes == 32 ? "m16n8k16.D" : "mfma16.D");
      b = findAtom(lanes == 32 ? "m16n8k16.A" : "mfma16.B");
    }
    Extents shapeA = a->getShape(), shapeB = b->getShape(), tile;
    Warps warps;
    if (random.below(3) == 0)
      warps.count = {random.between(1, 2), random.between(1, 2)};
    for (unsigned axis : {0, 1})
      tile[axis] = std::max(shapeA[axis], shapeB[axis]) * random.between(1, 3) * warps.count[axis];
    if (tile[0] * tile[1] > 4096)
      continue;
    if (random.below(3) == 0)
      for (unsigned axis : {0, 1})
        tile[axis] -= random.below(std::min<int64_t>(tile[axis], 7));
    // Atoms of several warps take their share of the role.
    auto cover = [&](const Atom &atom) { return Layout::cover(atom, tile, warps); };
    llvm::Expected<Layout> from = cover(*a), to = cover(*b);
    if (from && to)
      return {*from, *to};
    llvm::consumeError(from.takeError());
    llvm::consumeError(to.takeError());
  }
}

TEST(ConversionTest, RandomConversionsAreWhatTheirClassSays) {
  Random random;
  SCOPED_TRACE(random.str());
  std::map<ConversionClass, unsigned> seen;
  unsigned unplanned = 0;
  for (unsigned round = 0; round < 80; ++round) {
    auto [from, to] = randomPair(random);
    SCOPED_TRACE(from.str() + " -> " + to.str());
    int64_t warps = std::max(from.getWarps(), to.getWarps());
    ConversionClass kind = classifyConversion(from, to, warps), sets = classBySets(from, to, warps);
    ++seen[kind];
    unsigned bits = 8u << random.below(4);
    std::optional<ShufflePlan> plan = planShuffle(from, to, warps, bits);
    if (sets == ConversionClass::Shared) {
      EXPECT_EQ(kind, sets);
      EXPECT_FALSE(plan) << "data that no warp has";
      continue;
    }
    if (sets == ConversionClass::Free)
      EXPECT_EQ(kind, sets);
    EXPECT_EQ(plan.has_value(), kind != ConversionClass::Shared);
    unplanned += !plan;
    if (plan)
      expectExchanged(random, from, to, warps, *plan);
    if (std::optional<SmallVector<unsigned>> rename = findRename(from, to, warps)) {
      ShufflePlan same;
      same.registers = from.getRegisters();
      same.results = *rename;
      expectExchanged(random, from, to, warps, same);
    }
  }
  // Whatever a warp has, lanes get without memory, but for warps dealt in turns.
  EXPECT_LE(unplanned, seen[ConversionClass::Shared]);
  EXPECT_GT(seen[ConversionClass::Free], 0u);
  EXPECT_GT(seen[ConversionClass::Shuffle], 0u);
}

/// Shuffles, selects of a plan that is right.
std::pair<unsigned, unsigned> costOf(StringRef from, StringRef to, unsigned bits,
                                     int64_t warps = 1) {
  Random random;
  std::optional<ShufflePlan> plan = planShuffle(parse(from), parse(to), warps, bits);
  if (!plan) {
    ADD_FAILURE() << "no exchange from " << from.str() << " to " << to.str();
    return {};
  }
  expectExchanged(random, parse(from), parse(to), warps, *plan);
  return {plan->count(ShuffleStep::Kind::Shuffle), plan->count(ShuffleStep::Kind::Select)};
}

TEST(ConversionTest, NoStepIsWasted) {
  using Cost = std::pair<unsigned, unsigned>;
  // A free conversion is an exchange of nothing.
  EXPECT_EQ(costOf("m16n8k16.D [2, 8] warps [4, 1]", "m16n8k16.A [2, 4] warps [4, 1]", 16, 4),
            Cost(0, 0));
  EXPECT_EQ(costOf("m16n8k16.D [1, 10]", "m16n8k16.A [1, 5]", 32), Cost(0, 0));
  // m4 of the lane goes to a register and m8 of a register to the lane: a transposition
  // of one bit. Half of 16 registers change lanes, in one xor.
  EXPECT_EQ(costOf("mfma32.D [1, 1]", "mfma32k16.B [2, 1]", 32), Cost(8, 32));
  // In pairs.
  EXPECT_EQ(costOf("mfma32.D [1, 1]", "mfma32k16.B [2, 1]", 16), Cost(4, 16));
  // All lanes of a quad get what each has: three rounds besides the one's own.
  Cost gather = costOf("m8n8k4.D [1, 1]", "fma32.A [1, 2]", 32);
  EXPECT_EQ(gather.first, 6u);
}

TEST(ConversionTest, ExchangesByXorSayso) {
  std::optional<ShufflePlan> plan =
      planShuffle(parse("mfma32.D [1, 1]"), parse("mfma32k16.B [2, 1]"), 1, 32);
  ASSERT_TRUE(plan);
  for (const ShuffleStep &step : plan->steps)
    if (step.kind == ShuffleStep::Kind::Shuffle) {
      EXPECT_TRUE(step.source.isXor());
      EXPECT_EQ(step.source.constant, 32u);
    }
}

/// A target of 32 banks with the usual widths.
SharedTarget someTarget() {
  SharedTarget target;
  target.loads = target.stores = {{4, {1, 2, 4, 8, 16}}, {8, {1, 2, 4, 8}}, {16, {1, 2, 4}}};
  return target;
}

/// Stores and loads through bytes of memory, element by element.
void expectStored(Random &random, const Layout &from, const Layout &to, int64_t warps,
                  unsigned elementBytes, const SharedPlan &plan) {
  Values tile = randomTile(random, from.getTile());
  std::map<int64_t, uint64_t> memory;
  std::map<int64_t, std::set<int64_t>> writers;
  BankCycles cost;
  auto count = [&](ArrayRef<int64_t> offsets, unsigned bytes) {
    SharedInstruction instruction = {bytes, {1, 2, 4}};
    for (unsigned bit = 8; bytes <= 8 && bit * bytes <= 64; bit *= 2)
      instruction.phaseBasis.push_back(bit);
    if (bytes < 4)
      instruction.phaseBasis = {1, 2, 4, 8, 16};
    BankCycles one = countCycles({32, 4}, instruction, offsets);
    cost.cycles += one.cycles;
    cost.least += one.least;
  };
  for (int64_t warp = 0; warp < warps; ++warp)
    for (const VectorAccess &store : plan.stores) {
      SmallVector<int64_t> offsets;
      unsigned bytes = store.registers.size() * elementBytes;
      for (unsigned lane = 0; lane < from.getLanes(); ++lane) {
        bool stores = plan.storesOfWarp[warp] && !(lane & plan.storeLaneMask);
        int64_t offset =
            plan.storage.getOffset(plan.getStored(from.getElement(warp, lane, store.registers[0])));
        offsets.push_back(stores ? offset : inactiveLane);
        if (!stores)
          continue;
        EXPECT_EQ(offset % bytes, 0) << "misaligned";
        EXPECT_LE(offset + bytes, plan.storage.getBytes());
        for (auto [i, reg] : llvm::enumerate(store.registers)) {
          Element e = from.getElement(warp, lane, reg);
          auto value = tile.find({e.row, e.col});
          int64_t byte = offset + i * elementBytes;
          EXPECT_FALSE(memory.count(byte)) << "stored twice";
          memory[byte] = value == tile.end() ? 0 : value->second;
          writers[byte].insert(warp);
        }
      }
      if (plan.storesOfWarp[warp])
        count(offsets, bytes);
    }
  bool crosses = false;
  for (int64_t warp = 0; warp < warps; ++warp)
    for (const VectorAccess &load : plan.loads) {
      SmallVector<int64_t> offsets;
      unsigned bytes = load.registers.size() * elementBytes;
      for (unsigned lane = 0; lane < to.getLanes(); ++lane) {
        Element first = to.getElement(warp, lane, load.registers[0]);
        int64_t offset = plan.storage.getOffset(plan.getStored(first));
        offsets.push_back(to.isInside(first) ? offset : inactiveLane);
        if (!to.isInside(first))
          continue;
        EXPECT_EQ(offset % bytes, 0) << "misaligned";
        for (auto [i, reg] : llvm::enumerate(load.registers)) {
          Element e = to.getElement(warp, lane, reg);
          int64_t byte = offset + i * elementBytes;
          EXPECT_TRUE(memory.count(byte)) << "read before it is written";
          if (to.isInside(e)) {
            EXPECT_EQ(memory[byte], (tile[{e.row, e.col}]));
            crosses |= *writers[byte].begin() != warp;
          }
        }
      }
      count(offsets, bytes);
    }
  EXPECT_EQ(plan.crossesWarps, crosses);
  EXPECT_EQ(plan.cost.cycles, cost.cycles);
  EXPECT_EQ(plan.cost.least, cost.least);
}

TEST(ConversionTest, RandomConversionsThroughMemory) {
  Random random;
  SCOPED_TRACE(random.str());
  for (unsigned round = 0; round < 40; ++round) {
    auto [from, to] = randomPair(random);
    unsigned elementBytes = 1u << random.below(4);
    SCOPED_TRACE(from.str() + " -> " + to.str() + " of " + std::to_string(elementBytes));
    int64_t warps = std::max(from.getWarps(), to.getWarps());
    SharedPlan plan = planShared(from, to, warps, elementBytes, someTarget());
    expectStored(random, from, to, warps, elementBytes, plan);
  }
}

TEST(ConversionTest, VectorsStayInWhatIsStored) {
  Random random;
  SCOPED_TRACE(random.str());
  for (auto [from, to] : {
           // Rows of 12 elements are no multiple of the 8 that a load takes.
           std::pair("all32 [4, 12] tile [4, 8]", "v8c8w32 [1, 1] tile [4, 8]"),
           // Of 8 elements only 6 are stored.
           std::pair("all32 [1, 6]", "v8c8w32 [1, 1] tile [1, 6]"),
           std::pair("m16n8k16.D [1, 3] tile [10, 21]", "v8c32w32 [2, 1] tile [10, 21]"),
       }) {
    SharedPlan plan = planShared(parse(from), parse(to), 1, 2, someTarget());
    expectStored(random, parse(from), parse(to), 1, 2, plan);
  }
}

TEST(ConversionTest, TheCheapestPlanIsTaken) {
  auto kindOf = [](StringRef from, StringRef to, int64_t warps) {
    return planConversion(parse(from), parse(to), warps, 16, someTarget()).kind;
  };
  EXPECT_EQ(kindOf("wgmma.D [1, 16]", "wgmma.A [1, 8]", 4), ConversionClass::Free);
  EXPECT_EQ(kindOf("mfma32.D [1, 2]", "mfma32.A [1, 8]", 1), ConversionClass::Shuffle);
  EXPECT_EQ(kindOf("m16n8k16.D [2, 8] warps [4, 1]", "wgmma.D [2, 8]", 4), ConversionClass::Shared);
}

TEST(ConversionTest, ResultsGoOutInWholeRows) {
  // The usual epilogue: a result by rows of 16 bytes, without a conflict.
  Layout from = parse("m16n8k16.D [2, 16] warps [4, 1]"),
         to = parse("v8c128w32 [16, 1] warps [4, 1]");
  SharedPlan plan = planShared(from, to, 4, 2, someTarget());
  EXPECT_EQ(plan.loads[0].registers.size(), 8u);
  EXPECT_EQ(plan.stores[0].registers.size(), 2u);
  EXPECT_EQ(plan.cost.getConflicts(), 0u) << plan.storage.str();
  EXPECT_FALSE(plan.crossesWarps);
}

TEST(ConversionTest, ClassesHaveNames) {
  for (ConversionClass kind :
       {ConversionClass::Free, ConversionClass::Shuffle, ConversionClass::Shared})
    EXPECT_EQ(symbolizeConversionClass(stringifyConversionClass(kind)), kind);
  EXPECT_FALSE(symbolizeConversionClass("cheap"));
}

} // namespace
