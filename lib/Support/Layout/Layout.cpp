//===- Layout.cpp - Who holds which element of a tile ---------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/Layout/Layout.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <numeric>
#include <set>

using namespace tegula::layout;
using llvm::Expected;
using llvm::SmallVector;
using llvm::StringRef;

static llvm::Error fail(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

static std::string spell(Extents extents) {
  return llvm::formatv("[{0}, {1}]", extents[0], extents[1]);
}

/// More registers, warps or elements than that is a slip; sums must not wrap, and who
/// asks element by element must come to an end.
static constexpr int64_t maxCount = 4096, maxWarps = 64, maxElements = 1 << 24;

/// True if every block has a warp.
static bool dealsAll(Extents count, Extents stride) {
  std::set<std::pair<int64_t, int64_t>> blocks;
  for (int64_t warp = 0, e = std::lcm(count[0] * stride[0], count[1] * stride[1]); warp < e; ++warp)
    blocks.insert({warp / stride[0] % count[0], warp / stride[1] % count[1]});
  return int64_t(blocks.size()) == count[0] * count[1];
}

//===----------------------------------------------------------------------===//
// Construction
//===----------------------------------------------------------------------===//

Expected<Layout> Layout::get(const Atom &atom, Extents repetition, Warps warps,
                             std::optional<Extents> tile) {
  Extents strides = warps.stride.value_or(Extents{warps.count[1], 1});
  for (unsigned axis : {0, 1}) {
    if (repetition[axis] < 1 || repetition[axis] > maxCount)
      return fail("repetition " + spell(repetition) + " of atom '" + atom.name +
                  "' must be between 1 and " + llvm::Twine(maxCount));
    if (warps.count[axis] < 1 || warps.count[axis] > maxWarps || strides[axis] < 1 ||
        strides[axis] > maxWarps)
      return fail("warps " + spell(warps.count) + " by " + spell(strides) +
                  " must be between 1 and " + llvm::Twine(maxWarps));
    // A stride of an axis that is not dealt says nothing.
    if (warps.count[axis] == 1)
      strides[axis] = 1;
  }
  if (!dealsAll(warps.count, strides))
    return fail("warps " + spell(warps.count) + " by " + spell(strides) +
                " leave a block without a warp");
  if (repetition[0] * repetition[1] > maxCount)
    return fail("repetition " + spell(repetition) + " of atom '" + atom.name +
                "' needs more than " + llvm::Twine(maxCount) + " atoms of registers");
  Layout layout(atom, repetition, warps.count, strides);
  Extents covered = layout.getCovered();
  layout.tile = covered;
  if (covered[0] > maxElements / covered[1])
    return fail(llvm::formatv("layout {0} covers {1}x{2}, more than {3} elements", layout.str(),
                              covered[0], covered[1], maxElements)
                    .str());
  if (!tile)
    return layout;
  for (unsigned axis : {0, 1})
    if ((*tile)[axis] < 1 || (*tile)[axis] > covered[axis])
      return fail(llvm::formatv("layout {0} covers {1}x{2}, the tile is {3}x{4}", layout.str(),
                                covered[0], covered[1], (*tile)[0], (*tile)[1])
                      .str());
  layout.tile = *tile;
  return layout;
}

Expected<Layout> Layout::cover(const Atom &atom, Extents tile, Warps warps) {
  Extents shape = atom.getShape(), repetition;
  for (unsigned axis : {0, 1}) {
    if (tile[axis] < 1 || warps.count[axis] < 1)
      return fail("no layout has an empty tile or no warps");
    repetition[axis] = llvm::divideCeil(tile[axis], shape[axis] * warps.count[axis]);
  }
  return get(atom, repetition, warps, tile);
}

Warps tegula::layout::dealWarps(const Atom &atom, Extents tile, int64_t warps) {
  auto part = [](int64_t members, int64_t blocks) {
    while (members > 1 && members > blocks)
      members /= 2;
    return members;
  };
  Extents shape = atom.getShape();
  int64_t rows = part(warps, llvm::divideCeil(tile[0], shape[0]));
  int64_t cols = part(warps / rows, llvm::divideCeil(tile[1], shape[1]));
  return {{rows, cols}};
}

Layout tegula::layout::coverWithPieces(Extents tile, unsigned elementBytes, unsigned lanes,
                                       int64_t warps) {
  unsigned laneBits = llvm::Log2_32(lanes);
  unsigned vectorBits = llvm::Log2_32(std::max(1u, 16 / elementBytes));
  vectorBits = std::min({vectorBits, 3u, llvm::Log2_64(tile[1])});
  unsigned colBits =
      std::clamp(llvm::Log2_64_Ceil(tile[1]), std::max(3u, vectorBits), vectorBits + laneBits);
  std::string name = llvm::formatv("v{0}c{1}{2}", 1 << vectorBits, 1 << colBits,
                                   laneBits == 5 ? "w32" : "");
  const Atom *atom = findAtom(name);
  assert(atom && "the table has pieces of every size");
  return llvm::cantFail(Layout::cover(*atom, tile, dealWarps(*atom, tile, warps)));
}

/// Takes `[a, b]` off the front.
static bool consumeExtents(StringRef &text, Extents &extents) {
  text = text.ltrim();
  if (!text.consume_front("["))
    return false;
  for (unsigned axis : {0, 1}) {
    text = text.ltrim();
    if (text.consumeInteger(10, extents[axis]))
      return false;
    text = text.ltrim();
    if (!text.consume_front(axis == 0 ? "," : "]"))
      return false;
  }
  text = text.ltrim();
  return true;
}

Expected<Layout> Layout::parse(StringRef text) {
  StringRef rest = text.trim();
  StringRef name = rest.take_until([](char c) { return c == ' ' || c == '['; });
  const Atom *atom = findAtom(name);
  if (!atom)
    return fail("unknown atom '" + name + "'");
  rest = rest.drop_front(name.size());
  Extents repetition, stride, tile;
  Warps warps;
  if (!consumeExtents(rest, repetition))
    return fail("expected '[rows, columns]' after atom '" + name + "'");
  if (rest.consume_front("warps") && !consumeExtents(rest, warps.count))
    return fail("expected '[rows, columns]' after 'warps'");
  if (rest.consume_front("by")) {
    if (!consumeExtents(rest, stride))
      return fail("expected '[rows, columns]' after 'by'");
    warps.stride = stride;
  }
  bool hasTile = rest.consume_front("tile");
  if (hasTile && !consumeExtents(rest, tile))
    return fail("expected '[rows, columns]' after 'tile'");
  if (!rest.empty())
    return fail("unexpected '" + rest + "' in the layout '" + text + "'");
  return get(*atom, repetition, warps, hasTile ? std::optional(tile) : std::nullopt);
}

std::string Layout::str() const {
  std::string text = atom.name + " " + spell(repetition);
  bool isRowMajor = warpStrides == Extents{warpCounts[0] == 1 ? 1 : warpCounts[1], 1};
  if (warpCounts != Extents{1, 1})
    text += " warps " + spell(warpCounts) + (isRowMajor ? "" : " by " + spell(warpStrides));
  if (isMasked())
    text += " tile " + spell(tile);
  return text;
}

//===----------------------------------------------------------------------===//
// Elements and owners
//===----------------------------------------------------------------------===//

Extents Layout::getCovered() const {
  return {shape[0] * repetition[0] * warpCounts[0], shape[1] * repetition[1] * warpCounts[1]};
}

unsigned Layout::getRegisters32(unsigned elementBits) const {
  return llvm::divideCeil(uint64_t(getRegisters()) * elementBits, 32);
}

int64_t Layout::getWarps() const {
  int64_t period = 1;
  for (unsigned axis : {0, 1})
    if (warpCounts[axis] > 1)
      period = std::lcm(period, warpCounts[axis] * warpStrides[axis]);
  return period * atom.getWarps();
}

void Layout::setAtom(Atom newAtom) {
  atom = std::move(newAtom);
  shape = atom.getShape();
  registerBits = atom.map.getInBits(registerDim);
  laneBits = atom.map.getInBits(laneDim);
  innerWarpBits = atom.map.getInBits(warpDim);
}

/// The block that a warp has along an axis.
static int64_t getBlock(int64_t outer, int64_t count, int64_t stride) {
  return (outer / stride) % count;
}

Element Layout::getWarpOrigin(int64_t warp) const {
  int64_t outer = warp >> innerWarpBits;
  return {getBlock(outer, warpCounts[0], warpStrides[0]) * repetition[0] * shape[0],
          getBlock(outer, warpCounts[1], warpStrides[1]) * repetition[1] * shape[1]};
}

Element Layout::getElement(int64_t warp, unsigned lane, unsigned reg) const {
  assert(reg < getRegisters() && lane < getLanes() && warp >= 0 && "nobody's register");
  Element origin = getWarpOrigin(warp);
  int64_t repeat = reg >> registerBits;
  uint64_t inAtom = reg & ((1u << registerBits) - 1);
  uint64_t innerWarp = uint64_t(warp) & ((1u << innerWarpBits) - 1);
  int64_t image = atom.map.apply(inAtom | uint64_t(lane) << registerBits |
                                 innerWarp << (registerBits + laneBits));
  return {origin.row + repeat / repetition[1] * shape[0] + image % shape[0],
          origin.col + repeat % repetition[1] * shape[1] + image / shape[0]};
}

SmallVector<Owner> Layout::getOwners(Element element, int64_t warps) const {
  SmallVector<Owner> owners;
  if (!isInside(element))
    return owners;
  // Every preimage in the atom is one of them plus a sum of kernel vectors.
  int64_t i = element.row / shape[0], j = element.col / shape[1];
  uint64_t image = element.row % shape[0] + element.col % shape[1] * shape[0];
  LinearMap inverse = *atom.map.pseudoInvert();
  SmallVector<uint64_t> kernel = atom.map.getKernel();
  for (uint64_t choice = 0; choice < 1ull << kernel.size(); ++choice) {
    uint64_t place = inverse.apply(image);
    for (size_t bit = 0; bit < kernel.size(); ++bit)
      place ^= choice >> bit & 1 ? kernel[bit] : 0;
    unsigned reg = atom.map.getInComponent(place, registerDim);
    unsigned lane = atom.map.getInComponent(place, laneDim);
    int64_t inner = atom.map.getInComponent(place, warpDim);
    for (int64_t outer = 0; outer * atom.getWarps() + inner < warps; ++outer)
      if (getBlock(outer, warpCounts[0], warpStrides[0]) == i / repetition[0] &&
          getBlock(outer, warpCounts[1], warpStrides[1]) == j / repetition[1])
        owners.push_back({outer * atom.getWarps() + inner, lane,
                          getRegister(i % repetition[0], j % repetition[1], reg)});
  }
  return owners;
}

//===----------------------------------------------------------------------===//
// Derived layouts
//===----------------------------------------------------------------------===//

Layout Layout::dropAxis(unsigned axis) const {
  assert(axis < 2 && "tiles have two axes");
  Atom dropped = atom.dropAxis(axis);
  if (const Atom *named = findAtom(dropped.map))
    dropped = *named;
  Layout result = *this;
  result.setAtom(dropped);
  result.repetition[axis] = result.warpCounts[axis] = result.warpStrides[axis] = 1;
  result.tile[axis] = 1;
  return result;
}

Layout Layout::getTransposed() const {
  Layout result = *this;
  result.setAtom(atom.getTransposed());
  std::swap(result.tile[0], result.tile[1]);
  std::swap(result.warpCounts[0], result.warpCounts[1]);
  std::swap(result.warpStrides[0], result.warpStrides[1]);
  std::swap(result.repetition[0], result.repetition[1]);
  return result;
}

bool Layout::operator==(const Layout &other) const {
  return atom.map == other.atom.map && repetition == other.repetition &&
         warpCounts == other.warpCounts && warpStrides == other.warpStrides && tile == other.tile;
}

std::optional<std::string> tegula::layout::checkProduct(const Layout &a, const Layout &b,
                                                        const Layout &d) {
  const Atom &result = d.getAtom();
  if (result.getPart() != 'D')
    return llvm::formatv("result layout {0} is not a result layout", result.name).str();
  // The transposed result of B transposed and A transposed is the same product.
  std::string names[] = {(result.getProduct() + (result.isTransposed() ? ".B^T" : ".A")).str(),
                         (result.getProduct() + (result.isTransposed() ? ".A^T" : ".B")).str()};
  for (auto [operand, name, part] :
       {std::tuple(&a, names[0], 'A'), std::tuple(&b, names[1], 'B')}) {
    const Atom *needed = findAtom(name);
    if (!needed || operand->getAtom().map != needed->map)
      return llvm::formatv("operand '{0}' has layout {1}, the product needs {2}", part,
                           operand->getAtom().name, name)
          .str();
  }
  for (auto [operand, axis, what] :
       {std::tuple(&a, 0, "rows of 'A'"), std::tuple(&b, 1, "columns of 'B'")}) {
    if (operand->getWarpCounts()[axis] != d.getWarpCounts()[axis] ||
        operand->getWarpStrides()[axis] != d.getWarpStrides()[axis])
      return llvm::formatv("{0} are spread over warps {1}, those of the result over {2}", what,
                           operand->getWarpCounts()[axis], d.getWarpCounts()[axis])
          .str();
    if (operand->getWarpCounts()[1 - axis] != 1)
      return llvm::formatv("operand '{0}' is spread over warps along the contraction",
                           axis == 0 ? 'A' : 'B')
          .str();
    if (operand->getRepetition()[axis] != d.getRepetition()[axis] ||
        operand->getTile()[axis] != d.getTile()[axis])
      return llvm::formatv("{0} extend over {1}, those of the result over {2}", what,
                           operand->getTile()[axis], d.getTile()[axis])
          .str();
  }
  if (a.getTile()[1] != b.getTile()[0])
    return llvm::formatv("product contracts {0} with {1}", a.getTile()[1], b.getTile()[0]).str();
  return std::nullopt;
}

AxisPlan tegula::layout::planAxis(const Layout &layout, unsigned axis) {
  AxisPlan plan{layout.dropAxis(axis), {}, {}, layout.getWarpCounts()[axis] > 1};
  // Registers of the results are told apart by the axis that stays.
  auto kept = [&](Element e) { return axis == 0 ? e.col : e.row; };
  llvm::SmallDenseMap<int64_t, unsigned, 16> numbers;
  for (unsigned reg = 0, e = plan.results.getRegisters(); reg < e; ++reg)
    numbers.try_emplace(kept(plan.results.getElement(0, 0, reg)), reg);
  for (unsigned reg = 0, e = layout.getRegisters(); reg < e; ++reg)
    plan.resultOf.push_back(numbers.lookup(kept(layout.getElement(0, 0, reg))));

  const LinearMap &map = layout.getAtom().map;
  StringRef dim = axis == 0 ? rowDim : colDim;
  for (unsigned bit = 0, e = map.getInBits(laneDim); bit < e; ++bit)
    if (map.getBasis(laneDim, bit, dim))
      plan.laneMasks.push_back(1u << bit);
  for (unsigned bit = 0, e = map.getInBits(warpDim); bit < e; ++bit)
    plan.crossesWarps |= map.getBasis(warpDim, bit, dim) != 0;
  return plan;
}
