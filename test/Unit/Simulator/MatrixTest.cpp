//===- MatrixTest.cpp - Fragments as the manual has them ------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every modelled matrix instruction against the fragment maps of the PTX ISA manual
// ("Matrix Fragments for mma.m16n8k16 with floating point type" and its neighbours),
// written here as the manual writes them: groupID, threadID_in_group, and a row and a
// column for element i. Nothing is shared with the simulator. Operands are small
// integers, whose products are exact in every type.
//
//===----------------------------------------------------------------------===//

#include "SimulatorTestUtils.h"

#include "llvm/ADT/APFloat.h"

using namespace tegula::sim;
using namespace tegula::sim::test;

namespace {

struct Place {
  int row, column;
};

/// How an instruction is written and what its operands hold.
struct Form {
  const char *intrinsic;
  /// Types of one register of A and B, and of C and D, in LLVM.
  const char *operandType, *resultType;
  int m, k;
  /// Bits of an element of A and B, and of C and D.
  int bits, resultBits;
  /// Elements that a lane holds.
  int elementsA, elementsB, elementsC;
  /// The manual's maps for element i of a lane.
  Place (*a)(int lane, int i);
  Place (*b)(int lane, int i);
  /// A value as bits of the element type.
  uint64_t (*encode)(int value);
  const char *asmName;
  Place (*c)(int lane, int i);
};

} // namespace

static int group(int lane) { return lane >> 2; }
static int thread(int lane) { return lane % 4; }

// .m16n8k16, 16-bit types.
static Place a16k16(int lane, int i) {
  int row = (i < 2) || (i >= 4 && i < 6) ? group(lane) : group(lane) + 8;
  int column = i < 4 ? thread(lane) * 2 + (i & 1) : thread(lane) * 2 + (i & 1) + 8;
  return {row, column};
}
static Place b16k16(int lane, int i) {
  int row = i < 2 ? thread(lane) * 2 + (i & 1) : thread(lane) * 2 + (i & 1) + 8;
  return {row, group(lane)};
}
// .m16n8k8, 16-bit types.
static Place a16k8(int lane, int i) {
  return {i < 2 ? group(lane) : group(lane) + 8, thread(lane) * 2 + (i & 1)};
}
static Place b16k8(int lane, int i) { return {thread(lane) * 2 + i, group(lane)}; }
// .m16n8k8 and .m16n8k4, .tf32.
static Place aTF32k8(int lane, int i) {
  int row = i == 0 || i == 2 ? group(lane) : group(lane) + 8;
  int column = i == 0 || i == 1 ? thread(lane) : thread(lane) + 4;
  return {row, column};
}
static Place bTF32k8(int lane, int i) {
  return {i == 0 ? thread(lane) : thread(lane) + 4, group(lane)};
}
static Place aTF32k4(int lane, int i) {
  return {i == 0 ? group(lane) : group(lane) + 8, thread(lane)};
}
static Place bTF32k4(int lane, int) { return {thread(lane), group(lane)}; }
// .m16n8k16 and .m16n8k32, 8-bit types.
static Place a8k16(int lane, int i) {
  return {i < 4 ? group(lane) : group(lane) + 8, thread(lane) * 4 + (i & 3)};
}
static Place b8k16(int lane, int i) { return {thread(lane) * 4 + (i & 3), group(lane)}; }
static Place a8k32(int lane, int i) {
  int row = i < 4 || (i >= 8 && i < 12) ? group(lane) : group(lane) + 8;
  int column = i < 8 ? thread(lane) * 4 + (i & 3) : thread(lane) * 4 + (i & 3) + 16;
  return {row, column};
}
static Place b8k32(int lane, int i) {
  return {i < 4 ? thread(lane) * 4 + (i & 3) : thread(lane) * 4 + (i & 3) + 16, group(lane)};
}
// .m8n8k4, .f64.
static Place aF64(int lane, int) { return {group(lane), thread(lane)}; }
static Place bF64(int lane, int) { return {thread(lane), group(lane)}; }
static Place cF64(int lane, int i) { return {group(lane), thread(lane) * 2 + (i & 1)}; }
// C and D of all .m16n8 shapes.
static Place c16(int lane, int i) {
  return {i < 2 ? group(lane) : group(lane) + 8, thread(lane) * 2 + (i & 1)};
}

static uint64_t floatBits(int value) {
  auto f = static_cast<float>(value);
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  return bits;
}
static uint64_t doubleBits(int value) {
  auto f = static_cast<double>(value);
  uint64_t bits;
  std::memcpy(&bits, &f, 8);
  return bits;
}
static uint64_t bf16Bits(int value) { return floatBits(value) >> 16; }
static uint64_t apBits(int value, const llvm::fltSemantics &format) {
  llvm::APFloat number(static_cast<double>(value));
  bool loses;
  number.convert(format, llvm::APFloat::rmNearestTiesToEven, &loses);
  return number.bitcastToAPInt().getZExtValue();
}
static uint64_t f16Bits(int value) { return apBits(value, llvm::APFloat::IEEEhalf()); }
static uint64_t e4m3Bits(int value) { return apBits(value, llvm::APFloat::Float8E4M3FN()); }
static uint64_t e5m2Bits(int value) { return apBits(value, llvm::APFloat::Float8E5M2()); }
static uint64_t integerBits(int value) { return static_cast<uint32_t>(value) & 0xFF; }
static uint64_t unsignedBits(int value) { return static_cast<uint32_t>(value & 0x7F); }

static const Form forms[] = {
    {"llvm.nvvm.mma.m16n8k16.row.col.bf16", "i32", "float", 16, 16, 16, 32, 8, 4, 4, a16k16, b16k16,
     bf16Bits, "m16n8k16.row.col.f32.bf16.bf16.f32", c16},
    {"llvm.nvvm.mma.m16n8k8.row.col.bf16", "i32", "float", 16, 8, 16, 32, 4, 2, 4, a16k8, b16k8,
     bf16Bits, "m16n8k8.row.col.f32.bf16.bf16.f32", c16},
    {"llvm.nvvm.mma.m16n8k16.row.col.f32.f32", "<2 x half>", "float", 16, 16, 16, 32, 8, 4, 4,
     a16k16, b16k16, f16Bits, "m16n8k16.row.col.f32.f16.f16.f32", c16},
    {"llvm.nvvm.mma.m16n8k16.row.col.f16.f16", "<2 x half>", "<2 x half>", 16, 16, 16, 16, 8, 4, 4,
     a16k16, b16k16, f16Bits, "m16n8k16.row.col.f16.f16.f16.f16", c16},
    {"llvm.nvvm.mma.m16n8k8.row.col.f32.f32", "<2 x half>", "float", 16, 8, 16, 32, 4, 2, 4, a16k8,
     b16k8, f16Bits, "m16n8k8.row.col.f32.f16.f16.f32", c16},
    {"llvm.nvvm.mma.m16n8k8.row.col.f16.f16", "<2 x half>", "<2 x half>", 16, 8, 16, 16, 4, 2, 4,
     a16k8, b16k8, f16Bits, "m16n8k8.row.col.f16.f16.f16.f16", c16},
    {"llvm.nvvm.mma.m16n8k8.row.col.tf32", "i32", "float", 16, 8, 32, 32, 4, 2, 4, aTF32k8, bTF32k8,
     floatBits, "m16n8k8.row.col.f32.tf32.tf32.f32", c16},
    {"llvm.nvvm.mma.m16n8k4.row.col.tf32", "i32", "float", 16, 4, 32, 32, 2, 1, 4, aTF32k4, bTF32k4,
     floatBits, "m16n8k4.row.col.f32.tf32.tf32.f32", c16},
    {"llvm.nvvm.mma.m8n8k4.row.col.f64", "double", "double", 8, 4, 64, 64, 1, 1, 2, aF64, bF64,
     doubleBits, "m8n8k4.row.col.f64.f64.f64.f64", cF64},
    {"llvm.nvvm.mma.m16n8k16.row.col.s8", "i32", "i32", 16, 16, 8, 32, 8, 4, 4, a8k16, b8k16,
     integerBits, "m16n8k16.row.col.s32.s8.s8.s32", c16},
    {"llvm.nvvm.mma.m16n8k32.row.col.s8", "i32", "i32", 16, 32, 8, 32, 16, 8, 4, a8k32, b8k32,
     integerBits, "m16n8k32.row.col.s32.s8.s8.s32", c16},
    {"llvm.nvvm.mma.m16n8k16.row.col.u8", "i32", "i32", 16, 16, 8, 32, 8, 4, 4, a8k16, b8k16,
     unsignedBits, "m16n8k16.row.col.s32.u8.u8.s32", c16},
    {"llvm.nvvm.mma.m16n8k32.row.col.u8", "i32", "i32", 16, 32, 8, 32, 16, 8, 4, a8k32, b8k32,
     unsignedBits, "m16n8k32.row.col.s32.u8.u8.s32", c16},
    {"llvm.nvvm.mma.m16n8k32.row.col.f32.e4m3.e4m3.f32", "i32", "float", 16, 32, 8, 32, 16, 8, 4,
     a8k32, b8k32, e4m3Bits, nullptr, c16},
    {"llvm.nvvm.mma.m16n8k32.row.col.f32.e5m2.e5m2.f32", "i32", "float", 16, 32, 8, 32, 16, 8, 4,
     a8k32, b8k32, e5m2Bits, nullptr, c16},
};

/// Registers of a lane's fragment: 32 bits each, or 64 for f64.
static int registers(int elements, int bits) {
  return std::max(1, elements * bits / (bits == 64 ? 64 : 32));
}

/// `%name0 = load ...` of `count` registers of type `type` from the buffer `name`.
static std::string loads(const char *name, int count, const std::string &type) {
  std::string text;
  for (int r = 0; r < count; ++r) {
    std::string n = name + std::to_string(r);
    text += "%p" + n + " = getelementptr [" + std::to_string(count) + " x " + type +
            "], ptr addrspace(1) %" + name + ", i32 %t, i32 " + std::to_string(r) + "\n%" + n +
            " = load " + type + ", ptr addrspace(1) %p" + n + "\n";
  }
  return text;
}

/// Elements of a lane, put into registers from the low bits up.
template <typename Value>
static void pack(std::vector<uint64_t> &regs, int perLane, int bits, int elements, Value value) {
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < elements; ++i) {
      int perReg = bits == 64 ? 1 : 32 / bits;
      regs[lane * perLane + i / perReg] |= value(lane, i) << (i % perReg * bits);
    }
}

static std::vector<uint32_t> narrow(const std::vector<uint64_t> &regs, int bits) {
  std::vector<uint32_t> bytes;
  for (uint64_t r : regs) {
    bytes.push_back(static_cast<uint32_t>(r));
    if (bits == 64)
      bytes.push_back(static_cast<uint32_t>(r >> 32));
  }
  return bytes;
}

static void checkMma(const Form &f, bool assembly) {
  SCOPED_TRACE(std::string(f.intrinsic) + (assembly ? " as assembly" : ""));
  Numbers numbers;
  bool isUnsigned = f.encode == unsignedBits;
  std::vector<int> a(f.m * f.k), b(f.k * 8), c(f.m * 8);
  for (std::vector<int> *matrix : {&a, &b, &c})
    for (int &x : *matrix)
      x = numbers.integer(isUnsigned ? 0 : -4, 4);
  // Unsigned bytes above 127 differ from signed ones.
  if (isUnsigned)
    a[0] = 127;

  int regsA = registers(f.elementsA, f.bits), regsB = registers(f.elementsB, f.bits),
      regsC = registers(f.elementsC, f.resultBits);
  std::vector<uint64_t> wideA(32 * regsA), wideB(32 * regsB), wideC(32 * regsC);
  pack(wideA, regsA, f.bits, f.elementsA, [&](int lane, int i) {
    Place p = f.a(lane, i);
    return f.encode(a[p.row * f.k + p.column]);
  });
  pack(wideB, regsB, f.bits, f.elementsB, [&](int lane, int i) {
    Place p = f.b(lane, i);
    return f.encode(b[p.row * 8 + p.column]);
  });
  bool integer = std::string(f.resultType) == "i32";
  auto encodeC = [&](int value) -> uint64_t {
    return f.resultBits == 64   ? doubleBits(value)
           : f.resultBits == 16 ? f16Bits(value)
           : integer            ? static_cast<uint32_t>(value)
                                : floatBits(value);
  };
  pack(wideC, regsC, f.resultBits, f.elementsC, [&](int lane, int i) {
    Place p = f.c(lane, i);
    return encodeC(c[p.row * 8 + p.column]);
  });
  std::vector<uint32_t> bufferA = narrow(wideA, f.bits), bufferB = narrow(wideB, f.bits),
                        bufferC = narrow(wideC, f.resultBits), bufferD(bufferC.size());

  std::string result = "{ ";
  for (int r = 0; r < regsC; ++r)
    result += std::string(r ? ", " : "") + f.resultType;
  result += " }";
  std::string arguments;
  auto add = [&](const char *name, int count, const char *type) {
    for (int r = 0; r < count; ++r)
      arguments +=
          (arguments.empty() ? "" : ", ") + std::string(type) + " %" + name + std::to_string(r);
  };
  add("a", regsA, f.operandType);
  add("b", regsB, f.operandType);
  add("c", regsC, f.resultType);
  std::string callee = "@" + std::string(f.intrinsic);
  std::string text = "define ptx_kernel void @k(ptr addrspace(1) %a, ptr addrspace(1) %b, "
                     "ptr addrspace(1) %c, ptr addrspace(1) %d) {\n"
                     "%t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()\n" +
                     loads("a", regsA, f.operandType) + loads("b", regsB, f.operandType) +
                     loads("c", regsC, f.resultType);
  if (assembly) {
    // $0.. are D, then A, B and C.
    int next = 0;
    auto list = [&](int count) {
      std::string s = "{";
      for (int r = 0; r < count; ++r)
        s += (r ? "," : "") + ("$" + std::to_string(next++));
      return s + "}";
    };
    std::string code = "mma.sync.aligned." + std::string(f.asmName) + " " + list(regsC) + ", " +
                       list(regsA) + ", " + list(regsB) + ", " + list(regsC) + ";";
    const char *letterC = f.resultBits == 64 ? "d" : integer || f.resultBits == 16 ? "r" : "f";
    const char *letterA = f.bits == 64 ? "d" : "r";
    std::string constraints;
    for (int r = 0; r < regsC; ++r)
      constraints += std::string(r ? "," : "") + "=" + letterC;
    for (int r = 0; r < regsA + regsB; ++r)
      constraints += std::string(",") + letterA;
    for (int r = 0; r < regsC; ++r)
      constraints += std::string(",") + letterC;
    callee = "asm sideeffect \"" + code + "\", \"" + constraints + "\"";
  }
  text += "%r = call " + result + " " + callee + "(" + arguments + ")\n";
  for (int r = 0; r < regsC; ++r) {
    std::string n = std::to_string(r);
    text += "%d" + n + " = extractvalue " + result + " %r, " + n + "\n%q" + n +
            " = getelementptr [" + std::to_string(regsC) + " x " + f.resultType +
            "], ptr addrspace(1) %d, i32 %t, i32 " + n + "\nstore " + f.resultType + " %d" + n +
            ", ptr addrspace(1) %q" + n + "\n";
  }
  text += "ret void\n}\n";

  Bench bench;
  bench.buffer("a", bufferA);
  bench.buffer("b", bufferB);
  bench.buffer("c", bufferC);
  bench.buffer("d", bufferD, /*initialised=*/false);
  bench.runClean(text);

  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < f.elementsC; ++i) {
      Place p = f.c(lane, i);
      int want = c[p.row * 8 + p.column];
      for (int k = 0; k < f.k; ++k)
        want += a[p.row * f.k + k] * b[k * 8 + p.column];
      uint64_t got;
      if (f.resultBits == 64)
        got = bufferD[2 * (lane * regsC + i)] | uint64_t(bufferD[2 * (lane * regsC + i) + 1]) << 32;
      else if (f.resultBits == 16)
        got = bufferD[lane * regsC + i / 2] >> (i % 2 * 16) & 0xFFFF;
      else
        got = bufferD[lane * regsC + i];
      ASSERT_EQ(got, encodeC(want))
          << "lane " << lane << ", element " << i << ", " << numbers.note();
    }
}

TEST(SimulatorMatrix, MmaIntrinsics) {
  for (const Form &form : forms)
    checkMma(form, false);
}

TEST(SimulatorMatrix, MmaAssembly) {
  for (const Form &form : forms)
    if (form.asmName)
      checkMma(form, true);
}

//===----------------------------------------------------------------------===//
// ldmatrix and stmatrix
//===----------------------------------------------------------------------===//

/// "Threads 0-7 give the rows of the first matrix", and so on; thread T receives elements
/// 2 (T % 4) and the next of row T / 4; transposed, of column T / 4.
static void checkLoadStore(int count, bool transposed, bool store, bool assembly) {
  SCOPED_TRACE((store ? "stmatrix x" : "ldmatrix x") + std::to_string(count) +
               (transposed ? ".trans" : ""));
  Numbers numbers;
  std::string n = std::to_string(count), trans = transposed ? ".trans" : "";
  // 32 rows of 16 bytes with 16 bytes between them; matrix rows in a random order.
  std::vector<uint16_t> memory(32 * 16), fragments(32 * 2 * count);
  for (uint16_t &x : memory)
    x = static_cast<uint16_t>(numbers.bits());
  for (uint16_t &x : fragments)
    x = static_cast<uint16_t>(numbers.bits());
  std::vector<uint32_t> rows(32);
  for (int i = 0; i < 32; ++i)
    rows[i] = i;
  for (int i = 31; i > 0; --i)
    std::swap(rows[i], rows[numbers.integer(0, i)]);
  std::vector<uint16_t> before = memory;

  std::string type = count == 1 ? "i32" : "{ i32";
  for (int i = 1; i < count; ++i)
    type += ", i32";
  if (count > 1)
    type += " }";
  // Global to shared, the instruction, and back.
  std::string text = R"(
@s = internal addrspace(3) global [512 x i16] undef, align 16
define ptx_kernel void @k(ptr addrspace(1) %m, ptr addrspace(1) %f, ptr addrspace(1) %rows) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %from = getelementptr [16 x i16], ptr addrspace(1) %m, i32 %t
  %to = getelementptr [16 x i16], ptr addrspace(3) @s, i32 %t
)";
  for (int half = 0; half < 2; ++half) {
    std::string h = std::to_string(half), at = std::to_string(16 * half);
    text += "%g" + h + " = getelementptr i8, ptr addrspace(1) %from, i32 " + at + "\n%h" + h +
            " = getelementptr i8, ptr addrspace(3) %to, i32 " + at + "\n%v" + h +
            " = load <4 x i32>, ptr addrspace(1) %g" + h + ", align 16\nstore <4 x i32> %v" + h +
            ", ptr addrspace(3) %h" + h + ", align 16\n";
  }
  text += R"(
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %rp = getelementptr i32, ptr addrspace(1) %rows, i32 %t
  %row = load i32, ptr addrspace(1) %rp
  %place = getelementptr [16 x i16], ptr addrspace(3) @s, i32 %row
)";
  std::string suffix = "m8n8.x" + n + trans;
  if (!store) {
    if (assembly) {
      std::string outs, constraints;
      for (int i = 0; i < count; ++i) {
        outs += (i ? "," : "") + ("$" + std::to_string(i));
        constraints += "=r,";
      }
      text += "%pi = ptrtoint ptr addrspace(3) %place to i32\n%r = call " + type +
              " asm sideeffect \"ldmatrix.sync.aligned." + suffix + ".shared.b16 {" + outs +
              "}, [$" + n + "];\", \"" + constraints + "r\"(i32 %pi)\n";
    } else {
      text += "%r = call " + type + " @llvm.nvvm.ldmatrix.sync.aligned." + suffix +
              ".b16.p3(ptr addrspace(3) %place)\n";
    }
  }
  std::string stored;
  for (int i = 0; i < count; ++i) {
    std::string r = std::to_string(i);
    text += "%q" + r + " = getelementptr [" + n + " x i32], ptr addrspace(1) %f, i32 %t, i32 " + r +
            "\n";
    if (store) {
      text += "%w" + r + " = load i32, ptr addrspace(1) %q" + r + "\n";
      stored += ", i32 %w" + r;
    } else {
      text += (count == 1 ? "%w0 = add i32 %r, 0\n"
                          : "%w" + r + " = extractvalue " + type + " %r, " + r + "\n") +
              "store i32 %w" + r + ", ptr addrspace(1) %q" + r + "\n";
    }
  }
  if (store) {
    text += "call void @llvm.nvvm.stmatrix.sync.aligned." + suffix +
            ".b16.p3(ptr addrspace(3) %place" + stored + ")\n";
    text += "call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)\n";
    for (int half = 0; half < 2; ++half) {
      std::string h = std::to_string(half);
      text += "%x" + h + " = load <4 x i32>, ptr addrspace(3) %h" + h +
              ", align 16\nstore <4 x i32> %x" + h + ", ptr addrspace(1) %g" + h + ", align 16\n";
    }
  }
  text += "ret void\n}\n";

  Bench bench;
  bench.buffer("m", memory);
  bench.buffer("f", fragments);
  bench.buffer("rows", rows);
  bench.runClean(text);
  // One turn of the banks per matrix at best; rows at a distance of 32 bytes conflict.
  EXPECT_GE(bench.counters.sharedPhases, bench.counters.sharedPhasesMin);
  for (int matrix = 0; matrix < count; ++matrix)
    for (int t = 0; t < 32; ++t)
      for (int e = 0; e < 2; ++e) {
        int row = t / 4, column = 2 * (t % 4) + e;
        if (transposed)
          std::swap(row, column);
        uint16_t inRow = memory[16 * rows[8 * matrix + row] + column];
        uint16_t inLane = fragments[2 * (t * count + matrix) + e];
        ASSERT_EQ(inRow, inLane) << "matrix " << matrix << ", thread " << t << ", "
                                 << numbers.note();
      }
  if (store) // The bytes between the rows are untouched.
    for (int row = 0; row < 32; ++row)
      for (int i = 8; i < 16; ++i)
        ASSERT_EQ(memory[16 * row + i], before[16 * row + i]);
}

TEST(SimulatorMatrix, LoadMatrix) {
  for (int count : {1, 2, 4})
    for (bool transposed : {false, true})
      for (bool assembly : {false, true})
        checkLoadStore(count, transposed, false, assembly);
}

TEST(SimulatorMatrix, StoreMatrix) {
  for (int count : {1, 2, 4})
    for (bool transposed : {false, true})
      checkLoadStore(count, transposed, true, false);
}
