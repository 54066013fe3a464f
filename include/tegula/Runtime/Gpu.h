//===- Gpu.h - Devices whose drivers are opened at run time --------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// GpuDevice --load--> GpuModule --launch--> (the caller's stream)
//
// Nothing here is linked: a driver is found when a device is asked for. A launch is
// put on the caller's stream and never waited for; the arguments are those of
// docs/gpu_abi.md. Where the calling thread has a context of the device (PyTorch
// makes one), it is used, else the device's primary one.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_RUNTIME_GPU_H
#define TEGULA_RUNTIME_GPU_H

#include "tegula/Support/Diagnostic.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace tegula {

enum class GpuApi : uint8_t { CUDA, HIP };

/// What a launch needs besides its arguments.
struct GpuLaunch {
  uint32_t blocks[3] = {1, 1, 1};
  uint32_t threads = 1;
  uint32_t sharedBytes = 0; ///< dynamic
  void *stream = nullptr;   ///< CUstream or hipStream_t; null: the default stream
};

/// A device and the driver that runs it. The driver stays open: none likes to go.
class GpuDevice : public std::enable_shared_from_this<GpuDevice> {
public:
  /// Device number `ordinal`; -1: the one that the calling thread uses. `library` is
  /// the driver's file, null: as the system finds it.
  static std::shared_ptr<GpuDevice> open(GpuApi api, int ordinal, Diagnostics &diagnostics,
                                         const char *library = nullptr);
  virtual ~GpuDevice() = default;

  const std::string &getName() const { return name; }
  /// The row of the table of targets whose code it runs best; empty where the driver
  /// tells only by loading.
  const std::string &getTarget() const { return target; }
  int getOrdinal() const { return ordinal; }

  /// Code in the device's memory, or null with a message: of another device, damaged,
  /// or newer than the driver.
  virtual void *loadImage(const std::string &image, Diagnostics &diagnostics) = 0;
  virtual void unloadImage(void *module) = 0;
  virtual void *findFunction(void *module, const std::string &name, Diagnostics &diagnostics) = 0;
  /// Asked once per function, before a launch with so many dynamic bytes.
  virtual std::optional<Diagnostic> allowShared(void *function, uint32_t bytes) = 0;
  virtual std::optional<Diagnostic> launch(void *function, const GpuLaunch &launch,
                                           void **arguments) = 0;

  /// Memory of the device in the order of a stream, or null with a message.
  virtual void *allocate(uint64_t bytes, void *stream, Diagnostics &diagnostics) = 0;
  virtual void release(void *address, void *stream) = 0;
  /// Memory of the host, zeros, that kernels write at the same address.
  virtual void *allocateShared(uint64_t bytes, Diagnostics &diagnostics) = 0;
  virtual void releaseShared(void *address) = 0;

protected:
  std::string name, target;
  int ordinal = 0;
};

/// Code that a device has loaded. May be used from several threads at once.
class GpuModule {
public:
  static std::unique_ptr<GpuModule> load(std::shared_ptr<GpuDevice> device,
                                         const std::string &image, Diagnostics &diagnostics);
  ~GpuModule();
  GpuModule(const GpuModule &) = delete;
  GpuModule &operator=(const GpuModule &) = delete;

  /// Puts `kernel` on the stream: one pointer per parameter in `arguments`, read
  /// before the call returns. Nothing, or why it was refused.
  std::optional<Diagnostic> launch(const std::string &kernel, const GpuLaunch &launch,
                                   void **arguments);

private:
  struct Function {
    void *handle;
    uint32_t sharedBytes; ///< what was allowed so far
  };

  GpuModule(std::shared_ptr<GpuDevice> device, void *module)
      : device(std::move(device)), module(module) {}

  std::shared_ptr<GpuDevice> device;
  void *module;
  std::mutex mutex;
  std::map<std::string, Function> functions;
};

/// The two drivers behind `GpuDevice::open`.
std::shared_ptr<GpuDevice> openCudaDevice(int ordinal, Diagnostics &diagnostics,
                                          const char *library);
std::shared_ptr<GpuDevice> openHipDevice(int ordinal, Diagnostics &diagnostics,
                                         const char *library);

} // namespace tegula

#endif // TEGULA_RUNTIME_GPU_H
