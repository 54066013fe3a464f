//===- ScalarTestUtils.h - One instruction, lane by lane ----------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TEST_UNIT_SIMULATOR_SCALARTESTUTILS_H
#define TEGULA_TEST_UNIT_SIMULATOR_SCALARTESTUTILS_H

#include "SimulatorTestUtils.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/IR/Constants.h"

namespace tegula::sim::test {

/// Types by name, and values of them as bits.
struct TypeInfo {
  const char *name;
  unsigned bits;
  bool isFloat;
};
constexpr TypeInfo integerTypes[] = {
    {"i8", 8, false}, {"i16", 16, false}, {"i32", 32, false}, {"i64", 64, false}};
constexpr TypeInfo floatTypes[] = {
    {"half", 16, true}, {"bfloat", 16, true}, {"float", 32, true}, {"double", 64, true}};

inline llvm::Type *typeOf(llvm::LLVMContext &context, const TypeInfo &info) {
  if (!info.isFloat)
    return llvm::IntegerType::get(context, info.bits);
  return llvm::StringRef(info.name) == "half"     ? llvm::Type::getHalfTy(context)
         : llvm::StringRef(info.name) == "bfloat" ? llvm::Type::getBFloatTy(context)
         : llvm::StringRef(info.name) == "float"  ? llvm::Type::getFloatTy(context)
                                                  : llvm::Type::getDoubleTy(context);
}

inline llvm::Constant *constantOf(llvm::Type *type, uint64_t bits) {
  if (type->isIntegerTy())
    return llvm::ConstantInt::get(type, llvm::APInt(type->getIntegerBitWidth(), bits, false, true));
  return llvm::ConstantFP::get(
      type->getContext(),
      llvm::APFloat(type->getFltSemantics(),
                    llvm::APInt(type->getPrimitiveSizeInBits(), bits, false, true)));
}

/// Bits of a constant, all NaNs as one; nothing for poison.
inline std::optional<uint64_t> bitsOf(const llvm::Constant *constant) {
  if (const auto *integer = llvm::dyn_cast_or_null<llvm::ConstantInt>(constant))
    return integer->getZExtValue();
  const auto *number = llvm::dyn_cast_or_null<llvm::ConstantFP>(constant);
  if (!number)
    return std::nullopt;
  return number->isNaN() ? ~uint64_t(0) : number->getValueAPF().bitcastToAPInt().getZExtValue();
}

/// A value that is interesting now and then.
inline uint64_t someBits(Numbers &numbers, llvm::Type *type) {
  unsigned width = type->getPrimitiveSizeInBits();
  uint64_t mask = width == 64 ? ~uint64_t(0) : (uint64_t(1) << width) - 1;
  if (type->isIntegerTy()) {
    uint64_t edge[] = {0, 1, mask, mask >> 1, (mask >> 1) + 1};
    return numbers.integer(0, 3) ? numbers.bits() & mask : edge[numbers.integer(0, 4)];
  }
  // Numbers near 1 most of the time; denormals, infinities and NaNs sometimes.
  if (numbers.integer(0, 3) == 0)
    return numbers.bits() & mask;
  llvm::APFloat number((numbers.integer(-1000000, 1000000) + 0.37) / 65536.0);
  bool loses;
  number.convert(type->getFltSemantics(), llvm::APFloat::rmNearestTiesToEven, &loses);
  return number.bitcastToAPInt().getZExtValue();
}

inline uint64_t readBits(const std::vector<uint8_t> &bytes, unsigned lane, unsigned bits) {
  uint64_t value = 0;
  std::memcpy(&value, &bytes[lane * bits / 8], bits / 8);
  return value;
}
inline void writeBits(std::vector<uint8_t> &bytes, unsigned lane, unsigned bits, uint64_t value) {
  std::memcpy(&bytes[lane * bits / 8], &value, bits / 8);
}

/// Runs `%r = code` with operands %a, %b (, %c) in 32 lanes and compares each lane with
/// what `expect` says of its operands.
inline void
check(const std::string &code, const TypeInfo &in, const TypeInfo &out, unsigned operands,
      llvm::function_ref<void(Numbers &, llvm::Type *, llvm::MutableArrayRef<uint64_t>)> draw,
      llvm::function_ref<std::optional<uint64_t>(llvm::Type *, llvm::Type *,
                                                 llvm::ArrayRef<uint64_t>)>
          expect,
      const std::string &before = "") {
  SCOPED_TRACE(code);
  Numbers numbers;
  llvm::LLVMContext context;
  llvm::Type *type = typeOf(context, in), *resultType = typeOf(context, out);
  std::vector<std::vector<uint8_t>> buffers(operands, std::vector<uint8_t>(32 * in.bits / 8));
  std::vector<uint8_t> result(32 * out.bits / 8);
  std::vector<llvm::SmallVector<uint64_t, 3>> values(32, llvm::SmallVector<uint64_t, 3>(operands));
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (uint64_t &value : values[lane])
      value = someBits(numbers, type);
    draw(numbers, type, values[lane]);
    for (unsigned i = 0; i < operands; ++i)
      writeBits(buffers[i], lane, in.bits, values[lane][i]);
  }
  std::string header, body;
  for (unsigned i = 0; i < operands; ++i) {
    std::string n(1, static_cast<char>('a' + i)), t = in.name;
    header += "ptr addrspace(1) %p" + n + ", ";
    body += "%q" + n + " = getelementptr " + t + ", ptr addrspace(1) %p" + n + ", i32 %t\n%" + n +
            " = load " + t + ", ptr addrspace(1) %q" + n + "\n";
  }
  std::string o = out.name;
  std::string text = "define ptx_kernel void @k(" + header + "ptr addrspace(1) %pr) {\n" +
                     "%t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()\n" + body + before +
                     "%r = " + code + "\n%qr = getelementptr " + o +
                     ", ptr addrspace(1) %pr, i32 %t\nstore " + o +
                     " %r, ptr addrspace(1) %qr\nret void\n}\n";
  Bench bench;
  for (auto &buffer : buffers)
    bench.buffer("in", buffer);
  bench.buffer("out", result);
  bench.runClean(text);
  for (unsigned lane = 0; lane < 32; ++lane) {
    std::optional<uint64_t> want = expect(type, resultType, values[lane]);
    ASSERT_TRUE(want) << numbers.note();
    uint64_t got = readBits(result, lane, out.bits);
    if (out.isFloat)
      got = *bitsOf(constantOf(resultType, got));
    ASSERT_EQ(got, *want) << "lane " << lane << ", operands " << values[lane][0] << ", "
                          << (operands > 1 ? values[lane][1] : 0) << ", " << numbers.note();
  }
}

inline void drawNothing(Numbers &, llvm::Type *, llvm::MutableArrayRef<uint64_t>) {}

} // namespace tegula::sim::test

#endif // TEGULA_TEST_UNIT_SIMULATOR_SCALARTESTUTILS_H
