//===- ConvertSchedToROCDL.cpp - Scheduled kernels for AMD GPUs -----------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../SchedToGPU/Lowering.h"
#include "tegula/Conversion/Passes.h"
#include "tegula/Target/GpuInfo.h"

#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"

namespace tegula {
#define GEN_PASS_DEF_CONVERTSCHEDTOROCDLPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;
using namespace tegula::gpu;

namespace {

/// The instructions of AMD GPUs with matrix cores (wave64).
class Amd : public Vendor {
public:
  explicit Amd(const GpuInfo &info) : info(info) {}

  const GpuInfo &getInfo() const override { return info; }

  void finishKernel(LLVM::LLVMFuncOp function, int64_t threads) override;
  bool isSharedDynamic() const override { return false; }
  Value threadId(Emitter &e) override {
    return ROCDL::ThreadIdXOp::create(e.builder, e.loc, e.builder.getI32Type());
  }
  Value blockId(Emitter &e) override {
    return ROCDL::BlockIdXOp::create(e.builder, e.loc, e.builder.getI32Type());
  }
  /// In a scalar register: else every use of it costs vector instructions.
  Value uniform(Emitter &e, Value value) override {
    return call(e, "llvm.amdgcn.readfirstlane.i32", value.getType(), value);
  }

  StringRef getDeviceScope() const override { return "agent"; }
  Value any(Emitter &e, Value bit) override {
    Value lanes = call(e, "llvm.amdgcn.ballot.i64", e.builder.getI64Type(), bit);
    return arith::CmpIOp::create(e.builder, e.loc, arith::CmpIPredicate::ne, lanes, e.i64(0));
  }
  void barrier(Emitter &e) override { barrier(e, /*global=*/false); }
  void globalBarrier(Emitter &e) override { barrier(e, /*global=*/true); }
  Value exchange(Emitter &e, Value word, int64_t mask) override;
  Value readLane(Emitter &e, Value word, Value lane) override {
    return call(e, "llvm.amdgcn.ds.bpermute", word.getType(), {e.mul(lane, 4), word});
  }

  // Copies go through registers.
  bool canCopyAsync(int64_t) const override { return false; }
  void copyAsync(Emitter &, Value, Value, int64_t, Value) override {
    llvm_unreachable("no copy is beside the program");
  }
  void commitAsync(Emitter &) override {}
  void waitAsync(Emitter &, int64_t) override {}

  bool hasProduct(const MatrixProduct &product) const override;
  Values multiply(Emitter &e, const MatrixProduct &product, ValueRange a, ValueRange b,
                  ValueRange c) override;
  Values loadMatrices(Emitter &, const Buffer &, const Registers &, bool, int64_t, Value,
                      const Coordinate &, const Coordinate &) override {
    return {}; // each lane loads its own elements
  }

  Value exp2(Emitter &e, Value x) override {
    return call(e, "llvm.amdgcn.exp2.f32", x.getType(), x);
  }
  void fence(Emitter &e) override {
    LLVM::CallIntrinsicOp::create(e.builder, e.loc,
                                  e.builder.getStringAttr("llvm.amdgcn.sched.barrier"),
                                  ValueRange(e.i32(0)));
  }

  /// Barriers of the block are fences of the scheduler too.
  bool isFence(Operation *op) override {
    auto call = dyn_cast<LLVM::CallIntrinsicOp>(op);
    return isa<ROCDL::SBarrierOp>(op) || (call && call.getIntrin() == "llvm.amdgcn.sched.barrier");
  }
  std::optional<Issue> classify(Operation *op) override;
  void pin(Emitter &e, Issue kind) override;
  /// s_waitcnt vmcnt(0), the other counters at their most (gfx9).
  void settle(Emitter &e) override {
    LLVM::CallIntrinsicOp::create(e.builder, e.loc,
                                  e.builder.getStringAttr("llvm.amdgcn.s.waitcnt"),
                                  ValueRange(e.i32(0xF70)));
  }
  void order(Emitter &e, ArrayRef<IssueRun> runs) override;

private:
  static void barrier(Emitter &e, bool global);
  static Value call(Emitter &e, StringRef name, Type type, ValueRange operands) {
    return LLVM::CallIntrinsicOp::create(e.builder, e.loc, type, e.builder.getStringAttr(name),
                                         operands)
        .getResult(0);
  }

  const GpuInfo &info;
};

/// What forms the products of one atom and element type: an instruction that takes
/// `depth` registers of each operand, as often as the atom has more.
struct Instruction {
  StringLiteral product;
  Element element;
  StringLiteral name;
  int64_t depth;
};

} // namespace

static constexpr Instruction instructions[] = {
    {"mfma32", Element::BF16, "llvm.amdgcn.mfma.f32.32x32x8bf16.1k", 4},
    {"mfma32", Element::F16, "llvm.amdgcn.mfma.f32.32x32x8f16", 4},
    {"mfma32", Element::F32, "llvm.amdgcn.mfma.f32.32x32x2f32", 1},
    {"mfma16", Element::BF16, "llvm.amdgcn.mfma.f32.16x16x16bf16.1k", 4},
    {"mfma16", Element::F16, "llvm.amdgcn.mfma.f32.16x16x16f16", 4},
    {"mfma16", Element::F32, "llvm.amdgcn.mfma.f32.16x16x4f32", 1},
    {"mfma16dk16", Element::F64, "llvm.amdgcn.mfma.f64.16x16x4f64", 1},
};

/// The instruction of these atoms, as they stand or all transposed (then the operands
/// change places).
static const Instruction *findInstruction(const MatrixProduct &product, bool &transposed) {
  std::optional<Element> element = getElement(product.operand);
  bool sumsWide = product.result.isF64() == product.operand.isF64();
  if (!element || !sumsWide || !(product.result.isF32() || product.result.isF64()))
    return nullptr;
  for (const Instruction &candidate : instructions) {
    if (candidate.element != *element)
      continue;
    auto is = [&](StringRef name, StringRef part) {
      return name.consume_front(candidate.product) && name == part;
    };
    transposed = false;
    if (is(product.a, ".A") && is(product.b, ".B") && is(product.d, ".D"))
      return &candidate;
    transposed = true;
    if (is(product.a, ".B^T") && is(product.b, ".A^T") && is(product.d, ".D^T"))
      return &candidate;
  }
  return nullptr;
}

bool Amd::hasProduct(const MatrixProduct &product) const {
  bool transposed;
  const Instruction *instruction = findInstruction(product, transposed);
  return instruction && info.findMatrixUnit(instruction->product, instruction->element);
}

/// Depth ascends by register, so the order of a sum is that of the atoms.
Values Amd::multiply(Emitter &e, const MatrixProduct &product, ValueRange a, ValueRange b,
                     ValueRange c) {
  bool transposed;
  const Instruction *instruction = findInstruction(product, transposed);
  if (transposed)
    std::swap(a, b);
  bool isBF16 = product.operand.isBF16();
  Type i16 = e.builder.getI16Type();
  auto vectorOf = [&](ValueRange elements) -> Value {
    if (elements.size() == 1)
      return elements.front();
    Value vector = e.pack(elements);
    return isBF16 ? e.bitcast(vector, VectorType::get({static_cast<int64_t>(elements.size())}, i16))
                  : vector;
  };
  Value sum = e.pack(c), zero = e.i32(0);
  for (size_t i = 0; i < a.size(); i += instruction->depth)
    sum = call(e, instruction->name, sum.getType(),
               {vectorOf(a.slice(i, instruction->depth)), vectorOf(b.slice(i, instruction->depth)),
                sum, zero, zero, zero});
  return e.unpack(sum);
}

void Amd::finishKernel(LLVM::LLVMFuncOp function, int64_t threads) {
  Builder b(function.getContext());
  std::string size = std::to_string(threads);
  function->setAttr(ROCDL::ROCDLDialect::getKernelFuncAttrName(), b.getUnitAttr());
  function->setAttr(ROCDL::ROCDLDialect::getFlatWorkGroupSizeAttrName(),
                    b.getStringAttr(size + "," + size));
  // Accumulators in the registers that arithmetic reads (research/amd.md, 2).
  auto pair = [&](StringRef name, StringRef value) -> Attribute {
    return b.getArrayAttr({b.getStringAttr(name), b.getStringAttr(value)});
  };
  function.setPassthroughAttr(
      b.getArrayAttr({pair("amdgpu-agpr-alloc", "0"), pair("uniform-work-group-size", "true")}));
}

std::optional<Issue> Amd::classify(Operation *op) {
  auto isShared = [](Value pointer) {
    return cast<LLVM::LLVMPointerType>(pointer.getType()).getAddressSpace() == sharedSpace;
  };
  if (auto load = dyn_cast<LLVM::LoadOp>(op))
    return isShared(load.getAddr()) ? Issue::SharedLoad : Issue::GlobalLoad;
  if (auto store = dyn_cast<LLVM::StoreOp>(op))
    return isShared(store.getAddr()) ? Issue::SharedStore : Issue::GlobalStore;
  if (auto call = dyn_cast<LLVM::CallIntrinsicOp>(op)) {
    if (call.getIntrin().starts_with("llvm.amdgcn.mfma."))
      return Issue::Product;
    if (call.getIntrin().starts_with("llvm.amdgcn.raw.ptr.buffer.load"))
      return Issue::GlobalLoad;
  }
  return std::nullopt;
}

/// The scheduler's bit for a kind of instruction.
static int64_t maskOf(Issue kind) {
  switch (kind) {
  case Issue::Product:
    return 0x8;
  case Issue::GlobalLoad:
    return 0x20;
  case Issue::GlobalStore:
    return 0x40;
  case Issue::SharedLoad:
    return 0x100;
  case Issue::SharedStore:
    return 0x200;
  }
  llvm_unreachable("unknown kind of instruction");
}

/// A barrier of the scheduler that all others may cross: VALU, SALU, products,
/// transcendentals, and the other kinds of memory access.
void Amd::pin(Emitter &e, Issue kind) {
  constexpr int64_t all = 0x2 | 0x4 | 0x8 | 0x20 | 0x40 | 0x100 | 0x200 | 0x400;
  LLVM::CallIntrinsicOp::create(e.builder, e.loc,
                                e.builder.getStringAttr("llvm.amdgcn.sched.barrier"),
                                ValueRange(e.i32(all & ~maskOf(kind))));
}

/// One scheduling group for each run (research/amd.md, 2).
void Amd::order(Emitter &e, ArrayRef<IssueRun> runs) {
  for (IssueRun run : runs)
    LLVM::CallIntrinsicOp::create(e.builder, e.loc,
                                  e.builder.getStringAttr("llvm.amdgcn.sched.group.barrier"),
                                  ValueRange{e.i32(maskOf(run.kind)), e.i32(run.count), e.i32(0)});
}

/// One that orders local memory only leaves global loads in flight.
void Amd::barrier(Emitter &e, bool global) {
  auto local = LLVM::MMRATagAttr::get(e.builder.getContext(), "amdgpu-synchronize-as", "local");
  auto fence = [&](LLVM::AtomicOrdering ordering) {
    auto op = LLVM::FenceOp::create(e.builder, e.loc, ordering, "workgroup");
    if (!global)
      op->setDiscardableAttr(LLVM::LLVMDialect::getMmraAttrName(), local);
  };
  fence(LLVM::AtomicOrdering::release);
  ROCDL::SBarrierOp::create(e.builder, e.loc);
  fence(LLVM::AtomicOrdering::acquire);
}

/// Within rows of 16 lanes the vector unit reads another lane's register by itself: xor by
/// 7, 8 or 15 mirrors or turns a row, what is left permutes quads.
Value Amd::exchange(Emitter &e, Value word, int64_t mask) {
  Type i32 = e.builder.getI32Type();
  if (mask < 16) {
    auto move = [&](int64_t control) {
      Value all = e.i32(15), old = LLVM::PoisonOp::create(e.builder, e.loc, i32);
      word = call(e, "llvm.amdgcn.update.dpp", i32,
                  {old, word, e.i32(control), all, all, e.integer(e.builder.getI1Type(), 1)});
    };
    constexpr int64_t turns[] = {0, 7, 8, 15}, controls[] = {0, 0x141, 0x128, 0x140};
    if (int64_t high = mask >> 2)
      move(controls[high]);
    if (int64_t low = mask ^ turns[mask >> 2]) {
      int64_t permutation = 0;
      for (int64_t lane = 0; lane < 4; ++lane)
        permutation |= (lane ^ low) << (2 * lane);
      move(permutation);
    }
    return word;
  }
  if (mask < 32) // xor within 32 lanes: the mask in bits 10 to 14, "and" with all in 0 to 4
    return call(e, "llvm.amdgcn.ds.swizzle", i32, {word, e.i32(mask << 10 | 31)});
  Value lane = e.bitXor(threadId(e), e.i32(mask));
  return readLane(e, word, e.bitAnd(lane, info.getWarpSize() - 1));
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

struct ConvertSchedToROCDL : tegula::impl::ConvertSchedToROCDLPassBase<ConvertSchedToROCDL> {
  void runOnOperation() override {
    SmallVector<sched::KernelOp> kernels(getOperation().getOps<sched::KernelOp>());
    for (sched::KernelOp kernel : kernels) {
      const GpuInfo *info = GpuInfo::lookup(kernel.getTarget());
      if (!info || info->getBackend() != GpuBackend::AMDGPU)
        continue;
      Amd vendor(*info);
      if (failed(Lowering(kernel, vendor).run()))
        return signalPassFailure();
    }
  }
};

} // namespace
