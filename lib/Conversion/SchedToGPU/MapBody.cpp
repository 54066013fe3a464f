//===- MapBody.cpp - The body of a map, one register at a time ------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MapBody.h"

#include "tegula/Target/GpuInfo.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::gpu;

static RankedTensorType tileOf(Value value) { return cast<RankedTensorType>(value.getType()); }
static Type elementOf(Value tile) { return tileOf(tile).getElementType(); }
static bool isNarrowFloat(Type elem) { return elem.isF16() || elem.isBF16(); }

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

/// The domain has the layout of an operand or result of its shape; without one, that of
/// statistics of it has no answer.
LogicalResult MapBody::chooseLayout() {
  auto look = [&](Value value) -> LogicalResult {
    auto type = dyn_cast<sched::FragType>(value.getType());
    if (regs || !type || type.getShape() != domain)
      return success();
    FailureOr<Registers> found = Registers::get(type, op.getLoc());
    if (failed(found))
      return failure();
    regs = *found;
    return success();
  };
  for (Value value : op.getResults())
    if (failed(look(value)))
      return failure();
  for (Value value : op.getIns())
    if (failed(look(value)))
      return failure();
  // Nothing that the map reads or gives has the domain's shape: it has no place of its own.
  if (!regs)
    regs = Registers(layout::coverWithPieces(
        sched::getMatrix(domain, /*layout=*/nullptr), /*elementBytes=*/4,
        lowering.vendor.getInfo().getWarpSize(), lowering.warps));
  return success();
}

/// The layout that a tile must have so that its elements under `map` are in the registers
/// that need them; nothing if no layout does.
std::optional<MapBody::Under> MapBody::layoutUnder(const AxisMap &map) const {
  // Axes of extent 1 need not be followed.
  int64_t last = static_cast<int64_t>(domain.size()) - 1;
  SmallVector<int64_t> all, rows, cols, wanted;
  for (auto [axis, extent] : llvm::enumerate(domain)) {
    if (extent == 1)
      continue;
    all.push_back(axis);
    (static_cast<int64_t>(axis) == last ? cols : rows).push_back(axis);
  }
  for (int64_t axis : map)
    if (axis >= 0 && domain[axis] != 1)
      wanted.push_back(axis);
  if (wanted == all)
    return Under{regs->layout, true, true};
  if (domain.size() == 1)
    return std::nullopt;
  // A single number lies where the axes that it keeps do.
  if (wanted.empty()) {
    if (map.empty() || llvm::is_contained(map, -1))
      return std::nullopt;
    return llvm::is_contained(map, last) ? Under{regs->layout.dropAxis(0), false, true}
                                         : Under{regs->layout.dropAxis(1), true, false};
  }
  if (wanted == rows)
    return Under{regs->layout.dropAxis(1), true, false};
  if (wanted == cols)
    return Under{regs->layout.dropAxis(0), false, true};
  return std::nullopt;
}

/// Registers of `from` by number of the register of `to`, where they need only be renamed.
static std::optional<SmallVector<unsigned>> rename(const layout::Layout &from,
                                                   const layout::Layout &to, int64_t warps) {
  if (layout::checkConversion(from, to))
    return std::nullopt;
  return layout::findRename(from, to, warps);
}

MapBody::AxisMap MapBody::identity(int64_t rank) const {
  AxisMap map(rank);
  for (int64_t axis = 0; axis < rank; ++axis)
    map[axis] = axis;
  return map;
}

bool MapBody::follows(const AxisMap &map, bool rows) const {
  int64_t last = static_cast<int64_t>(domain.size()) - 1;
  return llvm::any_of(map, [&](int64_t axis) {
    if (last == 0) // a domain of rank 1 is a row or a column
      return axis == 0;
    return axis >= 0 && (axis != last) == rows;
  });
}

MapBody::Key MapBody::keyOf(Value tile, const AxisMap &map, int64_t reg) const {
  return {tile.getAsOpaquePointer(), map, follows(map, true) ? regs->regs[reg].row : 0,
          follows(map, false) ? regs->regs[reg].col : 0};
}

/// Where the register stands along an axis of the domain.
Coordinate MapBody::coordinate(int64_t axis, int64_t reg) {
  int64_t rank = domain.size();
  Coordinate row = lowering.rowOf(e, *regs).plus(regs->regs[reg].row);
  Coordinate col = lowering.colOf(e, *regs).plus(regs->regs[reg].col);
  if (rank == 1)
    return regs->cols == 1 ? row : col;
  if (axis == rank - 1)
    return col;
  int64_t below = 1, above = 1;
  for (int64_t i = axis + 1; i < rank - 1; ++i)
    below *= domain[i];
  for (int64_t i = 0; i < axis; ++i)
    above *= domain[i];
  if (below == 1 && above == 1)
    return row;
  Value number = e.div(row.get(e), below);
  return {above == 1 ? number : e.rem(number, domain[axis]), ~uint64_t(0), 0};
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

LogicalResult MapBody::placeOperands() {
  // Which operands are read under which maps is seen by going through the body.
  llvm::SmallSetVector<Value, 4> through;
  std::set<std::pair<void *, AxisMap>> seen;
  std::function<void(Value, const AxisMap &)> go = [&](Value tile, const AxisMap &map) {
    if (!isa<RankedTensorType>(tile.getType()) ||
        !seen.insert({tile.getAsOpaquePointer(), map}).second)
      return;
    if (auto argument = dyn_cast<BlockArgument>(tile)) {
      Value operand = op.getIns()[argument.getArgNumber()];
      auto type = dyn_cast<sched::FragType>(operand.getType());
      if (!type || type.getRank() == 0)
        return;
      std::optional<Under> wanted = layoutUnder(map);
      const Registers &mine = lowering.fragment(operand).regs;
      if (!wanted || !rename(mine.layout, wanted->layout, lowering.warps))
        through.insert(operand);
      return;
    }
    Operation *def = tile.getDefiningOp();
    if (auto broadcast = dyn_cast<BroadcastOp>(def)) {
      AxisMap inner;
      for (auto [axis, to] : llvm::enumerate(broadcast.getDims()))
        inner.push_back(broadcast.getX().getType().getDimSize(axis) == 1 ? -1 : map[to]);
      return go(broadcast.getX(), inner);
    }
    if (auto reduce = dyn_cast<ReduceOp>(def))
      return go(reduce.getX(), identity(reduce.getX().getType().getRank()));
    if (auto take = dyn_cast<sched::TakeOp>(def)) {
      if (auto argument = dyn_cast<BlockArgument>(take.getSource()))
        through.insert(op.getIns()[argument.getArgNumber()]);
      return go(take.getBy(), {map.front()});
    }
    for (Value operand : def->getOperands())
      go(operand, map);
  };
  for (Value value : op.getYield().getValues()) {
    int64_t rank = tileOf(value).getRank();
    AxisMap map = identity(domain.size());
    if (rank != static_cast<int64_t>(domain.size()) && op.getAlong())
      map.erase(map.begin() + *op.getAlong());
    else if (auto reduce = value.getDefiningOp<ReduceOp>())
      map.erase(map.begin() + reduce.getAxis());
    go(value, map);
  }
  if (through.empty())
    return success();
  lowering.vendor.barrier(e);
  for (Value operand : through) {
    Fragment &fragment = lowering.fragment(operand);
    Buffer tile = lowering.scratch(e, fragment.regs.rows, fragment.regs.cols,
                                   fragment.type.getElem(), scratchUsed);
    lowering.spill(e, fragment.regs, lowering.elements(e, fragment), tile);
    spilled.try_emplace(operand, tile);
  }
  lowering.vendor.barrier(e);
  return success();
}

/// An element of a tile in scratch: the matrix that its layout spoke of.
Value MapBody::readBuffer(const Buffer &from, ArrayRef<int64_t> shape, const AxisMap &map,
                          int64_t reg) {
  auto along = [&](size_t axis) -> Coordinate {
    return map[axis] < 0 ? Coordinate() : coordinate(map[axis], reg);
  };
  Coordinate row, col;
  if (shape.size() == 1) {
    (from.storage.cols == 1 ? row : col) = along(0);
  } else {
    col = along(shape.size() - 1);
    for (size_t axis = 0; axis + 1 < shape.size(); ++axis) {
      Coordinate next = along(axis);
      if (row.value || row.constant)
        row = {e.mul(row.get(e), shape[axis]), ~uint64_t(0), 0};
      row = Coordinate::sum(e, row, next);
    }
  }
  Value inside = lowering.isInTile(e, *regs, regs->regs[reg]);
  Value address = from.storage.address(e, from.base, row, col);
  if (inside)
    address = e.select(inside, address, from.base);
  return e.load(address, from.storage.elem, 1, bytesOf(from.storage.elem)).front();
}

FailureOr<Value> MapBody::readOperand(BlockArgument tile, const AxisMap &map, int64_t reg) {
  Value operand = op.getIns()[tile.getArgNumber()];
  if (!isa<sched::FragType>(operand.getType()))
    return lowering.refuse(op, "reads a buffer");
  Fragment &fragment = lowering.fragment(operand);
  if (auto found = spilled.find(operand); found != spilled.end())
    return readBuffer(found->second, fragment.type.getShape(), map, reg);
  if (fragment.type.getRank() == 0)
    return lowering.elements(e, fragment, 0, 1).front();
  // The register whose own part of the position is the domain register's.
  std::optional<Under> under = layoutUnder(map);
  auto &table = renames[std::pair(operand.getAsOpaquePointer(), map)];
  if (table.empty()) {
    Registers needed(under->layout);
    auto numbers = rename(fragment.regs.layout, under->layout, lowering.warps);
    for (auto [i, from] : llvm::enumerate(*numbers))
      table[needed.regs[i]] = from;
  }
  Position place = regs->regs[reg];
  Position wanted{under->rows ? place.row : 0, under->cols ? place.col : 0};
  auto found = table.find(wanted);
  if (found == table.end() || found->second == layout::noRegister)
    return e.number(fragment.type.getElem(), 0);
  return lowering.elements(e, fragment, found->second, 1).front();
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

FailureOr<Value> MapBody::evaluate(Value tile, const AxisMap &map, int64_t reg) {
  Key key = keyOf(tile, map, reg);
  if (auto found = known.find(key); found != known.end())
    return found->second;
  FailureOr<Value> value = compute(tile, map, reg);
  if (succeeded(value))
    known[key] = *value;
  return value;
}

FailureOr<Value> MapBody::compute(Value tile, const AxisMap &map, int64_t reg) {
  Operation *def = tile.getDefiningOp();
  if (!def)
    return readOperand(cast<BlockArgument>(tile), map, reg);
  if (auto constant = dyn_cast<arith::ConstantOp>(def))
    return computeConstant(constant, map, reg);
  if (auto splat = dyn_cast<tensor::SplatOp>(def))
    return scalar(splat.getInput());
  if (auto iota = dyn_cast<IotaOp>(def))
    return computeIota(iota, map, reg);
  if (auto broadcast = dyn_cast<BroadcastOp>(def)) {
    AxisMap inner;
    for (auto [axis, to] : llvm::enumerate(broadcast.getDims()))
      inner.push_back(broadcast.getX().getType().getDimSize(axis) == 1 ? -1 : map[to]);
    return evaluate(broadcast.getX(), inner, reg);
  }
  if (auto reduction = dyn_cast<ReduceOp>(def)) {
    if (!reduced.count(def) && !reducedInScratch.count(def) && failed(reduce(reduction)))
      return failure();
    if (auto found = reducedInScratch.find(def); found != reducedInScratch.end())
      return readBuffer(found->second, reduction.getType().getShape(), map, reg);
    Position left = regs->regs[reg];
    if (reducesColumns(reduction))
      left.col = 0;
    else
      left.row = 0;
    return reduced[def].at(left);
  }
  if (auto take = dyn_cast<sched::TakeOp>(def)) {
    auto argument = dyn_cast<BlockArgument>(take.getSource());
    if (!argument)
      return lowering.refuse(take, "takes rows of a tile that is computed");
    return computeTake(take, spilled.at(op.getIns()[argument.getArgNumber()]), map, reg);
  }
  return computeElementwise(def, map, reg);
}

/// Row by[i] of a small tile in scratch.
FailureOr<Value> MapBody::computeTake(sched::TakeOp take, const Buffer &from, const AxisMap &map,
                                      int64_t reg) {
  FailureOr<Value> index = evaluate(take.getBy(), {map.front()}, reg);
  if (failed(index))
    return failure();
  int64_t rows = take.getSource().getType().getDimSize(0);
  Value row = e.max(e.min(*index, e.i32(rows - 1)), e.i32(0));
  auto shape = take.getSource().getType().getShape();
  if (shape.size() > 2)
    return lowering.refuse(take, "has more than two axes");
  Coordinate col;
  if (shape.size() == 2 && map[1] >= 0)
    col = coordinate(map[1], reg);
  Coordinate at{row, ~uint64_t(0), 0};
  if (shape.size() == 1 && from.storage.cols != 1)
    std::swap(at, col);
  Value address = from.storage.address(e, from.base, at, col);
  return e.load(address, from.storage.elem, 1, bytesOf(from.storage.elem)).front();
}

/// A scalar as it is known outside the map.
Value MapBody::scalar(Value value) {
  Operation *def = value.getDefiningOp();
  if (!def || def->getBlock() != &op.getBody().front())
    return lowering.scalar(value);
  if (auto found = inner.lookupOrNull(value))
    return found;
  for (Value operand : def->getOperands())
    inner.map(operand, scalar(operand));
  e.builder.clone(*def, inner);
  return inner.lookup(value);
}

FailureOr<Value> MapBody::computeConstant(arith::ConstantOp constant, const AxisMap &map,
                                          int64_t reg) {
  auto value = cast<ElementsAttr>(constant.getValue());
  Type elem = value.getElementType();
  if (value.isSplat())
    return arith::ConstantOp::create(
               e.builder, e.loc,
               isa<FloatType>(elem)
                   ? TypedAttr(FloatAttr::get(elem, value.getSplatValue<APFloat>()))
                   : TypedAttr(IntegerAttr::get(elem, value.getSplatValue<APInt>())))
        .getResult();
  // A table in device memory.
  FailureOr<Value> table = lowering.constantTable(e, value);
  if (failed(table))
    return lowering.refuse(constant, "is no dense tile");
  ArrayRef<int64_t> shape = value.getShapedType().getShape();
  Value offset = e.i32(0);
  for (auto [axis, extent] : llvm::enumerate(shape)) {
    Value at = map[axis] < 0 ? e.i32(0) : coordinate(map[axis], reg).get(e);
    offset = e.add(e.mul(offset, extent), at);
  }
  Value inside = lowering.isInTile(e, *regs, regs->regs[reg]);
  if (inside)
    offset = e.select(inside, offset, e.i32(0));
  Value address = e.move(*table, e.toI64(e.mul(offset, bytesOf(elem))));
  return e.load(address, elem, 1, bytesOf(elem)).front();
}

Value MapBody::computeIota(IotaOp iota, const AxisMap &map, int64_t reg) {
  auto elem = cast<IntegerType>(iota.getType().getElementType());
  Value start = scalar(iota.getStart());
  bool narrow = elem.getWidth() <= 32;
  start = narrow ? e.toI32(start) : e.toI64(start);
  if (map.front() >= 0) {
    Value at = coordinate(map.front(), reg).get(e);
    start = e.add(start, narrow ? at : e.toI64(at));
  }
  if (start.getType() == elem)
    return start;
  return arith::TruncIOp::create(e.builder, e.loc, elem, start);
}

/// The same op on scalars.
Value MapBody::cloneOn(Operation *tileOp, ValueRange operands, Type type) {
  IRMapping mapping;
  mapping.map(tileOp->getOperands(), operands);
  Operation *clone = e.builder.clone(*tileOp, mapping);
  clone->getResult(0).setType(type);
  return clone->getResult(0);
}

/// Division by zero gives 0; the smallest integer by -1 wraps.
Value MapBody::computeDivision(Operation *tileOp, Values operands) {
  Type type = operands[1].getType();
  unsigned width = type.getIntOrFloatBitWidth();
  Value isZero = e.equal(operands[1], e.integer(type, 0)), unsafe = isZero;
  if (!isa<arith::DivUIOp, arith::RemUIOp, arith::CeilDivUIOp>(tileOp)) {
    Value smallest =
        e.equal(operands[0], e.integer(type, APInt::getSignedMinValue(width).getSExtValue()));
    Value wraps = e.both(smallest, e.equal(operands[1], e.integer(type, -1)));
    unsafe = arith::OrIOp::create(e.builder, e.loc, isZero, wraps);
  }
  operands[1] = e.select(unsafe, e.integer(type, 1), operands[1]);
  Value result = cloneOn(tileOp, operands, type);
  return e.select(isZero, e.integer(type, 0), result);
}

FailureOr<Value> MapBody::computeElementwise(Operation *tileOp, const AxisMap &map, int64_t reg) {
  bool elementwise = isa<Exp2Op>(tileOp) || OpTrait::hasElementwiseMappableTraits(tileOp);
  if (!elementwise || tileOp->getNumResults() != 1)
    return lowering.refuse(tileOp, "is not elementwise, and stands in a map");
  Values operands;
  for (Value operand : tileOp->getOperands()) {
    if (!isa<RankedTensorType>(operand.getType())) {
      operands.push_back(scalar(operand));
      continue;
    }
    FailureOr<Value> value = evaluate(operand, map, reg);
    if (failed(value))
      return failure();
    operands.push_back(*value);
  }
  Type elem = elementOf(tileOp->getResult(0));
  if (isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, arith::FloorDivSIOp,
          arith::CeilDivSIOp, arith::CeilDivUIOp>(tileOp))
    return computeDivision(tileOp, operands);
  // 16-bit floats are computed in f32 and rounded after each op.
  bool moves = isa<arith::SelectOp, arith::BitcastOp, arith::ExtFOp>(tileOp);
  Type f32 = e.builder.getF32Type();
  if (isa<arith::TruncFOp>(tileOp))
    return lowering.truncate(e, operands.front(), elem);
  if (!moves)
    for (Value &operand : operands)
      if (isNarrowFloat(operand.getType()))
        operand = e.convertFloat(operand, f32);
  bool rounds = !moves && isNarrowFloat(elem);
  if (auto exp2 = dyn_cast<Exp2Op>(tileOp);
      exp2 && !elem.isF64() && isHardware(exp2.getPolicy(), reg)) {
    Value result = lowering.vendor.exp2(e, operands.front());
    return rounds ? lowering.truncate(e, result, elem) : result;
  }
  if (rounds && isa<arith::SIToFPOp, arith::UIToFPOp>(tileOp)) {
    Value wide = cloneOn(tileOp, operands, e.builder.getF64Type());
    return lowering.truncate(e, wide, elem);
  }
  Value result = cloneOn(tileOp, operands, rounds ? f32 : elem);
  return rounds ? lowering.truncate(e, result, elem) : result;
}

bool MapBody::isHardware(ExpPolicy policy, int64_t reg) const {
  if (policy != ExpPolicy::mix)
    return policy == ExpPolicy::hw;
  int32_t period = lowering.vendor.getInfo().getPolynomialPeriod();
  return period == 0 || reg % period != period - 1;
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

bool MapBody::reducesColumns(ReduceOp reduction) const {
  if (domain.size() == 1)
    return regs->cols != 1;
  return static_cast<int64_t>(reduction.getAxis()) == static_cast<int64_t>(domain.size()) - 1;
}

/// Registers, then lanes, then warps.
LogicalResult MapBody::reduce(ReduceOp reduction) {
  int64_t rank = domain.size();
  bool cols = reducesColumns(reduction);
  RankedTensorType type = reduction.getX().getType();
  if (type.getShape() != domain)
    return lowering.refuse(reduction, "reduces a tile of another shape than the domain's");
  if (!cols && rank > 2)
    for (int64_t axis = 0; axis + 1 < rank; ++axis)
      if (axis != static_cast<int64_t>(reduction.getAxis()) && domain[axis] != 1)
        return reduceInScratch(reduction);
  Combine kind = reduction.getKind();
  Type elem = type.getElementType();
  bool narrow = isNarrowFloat(elem);
  Type wide = narrow ? e.builder.getF32Type() : elem;
  std::map<Position, Value> partial;
  for (int64_t reg = 0; reg < regs->size(); ++reg) {
    Position place = regs->regs[reg];
    Position left = cols ? Position{place.row, 0} : Position{0, place.col};
    if (rank == 1)
      left = {0, 0};
    Value &sum = partial[left];
    if (place.row >= regs->rows || place.col >= regs->cols) {
      if (!sum)
        sum = e.neutral(kind, wide);
      continue;
    }
    FailureOr<Value> value = evaluate(reduction.getX(), identity(rank), reg);
    if (failed(value))
      return failure();
    Value element = narrow ? e.convertFloat(*value, wide) : *value;
    if (Value inside = lowering.isInTile(e, *regs, place))
      element = e.select(inside, element, e.neutral(kind, wide));
    sum = sum ? e.combine(kind, sum, element) : element;
  }
  for (auto [bit, image] : llvm::enumerate(regs->laneBits)) {
    // Every thread gets what is left of a line, also those whose place lies beside it.
    bool isAlong = cols ? image.col != 0 : image.row != 0;
    if (!isAlong && !(rank == 1 && (image.row != 0 || image.col != 0)))
      continue;
    for (auto &[left, sum] : partial)
      sum = e.combine(kind, sum, lowering.shuffle(e, sum, int64_t(1) << bit));
  }
  combineWarps(kind, wide, cols, partial);
  if (rank == 1)
    combineWarps(kind, wide, !cols, partial);
  if (narrow)
    for (auto &[left, sum] : partial)
      sum = lowering.truncate(e, sum, elem);
  reduced[reduction] = std::move(partial);
  return success();
}

/// One of several leading axes: a thread to each line, in scratch.
LogicalResult MapBody::reduceInScratch(ReduceOp reduction) {
  RankedTensorType type = reduction.getX().getType();
  Type elem = type.getElementType(), wide = isNarrowFloat(elem) ? e.builder.getF32Type() : elem;
  int64_t axis = reduction.getAxis(), extent = domain[axis], step = 1;
  for (int64_t inner : domain.drop_front(axis + 1))
    step *= inner;
  Values elements;
  for (int64_t reg = 0; reg < regs->size(); ++reg) {
    FailureOr<Value> value = evaluate(reduction.getX(), identity(domain.size()), reg);
    if (failed(value))
      return failure();
    elements.push_back(*value);
  }
  layout::Extents left = sched::getMatrix(reduction.getType().getShape(), /*layout=*/nullptr);
  Buffer whole = lowering.scratch(e, regs->rows, regs->cols, elem, scratchUsed);
  Buffer result = lowering.scratch(e, left[0], left[1], elem, scratchUsed);
  int64_t bytes = bytesOf(elem);
  lowering.vendor.barrier(e);
  lowering.spill(e, *regs, elements, whole);
  lowering.vendor.barrier(e);
  e.loop(lowering.thread, e.i32(left[0] * left[1]), lowering.threads(), {},
         [&](Value line, ValueRange) {
           Value start = e.add(e.mul(e.div(line, step), extent * step), e.rem(line, step));
           Values sum = e.loop(
               e.i32(0), e.i32(extent), 1, e.neutral(reduction.getKind(), wide),
               [&](Value i, ValueRange carried) {
                 Value number = e.add(start, e.mul(i, step));
                 Value element =
                     e.load(e.move(whole.base, e.mul(number, bytes)), elem, 1, bytes).front();
                 if (wide != elem)
                   element = e.convertFloat(element, wide);
                 return Values{e.combine(reduction.getKind(), carried.front(), element)};
               });
           e.store(lowering.truncate(e, sum.front(), elem), e.move(result.base, e.mul(line, bytes)),
                   bytes);
           return Values();
         });
  lowering.vendor.barrier(e);
  reducedInScratch.try_emplace(reduction, result);
  return success();
}

/// Warps that hold different parts of the reduced axis leave theirs in scratch, a column
/// for each; then everybody combines them in order.
void MapBody::combineWarps(Combine kind, Type elem, bool cols, std::map<Position, Value> &partial) {
  int64_t parts = regs->layout.getWarpCounts()[cols ? 1 : 0];
  for (Position bit : regs->warpBits)
    if ((cols ? bit.col : bit.row) != 0)
      parts *= 2;
  if (parts == 1)
    return;
  int64_t extent = regs->layout.getCovered()[cols ? 0 : 1];
  int64_t used = scratchUsed;
  Buffer tile = lowering.scratch(e, extent, parts, elem, used);
  // Which part this warp has.
  Coordinate along = cols ? lowering.warpColOf(e, *regs) : lowering.warpRowOf(e, *regs);
  int64_t block = cols ? regs->block.col : regs->block.row;
  Value part = e.div(along.get(e), block);
  Coordinate across = cols ? lowering.rowOf(e, *regs) : lowering.colOf(e, *regs);
  // Of the lanes and warps that now agree, the first writes.
  Value first = e.both(lowering.isFirstLane(e, *regs, /*rows=*/cols, /*cols=*/!cols),
                       lowering.isFirstWarp(e, *regs));
  lowering.vendor.barrier(e);
  e.when(first, [&] {
    for (auto &[left, sum] : partial) {
      Coordinate row = across.plus(cols ? left.row : left.col);
      e.store(sum, tile.storage.address(e, tile.base, row, {part, ~uint64_t(0), 0}), bytesOf(elem));
    }
  });
  lowering.vendor.barrier(e);
  for (auto &[left, sum] : partial) {
    Coordinate row = across.plus(cols ? left.row : left.col);
    sum = {};
    for (int64_t i = 0; i < parts; ++i) {
      Value other = e.load(tile.storage.address(e, tile.base, row, Coordinate().plus(i)), elem, 1,
                           bytesOf(elem))
                        .front();
      sum = sum ? e.combine(kind, sum, other) : other;
    }
  }
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

LogicalResult MapBody::defineResult(Value result, Value yielded) {
  auto type = dyn_cast<sched::FragType>(result.getType());
  if (!type)
    return lowering.refuse(op, "gives a tile instead of a fragment");
  int64_t rank = domain.size();
  AxisMap map = identity(rank);
  if (tileOf(yielded).getRank() != rank) {
    auto reduction = yielded.getDefiningOp<ReduceOp>();
    map.erase(map.begin() + (op.getAlong() ? *op.getAlong() : reduction.getAxis()));
  }
  if (map.empty()) { // one number, which every thread knows
    FailureOr<Value> value = evaluate(yielded, map, 0);
    return failed(value) ? failure() : lowering.define(result, {*value});
  }
  std::optional<Under> natural = layoutUnder(map);
  if (auto reduction = yielded.getDefiningOp<ReduceOp>(); reduction && !natural) {
    FailureOr<Registers> to = lowering.registersOf(result);
    if (failed(to) || (!reducedInScratch.count(reduction) && failed(reduce(reduction))))
      return failure();
    Buffer from = reducedInScratch.at(reduction);
    from.storage = Storage(to->rows, to->cols, type.getElem(), /*swizzle=*/0);
    return lowering.define(result, lowering.fill(e, *to, from));
  }
  if (!natural)
    return lowering.refuse(op, "yields a tile whose axes are neither rows nor columns");
  Registers from(natural->layout);
  // Registers of the natural layout, each from the first domain register at its place.
  std::map<Position, int64_t> at;
  for (int64_t reg = regs->size(); reg-- > 0;)
    at[{natural->rows ? regs->regs[reg].row : 0, natural->cols ? regs->regs[reg].col : 0}] = reg;
  Values elements;
  for (Position place : from.regs) {
    FailureOr<Value> value = evaluate(yielded, map, at.at(place));
    if (failed(value))
      return failure();
    elements.push_back(*value);
  }
  FailureOr<Registers> to = lowering.registersOf(result);
  if (failed(to))
    return failure();
  return lowering.define(result,
                         lowering.convert(e, from, elements, *to, type.getElem(), scratchUsed));
}

/// Either all results are computed, or each is its operand.
LogicalResult MapBody::defineResultsWhen(Value condition) {
  AxisMap map = identity(domain.size());
  for (Value yielded : op.getYield().getValues())
    if (tileOf(yielded).getShape() != domain || yielded.getDefiningOp<ReduceOp>())
      return lowering.refuse(op, "has a condition and gives less than its domain");
  // What is loaded inside a branch would not be there behind it.
  for (Value in : op.getIns())
    if (isa<sched::FragType>(in.getType()))
      lowering.elements(e, lowering.fragment(in));
  LogicalResult good = success();
  auto evaluateAll = [&](ValueRange values) {
    Values elements;
    for (Value value : values)
      for (int64_t reg = 0; reg < regs->size(); ++reg) {
        FailureOr<Value> element = evaluate(value, map, reg);
        if (failed(element)) {
          good = failure();
          return elements;
        }
        elements.push_back(*element);
      }
    known.clear();
    return elements;
  };
  ValueRange arguments = op.getBody().getArguments().take_front(op.getNumResults());
  Values all = e.choose(
      condition, [&] { return evaluateAll(op.getYield().getValues()); },
      [&] { return evaluateAll(arguments); });
  if (failed(good))
    return failure();
  for (auto [i, result] : llvm::enumerate(op.getResults())) {
    Values elements(ValueRange(all).slice(i * regs->size(), regs->size()));
    FailureOr<Registers> to = lowering.registersOf(result);
    if (failed(to))
      return failure();
    Type elem = cast<sched::FragType>(result.getType()).getElem();
    if (failed(lowering.define(result, lowering.convert(e, *regs, elements, *to, elem))))
      return failure();
  }
  return success();
}

LogicalResult MapBody::run() {
  if (!op.getOuts().empty())
    return lowering.refuse(op, "writes a buffer");
  if (failed(chooseLayout()) || failed(placeOperands()))
    return failure();
  if (op.getWhen())
    return defineResultsWhen(lowering.scalar(op.getWhen()));
  for (auto [result, yielded] : llvm::zip(op.getResults(), op.getYield().getValues()))
    if (failed(defineResult(result, yielded)))
      return failure();
  return success();
}

LogicalResult gpu::lower(sched::MapOp op, Lowering &lowering) {
  return MapBody(lowering, op).run();
}
