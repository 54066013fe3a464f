//===- NvvmArithmeticTest.cpp - NVIDIA's scalar intrinsics ----------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The scalar rows of lib/Simulator/NVVM/Intrinsics.def against the PTX ISA manual's
// meaning of each: the operation with one rounding, denormals flushed before and after
// where the name says `ftz`, a NaN that loses unless the name says `nan`.
//
//===----------------------------------------------------------------------===//

#include "ScalarTestUtils.h"

#include <cmath>

using namespace llvm;
using namespace tegula::sim;
using namespace tegula::sim::test;

static constexpr TypeInfo f32 = {"float", 32, true}, f64 = {"double", 64, true},
                          f16 = {"half", 16, true}, bf16 = {"bfloat", 16, true},
                          i32 = {"i32", 32, false};

static APFloat flushed(APFloat x, bool ftz) {
  return ftz && x.isDenormal() ? APFloat::getZero(x.getSemantics(), x.isNegative()) : x;
}
static uint64_t result(APFloat x, bool ftz = false) {
  x = flushed(x, ftz);
  return x.isNaN() ? ~uint64_t(0) : x.bitcastToAPInt().getZExtValue();
}

/// `call T @llvm.nvvm.NAME(T %a, ...)` against an operation of APFloat.
static void checkOp(const std::string &name, const TypeInfo &info, unsigned operands,
                    function_ref<APFloat(ArrayRef<APFloat>)> operation) {
  bool ftz = name.find("ftz") != std::string::npos;
  std::string t = info.name, arguments;
  for (unsigned i = 0; i < operands; ++i)
    arguments += (i ? ", " : "") + t + " %" + static_cast<char>('a' + i);
  check(
      "call " + t + " @llvm.nvvm." + name + "(" + arguments + ")", info, info, operands,
      [&](Numbers &numbers, Type *type, MutableArrayRef<uint64_t> v) {
        // Now and then a denormal, for `ftz`.
        for (uint64_t &x : v)
          if (numbers.integer(0, 4) == 0)
            x &= info.bits == 64 ? 0x800FFFFFFFFFFFFFull : info.bits == 32 ? 0x807FFFFFull : ~0ull;
      },
      [&](Type *type, Type *, ArrayRef<uint64_t> v) -> std::optional<uint64_t> {
        SmallVector<APFloat, 3> in;
        for (uint64_t x : v)
          in.push_back(flushed(APFloat(type->getFltSemantics(), APInt(info.bits, x)), ftz));
        return result(operation(in), ftz);
      });
}

constexpr auto nearest = APFloat::rmNearestTiesToEven;

TEST(SimulatorNvvm, Arithmetic) {
  auto add = [](ArrayRef<APFloat> v) {
    APFloat r = v[0];
    r.add(v[1], nearest);
    return r;
  };
  auto mul = [](ArrayRef<APFloat> v) {
    APFloat r = v[0];
    r.multiply(v[1], nearest);
    return r;
  };
  auto div = [](ArrayRef<APFloat> v) {
    APFloat r = v[0];
    r.divide(v[1], nearest);
    return r;
  };
  auto fma = [](ArrayRef<APFloat> v) {
    APFloat r = v[0];
    r.fusedMultiplyAdd(v[1], v[2], nearest);
    return r;
  };
  auto reciprocal = [](ArrayRef<APFloat> v) {
    APFloat r(v[0].getSemantics(), "1");
    r.divide(v[0], nearest);
    return r;
  };
  for (const char *suffix : {"f", "ftz.f"}) {
    std::string s = suffix;
    checkOp("add.rn." + s, f32, 2, add);
    checkOp("mul.rn." + s, f32, 2, mul);
    checkOp("div.rn." + s, f32, 2, div);
    checkOp("div.approx." + s, f32, 2, div);
    checkOp("fma.rn." + s, f32, 3, fma);
    checkOp("rcp.rn." + s, f32, 1, reciprocal);
  }
  checkOp("div.full", f32, 2, div);
  checkOp("div.full.ftz", f32, 2, div);
  checkOp("add.rn.d", f64, 2, add);
  checkOp("mul.rn.d", f64, 2, mul);
  checkOp("div.rn.d", f64, 2, div);
  checkOp("fma.rn.d", f64, 3, fma);
  checkOp("rcp.rn.d", f64, 1, reciprocal);
  checkOp("fma.rn.f16", f16, 3, fma);
  checkOp("fma.rn.bf16", bf16, 3, fma);
}

TEST(SimulatorNvvm, MinimumAndMaximum) {
  auto largest = [](ArrayRef<APFloat> v) { return maximumnum(v[0], v[1]); };
  auto smallest = [](ArrayRef<APFloat> v) { return minimumnum(v[0], v[1]); };
  auto largestNaN = [](ArrayRef<APFloat> v) { return maximum(v[0], v[1]); };
  auto smallestNaN = [](ArrayRef<APFloat> v) { return minimum(v[0], v[1]); };
  for (const char *ftz : {"", "ftz."}) {
    std::string s = ftz;
    checkOp("fmax." + s + "f", f32, 2, largest);
    checkOp("fmin." + s + "f", f32, 2, smallest);
    checkOp("fmax." + s + "nan.f", f32, 2, largestNaN);
    checkOp("fmin." + s + "nan.f", f32, 2, smallestNaN);
  }
  checkOp("fmax.d", f64, 2, largest);
  checkOp("fmin.d", f64, 2, smallest);
  checkOp("fmax.f16", f16, 2, largest);
  checkOp("fmin.f16", f16, 2, smallest);
  checkOp("fmax.bf16", bf16, 2, largest);
  checkOp("fmin.bf16", bf16, 2, smallest);
}

TEST(SimulatorNvvm, SquareRootsAndSigns) {
  // The C library's roots are rounded correctly.
  auto root = [](ArrayRef<APFloat> v) {
    return &v[0].getSemantics() == &APFloat::IEEEdouble()
               ? APFloat(std::sqrt(v[0].convertToDouble()))
               : APFloat(std::sqrt(v[0].convertToFloat()));
  };
  for (const char *name :
       {"sqrt.rn.f", "sqrt.rn.ftz.f", "sqrt.f", "sqrt.approx.f", "sqrt.approx.ftz.f"})
    checkOp(name, f32, 1, root);
  checkOp("sqrt.rn.d", f64, 1, root);
  checkOp("fabs.f32", f32, 1, [](ArrayRef<APFloat> v) { return abs(v[0]); });
  checkOp("fabs.ftz.f32", f32, 1, [](ArrayRef<APFloat> v) { return abs(v[0]); });
  for (const char *name : {"saturate.f", "saturate.ftz.f"})
    checkOp(name, f32, 1, [](ArrayRef<APFloat> v) {
      // "Clamps to [0.0, 1.0]; NaN becomes +0.0."
      return minimumnum(maximumnum(v[0], APFloat(0.0f)), APFloat(1.0f));
    });
}

/// The two halves of a word, each by an operation of APFloat on halves.
static void checkPair(const std::string &name, const TypeInfo &half, unsigned operands,
                      function_ref<APFloat(ArrayRef<APFloat>)> operation) {
  std::string vector = "<2 x " + std::string(half.name) + ">", before, arguments;
  for (unsigned i = 0; i < operands; ++i) {
    std::string n(1, static_cast<char>('a' + i));
    before += "%v" + n + " = bitcast i32 %" + n + " to " + vector + "\n";
    arguments += (i ? ", " : "") + vector + " %v" + n;
  }
  before += "%w = call " + vector + " @llvm.nvvm." + name + "(" + arguments + ")\n";
  check(
      "bitcast " + vector + " %w to i32", i32, i32, operands,
      [&](Numbers &numbers, Type *, MutableArrayRef<uint64_t> v) {
        for (uint64_t &x : v) // No NaNs: their bits are nobody's promise.
          x &= 0xBBFFBBFFu;
      },
      [&](Type *type, Type *, ArrayRef<uint64_t> v) -> std::optional<uint64_t> {
        const fltSemantics &format = typeOf(type->getContext(), half)->getFltSemantics();
        uint64_t word = 0;
        for (unsigned part = 0; part < 2; ++part) {
          SmallVector<APFloat, 3> in;
          for (uint64_t x : v)
            in.push_back(APFloat(format, APInt(16, (x >> (16 * part)) & 0xFFFF)));
          word |= operation(in).bitcastToAPInt().getZExtValue() << (16 * part);
        }
        return word;
      },
      before);
}

TEST(SimulatorNvvm, PairsOfHalves) {
  auto fma = [](ArrayRef<APFloat> v) {
    APFloat r = v[0];
    r.fusedMultiplyAdd(v[1], v[2], nearest);
    return r;
  };
  auto largest = [](ArrayRef<APFloat> v) { return maximumnum(v[0], v[1]); };
  auto smallest = [](ArrayRef<APFloat> v) { return minimumnum(v[0], v[1]); };
  for (const TypeInfo *half : {&f16, &bf16}) {
    std::string suffix = half == &f16 ? "f16x2" : "bf16x2";
    checkPair("fma.rn." + suffix, *half, 3, fma);
    checkPair("fmax." + suffix, *half, 2, largest);
    checkPair("fmax.nan." + suffix, *half, 2, largest);
    checkPair("fmin." + suffix, *half, 2, smallest);
  }
}

TEST(SimulatorNvvm, Conversions) {
  auto narrow = [](const char *name, const TypeInfo &to, const fltSemantics &format,
                   APFloat::roundingMode mode) {
    check("call " + std::string(to.name) + " @llvm.nvvm." + name + "(float %a)", f32, to, 1,
          drawNothing, [&](Type *, Type *, ArrayRef<uint64_t> v) -> std::optional<uint64_t> {
            APFloat x(APFloat::IEEEsingle(), APInt(32, v[0]));
            bool loses;
            x.convert(format, mode, &loses);
            return result(x);
          });
  };
  narrow("f2bf16.rn", bf16, APFloat::BFloat(), nearest);
  narrow("f2bf16.rz", bf16, APFloat::BFloat(), APFloat::rmTowardZero);
  narrow("f2f16.rn", f16, APFloat::IEEEhalf(), nearest);
  narrow("f2f16.rz", f16, APFloat::IEEEhalf(), APFloat::rmTowardZero);
  auto integers = [](const char *name, const TypeInfo &from, const TypeInfo &to, auto reference) {
    check("call " + std::string(to.name) + " @llvm.nvvm." + name + "(" + from.name + " %a)", from,
          to, 1, drawNothing, [&](Type *, Type *, ArrayRef<uint64_t> v) -> std::optional<uint64_t> {
            return reference(v[0]);
          });
  };
  auto bitsOfFloat = [](float x) -> uint64_t {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    return std::isnan(x) ? ~uint64_t(0) : bits;
  };
  auto floatOf = [](uint64_t bits) {
    auto word = static_cast<uint32_t>(bits);
    float x;
    std::memcpy(&x, &word, 4);
    return x;
  };
  integers("i2f.rn", i32, f32,
           [&](uint64_t v) { return bitsOfFloat(static_cast<float>(static_cast<int32_t>(v))); });
  integers("ui2f.rn", i32, f32,
           [&](uint64_t v) { return bitsOfFloat(static_cast<float>(static_cast<uint32_t>(v))); });
  // "Out of range is clamped, NaN becomes 0."
  integers("f2i.rz", f32, i32, [&](uint64_t v) -> uint64_t {
    float x = floatOf(v);
    int32_t r = std::isnan(x)  ? 0
                : x >= 0x1p31f ? INT32_MAX
                : x < -0x1p31f ? INT32_MIN
                               : static_cast<int32_t>(x);
    return static_cast<uint32_t>(r);
  });
  integers("f2ui.rz", f32, i32, [&](uint64_t v) -> uint64_t {
    float x = floatOf(v);
    return std::isnan(x) || x <= 0 ? 0 : x >= 0x1p32f ? ~0u : static_cast<uint32_t>(x);
  });
  check("call float @llvm.nvvm.d2f.rn(double %a)", f64, f32, 1, drawNothing,
        [&](Type *, Type *, ArrayRef<uint64_t> v) -> std::optional<uint64_t> {
          APFloat x(APFloat::IEEEdouble(), APInt(64, v[0]));
          bool loses;
          x.convert(APFloat::IEEEsingle(), nearest, &loses);
          return result(x);
        });
  // Ten bits of fraction, ties away from zero.
  check(
      "call i32 @llvm.nvvm.f2tf32.rna(float %a)", f32, i32, 1,
      [](Numbers &numbers, Type *, MutableArrayRef<uint64_t> v) {
        if (((v[0] >> 23) & 0xFF) == 0xFF)
          v[0] = 0x3F801000; // A tie, in place of an infinity or a NaN.
      },
      [](Type *, Type *, ArrayRef<uint64_t> v) -> std::optional<uint64_t> {
        uint64_t below = v[0] & 0xFFFFE000u, rest = v[0] & 0x1FFF;
        return rest >= 0x1000 ? below + 0x2000 : below;
      });
}

TEST(SimulatorNvvm, BytePermutation) {
  check("call i32 @llvm.nvvm.prmt(i32 %a, i32 %b, i32 %c)", i32, i32, 3, drawNothing,
        [](Type *, Type *, ArrayRef<uint64_t> v) -> std::optional<uint64_t> {
          uint8_t bytes[8];
          std::memcpy(bytes, &v[0], 4);
          std::memcpy(bytes + 4, &v[1], 4);
          uint64_t word = 0;
          for (int i = 0; i < 4; ++i) {
            unsigned selector = (v[2] >> (4 * i)) & 0xF;
            uint8_t byte = bytes[selector & 7];
            if (selector & 8) // The sign, in all bits.
              byte = byte & 0x80 ? 0xFF : 0;
            word |= uint64_t(byte) << (8 * i);
          }
          return word;
        });
}
