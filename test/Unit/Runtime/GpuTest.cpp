//===- GpuTest.cpp - GPU drivers: real loaders, and one that takes notes -------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Runtime/Gpu.h"

#include "gtest/gtest.h"

#include <dlfcn.h>

using namespace tegula;

/// `fake` of FakeCuda.c.
struct Fake {
  int devices, capability, initResult, loadResult, launchResult, allocateResult;
  void *current, *shared;
  char log[4096];
};

/// Each test sees the driver as it was at first.
class FakeDriver : public testing::Test {
protected:
  void SetUp() override {
    void *library = dlopen(TEGULA_FAKE_CUDA, RTLD_NOW);
    ASSERT_NE(library, nullptr) << dlerror();
    fake = static_cast<Fake *>(dlsym(library, "fake"));
    ASSERT_NE(fake, nullptr);
    *fake = {1, 80, 0, 0, 0, 0, nullptr, nullptr, ""};
  }
  std::shared_ptr<GpuDevice> open(int ordinal = 0) {
    return GpuDevice::open(GpuApi::CUDA, ordinal, diagnostics, TEGULA_FAKE_CUDA);
  }
  std::string message() { return diagnostics.empty() ? "" : diagnostics.front().message; }

  Fake *fake = nullptr;
  Diagnostics diagnostics;
};

TEST(GpuDevice, NoDriver) {
  Diagnostics diagnostics;
  EXPECT_EQ(GpuDevice::open(GpuApi::CUDA, 0, diagnostics, "libno-such-driver.so.1"), nullptr);
  ASSERT_EQ(diagnostics.size(), 1u);
  EXPECT_EQ(diagnostics[0].message.find("found no CUDA driver: libno-such-driver.so.1"), 0u)
      << diagnostics[0].message;
}

TEST(GpuDevice, NotADriver) {
  Diagnostics diagnostics;
  EXPECT_EQ(GpuDevice::open(GpuApi::CUDA, 0, diagnostics, "libm.so.6"), nullptr);
  ASSERT_EQ(diagnostics.size(), 1u);
  EXPECT_EQ(diagnostics[0].message, "the CUDA driver has no function 'cuInit': it is too old");
}

// Debian's HIP runtime, which utils/setup.sh installs. With a device this says nothing.
TEST(GpuDevice, HipWithoutADevice) {
  Diagnostics diagnostics;
  std::shared_ptr<GpuDevice> device = GpuDevice::open(GpuApi::HIP, 0, diagnostics);
  if (device)
    GTEST_SKIP() << "there is a device: " << device->getName();
  ASSERT_EQ(diagnostics.size(), 1u);
  EXPECT_EQ(diagnostics[0].message, "the HIP runtime finds no device");
}

TEST_F(FakeDriver, LaunchesOnTheCallersStreamAndWaitsForNothing) {
  std::shared_ptr<GpuDevice> device = open();
  ASSERT_NE(device, nullptr) << message();
  EXPECT_EQ(device->getName(), "Fake 0");
  EXPECT_EQ(device->getTarget(), "sm_80");
  std::unique_ptr<GpuModule> module = GpuModule::load(device, "CUBIN", diagnostics);
  ASSERT_NE(module, nullptr) << message();
  fake->log[0] = 0;
  int value = 7;
  void *arguments[] = {&value};
  GpuLaunch launch;
  launch.blocks[0] = 3;
  launch.threads = 128;
  launch.sharedBytes = 65536;
  launch.stream = reinterpret_cast<void *>(0x40);
  EXPECT_EQ(module->launch("k", launch, arguments), std::nullopt);
  EXPECT_EQ(module->launch("k", launch, arguments), std::nullopt);
  // The second launch asks for nothing again. No call waits, and none is unknown here.
  std::string once = "push launch(3x1x1, 128, 65536, stream 0x40, first 7, extra (nil)) pop ";
  EXPECT_EQ(std::string(fake->log), "push find(k) pop push attribute(8, 65536) pop " + once + once);
  fake->log[0] = 0;
  module.reset();
  device.reset();
  EXPECT_EQ(std::string(fake->log), "push unload pop release ");
}

TEST_F(FakeDriver, UsesTheContextOfTheThread) {
  fake->current = reinterpret_cast<void *>(0x9000);
  std::shared_ptr<GpuDevice> device = open(-1);
  ASSERT_NE(device, nullptr) << message();
  std::unique_ptr<GpuModule> module = GpuModule::load(device, "CUBIN", diagnostics);
  ASSERT_NE(module, nullptr) << message();
  EXPECT_EQ(std::string(fake->log), "load(CUBIN) ") << "neither retained nor pushed";
}

TEST_F(FakeDriver, AnEmptyGridIsNoLaunch) {
  std::unique_ptr<GpuModule> module = GpuModule::load(open(), "CUBIN", diagnostics);
  ASSERT_NE(module, nullptr) << message();
  GpuLaunch launch;
  launch.blocks[0] = 0;
  fake->launchResult = 1;
  EXPECT_EQ(module->launch("k", launch, nullptr), std::nullopt);
}

TEST_F(FakeDriver, NoDevice) {
  fake->initResult = 100;
  EXPECT_EQ(open(), nullptr);
  EXPECT_EQ(message(), "the CUDA driver finds no device");
}

TEST_F(FakeDriver, DoesNotStart) {
  fake->initResult = 803;
  EXPECT_EQ(open(), nullptr);
  EXPECT_EQ(message(), "the CUDA driver does not start: something is wrong (CUDA error 803)");
}

TEST_F(FakeDriver, NoSuchDevice) {
  EXPECT_EQ(open(2), nullptr);
  EXPECT_EQ(message(), "there is no CUDA device 2: the driver has 1");
}

TEST_F(FakeDriver, TooOldADevice) {
  fake->capability = 75;
  EXPECT_EQ(open(), nullptr);
  EXPECT_EQ(message(), "device 'Fake 0' has compute capability 7.5, which is older than any that "
                       "code is made for");
}

TEST_F(FakeDriver, CodeOfAnotherDevice) {
  fake->loadResult = 209;
  EXPECT_EQ(GpuModule::load(open(), "CUBIN", diagnostics), nullptr);
  EXPECT_EQ(message(), "the program has no code for device 'Fake 0', which runs that of sm_80: no "
                       "kernel image is available (CUDA error 209)");
}

TEST_F(FakeDriver, TooOldADriver) {
  fake->loadResult = 222;
  EXPECT_EQ(GpuModule::load(open(), "PTX", diagnostics), nullptr);
  EXPECT_EQ(message(),
            "the CUDA driver is too old for the program: something is wrong (CUDA error 222)");
}

TEST_F(FakeDriver, RefusedLaunches) {
  std::unique_ptr<GpuModule> module = GpuModule::load(open(), "CUBIN", diagnostics);
  ASSERT_NE(module, nullptr) << message();
  int value = 0;
  void *arguments[] = {&value};
  GpuLaunch launch;
  EXPECT_EQ(module->launch("missing", launch, arguments)->message,
            "the program has no kernel 'missing': something is wrong (CUDA error 500)");
  launch.sharedBytes = 200000;
  EXPECT_EQ(module->launch("k", launch, arguments)->message,
            "a kernel asks for 200000 bytes of shared memory, device 'Fake 0' has 163840 for a "
            "block");
  launch.sharedBytes = 0;
  fake->launchResult = 1;
  EXPECT_EQ(module->launch("k", launch, arguments)->message,
            "the launch on device 'Fake 0' failed: something is wrong (CUDA error 1)");
  launch.threads = 0;
  EXPECT_EQ(module->launch("k", launch, arguments)->message,
            "kernel 'k' is launched with blocks of 0 threads");
}
