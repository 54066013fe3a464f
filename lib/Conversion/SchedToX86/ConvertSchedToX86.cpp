//===- ConvertSchedToX86.cpp - Scheduled kernels into loops over vectors --===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "tegula/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

namespace tegula {
#define GEN_PASS_DEF_CONVERTSCHEDTOX86PASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

//===----------------------------------------------------------------------===//
// The arena
//===----------------------------------------------------------------------===//

LogicalResult x86::Arena::place(GridOp grid, const TargetInfo &target) {
  int64_t bytes = 0;
  for (auto alloc : grid.getBody().getOps<AllocOp>()) {
    if (failed(verifyStorage(alloc, target)))
      return failure();
    if (!alloc.getOffset())
      return alloc.emitOpError("has no place in the arena: run sched-assign-arena first");
    allocs.push_back(alloc);
    int64_t end = *alloc.getOffset() + getStorageBytes(alloc.getBuffer().getType(), target);
    bytes = std::max<int64_t>(bytes, llvm::alignTo(end, 64));
  }
  if (allocs.empty())
    return success();
  OpBuilder builder = OpBuilder::atBlockBegin(&grid.getBody().front());
  auto op = ArenaOp::create(builder, grid.getLoc(), MemRefType::get({bytes}, builder.getI8Type()));
  arena = op.getArena();
  last = op;
  for (AllocOp alloc : allocs)
    storage[alloc.getBuffer()] = view(alloc, getStorage(alloc.getBuffer().getType(), target));
  return success();
}

Value x86::Arena::view(AllocOp alloc, MemRefType type) {
  OpBuilder builder(last->getContext());
  builder.setInsertionPointAfter(last);
  Value offset = arith::ConstantIndexOp::create(builder, alloc.getLoc(), *alloc.getOffset());
  auto op =
      memref::ViewOp::create(builder, alloc.getLoc(), type, arena, offset, /*sizes=*/ValueRange{});
  last = op;
  return op;
}

Value x86::Arena::get(Value buffer, ArrayRef<int64_t> shape) {
  auto type = cast<MemRefType>(get(buffer).getType());
  if (type.getShape() == shape)
    return get(buffer);
  Value root = buffer;
  while (auto view = root.getDefiningOp<sched::ViewOp>())
    root = view.getSource();
  auto wanted = MemRefType::get(shape, type.getElementType());
  if (auto alloc = root.getDefiningOp<AllocOp>())
    return view(alloc, wanted);
  if (!type.getLayout().isIdentity())
    return nullptr;
  OpBuilder builder(buffer.getContext());
  builder.setInsertionPointAfterValue(get(buffer));
  return memref::ReinterpretCastOp::create(builder, buffer.getLoc(), wanted, get(buffer),
                                           /*offset=*/0, shape, computeSuffixProduct(shape));
}

void x86::Arena::finish() {
  for (AllocOp alloc : allocs)
    alloc.erase();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// What belongs to machines with registers, rings and roles.
static bool isBeyondThreads(Operation *op) {
  auto isFragment = [](Type type) { return isa<FragType, FlightType>(type); };
  if (llvm::any_of(op->getOperandTypes(), isFragment) ||
      llvm::any_of(op->getResultTypes(), isFragment))
    return true;
  if (auto copy = dyn_cast<CopyOp>(op))
    return copy.getEngine() || copy.getBy() || copy.getWhere();
  if (auto slice = dyn_cast<sched::SliceOp>(op))
    return !slice.getOffsets().empty() || !isa<BufType>(slice.getSource().getType()) ||
           slice.getAt().size() == 1;
  if (auto scalar = dyn_cast<ScalarOp>(op))
    return !isa<BufType>(scalar.getSource().getType());
  if (auto map = dyn_cast<MapOp>(op))
    return map.getAlong() || map.getWhen();
  return false;
}

/// Writes what `op` means in front of it.
static LogicalResult lower(x86::Context &context, Operation *op) {
  for (Value operand : op->getOperands())
    if (isa<BufType>(operand.getType()) && !context.arena.get(operand))
      return op->emitOpError("takes a buffer that is no allocation of this kernel");
  if (isBeyondThreads(op))
    return op->emitOpError("has no lowering to x86 in this form");
  OpBuilder builder(op);
  x86::Emitter emit(builder, op->getLoc(), context.target);
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](CopyOp op) -> LogicalResult {
        if (!canReadInPlace(context, op))
          return lowerCopy(context, emit, op);
        Value place = readInPlace(context, emit, op);
        context.arena.redirect(op.getDest(), place);
        return success();
      })
      .Case([&](sched::StoreOp op) { return lowerStore(context, emit, op); })
      .Case([&](sched::GatherOp op) { return lowerGather(context, emit, op); })
      .Case([&](sched::ScatterOp op) { return lowerScatter(context, emit, op); })
      .Case([&](sched::ReduceStoreOp op) { return lowerReduceStore(context, emit, op); })
      .Case([&](sched::SegmentSumOp op) { return lowerSegmentSum(context, emit, op); })
      .Case([&](MmaOp op) { return lowerMma(context, emit, op); })
      .Case([&](MapOp op) { return lowerMap(context, emit, op); })
      .Case([&](MoveOp op) { return lowerMove(context, emit, op); })
      .Case([&](sched::ReshapeOp op) { return lowerReshape(context, emit, op); })
      .Case([&](sched::ConstantOp op) { return lowerConstant(context, emit, op); })
      .Case([&](sched::SliceOp op) { return lowerSlice(context, emit, op); })
      .Case([&](sched::ViewOp op) { return lowerView(context, emit, op); })
      .Case([&](ScalarOp op) { return lowerScalar(context, emit, op); })
      .Case([&](sched::ScanOp op) { return lowerScan(context, emit, op); })
      .Case([&](sched::ArgMaxOp op) { return lowerArgMax(context, emit, op); })
      .Default([](Operation *op) { return op->emitOpError("has no lowering to x86"); });
}

namespace {

struct ConvertSchedToX86 : tegula::impl::ConvertSchedToX86PassBase<ConvertSchedToX86> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto kernel : llvm::to_vector(getOperation().getOps<sched::KernelOp>()))
      if (failed(convert(kernel, symbols)))
        return signalPassFailure();
  }

  LogicalResult convert(sched::KernelOp kernel, SymbolTable &symbols) {
    const TargetInfo *target = x86::getTarget(kernel);
    if (!target)
      return failure();
    GridOp grid = *kernel.getBody().front().getOps<GridOp>().begin();
    SmallVector<Operation *> ops;
    grid.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isa<SchedDialect>(op->getDialect()) && !isa<AllocOp, sched::YieldOp>(op))
        ops.push_back(op);
    });
    SmallVector<Operation *> buffers;
    x86::Arena arena;
    if (failed(arena.place(grid, *target)))
      return failure();
    x86::Context context{arena, *target, symbols};
    for (Operation *op : ops) {
      if (failed(lower(context, op)))
        return failure();
      if (op->getNumResults() == 0 || op->use_empty())
        op->erase();
      else
        buffers.push_back(op); // a slice or view, which later ops name
    }
    for (Operation *op : llvm::reverse(buffers))
      op->erase();
    arena.finish();
    return success();
  }
};

} // namespace
