//===- TegulaToLoops.cpp - Tile programs as scalar loops -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The driver: what a kernel's regions become, and which op is lowered by whom.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "tegula/Conversion/Passes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/TypeSwitch.h"

namespace tegula {
#define GEN_PASS_DEF_TEGULATOLOOPSPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;
using namespace tegula::loops;

bool loops::isTileLevel(Type type) {
  return isa<RankedTensorType, SoftmaxType, sched::BufType>(type);
}

SmallVector<RankedTensorType, 3> loops::getTiles(Type type) {
  if (auto state = dyn_cast<SoftmaxType>(type))
    return llvm::map_to_vector<3>(state.getPartTypes(),
                                  [](Type part) { return cast<RankedTensorType>(part); });
  if (auto buf = dyn_cast<sched::BufType>(type))
    return {buf.getTile()};
  return {cast<RankedTensorType>(type)};
}

static bool touchesTiles(Operation *op) {
  return llvm::any_of(op->getOperandTypes(), isTileLevel) ||
         llvm::any_of(op->getResultTypes(), isTileLevel);
}

static GridOp getGrid(KernelOpInterface kernel) {
  return cast<GridOp>(kernel.getKernelBlock()->getTerminator()->getPrevNode());
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

Lowering::Lowering(KernelOpInterface kernel)
    : grid(getGrid(kernel)), launch(kernel.getKernelBlock()), b(kernel.getLoc(), launch) {}

Value Lowering::allocate(RankedTensorType type) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(entry);
  auto memory = MemRefType::get(type.getShape(), type.getElementType());
  allocated.push_back(memref::AllocOp::create(b, memory));
  return allocated.back();
}

ArrayRef<Value> Lowering::buffers(Value value) const {
  auto it = tiles.find(value);
  assert(it != tiles.end() && "operands are lowered before their users");
  return it->second;
}

ArrayRef<Value> Lowering::define(Value value) {
  Buffers fresh = llvm::map_to_vector<3>(
      getTiles(value.getType()), [&](RankedTensorType tile) { return allocate(tile); });
  return tiles[value] = std::move(fresh);
}

void Lowering::alias(Value value, ArrayRef<Value> existing) {
  tiles[value] = Buffers(existing);
}

void Lowering::atEntry(llvm::function_ref<void()> body) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(entry);
  body();
}

void Lowering::copy(Value from, Value to) {
  b.nest(cast<MemRefType>(from.getType()).getShape(),
         [&](ValueRange i) { b.store(b.load(from, i), to, i); });
}

/// All copies at once: a source that another copy overwrites is saved first.
void Lowering::copyAll(ValueRange from, ArrayRef<Value> to) {
  SmallVector<Value> sources(from);
  for (auto [source, target] : llvm::zip(sources, to)) {
    if (source == target || !llvm::is_contained(to, source))
      continue;
    auto type = cast<MemRefType>(source.getType());
    Value saved = allocate(RankedTensorType::get(type.getShape(), type.getElementType()));
    copy(source, saved);
    source = saved;
  }
  for (auto [source, target] : llvm::zip(sources, to))
    if (source != target)
      copy(source, target);
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

/// Splits values into scalars and the buffers of tiles.
static void split(Lowering &lowering, ValueRange values, SmallVectorImpl<Value> &scalars,
                  SmallVectorImpl<Value> &buffers) {
  for (Value value : values) {
    if (isTileLevel(value.getType()))
      llvm::append_range(buffers, lowering.buffers(value));
    else
      scalars.push_back(value);
  }
}

static SmallVector<Type> getScalarTypes(TypeRange types) {
  return llvm::filter_to_vector(types, [](Type type) { return !isTileLevel(type); });
}

/// Moves `body` of the loop-like `op` into `loop`. Carried tiles live in buffers that
/// are filled before the loop and overwritten at the end of every trip.
LogicalResult Lowering::lowerLoopBody(Operation *op, Block &body, scf::ForOp loop,
                                      Value position, ValueRange inits) {
  SmallVector<Value> carriedBuffers, initBuffers, scalarInits;
  split(*this, inits, scalarInits, initBuffers);
  auto scalars = loop.getRegionIterArgs().begin();
  auto scalarResults = loop.result_begin();
  body.getArgument(0).replaceAllUsesWith(position);
  for (auto [carried, result] : llvm::zip(body.getArguments().drop_front(), op->getResults())) {
    if (!isTileLevel(carried.getType())) {
      carried.replaceAllUsesWith(*scalars++);
      result.replaceAllUsesWith(*scalarResults++);
      continue;
    }
    SmallVector<Value> fresh(define(carried));
    alias(result, fresh);
    llvm::append_range(carriedBuffers, fresh);
  }
  b.setInsertionPoint(loop);
  copyAll(initBuffers, carriedBuffers);

  Block *inside = loop.getBody();
  inside->getOperations().splice(inside->end(), body.getOperations());
  lowered.push_back(op);
  if (failed(lowerBlock(*inside)))
    return failure();
  Operation *yield = &inside->back();
  SmallVector<Value> yieldedBuffers, yieldedScalars;
  split(*this, yield->getOperands(), yieldedScalars, yieldedBuffers);
  b.setInsertionPoint(yield);
  b.setLoc(yield->getLoc());
  copyAll(yieldedBuffers, carriedBuffers);
  scf::YieldOp::create(b, yieldedScalars);
  yield->erase();
  return success();
}

/// An empty loop that carries the scalars among `inits`.
static scf::ForOp createLoop(LoopBuilder &b, Value lo, Value hi, Value step, ValueRange inits) {
  SmallVector<Value> scalars = llvm::filter_to_vector(
      inits, [](Value init) { return !isTileLevel(init.getType()); });
  auto loop = scf::ForOp::create(b, lo, hi, step, scalars);
  loop.getBody()->getOperations().clear();
  return loop;
}

/// stream %n = %lo to %hi step s  ->  scf.for over positions, or over trips if `down`
LogicalResult Lowering::lowerStream(StreamOp op) {
  b.setInsertionPoint(op);
  b.setLoc(op.getLoc());
  Block &body = op.getBody().front();
  Value step = b.index(op.getStep());
  if (op.getOrder() != StreamOrder::down) {
    scf::ForOp loop = createLoop(b, op.getLo(), op.getHi(), step, op.getInitArgs());
    return lowerLoopBody(op, body, loop, loop.getInductionVar(), op.getInitArgs());
  }
  Value length = b.sub(op.getHi(), op.getLo());
  Value roundedUp = b.add(length, b.index(op.getStep() - 1));
  Value trips = arith::DivSIOp::create(b, roundedUp, step);
  scf::ForOp loop = createLoop(b, b.index(0), trips, b.index(1), op.getInitArgs());
  b.setInsertionPointToStart(loop.getBody());
  Value left = b.sub(b.sub(trips, b.index(1)), loop.getInductionVar());
  Value position = b.add(op.getLo(), b.mul(left, step));
  return lowerLoopBody(op, body, loop, position, op.getInitArgs());
}

LogicalResult Lowering::lowerFor(scf::ForOp op) {
  b.setInsertionPoint(op);
  b.setLoc(op.getLoc());
  scf::ForOp loop = createLoop(b, op.getLowerBound(), op.getUpperBound(), op.getStep(),
                               op.getInitArgs());
  loop.setUnsignedCmp(op.getUnsignedCmp());
  return lowerLoopBody(op, *op.getBody(), loop, loop.getInductionVar(), op.getInitArgs());
}

/// if -> (tile)  ->  if whose branches both fill one buffer
LogicalResult Lowering::lowerIf(scf::IfOp op) {
  b.setInsertionPoint(op);
  b.setLoc(op.getLoc());
  auto branch = scf::IfOp::create(b, getScalarTypes(op.getResultTypes()), op.getCondition(),
                                  /*addThenBlock=*/false, /*addElseBlock=*/false);
  branch.getThenRegion().takeBody(op.getThenRegion());
  branch.getElseRegion().takeBody(op.getElseRegion());
  SmallVector<Value> targets;
  auto scalarResults = branch.result_begin();
  for (Value result : op.getResults()) {
    if (isTileLevel(result.getType()))
      llvm::append_range(targets, define(result));
    else
      result.replaceAllUsesWith(*scalarResults++);
  }
  lowered.push_back(op);
  for (Region *region : {&branch.getThenRegion(), &branch.getElseRegion()}) {
    Block &block = region->front();
    if (failed(lowerBlock(block)))
      return failure();
    Operation *yield = &block.back();
    SmallVector<Value> scalars, sources;
    split(*this, yield->getOperands(), scalars, sources);
    b.setInsertionPoint(yield);
    copyAll(sources, targets);
    scf::YieldOp::create(b, scalars);
    yield->erase();
  }
  return success();
}

/// map  ->  its ops one after the other on whole tiles; then what is yielded goes to
/// the outs, so that an out which is also an operand is read before it is written
LogicalResult Lowering::lowerMap(sched::MapOp op) {
  Block &body = op.getBody().front();
  for (auto [argument, operand] : llvm::zip(body.getArguments(), op.getIns()))
    alias(argument, SmallVector<Value>(buffers(operand)));
  lowered.push_back(op);
  SmallVector<Operation *> ops = llvm::map_to_vector(body.without_terminator(),
                                                     [](Operation &inner) { return &inner; });
  for (Operation *inner : ops) {
    inner->moveBefore(op);
    if (failed(lowerOp(inner)))
      return failure();
  }
  sched::YieldOp yield = op.getYield();
  for (auto [result, value] : llvm::zip(op.getResults(), yield.getValues()))
    alias(result, SmallVector<Value>(buffers(value)));
  SmallVector<Value> scalars, sources, targets;
  split(*this, yield.getValues(), scalars, sources);
  split(*this, op.getOuts(), scalars, targets);
  b.setInsertionPoint(op);
  b.setLoc(op.getLoc());
  if (!targets.empty())
    copyAll(sources, targets);
  lowered.push_back(yield);
  return success();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// True where an op on scalars needs another form: 16-bit arithmetic, division, |i|.
static bool needsRewriting(Operation *op) {
  if (isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, arith::FloorDivSIOp,
          arith::CeilDivSIOp, arith::CeilDivUIOp, math::AbsIOp>(op))
    return true;
  if (isa<arith::SelectOp, arith::BitcastOp>(op))
    return false;
  auto is16Bit = [](Type type) { return isa<Float16Type, BFloat16Type>(type); };
  return llvm::any_of(op->getOperandTypes(), is16Bit) ||
         llvm::any_of(op->getResultTypes(), is16Bit);
}

/// Any elementwise op: a nest that applies it to one element of each operand.
LogicalResult Lowering::lowerElementwise(Operation *op) {
  b.setInsertionPoint(op);
  b.setLoc(op->getLoc());
  if (!touchesTiles(op)) {
    if (!needsRewriting(op))
      return success();
    op->replaceAllUsesWith(b.apply(op, op->getOperands()));
    lowered.push_back(op);
    return success();
  }
  SmallVector<Value> operands, results;
  for (Value operand : op->getOperands())
    operands.push_back(isTileLevel(operand.getType()) ? buffer(operand) : operand);
  for (Value result : op->getResults())
    results.push_back(define(result).front());
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  b.nest(type.getShape(), [&](ValueRange i) {
    SmallVector<Value> scalars;
    for (Value operand : operands)
      scalars.push_back(isa<MemRefType>(operand.getType()) ? b.load(operand, i) : operand);
    for (auto [value, result] : llvm::zip(b.apply(op, scalars), results))
      b.store(value, result, i);
  });
  lowered.push_back(op);
  return success();
}

LogicalResult Lowering::lowerOp(Operation *op) {
  if (auto stream = dyn_cast<StreamOp>(op))
    return lowerStream(stream);
  if (auto loop = dyn_cast<scf::ForOp>(op); loop && touchesTiles(op))
    return lowerFor(loop);
  if (auto branch = dyn_cast<scf::IfOp>(op); branch && touchesTiles(op))
    return lowerIf(branch);
  if (auto map = dyn_cast<sched::MapOp>(op))
    return lowerMap(map);
  if (OpTrait::hasElementwiseMappableTraits(op))
    return lowerElementwise(op);
  auto exp2 = dyn_cast<Exp2Op>(op);
  bool isScalarExp2 = exp2 && isa<FloatType>(exp2.getType());
  if (!touchesTiles(op) && !isScalarExp2)
    return lowerRegions(op);
  b.setInsertionPoint(op);
  b.setLoc(op->getLoc());
  lowered.push_back(op);
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case<LoadOp, StoreOp, DotOp, ReduceOp, ArgMaxOp, ScanOp, BroadcastOp, TransposeOp,
            ReshapeOp, ConcatOp, IotaOp, Exp2Op, arith::ConstantOp, tensor::SplatOp,
            tensor::FromElementsOp, tensor::ExtractOp, tensor::ExtractSliceOp, SoftmaxInitOp,
            SoftmaxUpdateOp, SoftmaxMergeOp, SoftmaxStateOp, SoftmaxPartsOp, SoftmaxFinishOp,
            sched::AllocOp, sched::CopyOp, sched::StoreOp, sched::MmaOp, sched::MoveOp,
            sched::ReshapeOp, sched::ScanOp, sched::ArgMaxOp>(
          [&](auto known) { return lower(known, *this); })
      .Default([](Operation *other) {
        return other->emitOpError("takes or gives a tile and has no meaning as scalar loops");
      });
}

/// An op that carries no tile itself: what it holds is lowered in place.
LogicalResult Lowering::lowerRegions(Operation *op) {
  for (Region &region : op->getRegions())
    for (Block &block : region) {
      if (llvm::any_of(block.getArgumentTypes(), isTileLevel))
        return op->emitOpError("hands a tile to its body and has no meaning as scalar loops");
      if (failed(lowerBlock(block)))
        return failure();
    }
  return success();
}

LogicalResult Lowering::lowerBlock(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(block.without_terminator()))
    if (failed(lowerOp(&op)))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

/// 8-bit floats have no scalar arithmetic here, and loops need extents.
LogicalResult Lowering::checkTypes() {
  WalkResult result = launch->walk([&](Operation *op) {
    SmallVector<Type> types(op->getOperandTypes());
    llvm::append_range(types, op->getResultTypes());
    for (Type type : types) {
      if (auto tile = dyn_cast<RankedTensorType>(type); tile && !tile.hasStaticShape()) {
        op->emitOpError() << "has a tile of dynamic shape " << tile;
        return WalkResult::interrupt();
      }
      if (isa<BaseMemRefType>(type))
        continue;
      auto elem = dyn_cast<FloatType>(getElementTypeOrSelf(type));
      if (elem && elem.getWidth() == 8) {
        op->emitOpError() << "computes with elements of type " << elem
                          << ", which plain loops do not support";
        return WalkResult::interrupt();
      }
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// Tile constants and their like in the launch part belong to the instances: they are
/// moved into the grid.
LogicalResult Lowering::sinkLaunchTiles() {
  Operation *first = &grid.getBody().front().front();
  for (Operation &op : llvm::make_early_inc_range(*launch)) {
    if (&op == grid)
      break;
    if (!touchesTiles(&op))
      continue;
    op.moveBefore(first);
  }
  for (Operation &op : llvm::make_early_inc_range(*launch))
    for (Value operand : op.getOperands())
      if (Operation *source = operand.getDefiningOp(); source && grid->isAncestor(source))
        return op.emitOpError("in the launch part depends on a tile");
  return success();
}

LogicalResult Lowering::run() {
  if (failed(checkTypes()) || failed(sinkLaunchTiles()))
    return failure();
  Block &instance = grid.getBody().front();
  b.setInsertionPointToStart(&instance);
  entry = arith::ConstantOp::create(b, b.getIndexAttr(0));
  for (Operation &op : llvm::make_early_inc_range(*launch)) {
    if (&op == grid)
      break;
    if (failed(lowerOp(&op)))
      return failure();
  }
  if (failed(lowerBlock(instance)))
    return failure();
  b.setInsertionPoint(instance.getTerminator());
  b.setLoc(grid.getLoc());
  for (Value memory : allocated)
    memref::DeallocOp::create(b, memory);
  for (Operation *op : llvm::reverse(lowered))
    op->erase();
  entry->erase();
  return success();
}

namespace {

struct TegulaToLoops : tegula::impl::TegulaToLoopsPassBase<TegulaToLoops> {
  void runOnOperation() override {
    SmallVector<KernelOpInterface> kernels(getOperation().getOps<KernelOpInterface>());
    for (KernelOpInterface kernel : kernels)
      if (failed(Lowering(kernel).run()))
        return signalPassFailure();
  }
};

} // namespace
