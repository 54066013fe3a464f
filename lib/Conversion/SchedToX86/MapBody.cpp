//===- MapBody.cpp - The body of a map, one vector at a time --------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MapBody.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;
using namespace tegula::x86;

static bool isNarrowFloat(Type elem) { return elem.isF16() || elem.isBF16(); }

static Type elementOf(Value tile) {
  return cast<RankedTensorType>(tile.getType()).getElementType();
}

//===----------------------------------------------------------------------===//
// What can be evaluated
//===----------------------------------------------------------------------===//

/// Ops that give for each element a function of the operands' elements there.
static bool isElementwise(Operation *op) {
  return isa<Exp2Op>(op) || OpTrait::hasElementwiseMappableTraits(op);
}

LogicalResult MapBody::verify(Value tile) {
  if (!verified.insert(tile).second)
    return success();
  auto type = cast<RankedTensorType>(tile.getType());
  Type storage = context.target.getRegisterType(type.getElementType());
  if (!storage)
    return op.emitOpError() << "computes on " << type.getElementType() << ", which "
                            << context.target.getName() << " has no storage for";
  int64_t wanted = context.target.getLanes(storage);
  lanes = lanes ? std::min(lanes, wanted) : wanted;
  Operation *def = tile.getDefiningOp();
  if (!def) {
    if (cast<BlockArgument>(tile).getOwner() != &op.getBody().front())
      return op.emitOpError("uses a tile that is no operand of it");
    return success();
  }
  ElementsAttr value;
  if (auto constant = dyn_cast<arith::ConstantOp>(def)) {
    value = cast<ElementsAttr>(constant.getValue());
    return value.isSplat() ? success() : makeGlobal(def, value);
  }
  if (isa<tensor::SplatOp, IotaOp>(def))
    return success();
  if (auto cast = dyn_cast<arith::BitcastOp>(def))
    if (isNarrowFloat(elementOf(cast.getIn())) || isNarrowFloat(type.getElementType()))
      return def->emitOpError() << "looks at the bits of a 16-bit float, which "
                                << context.target.getName() << " holds as f32";
  if (!isa<BroadcastOp>(def) && !(isElementwise(def) && def->getNumResults() == 1))
    return def->emitOpError() << "has no vector form on " << context.target.getName();
  for (Value operand : def->getOperands())
    if (isa<RankedTensorType>(operand.getType()) && failed(verify(operand)))
      return failure();
  return success();
}

LogicalResult MapBody::prepare() {
  for (Value value : op.getYield().getValues()) {
    auto reduce = value.getDefiningOp<ReduceOp>();
    if (failed(verify(reduce ? reduce.getX() : value)))
      return failure();
  }
  if (!lanes)
    lanes = context.target.getRowMultiple();
  // A short axis takes short vectors: what few rows have stored together is then
  // loaded as it was stored.
  if (rank > 0) {
    int64_t enough = llvm::PowerOf2Ceil(op.getDomain().back());
    lanes = std::min(lanes, std::max<int64_t>(enough, 4));
  }
  mapPoint = emit.builder.saveInsertionPoint();
  return success();
}

/// A compile-time tile of many values becomes a constant in memory, laid out like
/// the storage of a buffer.
LogicalResult MapBody::makeGlobal(Operation *constant, ElementsAttr value) {
  BufType buf = BufType::get(cast<RankedTensorType>(value.getShapedType()));
  FailureOr<Value> memref = makeConstant(context, emit, constant, value, buf);
  if (succeeded(memref))
    globals[constant] = *memref;
  return memref;
}

//===----------------------------------------------------------------------===//
// Where evaluation stands
//===----------------------------------------------------------------------===//

VectorType MapBody::getVectorType(Type elem) {
  return emit.vectorOf(elem.isInteger(1) ? elem : context.target.getRegisterType(elem), lanes);
}

void MapBody::enterRows(ArrayRef<Values> newRows) {
  rows.assign(newRows.begin(), newRows.end());
  rowPoint = emit.builder.saveInsertionPoint();
  commonRowValues.clear();
  rowValues.assign(rows.size(), {});
}

void MapBody::enterVector(Value newPosition) {
  position = newPosition;
  commonVectorValues.clear();
  vectorValues.assign(rows.size(), {});
}

MapBody::AxisMap MapBody::identity() const {
  AxisMap map(rank);
  for (int64_t axis = 0; axis < rank; ++axis)
    map[axis] = axis;
  return map;
}

Value MapBody::get(Value tile, size_t newRow) {
  row = newRow;
  return evaluate(tile, identity());
}

/// The axis map of a broadcast's operand, given its result's.
MapBody::AxisMap MapBody::through(BroadcastOp broadcast, const AxisMap &map) const {
  AxisMap inner;
  for (auto [axis, to] : llvm::enumerate(broadcast.getDims()))
    inner.push_back(broadcast.getX().getType().getDimSize(axis) == 1 ? -1 : map[to]);
  return inner;
}

/// True if the tile's elements under `map` differ along an axis of the domain.
bool MapBody::follows(Value tile, const AxisMap &map, int64_t axis) {
  std::pair<Key, int64_t> key{{tile.getAsOpaquePointer(), map}, axis};
  auto [entry, isNew] = followed.try_emplace(key, false);
  if (!isNew)
    return entry->second;
  Operation *def = tile.getDefiningOp();
  bool result = false;
  if (!def || globals.contains(def) || isa<IotaOp>(def))
    result = llvm::is_contained(map, axis);
  else if (auto broadcast = dyn_cast<BroadcastOp>(def))
    result = follows(broadcast.getX(), through(broadcast, map), axis);
  else if (!isa<tensor::SplatOp, arith::ConstantOp>(def))
    result = llvm::any_of(def->getOperands(), [&](Value operand) {
      return isa<RankedTensorType>(operand.getType()) && follows(operand, map, axis);
    });
  return followed[key] = result;
}

/// Instructions of an elementwise op on one vector, more or less.
static int64_t instructionsOf(Operation *tileOp) {
  Type elem = elementOf(tileOp->getResult(0));
  int64_t rounding = isNarrowFloat(elem) ? 8 : 0;
  if (isa<Exp2Op>(tileOp))
    return 16 + rounding;
  if (isa<math::MathDialect>(tileOp->getDialect()) &&
      !isa<math::AbsFOp, math::CopySignOp, math::FmaOp, math::SqrtOp, math::FloorOp, math::CeilOp>(
          tileOp))
    return isa<math::RsqrtOp>(tileOp) ? 2 : 28 + rounding;
  if (isa<arith::MaximumFOp, arith::MinimumFOp>(tileOp))
    return 3;
  return 1 + rounding;
}

void MapBody::addCost(Value tile, const AxisMap &map, Cost &cost, std::set<Key> &seen) {
  if (!seen.insert({tile.getAsOpaquePointer(), map}).second)
    return;
  bool alongLast = followsLast(tile, map), perRow = rank >= 2 && followsRow(tile, map);
  Operation *def = tile.getDefiningOp();
  if (auto broadcast = dyn_cast_or_null<BroadcastOp>(def))
    return addCost(broadcast.getX(), through(broadcast, map), cost, seen);
  if (!alongLast) {
    cost.rowValues += perRow;
    return;
  }
  cost.sharesRows |= !perRow;
  bool reads = !def || globals.contains(def);
  if (reads || isa<IotaOp>(def)) {
    cost.instructions += reads ? 1 : 2;
    return;
  }
  cost.instructions += instructionsOf(def);
  for (Value operand : def->getOperands())
    if (isa<RankedTensorType>(operand.getType()))
      addCost(operand, map, cost, seen);
}

MapBody::Cost MapBody::getCost() {
  Cost cost;
  std::set<Key> seen;
  for (Value value : op.getYield().getValues()) {
    auto reduce = value.getDefiningOp<ReduceOp>();
    addCost(reduce ? reduce.getX() : value, identity(), cost, seen);
    ++cost.instructions; // a store, or the combination with a partial result
  }
  return cost;
}

Value MapBody::evaluate(Value tile, const AxisMap &map) {
  bool perVector = followsLast(tile, map);
  bool common = rows.size() == 1 || !followsRow(tile, map);
  KnownValues &known = perVector ? (common ? commonVectorValues : vectorValues[row])
                                 : (common ? commonRowValues : rowValues[row]);
  Key key{tile.getAsOpaquePointer(), map};
  if (auto found = known.find(key); found != known.end())
    return found->second;
  OpBuilder::InsertionGuard guard(emit.builder);
  if (!perVector)
    emit.builder.restoreInsertionPoint(rowPoint);
  Value result = compute(tile, map);
  known[key] = result;
  return result;
}

/// A scalar as it is known outside the map.
Value MapBody::scalar(Value value) {
  Operation *def = value.getDefiningOp();
  if (!def || def->getBlock() != &op.getBody().front())
    return value;
  if (Value known = scalars.lookupOrNull(value))
    return known;
  for (Value operand : def->getOperands())
    scalars.map(operand, scalar(operand));
  OpBuilder::InsertionGuard guard(emit.builder);
  emit.builder.restoreInsertionPoint(mapPoint);
  emit.builder.clone(*def, scalars);
  return scalars.lookup(value);
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

Value MapBody::compute(Value tile, const AxisMap &map) {
  auto type = cast<RankedTensorType>(tile.getType());
  Operation *def = tile.getDefiningOp();
  if (!def)
    return loadTile(ins[cast<BlockArgument>(tile).getArgNumber()], type, map);
  if (Value global = globals.lookup(def))
    return loadTile(global, type, map);
  if (auto constant = dyn_cast<arith::ConstantOp>(def))
    return computeConstant(constant, map);
  if (auto splat = dyn_cast<tensor::SplatOp>(def)) {
    Value value = scalar(splat.getInput());
    return emit.splat(type.getElementType().isInteger(1) ? value : emit.toStorage(value), lanes);
  }
  if (auto iota = dyn_cast<IotaOp>(def))
    return computeIota(iota, map);
  if (auto broadcast = dyn_cast<BroadcastOp>(def))
    return evaluate(broadcast.getX(), through(broadcast, map));
  return computeElementwise(def, map);
}

Value MapBody::loadTile(Value memref, RankedTensorType type, const AxisMap &map) {
  Values at;
  bool vector = false;
  for (int64_t axis : map) {
    vector = axis == rank - 1;
    at.push_back(axis < 0 ? emit.index(0) : vector ? position : rows[row][axis]);
  }
  if (at.empty()) // a tile of rank 0 is a row of one
    at.push_back(emit.index(0));
  Value value;
  if (vector)
    value = emit.load(memref, at, lanes);
  else
    value = emit.splat(emit.loadElement(memref, at), lanes);
  return type.getElementType().isInteger(1) ? emit.fromStorage(value, type.getElementType())
                                            : value;
}

Value MapBody::computeConstant(arith::ConstantOp constant, const AxisMap &map) {
  auto value = cast<SplatElementsAttr>(constant.getValue());
  VectorType type = getVectorType(value.getElementType());
  if (auto real = dyn_cast<FloatType>(type.getElementType())) {
    APFloat number = value.getSplatValue<APFloat>();
    bool lost;
    number.convert(real.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
    return arith::ConstantOp::create(emit.builder, emit.loc, DenseElementsAttr::get(type, number));
  }
  return arith::ConstantOp::create(emit.builder, emit.loc,
                                   DenseElementsAttr::get(type, value.getSplatValue<APInt>()));
}

/// start + position, and the lanes' numbers where the iota follows the last axis.
Value MapBody::computeIota(IotaOp iota, const AxisMap &map) {
  auto elem = cast<IntegerType>(iota.getType().getElementType());
  int64_t axis = map.front();
  Value first = scalar(iota.getStart());
  if (axis >= 0)
    first = emit.add(first, axis == rank - 1 ? position : rows[row][axis]);
  Value start = arith::IndexCastOp::create(emit.builder, emit.loc, elem, first);
  Value result = emit.splat(start, lanes);
  if (axis != rank - 1)
    return result;
  SmallVector<Attribute> numbers;
  for (int64_t lane = 0; lane < lanes; ++lane)
    numbers.push_back(emit.builder.getIntegerAttr(elem, lane));
  Value steps = arith::ConstantOp::create(
      emit.builder, emit.loc, DenseElementsAttr::get(emit.vectorOf(elem, lanes), numbers));
  return emit.combine(Combine::add, result, steps);
}

/// The same op on vectors.
Value MapBody::cloneOn(Operation *tileOp, ValueRange operands, Type type) {
  IRMapping mapping;
  mapping.map(tileOp->getOperands(), operands);
  Operation *clone = emit.builder.clone(*tileOp, mapping);
  clone->getResult(0).setType(type);
  return clone->getResult(0);
}

/// Division by zero gives 0; the smallest integer by -1 wraps. Lanes beyond the
/// tile hold anything, and must not trap either.
Value MapBody::computeDivision(Operation *tileOp, Values operands) {
  OpBuilder &builder = emit.builder;
  Type type = operands[1].getType(), elem = getElementTypeOrSelf(type);
  unsigned width = elem.getIntOrFloatBitWidth();
  auto equals = [&](Value x, int64_t number) -> Value {
    return arith::CmpIOp::create(builder, emit.loc, arith::CmpIPredicate::eq, x,
                                 emit.constant(type, number));
  };
  Value isZero = equals(operands[1], 0), unsafe = isZero;
  if (!isa<arith::DivUIOp, arith::RemUIOp, arith::CeilDivUIOp>(tileOp)) {
    Value smallest = equals(operands[0], APInt::getSignedMinValue(width).getSExtValue());
    Value wraps = arith::AndIOp::create(builder, emit.loc, smallest, equals(operands[1], -1));
    unsafe = arith::OrIOp::create(builder, emit.loc, isZero, wraps);
  }
  operands[1] = arith::SelectOp::create(builder, emit.loc, unsafe, emit.constant(type, int64_t(1)),
                                        operands[1]);
  Value result = cloneOn(tileOp, operands, type);
  return arith::SelectOp::create(builder, emit.loc, isZero, emit.constant(type, int64_t(0)),
                                 result);
}

/// Casts from and to 16-bit floats, which are f32 here.
Value MapBody::computeCast(Operation *tileOp, Value x, bool &handled) {
  Type from = elementOf(tileOp->getOperand(0)), to = elementOf(tileOp->getResult(0));
  OpBuilder &builder = emit.builder;
  handled = true;
  if (isa<arith::TruncFOp>(tileOp) && isNarrowFloat(to))
    return emit.round(x, to);
  if (isa<arith::ExtFOp>(tileOp) && isNarrowFloat(from) && to.isF32())
    return x;
  if (isa<arith::SIToFPOp, arith::UIToFPOp>(tileOp) && isNarrowFloat(to)) {
    // Exact in f64, then rounded once.
    Type wide = emit.vectorOf(builder.getF64Type(), lanes);
    return emit.round(cloneOn(tileOp, x, wide), to);
  }
  handled = false;
  return {};
}

Value MapBody::computeElementwise(Operation *tileOp, const AxisMap &map) {
  Values operands;
  for (Value operand : tileOp->getOperands())
    operands.push_back(isa<RankedTensorType>(operand.getType()) ? evaluate(operand, map)
                                                                : scalar(operand));
  Type elem = elementOf(tileOp->getResult(0));
  if (isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, arith::FloorDivSIOp,
          arith::CeilDivSIOp, arith::CeilDivUIOp>(tileOp))
    return computeDivision(tileOp, operands);
  if (operands.size() == 1) {
    bool handled = false;
    Value cast = computeCast(tileOp, operands[0], handled);
    if (handled)
      return cast;
  }
  Value result = cloneOn(tileOp, operands, getVectorType(elem));
  if (auto exp2 = result.getDefiningOp<Exp2Op>(); exp2 && !exp2.getDegree() && !elem.isF64())
    exp2.setDegree(context.target.getExpDegree(elem));
  bool exact = isa<arith::SelectOp, arith::NegFOp, arith::MaximumFOp, arith::MinimumFOp,
                   arith::MaxNumFOp, arith::MinNumFOp, math::AbsFOp, math::CopySignOp>(tileOp);
  return isNarrowFloat(elem) && !exact ? emit.round(result, elem) : result;
}
