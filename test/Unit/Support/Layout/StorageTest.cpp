//===- StorageTest.cpp - Tiles in shared memory, and their banks ----------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/Layout/Storage.h"

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

// Phases as the vendors' documents and measurements give them.
const BankTable banks32 = {32, 4}, banks64 = {64, 4};
const SharedInstruction word = {4, {1, 2, 4, 8, 16}}, pair = {8, {1, 2, 4, 8}},
                        quad = {16, {1, 2, 4}};
const SharedInstruction waveRead = {16, {1, 2, 4 ^ 16}}, waveReadWide = {16, {1, 2, 4 ^ 8, 4 ^ 16}};

/// Phases by trying all subsets of the basis, words by division, a set per bank.
BankCycles countNaively(const BankTable &table, const SharedInstruction &instruction,
                        ArrayRef<int64_t> offsets) {
  BankCycles result;
  std::set<unsigned> done;
  for (unsigned lane = 0; lane < offsets.size(); ++lane) {
    if (done.count(lane))
      continue;
    std::vector<std::set<int64_t>> words(table.banks);
    std::set<int64_t> all;
    for (unsigned subset = 0; subset < 1u << instruction.phaseBasis.size(); ++subset) {
      unsigned member = lane;
      for (unsigned i = 0; i < instruction.phaseBasis.size(); ++i)
        member ^= subset >> i & 1 ? instruction.phaseBasis[i] : 0;
      done.insert(member);
      if (member >= offsets.size() || offsets[member] == inactiveLane)
        continue;
      for (unsigned byte = 0; byte < instruction.bytes; ++byte) {
        int64_t word = (offsets[member] + byte) / table.bankBytes;
        words[word % table.banks].insert(word);
        all.insert(word);
      }
    }
    size_t most = 0;
    for (const std::set<int64_t> &bank : words)
      most = std::max(most, bank.size());
    result.cycles += most;
    result.least += (all.size() + table.banks - 1) / table.banks;
  }
  return result;
}

TEST(BankTest, RandomAccessesAgainstNaiveCounting) {
  Random random;
  SCOPED_TRACE(random.str());
  for (unsigned round = 0; round < 300; ++round) {
    bool isWave = random.below(2);
    // A basis may be any: the last one spans the lanes of `quad`.
    SharedInstruction tangled = {16, {3, 1, 5}};
    SharedInstruction instruction =
        random.pick(ArrayRef{word, pair, quad, waveRead, waveReadWide, tangled});
    if (!isWave && instruction.phaseBasis.back() > 16)
      continue;
    const BankTable &table = random.below(2) ? banks32 : banks64;
    SmallVector<int64_t> offsets;
    for (unsigned lane = 0; lane < (isWave ? 64u : 32u); ++lane)
      offsets.push_back(random.below(8) ? int64_t(random.below(64) * instruction.bytes)
                                        : inactiveLane);
    BankCycles got = countCycles(table, instruction, offsets);
    BankCycles want = countNaively(table, instruction, offsets);
    EXPECT_EQ(got.cycles, want.cycles);
    EXPECT_EQ(got.least, want.least);
  }
}

TEST(BankTest, KnownPatterns) {
  auto strided = [](const BankTable &table, const SharedInstruction &instruction, int64_t stride) {
    SmallVector<int64_t> offsets;
    for (unsigned lane = 0; lane < 32; ++lane)
      offsets.push_back(lane * stride);
    return countCycles(table, instruction, offsets).cycles;
  };
  EXPECT_EQ(strided(banks32, word, 4), 1u);
  EXPECT_EQ(strided(banks32, word, 8), 2u);
  EXPECT_EQ(strided(banks32, word, 128), 32u);
  EXPECT_EQ(strided(banks32, word, 132), 1u); // a row padded by a word
  EXPECT_EQ(strided(banks32, word, 0), 1u);   // broadcast
  EXPECT_EQ(strided(banks32, pair, 8), 2u);
  EXPECT_EQ(strided(banks32, quad, 16), 4u);
  EXPECT_EQ(strided(banks32, quad, 128), 32u);
  EXPECT_EQ(strided(banks32, quad, 144), 4u);
}

TEST(StorageTest, SwizzlesOfTheCopyEngine) {
  // Images of column and row bits, in bytes from the tile, as published.
  Storage wide = Storage::getSwizzled({64, 128}, 2, 128);
  for (auto [col, offset] :
       {std::pair(1, 2), {2, 4}, {4, 8}, {8, 16}, {16, 32}, {32, 64}, {64, 64 * 128}})
    EXPECT_EQ(wide.getOffset({0, col}), offset) << col;
  for (auto [row, offset] :
       {std::pair(1, 128 + 16), {2, 256 + 32}, {4, 512 + 64}, {8, 1024}, {16, 2048}})
    EXPECT_EQ(wide.getOffset({row, 0}), offset) << row;
  Storage half = Storage::getSwizzled({16, 32}, 2, 64),
          quarter = Storage::getSwizzled({16, 16}, 2, 32);
  for (auto [row, offset] : {std::pair(1, 64), {2, 128 + 16}, {4, 256 + 32}, {8, 512}})
    EXPECT_EQ(half.getOffset({row, 0}), offset) << row;
  for (auto [row, offset] : {std::pair(1, 32), {2, 64}, {4, 128 + 16}, {8, 256}})
    EXPECT_EQ(quarter.getOffset({row, 0}), offset) << row;
  EXPECT_EQ(wide.getBytes(), 64 * 256);
  // Whole columns are padded to a panel.
  EXPECT_EQ(Storage::getSwizzled({64, 80}, 2, 128).getBytes(), 64 * 256);

  // Address bits 4 to 6 ^= bits 7 to 9; 4 and 5 ^= 7 and 8; 4 ^= 7.
  for (unsigned span : {128u, 64u, 32u}) {
    Storage storage = Storage::getSwizzled({32, span / 2}, 2, span);
    LinearMap map = getAddressSwizzle(span, 12);
    for (int64_t row = 0; row < 32; ++row)
      for (int64_t col = 0; col < span / 2; ++col) {
        uint64_t plain = row * span + col * 2, swizzled = plain;
        for (unsigned bit = 4; 1u << bit < span; ++bit)
          swizzled ^= (plain >> (bit + 3) & 1) << bit;
        EXPECT_EQ(storage.getOffset({row, col}), int64_t(swizzled));
        EXPECT_EQ(swizzleAddress(span, plain), swizzled);
        EXPECT_EQ(map.apply(plain), swizzled);
      }
    EXPECT_TRUE(map.isInjective());
  }
}

/// Every element has bytes of its own.
void expectInjective(const Storage &storage) {
  std::set<int64_t> offsets;
  for (int64_t row = 0; row < storage.rows; ++row)
    for (int64_t col = 0; col < storage.cols; ++col) {
      int64_t offset = storage.getOffset({row, col});
      EXPECT_TRUE(offsets.insert(offset).second) << storage.str();
      EXPECT_GE(offset, 0);
      EXPECT_LE(offset + storage.elementBytes, storage.getBytes());
    }
}

TEST(StorageTest, MeasuredWaveReads) {
  // Operand A of twice the depth: 16 bytes of k in a lane. Rows of 128 bytes.
  Layout layout = parse("mfma32k16.A [2, 4]");
  SmallVector<VectorAccess> vectors = planVectors(layout, 1, 2, 16);
  EXPECT_EQ(vectors.size(), 8u);
  Storage storage = Storage::getRowMajor({64, 64}, 2);
  auto conflictsPerRead = [&](const BankTable &table, const SharedInstruction &read,
                              SmallVector<unsigned, 6> key) {
    storage.key.images = key;
    std::vector<TileAccess> reads = getAccesses(layout, vectors, 1, read, 1);
    return countCycles(table, storage, reads).getConflicts() / double(reads.size());
  };
  EXPECT_EQ(conflictsPerRead(banks32, waveRead, {1, 2, 4}), 0);
  EXPECT_EQ(conflictsPerRead(banks64, waveReadWide, {1, 2, 4}), 4);
  EXPECT_EQ(conflictsPerRead(banks64, waveReadWide, {0, 1, 2, 0, 4}), 0);
  EXPECT_GT(conflictsPerRead(banks32, waveRead, {}), 0);
  // The solver finds such keys from the phases.
  for (auto [table, read] : {std::pair(banks32, waveRead), std::pair(banks64, waveReadWide)}) {
    SolvedStorage solved =
        solveSwizzle(table, {64, 64}, 2, getAccesses(layout, vectors, 1, read, 1));
    EXPECT_EQ(solved.cost.getConflicts(), 0u) << solved.storage.str();
    expectInjective(solved.storage);
  }
}

//===----------------------------------------------------------------------===//
// Matrix instructions
//===----------------------------------------------------------------------===//

TEST(MatrixTest, AddressesAsPublished) {
  auto expectRows = [](StringRef text, unsigned axis, bool isTransposed, auto row, auto unit) {
    std::optional<SmallVector<MatrixAccess>> plan = planMatrices(parse(text), axis);
    ASSERT_TRUE(plan) << text.str();
    ASSERT_EQ(plan->size(), 1u) << text.str();
    const MatrixAccess &access = plan->front();
    EXPECT_EQ(access.getCount(), 4u);
    EXPECT_EQ(access.isTransposed, isTransposed);
    for (unsigned lane = 0; lane < 32; ++lane) {
      unsigned memoryRow = axis == 1 ? access.row(lane) : access.col(lane);
      unsigned memoryCol = axis == 1 ? access.col(lane) : access.row(lane);
      EXPECT_EQ(memoryRow, row(lane)) << text.str() << " lane " << lane;
      EXPECT_EQ(memoryCol, 8 * unit(lane)) << text.str() << " lane " << lane;
    }
  };
  auto low4 = [](unsigned l) { return l & 15; };
  auto high = [](unsigned l) { return l >> 4; };
  // A from [m][k]; B from [n][k], two tiles of n; B from [k][n] by .trans; D to [m][n].
  expectRows("m16n8k16.A [1, 1]", 1, false, low4, high);
  expectRows(
      "m16n8k16.B [1, 2]", 0, false, [](unsigned l) { return (l >> 4) * 8 + (l & 7); },
      [](unsigned l) { return l >> 3 & 1; });
  expectRows("m16n8k16.B [1, 2]", 1, true, low4, high);
  expectRows("m16n8k16.D [1, 2]", 1, false, low4, high);
}

/// Memory rows of 16 bytes at 32 addresses, dealt as the manual says: matrix i, row
/// lane / 4, columns 2 (lane % 4) and the next; transposed, the other way round.
void expectMatrixLoads(Random &random, const Layout &layout, unsigned axis) {
  std::optional<SmallVector<MatrixAccess>> plan = planMatrices(layout, axis, 1u << random.below(3));
  ASSERT_TRUE(plan);
  std::set<unsigned> loaded;
  for (int64_t warp = 0; warp < layout.getWarps(); ++warp) {
    Element base = layout.getElement(warp, 0, 0);
    for (const MatrixAccess &access : *plan)
      for (unsigned lane = 0; lane < 32; ++lane)
        for (unsigned matrix = 0; matrix < access.getCount(); ++matrix)
          for (unsigned half : {0u, 1u}) {
            unsigned along = lane / 4, across = 2 * (lane % 4) + half;
            if (access.isTransposed)
              std::swap(along, across);
            unsigned addresser = 8 * matrix + along;
            Element element = {base.row + access.row(addresser), base.col + access.col(addresser)};
            (axis == 1 ? element.col : element.row) += across;
            unsigned reg = access.registers[matrix] + half;
            loaded.insert(reg);
            ASSERT_EQ(layout.getElement(warp, lane, reg), element) << layout.str();
          }
  }
  EXPECT_EQ(loaded.size(), layout.getRegisters());
}

TEST(MatrixTest, LoadsGiveTheLayout) {
  Random random;
  SCOPED_TRACE(random.str());
  for (unsigned round = 0; round < 40; ++round) {
    std::string name =
        random.pick(ArrayRef<std::string>{"m16n8k16.A", "m16n8k16.B", "m16n8k16.D", "wgmma.A",
                                          "wgmma.D", "m16n8k16.B^T", "m8n8k4.D"});
    Extents rep = {random.between(1, 5), random.between(1, 5)};
    Warps warps;
    warps.count = {random.between(1, 2), random.between(1, 2)};
    expectMatrixLoads(random, llvm::cantFail(Layout::get(*findAtom(name), rep, warps)),
                      random.below(2));
  }
  for (StringRef text :
       {"m16n8k8.A [1, 1]", "mfma32.A [1, 1]", "fma32.D [1, 1]", "m8n8k4.A [2, 2]"})
    EXPECT_FALSE(planMatrices(parse(text), 1)) << text.str();
}

TEST(VectorTest, GroupsAreNeighbours) {
  Random random;
  SCOPED_TRACE(random.str());
  for (unsigned round = 0; round < 60; ++round) {
    Layout layout = randomLayout(random, random.below(2) ? 32 : 64);
    unsigned axis = random.below(2), bytes = 1u << random.below(4);
    SmallVector<VectorAccess> vectors = planVectors(layout, axis, bytes, 16);
    std::set<unsigned> registers;
    for (const VectorAccess &vector : vectors) {
      int64_t width = vector.registers.size();
      EXPECT_LE(width * bytes, 16);
      for (int64_t warp = 0; warp < layout.getWarps(); ++warp)
        for (unsigned lane = 0; lane < layout.getLanes(); ++lane) {
          Element first = layout.getElement(warp, lane, vector.registers[0]);
          EXPECT_EQ((axis == 1 ? first.col : first.row) % width, 0) << layout.str();
          for (int64_t i = 0; i < width; ++i) {
            Element e = layout.getElement(warp, lane, vector.registers[i]);
            (axis == 1 ? e.col : e.row) -= i;
            EXPECT_EQ(e, first) << layout.str();
          }
        }
      registers.insert(vector.registers.begin(), vector.registers.end());
    }
    EXPECT_EQ(registers.size(), layout.getRegisters());
  }
  auto widthOf = [](StringRef text, unsigned axis, unsigned bytes) {
    return planVectors(parse(text), axis, bytes, 16)[0].registers.size();
  };
  EXPECT_EQ(widthOf("v8c64 [2, 1]", 1, 2), 8u);
  EXPECT_EQ(widthOf("m16n8k16.D [2, 8]", 1, 4), 2u);
  EXPECT_EQ(widthOf("mfma32.D [1, 1]", 0, 4), 4u);
  EXPECT_EQ(widthOf("mfma32.D [1, 1]", 1, 4), 1u);
  // Lanes, or warps, that see the neighbours the other way round have none.
  for (StringRef row : {"x axes rc lane c1 r1 r2 r4 r8 | reg c1 c2",
                        "x axes rc lane r1 r2 r4 r8 r16 | reg c1 c2 | warp c1"}) {
    Layout turned = llvm::cantFail(Layout::get(llvm::cantFail(parseAtom(row)), {1, 1}));
    EXPECT_EQ(planVectors(turned, 1, 2, 16)[0].registers.size(), 1u);
  }
  // Repetition goes on where the atom's columns are all in registers.
  EXPECT_EQ(widthOf("fmarow32.D [1, 2]", 1, 2), 8u);
  EXPECT_EQ(widthOf("fmarow32.D [1, 3]", 1, 2), 4u);
}

//===----------------------------------------------------------------------===//
// The solver
//===----------------------------------------------------------------------===//

TEST(SolverTest, WidthsThatAreNoPowersOfTwo) {
  // A ring slot of 16-bit rows: written by 16-byte copies, read by ldmatrix of A and,
  // transposed, of B, as [k][n].
  for (int64_t cols : {32, 48, 64, 80, 96, 112, 128, 160, 176, 192, 256}) {
    std::vector<TileAccess> accesses = getCopyAccesses({64, cols}, 2, quad, 32);
    Layout a = llvm::cantFail(Layout::cover(*findAtom("m16n8k16.A"), {64, cols}, {{4, 1}}));
    Layout b = llvm::cantFail(Layout::cover(*findAtom("m16n8k16.B"), {64, cols}));
    for (const Layout &layout : {a, b})
      for (TileAccess &access : getAccesses(layout, *planMatrices(layout, 1), 1, quad, 4))
        accesses.push_back(std::move(access));
    BankCycles plain = countCycles(banks32, Storage::getRowMajor({64, cols}, 2), accesses);
    SolvedStorage solved = solveSwizzle(banks32, {64, cols}, 2, accesses);
    EXPECT_GT(plain.getConflicts(), 0u) << cols;
    EXPECT_EQ(solved.cost.getConflicts(), 0u) << solved.storage.str();
    // What the search says of distinct accesses is what all of them cost.
    BankCycles all = countCycles(banks32, solved.storage, accesses);
    EXPECT_EQ(all.cycles, solved.cost.cycles);
    EXPECT_EQ(all.least, solved.cost.least);
    EXPECT_EQ(solved.storage.getBytes(), 64 * cols * 2);
    expectInjective(solved.storage);
  }
}

TEST(SolverTest, OddRowsArePaddedOrFree) {
  // 7 units a row: odd, so free without a key. 4-byte columns of 128-byte rows cannot be
  // freed by units of 16 bytes, but by a padding.
  std::vector<TileAccess> column;
  for (int64_t col = 0; col < 8; ++col) {
    TileAccess access{word, {}};
    for (int64_t row = 0; row < 32; ++row)
      access.lanes.push_back(Element{row, col});
    column.push_back(access);
  }
  SolvedStorage solved = solveSwizzle(banks32, {32, 32}, 4, column);
  EXPECT_EQ(solved.cost.cycles, 8u * 4);
  Storage narrow = Storage::getRowMajor({32, 32}, 4);
  narrow.unitBytes = 4;
  EXPECT_EQ(solveSwizzle(banks32, narrow, column).cost.getConflicts(), 0u);
  SolvedStorage padded = solveSwizzle(banks32, {32, 32}, 4, column, /*mayPad=*/true);
  EXPECT_EQ(padded.cost.cycles, 8u * 4); // 16 bytes of padding are no better here
  EXPECT_EQ(padded.storage.pitch, 128);
}

TEST(SolverTest, KeysThatNoRuleGives) {
  // Phases over rows {1, 2, 4}, {8, 16, 32} and {1, 8, 16}: too many keys to try all,
  // and no run of bits serves all three.
  std::vector<TileAccess> accesses;
  for (auto rows : {std::array<int64_t, 3>{1, 2, 4}, {8, 16, 32}, {1, 8, 16}}) {
    TileAccess access{quad, {}};
    for (unsigned lane = 0; lane < 8; ++lane) {
      Element e;
      for (unsigned bit = 0; bit < 3; ++bit)
        e.row += lane >> bit & 1 ? rows[bit] : 0;
      access.lanes.push_back(e);
    }
    accesses.push_back(access);
  }
  SolvedStorage solved = solveSwizzle(banks32, {64, 64}, 2, accesses);
  EXPECT_EQ(solved.cost.getConflicts(), 0u) << solved.storage.str();
  EXPECT_EQ(countCycles(banks32, solved.storage, accesses).getConflicts(), 0u);
  expectInjective(solved.storage);
}

TEST(SolverTest, NoKeyIsBetter) {
  // Random sets of accesses: the solver's key against every other.
  Random random;
  SCOPED_TRACE(random.str());
  for (unsigned round = 0; round < 25; ++round) {
    int64_t units = random.pick(ArrayRef<int64_t>{2, 4, 6, 8, 10, 12}), rows = 8;
    unsigned lanes = 16;
    std::vector<TileAccess> accesses;
    for (unsigned i = 0, n = random.between(1, 4); i < n; ++i) {
      TileAccess access{{16, {1, 2, random.below(2) ? 4u : 4u ^ 8u}}, {}};
      int64_t rowStep = random.between(0, 3), unitStep = random.between(0, 3);
      for (unsigned lane = 0; lane < lanes; ++lane)
        access.lanes.push_back(Element{int64_t(lane * rowStep + lane / 8) % rows,
                                       int64_t(lane * unitStep + i) % units * 8});
      accesses.push_back(access);
    }
    SolvedStorage solved = solveSwizzle(banks32, {rows, units * 8}, 2, accesses);
    expectInjective(solved.storage);
    Storage storage = Storage::getRowMajor({rows, units * 8}, 2);
    unsigned bits = std::min(3u, storage.getKeyBits()), least = ~0u;
    for (unsigned choice = 0; choice < 1u << (3 * bits); ++choice) {
      storage.key.images = {choice & ((1u << bits) - 1), choice >> bits & ((1u << bits) - 1),
                            choice >> (2 * bits)};
      unsigned conflicts = 0;
      for (const TileAccess &access : accesses) {
        SmallVector<int64_t> offsets;
        for (const std::optional<Element> &e : access.lanes)
          offsets.push_back(storage.getOffset(*e));
        conflicts += countNaively(banks32, access.instruction, offsets).getConflicts();
      }
      least = std::min(least, conflicts);
    }
    EXPECT_EQ(solved.cost.getConflicts(), least) << solved.storage.str();
  }
}

TEST(SolverTest, ExactCountOfLinearAccesses) {
  // Where all extents are powers of two the count is 2^dim - 1, dim of what phases and
  // banks have in common: the solver's numbers against that algebra.
  Random random;
  SCOPED_TRACE(random.str());
  for (unsigned round = 0; round < 60; ++round) {
    Storage storage = Storage::getRowMajor({64, 64}, 2);
    for (unsigned bit = 0; bit < 6; ++bit)
      storage.key.images.push_back(random.below(8));
    // Lane bits to row bits and units, injective, so that no two lanes want one word.
    SmallVector<uint64_t> images;
    for (unsigned bit = 0; bit < 5; ++bit) {
      uint64_t image;
      do
        image = random.below(512); // row | unit << 6
      while (isInSpan(images, image));
      images.push_back(image);
    }
    SmallVector<int64_t> offsets;
    SmallVector<uint64_t> bankBits; // of a 16-byte unit: the bits below 128 bytes
    for (unsigned lane = 0; lane < 32; ++lane) {
      uint64_t place = 0;
      for (unsigned bit = 0; bit < 5; ++bit)
        place ^= lane >> bit & 1 ? images[bit] : 0;
      offsets.push_back(storage.getOffset({int64_t(place & 63), int64_t(place >> 6) * 8}));
      if (llvm::has_single_bit(lane) && lane < 8)
        bankBits.push_back(offsets.back() >> 4 & 7);
    }
    unsigned dim = 3 - reduceSpan(bankBits).size();
    EXPECT_EQ(countCycles(banks32, quad, offsets).getConflicts(), 4 * ((1u << dim) - 1));
  }
}

} // namespace
