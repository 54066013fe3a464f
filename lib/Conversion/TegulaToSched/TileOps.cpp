//===- TileOps.cpp - Ops on tiles as ops on buffers -----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileMaterializer.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tegula;
using sched::BufType;

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// The current stream's row for `op`, or null: outside streams the defaults hold.
ScheduleRowAttr TileMaterializer::getRow(AnchorOpInterface op) {
  if (!schedule || !op.getAnchorLabel())
    return nullptr;
  return findRow(schedule, op.getAnchorLabel());
}

/// How a tile that comes from memory is stored: as the row says, else packed
/// where it is nothing but the right operand of products.
FailureOr<BufType> TileMaterializer::getStorage(Value tile, AnchorOpInterface anchor) {
  auto type = cast<RankedTensorType>(tile.getType());
  std::optional<bool> side = getRightOperandSide(tile);
  ScheduleRowAttr row = anchor ? getRow(anchor) : nullptr;
  if (!row)
    return side ? BufType::get(type, sched::Space::local,
                               target.getPanelWidth(type.getElementType()), *side)
                : BufType::get(type);
  bool packT = row.has(ScheduleFlag::pack_t);
  if (!packT && !row.has(ScheduleFlag::pack))
    return BufType::get(type);
  if (side != packT)
    return anchor->emitOpError() << "is scheduled to be packed, but is not only the "
                                 << (packT ? "transposed " : "") << "right operand of products";
  int64_t width = *row.getAmount(packT ? ScheduleFlag::pack_t : ScheduleFlag::pack);
  return BufType::get(type, sched::Space::local, width, packT);
}

LogicalResult TileMaterializer::convert(LoadOp op) {
  OpBuilder builder(op);
  FailureOr<BufType> type = getStorage(op.getTile(), op);
  if (failed(type))
    return failure();
  Value buf = alloc(*type, op.getLoc());
  sched::CopyOp::create(builder, op.getLoc(), op.getView(), op.getAt(), op.getUpto(), op.getPad(),
                        buf, op.getLabelAttr());
  place(op.getTile(), buf);
  return success();
}

LogicalResult TileMaterializer::convert(StoreOp op) {
  OpBuilder builder(op);
  sched::StoreOp::create(builder, op.getLoc(), buffer(op.getTile()), op.getView(), op.getAt(),
                         op.getUpto(), op.getLabelAttr());
  return success();
}

/// Rows are gathered one by one, so the tile is stored in rows.
LogicalResult TileMaterializer::convert(GatherOp op) {
  OpBuilder builder(op);
  Value buf = alloc(BufType::get(op.getTile().getType()), op.getLoc());
  sched::GatherOp::create(builder, op.getLoc(), op.getView(), op.getAt(), buffer(op.getBy()),
                          op.getAxis(), op.getUpto(), op.getPad(), buf, op.getLabelAttr());
  place(op.getTile(), buf);
  return success();
}

LogicalResult TileMaterializer::convert(ScatterOp op) {
  OpBuilder builder(op);
  sched::ScatterOp::create(builder, op.getLoc(), buffer(op.getTile()), op.getView(), op.getAt(),
                           buffer(op.getBy()), op.getAxis(), op.getUpto(), op.getLabelAttr());
  return success();
}

LogicalResult TileMaterializer::convert(ReduceStoreOp op) {
  // The order of instances is the fixed order of `two_pass` as well.
  bool atomic = op.getHow() == ReduceHow::atomic;
  if (!atomic)
    op->getParentOfType<GridOp>().setOrder(GridOrder::sequential);
  OpBuilder builder(op);
  sched::ReduceStoreOp::create(builder, op.getLoc(), op.getKind(), buffer(op.getTile()),
                               op.getView(), op.getAt(), op.getUpto(), atomic, op.getLabelAttr());
  return success();
}

/// Onto the accumulator's own buffer where it dies here, else onto a copy.
LogicalResult TileMaterializer::convert(SegmentSumOp op) {
  OpBuilder builder(op);
  Value acc = op.getAcc();
  bool read = acc == op.getX() || acc == op.getBy();
  Value out = chooseBuffer(op.getResult(), op, read ? ArrayRef<Value>() : acc);
  copy(builder, op.getLoc(), buffer(acc), out);
  sched::SegmentSumOp::create(builder, op.getLoc(), buffer(op.getX()), buffer(op.getBy()), out,
                              op.getLabelAttr());
  place(op.getResult(), out);
  return success();
}

/// A constant with different elements is a buffer of its own, laid out for its readers.
LogicalResult TileMaterializer::convert(arith::ConstantOp op) {
  OpBuilder builder(op);
  FailureOr<BufType> type = getStorage(op.getResult(), nullptr);
  if (failed(type))
    return failure();
  buffers[op.getResult()] =
      sched::ConstantOp::create(builder, op.getLoc(), *type, cast<ElementsAttr>(op.getValue()));
  return success();
}

//===----------------------------------------------------------------------===//
// Compute
//===----------------------------------------------------------------------===//

LogicalResult TileMaterializer::convert(DotOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  Value acc = op.getAcc(), scale;
  if (acc && matchPattern(acc, m_AnyZeroFloat()))
    acc = nullptr;
  if (acc)
    if (auto mul = acc.getDefiningOp<arith::MulFOp>()) { // left outside by form-maps
      scale = mul.getRhs().getDefiningOp<BroadcastOp>().getX();
      acc = mul.getLhs();
    }
  Value c;
  if (acc) {
    // The rescaling multiplication reads the accumulator on the dot's behalf.
    Operation *reader = scale ? op.getAcc().getDefiningOp() : op.getOperation();
    Value root = buffer(acc);
    bool dies = diesAt(acc, reader) && isOwned(root) && root != getRoot(buffer(op.getA())) &&
                root != getRoot(buffer(op.getB()));
    if (dies) {
      c = buffer(acc);
    } else {
      c = chooseBuffer(op.getResult(), op, {});
      copy(builder, loc, buffer(acc), c);
    }
  } else {
    c = chooseBuffer(op.getResult(), op, {});
  }
  Value a = getLeftOperand(op), b = getRightOperand(op);
  bool transA = op.getTransA() && a == buffer(op.getA());
  IntegerAttr panel;
  if (ScheduleRowAttr row = getRow(op); row && row.has(ScheduleFlag::panel))
    panel = builder.getI64IntegerAttr(*row.getAmount(ScheduleFlag::panel));
  sched::MmaOp::create(builder, loc, a, b, c, scale ? buffer(scale) : Value(), transA,
                       op.getTransB(), static_cast<bool>(acc), panel, op.getLabelAttr());
  place(op.getResult(), c);
  return success();
}

/// Operands that the body reads only at the point that it writes.
static SmallVector<Value> getPointwiseOperands(sched::MapOp op) {
  SmallVector<Value> operands;
  for (auto [operand, argument] : llvm::zip(op.getIns(), op.getBody().getArguments())) {
    auto type = cast<RankedTensorType>(argument.getType());
    bool pointwise =
        type.getShape() == op.getDomain() &&
        llvm::none_of(argument.getUsers(), [](Operation *user) { return isa<BroadcastOp>(user); });
    if (pointwise)
      operands.push_back(operand);
  }
  return operands;
}

/// Where `result`, of `op`, belongs in the concatenation that is its only reader; null
/// where there is none, or where the parts' rows are not whole rows of it.
Value TileMaterializer::getPart(Value result, Operation *op) {
  auto concat = result.hasOneUse() ? dyn_cast<ConcatOp>(*result.user_begin()) : ConcatOp();
  if (!concat || concat->getBlock() != op->getBlock())
    return nullptr;
  int64_t axis = concat.getAxis(), rank = concat.getType().getRank();
  if (axis == rank - 1)
    return nullptr;
  Value whole = buffers.lookup(concat.getResult());
  if (!whole) {
    whole = chooseBuffer(concat.getResult(), op, {});
    place(concat.getResult(), whole);
  }
  SmallVector<int64_t> at(rank, 0);
  for (Value x : concat.getXs()) {
    if (x == result)
      break;
    at[axis] += cast<RankedTensorType>(x.getType()).getDimSize(axis);
  }
  OpBuilder builder(op);
  return sched::SliceOp::create(builder, op->getLoc(),
                                BufType::get(cast<RankedTensorType>(result.getType())), whole, at);
}

LogicalResult TileMaterializer::convert(sched::MapOp op) {
  OpBuilder builder(op);
  SmallVector<Value> ins = llvm::map_to_vector(op.getIns(), [&](Value in) { return buffer(in); });
  SmallVector<Value> overwritable = getPointwiseOperands(op), outs;
  for (auto [result, yielded] : llvm::zip(op.getResults(), op.getYield().getValues())) {
    if (Value part = getPart(result, op)) {
      outs.push_back(part);
      continue;
    }
    bool reduced = isa_and_nonnull<ReduceOp>(yielded.getDefiningOp());
    Value out = chooseBuffer(result, op, reduced ? ArrayRef<Value>() : overwritable);
    // One tile per buffer: what is taken is no longer free.
    llvm::erase_if(overwritable, [&](Value operand) { return buffer(operand) == out; });
    if (llvm::is_contained(outs, out))
      out = allocTile(result.getType(), op.getLoc());
    outs.push_back(out);
  }
  auto map = sched::MapOp::create(builder, op.getLoc(), TypeRange(), op.getDomain(), ins, outs,
                                  op.getLabelAttr());
  map.getBody().takeBody(op.getBody());
  for (auto [result, out] : llvm::zip(op.getResults(), outs))
    place(result, out);
  return success();
}

/// The whole of a tile, at the origin.
static SmallVector<int64_t> zeros(int64_t rank) { return SmallVector<int64_t>(rank, 0); }

LogicalResult TileMaterializer::convert(TransposeOp op) {
  OpBuilder builder(op);
  auto type = cast<RankedTensorType>(op.getType());
  Value out = chooseBuffer(op.getResult(), op, {});
  sched::MoveOp::create(builder, op.getLoc(), buffer(op.getX()), out, zeros(type.getRank()),
                        zeros(type.getRank()), type.getShape(), op.getPerm());
  place(op.getResult(), out);
  return success();
}

LogicalResult TileMaterializer::convert(tensor::ExtractSliceOp op) {
  OpBuilder builder(op);
  auto from = cast<RankedTensorType>(op.getSource().getType());
  auto to = cast<RankedTensorType>(op.getType());
  if (from.getRank() != to.getRank() || !op.hasUnitStride() ||
      llvm::any_of(op.getStaticOffsets(), ShapedType::isDynamic))
    return op.emitOpError("must be a static slice of unit stride that keeps the rank");
  if (sharesStorage(op)) {
    buffers[op.getResult()] = sched::SliceOp::create(builder, op.getLoc(), BufType::get(to),
                                                     buffer(op.getSource()), op.getStaticOffsets());
    return success();
  }
  Value out = chooseBuffer(op.getResult(), op, {});
  sched::MoveOp::create(builder, op.getLoc(), buffer(op.getSource()), out, op.getStaticOffsets(),
                        zeros(to.getRank()), to.getShape(),
                        llvm::to_vector(llvm::seq<int64_t>(0, to.getRank())));
  place(op.getResult(), out);
  return success();
}

LogicalResult TileMaterializer::convert(ConcatOp op) {
  OpBuilder builder(op);
  auto to = cast<RankedTensorType>(op.getType());
  Value out = buffers.lookup(op.getResult());
  if (!out)
    out = chooseBuffer(op.getResult(), op, {});
  SmallVector<int64_t> at = zeros(to.getRank());
  for (Value x : op.getXs()) {
    auto from = cast<RankedTensorType>(x.getType());
    auto part = buffer(x).getDefiningOp<sched::SliceOp>();
    bool isThere = part && part.getSource() == out && part.getAt() == ArrayRef<int64_t>(at) &&
                   part.getBuffer().getType().getTile() == from;
    if (!isThere)
      sched::MoveOp::create(builder, op.getLoc(), buffer(x), out, zeros(to.getRank()), at,
                            from.getShape(), llvm::to_vector(llvm::seq<int64_t>(0, to.getRank())));
    at[op.getAxis()] += from.getDimSize(op.getAxis());
  }
  place(op.getResult(), out);
  return success();
}

LogicalResult TileMaterializer::convert(ReshapeOp op) {
  OpBuilder builder(op);
  if (sharesStorage(op)) {
    buffers[op.getResult()] =
        sched::ViewOp::create(builder, op.getLoc(), BufType::get(op.getType()), buffer(op.getX()));
    return success();
  }
  Value out = chooseBuffer(op.getResult(), op, {});
  sched::ReshapeOp::create(builder, op.getLoc(), buffer(op.getX()), out);
  place(op.getResult(), out);
  return success();
}

LogicalResult TileMaterializer::convert(ScanOp op) {
  OpBuilder builder(op);
  Value out = chooseBuffer(op.getResult(), op, op.getX());
  sched::ScanOp::create(builder, op.getLoc(), op.getKind(), buffer(op.getX()), out, op.getAxis(),
                        op.getReverse(), op.getExclusive());
  place(op.getResult(), out);
  return success();
}

LogicalResult TileMaterializer::convert(ArgMaxOp op) {
  OpBuilder builder(op);
  Value out = chooseBuffer(op.getResult(), op, {});
  sched::ArgMaxOp::create(builder, op.getLoc(), buffer(op.getX()), out, op.getAxis());
  place(op.getResult(), out);
  return success();
}

LogicalResult TileMaterializer::convert(tensor::ExtractOp op) {
  OpBuilder builder(op);
  Value scalar = sched::ScalarOp::create(builder, op.getLoc(), op.getType(), buffer(op.getTensor()),
                                         op.getIndices());
  op.getResult().replaceAllUsesWith(scalar);
  return success();
}
