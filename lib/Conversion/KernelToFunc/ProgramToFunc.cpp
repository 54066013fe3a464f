//===- ProgramToFunc.cpp - Programs into functions of the host ABI -----===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   tegula.program @p(in %x, out %y) {         func @p.program(%args, %host) -> i32
//     arithmetic, requires                       the same, each require with its exit
//     %w = tegula.workspace(%n)             ->   host.workspace(context, bytes)
//     tegula.launch @k(%x, %w)                   host.launch(context, number of k, block)
//     tegula.variant (%g) { ... }                if g, and no variant has run: ...
//   }                                          tegula.program_entry "p" ...
//
//===----------------------------------------------------------------------===//

#include "ArgumentBlock.h"

#include "tegula/Conversion/Passes.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Runtime/HostABI.h"
#include "tegula/Support/SymbolName.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/IRMapping.h"

namespace tegula {
#define GEN_PASS_DEF_CONVERTPROGRAMTOFUNCPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;

/// What a function of a program returns where a callback has stopped it.
static constexpr int32_t stopped = -1;

namespace {

/// Turns one program into its function and its entry.
class ProgramOutliner {
public:
  ProgramOutliner(ProgramOp program, const LLVMTypeConverter &converter)
      : program(program), converter(converter), builder(program), loc(program.getLoc()),
        pointer(LLVM::LLVMPointerType::get(builder.getContext())) {}

  void run();

private:
  void buildBlock(Block &block);
  void buildRequire(Value condition, StringAttr message, Location place);
  void buildWorkspace(WorkspaceOp workspace);
  void buildLaunch(LaunchOp launch);
  void buildVariant(VariantOp variant);
  void buildEntry();

  /// Leaves the function with `number` where `good` is false.
  void exitUnless(Value good, int32_t number, Location place);
  /// The callback at byte `offset` of the host's struct, called with its context.
  Value callHost(size_t offset, Type result, ArrayRef<Value> operands, Location place);
  int32_t kernelNumber(StringAttr name);
  Value constant(int64_t value, unsigned width) {
    return arith::ConstantIntOp::create(builder, loc, value, width);
  }
  /// Memory of the function's frame, allocated once, in its entry block.
  Value frame(Type type, int64_t count) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&function.getBody().front());
    return LLVM::AllocaOp::create(builder, loc, pointer, type, constant(count, 64));
  }

  ProgramOp program;
  const LLVMTypeConverter &converter;
  OpBuilder builder;
  Location loc;
  Type pointer;
  func::FuncOp function;
  Block *exit = nullptr;
  /// A byte: whether a variant has run.
  Value taken;
  IRMapping mapping;
  SmallVector<Attribute> requirements, kernels;
};

} // namespace

void ProgramOutliner::exitUnless(Value good, int32_t number, Location place) {
  Value result = constant(number, 32);
  Block *current = builder.getInsertionBlock();
  Block *next = builder.createBlock(exit);
  builder.setInsertionPointToEnd(current);
  cf::CondBranchOp::create(builder, place, good, next, ValueRange{}, exit, ValueRange{result});
  builder.setInsertionPointToEnd(next);
}

Value ProgramOutliner::callHost(size_t offset, Type result, ArrayRef<Value> operands,
                                Location place) {
  Value host = function.getArgument(1);
  auto field = [&](size_t at) -> Value {
    Value address = LLVM::GEPOp::create(builder, place, pointer, builder.getI8Type(), host,
                                        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(at)});
    return LLVM::LoadOp::create(builder, place, pointer, address);
  };
  SmallVector<Value> all = {field(offset), field(offsetof(host::ProgramHost, context))};
  llvm::append_range(all, operands);
  SmallVector<Type> types;
  for (Value value : ArrayRef(all).drop_front())
    types.push_back(value.getType());
  auto type = LLVM::LLVMFunctionType::get(result, types);
  return LLVM::CallOp::create(builder, place, type, all).getResult();
}

int32_t ProgramOutliner::kernelNumber(StringAttr name) {
  auto *found = llvm::find(kernels, name);
  if (found == kernels.end()) {
    kernels.push_back(name);
    return kernels.size() - 1;
  }
  return found - kernels.begin();
}

void ProgramOutliner::buildRequire(Value condition, StringAttr message, Location place) {
  requirements.push_back(MessageAttr::get(builder.getContext(), message, LocationAttr(place)));
  exitUnless(condition, requirements.size(), place);
}

/// %w = workspace(%n) : memref<?x8xf32>  ->  a contiguous view of host memory
void ProgramOutliner::buildWorkspace(WorkspaceOp workspace) {
  Location place = workspace.getLoc();
  auto type = cast<MemRefType>(workspace.getBuffer().getType());
  Type i64 = builder.getI64Type();
  SmallVector<Value> sizes;
  auto dynamic = workspace.getSizes().begin();
  for (int64_t extent : type.getShape()) {
    if (!ShapedType::isDynamic(extent)) {
      sizes.push_back(constant(extent, 64));
      continue;
    }
    Value size = arith::IndexCastOp::create(builder, place, i64, mapping.lookup(*dynamic++));
    sizes.push_back(arith::MaxSIOp::create(builder, place, size, constant(0, 64)));
  }
  SmallVector<Value> strides(sizes.size());
  Value count = constant(1, 64);
  for (size_t axis = sizes.size(); axis-- > 0;) {
    strides[axis] = count;
    count = arith::MulIOp::create(builder, place, count, sizes[axis]);
  }
  Value bytes = arith::MulIOp::create(builder, place, count,
                                      constant(getElementBytes(type.getElementType()), 64));
  Value memory = callHost(offsetof(host::ProgramHost, workspace), pointer, {bytes}, place);
  Value null = LLVM::ZeroOp::create(builder, place, pointer);
  Value good = LLVM::ICmpOp::create(builder, place, LLVM::ICmpPredicate::ne, memory, null);
  exitUnless(good, stopped, place);
  auto descriptor = MemRefDescriptor::poison(builder, place, converter.convertType(type));
  descriptor.setAllocatedPtr(builder, place, memory);
  descriptor.setAlignedPtr(builder, place, memory);
  descriptor.setConstantOffset(builder, place, 0);
  for (size_t axis = 0; axis < sizes.size(); ++axis) {
    descriptor.setSize(builder, place, axis, sizes[axis]);
    descriptor.setStride(builder, place, axis, strides[axis]);
  }
  Value cast = descriptor;
  mapping.map(workspace.getBuffer(),
              UnrealizedConversionCastOp::create(builder, place, type, cast).getResult(0));
}

/// launch @k(%x, %f)  ->  the operands in a block, and the host's callback
void ProgramOutliner::buildLaunch(LaunchOp launch) {
  Location place = launch.getLoc();
  size_t words = 0;
  for (Value operand : launch.getOperands())
    words += ArgumentBlock::words(operand.getType());
  Value block = frame(builder.getI64Type(), std::max<size_t>(words, 1));
  ArgumentBlock writer(builder, converter, block);
  size_t word = 0;
  for (Value operand : launch.getOperands())
    writer.write(place, mapping.lookup(operand), word);
  Value number = constant(kernelNumber(launch.getKernelAttr().getAttr()), 32);
  Value status =
      callHost(offsetof(host::ProgramHost, launch), builder.getI32Type(), {number, block}, place);
  Value good =
      arith::CmpIOp::create(builder, place, arith::CmpIPredicate::eq, status, constant(0, 32));
  exitUnless(good, stopped, place);
}

void ProgramOutliner::buildVariant(VariantOp variant) {
  Location place = variant.getLoc();
  Value before = LLVM::LoadOp::create(builder, place, builder.getI8Type(), taken);
  Value good =
      arith::CmpIOp::create(builder, place, arith::CmpIPredicate::eq, before, constant(0, 8));
  for (Value guard : variant.getGuards())
    good = arith::AndIOp::create(builder, place, good, mapping.lookup(guard));
  Block *current = builder.getInsertionBlock();
  Block *body = builder.createBlock(exit);
  Block *after = builder.createBlock(exit);
  builder.setInsertionPointToEnd(current);
  cf::CondBranchOp::create(builder, place, good, body, after);
  builder.setInsertionPointToEnd(body);
  LLVM::StoreOp::create(builder, place, constant(1, 8), taken);
  buildBlock(variant.getBody().front());
  cf::BranchOp::create(builder, place, after);
  builder.setInsertionPointToEnd(after);
}

void ProgramOutliner::buildBlock(Block &block) {
  for (Operation &op : block.without_terminator()) {
    if (auto require = dyn_cast<RequireOp>(op))
      buildRequire(mapping.lookup(require.getCondition()), require.getMessageAttr(),
                   require.getLoc());
    else if (auto workspace = dyn_cast<WorkspaceOp>(op))
      buildWorkspace(workspace);
    else if (auto launch = dyn_cast<LaunchOp>(op))
      buildLaunch(launch);
    else if (auto variant = dyn_cast<VariantOp>(op))
      buildVariant(variant);
    else
      builder.clone(op, mapping);
  }
}

void ProgramOutliner::run() {
  Type i32 = builder.getI32Type();
  std::string name = getCodeName(program.getSymName()) + ".program";
  function =
      func::FuncOp::create(builder, loc, name, builder.getFunctionType({pointer, pointer}, {i32}));
  Block *entry = function.addEntryBlock();
  exit = builder.createBlock(&function.getBody(), function.getBody().end(), {i32}, {loc});
  func::ReturnOp::create(builder, loc, exit->getArguments());
  builder.setInsertionPointToEnd(entry);
  Block &body = program.getBody().front();
  ArgumentBlock reader(builder, converter, entry->getArgument(0));
  size_t word = 0;
  for (BlockArgument argument : body.getArguments())
    mapping.map(argument, reader.read(argument.getLoc(), argument.getType(), word));
  bool hasVariants = !body.getOps<VariantOp>().empty();
  if (hasVariants) {
    taken = frame(builder.getI8Type(), 1);
    LLVM::StoreOp::create(builder, loc, constant(0, 8), taken);
  }
  buildBlock(body);
  if (hasVariants) {
    Value after = LLVM::LoadOp::create(builder, loc, builder.getI8Type(), taken);
    Value good =
        arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, after, constant(0, 8));
    buildRequire(good,
                 builder.getStringAttr("no variant of program '" + program.getSymName() +
                                       "' fits this call"),
                 loc);
  }
  cf::BranchOp::create(builder, loc, exit, ValueRange{constant(0, 32)});
  buildEntry();
  program.erase();
}

void ProgramOutliner::buildEntry() {
  builder.setInsertionPoint(program);
  SmallVector<Attribute> types;
  for (Type type : program.getBody().front().getArgumentTypes())
    types.push_back(TypeAttr::get(type));
  ProgramEntryOp::create(builder, loc, program.getSymNameAttr(), FlatSymbolRefAttr::get(function),
                         program.getArgs(), builder.getArrayAttr(types),
                         builder.getArrayAttr(requirements), builder.getArrayAttr(kernels));
}

namespace {

struct ConvertProgramToFunc : tegula::impl::ConvertProgramToFuncPassBase<ConvertProgramToFunc> {
  void runOnOperation() override {
    LLVMTypeConverter converter(&getContext());
    SmallVector<ProgramOp> programs(getOperation().getOps<ProgramOp>());
    for (ProgramOp program : programs)
      ProgramOutliner(program, converter).run();
  }
};

} // namespace
