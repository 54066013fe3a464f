//===- Storage.cpp - Tiles in shared memory, and their banks --------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/Layout/Storage.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <map>
#include <tuple>

using namespace tegula::layout;
using llvm::ArrayRef;
using llvm::SmallVector;

//===----------------------------------------------------------------------===//
// Banks
//===----------------------------------------------------------------------===//

BankCycles tegula::layout::countCycles(const BankTable &table, const SharedInstruction &instruction,
                                       ArrayRef<int64_t> offsets) {
  // Lanes of a phase differ by a vector of the span: reduced by its leading bits, all
  // lanes of one phase are the same.
  SmallVector<uint64_t> basis;
  for (unsigned vector : instruction.phaseBasis)
    basis.push_back(vector);
  basis = reduceSpan(basis);
  auto getPhase = [&](uint64_t lane) {
    for (uint64_t vector : basis)
      if (lane & llvm::bit_floor(vector))
        lane ^= vector;
    return lane;
  };

  SmallVector<std::pair<uint64_t, int64_t>, 128> words;
  for (auto [lane, offset] : llvm::enumerate(offsets)) {
    if (offset == inactiveLane)
      continue;
    for (int64_t word = offset / table.bankBytes,
                 end = llvm::divideCeil(offset + instruction.bytes, table.bankBytes);
         word < end; ++word)
      words.push_back({getPhase(lane), word});
  }
  llvm::sort(words);
  words.erase(llvm::unique(words), words.end());

  BankCycles result;
  SmallVector<unsigned, 64> load(table.banks);
  for (size_t i = 0; i < words.size();) {
    std::fill(load.begin(), load.end(), 0);
    size_t start = i;
    unsigned most = 0;
    for (; i < words.size() && words[i].first == words[start].first; ++i)
      most = std::max(most, ++load[words[i].second % table.banks]);
    result.cycles += most;
    result.least += llvm::divideCeil(i - start, table.banks);
  }
  return result;
}

BankCycles tegula::layout::countCycles(const BankTable &table, const Storage &storage,
                                       const TileAccess &access) {
  SmallVector<int64_t, 64> offsets;
  for (const std::optional<Element> &element : access.lanes)
    offsets.push_back(element ? storage.getOffset(*element) : inactiveLane);
  return countCycles(table, access.instruction, offsets);
}

BankCycles tegula::layout::countCycles(const BankTable &table, const Storage &storage,
                                       ArrayRef<TileAccess> accesses) {
  BankCycles sum;
  for (const TileAccess &access : accesses) {
    BankCycles one = countCycles(table, storage, access);
    sum.cycles += one.cycles;
    sum.least += one.least;
  }
  return sum;
}

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

uint64_t tegula::layout::swizzleAddress(unsigned span, uint64_t address) {
  assert((span == 128 || span == 64 || span == 32) && "no such swizzle");
  return address ^ (address >> 3 & (span - 16));
}

LinearMap tegula::layout::getAddressSwizzle(unsigned span, unsigned bits) {
  SmallVector<uint64_t> columns;
  for (unsigned bit = 0; bit < bits; ++bit)
    columns.push_back(swizzleAddress(span, 1ull << bit));
  return LinearMap({{"offset", bits}}, {{"address", bits}}, columns);
}

Storage Storage::getRowMajor(Extents tile, unsigned elementBytes, int64_t padding) {
  Storage storage;
  storage.rows = tile[0];
  storage.cols = tile[1];
  storage.elementBytes = elementBytes;
  storage.panelBytes = tile[1] * elementBytes;
  storage.pitch = storage.panelBytes + padding;
  return storage;
}

Storage Storage::getSwizzled(Extents tile, unsigned elementBytes, unsigned span) {
  Storage storage = getRowMajor(tile, elementBytes);
  storage.panelBytes = storage.pitch = span;
  // The engine's xor takes address bits 7 and up, which are the row's from the bit on
  // where rows of `span` bytes reach them.
  unsigned unitBits = llvm::Log2_32(span / 16), firstBit = 7 - llvm::Log2_32(span);
  storage.key.images.assign(firstBit, 0);
  for (unsigned bit = 0; bit < unitBits; ++bit)
    storage.key.images.push_back(1u << bit);
  return storage;
}

int64_t Storage::getBytes() const {
  return int64_t(llvm::divideCeil(cols * elementBytes, panelBytes)) * rows * pitch;
}

int64_t Storage::getOffset(Element element) const {
  int64_t byte = element.col * elementBytes, panel = byte / panelBytes;
  byte %= panelBytes;
  int64_t unit = (byte / unitBytes) ^ key(unsigned(element.row));
  return (panel * rows + element.row) * pitch + unit * unitBytes + byte % unitBytes;
}

unsigned Storage::getKeyBits() const {
  return panelBytes % unitBytes ? 0 : llvm::countr_zero(uint64_t(panelBytes / unitBytes));
}

std::string Storage::str() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << rows << 'x' << cols << " of " << elementBytes << " bytes, pitch " << pitch;
  if (panelBytes != cols * elementBytes)
    os << ", panels of " << panelBytes;
  if (isSwizzled()) {
    os << ", key";
    for (unsigned image : key.images)
      os << ' ' << image;
    if (unitBytes != 16)
      os << " in units of " << unitBytes;
  }
  return text;
}

//===----------------------------------------------------------------------===//
// The solver
//===----------------------------------------------------------------------===//

namespace {

/// The search for a key. The cost is exact, so it may try whatever it likes.
class KeySearch {
public:
  KeySearch(const BankTable &table, const Storage &storage, ArrayRef<TileAccess> accesses);

  SolvedStorage solve() {
    if (keyBits == 0 || isFree())
      return best;
    tryShifts();
    descend();
    if (!isFree())
      tryAll();
    return best;
  }

private:
  bool isFree() const { return best.cost.getConflicts() == 0; }

  /// Keeps the key if it is better than all before. A key of zeros is none.
  bool consider(const SmallVector<unsigned, 6> &images);

  /// Bits of the row in order, from some bit on: what engines do, and what rows of an
  /// odd multiple of a power of two want. Then all bits, folded.
  void tryShifts() {
    for (bool isFolded : {false, true})
      for (unsigned shift = 0; shift < rowBits && !isFree(); ++shift) {
        SmallVector<unsigned, 6> images(rowBits, 0);
        for (unsigned bit = shift; bit < rowBits; ++bit)
          if (isFolded || bit - shift < keyBits)
            images[bit] = 1u << (bit - shift) % keyBits;
        consider(images);
      }
  }

  /// The best image of one row bit after the other, until nothing improves.
  void descend() {
    for (bool improved = true; improved && !isFree();) {
      improved = false;
      for (unsigned bit = 0; bit < rowBits && !isFree(); ++bit)
        for (unsigned image = 0; image < 1u << keyBits && !isFree(); ++image) {
          SmallVector<unsigned, 6> images = best.storage.key.images;
          images.resize(rowBits, 0);
          images[bit] = image;
          improved |= consider(images);
        }
    }
  }

  /// Every key, if they are few.
  void tryAll() {
    unsigned bits = keyBits * rowBits;
    if (bits > 12)
      return;
    for (unsigned choice = 0; choice < 1u << bits && !isFree(); ++choice) {
      SmallVector<unsigned, 6> images;
      for (unsigned bit = 0; bit < rowBits; ++bit)
        images.push_back(choice >> (bit * keyBits) & ((1u << keyBits) - 1));
      consider(images);
    }
  }

  const BankTable &table;
  Storage storage;
  /// Accesses that meet banks differently, and how many meet them so.
  std::vector<std::pair<TileAccess, unsigned>> accesses;
  unsigned keyBits = 0, rowBits = 0;
  SolvedStorage best;
  bool hasBest = false;
};

} // namespace

/// Bits of the row's number in which two lanes of one access differ.
static unsigned countRowBits(ArrayRef<TileAccess> accesses) {
  uint64_t differing = 0;
  for (const TileAccess &access : accesses) {
    std::optional<int64_t> first;
    for (const std::optional<Element> &element : access.lanes)
      if (element && !first)
        first = element->row;
      else if (element)
        differing |= *first ^ element->row;
  }
  return llvm::bit_width(differing);
}

KeySearch::KeySearch(const BankTable &table, const Storage &storage, ArrayRef<TileAccess> all)
    : table(table), storage(storage) {
  // More units than a period of the banks are told apart by no bank, and row bits that
  // no access has lanes apart in only move its banks round.
  unsigned periodUnits = std::max(1u, table.getPeriod() / storage.unitBytes);
  keyBits = std::min(storage.getKeyBits(), llvm::Log2_32(periodUnits));
  rowBits = countRowBits(all);

  // Rows and columns apart by what no bank and no key sees are the same: warps and
  // steps of a loop mostly are.
  int64_t rowPeriod = int64_t(1) << rowBits, colPeriod = table.getPeriod() / storage.elementBytes;
  while (rowPeriod * storage.pitch % table.getPeriod())
    rowPeriod *= 2;
  using Key = std::tuple<unsigned, std::vector<unsigned>, std::vector<std::pair<int64_t, int64_t>>>;
  std::map<Key, size_t> known;
  for (TileAccess access : all) {
    int64_t row = INT64_MAX, col = INT64_MAX;
    for (const std::optional<Element> &element : access.lanes)
      if (element) {
        row = std::min(row, element->row);
        col = std::min(col, element->col);
      }
    Key key;
    std::get<0>(key) = access.instruction.bytes;
    std::get<1>(key).assign(access.instruction.phaseBasis.begin(),
                            access.instruction.phaseBasis.end());
    for (std::optional<Element> &element : access.lanes) {
      if (element) {
        element->row -= row / rowPeriod * rowPeriod;
        element->col -= col / colPeriod * colPeriod;
      }
      std::get<2>(key).push_back(element ? std::pair(element->row, element->col)
                                         : std::pair<int64_t, int64_t>(-1, -1));
    }
    auto [place, isNew] = known.try_emplace(std::move(key), accesses.size());
    if (isNew)
      accesses.push_back({std::move(access), 0});
    ++accesses[place->second].second;
  }
  consider({});
}

bool KeySearch::consider(const SmallVector<unsigned, 6> &images) {
  Storage candidate = storage;
  candidate.key.images = images;
  while (!candidate.key.images.empty() && candidate.key.images.back() == 0)
    candidate.key.images.pop_back();
  BankCycles cost;
  for (const auto &[access, times] : accesses) {
    BankCycles one = countCycles(table, candidate, access);
    cost.cycles += one.cycles * times;
    cost.least += one.least * times;
    if (hasBest && cost.getConflicts() >= best.cost.getConflicts())
      return false;
  }
  best = {candidate, cost};
  hasBest = true;
  return true;
}

SolvedStorage tegula::layout::solveSwizzle(const BankTable &table, Extents tile,
                                           unsigned elementBytes, ArrayRef<TileAccess> accesses,
                                           bool mayPad) {
  return solveSwizzle(table, Storage::getRowMajor(tile, elementBytes), accesses, mayPad);
}

SolvedStorage tegula::layout::solveSwizzle(const BankTable &table, const Storage &plain,
                                           ArrayRef<TileAccess> accesses, bool mayPad) {
  SolvedStorage best = KeySearch(table, plain, accesses).solve();
  if (!mayPad)
    return best;
  for (unsigned padding = plain.unitBytes; padding < table.getPeriod() && best.cost.getConflicts();
       padding += plain.unitBytes) {
    Storage padded = plain;
    padded.pitch += padding;
    BankCycles cost = countCycles(table, padded, accesses);
    if (cost.getConflicts() < best.cost.getConflicts())
      best = {padded, cost};
  }
  return best;
}
