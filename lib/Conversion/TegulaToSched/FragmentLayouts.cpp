//===- FragmentLayouts.cpp - Layouts of the tiles of a kernel -------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FragmentLayouts.h"

#include "tegula/Support/Layout/Conversion.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;
using layout::Extents;
using layout::Layout;

static RankedTensorType getTile(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }

layout::Extents tegula::getMatrixExtents(ArrayRef<int64_t> shape) {
  int64_t rows = 1;
  for (int64_t extent : shape.drop_back(shape.empty() ? 0 : 1))
    rows *= extent;
  return {rows, shape.empty() ? 1 : shape.back()};
}

//===----------------------------------------------------------------------===//
// Classes
//===----------------------------------------------------------------------===//

unsigned FragmentLayouts::getClass(Value tile) {
  auto [it, inserted] = numbers.try_emplace(tile, tiles.size());
  if (inserted)
    tiles.push_back(tile);
  return it->second;
}

/// Two tiles of one shape that meet, of whatever types.
void FragmentLayouts::join(Value a, Value b) {
  if (getTile(a) && getTile(b) && getTile(a).getShape() == getTile(b).getShape())
    joined.push_back({getClass(a), getClass(b)});
}

/// The operands and results of a map that have the shape of its domain share a layout;
/// those that lack an axis are related to it by the broadcasts and reductions inside.
LogicalResult FragmentLayouts::collect(sched::MapOp map) {
  ArrayRef<int64_t> domain = map.getDomain();
  SmallVector<Value> whole, lines;
  for (Value value :
       llvm::concat<Value>(llvm::to_vector(map.getIns()), llvm::to_vector(map.getResults()))) {
    RankedTensorType tile = getTile(value);
    getClass(value);
    if (tile.getShape() == domain)
      whole.push_back(value);
    else if (tile.getRank() == 1 && domain.size() == 2)
      lines.push_back(value);
  }
  for (Value value : ArrayRef(whole).drop_front(whole.empty() ? 0 : 1))
    join(whole.front(), value);
  if (lines.empty())
    return success();

  // A domain that no operand or result has still has a layout: that of its lines.
  Block &body = map.getBody().front();
  auto relate = [&](Value line, unsigned axis) {
    if (!whole.empty())
      relations.push_back({getClass(line), getClass(whole.front()), axis});
  };
  for (auto [argument, in] : llvm::zip(body.getArguments(), map.getIns()))
    if (getTile(in) && getTile(in).getRank() == 1)
      for (Operation *user : argument.getUsers())
        if (auto broadcast = dyn_cast<BroadcastOp>(user); broadcast && domain.size() == 2)
          relate(in, broadcast.getDims().front() == 0 ? 1 : 0);
  for (auto [result, yielded] : llvm::zip(map.getResults(), map.getYield().getValues()))
    if (auto reduce = yielded.getDefiningOp<ReduceOp>(); reduce && domain.size() == 2)
      relate(result, reduce.getAxis());
  return success();
}

LogicalResult FragmentLayouts::collect(KernelOp kernel) {
  WalkResult walked = kernel->walk([&](Operation *op) -> WalkResult {
    if (op->getParentOfType<sched::MapOp>())
      return WalkResult::advance();
    for (Value result : op->getResults()) {
      if (!getTile(result))
        continue;
      if (getTile(result).getNumElements() > gpu.getRegistersPerCore())
        return op->emitOpError() << "gives a tile of " << getTile(result).getNumElements()
                                 << " elements; '" << gpu.getName() << "' has "
                                 << gpu.getRegistersPerCore() << " registers for them";
      getClass(result);
    }
    if (auto map = dyn_cast<sched::MapOp>(op))
      return WalkResult(collect(map));
    if (auto dot = dyn_cast<DotOp>(op)) {
      FailureOr<Product> product = choose(dot);
      if (failed(product))
        return WalkResult::interrupt();
      products.try_emplace(op, *product);
      if (dot.getAcc())
        join(dot.getResult(), dot.getAcc());
    } else if (auto sum = dyn_cast<SegmentSumOp>(op)) {
      join(sum.getAcc(), sum.getResult());
    } else if (auto stream = dyn_cast<StreamOp>(op)) {
      for (auto [init, carried, yielded, result] :
           llvm::zip(stream.getInits(), stream.getCarried(), stream.getYield().getValues(),
                     stream.getResults()))
        for (Value value : {Value(carried), Value(yielded), Value(result)})
          join(init, value);
    } else if (isa<scf::IfOp>(op)) {
      for (Region &region : op->getRegions())
        if (!region.empty())
          for (auto [yielded, result] :
               llvm::zip(region.front().getTerminator()->getOperands(), op->getResults()))
            join(yielded, result);
    }
    return WalkResult::advance();
  });
  return failure(walked.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

Layout FragmentLayouts::cover(const layout::Atom &atom, Extents tile,
                              std::optional<layout::Warps> dealt) const {
  layout::Warps shared = dealt ? *dealt : layout::dealWarps(atom, tile, warps);
  return llvm::cantFail(Layout::cover(atom, tile, shared));
}

Layout FragmentLayouts::getPieces(ArrayRef<int64_t> shape, unsigned elementBytes) const {
  return layout::coverWithPieces(getMatrixExtents(shape), elementBytes, gpu.getWarpSize(), warps);
}

/// One number, which every thread holds.
Layout FragmentLayouts::getEverywhere() const {
  const layout::Atom *atom = layout::findAtom("all" + std::to_string(gpu.getWarpSize()));
  assert(atom && "the table of atoms has the lanes of every target");
  return llvm::cantFail(Layout::get(*atom, {1, 1}));
}

/// The unit of `element` for a result of so many rows: the fastest that gives each warp
/// rows of its own, so that the result of one product is an operand of the next without
/// an exchange between warps; else the one of the fewest rows. Null if there is none.
static const MatrixUnit *findUnit(const GpuInfo &gpu, Element element, int64_t rows,
                                  int64_t warps) {
  const MatrixUnit *best = nullptr;
  auto getMissing = [&](const MatrixUnit &unit) {
    return std::max<int64_t>(0, std::max(unit.m, unit.n) * warps - rows);
  };
  for (const MatrixUnit &unit : gpu.getMatrixUnits()) {
    if (unit.element != element || unit.async)
      continue;
    auto rank = [&](const MatrixUnit &unit) {
      return std::make_pair(getMissing(unit), -int64_t(unit.macsPerCycle));
    };
    if (!best || rank(unit) < rank(*best))
      best = &unit;
  }
  return best;
}

/// How the target forms a product, null: by multiply-adds. What f32 operands may lose is
/// the author's to say: `ieee` nothing, `tf32` all but 11 bits, `tf32x3` what three products
/// of such parts lose; a target without that unit forms all three alike.
static const MatrixUnit *findUnit(const GpuInfo &gpu, DotOp dot, int64_t warps) {
  std::optional<Element> element = getElement(getTile(dot.getA()).getElementType());
  if (!element)
    return nullptr;
  int64_t rows = getTile(dot.getResult()).getShape().front();
  const MatrixUnit *unit = nullptr;
  if (dot.getPrecision() != Precision::ieee)
    unit = findUnit(gpu, Element::TF32, rows, warps);
  return unit ? unit : findUnit(gpu, *element, rows, warps);
}

/// The unit and the dealing of warps for a product.
FailureOr<FragmentLayouts::Product> FragmentLayouts::choose(DotOp dot) const {
  RankedTensorType d = dot.getType();
  if (d.getRank() != 2)
    return dot.emitOpError() << "has a result of rank " << d.getRank()
                             << ", which has no form on fragments yet";
  Product product;
  product.unit = findUnit(gpu, dot, warps);
  // A lane that multiplies and adds reads vectors along the axis that lies contiguous: its
  // columns stand side by side where that is theirs, and apart where it is the depth, so
  // that lanes read neighbouring rows, which a swizzle puts into different banks.
  const MatrixUnit *unit = product.unit;
  product.atoms = unit ? unit->atom.str()
                       : (dot.getTransB() ? "fmak" : "fma") + std::to_string(gpu.getWarpSize());
  if (unit && unit->element == Element::TF32 && dot.getPrecision() == Precision::tf32x3)
    product.atoms += "x3";
  // Where operands come from registers by lanes that own a row of A and D alike, the
  // transposed product makes its result an operand of the next one.
  product.transposed = false;
  const layout::Atom *atom = layout::findAtom(product.atoms + ".D");
  assert(atom && "the table of atoms has every unit");
  const layout::Atom *left = layout::findAtom(product.atoms + ".A");
  if (unit && !layout::isFreeConversion(cover(*atom, {32, 32}, layout::Warps{}),
                                        cover(*left, {32, 32}, layout::Warps{}), 1)) {
    layout::Atom turnedD = atom->getTransposed(),
                 turnedB = layout::findAtom(product.atoms + ".B")->getTransposed();
    product.transposed = layout::isFreeConversion(cover(turnedD, {32, 32}, layout::Warps{}),
                                                  cover(turnedB, {32, 32}, layout::Warps{}), 1);
  }
  Extents tile = getMatrixExtents(d);
  product.warps =
      layout::dealWarps(product.transposed ? atom->getTransposed() : *atom, tile, warps);
  return product;
}

/// The layout of one part of a product, of a tile of that part's own extents; `turn`: the
/// tile is the part transposed.
Layout FragmentLayouts::cover(const Product &product, char part, Extents tile, bool turn) const {
  // The transposed product swaps its operands: D' = B' A'.
  char atomPart = !product.transposed || part == 'D' ? part : part == 'A' ? 'B' : 'A';
  layout::Atom atom = *layout::findAtom(product.atoms + "." + std::string(1, atomPart));
  if (product.transposed)
    atom = atom.getTransposed();
  // A has the warps of D's rows, B those of its columns.
  Extents strides = {product.warps.count[1], 1};
  layout::Warps dealt{{product.warps.count[0], product.warps.count[1]}, strides};
  if (part == 'A')
    dealt.count[1] = 1;
  if (part == 'B')
    dealt.count[0] = 1;
  if (turn)
    tile = {tile[1], tile[0]};
  Layout result = cover(atom, tile, dealt);
  return turn ? result.getTransposed() : result;
}

Layout FragmentLayouts::getA(DotOp dot) const {
  auto tile = cast<RankedTensorType>(dot.getA().getType());
  return cover(products.find(dot)->second, 'A', getMatrixExtents(tile), dot.getTransA());
}

Layout FragmentLayouts::getB(DotOp dot) const {
  auto tile = cast<RankedTensorType>(dot.getB().getType());
  return cover(products.find(dot)->second, 'B', getMatrixExtents(tile), dot.getTransB());
}

Layout FragmentLayouts::getD(DotOp dot) const {
  return cover(products.find(dot)->second, 'D', getMatrixExtents(dot.getType()), /*turn=*/false);
}

const Layout &FragmentLayouts::get(Value tile) const {
  return *layouts[classes[numbers.lookup(tile)]];
}

LogicalResult FragmentLayouts::assign(KernelOp kernel) {
  if (failed(collect(kernel)))
    return failure();
  classes.grow(tiles.size());
  for (auto [a, b] : joined)
    classes.join(a, b);
  classes.compress();
  layouts.resize(classes.getNumClasses());
  auto settle = [&](Value tile, const Layout &layout) {
    std::optional<Layout> &slot = layouts[classes[numbers.lookup(tile)]];
    if (!slot)
      slot = layout;
  };
  // In the order of the text: results of products, then operands of products.
  kernel->walk([&](DotOp dot) {
    settle(dot.getResult(), getD(dot));
  });
  kernel->walk([&](DotOp dot) {
    if (readsShared(dot))
      return;
    settle(dot.getA(), getA(dot));
    settle(dot.getB(), getB(dot));
  });
  for (Value tile : tiles)
    if (getTile(tile).getRank() == 0)
      settle(tile, getEverywhere());
  for (bool matrices : {true, false}) {
    for (auto [line, matrix, axis] : relations)
      if (!matrices && layouts[classes[matrix]])
        settle(tiles[line], layouts[classes[matrix]]->dropAxis(axis));
    // What is left is moved as memory has it, with the vectors of its narrowest member.
    SmallVector<unsigned> bytes(layouts.size(), 16);
    for (Value tile : tiles) {
      unsigned bits = getTile(tile).getElementTypeBitWidth();
      unsigned &least = bytes[classes[numbers.lookup(tile)]];
      least = std::min(least, std::max(1u, bits / 8));
    }
    for (Value tile : tiles)
      if (int64_t rank = getTile(tile).getRank(); rank > 0 && (rank > 1) == matrices)
        settle(tile, getPieces(getTile(tile).getShape(), bytes[classes[numbers.lookup(tile)]]));
  }
  return success();
}
