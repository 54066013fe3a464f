//===- Module.h - A loaded program and its launches --------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Artifact --load--> Module --find--> Kernel --prepare--> Record --launch-->
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

/// A kernel of a loaded module.
class Kernel {
public:
  Kernel(const KernelInfo &info, host::BindFn bind, host::RunFn run)
      : info(info), bind(bind), run(run), arenas(info.arenaBytes) {}

  const KernelInfo &info;
  const host::BindFn bind;
  const host::RunFn run;
  ArenaPool arenas;
};

/// A program in memory, ready to run.
class Module {
public:
  /// Loads `artifact`; refuses one that was built for more than this CPU has.
  static std::shared_ptr<Module> load(std::shared_ptr<const Artifact> artifact,
                                      Diagnostics &diagnostics);

  const Artifact &artifact() const { return *source; }
  size_t size() const { return kernels.size(); }
  Kernel &kernel(size_t index) const { return *kernels[index]; }
  Kernel *find(std::string_view name) const;

  /// The thread pool for new records. Looks again while no OpenMP runtime was found,
  /// since one may have been loaded meanwhile.
  std::shared_ptr<ThreadPool> threadPool();

private:
  std::shared_ptr<const Artifact> source;
  std::unique_ptr<LoadedCode> code;
  std::vector<std::unique_ptr<Kernel>> kernels;
  std::mutex poolMutex;
  std::shared_ptr<ThreadPool> pool;
};

/// Type, sizes and strides (in elements) of one argument of a launch.
struct ArgumentLayout {
  DType dtype = DType::F32;
  std::vector<int64_t> sizes, strides;
};

/// A launch with fixed sizes and strides.
class Record {
public:
  /// Checks `layouts` against the kernel's arguments: number, types, ranks, static
  /// sizes and strides, promised multiples, sizes below 2^31.
  static std::unique_ptr<Record> prepare(std::shared_ptr<Module> module, Kernel &kernel,
                                         const std::vector<ArgumentLayout> &layouts,
                                         Diagnostics &diagnostics);

  /// Runs the kernel. `packed` has one 8-byte word per argument: the address of a
  /// view, or a scalar as in HostABI.h. `threads` 0 leaves the number to the pool;
  /// results do not depend on it. Nothing, or why it was refused or failed.
  std::optional<Diagnostic> launch(const uint64_t *packed, int threads);

private:
  /// What a launch must know of one view.
  struct View {
    uint32_t argument, word;
    bool isWritten, isEmpty;
    uint64_t align;
    /// Bytes that it reaches, from its address: [lo, hi).
    int64_t lo, hi;
  };
  struct Share;

  Record(std::shared_ptr<Module> module, Kernel &kernel)
      : module(std::move(module)), kernel(kernel) {}

  bool addView(const ArgumentLayout &layout, uint32_t argument, Diagnostics &diagnostics);
  std::optional<Diagnostic> checkViews(const uint64_t *block) const;
  static void work(void *share);

  std::shared_ptr<Module> module;
  Kernel &kernel;
  std::shared_ptr<ThreadPool> pool;
  /// The argument block without addresses and scalars.
  std::vector<uint64_t> block;
  /// Per argument, the word that a launch fills.
  std::vector<uint32_t> words;
  std::vector<View> views;
  /// Nanoseconds that an instance took in earlier launches; 0: not known yet. It
  /// only decides how many threads are worth waking.
  std::atomic<uint32_t> nanoseconds{0};
};

} // namespace tegula

#endif // TEGULA_RUNTIME_MODULE_H
