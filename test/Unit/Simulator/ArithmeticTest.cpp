//===- ArithmeticTest.cpp - Scalar instructions against LLVM --------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arithmetic, comparisons and casts of every type, lane by lane against LLVM's
// constant folder; what it does not fold, against APFloat; approximations against the
// C library, within the error that the PTX ISA manual documents.
//
//===----------------------------------------------------------------------===//

#include "ScalarTestUtils.h"

#include "llvm/Analysis/ConstantFolding.h"
#include "llvm/IR/DataLayout.h"
#include "llvm/IR/Instructions.h"

#include <cmath>

using namespace llvm;
using namespace tegula::sim;
using namespace tegula::sim::test;

TEST(SimulatorArithmetic, Integers) {
  using B = BinaryOperator;
  const std::pair<const char *, unsigned> ops[] = {
      {"add", B::Add}, {"sub", B::Sub},   {"mul", B::Mul},   {"and", B::And},   {"or", B::Or},
      {"xor", B::Xor}, {"udiv", B::UDiv}, {"sdiv", B::SDiv}, {"urem", B::URem}, {"srem", B::SRem},
      {"shl", B::Shl}, {"lshr", B::LShr}, {"ashr", B::AShr}};
  for (const TypeInfo &info : integerTypes)
    for (auto [name, opcode] : ops) {
      bool divides =
          opcode == B::UDiv || opcode == B::SDiv || opcode == B::URem || opcode == B::SRem;
      bool shifts = opcode == B::Shl || opcode == B::LShr || opcode == B::AShr;
      DataLayout layout("");
      check(
          std::string(name) + " " + info.name + " %a, %b", info, info, 2,
          [&](Numbers &numbers, Type *, MutableArrayRef<uint64_t> v) {
            if (shifts)
              v[1] = numbers.integer(0, info.bits - 1);
            if (divides && (v[1] == 0 || v[1] == ~uint64_t(0) >> (64 - info.bits)))
              v[1] = 3;
          },
          [&, opcode = opcode](Type *type, Type *, ArrayRef<uint64_t> v) {
            return bitsOf(ConstantFoldBinaryOpOperands(opcode, constantOf(type, v[0]),
                                                       constantOf(type, v[1]), layout));
          });
    }
}

TEST(SimulatorArithmetic, Floats) {
  using B = BinaryOperator;
  const std::pair<const char *, unsigned> ops[] = {
      {"fadd", B::FAdd}, {"fsub", B::FSub}, {"fmul", B::FMul}, {"fdiv", B::FDiv}};
  DataLayout layout("");
  for (const TypeInfo &info : floatTypes)
    for (auto [name, opcode] : ops)
      check(std::string(name) + " " + info.name + " %a, %b", info, info, 2, drawNothing,
            [&, opcode = opcode](Type *type, Type *, ArrayRef<uint64_t> v) {
              return bitsOf(ConstantFoldBinaryOpOperands(opcode, constantOf(type, v[0]),
                                                         constantOf(type, v[1]), layout));
            });
}

TEST(SimulatorArithmetic, FusedMultiplyAdd) {
  for (const TypeInfo &info : floatTypes) {
    std::string suffix = info.bits == 64                  ? "f64"
                         : info.bits == 32                ? "f32"
                         : StringRef(info.name) == "half" ? "f16"
                                                          : "bf16";
    std::string t = info.name;
    check(
        "call " + t + " @llvm.fma." + suffix + "(" + t + " %a, " + t + " %b, " + t + " %c)", info,
        info, 3,
        [&](Numbers &numbers, Type *type, MutableArrayRef<uint64_t> v) {
          // Sums that nearly cancel, where a second rounding would show.
          if (numbers.integer(0, 1)) {
            APFloat product(type->getFltSemantics(), APInt(info.bits, v[0]));
            product.multiply(APFloat(type->getFltSemantics(), APInt(info.bits, v[1])),
                             APFloat::rmNearestTiesToEven);
            product.changeSign();
            v[2] = product.bitcastToAPInt().getZExtValue() ^ (numbers.bits() & 1);
          }
        },
        [&](Type *type, Type *, ArrayRef<uint64_t> v) -> std::optional<uint64_t> {
          const fltSemantics &format = type->getFltSemantics();
          APFloat a(format, APInt(info.bits, v[0])), b(format, APInt(info.bits, v[1])),
              c(format, APInt(info.bits, v[2]));
          a.fusedMultiplyAdd(b, c, APFloat::rmNearestTiesToEven);
          return a.isNaN() ? ~uint64_t(0) : a.bitcastToAPInt().getZExtValue();
        });
  }
}

TEST(SimulatorArithmetic, Contraction) {
  // Two flags make one rounding, one does not.
  const TypeInfo &f32 = floatTypes[2];
  for (bool both : {false, true})
    check(
        "fadd contract float %m, %c", f32, f32, 3, drawNothing,
        [&](Type *type, Type *, ArrayRef<uint64_t> v) -> std::optional<uint64_t> {
          const fltSemantics &format = type->getFltSemantics();
          APFloat a(format, APInt(32, v[0])), b(format, APInt(32, v[1])),
              c(format, APInt(32, v[2]));
          if (both) {
            a.fusedMultiplyAdd(b, c, APFloat::rmNearestTiesToEven);
          } else {
            a.multiply(b, APFloat::rmNearestTiesToEven);
            a.add(c, APFloat::rmNearestTiesToEven);
          }
          return a.isNaN() ? ~uint64_t(0) : a.bitcastToAPInt().getZExtValue();
        },
        std::string("%m = fmul ") + (both ? "contract " : "") + "float %a, %b\n");
}

TEST(SimulatorArithmetic, Comparisons) {
  const TypeInfo &byte = integerTypes[0];
  auto each = [&](const TypeInfo &info, CmpInst::Predicate predicate, const char *kind) {
    std::string before = "%z = " + std::string(kind) + " " +
                         CmpInst::getPredicateName(predicate).str() + " " + info.name + " %a, %b\n";
    check(
        "zext i1 %z to i8", info, byte, 2,
        [&](Numbers &numbers, Type *, MutableArrayRef<uint64_t> v) {
          if (numbers.integer(0, 2) == 0)
            v[1] = v[0];
        },
        [&](Type *type, Type *, ArrayRef<uint64_t> v) -> std::optional<uint64_t> {
          APInt a(info.bits, v[0]), b(info.bits, v[1]);
          if (!info.isFloat)
            return ICmpInst::compare(a, b, predicate);
          const fltSemantics &format = type->getFltSemantics();
          return FCmpInst::compare(APFloat(format, a), APFloat(format, b), predicate);
        },
        before);
  };
  for (const TypeInfo &info : integerTypes)
    for (unsigned p = CmpInst::FIRST_ICMP_PREDICATE; p <= CmpInst::LAST_ICMP_PREDICATE; ++p)
      each(info, static_cast<CmpInst::Predicate>(p), "icmp");
  for (const TypeInfo &info : floatTypes)
    for (unsigned p = CmpInst::FCMP_OEQ; p < CmpInst::FCMP_TRUE; ++p)
      each(info, static_cast<CmpInst::Predicate>(p), "fcmp");
}

TEST(SimulatorArithmetic, Casts) {
  DataLayout layout("");
  auto each = [&](const char *name, unsigned opcode, const TypeInfo &from, const TypeInfo &to) {
    check(
        std::string(name) + " " + from.name + " %a to " + to.name, from, to, 1,
        [&](Numbers &numbers, Type *type, MutableArrayRef<uint64_t> v) {
          if (opcode != Instruction::FPToSI && opcode != Instruction::FPToUI)
            return;
          // In range, so that the result is no poison.
          APFloat number(
              static_cast<double>(numbers.integer(opcode == Instruction::FPToUI ? 0 : -100, 100)) +
              0.5);
          bool loses;
          number.convert(type->getFltSemantics(), APFloat::rmNearestTiesToEven, &loses);
          v[0] = number.bitcastToAPInt().getZExtValue();
        },
        [&](Type *type, Type *result, ArrayRef<uint64_t> v) {
          return bitsOf(ConstantFoldCastOperand(opcode, constantOf(type, v[0]), result, layout));
        });
  };
  for (const TypeInfo &from : integerTypes)
    for (const TypeInfo &to : integerTypes) {
      if (from.bits < to.bits) {
        each("zext", Instruction::ZExt, from, to);
        each("sext", Instruction::SExt, from, to);
      } else if (from.bits > to.bits) {
        each("trunc", Instruction::Trunc, from, to);
      }
    }
  for (const TypeInfo &from : floatTypes)
    for (const TypeInfo &to : floatTypes) {
      if (from.bits < to.bits)
        each("fpext", Instruction::FPExt, from, to);
      else if (from.bits > to.bits)
        each("fptrunc", Instruction::FPTrunc, from, to);
    }
  for (const TypeInfo &number : floatTypes)
    for (const TypeInfo &integer : integerTypes) {
      if (number.bits > 16 || integer.bits < 64) {
        each("sitofp", Instruction::SIToFP, integer, number);
        each("uitofp", Instruction::UIToFP, integer, number);
      }
      each("fptosi", Instruction::FPToSI, number, integer);
      each("fptoui", Instruction::FPToUI, number, integer);
    }
}

TEST(SimulatorArithmetic, IntegerIntrinsics) {
  using Reference = APInt (*)(const APInt &, const APInt &);
  const std::pair<const char *, Reference> binary[] = {
      {"smin", [](const APInt &a, const APInt &b) { return APIntOps::smin(a, b); }},
      {"smax", [](const APInt &a, const APInt &b) { return APIntOps::smax(a, b); }},
      {"umin", [](const APInt &a, const APInt &b) { return APIntOps::umin(a, b); }},
      {"umax", [](const APInt &a, const APInt &b) { return APIntOps::umax(a, b); }}};
  const std::pair<const char *, Reference> unary[] = {
      {"ctpop", [](const APInt &a, const APInt &) { return APInt(a.getBitWidth(), a.popcount()); }},
      {"bitreverse", [](const APInt &a, const APInt &) { return a.reverseBits(); }}};
  const std::pair<const char *, Reference> flagged[] = {
      {"ctlz",
       [](const APInt &a, const APInt &) { return APInt(a.getBitWidth(), a.countl_zero()); }},
      {"cttz",
       [](const APInt &a, const APInt &) { return APInt(a.getBitWidth(), a.countr_zero()); }},
      {"abs", [](const APInt &a, const APInt &) { return a.abs(); }}};
  for (const TypeInfo &info : integerTypes) {
    std::string t = info.name;
    auto each = [&](const char *name, const std::string &arguments, unsigned operands,
                    Reference reference) {
      check("call " + t + " @llvm." + name + "." + t + "(" + arguments + ")", info, info, operands,
            drawNothing, [&](Type *, Type *, ArrayRef<uint64_t> v) -> std::optional<uint64_t> {
              APInt a(info.bits, v[0]), b(info.bits, operands > 1 ? v[1] : 0);
              return reference(a, b).getZExtValue();
            });
    };
    for (auto [name, reference] : binary)
      each(name, t + " %a, " + t + " %b", 2, reference);
    for (auto [name, reference] : unary)
      each(name, t + " %a", 1, reference);
    for (auto [name, reference] : flagged)
      each(name, t + " %a, i1 false", 1, reference);
    if (info.bits > 8)
      each("bswap", t + " %a", 1, [](const APInt &a, const APInt &) { return a.byteSwap(); });
    if (info.bits >= 32) {
      each("fshl", t + " %a, " + t + " %b, " + t + " 5", 2,
           [](const APInt &a, const APInt &b) { return a.shl(5) | b.lshr(a.getBitWidth() - 5); });
      each("fshr", t + " %a, " + t + " %b, " + t + " 5", 2,
           [](const APInt &a, const APInt &b) { return a.shl(a.getBitWidth() - 5) | b.lshr(5); });
    }
  }
  const TypeInfo &i32 = integerTypes[2], &i64 = integerTypes[3];
  auto high = [&](const char *name, const TypeInfo &info, bool isSigned) {
    std::string t = info.name;
    check("call " + t + " @llvm.nvvm.mulhi." + name + "(" + t + " %a, " + t + " %b)", info, info, 2,
          drawNothing, [&](Type *, Type *, ArrayRef<uint64_t> v) -> std::optional<uint64_t> {
            APInt a(info.bits, v[0]), b(info.bits, v[1]);
            return (isSigned ? APIntOps::mulhs(a, b) : APIntOps::mulhu(a, b)).getZExtValue();
          });
  };
  high("i", i32, true);
  high("ui", i32, false);
  high("ll", i64, true);
  high("ull", i64, false);
}

TEST(SimulatorArithmetic, MinimumAndMaximum) {
  // A NaN loses in `max`, and wins in `max.NaN`; -0 is below +0.
  for (const char *name : {"maxnum", "minnum", "maximum", "minimum"})
    for (const TypeInfo &info : floatTypes) {
      if (info.bits == 16)
        continue;
      std::string t = info.name, suffix = info.bits == 64 ? "f64" : "f32";
      check(
          "call " + t + " @llvm." + name + "." + suffix + "(" + t + " %a, " + t + " %b)", info,
          info, 2,
          [&](Numbers &numbers, Type *type, MutableArrayRef<uint64_t> v) {
            for (uint64_t &x : v) {
              int pick = numbers.integer(0, 5);
              if (pick < 2)
                x = uint64_t(pick) << (info.bits - 1);
              if (pick == 2)
                x = APFloat::getQNaN(type->getFltSemantics()).bitcastToAPInt().getZExtValue();
            }
          },
          [&](Type *type, Type *, ArrayRef<uint64_t> v) -> std::optional<uint64_t> {
            const fltSemantics &format = type->getFltSemantics();
            APFloat a(format, APInt(info.bits, v[0])), b(format, APInt(info.bits, v[1]));
            StringRef n = name;
            APFloat r = n == "maxnum"    ? maximumnum(a, b)
                        : n == "minnum"  ? minimumnum(a, b)
                        : n == "maximum" ? maximum(a, b)
                                         : minimum(a, b);
            return r.isNaN() ? ~uint64_t(0) : r.bitcastToAPInt().getZExtValue();
          });
    }
}

TEST(SimulatorArithmetic, PackedConversions) {
  // The first operand goes to the upper half.
  const TypeInfo &f32 = floatTypes[2], &i32 = integerTypes[2];
  struct Case {
    const char *code;
    const fltSemantics &format;
    APFloat::roundingMode mode;
    bool relu;
  };
  const Case cases[] = {
      {"call <2 x bfloat> @llvm.nvvm.ff2bf16x2.rn(float %a, float %b)", APFloat::BFloat(),
       APFloat::rmNearestTiesToEven, false},
      {"call <2 x bfloat> @llvm.nvvm.ff2bf16x2.rn.relu(float %a, float %b)", APFloat::BFloat(),
       APFloat::rmNearestTiesToEven, true},
      {"call <2 x bfloat> @llvm.nvvm.ff2bf16x2.rz(float %a, float %b)", APFloat::BFloat(),
       APFloat::rmTowardZero, false},
      {"call <2 x half> @llvm.nvvm.ff2f16x2.rn(float %a, float %b)", APFloat::IEEEhalf(),
       APFloat::rmNearestTiesToEven, false},
      {"call <2 x half> @llvm.nvvm.ff2f16x2.rz(float %a, float %b)", APFloat::IEEEhalf(),
       APFloat::rmTowardZero, false},
      {"call i32 asm \"cvt.rn.bf16x2.f32 $0, $1, $2;\", \"=r,f,f\"(float %a, float %b)",
       APFloat::BFloat(), APFloat::rmNearestTiesToEven, false},
      {"call i32 asm \"cvt.rn.f16x2.f32 $0, $1, $2;\", \"=r,f,f\"(float %a, float %b)",
       APFloat::IEEEhalf(), APFloat::rmNearestTiesToEven, false},
  };
  for (const Case &c : cases) {
    bool vector = StringRef(c.code).starts_with("call <");
    std::string type = &c.format == &APFloat::BFloat() ? "<2 x bfloat>" : "<2 x half>";
    check(
        vector ? "bitcast " + type + " %v to i32" : c.code, f32, i32, 2, drawNothing,
        [&](Type *type, Type *, ArrayRef<uint64_t> v) -> std::optional<uint64_t> {
          uint64_t word = 0;
          for (unsigned i = 0; i < 2; ++i) {
            APFloat x(type->getFltSemantics(), APInt(32, v[i]));
            if (c.relu && x.isNegative() && !x.isNaN())
              x = APFloat(0.0f);
            bool loses;
            bool nan = x.isNaN();
            x.convert(c.format, c.mode, &loses);
            uint64_t half = nan ? 0x7FFF : x.bitcastToAPInt().getZExtValue();
            word |= half << (i == 0 ? 16 : 0);
          }
          return word;
        },
        vector ? std::string("%v = ") + c.code + "\n" : "");
  }
}

//===----------------------------------------------------------------------===//
// Approximations
//===----------------------------------------------------------------------===//

/// `%r = call float @name(float %a)` against a function of the C library; the error is
/// relative to the result, or absolute.
static void approximate(const char *name, double low, double high, double (*reference)(double),
                        double relative, double absolute) {
  SCOPED_TRACE(name);
  Numbers numbers;
  std::vector<float> in(64), out(64);
  for (float &x : in)
    x = static_cast<float>(low + (high - low) * numbers.integer(0, 1000000) / 1000000.0);
  std::string callee = StringRef(name).contains(' ') ? std::string(name) : "@" + std::string(name);
  std::string text = "define ptx_kernel void @k(ptr addrspace(1) %x, ptr addrspace(1) %y) {\n"
                     "%t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()\n"
                     "%p = getelementptr float, ptr addrspace(1) %x, i32 %t\n"
                     "%a = load float, ptr addrspace(1) %p\n%r = call float " +
                     callee +
                     "(float %a)\n%q = getelementptr float, ptr addrspace(1) %y, i32 %t\n"
                     "store float %r, ptr addrspace(1) %q\nret void\n}\n";
  Bench bench(64);
  bench.buffer("x", in);
  bench.buffer("y", out);
  bench.runClean(text);
  for (auto [x, y] : zip(in, out)) {
    double want = reference(x);
    EXPECT_LE(std::fabs(y - want), relative * std::fabs(want) + absolute)
        << x << ", " << numbers.note();
  }
}

TEST(SimulatorArithmetic, Approximations) {
  auto rsqrt = [](double x) { return 1 / std::sqrt(x); };
  auto rcp = [](double x) { return 1 / x; };
  auto exp2 = [](double x) { return std::exp2(x); };
  auto log2 = [](double x) { return std::log2(x); };
  approximate("llvm.nvvm.ex2.approx.ftz.f32", -20, 20, exp2, 0x1p-22, 0);
  approximate("llvm.exp2.f32", -20, 20, exp2, 0x1p-22, 0);
  approximate("llvm.nvvm.lg2.approx.ftz.f", 1e-3, 1e3, log2, 0, 0x1p-20);
  approximate("llvm.nvvm.rcp.approx.ftz.f", 1e-3, 1e3, rcp, 0x1p-23, 0);
  approximate("llvm.nvvm.rsqrt.approx.f", 1e-3, 1e3, rsqrt, 0x1.2p-23, 0);
  approximate(
      "llvm.nvvm.sqrt.approx.f", 1e-3, 1e3, [](double x) { return std::sqrt(x); }, 0x1p-23, 0);
  approximate("llvm.nvvm.sin.approx.f", -3, 3, [](double x) { return std::sin(x); }, 0, 0x1p-20);
  approximate("llvm.nvvm.cos.approx.f", -3, 3, [](double x) { return std::cos(x); }, 0, 0x1p-20);
  approximate("asm \"ex2.approx.ftz.f32 $0, $1;\", \"=f,f\"", -20, 20, exp2, 0x1p-22, 0);
  approximate(
      "asm \"tanh.approx.f32 $0, $1;\", \"=f,f\"", -4, 4, [](double x) { return std::tanh(x); },
      0x1p-11, 0);
}

TEST(SimulatorArithmetic, ExponentialsAtTheEnds) {
  std::vector<float> in = {-INFINITY, INFINITY, NAN, 0,   -126,  -127,
                           -149,      -151,     127, 128, -1e9f, 1e9f};
  std::vector<float> want = {0,         INFINITY, NAN,      1,        0x1p-126f, 0x1p-127f,
                             0x1p-149f, 0,        0x1p127f, INFINITY, 0,         INFINITY};
  for (bool flush : {false, true}) {
    std::vector<float> out(in.size());
    std::vector<float> x = in;
    std::string text =
        std::string("define ptx_kernel void @k(ptr addrspace(1) %x, ptr addrspace(1) %y) {\n"
                    "%t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()\n"
                    "%p = getelementptr float, ptr addrspace(1) %x, i32 %t\n"
                    "%a = load float, ptr addrspace(1) %p\n"
                    "%r = call float @llvm.nvvm.ex2.approx.") +
        (flush ? "ftz." : "") +
        "f32(float %a)\n%q = getelementptr float, ptr addrspace(1) %y, i32 %t\n"
        "store float %r, ptr addrspace(1) %q\nret void\n}\n";
    Bench bench(in.size());
    bench.buffer("x", x);
    bench.buffer("y", out);
    bench.runClean(text);
    EXPECT_EQ(bench.counters.exponentials, in.size());
    for (size_t i = 0; i < in.size(); ++i) {
      float w = flush && std::fabs(want[i]) < 0x1p-126f ? 0 : want[i];
      EXPECT_TRUE(out[i] == w || (std::isnan(out[i]) && std::isnan(w))) << in[i] << ": " << out[i];
    }
  }
}
