//===- Module.h - A loaded program and its launches --------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Artifact --load--> Module --find--> Kernel  --prepare--> Record        --launch-->
//                            '-find--> Program --prepare--> ProgramRecord --launch-->
//
// A record fixes sizes and strides, so that a launch has little left to do: take
// addresses and scalars, check what depends on them, run the launch part, share
// out the instances. Everything here may be used from several threads at once.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_RUNTIME_MODULE_H
#define TEGULA_RUNTIME_MODULE_H

#include "tegula/Runtime/Artifact.h"
#include "tegula/Runtime/HostABI.h"
#include "tegula/Runtime/ParallelFor.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace tegula {

class Module;

/// Code in memory that can be called; goes when this object goes.
class LoadedCode {
public:
  virtual ~LoadedCode() = default;
  /// Address of a function of the object, or null with a message.
  virtual void *lookup(const std::string &name, Diagnostics &diagnostics) = 0;

  /// Links `object` into this process. Functions that it does not define are resolved
  /// from the process if they are on the list of `isKnownExternal`, or it is an error.
  static std::unique_ptr<LoadedCode> load(const std::vector<char> &object,
                                          Diagnostics &diagnostics);
};

/// Whether compiled code may call the C library's function `name`: memory functions,
/// and the transcendental functions that have no vector form of ours.
bool isKnownExternal(std::string_view name);

/// Scratch memory for the workers of launches that run at the same time.
class ArenaPool {
public:
  explicit ArenaPool(size_t bytes);
  ~ArenaPool();
  ArenaPool(const ArenaPool &) = delete;
  ArenaPool &operator=(const ArenaPool &) = delete;

  /// One block with room for `workers` arenas.
  struct Block {
    char *memory = nullptr;
    int workers = 0;
  };
  /// Null memory where no arena is needed or there is none to be had.
  Block take(int workers);
  void give(Block block);
  /// Bytes from one worker's arena to the next; 0: the kernel needs none.
  size_t stride() const { return bytes; }

private:
  size_t bytes;
  std::mutex mutex;
  std::vector<Block> free;
};

/// How a launch goes; no result depends on any of it.
struct LaunchOptions {
  /// Of a CPU; 0: as many as the pool has.
  int threads = 0;
  /// Of a device: CUstream or hipStream_t, null: the default stream.
  void *stream = nullptr;
  /// Of the simulator: what decides the order of blocks, warps and copies; nothing: the
  /// artifact's seed and the number of the launch.
  std::optional<uint64_t> seed = std::nullopt;
  /// Of the simulator: whether it looks for data races.
  bool races = true;
};

/// A kernel that a device runs, not the functions of the object.
class DeviceKernel {
public:
  virtual ~DeviceKernel() = default;
  /// Runs so many instances on an argument block (HostABI.h), or puts them on the stream.
  /// Nothing, or why it failed.
  virtual std::optional<Diagnostic> launch(const uint64_t *block, int64_t instances,
                                           const LaunchOptions &options) = 0;
};

/// Where the kernels of a module take their memory from.
class DeviceMemory {
public:
  virtual ~DeviceMemory() = default;
  /// Memory for what is put on the stream after this call, or null with a message.
  virtual void *allocate(uint64_t bytes, void *stream, Diagnostics &diagnostics) = 0;
  /// Takes it back when the stream has come this far.
  virtual void release(void *address, void *stream) = 0;
};

/// The kernels of an artifact for the simulator, by their order in it, or nothing with a
/// message. The artifact must stay.
std::vector<std::unique_ptr<DeviceKernel>> loadSimulatedKernels(const Artifact &artifact,
                                                                Diagnostics &diagnostics);

/// The same for a device, `ordinal` as in `GpuDevice::open`, and its memory.
std::vector<std::unique_ptr<DeviceKernel>> loadDeviceKernels(const Artifact &artifact, int ordinal,
                                                             const char *driver,
                                                             std::unique_ptr<DeviceMemory> &memory,
                                                             Diagnostics &diagnostics);

/// A kernel of a loaded module.
class Kernel {
public:
  Kernel(const KernelInfo &info, host::BindFn bind, host::RunFn run)
      : info(info), bind(bind), run(run), arenas(info.arenaBytes) {}

  const KernelInfo &info;
  const host::BindFn bind;
  const host::RunFn run;
  ArenaPool arenas;
  /// Null: `run` is the kernel.
  std::unique_ptr<DeviceKernel> device;
};

/// A program of a loaded module.
class Program {
public:
  Program(const ProgramInfo &info, host::ProgramFn run, std::vector<Kernel *> kernels)
      : info(info), run(run), kernels(std::move(kernels)) {}

  const ProgramInfo &info;
  const host::ProgramFn run;
  /// Behind the numbers that it launches.
  const std::vector<Kernel *> kernels;
};

/// A compiled module in memory, ready to run.
class Module {
public:
  /// Loads `artifact`; refuses one that was built for more than this CPU has, or for a
  /// device that is not there. `ordinal` and `driver` as in `GpuDevice::open`.
  static std::shared_ptr<Module> load(std::shared_ptr<const Artifact> artifact,
                                      Diagnostics &diagnostics, int ordinal = -1,
                                      const char *driver = nullptr);

  const Artifact &artifact() const { return *source; }
  size_t size() const { return kernels.size(); }
  Kernel &kernel(size_t index) const { return *kernels[index]; }
  Kernel *find(std::string_view name) const;
  size_t programCount() const { return programs.size(); }
  Program &program(size_t index) const { return *programs[index]; }
  Program *findProgram(std::string_view name) const;
  /// Null: kernels work on the memory of the process.
  DeviceMemory *deviceMemory() const { return memory.get(); }

  /// The thread pool for new records. Looks again while no OpenMP runtime was found,
  /// since one may have been loaded meanwhile.
  std::shared_ptr<ThreadPool> threadPool();

private:
  std::shared_ptr<const Artifact> source;
  std::unique_ptr<LoadedCode> code;
  std::unique_ptr<DeviceMemory> memory;
  std::vector<std::unique_ptr<Kernel>> kernels;
  std::vector<std::unique_ptr<Program>> programs;
  std::mutex poolMutex;
  std::shared_ptr<ThreadPool> pool;
};

/// Type, sizes and strides (in elements) of one argument of a launch.
struct ArgumentLayout {
  DType dtype = DType::F32;
  std::vector<int64_t> sizes, strides;
};

/// The argument block of launches with fixed sizes and strides: everything but
/// addresses and scalars, and what must be checked of these.
class PackedArguments {
public:
  /// Checks `layouts` against `arguments` (which must stay): number, types, ranks,
  /// static sizes and strides, promised multiples, sizes below 2^31. `what` names
  /// whose arguments they are.
  bool prepare(const std::string &what, const std::vector<ArgumentInfo> &arguments,
               const std::vector<ArgumentLayout> &layouts, Diagnostics &diagnostics);

  /// Words of the block.
  size_t size() const { return block.size(); }

  /// Writes the block to `target`, with one word of `packed` per argument in place.
  void fill(const uint64_t *packed, uint64_t *target) const;

  /// Promises on addresses, and overlap of what is written with anything else.
  std::optional<Diagnostic> check(const uint64_t *filled) const;

private:
  /// What a launch must know of one view.
  struct View {
    uint32_t argument, word;
    bool isWritten, isEmpty;
    uint64_t align;
    /// Bytes that it reaches, from its address: [lo, hi).
    int64_t lo, hi;
  };

  bool addView(const ArgumentLayout &layout, uint32_t argument, Diagnostics &diagnostics);

  const std::vector<ArgumentInfo> *arguments = nullptr;
  std::vector<uint64_t> block;
  /// Per argument, the word that a launch fills.
  std::vector<uint32_t> words;
  std::vector<View> views;
};

/// Something with fixed sizes and strides that can be launched.
class Launchable {
public:
  virtual ~Launchable() = default;

  /// Runs it. `packed` has one 8-byte word per argument: the address of a view, or a
  /// scalar as in HostABI.h. Nothing, or why it was refused or failed.
  virtual std::optional<Diagnostic> launch(const uint64_t *packed,
                                           const LaunchOptions &options) = 0;
};

/// A launch of a kernel.
class Record : public Launchable {
public:
  static std::unique_ptr<Record> prepare(std::shared_ptr<Module> module, Kernel &kernel,
                                         const std::vector<ArgumentLayout> &layouts,
                                         Diagnostics &diagnostics);
  std::optional<Diagnostic> launch(const uint64_t *packed, const LaunchOptions &options) override;

private:
  struct Share;

  Record(std::shared_ptr<Module> module, Kernel &kernel)
      : module(std::move(module)), kernel(kernel) {}

  static void work(void *share);

  std::shared_ptr<Module> module;
  Kernel &kernel;
  std::shared_ptr<ThreadPool> pool;
  PackedArguments arguments;
  /// Nanoseconds that an instance took in earlier launches; 0: not known yet. It
  /// only decides how many threads are worth waking.
  std::atomic<uint32_t> nanoseconds{0};
};

/// A call of a program: its launches are prepared when it first makes them, and its
/// workspace is kept for the next call.
class ProgramRecord : public Launchable {
public:
  static std::unique_ptr<ProgramRecord> prepare(std::shared_ptr<Module> module, Program &program,
                                                const std::vector<ArgumentLayout> &layouts,
                                                Diagnostics &diagnostics);
  ~ProgramRecord() override;
  std::optional<Diagnostic> launch(const uint64_t *packed, const LaunchOptions &options) override;

  /// Bytes of workspace that a call with these scalars takes (addresses are not
  /// looked at); nothing runs.
  std::optional<Diagnostic> workspace(const uint64_t *packed, uint64_t &bytes);

private:
  struct Call;
  struct Site {
    int32_t kernel;
    std::vector<ArgumentLayout> layouts;
    std::shared_ptr<Record> record;
  };
  struct Memory {
    uint64_t bytes;
    void *address;
  };

  ProgramRecord(std::shared_ptr<Module> module, Program &program)
      : module(std::move(module)), program(program) {}

  std::optional<Diagnostic> run(const uint64_t *packed, Call &call);
  std::shared_ptr<Record> findSite(int32_t kernel, const uint64_t *block,
                                   std::vector<uint64_t> &packed, Diagnostics &diagnostics);
  static void *giveWorkspace(void *call, uint64_t bytes);
  static int32_t launchKernel(void *call, int32_t kernel, const uint64_t *block);

  std::shared_ptr<Module> module;
  Program &program;
  PackedArguments arguments;
  std::mutex mutex;
  std::vector<Site> sites;
  std::vector<Memory> free;
};

/// The diagnostic behind a number (from 1) that compiled code has returned.
Diagnostic fromMessage(const std::vector<MessageInfo> &messages, int32_t number);

} // namespace tegula

#endif // TEGULA_RUNTIME_MODULE_H
