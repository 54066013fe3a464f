//===- Storage.h - Tiles in shared memory, and their banks ----*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shared memory has *banks*: 4-byte words, dealt round. An access of a warp is served in
// *phases*, groups of lanes that the hardware forms; in a phase each bank gives one word
// a cycle, and lanes that want different words of one bank wait for each other. Which
// lanes form a phase depends on the instruction: 8 lanes in a row for 16 bytes a lane,
// all 32 for 4 bytes; on one family a 16-byte read takes lanes 0-3 with 20-23, the span
// of {1, 2, 4 ^ 16}. So a phase is given as a basis, and the others are its shifts.
//
// Nothing here knows a chip: bank table and phases come from the target's table, and
// `countCycles` is exact for them.
//
// ## Swizzles
//
// A tile is stored by rows. Reading a column of a row-major tile of 128-byte rows hits the
// same banks in every row. A *swizzle* permutes the 16-byte units of a row by an xor with
// a key that is linear in the row's number:
//
//   offset(row, byte) = row * pitch + ((byte / 16) ^ key(row)) * 16 + byte % 16
//
//            unit 0 1 2 3 4 5 6 7
//     row 0       0 1 2 3 4 5 6 7        key(row) = row mod 8: the copy engine's
//     row 1       1 0 3 2 5 4 7 6        128-byte swizzle. Any column of 8 rows meets
//     row 2       2 3 0 1 6 7 4 5        8 different units, so all 32 banks.
//
// The xor must stay in the row, so a key has as many bits as the number of units has
// factors of two. That is enough: 80 16-bit columns are 10 units, and rows are then at
// 0, 2, 4, 6, 0, 2, ... units modulo 8: a key of one bit, set by bit 2 of the row, makes
// 8 rows conflict-free. 96 columns (12 units) need two bits, 176 (22 units) one.
//
// `solveSwizzle` finds the key for all instructions that touch a buffer at once, from
// their phases; where no key is free of conflicts it takes the fewest, or pads rows if
// the caller allows (copy engines and matrix units do not).
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SUPPORT_LAYOUT_STORAGE_H
#define TEGULA_SUPPORT_LAYOUT_STORAGE_H

#include "tegula/Support/Layout/LaneFunction.h"
#include "tegula/Support/Layout/Layout.h"
#include <vector>

namespace tegula::layout {

//===----------------------------------------------------------------------===//
// Banks
//===----------------------------------------------------------------------===//

/// Banks of shared memory, and how wide they are.
struct BankTable {
  unsigned banks = 32;
  unsigned bankBytes = 4;

  unsigned getPeriod() const { return banks * bankBytes; }
};

/// How the hardware serves one instruction: bytes of each lane, and the lanes of the
/// first phase as the span of a basis; other phases are its shifts.
struct SharedInstruction {
  unsigned bytes = 4;
  llvm::SmallVector<unsigned, 6> phaseBasis;
};

/// The offset of a lane that takes no part in an access.
inline constexpr int64_t inactiveLane = -1;

/// Cycles of one access, and those that it would need if no two words shared a bank.
struct BankCycles {
  unsigned cycles = 0;
  unsigned least = 0;

  unsigned getConflicts() const { return cycles - least; }
};

/// Counts an access whose lanes are at these byte offsets, all aligned to their bytes
/// or to a bank. Lanes that want the same word share it.
BankCycles countCycles(const BankTable &table, const SharedInstruction &instruction,
                       llvm::ArrayRef<int64_t> offsets);

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

/// The xor that copy engines and matrix units apply to absolute byte addresses, for
/// spans of 128, 64 or 32 bytes: bits 4 and up ^= bits 7 and up.
uint64_t swizzleAddress(unsigned span, uint64_t address);

/// The same as a map between addresses of so many bits.
LinearMap getAddressSwizzle(unsigned span, unsigned bits);

/// How a tile lies in shared memory: by rows, perhaps in panels of some columns, padded,
/// swizzled.
struct Storage {
  int64_t rows = 1, cols = 1;
  unsigned elementBytes = 2;
  /// Bytes of a row in one panel; panels follow each other, each with all rows. The row
  /// in one piece if there is one panel.
  int64_t panelBytes = 0;
  /// Bytes from row to row; more than a panel's are padding.
  int64_t pitch = 0;
  /// What the xor permutes.
  unsigned unitBytes = 16;
  /// The key: for each bit of the row's number, what it changes in the unit's.
  LaneFunction key;

  /// Rows one behind the other, each longer by `padding` bytes.
  static Storage getRowMajor(Extents tile, unsigned elementBytes, int64_t padding = 0);

  /// Panels as wide as the span, 128, 64 or 32 bytes, each swizzled as an engine does:
  /// for tiles that start at a multiple of 8 spans.
  static Storage getSwizzled(Extents tile, unsigned elementBytes, unsigned span);

  int64_t getBytes() const;
  /// Of the first byte of an element from the tile's.
  int64_t getOffset(Element element) const;
  /// Most key bits: factors of two in the number of units of a row.
  unsigned getKeyBits() const;
  bool isSwizzled() const { return !key.isConstant(); }

  /// `64x80 of 2 bytes, pitch 160, key 0 0 1`.
  std::string str() const;
};

//===----------------------------------------------------------------------===//
// Accesses of a tile
//===----------------------------------------------------------------------===//

/// One access of one warp: the element that each lane's bytes begin with, or nothing.
struct TileAccess {
  SharedInstruction instruction;
  std::vector<std::optional<Element>> lanes;
};

/// Registers of a lane that are neighbours along an axis and lie at a multiple of their
/// number: what one instruction moves. The first is the one with the address.
struct VectorAccess {
  llvm::SmallVector<unsigned> registers;
};

/// All registers of a layout in such groups, of as many elements as `mostBytes` takes
/// and the layout has: the same number in each.
llvm::SmallVector<VectorAccess> planVectors(const Layout &layout, unsigned axis,
                                            unsigned elementBytes, unsigned mostBytes);

/// One ldmatrix or stmatrix: 8x8 matrices of 16-bit elements, whose rows of 16 bytes are
/// at addresses that lanes give: lanes 8i to 8i + 7 those of matrix i.
struct MatrixAccess {
  /// For each of 1, 2 or 4 matrices the two registers of a lane, neighbours in number.
  llvm::SmallVector<unsigned, 4> registers;
  /// Where the row that a lane addresses begins, as a distance from what register 0 of
  /// the warp's lane 0 holds.
  LaneFunction row, col;
  /// `.trans`: what lies along memory is dealt to lanes, not to a lane's two elements.
  bool isTransposed = false;

  unsigned getCount() const { return registers.size(); }
};

/// The layout by matrix instructions, from memory in which elements along `axis` (1:
/// row-major) are neighbours; nothing if they do not fit the layout.
std::optional<llvm::SmallVector<MatrixAccess>> planMatrices(const Layout &layout, unsigned axis,
                                                            unsigned mostMatrices = 4);

/// What these do to memory, for `warps` warps. A tile stored by columns (`axis` 0 has the
/// neighbours) has rows and columns exchanged in the result, as its storage does.
std::vector<TileAccess> getAccesses(const Layout &layout, llvm::ArrayRef<VectorAccess> vectors,
                                    unsigned axis, const SharedInstruction &instruction,
                                    int64_t warps);
std::vector<TileAccess> getAccesses(const Layout &layout, llvm::ArrayRef<MatrixAccess> matrices,
                                    unsigned axis, const SharedInstruction &instruction,
                                    int64_t warps);

/// Copies of `instruction.bytes` a lane, pieces dealt to consecutive lanes along rows.
std::vector<TileAccess> getCopyAccesses(Extents tile, unsigned elementBytes,
                                        const SharedInstruction &instruction, unsigned lanes);

/// Cycles of one access to a stored tile.
BankCycles countCycles(const BankTable &table, const Storage &storage, const TileAccess &access);
BankCycles countCycles(const BankTable &table, const Storage &storage,
                       llvm::ArrayRef<TileAccess> accesses);

//===----------------------------------------------------------------------===//
// The solver
//===----------------------------------------------------------------------===//

/// A storage, and what it costs.
struct SolvedStorage {
  Storage storage;
  BankCycles cost;
};

/// The storage of a tile, in one panel, with the fewest conflicts for these accesses: a
/// swizzle, or none if that is as good; with `mayPad` also longer rows, if they are better
/// than every swizzle found.
SolvedStorage solveSwizzle(const BankTable &table, Extents tile, unsigned elementBytes,
                           llvm::ArrayRef<TileAccess> accesses, bool mayPad = false);

/// The same from a storage without a key: its panels and units are kept.
SolvedStorage solveSwizzle(const BankTable &table, const Storage &plain,
                           llvm::ArrayRef<TileAccess> accesses, bool mayPad = false);

} // namespace tegula::layout

#endif // TEGULA_SUPPORT_LAYOUT_STORAGE_H
