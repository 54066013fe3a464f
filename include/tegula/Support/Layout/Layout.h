//===- Layout.h - Who holds which element of a tile -----------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile in registers is spread over the warps of a role, the lanes of each warp and
// the registers of each lane. Which of them holds which element is said in two parts.
//
// Inside an *atom* (Atom.h) it is a linear map over bits (LinearMap.h): the images of
// the powers of two of lane, register and warp. Instructions prescribe such maps, a
// swizzle is one, a transpose is one; so whether an instruction fits, whether two
// layouts agree, which lanes must exchange what, and which banks collide are all
// questions about small matrices over GF(2), answered by elimination instead of cases.
//
// Outside the atom it is counting, since extents are what the problem says (80, 96,
// 176), and powers of two would only get in the way:
//
//   layout = atom [rows, columns] warps [rows, columns]
//
// *Repetition* counts whole atoms along both axes; each is held in further registers.
// *Warps* deal blocks of that out, row-major. A layout that is wider than its tile is
// masked: what lies beyond the tile's extent is nobody's element.
//
// ## Example 1: a result
//
// `m16n8k16.D [2, 16] warps [4, 1]` is a 128x128 tile. The atom is 16x8:
//
//   lane 1 -> col 2   lane 2 -> col 4   lane 4, 8, 16 -> row 1, 2, 4
//   register 1 -> col 1   register 2 -> row 8
//
// Lane 13 = 1 + 4 + 8 holds, in registers 0 to 3 of the first atom, (3, 2), (3, 3),
// (11, 2) and (11, 3). Registers go on atom by atom, along columns first: register
// number = ((i * 16) + j) * 4 + register of the atom, i < 2, j < 16. Warp 1 begins
// at row 32, since a warp's block is 2 * 16 rows. So (warp 1, lane 13, register 70)
// is atom (1, 1), register 2: row 32 + 16 + 11, column 8 + 2.
//
// ## Example 2: a conversion that costs nothing
//
// The next product wants this result, in 16 bits, as its operand A of depth 16:
// `m16n8k16.A [2, 8] warps [4, 1]`, whose atom has
//
//   register 1 -> k 1   register 2 -> row 8   register 4 -> k 8      (lanes as in D)
//
// D's register bits are col 1 and row 8, and then comes the repetition along columns,
// whose lowest bit is col 8. The bits are the same in the same order: register r of
// one is register r of the other. `isFreeConversion` finds this; see Conversion.h.
//
// ## Example 3: statistics of rows
//
// One number per row of D, where its lanes need it, is D's layout with the column bits
// dropped: `lane 0 0 r1 r2 r4 | reg r8`, the atom `row16`. Lanes that differ in the two
// lowest bits hold the same number: they replicate. `dropAxis` makes it. A broadcast
// back to the tile then moves nothing, and a reduction along the row is one over a
// lane's registers and then over the lanes that replicate (xor 1, xor 2).
//
// ## Example 4: 80 columns
//
// `m16n8k16.D [1, 10]` is 16x80: 10 = 1010b times 8 is no power of two and needs none,
// because repetition is outside the linear part. As operand A it is `[1, 5]`. For a tile
// of 70 columns the same layout has `getTile() == {16, 70}` and masks the last ones.
//
// ## Example 5: warps that share
//
// In a product over 4x1 warps every warp reads all of B: `m16n8k16.B [4, 16]`, no warps.
// A role of four warps replicates it. In one over 2x2 warps, w = 2 * row + column, the
// warps of a row share A: `m16n8k16.A [2, 4] warps [2, 1]` would deal w mod 2, so the
// stride is said: `warps [2, 1] by [2, 1]` deals (w / 2) mod 2 along rows.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SUPPORT_LAYOUT_LAYOUT_H
#define TEGULA_SUPPORT_LAYOUT_LAYOUT_H

#include "tegula/Support/Layout/Atom.h"

namespace tegula::layout {

/// A place in a tile.
struct Element {
  int64_t row = 0, col = 0;

  bool operator==(Element other) const { return row == other.row && col == other.col; }
  bool operator!=(Element other) const { return !(*this == other); }
};

/// A place in registers.
struct Owner {
  int64_t warp = 0;
  unsigned lane = 0, reg = 0;

  bool operator==(Owner other) const {
    return warp == other.warp && lane == other.lane && reg == other.reg;
  }
};

/// How warps deal out blocks: warp w has row-block (w / stride[0]) mod count[0] and
/// column-block (w / stride[1]) mod count[1]. Row-major strides are {count[1], 1}.
struct Warps {
  Extents count = {1, 1};
  std::optional<Extents> stride = std::nullopt;
};

/// atom x repetition x warps, over a tile.
class Layout {
public:
  /// Fails if a count is not positive, or the tile is not covered. Without a tile the
  /// layout is of all that it covers.
  static llvm::Expected<Layout> get(const Atom &atom, Extents repetition, Warps warps = {},
                                    std::optional<Extents> tile = std::nullopt);

  /// The least repetition that covers the tile.
  static llvm::Expected<Layout> cover(const Atom &atom, Extents tile, Warps warps = {});

  /// Reads `m16n8k16.D [2, 16] warps [4, 1] by [1, 1] tile [128, 120]`; all after the
  /// repetition may be missing.
  static llvm::Expected<Layout> parse(llvm::StringRef text);

  const Atom &getAtom() const { return atom; }
  Extents getRepetition() const { return repetition; }
  Extents getWarpCounts() const { return warpCounts; }
  Extents getWarpStrides() const { return warpStrides; }
  /// The extent of what is laid out.
  Extents getTile() const { return tile; }
  /// The extent of atom x repetition x warps: never less than the tile.
  Extents getCovered() const;
  bool isMasked() const { return tile != getCovered(); }

  /// Elements per lane, and 32-bit registers for elements of so many bits.
  unsigned getRegisters() const { return unsigned(repetition[0] * repetition[1]) << registerBits; }
  unsigned getRegisters32(unsigned elementBits) const;
  unsigned getLanes() const { return 1u << laneBits; }
  /// Warps beyond which the pattern repeats: a role with more of them replicates.
  int64_t getWarps() const;

  /// The number of an atom's register in the atom (i, j) of a warp's block.
  unsigned getRegister(int64_t i, int64_t j, unsigned atomRegister) const {
    return unsigned(i * repetition[1] + j) << registerBits | atomRegister;
  }

  /// What a register holds; it may lie beyond the tile.
  Element getElement(int64_t warp, unsigned lane, unsigned reg) const;
  Element getElement(Owner owner) const { return getElement(owner.warp, owner.lane, owner.reg); }
  bool isInside(Element e) const {
    return e.row >= 0 && e.col >= 0 && e.row < tile[0] && e.col < tile[1];
  }

  /// The first element of a warp's block, as a distance from that of warp 0.
  Element getWarpOrigin(int64_t warp) const;

  /// Everybody among `warps` warps who holds an element of the tile.
  llvm::SmallVector<Owner> getOwners(Element element, int64_t warps) const;

  /// The layout of one number per row (axis 1 vanishes) or per column (axis 0), held
  /// by those lanes that hold the row or column.
  Layout dropAxis(unsigned axis) const;

  /// The layout of the transposed tile: the same elements in each lane. Registers are
  /// counted along columns first again, so their numbers may be others.
  Layout getTransposed() const;

  /// Equality of the maps, whatever the atoms are called.
  bool operator==(const Layout &other) const;
  bool operator!=(const Layout &other) const { return !(*this == other); }

  /// As `parse` reads it.
  std::string str() const;

private:
  Layout(Atom atom, Extents repetition, Extents warpCounts, Extents warpStrides)
      : repetition(repetition), warpCounts(warpCounts), warpStrides(warpStrides) {
    setAtom(std::move(atom));
  }
  void setAtom(Atom newAtom);

  Atom atom;
  /// Of the atom: asked for each element.
  Extents shape;
  unsigned registerBits, laneBits, innerWarpBits;
  Extents repetition, warpCounts, warpStrides, tile;
};

/// How `warps` members share a tile of whole atoms: rows first, then columns; what is left
/// over replicates.
Warps dealWarps(const Atom &atom, Extents tile, int64_t warps);

/// Pieces of 16 bytes (less, where rows are shorter), as memory has them and as a copy of
/// rows moves them, for warps of so many lanes. The tile is within the bounds of `get`.
Layout coverWithPieces(Extents tile, unsigned elementBytes, unsigned lanes, int64_t warps);

/// Why A and B in these layouts are no operands of a product with result D, or nothing:
/// one product's atoms, rows of A and D and columns of B and D in the same registers of
/// the same warps, contraction extents equal. A transposed result `X.D^T` is the product
/// of `X.B^T` and `X.A^T`: the unit computes the transposed tile from exchanged operands.
std::optional<std::string> checkProduct(const Layout &a, const Layout &b, const Layout &d);

/// What a reduction along an axis, and the broadcast of its results, do with registers.
struct AxisPlan {
  /// `layout.dropAxis(axis)`: where the results are.
  Layout results;
  /// For each register of the tile, the register of `results` for its row (column).
  llvm::SmallVector<unsigned> resultOf;
  /// Lanes at these distances, by xor, hold the rest of the row: after a lane has reduced
  /// its registers, one exchange for each.
  llvm::SmallVector<unsigned> laneMasks;
  /// Other warps hold parts of it as well.
  bool crossesWarps = false;
};

AxisPlan planAxis(const Layout &layout, unsigned axis);

} // namespace tegula::layout

#endif // TEGULA_SUPPORT_LAYOUT_LAYOUT_H
