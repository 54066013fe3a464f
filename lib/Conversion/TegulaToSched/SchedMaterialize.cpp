//===- SchedMaterialize.cpp - Tiles into buffers --------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileMaterializer.h"

#include "tegula/Conversion/Passes.h"

#include "mlir/IR/SymbolTable.h"

namespace tegula {
#define GEN_PASS_DEF_SCHEDMATERIALIZEPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;
using sched::BufType;

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

/// Copies each tile into its buffer, all at once: a buffer that is still to be
/// read is saved first.
void TileMaterializer::store(OpBuilder &builder, Location loc, ValueRange tiles,
                             ArrayRef<Value> homes) {
  SmallVector<std::pair<Value, Value>> moves;
  for (auto [tile, home] : llvm::zip(tiles, homes)) {
    Value from = buffer(tile);
    if (from != home)
      moves.emplace_back(from, home);
  }
  for (auto &[from, to] : moves) {
    bool overwritten = llvm::any_of(
        moves, [&, from = from](auto &other) { return other.second == getRoot(from); });
    if (!overwritten)
      continue;
    Value saved = alloc(cast<BufType>(from.getType()), loc);
    copy(builder, loc, from, saved);
    from = saved;
  }
  for (auto [from, to] : moves)
    copy(builder, loc, from, to);
}

LogicalResult TileMaterializer::convert(StreamOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  SmallVector<Value> scalars, homes;
  SmallVector<unsigned> tileIndices, scalarIndices;
  SmallVector<Value> copied;
  for (auto [i, init] : llvm::enumerate(op.getInitArgs())) {
    if (!isTile(init)) {
      scalarIndices.push_back(i);
      scalars.push_back(init);
      continue;
    }
    tileIndices.push_back(i);
    // The initial value's own buffer, where nothing else reads it.
    Value home = buffer(init);
    bool ours = diesAt(init, op) && isOwned(home) && llvm::count(op.getInitArgs(), init) == 1 &&
                !cast<BufType>(home.getType()).isPacked() &&
                llvm::all_of(init.getUsers(), [&](Operation *user) { return user == op; });
    if (!ours) {
      home = wanted.lookup(op.getResult(i));
      Operation *last = home ? lastUse.lookup(tenants.lookup(home)) : nullptr;
      bool free = home && last && last->getBlock() == op->getBlock() && last->isBeforeInBlock(op);
      if (!free)
        home = allocTile(init.getType(), loc);
      copy(builder, loc, buffer(init), home);
    }
    homes.push_back(home);
  }

  // Positions lo, lo + step, .. of the trips, in the stream's order.
  Value step = arith::ConstantIndexOp::create(builder, loc, op.getStep());
  auto loop = scf::ForOp::create(builder, loc, op.getLo(), op.getHi(), step, scalars);
  Block *body = loop.getBody();
  if (!body->empty() && body->back().hasTrait<OpTrait::IsTerminator>())
    body->back().erase();
  builder.setInsertionPointToStart(body);
  Value position = loop.getInductionVar();
  if (op.getOrder() == StreamOrder::down) {
    // first + last - i, where last = lo + floor((hi - 1 - lo) / step) * step
    Value one = arith::ConstantIndexOp::create(builder, loc, 1);
    Value span = arith::SubIOp::create(
        builder, loc, arith::SubIOp::create(builder, loc, op.getHi(), one), op.getLo());
    Value whole =
        arith::MulIOp::create(builder, loc, arith::DivUIOp::create(builder, loc, span, step), step);
    Value passed = arith::SubIOp::create(builder, loc, position, op.getLo());
    position = arith::AddIOp::create(builder, loc, op.getLo(),
                                     arith::SubIOp::create(builder, loc, whole, passed));
  }
  op.getPosition().replaceAllUsesWith(position);
  for (auto [i, index] : llvm::enumerate(scalarIndices)) {
    op.getCarried()[index].replaceAllUsesWith(loop.getRegionIterArg(i));
    op.getResult(index).replaceAllUsesWith(loop.getResult(i));
  }
  for (auto [index, home] : llvm::zip(tileIndices, homes)) {
    place(op.getCarried()[index], home);
    Value yielded = op.getYield().getValues()[index];
    if (yielded.getParentBlock() == &op.getBody().front() && !isa<BlockArgument>(yielded))
      wanted[yielded] = home;
  }

  Block &old = op.getBody().front();
  body->getOperations().splice(body->end(), old.getOperations());
  auto yield = cast<tegula::YieldOp>(body->back());
  ScheduleAttr outer = std::exchange(schedule, op.getScheduleAttr());
  if (failed(convertBlock(*body)))
    return failure();
  schedule = outer;
  builder.setInsertionPoint(yield);
  SmallVector<Value> tiles, scalarYields;
  for (unsigned index : tileIndices)
    tiles.push_back(yield.getValues()[index]);
  for (unsigned index : scalarIndices)
    scalarYields.push_back(yield.getValues()[index]);
  store(builder, loc, tiles, homes);
  scf::YieldOp::create(builder, loc, scalarYields);
  yield.erase();
  for (auto [index, home] : llvm::zip(tileIndices, homes))
    place(op.getResult(index), home);
  return success();
}

LogicalResult TileMaterializer::convert(scf::IfOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  SmallVector<Type> scalarTypes;
  SmallVector<Value> homes;
  for (Value result : op.getResults()) {
    if (!isTile(result))
      scalarTypes.push_back(result.getType());
    else
      homes.push_back(allocTile(result.getType(), loc));
  }
  auto branch = scf::IfOp::create(builder, loc, scalarTypes, op.getCondition(),
                                  /*withElseRegion=*/!op.getElseRegion().empty());
  for (auto [from, to] : llvm::zip(op->getRegions(), branch->getRegions())) {
    if (from.empty())
      continue;
    Block &block = to.front();
    if (!block.empty())
      block.clear();
    block.getOperations().splice(block.end(), from.front().getOperations());
    if (failed(convertBlock(block)))
      return failure();
    auto yield = cast<scf::YieldOp>(block.getTerminator());
    builder.setInsertionPoint(yield);
    SmallVector<Value> tiles, scalars;
    for (Value value : yield.getOperands())
      (isTile(value) ? tiles : scalars).push_back(value);
    store(builder, loc, tiles, homes);
    scf::YieldOp::create(builder, loc, scalars);
    yield.erase();
  }
  unsigned nextScalar = 0, nextTile = 0;
  for (Value result : op.getResults()) {
    if (isTile(result))
      place(result, homes[nextTile++]);
    else
      result.replaceAllUsesWith(branch.getResult(nextScalar++));
  }
  return success();
}

LogicalResult TileMaterializer::convert(Operation *op) {
  auto touchesTiles = [](Operation *op) {
    return llvm::any_of(op->getOperandTypes(), [](Type type) { return isTile(type); }) ||
           llvm::any_of(op->getResultTypes(), [](Type type) { return isTile(type); });
  };
  bool isLoop = isa<StreamOp>(op);
  if (!isLoop && !isa<scf::IfOp>(op) && !touchesTiles(op))
    return op->getNumRegions() == 0 ? success()
                                    : LogicalResult(op->emitOpError("has no scheduled form"));
  if (op->hasTrait<OpTrait::IsTerminator>())
    return success();
  if (isa<scf::IfOp>(op) && op->getNumResults() == 0 && !op->getRegion(0).empty()) {
    for (Region &region : op->getRegions())
      if (!region.empty() && failed(convertBlock(region.front())))
        return failure();
    return success();
  }
  // Read by the dot that rescales its accumulator; its broadcast likewise.
  if (isa<arith::MulFOp, BroadcastOp>(op)) {
    done.push_back(op);
    return success();
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(op);
      constant && isa<SplatElementsAttr>(constant.getValue())) {
    done.push_back(op);
    return success();
  }
  LogicalResult result =
      llvm::TypeSwitch<Operation *, LogicalResult>(op)
          .Case<LoadOp, StoreOp, GatherOp, ScatterOp, ReduceStoreOp, SegmentSumOp, DotOp,
                sched::MapOp, TransposeOp, tensor::ExtractSliceOp, ConcatOp, ReshapeOp, ScanOp,
                ArgMaxOp, arith::ConstantOp, tensor::ExtractOp, StreamOp, scf::IfOp>(
              [&](auto op) { return convert(op); })
          .Default([](Operation *op) { return op->emitOpError("has no scheduled form"); });
  done.push_back(op);
  return result;
}

LogicalResult TileMaterializer::convertBlock(Block &block) {
  SmallVector<Operation *> ops = llvm::map_to_vector(block, [](Operation &op) { return &op; });
  for (Operation *op : ops)
    if (failed(convert(op)))
      return failure();
  return success();
}

FailureOr<sched::KernelOp> TileMaterializer::run() {
  auto grid = *kernel.getBody().getOps<GridOp>().begin();
  Block &block = grid.getBody().front();
  // Constant tiles gather in the launch part, but instances copy them in.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*grid->getBlock())))
    if (isa<arith::ConstantOp>(op) && isTile(op.getResult(0).getType()))
      op.moveBefore(&block, block.begin());
  findLastUses();
  allocs.setInsertionPointToStart(&block);
  if (failed(convertBlock(block)))
    return failure();
  for (Operation *op : done)
    op->dropAllReferences();
  for (Operation *op : llvm::reverse(done))
    op->erase();
  OpBuilder builder(kernel);
  auto scheduled = sched::KernelOp::create(builder, kernel.getLoc(), kernel.getSymNameAttr(),
                                           kernel.getArgsAttr(), builder.getStringAttr(targetName));
  scheduled.getBody().takeBody(kernel.getBody());
  kernel.erase();
  return scheduled;
}

namespace {

struct SchedMaterialize : tegula::impl::SchedMaterializePassBase<SchedMaterialize> {
  using SchedMaterializePassBase::SchedMaterializePassBase;

  void runOnOperation() override {
    const TargetInfo *info = TargetInfo::lookup(target);
    if (!info) {
      getOperation()->emitError() << "unknown target '" << target << "'";
      return signalPassFailure();
    }
    SmallVector<KernelOp> kernels;
    getOperation()->walk([&](KernelOp kernel) { kernels.push_back(kernel); });
    for (KernelOp kernel : kernels)
      if (failed(TileMaterializer(kernel, target, *info).run()))
        return signalPassFailure();
  }
};

} // namespace
