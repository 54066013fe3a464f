//===- TileAccess.cpp - What instructions do to a stored tile -------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/Layout/Storage.h"

#include "llvm/Support/MathExtras.h"
#include <map>
#include <set>

using namespace tegula::layout;
using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::StringRef;

static int64_t along(Element element, unsigned axis) {
  return axis == 0 ? element.row : element.col;
}

/// As a tile stored by columns has it.
static Element asStored(Element element, unsigned axis) {
  return axis == 1 ? element : Element{element.col, element.row};
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

/// The registers in groups of `width`, if the layout has them.
static std::optional<SmallVector<VectorAccess>> groupRegisters(const Layout &layout, unsigned axis,
                                                               int64_t width) {
  // In lane 0 of warp 0, and then the same in all lanes and warps: by linearity it is
  // enough to look at the powers of two.
  std::map<std::pair<int64_t, int64_t>, unsigned> registers;
  for (unsigned reg = layout.getRegisters(); reg-- > 0;) {
    Element e = layout.getElement(0, 0, reg);
    registers[{e.row, e.col}] = reg;
  }
  SmallVector<VectorAccess> groups;
  for (unsigned reg = 0, e = layout.getRegisters(); reg < e; ++reg) {
    Element first = layout.getElement(0, 0, reg);
    if (along(first, axis) % width)
      continue;
    VectorAccess group;
    for (int64_t i = 0; i < width; ++i) {
      auto found =
          registers.find({first.row + (axis == 0 ? i : 0), first.col + (axis == 1 ? i : 0)});
      if (found == registers.end())
        return std::nullopt;
      group.registers.push_back(i == 0 ? reg : found->second);
    }
    groups.push_back(std::move(group));
  }
  if (groups.size() * width != layout.getRegisters())
    return std::nullopt;

  auto isAligned = [&](int64_t warp, unsigned lane) {
    Element first = layout.getElement(warp, lane, groups[0].registers[0]);
    if (along(first, axis) % width)
      return false;
    return llvm::all_of(llvm::enumerate(groups[0].registers), [&](auto reg) {
      int64_t i = reg.index();
      return layout.getElement(warp, lane, reg.value()) ==
             Element{first.row + (axis == 0 ? i : 0), first.col + (axis == 1 ? i : 0)};
    });
  };
  for (unsigned lane = 1; lane < layout.getLanes(); lane *= 2)
    if (!isAligned(0, lane))
      return std::nullopt;
  for (int64_t warp = 0; warp < layout.getWarps(); ++warp)
    if (!isAligned(warp, 0))
      return std::nullopt;
  return groups;
}

SmallVector<VectorAccess> tegula::layout::planVectors(const Layout &layout, unsigned axis,
                                                      unsigned elementBytes, unsigned mostBytes) {
  for (int64_t width = llvm::bit_floor(std::max(1u, mostBytes / elementBytes)); width > 1;
       width /= 2)
    if (std::optional<SmallVector<VectorAccess>> groups = groupRegisters(layout, axis, width))
      return *groups;
  SmallVector<VectorAccess> single;
  for (unsigned reg = 0, e = layout.getRegisters(); reg < e; ++reg)
    single.push_back({{reg}});
  return single;
}

std::vector<TileAccess> tegula::layout::getAccesses(const Layout &layout,
                                                    ArrayRef<VectorAccess> vectors, unsigned axis,
                                                    const SharedInstruction &instruction,
                                                    int64_t warps) {
  std::vector<TileAccess> accesses;
  for (int64_t warp = 0; warp < warps; ++warp)
    for (const VectorAccess &vector : vectors) {
      TileAccess access{instruction, {}};
      for (unsigned lane = 0; lane < layout.getLanes(); ++lane) {
        Element first = layout.getElement(warp, lane, vector.registers[0]);
        access.lanes.push_back(layout.isInside(first) ? std::optional(asStored(first, axis))
                                                      : std::nullopt);
      }
      accesses.push_back(std::move(access));
    }
  return accesses;
}

//===----------------------------------------------------------------------===//
// Matrices
//===----------------------------------------------------------------------===//

/// True if the atom's lanes and lowest register hold an 8x8 matrix as ldmatrix deals it:
/// two neighbours along `pairs` in a lane, four lanes along it, eight across.
static bool holdsMatrices(const Atom &atom, unsigned pairs) {
  StringRef pairDim = pairs == 0 ? rowDim : colDim, crossDim = pairs == 0 ? colDim : rowDim;
  unsigned registerBits = atom.map.getInBits(registerDim);
  if (atom.map.getInBits(laneDim) != 5 || registerBits == 0)
    return false;
  auto is = [&](StringRef dim, unsigned bit, uint64_t pair, uint64_t cross) {
    return atom.map.getBasis(dim, bit, pairDim) == pair &&
           atom.map.getBasis(dim, bit, crossDim) == cross;
  };
  auto isWhole = [&](StringRef dim, unsigned bit) {
    return atom.map.getBasis(dim, bit, rowDim) % 8 == 0 &&
           atom.map.getBasis(dim, bit, colDim) % 8 == 0;
  };
  for (unsigned bit = 1; bit < registerBits; ++bit)
    if (!isWhole(registerDim, bit))
      return false;
  for (unsigned bit = 0, e = atom.map.getInBits(warpDim); bit < e; ++bit)
    if (!isWhole(warpDim, bit))
      return false;
  return is(registerDim, 0, 1, 0) && is(laneDim, 0, 2, 0) && is(laneDim, 1, 4, 0) &&
         is(laneDim, 2, 0, 1) && is(laneDim, 3, 0, 2) && is(laneDim, 4, 0, 4);
}

/// The largest power of two up to `most` that fits between. Chunks laid from 0 on so
/// begin at multiples of their size.
static int64_t chunkAt(int64_t start, int64_t end, int64_t most) {
  int64_t chunk = llvm::bit_floor(uint64_t(std::min(most, end - start)));
  assert(start % chunk == 0 && "chunks are laid from 0 on");
  return chunk;
}

/// One instruction for the matrices that begin with these registers. Their places differ
/// by xor, since chunks begin at multiples of their size.
static MatrixAccess makeAccess(const Layout &layout, ArrayRef<unsigned> registers, unsigned axis) {
  MatrixAccess access;
  access.registers.assign(registers.begin(), registers.end());
  Element base = layout.getElement(0, 0, registers[0]);
  access.row.constant = base.row;
  access.col.constant = base.col;
  // Lanes 0 to 7 address rows of memory, then come the matrices.
  for (unsigned bit = 0; bit < 3; ++bit) {
    access.row.images.push_back(axis == 1 ? 1u << bit : 0);
    access.col.images.push_back(axis == 1 ? 0 : 1u << bit);
  }
  for (unsigned matrix = 1; matrix < registers.size(); matrix *= 2) {
    Element place = layout.getElement(0, 0, registers[matrix]);
    access.row.images.push_back(place.row ^ base.row);
    access.col.images.push_back(place.col ^ base.col);
  }
  return access;
}

std::optional<SmallVector<MatrixAccess>>
tegula::layout::planMatrices(const Layout &layout, unsigned axis, unsigned mostMatrices) {
  const Atom &atom = layout.getAtom();
  bool isPlain = holdsMatrices(atom, axis), isTransposed = holdsMatrices(atom, 1 - axis);
  if (!isPlain && !isTransposed)
    return std::nullopt;

  // Of the atom as many matrices as an instruction takes; then of its neighbours, along
  // columns first, where registers go on.
  unsigned inAtom = std::min(mostMatrices, atom.getRegisters() / 2);
  int64_t neighbours = mostMatrices / inAtom;
  Extents repetition = layout.getRepetition();
  SmallVector<MatrixAccess> accesses;
  std::set<std::pair<int64_t, int64_t>> done;
  for (int64_t i = 0; i < repetition[0]; ++i)
    for (int64_t j = 0; j < repetition[1]; ++j) {
      if (done.count({i, j}))
        continue;
      int64_t cols = chunkAt(j, repetition[1], neighbours);
      int64_t rows = chunkAt(i, repetition[0], neighbours / cols);
      for (unsigned start = 0; start < atom.getRegisters(); start += 2 * inAtom) {
        SmallVector<unsigned> registers;
        for (int64_t di = 0; di < rows; ++di)
          for (int64_t dj = 0; dj < cols; ++dj) {
            done.insert({i + di, j + dj});
            for (unsigned matrix = 0; matrix < inAtom; ++matrix)
              registers.push_back(layout.getRegister(i + di, j + dj, start + 2 * matrix));
          }
        accesses.push_back(makeAccess(layout, registers, axis));
        accesses.back().isTransposed = !isPlain;
      }
    }
  return accesses;
}

std::vector<TileAccess> tegula::layout::getAccesses(const Layout &layout,
                                                    ArrayRef<MatrixAccess> matrices, unsigned axis,
                                                    const SharedInstruction &instruction,
                                                    int64_t warps) {
  std::vector<TileAccess> accesses;
  for (int64_t warp = 0; warp < warps; ++warp) {
    Element origin = layout.getElement(warp, 0, 0);
    for (const MatrixAccess &matrix : matrices) {
      TileAccess access{instruction, {}};
      access.lanes.resize(layout.getLanes());
      for (unsigned lane = 0; lane < 8 * matrix.getCount(); ++lane)
        access.lanes[lane] =
            asStored({origin.row + matrix.row(lane), origin.col + matrix.col(lane)}, axis);
      accesses.push_back(std::move(access));
    }
  }
  return accesses;
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

std::vector<TileAccess> tegula::layout::getCopyAccesses(Extents tile, unsigned elementBytes,
                                                        const SharedInstruction &instruction,
                                                        unsigned lanes) {
  int64_t perRow = llvm::divideCeil(tile[1] * elementBytes, instruction.bytes);
  std::vector<TileAccess> accesses;
  for (int64_t first = 0; first < perRow * tile[0]; first += lanes) {
    TileAccess access{instruction, {}};
    for (int64_t piece = first; piece < first + lanes; ++piece)
      access.lanes.push_back(
          piece < perRow * tile[0]
              ? std::optional(
                    Element{piece / perRow, piece % perRow * instruction.bytes / elementBytes})
              : std::nullopt);
    accesses.push_back(std::move(access));
  }
  return accesses;
}
