//===- ParallelFor.h - The seam to thread pools ------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// We bring no thread pool of our own: a second pool in a process fights the
// first one for the cores (4 to 8 ms instead of 1.7 ms for the same call right
// after a PyTorch operator, whose OpenMP workers still spin). So:
//
//   1. if the process has an OpenMP runtime loaded, work runs on its team;
//   2. else oneTBB, through the separate `libtegula_tbb.so` (oneTBB needs
//      libstdc++, and `libtegula.so` must not), opened on demand;
//   3. else the caller does all of it.
//
// What runs is the same for all: `body(context)` once on each of up to
// `threads` threads, the caller's included. The bodies share the work through an
// atomic counter, so a team that turns out smaller than asked still does all of it.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_RUNTIME_PARALLELFOR_H
#define TEGULA_RUNTIME_PARALLELFOR_H

#include <map>
#include <memory>
#include <mutex>

namespace tegula {

/// Which pool runs the work.
enum class PoolKind { Serial, OpenMP, TBB };

/// A thread pool of the process, found when this object is made.
class ThreadPool {
public:
  using Body = void (*)(void *context);

  /// Looks for an OpenMP runtime, then for oneTBB.
  ThreadPool();
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  PoolKind kind() const { return poolKind; }

  /// Threads that a launch which asks for none in particular should use.
  int defaultThreads() const;

  /// Runs `body(context)` on up to `threads` threads and waits for all.
  void run(int threads, Body body, void *context);

private:
  bool openOpenMP();
  bool openTBB();

  PoolKind poolKind = PoolKind::Serial;
  /// The shared library that the functions below come from.
  void *library = nullptr;
  /// OpenMP: starts a team; size of the team by default.
  void (*parallel)(void (*)(void *), void *, unsigned, unsigned) = nullptr;
  int (*maxThreads)() = nullptr;
  /// oneTBB: arenas of a given number of threads, made on demand.
  void *(*arenaCreate)(int) = nullptr;
  void (*arenaRun)(void *, int, Body, void *) = nullptr;
  void (*arenaDestroy)(void *) = nullptr;
  std::mutex arenasMutex;
  std::map<int, void *> arenas;
};

} // namespace tegula

#endif // TEGULA_RUNTIME_PARALLELFOR_H
