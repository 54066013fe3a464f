//===- TegulaToLoops.cpp - Tile programs as scalar loops -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The driver: buffers, which op is lowered by whom, and what surrounds a kernel.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "tegula/Conversion/Passes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Dominance.h"
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
  return isa<RankedTensorType, SoftmaxType, sched::BufType, sched::FragType, sched::FlightType>(
      type);
}

SmallVector<RankedTensorType, 3> loops::getTiles(Type type) {
  if (auto state = dyn_cast<SoftmaxType>(type))
    return llvm::map_to_vector<3>(state.getPartTypes(),
                                  [](Type part) { return cast<RankedTensorType>(part); });
  if (auto buf = dyn_cast<sched::BufType>(type))
    return {buf.getTile()};
  if (auto frag = dyn_cast<sched::FragType>(type))
    return {frag.getTile()};
  if (auto flight = dyn_cast<sched::FlightType>(type))
    return {flight.getTile()};
  return {cast<RankedTensorType>(type)};
}

/// Tiles, and what rings are made of.
static bool isToBeLowered(Type type) {
  return isTileLevel(type) || isa<sched::SlotType, sched::ChanType, sched::BatonType>(type);
}

static bool touchesTiles(Operation *op) {
  return llvm::any_of(op->getOperandTypes(), isToBeLowered) ||
         llvm::any_of(op->getResultTypes(), isToBeLowered);
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

Value Lowering::allocateHere(MemRefType type, Value count) {
  allocatedLate.push_back(memref::AllocOp::create(b, type, count));
  return allocatedLate.back();
}

ArrayRef<Value> Lowering::buffers(Value value) const {
  auto it = tiles.find(value);
  assert(it != tiles.end() && "operands are lowered before their users");
  return it->second;
}

ArrayRef<Value> Lowering::define(Value value) {
  Buffers fresh = llvm::map_to_vector<3>(getTiles(value.getType()),
                                         [&](RankedTensorType tile) { return allocate(tile); });
  return tiles[value] = std::move(fresh);
}

void Lowering::alias(Value value, ArrayRef<Value> existing) { tiles[value] = Buffers(existing); }

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
  if (auto role = dyn_cast<sched::RoleOp>(op))
    return lowerRole(role);
  if (auto phase = dyn_cast<sched::PhaseOp>(op))
    return lowerPhase(phase);
  if (OpTrait::hasElementwiseMappableTraits(op))
    return lowerElementwise(op);
  auto exp2 = dyn_cast<Exp2Op>(op);
  bool isScalarExp2 = exp2 && isa<FloatType>(exp2.getType());
  bool isScheduled = isa_and_present<sched::SchedDialect>(op->getDialect());
  if (!touchesTiles(op) && !isScalarExp2 && !isScheduled)
    return lowerRegions(op);
  b.setInsertionPoint(op);
  b.setLoc(op->getLoc());
  lowered.push_back(op);
  // Credits and turns order what runs one after the other here; values are ready at once.
  if (isa<sched::CommitOp, sched::ReleaseOp, sched::BatonOp, sched::TurnOp, sched::PassOp,
          sched::FinishOp>(op))
    return success();
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case<LoadOp, StoreOp, DotOp, ReduceOp, ArgMaxOp, ScanOp, BroadcastOp, TransposeOp, ReshapeOp,
            ConcatOp, IotaOp, Exp2Op, arith::ConstantOp, tensor::SplatOp, tensor::FromElementsOp,
            tensor::ExtractOp, tensor::ExtractSliceOp, SoftmaxInitOp, SoftmaxUpdateOp,
            SoftmaxMergeOp, SoftmaxStateOp, SoftmaxPartsOp, SoftmaxFinishOp, GatherOp, ScatterOp,
            ReduceStoreOp, LowRankDotOp, ButterflyOp, SegmentIdsOp, SegmentSumOp, sched::AllocOp,
            sched::ConstantOp, sched::SliceOp, sched::ViewOp, sched::CopyOp, sched::StoreOp,
            sched::GatherOp, sched::ScatterOp, sched::ReduceStoreOp, sched::SegmentSumOp,
            sched::MmaOp, sched::MoveOp, sched::ReshapeOp, sched::ScanOp, sched::ArgMaxOp,
            sched::ScalarOp, sched::DiffersOp, sched::TripsOp, sched::ChannelOp, sched::AcquireOp,
            sched::WaitOp, sched::DrainOp, sched::PartOp, sched::LoadOp, sched::FillOp,
            sched::SplatOp, sched::ConvertOp, sched::MmaWaitOp, sched::CutOp, sched::ConcatOp,
            sched::TakeOp>([&](auto known) { return lower(known, *this); })
      .Default([](Operation *other) {
        return other->emitOpError("takes or gives a tile and has no meaning as scalar loops");
      });
}

/// An op that carries no tile itself: what it holds is lowered in place.
LogicalResult Lowering::lowerRegions(Operation *op) {
  for (Region &region : op->getRegions())
    for (Block &block : region) {
      if (llvm::any_of(block.getArgumentTypes(), isToBeLowered))
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

/// Frees the buffers where the instance ends: behind everything, and before each check
/// where it fails, as a failed check ends the instance.
void Lowering::freeBuffers() {
  DominanceInfo dominance(grid);
  auto freeAll = [&](Operation *where) {
    for (Value memory : allocated)
      memref::DeallocOp::create(b, memory);
    for (Value memory : allocatedLate)
      if (dominance.properlyDominates(memory, where))
        memref::DeallocOp::create(b, memory);
  };
  if (allocated.empty() && allocatedLate.empty())
    return;
  Value yes = b.number(b.getI1Type(), 1);
  grid.walk([&](CheckOp check) {
    b.setInsertionPoint(check);
    b.setLoc(check.getLoc());
    Value fails = arith::XOrIOp::create(b, check.getCondition(), yes);
    b.when(fails, [&] { freeAll(check); });
  });
  Operation *end = grid.getBody().front().getTerminator();
  b.setInsertionPoint(end);
  b.setLoc(grid.getLoc());
  freeAll(end);
}

LogicalResult Lowering::run() {
  if (failed(checkTypes()) || failed(sinkLaunchTiles()) || failed(rings.plan(grid)))
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
  freeBuffers();
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
