//===- SimulatedKernelTest.cpp - A launch that the simulator runs --------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The launch part is compiled from a tile program; the device's code is written by hand
// after docs/gpu_abi.md, so that the two sides of that page meet here.
//
//===----------------------------------------------------------------------===//

#include "tegula/Pipelines/Compile.h"
#include "tegula/Runtime/Module.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

#include "gtest/gtest.h"

#include <cstring>

using namespace tegula;

static constexpr const char *tiles = R"(
tegula.kernel @scale(in %x: memref<?x?xf32, strided<[?, 1]>>, out %y: memref<?xf32>, %a: f32) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %y, %c0 : memref<?xf32>
  %m = memref.dim %x, %c0 : memref<?x?xf32, strided<[?, 1]>>
  %fits = arith.cmpi eq, %n, %m : index
  tegula.require %fits, "'y' has one element per row of 'x'"
  tegula.grid (%i) to (%n) step (4) {
    tegula.yield
  }
  tegula.return
}
)";

/// y[i] = a * x[i, 0], four elements a block; LOAD and COUNT are replaced.
static constexpr const char *device = R"(
target triple = "nvptx64-nvidia-cuda"
define ptx_kernel void @scale(ptr addrspace(1) %x, i64 %m, i64 %k, i64 %stride,
                              ptr addrspace(1) %y, i64 %n, float %a) {
  %block = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %thread = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %first = mul i32 %block, 4
  %here = add i32 %first, %thread
  %i = sext i32 %here to i64
  %mine = icmp slt i32 %thread, 4
  %inside = icmp slt i64 %i, COUNT
  %go = and i1 %mine, %inside
  br i1 %go, label %body, label %end
body:
  %at = mul i64 %i, %stride
  %px = getelementptr float, ptr addrspace(1) %x, i64 %at
  %py = getelementptr float, ptr addrspace(1) %y, i64 %i
  %v = load float, ptr addrspace(1) LOAD, align 4
  %r = fmul float %v, %a
  store float %r, ptr addrspace(1) %py, align 4
  br label %end
end:
  ret void
}
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
)";

static std::vector<char> assemble(std::string text, const std::string &load,
                                  const std::string &count) {
  text.replace(text.find("LOAD"), 4, load);
  text.replace(text.find("COUNT"), 5, count);
  llvm::LLVMContext context;
  llvm::SMDiagnostic error;
  std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(text, error, context);
  EXPECT_NE(module, nullptr) << error.getMessage().str();
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::WriteBitcodeToFile(*module, stream);
  return {bytes.begin(), bytes.end()};
}

class Simulated : public testing::Test {
protected:
  /// Loads the kernel and lays out a launch for 10 rows that are 3 elements apart.
  void load(const std::string &load = "%px", const std::string &count = "%n", int64_t rows = 10) {
    CompileOptions options;
    options.path = Path::Loops;
    std::shared_ptr<Artifact> artifact = compile(tiles, "scale.mlir", options, diagnostics);
    ASSERT_NE(artifact, nullptr) << message();
    artifact->target = "sm_80";
    artifact->imageKind = ImageKind::Simulated;
    artifact->image = assemble(device, load, count);
    artifact->kernels.front().threads = 32;
    // x: address, two sizes, the open stride; y: address, size; the scalar.
    artifact->kernels.front().parameters = {0, 1, 2, 3, 5, 6, 8};
    std::vector<char> bytes = artifact->serialize();
    std::shared_ptr<const Artifact> read =
        Artifact::deserialize(bytes.data(), bytes.size(), diagnostics);
    ASSERT_NE(read, nullptr) << message();
    std::shared_ptr<Module> module = Module::load(read, diagnostics);
    ASSERT_NE(module, nullptr) << message();
    record = Record::prepare(
        module, module->kernel(0),
        {{DType::F32, {rows, 2}, {3, 1}}, {DType::F32, {10}, {1}}, {DType::F32, {}, {}}},
        diagnostics);
    ASSERT_NE(record, nullptr) << message();
    for (int i = 0; i < 30; ++i)
      x[i] = static_cast<float>(i);
  }
  std::optional<Diagnostic> launch() {
    float a = 0.5f;
    uint64_t packed[3] = {reinterpret_cast<uint64_t>(x), reinterpret_cast<uint64_t>(y), 0};
    std::memcpy(&packed[2], &a, sizeof(a));
    return record->launch(packed, {});
  }
  std::string message() { return diagnostics.empty() ? "" : diagnostics.front().message; }

  Diagnostics diagnostics;
  std::unique_ptr<Record> record;
  float x[30] = {}, y[10] = {};
};

TEST_F(Simulated, WorksOnTheCallersMemory) {
  load();
  for (int round = 0; round < 3; ++round) {
    std::fill(std::begin(y), std::end(y), -1.f);
    std::optional<Diagnostic> failure = launch();
    ASSERT_EQ(failure, std::nullopt) << failure->message;
    for (int i = 0; i < 10; ++i)
      EXPECT_EQ(y[i], 1.5f * i) << i;
  }
}

TEST_F(Simulated, ReportsAreMessages) {
  load("%px", "12");
  std::optional<Diagnostic> failure = launch();
  ASSERT_NE(failure, std::nullopt);
  EXPECT_EQ(failure->message.find("in the simulator of sm_80: out-of-bounds: "), 0u)
      << failure->message;
}

// What a kernel only writes holds nothing before it does.
TEST_F(Simulated, AnOutputIsUndefinedUntilItIsWritten) {
  load("%py");
  std::optional<Diagnostic> failure = launch();
  ASSERT_NE(failure, std::nullopt);
  EXPECT_EQ(failure->message.find("in the simulator of sm_80: uninitialised: "), 0u)
      << failure->message;
}

TEST_F(Simulated, ConditionsAreTheHosts) {
  load("%px", "%n", 9);
  std::optional<Diagnostic> failure = launch();
  ASSERT_NE(failure, std::nullopt);
  EXPECT_EQ(failure->message, "'y' has one element per row of 'x'");
}

TEST_F(Simulated, NamesOfTargets) {
  uint64_t seed = 0;
  EXPECT_EQ(parseSimulated("simulate:gfx942", seed), GpuInfo::lookup("gfx942"));
  EXPECT_EQ(seed, 1u);
  EXPECT_EQ(parseSimulated("simulate:sm_80:17", seed), GpuInfo::lookup("sm_80"));
  EXPECT_EQ(seed, 17u);
  EXPECT_EQ(parseSimulated("sm_80", seed), nullptr);
  EXPECT_EQ(parseSimulated("simulate:sm_81", seed), nullptr);
  EXPECT_EQ(parseSimulated("simulate:sm_80:x", seed), nullptr);
}
