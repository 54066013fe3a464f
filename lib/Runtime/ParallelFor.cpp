//===- ParallelFor.cpp - The seam to thread pools ----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Runtime/ParallelFor.h"

#include <dlfcn.h>
#include <link.h>
#include <sched.h>

#include <algorithm>
#include <cstring>
#include <string>

using namespace tegula;

/// Path of an OpenMP runtime that is loaded already, or "".
static std::string findOpenMP() {
  std::string path;
  dl_iterate_phdr(
      [](dl_phdr_info *info, size_t, void *result) {
        const char *name = std::strrchr(info->dlpi_name, '/');
        name = name ? name + 1 : info->dlpi_name;
        for (const char *known : {"libgomp", "libiomp5", "libomp"})
          if (std::strncmp(name, known, std::strlen(known)) == 0) {
            *static_cast<std::string *>(result) = info->dlpi_name;
            return 1;
          }
        return 0;
      },
      &path);
  return path;
}

/// `directory/name` for the directory of the library (or program) that holds this code.
static std::string besideThisLibrary(const char *name) {
  Dl_info info;
  if (!dladdr(reinterpret_cast<void *>(&besideThisLibrary), &info) || !info.dli_fname)
    return {};
  std::string path = info.dli_fname;
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? name : path.substr(0, slash + 1) + name;
}

bool ThreadPool::openOpenMP() {
  std::string path = findOpenMP();
  if (path.empty())
    return false;
  library = dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (!library)
    return false;
  parallel = reinterpret_cast<decltype(parallel)>(dlsym(library, "GOMP_parallel"));
  maxThreads = reinterpret_cast<decltype(maxThreads)>(dlsym(library, "omp_get_max_threads"));
  if (parallel && maxThreads)
    return true;
  dlclose(library);
  library = nullptr;
  return false;
}

bool ThreadPool::openTBB() {
  for (const char *place : {"libtegula_tbb.so", "../lib/libtegula_tbb.so"}) {
    library = dlopen(besideThisLibrary(place).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library)
      continue;
    arenaCreate = reinterpret_cast<decltype(arenaCreate)>(dlsym(library, "tegula_tbb_create"));
    arenaRun = reinterpret_cast<decltype(arenaRun)>(dlsym(library, "tegula_tbb_run"));
    arenaDestroy = reinterpret_cast<decltype(arenaDestroy)>(dlsym(library, "tegula_tbb_destroy"));
    if (arenaCreate && arenaRun && arenaDestroy)
      return true;
    dlclose(library);
    library = nullptr;
  }
  return false;
}

ThreadPool::ThreadPool() {
  if (openOpenMP())
    poolKind = PoolKind::OpenMP;
  else if (openTBB())
    poolKind = PoolKind::TBB;
}

ThreadPool::~ThreadPool() {
  for (auto &[threads, arena] : arenas)
    arenaDestroy(arena);
  // oneTBB's workers may still be on their way to sleep: it stays loaded.
  if (library && poolKind == PoolKind::OpenMP)
    dlclose(library);
}

int ThreadPool::defaultThreads() const {
  if (poolKind == PoolKind::OpenMP)
    return std::max(1, maxThreads());
  if (poolKind == PoolKind::Serial)
    return 1;
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
    return 1;
  return std::max(1, CPU_COUNT(&allowed));
}

void ThreadPool::run(int threads, Body body, void *context) {
  if (threads <= 1 || poolKind == PoolKind::Serial)
    return body(context);
  if (poolKind == PoolKind::OpenMP)
    return parallel(body, context, threads, 0);
  void *arena;
  {
    std::lock_guard<std::mutex> lock(arenasMutex);
    void *&slot = arenas[threads];
    if (!slot)
      slot = arenaCreate(threads);
    arena = slot;
  }
  if (!arena)
    return body(context);
  arenaRun(arena, threads, body, context);
}
