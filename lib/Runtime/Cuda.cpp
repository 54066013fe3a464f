//===- Cuda.cpp - Devices of the CUDA driver -----------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DriverLibrary.h"

#include "tegula/Runtime/Gpu.h"
#include "tegula/Target/GpuInfo.h"

#include <cstring>

using namespace tegula;

//===----------------------------------------------------------------------===//
// The driver's interface, as far as it is used (cuda.h of CUDA 11.0 and later)
//===----------------------------------------------------------------------===//

namespace {

using Result = int;
using Handle = void *; // contexts, modules, functions, streams

enum : Result {
  success = 0,
  noDevice = 100,
  noBinaryForGpu = 209,
  unsupportedPtxVersion = 222,
};
enum : int { computeMajor = 75, computeMinor = 76, sharedPerBlockOptin = 97 };
enum : int { maxDynamicShared = 8 };
enum : unsigned { hostPortable = 1, hostMapped = 2 };

struct Functions {
  Result (*init)(unsigned);
  Result (*getErrorString)(Result, const char **);
  Result (*deviceGetCount)(int *);
  Result (*deviceGet)(int *, int);
  Result (*deviceGetName)(char *, int, int);
  Result (*deviceGetAttribute)(int *, int, int);
  Result (*primaryContextRetain)(Handle *, int);
  Result (*primaryContextRelease)(int);
  Result (*contextGetCurrent)(Handle *);
  Result (*contextGetDevice)(int *);
  Result (*contextPush)(Handle);
  Result (*contextPop)(Handle *);
  Result (*moduleLoad)(Handle *, const void *);
  Result (*moduleUnload)(Handle);
  Result (*moduleGetFunction)(Handle *, Handle, const char *);
  Result (*functionSetAttribute)(Handle, int, int);
  Result (*launch)(Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                   Handle, void **, void **);
  Result (*memoryAllocate)(uint64_t *, size_t, Handle);
  Result (*memoryFree)(uint64_t, Handle);
  Result (*hostAllocate)(void **, size_t, unsigned);
  Result (*hostFree)(void *);
};

class CudaDevice : public GpuDevice {
public:
  ~CudaDevice() override {
    if (retained)
      cu.primaryContextRelease(device);
  }
  bool start(int wanted, Diagnostics &diagnostics, const char *file);
  void *loadImage(const std::string &image, Diagnostics &diagnostics) override;
  void unloadImage(void *module) override;
  void *findFunction(void *module, const std::string &name, Diagnostics &diagnostics) override;
  std::optional<Diagnostic> allowShared(void *function, uint32_t bytes) override;
  std::optional<Diagnostic> launch(void *function, const GpuLaunch &launch,
                                   void **arguments) override;
  void *allocate(uint64_t bytes, void *stream, Diagnostics &diagnostics) override;
  void release(void *address, void *stream) override;
  void *allocateShared(uint64_t bytes, Diagnostics &diagnostics) override;
  void releaseShared(void *address) override;

private:
  /// Makes the device's context the thread's while it lives, if it is not already.
  class Current {
  public:
    explicit Current(CudaDevice &device) : cu(device.cu) {
      Handle now = nullptr;
      cu.contextGetCurrent(&now);
      pushed = now != device.context && cu.contextPush(device.context) == success;
    }
    ~Current() {
      Handle popped;
      if (pushed)
        cu.contextPop(&popped);
    }

  private:
    const Functions &cu;
    bool pushed;
  };

  bool findFunctions(Diagnostics &diagnostics);
  bool findDevice(int wanted, Diagnostics &diagnostics);
  bool findTarget(Diagnostics &diagnostics);
  bool findContext(Diagnostics &diagnostics);
  std::string describe(Result result) const;
  bool fail(const std::string &what, Result result, Diagnostics &diagnostics) const {
    diagnostics.push_back(makeError(what + ": " + describe(result)));
    return false;
  }

  DriverLibrary library;
  Functions cu = {};
  int device = 0;
  Handle context = nullptr;
  bool retained = false;
};

} // namespace

//===----------------------------------------------------------------------===//
// Starting
//===----------------------------------------------------------------------===//

std::string CudaDevice::describe(Result result) const {
  const char *text = nullptr;
  if (cu.getErrorString)
    cu.getErrorString(result, &text);
  return (text ? std::string(text) + " " : std::string()) + "(CUDA error " +
         std::to_string(result) + ")";
}

bool CudaDevice::findFunctions(Diagnostics &diagnostics) {
  auto find = [&](auto &function, std::vector<const char *> names) {
    return library.find(function, names, diagnostics);
  };
  return find(cu.init, {"cuInit"}) && find(cu.getErrorString, {"cuGetErrorString"}) &&
         find(cu.deviceGetCount, {"cuDeviceGetCount"}) && find(cu.deviceGet, {"cuDeviceGet"}) &&
         find(cu.deviceGetName, {"cuDeviceGetName"}) &&
         find(cu.deviceGetAttribute, {"cuDeviceGetAttribute"}) &&
         find(cu.primaryContextRetain, {"cuDevicePrimaryCtxRetain"}) &&
         find(cu.primaryContextRelease,
              {"cuDevicePrimaryCtxRelease_v2", "cuDevicePrimaryCtxRelease"}) &&
         find(cu.contextGetCurrent, {"cuCtxGetCurrent"}) &&
         find(cu.contextGetDevice, {"cuCtxGetDevice"}) &&
         find(cu.contextPush, {"cuCtxPushCurrent_v2", "cuCtxPushCurrent"}) &&
         find(cu.contextPop, {"cuCtxPopCurrent_v2", "cuCtxPopCurrent"}) &&
         find(cu.moduleLoad, {"cuModuleLoadData"}) && find(cu.moduleUnload, {"cuModuleUnload"}) &&
         find(cu.moduleGetFunction, {"cuModuleGetFunction"}) &&
         find(cu.functionSetAttribute, {"cuFuncSetAttribute"}) &&
         find(cu.launch, {"cuLaunchKernel"}) && find(cu.memoryAllocate, {"cuMemAllocAsync"}) &&
         find(cu.memoryFree, {"cuMemFreeAsync"}) && find(cu.hostAllocate, {"cuMemHostAlloc"}) &&
         find(cu.hostFree, {"cuMemFreeHost"});
}

bool CudaDevice::findDevice(int wanted, Diagnostics &diagnostics) {
  Result result = cu.init(0);
  int count = 0;
  if (result == success)
    result = cu.deviceGetCount(&count);
  if (result == noDevice || (result == success && count == 0)) {
    diagnostics.push_back(makeError("the CUDA driver finds no device"));
    return false;
  }
  if (result != success)
    return fail("the CUDA driver does not start", result, diagnostics);
  // The one that the thread works with, if it does.
  if (wanted < 0 && cu.contextGetDevice(&device) == success)
    wanted = device;
  ordinal = wanted < 0 ? 0 : wanted;
  if (ordinal >= count) {
    diagnostics.push_back(makeError("there is no CUDA device " + std::to_string(ordinal) +
                                    ": the driver has " + std::to_string(count)));
    return false;
  }
  if ((result = cu.deviceGet(&device, ordinal)) != success)
    return fail("cannot use CUDA device " + std::to_string(ordinal), result, diagnostics);
  char text[256] = {};
  if (cu.deviceGetName(text, sizeof(text) - 1, device) == success)
    name = text;
  return true;
}

bool CudaDevice::findTarget(Diagnostics &diagnostics) {
  int major = 0, minor = 0;
  cu.deviceGetAttribute(&major, computeMajor, device);
  cu.deviceGetAttribute(&minor, computeMinor, device);
  if (const GpuInfo *best = GpuInfo::lookupCapability(major * 10 + minor)) {
    target = best->getName().str();
    return true;
  }
  diagnostics.push_back(makeError("device '" + name + "' has compute capability " +
                                  std::to_string(major) + "." + std::to_string(minor) +
                                  ", which is older than any that code is made for"));
  return false;
}

bool CudaDevice::findContext(Diagnostics &diagnostics) {
  int current = -1;
  if (cu.contextGetCurrent(&context) == success && context &&
      cu.contextGetDevice(&current) == success && current == device)
    return true;
  Result result = cu.primaryContextRetain(&context, device);
  retained = result == success;
  return retained || fail("cannot use device '" + name + "'", result, diagnostics);
}

bool CudaDevice::start(int wanted, Diagnostics &diagnostics, const char *file) {
  return library.open("CUDA driver", {file ? file : "libcuda.so.1"}, diagnostics) &&
         findFunctions(diagnostics) && findDevice(wanted, diagnostics) && findTarget(diagnostics) &&
         findContext(diagnostics);
}

//===----------------------------------------------------------------------===//
// Code and launches
//===----------------------------------------------------------------------===//

void *CudaDevice::loadImage(const std::string &image, Diagnostics &diagnostics) {
  Current current(*this);
  Handle module = nullptr;
  // PTX is text that ends with a NUL, which a std::string's data has.
  Result result = cu.moduleLoad(&module, image.c_str());
  switch (result) {
  case success:
    return module;
  case noBinaryForGpu:
    fail("the program has no code for device '" + name + "', which runs that of " + target, result,
         diagnostics);
    break;
  case unsupportedPtxVersion:
    fail("the CUDA driver is too old for the program", result, diagnostics);
    break;
  default:
    fail("device '" + name + "' does not take the program", result, diagnostics);
  }
  return nullptr;
}

void CudaDevice::unloadImage(void *module) {
  Current current(*this);
  cu.moduleUnload(module);
}

void *CudaDevice::findFunction(void *module, const std::string &kernel, Diagnostics &diagnostics) {
  Current current(*this);
  Handle function = nullptr;
  Result result = cu.moduleGetFunction(&function, module, kernel.c_str());
  if (result == success)
    return function;
  fail("the program has no kernel '" + kernel + "'", result, diagnostics);
  return nullptr;
}

std::optional<Diagnostic> CudaDevice::allowShared(void *function, uint32_t bytes) {
  int most = 0;
  cu.deviceGetAttribute(&most, sharedPerBlockOptin, device);
  if (bytes > static_cast<uint32_t>(most))
    return makeError("a kernel asks for " + std::to_string(bytes) +
                     " bytes of shared memory, device '" + name + "' has " + std::to_string(most) +
                     " for a block");
  Current current(*this);
  Result result = cu.functionSetAttribute(function, maxDynamicShared, static_cast<int>(bytes));
  if (result == success)
    return std::nullopt;
  return makeError("cannot get " + std::to_string(bytes) +
                   " bytes of shared memory: " + describe(result));
}

std::optional<Diagnostic> CudaDevice::launch(void *function, const GpuLaunch &launch,
                                             void **arguments) {
  Current current(*this);
  Result result =
      cu.launch(function, launch.blocks[0], launch.blocks[1], launch.blocks[2], launch.threads, 1,
                1, launch.sharedBytes, launch.stream, arguments, nullptr);
  if (result == success)
    return std::nullopt;
  return makeError("the launch on device '" + name + "' failed: " + describe(result));
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

void *CudaDevice::allocate(uint64_t bytes, void *stream, Diagnostics &diagnostics) {
  Current current(*this);
  uint64_t address = 0;
  Result result = cu.memoryAllocate(&address, bytes, stream);
  if (result == success)
    return reinterpret_cast<void *>(address);
  fail("device '" + name + "' has no " + std::to_string(bytes) + " bytes of memory", result,
       diagnostics);
  return nullptr;
}

void CudaDevice::release(void *address, void *stream) {
  Current current(*this);
  cu.memoryFree(reinterpret_cast<uint64_t>(address), stream);
}

void *CudaDevice::allocateShared(uint64_t bytes, Diagnostics &diagnostics) {
  Current current(*this);
  void *address = nullptr;
  // With unified addresses, as every 64-bit system has them, the device's is the same.
  Result result = cu.hostAllocate(&address, bytes, hostPortable | hostMapped);
  if (result == success)
    return std::memset(address, 0, bytes);
  fail("no memory that device '" + name + "' shares with the host", result, diagnostics);
  return nullptr;
}

void CudaDevice::releaseShared(void *address) {
  Current current(*this);
  cu.hostFree(address);
}

std::shared_ptr<GpuDevice> tegula::openCudaDevice(int ordinal, Diagnostics &diagnostics,
                                                  const char *library) {
  auto device = std::make_shared<CudaDevice>();
  return device->start(ordinal, diagnostics, library) ? device : nullptr;
}
