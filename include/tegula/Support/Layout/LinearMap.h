//===- LinearMap.h - Linear maps between bit vectors ----------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An index below 2^n is a vector of n bits, and addition of vectors is xor. A map
// between such indices is *linear* if f(x ^ y) = f(x) ^ f(y). It is then fixed by
// the images of the powers of two, which are the columns of a matrix over GF(2):
//
//   lane 1 -> col 2, lane 2 -> col 4, lane 4 -> row 1      f(lane 7) = row 1, col 6
//
// Inputs and outputs are split into named dimensions. A dimension is only a name
// for a range of bits: the first one has the lowest bits of the flat index, so
// reshaping is renaming, and everything else is Gaussian elimination on a matrix
// that fits into an array of 64-bit words.
//
// What the operations are for is told in Layout.h, with examples.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SUPPORT_LAYOUT_LINEARMAP_H
#define TEGULA_SUPPORT_LAYOUT_LINEARMAP_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace llvm {
class raw_ostream;
} // namespace llvm

namespace tegula::layout {

/// A named dimension of 2^bits indices. One index (no bits) is allowed.
struct Dim {
  std::string name;
  unsigned bits = 0;

  bool operator==(const Dim &other) const { return name == other.name && bits == other.bits; }
  bool operator!=(const Dim &other) const { return !(*this == other); }
};

/// An index along each of some named dimensions; those not named are 0.
using Point = llvm::ArrayRef<std::pair<llvm::StringRef, uint64_t>>;

/// A linear map over GF(2) between products of named dimensions.
class LinearMap {
public:
  /// The only map between no dimensions.
  LinearMap() = default;

  /// The map with these columns: the flat image of each input bit, lowest first.
  /// There are as many columns as input bits, and no more than 64 bits on a side.
  LinearMap(llvm::ArrayRef<Dim> ins, llvm::ArrayRef<Dim> outs, llvm::ArrayRef<uint64_t> columns);

  /// Everything goes to 0: replication.
  static LinearMap zero(llvm::ArrayRef<Dim> ins, llvm::ArrayRef<Dim> outs);

  /// `in` goes to `out`, bit by bit.
  static LinearMap identity(llvm::StringRef in, llvm::StringRef out, unsigned bits);

  /// A map from pictures of bits: for each input dimension, the images of its bits
  /// as points of the outputs. `{"lane", {{{"col", 2}}, {{"row", 1}}}}`.
  struct Bases {
    llvm::StringRef name;
    llvm::SmallVector<llvm::SmallVector<std::pair<llvm::StringRef, uint64_t>, 2>> images;
  };
  static LinearMap fromBases(llvm::ArrayRef<Bases> bases, llvm::ArrayRef<Dim> outs);

  llvm::ArrayRef<Dim> getIns() const { return ins; }
  llvm::ArrayRef<Dim> getOuts() const { return outs; }
  llvm::ArrayRef<uint64_t> getColumns() const { return columns; }
  unsigned getInBits() const { return columns.size(); }
  unsigned getOutBits() const;

  /// Bits of a dimension; 0 if there is none of that name.
  unsigned getInBits(llvm::StringRef name) const;
  unsigned getOutBits(llvm::StringRef name) const;

  /// Image of a flat index.
  uint64_t apply(uint64_t in) const;

  /// Image of a point, one index per output dimension in order.
  llvm::SmallVector<uint64_t> apply(Point in) const;

  /// Component along output dimension `out` of the image of bit `bit` of `in`.
  uint64_t getBasis(llvm::StringRef in, unsigned bit, llvm::StringRef out) const;

  /// Flat index of a point, and the component of a flat index along a dimension.
  uint64_t flattenIn(Point point) const;
  uint64_t getInComponent(uint64_t flat, llvm::StringRef name) const;
  uint64_t getOutComponent(uint64_t flat, llvm::StringRef name) const;

  /// Direct sum: dimensions of the same name are joined, this map's bits below
  /// `other`'s. `a.product(b)` repeats the tile `a` in the pattern `b`.
  LinearMap product(const LinearMap &other) const;

  /// `this` after `inner`, whose outputs are this map's inputs in any order.
  LinearMap compose(const LinearMap &inner) const;

  /// The inverse, if there is one.
  std::optional<LinearMap> invert() const;

  /// A map r with this(r(x)) = x, if every x has a preimage. Of several preimages
  /// it takes one whose free bits are 0.
  std::optional<LinearMap> pseudoInvert() const;

  /// A map x with this(x(i)) = other(i) for all i, if there is one: "where in the
  /// layout `this` is what layout `other` has at i". Free bits are 0.
  std::optional<LinearMap> solve(const LinearMap &other) const;

  /// The map q with tile.product(q) = this, if this map repeats `tile`. Tests
  /// whether an instruction's tile fits into a layout.
  std::optional<LinearMap> divideLeft(const LinearMap &tile) const;

  /// Restriction to some inputs (others are 0) and some outputs (others dropped),
  /// in the order given.
  LinearMap sublayout(llvm::ArrayRef<llvm::StringRef> inNames,
                      llvm::ArrayRef<llvm::StringRef> outNames) const;

  /// The same matrix with the bits of one side named otherwise; as many bits.
  LinearMap reshapeIns(llvm::ArrayRef<Dim> dims) const;
  LinearMap reshapeOuts(llvm::ArrayRef<Dim> dims) const;

  /// Dimension of the image.
  unsigned getRank() const;
  bool isInjective() const { return getRank() == getInBits(); }
  bool isSurjective() const { return getRank() == getOutBits(); }

  /// Flat input vectors that span the kernel: what may be added to an input
  /// without changing the result.
  llvm::SmallVector<uint64_t> getKernel() const;

  /// Bits of an input dimension whose image depends on those below them, in the
  /// order of dimensions: fixing them at 0 loses nothing of the image.
  uint64_t getFreeBits(llvm::StringRef name) const;

  bool operator==(const LinearMap &other) const {
    return ins == other.ins && outs == other.outs && columns == other.columns;
  }
  bool operator!=(const LinearMap &other) const { return !(*this == other); }

  /// `lane 1 -> (col 2), 2 -> (col 4)`, a line per input dimension.
  void print(llvm::raw_ostream &os) const;
  std::string str() const;

private:
  llvm::SmallVector<Dim, 3> ins, outs;
  llvm::SmallVector<uint64_t, 16> columns;
};

/// Vectors that span the same space as `vectors`, in reduced echelon form: each
/// has a leading (highest) bit that no other has.
llvm::SmallVector<uint64_t> reduceSpan(llvm::ArrayRef<uint64_t> vectors);

/// True if `vector` is a sum of some of `vectors`.
bool isInSpan(llvm::ArrayRef<uint64_t> vectors, uint64_t vector);

} // namespace tegula::layout

#endif // TEGULA_SUPPORT_LAYOUT_LINEARMAP_H
