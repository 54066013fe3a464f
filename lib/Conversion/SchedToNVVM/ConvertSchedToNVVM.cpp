//===- ConvertSchedToNVVM.cpp - Scheduled kernels for NVIDIA GPUs ---------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../SchedToGPU/Lowering.h"
#include "tegula/Conversion/Passes.h"
#include "tegula/Target/GpuInfo.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace tegula {
#define GEN_PASS_DEF_CONVERTSCHEDTONVVMPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;
using namespace tegula::gpu;

namespace {

/// The instructions of NVIDIA GPUs without bulk copies and warp-group products.
class Nvidia : public Vendor {
public:
  explicit Nvidia(const GpuInfo &info) : info(info) {}

  const GpuInfo &getInfo() const override { return info; }

  void finishKernel(LLVM::LLVMFuncOp function, int64_t threads) override {
    Builder b(function.getContext());
    function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
    function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                      b.getDenseI32ArrayAttr({static_cast<int32_t>(threads)}));
    function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(1));
  }
  bool isSharedDynamic() const override { return true; }
  Value threadId(Emitter &e) override {
    return NVVM::ThreadIdXOp::create(e.builder, e.loc, e.builder.getI32Type());
  }
  Value blockId(Emitter &e) override {
    return NVVM::BlockIdXOp::create(e.builder, e.loc, e.builder.getI32Type());
  }
  Value uniform(Emitter &e, Value value) override { return value; } // ptxas finds it

  StringRef getDeviceScope() const override { return "device"; }
  void barrier(Emitter &e) override { NVVM::BarrierOp::create(e.builder, e.loc); }
  Value any(Emitter &e, Value bit) override {
    return NVVM::VoteSyncOp::create(e.builder, e.loc, e.builder.getI1Type(), e.i32(-1), bit,
                                    NVVM::VoteSyncKind::any);
  }
  Value exchange(Emitter &e, Value word, int64_t mask) override {
    return shuffle(e, word, e.i32(mask), NVVM::ShflKind::bfly);
  }
  Value readLane(Emitter &e, Value word, Value lane) override {
    return shuffle(e, word, lane, NVVM::ShflKind::idx);
  }

  bool canCopyAsync(int64_t bytes) const override {
    const Copying *copying = info.findCopy(CopyEngine::Async);
    return copying && bytes >= copying->leastBytes && bytes <= copying->mostBytes;
  }
  void copyAsync(Emitter &e, Value dest, Value source, int64_t bytes, Value valid) override {
    // 16 bytes pass the first-level cache by.
    auto cache = bytes == 16 ? NVVM::LoadCacheModifierKind::CG : NVVM::LoadCacheModifierKind::CA;
    NVVM::CpAsyncOp::create(e.builder, e.loc, dest, source, e.builder.getI32IntegerAttr(bytes),
                            NVVM::LoadCacheModifierKindAttr::get(e.builder.getContext(), cache),
                            valid);
  }
  void commitAsync(Emitter &e) override { NVVM::CpAsyncCommitGroupOp::create(e.builder, e.loc); }
  void waitAsync(Emitter &e, int64_t inflight) override {
    NVVM::CpAsyncWaitGroupOp::create(e.builder, e.loc, inflight);
  }

  bool hasProduct(const MatrixProduct &product) const override {
    if (isTF32(product))
      return info.findMatrixUnit("tf32", Element::TF32);
    return product.a == "m16n8k16.A" && product.b == "m16n8k16.B" && product.d == "m16n8k16.D" &&
           product.result.isF32() && (product.operand.isBF16() || product.operand.isF16());
  }
  Values multiply(Emitter &e, const MatrixProduct &product, ValueRange a, ValueRange b,
                  ValueRange c) override;
  Values loadMatrices(Emitter &e, const Buffer &buffer, const Registers &regs, bool trans,
                      int64_t first, Value lane, const Coordinate &warpRow,
                      const Coordinate &warpCol) override;

  Value exp2(Emitter &e, Value x) override {
    return LLVM::CallIntrinsicOp::create(e.builder, e.loc, x.getType(),
                                         e.builder.getStringAttr("llvm.nvvm.ex2.approx.ftz.f32"),
                                         ValueRange(x))
        .getResult(0);
  }

private:
  /// Of f32 operands by the unit of tf32, once or three times.
  static bool isTF32(const MatrixProduct &product) {
    StringRef unit = product.d;
    return unit.consume_back(".D") && (unit == "tf32" || unit == "tf32x3") &&
           product.operand.isF32() && product.result.isF32();
  }
  Values multiplyTF32(Emitter &e, bool threeTimes, ValueRange a, ValueRange b, ValueRange c);

  static Value shuffle(Emitter &e, Value word, Value by, NVVM::ShflKind kind) {
    return NVVM::ShflOp::create(e.builder, e.loc, word.getType(), e.i32(-1), word, by, e.i32(31),
                                kind, UnitAttr());
  }

  const GpuInfo &info;
};

} // namespace

/// An atom of `tf32` has a lane's k and k + 1 side by side; the instruction calls them k and
/// k + 4. So registers [k1 m8] of A become its [m8 k4], and those of B stay.
///
/// Three times: x = upper + rest, both of 11 bits, and the product of the rests is left
/// out. The unit rounds its sums towards zero, so it sums one atom's depth only, from zero,
/// and an addition rounds that into the accumulator (Ootomo and Yokota 2022).
Values Nvidia::multiplyTF32(Emitter &e, bool threeTimes, ValueRange a, ValueRange b,
                            ValueRange c) {
  Type f32 = e.builder.getF32Type(), i32 = e.builder.getI32Type();
  auto type = LLVM::LLVMStructType::getLiteral(e.builder.getContext(), {f32, f32, f32, f32});
  auto round = [&](Value x) -> Value {
    return LLVM::CallIntrinsicOp::create(e.builder, e.loc, i32,
                                         e.builder.getStringAttr("llvm.nvvm.f2tf32.rna"), x)
        .getResult(0);
  };
  Values left = {a[0], a[2], a[1], a[3]}, right(b);
  auto upperOf = [&](ValueRange xs) { return Values(llvm::map_range(xs, round)); };
  Values upperA = upperOf(left), upperB = upperOf(right);
  auto product = [&](ValueRange a, ValueRange b, ValueRange c) {
    auto tf32 = NVVM::MMATypes::tf32;
    Value result = NVVM::MmaOp::create(
        e.builder, e.loc, type, a, b, c, ArrayRef<int64_t>{16, 8, 8}, std::nullopt, std::nullopt,
        std::array<NVVM::MMATypes, 2>{tf32, tf32},
        std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row, NVVM::MMALayout::col});
    Values sums;
    for (int64_t i = 0; i < 4; ++i)
      sums.push_back(LLVM::ExtractValueOp::create(e.builder, e.loc, result, i));
    return sums;
  };
  if (!threeTimes)
    return product(upperA, upperB, c);
  auto restOf = [&](ValueRange xs, ValueRange uppers) {
    Values rests;
    for (auto [x, upper] : llvm::zip(xs, uppers))
      rests.push_back(round(LLVM::FSubOp::create(e.builder, e.loc, x, e.bitcast(upper, f32))));
    return rests;
  };
  Values sum(4, e.number(f32, 0));
  sum = product(restOf(left, upperA), upperB, sum);
  sum = product(upperA, restOf(right, upperB), sum);
  sum = product(upperA, upperB, sum);
  Values result;
  for (auto [old, more] : llvm::zip(c, sum))
    result.push_back(LLVM::FAddOp::create(e.builder, e.loc, old, more));
  return result;
}

/// mma.sync: 16-bit operands travel two to a word.
Values Nvidia::multiply(Emitter &e, const MatrixProduct &product, ValueRange a, ValueRange b,
                        ValueRange c) {
  if (isTF32(product))
    return multiplyTF32(e, product.d.starts_with("tf32x3"), a, b, c);
  bool isBF16 = product.operand.isBF16();
  Type word = isBF16 ? Type(e.builder.getI32Type()) : VectorType::get({2}, product.operand);
  auto pairs = [&](ValueRange elements) {
    Values words;
    for (size_t i = 0; i < elements.size(); i += 2)
      words.push_back(e.bitcast(e.pack(elements.slice(i, 2)), word));
    return words;
  };
  Type f32 = e.builder.getF32Type();
  auto type = LLVM::LLVMStructType::getLiteral(e.builder.getContext(), {f32, f32, f32, f32});
  auto operand = isBF16 ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
  Value result = NVVM::MmaOp::create(
      e.builder, e.loc, type, pairs(a), pairs(b), c, ArrayRef<int64_t>{16, 8, 16}, std::nullopt,
      std::nullopt, std::array<NVVM::MMATypes, 2>{operand, operand},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row, NVVM::MMALayout::col});
  Values sums;
  for (int64_t i = 0; i < 4; ++i)
    sums.push_back(LLVM::ExtractValueOp::create(e.builder, e.loc, result, i));
  return sums;
}

/// ldmatrix moves 8x8 matrices of 16-bit elements, a row of 16 bytes at an address of one
/// lane each. Lane l then holds elements 2 (l % 4) and its neighbour of row l / 4 (`trans`:
/// of column l / 4). Matrix i becomes register pair i, and lanes 8 i ... 8 i + 7 have its
/// rows' addresses: lane bits 3 and 4 add what register bits 1 and 2 add.
Values Nvidia::loadMatrices(Emitter &e, const Buffer &buffer, const Registers &regs, bool trans,
                            int64_t first, Value lane, const Coordinate &warpRow,
                            const Coordinate &warpCol) {
  if (bytesOf(buffer.storage.elem) != 2 || buffer.storage.getUnit() != 8 || regs.size() % 2 != 0 ||
      first % 2 != 0 || regs.laneBits.size() != 5)
    return {};
  // In the buffer's rows and columns from here on.
  auto inBuffer = [&](Position p) { return trans ? Position{p.col, p.row} : p; };
  Position pair = inBuffer(regs.regs[1]);
  bool transposes = pair == Position{1, 0};
  if (!transposes && !(pair == Position{0, 1}))
    return {};
  auto expect = [&](int64_t bit, int64_t inRow, int64_t inMatrix) {
    Position p = inBuffer(regs.laneBits[bit]);
    Position wanted = transposes ? Position{inRow, inMatrix} : Position{inMatrix, inRow};
    return p == wanted;
  };
  if (!expect(0, 2, 0) || !expect(1, 4, 0) || !expect(2, 0, 1) || !expect(3, 0, 2) ||
      !expect(4, 0, 4))
    return {};

  // As many matrices as lie at distances that lane bits can add.
  Position origin = inBuffer(regs.regs[first]);
  auto distance = [&](int64_t matrix) {
    Position p = inBuffer(regs.regs[first + 2 * matrix]);
    return Position{p.row - origin.row, p.col - origin.col};
  };
  auto reaches = [](Position p) {
    return p.row >= 0 && p.col >= 0 && p.row % 8 == 0 && p.col % 8 == 0;
  };
  int64_t left = (regs.size() - first) / 2, count = 1;
  if (left >= 2 && reaches(distance(1)))
    count = 2;
  if (count == 2 && left >= 4 && reaches(distance(2)) &&
      distance(3) == distance(1) + distance(2))
    count = 4;
  Position step1 = count >= 2 ? distance(1) : Position(),
           step2 = count == 4 ? distance(2) : Position();
  Coordinate row = trans ? warpCol : warpRow, col = trans ? warpRow : warpCol;
  row = Coordinate::sum(e, row, Coordinate{e.bitAnd(lane, 7), 7, origin.row});
  col = col.plus(origin.col);
  auto addBit = [&](Coordinate &to, int64_t bit, int64_t amount) {
    if (amount == 0)
      return;
    Value part = e.mul(e.bitAnd(e.shiftRight(lane, bit), 1), amount);
    to = Coordinate::sum(e, to, {part, static_cast<uint64_t>(amount), 0});
  };
  addBit(row, 3, step1.row);
  addBit(col, 3, step1.col);
  addBit(row, 4, step2.row);
  addBit(col, 4, step2.col);
  Value address = buffer.storage.address(e, buffer.base, Coordinate::sum(e, buffer.row, row),
                                         Coordinate::sum(e, buffer.col, col));
  MLIRContext *context = e.builder.getContext();
  Type i32 = e.builder.getI32Type();
  Type type = count == 1 ? i32
                         : LLVM::LLVMStructType::getLiteral(context, SmallVector<Type>(count, i32));
  auto shape = NVVM::LdStMatrixShapeAttr::get(context, 8, 8);
  Value loaded =
      NVVM::LdMatrixOp::create(e.builder, e.loc, type, address, static_cast<uint32_t>(count),
                               transposes ? NVVM::MMALayout::col : NVVM::MMALayout::row, shape,
                               NVVM::LdStMatrixEltType::B16);
  Values words;
  if (count == 1)
    words.push_back(loaded);
  else
    for (int64_t i = 0; i < count; ++i)
      words.push_back(LLVM::ExtractValueOp::create(e.builder, e.loc, loaded, i));
  return e.fromWords(words, buffer.storage.elem);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

struct ConvertSchedToNVVM : tegula::impl::ConvertSchedToNVVMPassBase<ConvertSchedToNVVM> {
  void runOnOperation() override {
    SmallVector<sched::KernelOp> kernels(getOperation().getOps<sched::KernelOp>());
    for (sched::KernelOp kernel : kernels) {
      const GpuInfo *info = GpuInfo::lookup(kernel.getTarget());
      if (!info || info->getBackend() != GpuBackend::NVPTX)
        continue;
      Nvidia vendor(*info);
      if (failed(Lowering(kernel, vendor).run()))
        return signalPassFailure();
    }
  }
};

} // namespace
