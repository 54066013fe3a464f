//===- Atom.h - Layouts that instructions prescribe -----------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An *atom* is a small tile whose place in registers an instruction prescribes: the
// operands A, B and the result D of one matrix product, a 16-byte piece of each
// lane, one number per row. It is a linear map from (register, lane, warp) to (row,
// column), written as the images of the bits of each, lowest bit first:
//
//   m16n8k16.D   axes mn  lane n2 n4 m1 m2 m4 | reg n1 m8
//
// Lane 1 holds columns 2 and 3, lane 4 row 1; register 1 is the next column and
// register 2 eight rows below. `0` replicates: lanes that differ in such a bit hold
// the same elements. One register is one element, whatever its width; the code
// generator packs two 16-bit elements, neighbours in number, into 32 bits.
//
// A matrix atom `X.A`, `X.B`, `X.D` is one product, D(m, n) += A(m, k) B(k, n).
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SUPPORT_LAYOUT_ATOM_H
#define TEGULA_SUPPORT_LAYOUT_ATOM_H

#include "tegula/Support/Layout/LinearMap.h"
#include "llvm/Support/Error.h"
#include <array>

namespace tegula::layout {

/// Names of the dimensions that atoms and layouts use.
inline constexpr llvm::StringLiteral registerDim = "register", laneDim = "lane", warpDim = "warp",
                                     rowDim = "row", colDim = "col";

/// A number along rows and along columns.
using Extents = std::array<int64_t, 2>;

/// A row of the table of atoms.
struct Atom {
  /// `m16n8k16.D`.
  std::string name;
  /// Letters of the two axes, `mn`; for printing.
  std::string axes;
  /// (register, lane, warp) -> (row, col).
  LinearMap map;

  /// Rows and columns.
  Extents getShape() const;
  /// Elements per lane.
  unsigned getRegisters() const { return 1u << map.getInBits(registerDim); }
  unsigned getLanes() const { return 1u << map.getInBits(laneDim); }
  /// Warps that hold one atom together.
  unsigned getWarps() const { return 1u << map.getInBits(warpDim); }

  /// `m16n8k16` and `D` of a matrix atom, transposed or not; empty and 0 for others.
  llvm::StringRef getProduct() const;
  char getPart() const;
  /// Of a product that no matrix unit forms: lanes multiply and add what they read, and
  /// its operands may lie in shared memory.
  bool isMultiplyAdd() const { return getProduct().starts_with("fma"); }
  /// Whether the name ends in `^T`.
  bool isTransposed() const;

  /// The atom with rows and columns exchanged, registers and lanes as they are:
  /// `mfma32.D^T`, and of that `mfma32.D`.
  Atom getTransposed() const;

  /// One number per index along the other axis (0 = rows vanish, 1 = columns): the
  /// bits that went there replicate, registers that did are dropped.
  Atom dropAxis(unsigned axis) const;

  /// As written in the table.
  std::string str() const;
};

/// Reads a row of the table: `name axes mn lane … | reg … [| warp …]`.
llvm::Expected<Atom> parseAtom(llvm::StringRef text);

/// All atoms. Row and column statistics of results and pieces are among them, those
/// without a name of their own as `wgmma.D.col`; and of all of these the transposed,
/// `mfma32.D^T`.
llvm::ArrayRef<Atom> getAtoms();

/// The atom of that name, or null.
const Atom *findAtom(llvm::StringRef name);

/// The atom with that map from (register, lane, warp) to (row, col), or null.
const Atom *findAtom(const LinearMap &map);

} // namespace tegula::layout

#endif // TEGULA_SUPPORT_LAYOUT_ATOM_H
