//===- Registers.cpp - A thread's share of a fragment ---------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Registers.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::gpu;

Registers::Registers(layout::Layout given) : layout(std::move(given)) {
  auto [r, c] = layout.getTile();
  rows = r;
  cols = c;
  const layout::Atom &atom = layout.getAtom();
  auto basis = [&](StringRef dim, unsigned bit) {
    return Position{static_cast<int64_t>(atom.map.getBasis(dim, bit, layout::rowDim)),
                    static_cast<int64_t>(atom.map.getBasis(dim, bit, layout::colDim))};
  };
  for (unsigned reg = 0; reg < layout.getRegisters(); ++reg) {
    layout::Element element = layout.getElement(/*warp=*/0, /*lane=*/0, reg);
    regs.push_back({element.row, element.col});
  }
  for (unsigned bit = 0; bit < atom.map.getInBits(layout::laneDim); ++bit)
    laneBits.push_back(basis(layout::laneDim, bit));
  for (unsigned bit = 0; bit < atom.map.getInBits(layout::warpDim); ++bit)
    warpBits.push_back(basis(layout::warpDim, bit));
  layout::Extents shape = atom.getShape(), repetition = layout.getRepetition();
  block = {shape[0] * repetition[0], shape[1] * repetition[1]};
}

FailureOr<Registers> Registers::get(sched::FragType type, Location loc) {
  if (!type.getLayout())
    return emitError(loc) << "a fragment of " << type.getTile()
                          << " has no layout: run sched-assign-layouts first";
  llvm::Expected<layout::Layout> layout = type.getLayout().getLayout(type.getMatrix());
  if (!layout)
    return emitError(loc) << llvm::toString(layout.takeError());
  return Registers(std::move(*layout));
}

int64_t Registers::vectorWidth(int64_t most) const {
  int64_t width = 1;
  auto fits = [&](int64_t wanted) {
    if (size() % wanted != 0)
      return false;
    for (int64_t first = 0; first < size(); first += wanted)
      for (int64_t i = 0; i < wanted; ++i)
        if (!(regs[first + i] == regs[first] + Position{0, i}) || regs[first].col % wanted != 0)
          return false;
    for (Position bit : laneBits)
      if (bit.col % wanted != 0)
        return false;
    return block.col % wanted == 0;
  };
  while (width * 2 <= most && fits(width * 2))
    width *= 2;
  return width;
}
