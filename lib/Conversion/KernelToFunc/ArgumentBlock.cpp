//===- ArgumentBlock.cpp - The argument block of the host ABI ----------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ArgumentBlock.h"

#include "tegula/Runtime/HostABI.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace tegula;

int64_t tegula::getElementBytes(Type type) {
  return type.isIndex() ? 8 : llvm::divideCeil(type.getIntOrFloatBitWidth(), 8);
}

size_t ArgumentBlock::words(Type type) {
  auto view = dyn_cast<MemRefType>(type);
  return view ? host::viewWords(view.getRank()) : 1;
}

Value ArgumentBlock::address(Location loc, size_t word) {
  return LLVM::GEPOp::create(builder, loc, block.getType(), builder.getI8Type(), block,
                             ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(word * 8)});
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// Loads a value of the LLVM type `type` from word `word`.
Value ArgumentBlock::load(Location loc, Type type, size_t word) {
  return LLVM::LoadOp::create(builder, loc, type, address(loc, word));
}

Value ArgumentBlock::read(Location loc, Type type, size_t &word) {
  if (auto view = dyn_cast<MemRefType>(type))
    return readView(loc, view, word);
  return readScalar(loc, type, word++);
}

Value ArgumentBlock::readScalar(Location loc, Type type, size_t word) {
  if (type.isIndex()) {
    Value bits = load(loc, builder.getI64Type(), word);
    return arith::IndexCastOp::create(builder, loc, type, bits);
  }
  unsigned width = type.getIntOrFloatBitWidth();
  if (isa<IntegerType>(type) && width < 64) {
    Value bits = load(loc, builder.getI64Type(), word);
    return arith::TruncIOp::create(builder, loc, type, bits);
  }
  // An 8-bit float has no LLVM type. A bf16 that is used in another block would be
  // kept as an f32 where the machine has none, and come back by a library call.
  if (width == 8 || type.isBF16()) {
    Value bits = load(loc, builder.getIntegerType(width), word);
    return arith::BitcastOp::create(builder, loc, type, bits);
  }
  return load(loc, type, word);
}

Value ArgumentBlock::readView(Location loc, MemRefType type, size_t &word) {
  int64_t rank = type.getRank();
  Type i64 = builder.getI64Type();
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  (void)type.getStridesAndOffset(strides, offset); // views are strided: the verifier says so
  auto descriptor = MemRefDescriptor::poison(builder, loc, converter.convertType(type));
  Value pointer = load(loc, block.getType(), word);
  descriptor.setAllocatedPtr(builder, loc, pointer);
  descriptor.setAlignedPtr(builder, loc, pointer);
  descriptor.setConstantOffset(builder, loc, 0);
  for (int64_t axis = 0; axis < rank; ++axis) {
    if (type.isDynamicDim(axis))
      descriptor.setSize(builder, loc, axis, load(loc, i64, word + 1 + axis));
    else
      descriptor.setConstantSize(builder, loc, axis, type.getDimSize(axis));
    if (ShapedType::isDynamic(strides[axis]))
      descriptor.setStride(builder, loc, axis, load(loc, i64, word + 1 + rank + axis));
    else
      descriptor.setConstantStride(builder, loc, axis, strides[axis]);
  }
  word += host::viewWords(rank);
  Value cast = descriptor;
  return UnrealizedConversionCastOp::create(builder, loc, type, cast).getResult(0);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// The 64 bits of a scalar.
Value ArgumentBlock::toWord(Location loc, Value value) {
  Type type = value.getType(), i64 = builder.getI64Type();
  if (type.isIndex())
    return arith::IndexCastOp::create(builder, loc, i64, value);
  unsigned width = type.getIntOrFloatBitWidth();
  bool isFloat = isa<FloatType>(type);
  if (isFloat)
    value = arith::BitcastOp::create(builder, loc, builder.getIntegerType(width), value);
  if (width == 64)
    return value;
  if (isFloat || width == 1)
    return arith::ExtUIOp::create(builder, loc, i64, value);
  return arith::ExtSIOp::create(builder, loc, i64, value);
}

void ArgumentBlock::write(Location loc, Value value, size_t &word) {
  auto view = dyn_cast<MemRefType>(value.getType());
  if (!view) {
    LLVM::StoreOp::create(builder, loc, toWord(loc, value), address(loc, word++));
    return;
  }
  Value cast = UnrealizedConversionCastOp::create(builder, loc, converter.convertType(view), value)
                   .getResult(0);
  MemRefDescriptor descriptor(cast);
  Value pointer = LLVM::GEPOp::create(
      builder, loc, block.getType(),
      builder.getIntegerType(8 * getElementBytes(view.getElementType())),
      descriptor.alignedPtr(builder, loc), ArrayRef<LLVM::GEPArg>{descriptor.offset(builder, loc)});
  LLVM::StoreOp::create(builder, loc, pointer, address(loc, word++));
  for (int64_t axis = 0; axis < view.getRank(); ++axis)
    LLVM::StoreOp::create(builder, loc, descriptor.size(builder, loc, axis), address(loc, word++));
  for (int64_t axis = 0; axis < view.getRank(); ++axis)
    LLVM::StoreOp::create(builder, loc, descriptor.stride(builder, loc, axis),
                          address(loc, word++));
}
