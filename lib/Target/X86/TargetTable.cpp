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

// LLVM's names. Each target has the features of the one before it and more.
static constexpr llvm::StringLiteral features[] = {
    "cx16",    "popcnt",   "sahf",     "sse3",     "ssse3",    "sse4.1", "sse4.2",
    "avx",     "avx2",     "bmi",      "bmi2",     "f16c",     "fma",    "lzcnt",
    "movbe",   "avx512f",  "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512bf16"};

static constexpr llvm::ArrayRef<llvm::StringLiteral> featuresUpTo(size_t count) {
  return llvm::ArrayRef<llvm::StringLiteral>(features, count);
}
static constexpr auto v3Features = featuresUpTo(15), v4Features = featuresUpTo(20),
                      v4Bf16Features = featuresUpTo(21);

// Degrees: 2^x on [-1/2, 1/2] is within 2e-9 (6), 2.8e-6 (4) and 1e-4 (3).
static constexpr ExpDegrees expDegrees{/*f32=*/6, /*f16=*/4, /*bf16=*/3};

static constexpr TargetInfo targets[] = {
    TargetInfo({"x86-64-v3", "x86-64-v3", v3Features, /*pairDots=*/false, /*vectorBytes=*/32,
                /*registers=*/16, /*block=*/{6, 2}, /*stripVectors=*/2, /*narrowMasks=*/false,
                /*l1Bytes=*/32 << 10, /*l2Bytes=*/512 << 10, expDegrees}),
    TargetInfo({"x86-64-v4", "x86-64-v4", v4Features, /*pairDots=*/false, /*vectorBytes=*/64,
                /*registers=*/32, /*block=*/{8, 2}, /*stripVectors=*/4, /*narrowMasks=*/true,
                /*l1Bytes=*/32 << 10, /*l2Bytes=*/1 << 20, expDegrees}),
    TargetInfo({"x86-64-v4+avx512bf16", "x86-64-v4", v4Bf16Features, /*pairDots=*/true,
                /*vectorBytes=*/64, /*registers=*/32, /*block=*/{8, 2}, /*stripVectors=*/4,
                /*narrowMasks=*/true, /*l1Bytes=*/32 << 10, /*l2Bytes=*/1 << 20, expDegrees}),
};

llvm::ArrayRef<TargetInfo> TargetInfo::getAll() { return targets; }

const TargetInfo *TargetInfo::lookup(llvm::StringRef name) {
  llvm::SmallVector<llvm::StringRef> parts;
  name.split(parts, '+');
  const auto *base =
      llvm::find_if(targets, [&](const TargetInfo &row) { return row.getName() == parts.front(); });
  if (base == std::end(targets))
    return nullptr;
  const TargetInfo *best = base;
  for (const TargetInfo &row : llvm::make_range(base + 1, std::end(targets)))
    if (llvm::all_of(row.getFeatures(), [&](llvm::StringRef feature) {
          return llvm::is_contained(base->getFeatures(), feature) ||
                 llvm::is_contained(parts, feature);
        }))
      best = &row;
  return best;
}

Type TargetInfo::getRegisterType(Type elem) const {
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

Type TargetInfo::getStorageType(Type elem) const {
  return hasPairDots(elem) ? elem : getRegisterType(elem);
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
