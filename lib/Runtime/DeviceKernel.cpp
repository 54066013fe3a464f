//===- DeviceKernel.cpp - Kernels of a GPU, put on a stream ---------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A launch checks on the host what a launch of a CPU checks, and puts the kernel on the
// caller's stream. Nothing here waits for a device: a check of the kernel that fails while
// it runs leaves its number in memory that both can see, and the next launch of the kernel
// reports it.
//
//===----------------------------------------------------------------------===//

#include "tegula/Runtime/Gpu.h"
#include "tegula/Runtime/Module.h"
#include "tegula/Support/SymbolName.h"

#include "llvm/ADT/SmallVector.h"

using namespace tegula;

namespace {

/// What the kernels of a module share.
struct Loaded {
  std::shared_ptr<GpuDevice> device;
  std::unique_ptr<GpuModule> module;
};

class LaunchedKernel : public DeviceKernel {
public:
  LaunchedKernel(std::shared_ptr<Loaded> loaded, const KernelInfo &info)
      : loaded(std::move(loaded)), info(info) {}
  ~LaunchedKernel() override {
    if (failedCheck)
      loaded->device->releaseShared(failedCheck);
  }

  bool prepare(Diagnostics &diagnostics);
  std::optional<Diagnostic> launch(const uint64_t *block, int64_t instances,
                                   const LaunchOptions &options) override;

private:
  std::shared_ptr<Loaded> loaded;
  const KernelInfo &info;
  /// Where the kernel leaves the number of a check that fails; null: it has none.
  int32_t *failedCheck = nullptr;
};

class StreamMemory : public DeviceMemory {
public:
  explicit StreamMemory(std::shared_ptr<GpuDevice> device) : device(std::move(device)) {}
  void *allocate(uint64_t bytes, void *stream, Diagnostics &diagnostics) override {
    return device->allocate(bytes, stream, diagnostics);
  }
  void release(void *address, void *stream) override { device->release(address, stream); }

private:
  std::shared_ptr<GpuDevice> device;
};

} // namespace

bool LaunchedKernel::prepare(Diagnostics &diagnostics) {
  if (info.checks.empty())
    return true;
  failedCheck = static_cast<int32_t *>(
      loaded->device->allocateShared(sizeof(int32_t), diagnostics));
  return failedCheck;
}

std::optional<Diagnostic> LaunchedKernel::launch(const uint64_t *block, int64_t instances,
                                                 const LaunchOptions &options) {
  if (instances > INT32_MAX)
    return makeError("kernel '" + info.name + "' has more instances than a grid of a GPU");
  if (failedCheck)
    if (int32_t number = __atomic_exchange_n(failedCheck, 0, __ATOMIC_RELAXED)) {
      Diagnostic failure = fromMessage(info.checks, number);
      failure.message = "in an earlier launch: " + failure.message;
      return failure;
    }
  llvm::SmallVector<void *, 64> arguments;
  // The driver copies what it needs before it returns; numbers lie in the low bytes.
  for (uint32_t parameter : info.parameters)
    arguments.push_back(const_cast<uint64_t *>(block + parameter));
  void *flag = failedCheck;
  if (failedCheck)
    arguments.push_back(&flag);
  GpuLaunch launch;
  launch.blocks[0] = static_cast<uint32_t>(instances);
  launch.threads = info.threads;
  launch.sharedBytes = info.sharedBytes;
  launch.stream = options.stream;
  return loaded->module->launch(getCodeName(info.name), launch, arguments.data());
}

std::vector<std::unique_ptr<DeviceKernel>>
tegula::loadDeviceKernels(const Artifact &artifact, int ordinal, const char *driver,
                          std::unique_ptr<DeviceMemory> &memory, Diagnostics &diagnostics) {
  if (artifact.kernels.empty())
    return {};
  GpuApi api = artifact.imageKind == ImageKind::CUDA ? GpuApi::CUDA : GpuApi::HIP;
  auto loaded = std::make_shared<Loaded>();
  loaded->device = GpuDevice::open(api, ordinal, diagnostics, driver);
  if (!loaded->device)
    return {};
  loaded->module = GpuModule::load(
      loaded->device, std::string(artifact.image.data(), artifact.image.size()), diagnostics);
  if (!loaded->module)
    return {};
  std::vector<std::unique_ptr<DeviceKernel>> kernels;
  for (const KernelInfo &info : artifact.kernels) {
    auto kernel = std::make_unique<LaunchedKernel>(loaded, info);
    if (!kernel->prepare(diagnostics))
      return {};
    kernels.push_back(std::move(kernel));
  }
  memory = std::make_unique<StreamMemory>(loaded->device);
  return kernels;
}
