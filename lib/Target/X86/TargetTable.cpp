//===- TargetTable.cpp - The x86 targets ---------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The numbers come from measurements on one core (register blocks, strips) and
// from the definition of the x86-64 levels (features, registers).
//
//===----------------------------------------------------------------------===//

#include "tegula/Target/TargetInfo.h"

#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace tegula;

static constexpr llvm::StringLiteral v3Features[] = {"avx2", "bmi", "bmi2", "f16c",
                                                     "fma",  "lzcnt", "movbe"};
static constexpr llvm::StringLiteral v4Features[] = {
    "avx2",  "bmi",     "bmi2",     "f16c",     "fma",      "lzcnt",
    "movbe", "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"};

// Degrees: 2^x on [-1/2, 1/2] is within 2e-9 (6), 2.8e-6 (4) and 1e-4 (3).
static constexpr ExpDegrees expDegrees{/*f32=*/6, /*f16=*/4, /*bf16=*/3};

static constexpr TargetInfo targets[] = {
    TargetInfo({"x86-64-v3", "x86-64-v3", v3Features, /*vectorBytes=*/32, /*registers=*/16,
                /*block=*/{6, 2}, /*stripVectors=*/2, /*narrowMasks=*/false,
                /*l1Bytes=*/32 << 10, /*l2Bytes=*/512 << 10, expDegrees}),
    TargetInfo({"x86-64-v4", "x86-64-v4", v4Features, /*vectorBytes=*/64, /*registers=*/32,
                /*block=*/{8, 2}, /*stripVectors=*/4, /*narrowMasks=*/true,
                /*l1Bytes=*/32 << 10, /*l2Bytes=*/1 << 20, expDegrees}),
};

llvm::ArrayRef<TargetInfo> TargetInfo::getAll() { return targets; }

const TargetInfo *TargetInfo::lookup(llvm::StringRef name) {
  name = name.split('+').first; // further features change no row yet
  for (const TargetInfo &target : targets)
    if (target.getName() == name)
      return &target;
  return nullptr;
}

Type TargetInfo::getStorageType(Type elem) const {
  MLIRContext *context = elem.getContext();
  if (elem.isF16() || elem.isBF16())
    return Float32Type::get(context);
  if (elem.isInteger(1))
    return IntegerType::get(context, 8);
  if (elem.isF32() || elem.isF64() || elem.isInteger(8) || elem.isInteger(32) ||
      elem.isInteger(64))
    return elem;
  return {};
}

int64_t TargetInfo::getLanes(Type type) const {
  return row.vectorBytes / (type.getIntOrFloatBitWidth() == 64 ? 8 : 4);
}

int64_t TargetInfo::getPanelWidth(Type elem) const {
  return row.block.vectors * getLanes(elem);
}

int64_t TargetInfo::getExpDegree(Type elem) const {
  if (elem.isBF16())
    return row.expDegrees.bf16;
  return elem.isF16() ? row.expDegrees.f16 : row.expDegrees.f32;
}
