//===- KernelToFunc.cpp - Kernels into functions of the host ABI ----------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   tegula.kernel @f(in %x, out %y, %v) {        func @f.bind(%args, %counts)
//     launch part, requires                        launch part, requires, counts
//     tegula.grid (%i) to (%n) step (64) {       func @f.run(%args, %arena, %first, %last)
//       body                                ->     for each instance: call @f.instance
//     }                                          func @f.instance(%args, %arena, %i)
//     tegula.return                                launch part, body
//   }                                            tegula.entry "f" ...
//
// The body is a function of its own so that what it puts on the stack lives as
// long as one instance, and so that a failed check can leave it by a return.
//
//===----------------------------------------------------------------------===//

#include "ArgumentBlock.h"

#include "tegula/Conversion/Passes.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Runtime/HostABI.h"
#include "tegula/Support/SymbolName.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/IRMapping.h"

namespace tegula {
#define GEN_PASS_DEF_CONVERTKERNELTOFUNCPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;

//===----------------------------------------------------------------------===//
// One kernel
//===----------------------------------------------------------------------===//

namespace {

/// Turns one kernel into its functions and its entry.
class KernelOutliner {
public:
  KernelOutliner(KernelOpInterface kernel, const LLVMTypeConverter &converter)
      : kernel(kernel), converter(converter), builder(kernel), loc(kernel.getLoc()),
        block(kernel.getKernelBlock()) {}

  LogicalResult run() {
    for (Operation &op : *block)
      if (auto found = dyn_cast<GridOp>(op))
        grid = found;
    if (!grid)
      return kernel.emitOpError("has no grid");
    if (failed(verifyLowered()))
      return failure();
    buildBind();
    buildRun();
    buildInstance();
    buildEntry();
    kernel.erase();
    return success();
  }

private:
  LogicalResult verifyLowered();
  func::FuncOp createFunction(StringRef suffix, ArrayRef<Type> arguments, bool isPrivate);
  void mapArguments(Value argumentBlock, IRMapping &mapping, ArrayRef<Operation *> users);
  SmallVector<Operation *> launchSlice(ArrayRef<Value> roots);
  SmallVector<Value> buildCounts(const IRMapping &mapping);
  bool isSequential() { return grid.getOrder() == GridOrder::sequential; }
  Value buildTotal(ArrayRef<Value> counts);
  SmallVector<Value> buildLine(ArrayRef<Value> counts);
  SmallVector<Value> buildIds(Value position, ArrayRef<Value> counts);
  void buildBind();
  void buildRun();
  void buildInstance();
  void bindArena(Value pointer);
  void buildEntry();

  /// A 64-bit constant.
  Value constant(int64_t value) { return arith::ConstantIntOp::create(builder, loc, value, 64); }
  std::string name(StringRef suffix) {
    return getCodeName(kernel.getKernelName()) + "." + suffix.str();
  }

  KernelOpInterface kernel;
  const LLVMTypeConverter &converter;
  OpBuilder builder;
  Location loc;
  Block *block;
  GridOp grid;
  SmallVector<Attribute> requirements, checks;
  int64_t arenaBytes = 0;
};

} // namespace

LogicalResult KernelOutliner::verifyLowered() {
  WalkResult result = grid.getBody().walk([&](Operation *op) {
    if (!isa_and_nonnull<TegulaDialect, sched::SchedDialect>(op->getDialect()) ||
        isa<CheckOp, sched::ArenaOp>(op) || op == grid.getBody().front().getTerminator())
      return WalkResult::advance();
    op->emitOpError() << "is still at the tile or scheduled level in kernel '"
                      << kernel.getKernelName()
                      << "': lower it first, for instance with --tegula-to-loops";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

func::FuncOp KernelOutliner::createFunction(StringRef suffix, ArrayRef<Type> arguments,
                                            bool isPrivate) {
  builder.setInsertionPoint(kernel);
  auto type = builder.getFunctionType(arguments, builder.getI32Type());
  auto function = func::FuncOp::create(builder, loc, name(suffix), type);
  if (isPrivate)
    function.setPrivate();
  builder.setInsertionPointToStart(function.addEntryBlock());
  return function;
}

/// Reads those kernel arguments from the argument block that `users` use, in
/// their regions too.
void KernelOutliner::mapArguments(Value argumentBlock, IRMapping &mapping,
                                  ArrayRef<Operation *> users) {
  llvm::DenseSet<Value> used;
  for (Operation *user : users)
    user->walk([&](Operation *op) { used.insert(op->operand_begin(), op->operand_end()); });
  ArgumentBlock reader(builder, converter, argumentBlock);
  size_t word = 0;
  for (BlockArgument argument : block->getArguments()) {
    if (used.contains(argument))
      mapping.map(argument, reader.read(argument.getLoc(), argument.getType(), word));
    else
      word += ArgumentBlock::words(argument.getType());
  }
}

/// The ops of the launch part that `roots` depend on, in order.
SmallVector<Operation *> KernelOutliner::launchSlice(ArrayRef<Value> roots) {
  llvm::DenseSet<Value> needed(roots.begin(), roots.end());
  SmallVector<Operation *> slice;
  for (Operation &op : llvm::reverse(block->getOperations())) {
    if (llvm::none_of(op.getResults(), [&](Value result) { return needed.contains(result); }))
      continue;
    slice.push_back(&op);
    op.walk([&](Operation *inner) { needed.insert(inner->operand_begin(), inner->operand_end()); });
  }
  std::reverse(slice.begin(), slice.end());
  return slice;
}

/// Instances along each axis: max(0, ceil(extent / step)).
SmallVector<Value> KernelOutliner::buildCounts(const IRMapping &mapping) {
  SmallVector<Value> counts;
  for (auto [extent, step] : llvm::zip(grid.getExtents(), grid.getSteps())) {
    Value count = arith::IndexCastOp::create(builder, loc, builder.getI64Type(),
                                             mapping.lookupOrDefault(extent));
    count = arith::MaxSIOp::create(builder, loc, count, constant(0));
    if (step != 1) {
      count = arith::AddIOp::create(builder, loc, count, constant(step - 1));
      count = arith::DivSIOp::create(builder, loc, count, constant(step));
    }
    counts.push_back(count);
  }
  return counts;
}

Value KernelOutliner::buildTotal(ArrayRef<Value> counts) {
  Value total = counts.front();
  for (Value count : counts.drop_front())
    total = arith::MulIOp::create(builder, loc, total, count);
  return total;
}

/// The counts that a launcher sees. Instances that must run in order are one for it,
/// which runs them all; nothing is left for it to split.
SmallVector<Value> KernelOutliner::buildLine(ArrayRef<Value> counts) {
  SmallVector<Value> line(counts);
  if (!isSequential())
    return line;
  line.assign(counts.size(), constant(1));
  line.front() = arith::MinSIOp::create(builder, loc, buildTotal(counts), constant(1));
  return line;
}

/// func @f.bind(%args, %counts): the conditions in order, each with its exit,
/// then the counts.
void KernelOutliner::buildBind() {
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  func::FuncOp function = createFunction("bind", {pointer, pointer}, /*isPrivate=*/false);
  Block *entry = builder.getInsertionBlock();

  SmallVector<RequireOp> requires_;
  SmallVector<Value> roots(grid.getExtents());
  for (auto require : block->getOps<RequireOp>()) {
    requires_.push_back(require);
    roots.push_back(require.getCondition());
  }
  SmallVector<Operation *> slice = launchSlice(roots);
  SmallVector<Operation *> users(slice);
  users.append(requires_.begin(), requires_.end());
  users.push_back(grid);
  IRMapping mapping;
  mapArguments(entry->getArgument(0), mapping, users);
  for (Operation *op : slice)
    builder.clone(*op, mapping);

  Type i32 = builder.getI32Type();
  Block *exit = nullptr;
  for (auto [i, require] : llvm::enumerate(requires_)) {
    requirements.push_back(MessageAttr::get(builder.getContext(), require.getMessageAttr(),
                                            LocationAttr(require.getLoc())));
    OpBuilder::InsertionGuard guard(builder);
    if (!exit) {
      exit = builder.createBlock(&function.getBody(), function.getBody().end(), {i32}, {loc});
      func::ReturnOp::create(builder, loc, exit->getArguments());
    }
  }
  builder.setInsertionPointToEnd(entry);
  for (auto [i, require] : llvm::enumerate(requires_)) {
    Value number = arith::ConstantIntOp::create(builder, loc, i + 1, 32);
    Block *current = builder.getInsertionBlock();
    Block *next = builder.createBlock(exit);
    builder.setInsertionPointToEnd(current);
    cf::CondBranchOp::create(builder, require.getLoc(),
                             mapping.lookupOrDefault(require.getCondition()), next, ValueRange{},
                             exit, ValueRange{number});
    builder.setInsertionPointToEnd(next);
  }
  for (auto [i, count] : llvm::enumerate(buildLine(buildCounts(mapping)))) {
    Value address =
        LLVM::GEPOp::create(builder, loc, pointer, builder.getI64Type(), entry->getArgument(1),
                            ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i)});
    LLVM::StoreOp::create(builder, loc, count, address);
  }
  Value zero = arith::ConstantIntOp::create(builder, loc, 0, 32);
  func::ReturnOp::create(builder, loc, zero);
}

/// Coordinates, in steps, of the instance at `position` of the line. The order
/// hint is a permutation of the line:
///   linear       the last axis runs fastest
///   grouped G    of the last two axes (rows, columns), G rows are walked column by
///                column, so that a group's columns are shared while they are warm
///   heavy_first  the line backwards: where trip counts grow with the coordinates,
///                the longest instances start first
SmallVector<Value> KernelOutliner::buildIds(Value position, ArrayRef<Value> counts) {
  auto rem = [&](Value a, Value b) -> Value { return arith::RemSIOp::create(builder, loc, a, b); };
  auto div = [&](Value a, Value b) -> Value { return arith::DivSIOp::create(builder, loc, a, b); };
  auto mul = [&](Value a, Value b) -> Value { return arith::MulIOp::create(builder, loc, a, b); };
  auto sub = [&](Value a, Value b) -> Value { return arith::SubIOp::create(builder, loc, a, b); };
  auto add = [&](Value a, Value b) -> Value { return arith::AddIOp::create(builder, loc, a, b); };

  if (grid.getOrder() == GridOrder::heavy_first)
    position = sub(sub(buildTotal(counts), constant(1)), position);
  SmallVector<Value> ids(counts.size());
  size_t axes = counts.size();
  if (grid.getOrder() == GridOrder::grouped && axes >= 2) {
    Value rows = counts[axes - 2], columns = counts[axes - 1];
    Value plane = mul(rows, columns);
    Value inPlane = rem(position, plane);
    position = div(position, plane);
    Value height = constant(grid.getGroup());
    Value groupSize = mul(height, columns);
    Value firstRow = mul(div(inPlane, groupSize), height);
    Value groupRows = arith::MinSIOp::create(builder, loc, sub(rows, firstRow), height);
    Value inGroup = rem(inPlane, groupSize);
    ids[axes - 2] = add(firstRow, rem(inGroup, groupRows));
    ids[axes - 1] = div(inGroup, groupRows);
    axes -= 2;
  }
  for (size_t axis = axes; axis-- > 0;) {
    ids[axis] = axis == 0 ? position : rem(position, counts[axis]);
    if (axis != 0)
      position = div(position, counts[axis]);
  }
  return ids;
}

/// func @f.run(%args, %arena, %first, %last): a loop over the instances that ends
/// at the first failed check.
void KernelOutliner::buildRun() {
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type i64 = builder.getI64Type(), i32 = builder.getI32Type();
  func::FuncOp function = createFunction("run", {pointer, pointer, i64, i64}, false);
  Block *entry = builder.getInsertionBlock();
  SmallVector<Value> roots(grid.getExtents());
  SmallVector<Operation *> slice = launchSlice(roots);
  SmallVector<Operation *> users(slice);
  users.push_back(grid);
  IRMapping mapping;
  mapArguments(entry->getArgument(0), mapping, users);
  for (Operation *op : slice)
    builder.clone(*op, mapping);
  SmallVector<Value> counts = buildCounts(mapping);
  Value zero = arith::ConstantIntOp::create(builder, loc, 0, 32);

  Region &region = function.getBody();
  Block *head = builder.createBlock(&region, region.end(), {i64}, {loc});
  Block *body = builder.createBlock(&region, region.end());
  Block *exit = builder.createBlock(&region, region.end(), {i32}, {loc});
  builder.setInsertionPointToEnd(entry);
  Value first = entry->getArgument(2), end = entry->getArgument(3);
  if (isSequential()) {
    // The launcher's only instance is the whole line.
    Value total = buildTotal(counts);
    first = arith::MulIOp::create(builder, loc, first, total);
    end = arith::MulIOp::create(builder, loc, end, total);
  }
  cf::BranchOp::create(builder, loc, head, first);

  builder.setInsertionPointToEnd(head);
  Value position = head->getArgument(0);
  Value more = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, position, end);
  cf::CondBranchOp::create(builder, loc, more, body, ValueRange{}, exit, ValueRange{zero});

  builder.setInsertionPointToEnd(body);
  SmallVector<Value> operands = {entry->getArgument(0), entry->getArgument(1)};
  for (auto [id, step] : llvm::zip(buildIds(position, counts), grid.getSteps())) {
    Value start = step == 1 ? id : arith::MulIOp::create(builder, loc, id, constant(step));
    operands.push_back(arith::IndexCastOp::create(builder, loc, builder.getIndexType(), start));
  }
  Value status = func::CallOp::create(builder, loc, name("instance"), i32, operands).getResult(0);
  Value next = arith::AddIOp::create(builder, loc, position, constant(1));
  Value good = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, status, zero);
  cf::CondBranchOp::create(builder, loc, good, head, ValueRange{next}, exit, ValueRange{status});

  builder.setInsertionPointToEnd(exit);
  func::ReturnOp::create(builder, loc, exit->getArguments());
}

/// func @f.instance(%args, %arena, ids...): takes over the kernel's ops.
void KernelOutliner::buildInstance() {
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  SmallVector<Type> types = {pointer, pointer};
  types.append(grid.getExtents().size(), builder.getIndexType());
  createFunction("instance", types, /*isPrivate=*/true);
  Block *entry = builder.getInsertionBlock();

  for (auto require : llvm::make_early_inc_range(block->getOps<RequireOp>()))
    require.erase();
  SmallVector<Operation *> users;
  for (Operation &op : *block)
    users.push_back(&op);
  IRMapping mapping;
  mapArguments(entry->getArgument(0), mapping, users);
  for (BlockArgument argument : block->getArguments())
    if (Value value = mapping.lookupOrNull(argument))
      argument.replaceAllUsesWith(value);
  for (auto [id, argument] :
       llvm::zip(grid.getBody().getArguments(), entry->getArguments().drop_front(2)))
    id.replaceAllUsesWith(argument);

  Block &body = grid.getBody().front();
  body.getTerminator()->erase();
  auto &ops = entry->getOperations();
  ops.splice(ops.end(), block->getOperations(), block->begin(), Block::iterator(grid));
  ops.splice(ops.end(), body.getOperations());
  for (Operation &op : llvm::make_early_inc_range(*entry))
    if (isOpTriviallyDead(&op))
      op.erase();

  bindArena(entry->getArgument(1));

  builder.setInsertionPointToEnd(entry);
  Value zero = arith::ConstantIntOp::create(builder, loc, 0, 32);
  func::ReturnOp::create(builder, loc, zero);
  SmallVector<CheckOp> found;
  entry->walk([&](CheckOp check) { found.push_back(check); });
  llvm::DenseSet<Attribute> known;
  for (CheckOp check : found) {
    auto message = MessageAttr::get(builder.getContext(), check.getMessageAttr(),
                                    LocationAttr(check.getLoc()));
    if (known.insert(message).second)
      checks.push_back(message);
    builder.setInsertionPoint(check);
    cf::AssertOp::create(builder, check.getLoc(), check.getCondition(), check.getMessageAttr());
    check.erase();
  }
}

/// sched.arena : memref<Nxi8>  ->  the worker's scratch memory, of which N bytes are
/// needed
void KernelOutliner::bindArena(Value pointer) {
  Block *entry = pointer.getParentBlock();
  for (auto arena : llvm::make_early_inc_range(entry->getOps<sched::ArenaOp>())) {
    MemRefType type = arena.getArena().getType();
    arenaBytes = std::max(arenaBytes, type.getNumElements());
    builder.setInsertionPoint(arena);
    Value descriptor =
        MemRefDescriptor::fromStaticShape(builder, arena.getLoc(), converter, type, pointer);
    auto cast = UnrealizedConversionCastOp::create(builder, arena.getLoc(), type, descriptor);
    arena.replaceAllUsesWith(cast.getResult(0));
    arena.erase();
  }
}

void KernelOutliner::buildEntry() {
  builder.setInsertionPoint(kernel);
  SmallVector<Attribute> types;
  for (Type type : block->getArgumentTypes())
    types.push_back(TypeAttr::get(type));
  MLIRContext *context = builder.getContext();
  auto symbol = [&](StringRef suffix) { return FlatSymbolRefAttr::get(context, name(suffix)); };
  EntryOp::create(builder, loc, builder.getStringAttr(kernel.getKernelName()), symbol("bind"),
                  symbol("run"), symbol("instance"), kernel.getArgAttrs(),
                  builder.getArrayAttr(types), grid.getStepsAttr(),
                  builder.getArrayAttr(requirements), builder.getArrayAttr(checks),
                  builder.getI64IntegerAttr(arenaBytes));
}

namespace {

struct ConvertKernelToFunc : tegula::impl::ConvertKernelToFuncPassBase<ConvertKernelToFunc> {
  void runOnOperation() override {
    LLVMTypeConverter converter(&getContext());
    SmallVector<KernelOpInterface> kernels(getOperation().getOps<KernelOpInterface>());
    for (KernelOpInterface kernel : kernels)
      if (failed(KernelOutliner(kernel, converter).run()))
        return signalPassFailure();
  }
};

} // namespace
