//===- DeviceKernelTest.cpp - Programs for a GPU, on a driver that takes notes -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Pipelines/Compile.h"
#include "tegula/Runtime/Gpu.h"
#include "tegula/Runtime/Module.h"

#include "gtest/gtest.h"

#include <dlfcn.h>

using namespace tegula;

/// y = 2 t where t = 2 x is workspace; a check in the kernel.
static constexpr const char *program = R"(
tegula.kernel @double(in %x: memref<?xf32>, out %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  tegula.grid (%i) to (%n) step (64) {
    %big = arith.constant 1000000 : index
    %small = arith.cmpi ult, %i, %big : index
    tegula.check %small, "too many rows"
    %t = tegula.load %x[%i] : memref<?xf32> -> tensor<64xf32>
    %s = arith.addf %t, %t : tensor<64xf32>
    tegula.store %s, %y[%i] : tensor<64xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}
tegula.program @twice(in %x: memref<?xf32>, out %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %t = tegula.workspace (%n) : memref<?xf32>
  tegula.launch @double(%x, %t) : memref<?xf32>, memref<?xf32>
  tegula.launch @double(%t, %y) : memref<?xf32>, memref<?xf32>
  tegula.return
}
)";

namespace {

/// `fake` of FakeCuda.c.
struct Fake {
  int devices, capability, initResult, loadResult, launchResult, allocateResult;
  void *current, *shared;
  char log[4096];
};

class DeviceProgram : public testing::Test {
protected:
  void SetUp() override {
    void *library = dlopen(TEGULA_FAKE_CUDA, RTLD_NOW);
    ASSERT_NE(library, nullptr) << dlerror();
    fake = static_cast<Fake *>(dlsym(library, "fake"));
    *fake = {1, 80, 0, 0, 0, 0, nullptr, nullptr, ""};
    CompileOptions options;
    options.target = "sm_80";
    std::shared_ptr<const Artifact> made = compile(program, "p.mlir", options, diagnostics);
    ASSERT_NE(made, nullptr) << diagnostics.front().message;
    EXPECT_EQ(made->imageKind, ImageKind::CUDA);
    std::vector<char> bytes = made->serialize();
    artifact = Artifact::deserialize(bytes.data(), bytes.size(), diagnostics);
    ASSERT_NE(artifact, nullptr);
  }
  void load() {
    std::shared_ptr<Module> module = Module::load(artifact, diagnostics, 0, TEGULA_FAKE_CUDA);
    ASSERT_NE(module, nullptr) << diagnostics.front().message;
    record =
        ProgramRecord::prepare(module, module->program(0),
                               {{DType::F32, {100}, {1}}, {DType::F32, {100}, {1}}}, diagnostics);
    ASSERT_NE(record, nullptr);
    fake->log[0] = 0;
  }
  std::optional<Diagnostic> launch() {
    uint64_t packed[2] = {0x10000, 0x20000};
    LaunchOptions options;
    options.stream = reinterpret_cast<void *>(0x40);
    return record->launch(packed, options);
  }
  size_t position(const char *text) { return std::string(fake->log).find(text); }

  Fake *fake = nullptr;
  Diagnostics diagnostics;
  std::shared_ptr<const Artifact> artifact;
  std::unique_ptr<ProgramRecord> record;
};

} // namespace

TEST_F(DeviceProgram, WorkspaceAndLaunchesAreInTheOrderOfTheStream) {
  load();
  std::optional<Diagnostic> failure = launch();
  ASSERT_FALSE(failure) << failure->message;
  std::string log = fake->log;
  size_t allocated = log.find("allocate("), first = log.find("launch(2x1x1, ");
  size_t second = log.find("launch(2x1x1, ", first + 1),
         freed = log.find("free(0x5000, stream 0x40)");
  EXPECT_TRUE(allocated < first && first < second && second < freed && freed != std::string::npos)
      << log;
  EXPECT_NE(log.find("stream 0x40, first"), std::string::npos) << log;
}

TEST_F(DeviceProgram, AFailedCheckIsReportedByTheNextLaunch) {
  load();
  EXPECT_EQ(launch(), std::nullopt);
  *static_cast<int32_t *>(fake->shared) = 1;
  std::optional<Diagnostic> failure = launch();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->message, "in an earlier launch: too many rows");
  EXPECT_EQ(launch(), std::nullopt) << "reported once";
}

TEST_F(DeviceProgram, NoMemoryForTheWorkspace) {
  load();
  fake->allocateResult = 2;
  std::optional<Diagnostic> failure = launch();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->message.find("program 'twice': device 'Fake 0' has no 448 bytes of memory"),
            0u)
      << failure->message;
  EXPECT_EQ(position("launch("), std::string::npos);
}

TEST_F(DeviceProgram, CodeOfAnotherDeviceIsNotLoaded) {
  fake->loadResult = 209;
  EXPECT_EQ(Module::load(artifact, diagnostics, 0, TEGULA_FAKE_CUDA), nullptr);
  ASSERT_FALSE(diagnostics.empty());
  EXPECT_EQ(diagnostics.back().message.find("the program has no code for device 'Fake 0'"), 0u);
}
