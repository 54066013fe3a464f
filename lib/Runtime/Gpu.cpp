//===- Gpu.cpp - What both drivers have in common ------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Runtime/Gpu.h"

#include "tegula/Support/SymbolName.h"

using namespace tegula;

std::shared_ptr<GpuDevice> GpuDevice::open(GpuApi api, int ordinal, Diagnostics &diagnostics,
                                           const char *library) {
  return api == GpuApi::CUDA ? openCudaDevice(ordinal, diagnostics, library)
                             : openHipDevice(ordinal, diagnostics, library);
}

std::unique_ptr<GpuModule> GpuModule::load(std::shared_ptr<GpuDevice> device,
                                           const std::string &image, Diagnostics &diagnostics) {
  void *module = device->loadImage(image, diagnostics);
  if (!module)
    return nullptr;
  return std::unique_ptr<GpuModule>(new GpuModule(std::move(device), module));
}

GpuModule::~GpuModule() { device->unloadImage(module); }

std::optional<Diagnostic> GpuModule::launch(const std::string &kernel, const GpuLaunch &launch,
                                            void **arguments) {
  if (launch.threads == 0)
    return makeError("kernel '" + kernel + "' is launched with blocks of 0 threads");
  // An empty grid is a launch of nothing; drivers refuse it.
  if (launch.blocks[0] == 0 || launch.blocks[1] == 0 || launch.blocks[2] == 0)
    return std::nullopt;
  void *handle = nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex);
    auto found = functions.find(kernel);
    if (found == functions.end()) {
      Diagnostics problems;
      void *function = device->findFunction(module, getCodeName(kernel), problems);
      if (!function)
        return problems.front();
      found = functions.emplace(kernel, Function{function, 0}).first;
    }
    Function &function = found->second;
    if (launch.sharedBytes > function.sharedBytes) {
      if (std::optional<Diagnostic> refused =
              device->allowShared(function.handle, launch.sharedBytes))
        return refused;
      function.sharedBytes = launch.sharedBytes;
    }
    handle = function.handle;
  }
  return device->launch(handle, launch, arguments);
}
