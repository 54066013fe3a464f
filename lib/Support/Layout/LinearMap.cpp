//===- LinearMap.cpp - Linear maps between bit vectors --------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/Layout/LinearMap.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/raw_ostream.h"
#include <cassert>

using namespace tegula::layout;
using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::StringRef;

static unsigned countBits(ArrayRef<Dim> dims) {
  unsigned bits = 0;
  for (const Dim &dim : dims)
    bits += dim.bits;
  return bits;
}

static uint64_t lowBits(unsigned bits) { return bits >= 64 ? ~0ull : (1ull << bits) - 1; }

/// First bit and number of bits of a dimension; no bits if there is none.
static std::pair<unsigned, unsigned> findBits(ArrayRef<Dim> dims, StringRef name) {
  unsigned start = 0;
  for (const Dim &dim : dims) {
    if (dim.name == name)
      return {start, dim.bits};
    start += dim.bits;
  }
  return {0, 0};
}

static uint64_t takeComponent(ArrayRef<Dim> dims, uint64_t flat, StringRef name) {
  auto [start, bits] = findBits(dims, name);
  return bits ? (flat >> start) & lowBits(bits) : 0;
}

static uint64_t flatten(ArrayRef<Dim> dims, Point point) {
  uint64_t flat = 0;
  for (const auto &[name, index] : point) {
    auto [start, bits] = findBits(dims, name);
    assert(index <= lowBits(bits) && "index beyond its dimension");
    flat |= bits ? index << start : 0;
  }
  return flat;
}

namespace {

/// Gaussian elimination of columns: every vector added is kept, reduced, together
/// with the combination of inputs that it is the image of.
class Elimination {
public:
  /// Adds the image of `combination`. False, and then `combination` without its
  /// part in the span is left in `remainder`, if the vector depends on earlier ones.
  bool add(uint64_t vector, uint64_t combination, uint64_t *remainder = nullptr) {
    reduce(vector, combination);
    if (!vector) {
      if (remainder)
        *remainder = combination;
      return false;
    }
    rows.push_back({vector, combination});
    return true;
  }

  /// Subtracts what the span has of `vector`, noting which inputs it took.
  void reduce(uint64_t &vector, uint64_t &combination) const {
    for (const auto &[row, inputs] : rows)
      if (vector & llvm::bit_floor(row)) {
        vector ^= row;
        combination ^= inputs;
      }
  }

  size_t size() const { return rows.size(); }

private:
  /// Each row's leading bit is clear in all later rows, since those were reduced.
  SmallVector<std::pair<uint64_t, uint64_t>, 16> rows;
};

} // namespace

static Elimination eliminate(ArrayRef<uint64_t> columns) {
  Elimination result;
  for (auto [bit, column] : llvm::enumerate(columns))
    result.add(column, 1ull << bit);
  return result;
}

SmallVector<uint64_t> tegula::layout::reduceSpan(ArrayRef<uint64_t> vectors) {
  SmallVector<uint64_t> rows;
  for (uint64_t vector : vectors) {
    for (uint64_t row : rows)
      if (vector & llvm::bit_floor(row))
        vector ^= row;
    if (!vector)
      continue;
    for (uint64_t &row : rows)
      if (row & llvm::bit_floor(vector))
        row ^= vector;
    rows.push_back(vector);
  }
  llvm::sort(rows);
  return rows;
}

bool tegula::layout::isInSpan(ArrayRef<uint64_t> vectors, uint64_t vector) {
  uint64_t unused = 0;
  eliminate(vectors).reduce(vector, unused);
  return vector == 0;
}

//===----------------------------------------------------------------------===//
// Construction and access
//===----------------------------------------------------------------------===//

LinearMap::LinearMap(ArrayRef<Dim> ins, ArrayRef<Dim> outs, ArrayRef<uint64_t> columns)
    : ins(ins), outs(outs), columns(columns) {
  assert(countBits(ins) == columns.size() && "a column for each input bit");
  assert(columns.size() <= 64 && countBits(outs) <= 64 && "64 bits a side");
  assert(llvm::all_of(columns, [&](uint64_t c) { return c <= lowBits(countBits(outs)); }) &&
         "an image beyond the outputs");
}

LinearMap LinearMap::zero(ArrayRef<Dim> ins, ArrayRef<Dim> outs) {
  return LinearMap(ins, outs, SmallVector<uint64_t>(countBits(ins), 0));
}

LinearMap LinearMap::identity(StringRef in, StringRef out, unsigned bits) {
  SmallVector<uint64_t> columns;
  for (unsigned bit = 0; bit < bits; ++bit)
    columns.push_back(1ull << bit);
  return LinearMap({{in.str(), bits}}, {{out.str(), bits}}, columns);
}

LinearMap LinearMap::fromBases(ArrayRef<Bases> bases, ArrayRef<Dim> outs) {
  SmallVector<Dim> ins;
  SmallVector<uint64_t> columns;
  for (const Bases &dim : bases) {
    ins.push_back({dim.name.str(), static_cast<unsigned>(dim.images.size())});
    for (const auto &image : dim.images)
      columns.push_back(flatten(outs, image));
  }
  return LinearMap(ins, outs, columns);
}

unsigned LinearMap::getOutBits() const { return countBits(outs); }
unsigned LinearMap::getInBits(StringRef name) const { return findBits(ins, name).second; }
unsigned LinearMap::getOutBits(StringRef name) const { return findBits(outs, name).second; }

uint64_t LinearMap::apply(uint64_t in) const {
  assert(in <= lowBits(columns.size()) && "index beyond the inputs");
  uint64_t out = 0;
  for (; in; in &= in - 1)
    out ^= columns[llvm::countr_zero(in)];
  return out;
}

SmallVector<uint64_t> LinearMap::apply(Point in) const {
  uint64_t flat = apply(flattenIn(in));
  SmallVector<uint64_t> result;
  for (const Dim &dim : outs) {
    result.push_back(flat & lowBits(dim.bits));
    flat = dim.bits >= 64 ? 0 : flat >> dim.bits;
  }
  return result;
}

uint64_t LinearMap::getBasis(StringRef in, unsigned bit, StringRef out) const {
  auto [start, bits] = findBits(ins, in);
  assert(bit < bits && "no such input bit");
  return getOutComponent(columns[start + bit], out);
}

uint64_t LinearMap::flattenIn(Point point) const { return flatten(ins, point); }

uint64_t LinearMap::getInComponent(uint64_t flat, StringRef name) const {
  return takeComponent(ins, flat, name);
}

uint64_t LinearMap::getOutComponent(uint64_t flat, StringRef name) const {
  return takeComponent(outs, flat, name);
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// The dimensions of a direct sum: `low`'s, then those that only `high` has.
static SmallVector<Dim> joinDims(ArrayRef<Dim> low, ArrayRef<Dim> high) {
  SmallVector<Dim> result(low);
  for (const Dim &dim : high) {
    auto *same = llvm::find_if(result, [&](const Dim &d) { return d.name == dim.name; });
    if (same == result.end())
      result.push_back(dim);
    else
      same->bits += dim.bits;
  }
  return result;
}

/// A flat index of `from` as one of `to`, whose dimensions of the same name are
/// wider: component by component, shifted up by the bits of `below`.
static uint64_t moveIndex(ArrayRef<Dim> from, ArrayRef<Dim> to, ArrayRef<Dim> below,
                          uint64_t flat) {
  uint64_t result = 0;
  for (const Dim &dim : from) {
    uint64_t part = takeComponent(from, flat, dim.name);
    unsigned shift = findBits(to, dim.name).first + findBits(below, dim.name).second;
    result |= part ? part << shift : 0;
  }
  return result;
}

LinearMap LinearMap::product(const LinearMap &other) const {
  SmallVector<Dim> newIns = joinDims(ins, other.ins), newOuts = joinDims(outs, other.outs);
  SmallVector<uint64_t> newColumns;
  for (const Dim &dim : newIns) {
    auto [lowStart, lowCount] = findBits(ins, dim.name);
    auto [highStart, highCount] = findBits(other.ins, dim.name);
    for (unsigned bit = 0; bit < lowCount; ++bit)
      newColumns.push_back(moveIndex(outs, newOuts, {}, columns[lowStart + bit]));
    for (unsigned bit = 0; bit < highCount; ++bit)
      newColumns.push_back(moveIndex(other.outs, newOuts, outs, other.columns[highStart + bit]));
  }
  return LinearMap(newIns, newOuts, newColumns);
}

LinearMap LinearMap::compose(const LinearMap &inner) const {
  assert(inner.outs.size() == ins.size() &&
         llvm::all_of(inner.outs, [&](const Dim &dim) { return llvm::is_contained(ins, dim); }) &&
         "the inner map's outputs must be the outer map's inputs");
  SmallVector<uint64_t> result;
  for (uint64_t column : inner.columns)
    result.push_back(apply(moveIndex(inner.outs, ins, {}, column)));
  return LinearMap(inner.ins, outs, result);
}

std::optional<LinearMap> LinearMap::invert() const {
  if (getInBits() != getOutBits())
    return std::nullopt;
  return pseudoInvert();
}

std::optional<LinearMap> LinearMap::pseudoInvert() const {
  SmallVector<uint64_t> units;
  for (unsigned bit = 0, e = getOutBits(); bit < e; ++bit)
    units.push_back(1ull << bit);
  return solve(LinearMap(outs, outs, units));
}

std::optional<LinearMap> LinearMap::solve(const LinearMap &other) const {
  assert(outs.size() == other.outs.size() &&
         llvm::all_of(outs, [&](const Dim &dim) { return llvm::is_contained(other.outs, dim); }) &&
         "both maps must have the same outputs");
  Elimination span = eliminate(columns);
  SmallVector<uint64_t> result;
  for (uint64_t column : other.columns) {
    uint64_t vector = moveIndex(other.outs, outs, {}, column), combination = 0;
    span.reduce(vector, combination);
    if (vector)
      return std::nullopt;
    result.push_back(combination);
  }
  return LinearMap(other.ins, ins, result);
}

std::optional<LinearMap> LinearMap::divideLeft(const LinearMap &tile) const {
  auto shrink = [](ArrayRef<Dim> whole, ArrayRef<Dim> part) -> std::optional<SmallVector<Dim>> {
    SmallVector<Dim> rest;
    for (const Dim &dim : whole) {
      unsigned bits = findBits(part, dim.name).second;
      if (bits > dim.bits)
        return std::nullopt;
      rest.push_back({dim.name, dim.bits - bits});
    }
    for (const Dim &dim : part)
      if (dim.bits && !findBits(whole, dim.name).second)
        return std::nullopt;
    return rest;
  };
  std::optional<SmallVector<Dim>> restIns = shrink(ins, tile.ins),
                                  restOuts = shrink(outs, tile.outs);
  if (!restIns || !restOuts)
    return std::nullopt;

  SmallVector<uint64_t> rest;
  unsigned start = 0;
  for (const Dim &dim : ins) {
    auto [tileStart, tileCount] = findBits(tile.ins, dim.name);
    for (unsigned bit = 0; bit < dim.bits; ++bit) {
      uint64_t column = columns[start + bit], quotient = 0;
      for (const Dim &out : outs) {
        uint64_t part = takeComponent(outs, column, out.name);
        unsigned low = findBits(tile.outs, out.name).second;
        uint64_t expected =
            bit < tileCount ? takeComponent(tile.outs, tile.columns[tileStart + bit], out.name) : 0;
        if ((part & lowBits(low)) != expected || (bit < tileCount && part != expected))
          return std::nullopt;
        if (uint64_t high = low >= 64 ? 0 : part >> low)
          quotient |= high << findBits(*restOuts, out.name).first;
      }
      if (bit >= tileCount)
        rest.push_back(quotient);
    }
    start += dim.bits;
  }
  return LinearMap(*restIns, *restOuts, rest);
}

LinearMap LinearMap::sublayout(ArrayRef<StringRef> inNames, ArrayRef<StringRef> outNames) const {
  SmallVector<Dim> newIns, newOuts;
  for (StringRef name : outNames)
    newOuts.push_back({name.str(), getOutBits(name)});
  SmallVector<uint64_t> result;
  for (StringRef name : inNames) {
    auto [start, bits] = findBits(ins, name);
    newIns.push_back({name.str(), bits});
    for (unsigned bit = 0; bit < bits; ++bit) {
      uint64_t image = 0;
      for (const Dim &dim : newOuts)
        if (uint64_t part = getOutComponent(columns[start + bit], dim.name))
          image |= part << findBits(newOuts, dim.name).first;
      result.push_back(image);
    }
  }
  return LinearMap(newIns, newOuts, result);
}

LinearMap LinearMap::reshapeIns(ArrayRef<Dim> dims) const {
  assert(countBits(dims) == getInBits() && "as many bits as before");
  return LinearMap(dims, outs, columns);
}

LinearMap LinearMap::reshapeOuts(ArrayRef<Dim> dims) const {
  assert(countBits(dims) == getOutBits() && "as many bits as before");
  return LinearMap(ins, dims, columns);
}

unsigned LinearMap::getRank() const { return eliminate(columns).size(); }

SmallVector<uint64_t> LinearMap::getKernel() const {
  Elimination span;
  SmallVector<uint64_t> kernel;
  for (auto [bit, column] : llvm::enumerate(columns)) {
    uint64_t relation = 0;
    if (!span.add(column, 1ull << bit, &relation))
      kernel.push_back(relation);
  }
  return kernel;
}

uint64_t LinearMap::getFreeBits(StringRef name) const {
  Elimination span;
  uint64_t dependent = 0;
  for (auto [bit, column] : llvm::enumerate(columns))
    if (!span.add(column, 1ull << bit))
      dependent |= 1ull << bit;
  return getInComponent(dependent, name);
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

void LinearMap::print(llvm::raw_ostream &os) const {
  unsigned start = 0;
  for (const Dim &dim : ins) {
    os << dim.name;
    for (unsigned bit = 0; bit < dim.bits; ++bit) {
      os << (bit ? ", " : " ") << (1ull << bit) << " -> (";
      llvm::ListSeparator separator;
      for (const Dim &out : outs)
        if (uint64_t part = getOutComponent(columns[start + bit], out.name))
          os << separator << out.name << ' ' << part;
      os << ')';
    }
    os << '\n';
    start += dim.bits;
  }
}

std::string LinearMap::str() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  print(os);
  return text;
}
