//===- Hip.cpp - Devices of the HIP runtime ------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DriverLibrary.h"

#include "tegula/Runtime/Gpu.h"

#include <cstring>

using namespace tegula;

//===----------------------------------------------------------------------===//
// The runtime's interface, as far as it is used: functions that ROCm 5 and later have.
// Structures of device properties have changed and are not touched: which code a
// device runs, loading tells.
//===----------------------------------------------------------------------===//

namespace {

using Result = int;
using Handle = void *; // modules, functions, streams

enum : Result {
  success = 0,
  noDevice = 100,
  invalidDevice = 101,
  noBinaryForGpu = 209,
};

enum : unsigned { hostPortable = 1, hostMapped = 2 };

struct Functions {
  Result (*init)(unsigned);
  const char *(*getErrorString)(Result);
  Result (*getDeviceCount)(int *);
  Result (*getDevice)(int *);
  Result (*setDevice)(int);
  Result (*deviceGetName)(char *, int, int);
  Result (*moduleLoad)(Handle *, const void *);
  Result (*moduleUnload)(Handle);
  Result (*moduleGetFunction)(Handle *, Handle, const char *);
  Result (*launch)(Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                   Handle, void **, void **);
  Result (*memoryAllocate)(void **, size_t, Handle);
  Result (*memoryFree)(void *, Handle);
  Result (*hostAllocate)(void **, size_t, unsigned);
  Result (*hostFree)(void *);
};

class HipDevice : public GpuDevice {
public:
  bool start(int wanted, Diagnostics &diagnostics, const char *file);
  void *loadImage(const std::string &image, Diagnostics &diagnostics) override;
  void unloadImage(void *module) override;
  void *findFunction(void *module, const std::string &name, Diagnostics &diagnostics) override;
  /// The code object says what it needs.
  std::optional<Diagnostic> allowShared(void *, uint32_t) override { return std::nullopt; }
  std::optional<Diagnostic> launch(void *function, const GpuLaunch &launch,
                                   void **arguments) override;
  void *allocate(uint64_t bytes, void *stream, Diagnostics &diagnostics) override;
  void release(void *address, void *stream) override;
  void *allocateShared(uint64_t bytes, Diagnostics &diagnostics) override;
  void releaseShared(void *address) override;

private:
  /// Makes the device the thread's while it lives, if it is not already.
  class Current {
  public:
    explicit Current(const HipDevice &device) : hip(device.hip) {
      hip.getDevice(&before);
      changed = before != device.ordinal && hip.setDevice(device.ordinal) == success;
    }
    ~Current() {
      if (changed)
        hip.setDevice(before);
    }

  private:
    const Functions &hip;
    int before = 0;
    bool changed;
  };

  bool findFunctions(Diagnostics &diagnostics);
  bool findDevice(int wanted, Diagnostics &diagnostics);
  std::string describe(Result result) const {
    const char *text = hip.getErrorString(result);
    return (text ? std::string(text) + " " : std::string()) + "(HIP error " +
           std::to_string(result) + ")";
  }

  DriverLibrary library;
  Functions hip = {};
};

} // namespace

//===----------------------------------------------------------------------===//
// Starting
//===----------------------------------------------------------------------===//

bool HipDevice::findFunctions(Diagnostics &diagnostics) {
  auto find = [&](auto &function, const char *symbol) {
    return library.find(function, {symbol}, diagnostics);
  };
  return find(hip.init, "hipInit") && find(hip.getErrorString, "hipGetErrorString") &&
         find(hip.getDeviceCount, "hipGetDeviceCount") && find(hip.getDevice, "hipGetDevice") &&
         find(hip.setDevice, "hipSetDevice") && find(hip.deviceGetName, "hipDeviceGetName") &&
         find(hip.moduleLoad, "hipModuleLoadData") && find(hip.moduleUnload, "hipModuleUnload") &&
         find(hip.moduleGetFunction, "hipModuleGetFunction") &&
         find(hip.launch, "hipModuleLaunchKernel") && find(hip.memoryAllocate, "hipMallocAsync") &&
         find(hip.memoryFree, "hipFreeAsync") && find(hip.hostAllocate, "hipHostMalloc") &&
         find(hip.hostFree, "hipHostFree");
}

bool HipDevice::findDevice(int wanted, Diagnostics &diagnostics) {
  Result result = hip.init(0);
  int count = 0;
  if (result == success)
    result = hip.getDeviceCount(&count);
  // Without the kernel's driver, ROCm 5 says the second.
  if (result == noDevice || result == invalidDevice || (result == success && count == 0)) {
    diagnostics.push_back(makeError("the HIP runtime finds no device"));
    return false;
  }
  if (result != success) {
    diagnostics.push_back(makeError("the HIP runtime does not start: " + describe(result)));
    return false;
  }
  if (wanted < 0 && hip.getDevice(&wanted) != success)
    wanted = 0;
  ordinal = wanted;
  if (ordinal >= count) {
    diagnostics.push_back(makeError("there is no HIP device " + std::to_string(ordinal) +
                                    ": the runtime has " + std::to_string(count)));
    return false;
  }
  char text[256] = {};
  if (hip.deviceGetName(text, sizeof(text) - 1, ordinal) == success)
    name = text;
  return true;
}

bool HipDevice::start(int wanted, Diagnostics &diagnostics, const char *file) {
  std::vector<std::string> names;
  if (file) {
    names = {file};
  } else {
    names = {"libamdhip64.so"};
    for (int version = 10; version >= 5; --version)
      names.push_back("libamdhip64.so." + std::to_string(version));
  }
  return library.open("HIP runtime", names, diagnostics) && findFunctions(diagnostics) &&
         findDevice(wanted, diagnostics);
}

//===----------------------------------------------------------------------===//
// Code and launches
//===----------------------------------------------------------------------===//

void *HipDevice::loadImage(const std::string &image, Diagnostics &diagnostics) {
  Current current(*this);
  Handle module = nullptr;
  Result result = hip.moduleLoad(&module, image.data());
  if (result == success)
    return module;
  diagnostics.push_back(
      makeError((result == noBinaryForGpu ? "the program has no code for device '"
                                          : "the program cannot be loaded on device '") +
                name + "': " + describe(result)));
  return nullptr;
}

void HipDevice::unloadImage(void *module) {
  Current current(*this);
  hip.moduleUnload(module);
}

void *HipDevice::findFunction(void *module, const std::string &kernel, Diagnostics &diagnostics) {
  Current current(*this);
  Handle function = nullptr;
  Result result = hip.moduleGetFunction(&function, module, kernel.c_str());
  if (result == success)
    return function;
  diagnostics.push_back(
      makeError("the program has no kernel '" + kernel + "': " + describe(result)));
  return nullptr;
}

std::optional<Diagnostic> HipDevice::launch(void *function, const GpuLaunch &launch,
                                            void **arguments) {
  Current current(*this);
  Result result =
      hip.launch(function, launch.blocks[0], launch.blocks[1], launch.blocks[2], launch.threads, 1,
                 1, launch.sharedBytes, launch.stream, arguments, nullptr);
  if (result == success)
    return std::nullopt;
  return makeError("the launch on device '" + name + "' failed: " + describe(result));
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

void *HipDevice::allocate(uint64_t bytes, void *stream, Diagnostics &diagnostics) {
  Current current(*this);
  void *address = nullptr;
  Result result = hip.memoryAllocate(&address, bytes, stream);
  if (result == success)
    return address;
  diagnostics.push_back(makeError("device '" + name + "' has no " + std::to_string(bytes) +
                                  " bytes of memory: " + describe(result)));
  return nullptr;
}

void HipDevice::release(void *address, void *stream) {
  Current current(*this);
  hip.memoryFree(address, stream);
}

void *HipDevice::allocateShared(uint64_t bytes, Diagnostics &diagnostics) {
  Current current(*this);
  void *address = nullptr;
  Result result = hip.hostAllocate(&address, bytes, hostPortable | hostMapped);
  if (result == success)
    return std::memset(address, 0, bytes);
  diagnostics.push_back(
      makeError("no memory that device '" + name + "' shares with the host: " + describe(result)));
  return nullptr;
}

void HipDevice::releaseShared(void *address) {
  Current current(*this);
  hip.hostFree(address);
}

std::shared_ptr<GpuDevice> tegula::openHipDevice(int ordinal, Diagnostics &diagnostics,
                                                 const char *library) {
  auto device = std::make_shared<HipDevice>();
  return device->start(ordinal, diagnostics, library) ? device : nullptr;
}
