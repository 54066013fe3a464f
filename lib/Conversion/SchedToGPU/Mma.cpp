//===- Mma.cpp - Products -------------------------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "tegula/Target/GpuInfo.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::gpu;

namespace {

/// One product of fragments: D = A . B + C.
class Product {
public:
  Product(sched::MmaOp op, Lowering &lowering)
      : op(op), lowering(lowering), e(lowering.at(op.getLoc())) {}

  LogicalResult run();

private:
  Fragment *operand(Value value, bool trans, std::optional<Fragment> &turned);
  Values getAtom(Fragment &fragment, int64_t first, int64_t count, bool depthIsCols);
  void byAtoms(const MatrixProduct &product);

  sched::MmaOp op;
  Lowering &lowering;
  Emitter e;
  Fragment *a = nullptr, *b = nullptr;
  std::optional<Fragment> turnedA, turnedB;
  std::optional<Registers> d;
  Values sums;
};

} // namespace

/// Atoms of a transposed product compute (B^T A^T)^T: what looks like A is read as B.
static StringRef nameOf(const Fragment &fragment) { return fragment.regs.layout.getAtom().name; }

/// The fragment or, with `trans`, the same elements as those of the transposed tile.
Fragment *Product::operand(Value value, bool trans, std::optional<Fragment> &turned) {
  Fragment &source = lowering.fragment(value);
  if (!trans)
    return &source;
  turned.emplace(Fragment{source.type, Registers(source.regs.layout.getTransposed()),
                          Values(source.regs.size()), source.source, !source.trans});
  std::map<Position, int64_t> at;
  for (auto [i, place] : llvm::enumerate(source.regs.regs))
    at[{place.col, place.row}] = i;
  for (auto [i, place] : llvm::enumerate(turned->regs.regs))
    turned->elements[i] = source.elements[at.at(place)];
  return &*turned;
}

LogicalResult Product::run() {
  auto type = op.getResult() ? dyn_cast<sched::FragType>(op.getResult().getType())
                             : sched::FragType();
  if (type && !op.getIsAsync() && isa<sched::BufType>(op.getA().getType()) &&
      isa<sched::BufType>(op.getB().getType()))
    return lowerMultiplyAdd(op, lowering);
  if (!type || op.getIsAsync() ||
      !isa<sched::FragType>(op.getA().getType()) || !isa<sched::FragType>(op.getB().getType()))
    return lowering.refuse(op, "is not of fragments into a fragment");
  FailureOr<Registers> found = Registers::get(type, op.getLoc());
  if (failed(found))
    return failure();
  d = *found;
  a = operand(op.getA(), op.getTransA(), turnedA);
  b = operand(op.getB(), op.getTransB(), turnedB);
  if (type.getRank() != 2)
    return lowering.refuse(op, "forms several products at once");
  if (auto why = layout::checkProduct(a->regs.layout, b->regs.layout, d->layout))
    return lowering.refuse(op, *why);
  if (op.getAcc())
    sums = lowering.elements(e, lowering.fragment(op.getAcc()));
  else
    sums.assign(d->size(), e.number(type.getElem(), 0));
  MatrixProduct product{nameOf(*a), nameOf(*b), d->layout.getAtom().name, a->type.getElem(),
                        type.getElem()};
  if (!lowering.vendor.hasProduct(product))
    return lowering.refuse(op, "is no instruction's: multiply-adds read their operands from "
                               "shared memory");
  byAtoms(product);
  return lowering.define(op.getResult(), sums);
}

/// Registers of an operand's atom, 0 beyond the depth of the tile: what lies there is
/// whatever the operand was made with, and a product sums over it.
Values Product::getAtom(Fragment &fragment, int64_t first, int64_t count, bool depthIsCols) {
  Values elements(lowering.elements(e, fragment, first, count));
  const Registers &regs = fragment.regs;
  int64_t extent = depthIsCols ? regs.cols : regs.rows;
  auto depthOf = [&](Position place) { return depthIsCols ? place.col : place.row; };
  int64_t inLanes = 0;
  for (Position bit : regs.laneBits)
    inLanes += depthOf(bit);
  for (int64_t i = 0; i < count; ++i) {
    int64_t depth = depthOf(regs.regs[first + i]);
    if (depth + inLanes < extent)
      continue;
    Coordinate place = depthIsCols ? lowering.colOf(e, regs) : lowering.rowOf(e, regs);
    Value inside = e.less(place.plus(depth).get(e), e.i32(extent));
    elements[i] = e.select(inside, elements[i], e.number(elements[i].getType(), 0));
  }
  return elements;
}

/// Depth outermost: an operand's atom is loaded once, just before its first use.
void Product::byAtoms(const MatrixProduct &product) {
  auto [rowAtoms, depth] = a->regs.layout.getRepetition();
  int64_t colAtoms = d->layout.getRepetition()[1];
  int64_t aRegs = a->regs.layout.getAtom().getRegisters(),
          bRegs = b->regs.layout.getAtom().getRegisters(),
          dRegs = d->layout.getAtom().getRegisters();
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t n = 0; n < colAtoms; ++n) {
      Values right =
          getAtom(*b, b->regs.layout.getRegister(k, n, 0), bRegs, /*depthIsCols=*/false);
      for (int64_t m = 0; m < rowAtoms; ++m) {
        Values left =
            getAtom(*a, a->regs.layout.getRegister(m, k, 0), aRegs, /*depthIsCols=*/true);
        auto sum = MutableArrayRef(sums).slice(d->layout.getRegister(m, n, 0), dRegs);
        llvm::copy(lowering.vendor.multiply(e, product, left, right, sum), sum.begin());
      }
    }
}

LogicalResult gpu::lower(sched::MmaOp op, Lowering &lowering) {
  return Product(op, lowering).run();
}
