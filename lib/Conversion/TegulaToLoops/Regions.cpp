//===- Regions.cpp - Streams, branches and maps over buffers -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How tiles get into and out of regions: through buffers. Scalars stay values.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::loops;

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

/// Types of the scalars among `types`; a slot is the number of its generation.
static SmallVector<Type> getScalarTypes(TypeRange types) {
  SmallVector<Type> scalars;
  for (Type type : types) {
    if (isa<sched::SlotType>(type))
      scalars.push_back(IndexType::get(type.getContext()));
    else if (!isTileLevel(type))
      scalars.push_back(type);
  }
  return scalars;
}

/// Moves `body` of the loop-like `op` into `loop`. Carried tiles live in buffers that
/// are filled before the loop and overwritten at the end of every trip.
LogicalResult Lowering::lowerLoopBody(Operation *op, Block &body, scf::ForOp loop, Value position,
                                      ValueRange inits) {
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
  SmallVector<Value> scalars =
      llvm::filter_to_vector(inits, [](Value init) { return !isTileLevel(init.getType()); });
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
  scf::ForOp loop =
      createLoop(b, op.getLowerBound(), op.getUpperBound(), op.getStep(), op.getInitArgs());
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

/// map  ->  its ops one after the other on whole tiles; then what is yielded beyond the
/// results goes to the outs, so that an out which is also an operand is read before it
/// is written
LogicalResult Lowering::lowerMap(sched::MapOp op) {
  Block &body = op.getBody().front();
  for (auto [argument, operand] : llvm::zip(body.getArguments(), op.getIns()))
    alias(argument, SmallVector<Value>(buffers(operand)));
  lowered.push_back(op);
  SmallVector<Operation *> ops =
      llvm::map_to_vector(body.without_terminator(), [](Operation &inner) { return &inner; });
  for (Operation *inner : ops) {
    inner->moveBefore(op);
    if (failed(lowerOp(inner)))
      return failure();
  }
  sched::YieldOp yield = op.getYield();
  unsigned results = op.getNumResults();
  b.setInsertionPoint(op);
  b.setLoc(op.getLoc());
  SmallVector<Value> sources, targets;
  for (auto [i, value] : llvm::enumerate(yield.getValues())) {
    if (i >= results) {
      sources.push_back(buffer(value));
      targets.push_back(buffer(op.getOuts()[i - results]));
    } else if (op.getWhen()) {
      // Skipped, the map gives its operands.
      Value result = define(op.getResult(i)).front();
      copy(buffer(op.getIns()[i]), result);
      sources.push_back(buffer(value));
      targets.push_back(result);
    } else {
      alias(op.getResult(i), SmallVector<Value>(buffers(value)));
    }
  }
  auto write = [&] { copyAll(sources, targets); };
  if (op.getWhen())
    b.when(op.getWhen(), write);
  else
    write();
  lowered.push_back(yield);
  return success();
}
