//===- Module.cpp - Loading a program ----------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Runtime/Module.h"

#include "tegula/Support/SymbolName.h"
#include "tegula/Target/CpuTarget.h"

#include <algorithm>
#include <cstdlib>

using namespace tegula;

//===----------------------------------------------------------------------===//
// ArenaPool
//===----------------------------------------------------------------------===//

ArenaPool::ArenaPool(size_t bytes)
    : bytes((bytes + host::arenaAlignment - 1) / host::arenaAlignment * host::arenaAlignment) {}

ArenaPool::~ArenaPool() {
  for (Block &block : free)
    std::free(block.memory);
}

ArenaPool::Block ArenaPool::take(int workers) {
  if (!bytes)
    return {};
  {
    std::lock_guard<std::mutex> lock(mutex);
    auto fits = [&](const Block &block) { return block.workers >= workers; };
    auto found = std::find_if(free.begin(), free.end(), fits);
    if (found != free.end()) {
      Block block = *found;
      *found = free.back();
      free.pop_back();
      return block;
    }
  }
  auto *memory = static_cast<char *>(
      std::aligned_alloc(host::arenaAlignment, bytes * static_cast<size_t>(workers)));
  return {memory, memory ? workers : 0};
}

void ArenaPool::give(Block block) {
  if (!block.memory)
    return;
  std::lock_guard<std::mutex> lock(mutex);
  free.push_back(block);
}

//===----------------------------------------------------------------------===//
// Module
//===----------------------------------------------------------------------===//

std::shared_ptr<Module> Module::load(std::shared_ptr<const Artifact> artifact,
                                     Diagnostics &diagnostics, int ordinal, const char *driver) {
  std::vector<std::string> missing = missingHostFeatures(artifact->features);
  if (!missing.empty()) {
    std::string list;
    for (const std::string &feature : missing)
      list += (list.empty() ? "" : ", ") + feature;
    diagnostics.push_back(makeError("the program was built for " + artifact->target +
                                    ", but this CPU lacks " + list));
    return nullptr;
  }
  auto module = std::make_shared<Module>();
  module->code = LoadedCode::load(artifact->object, diagnostics);
  if (!module->code)
    return nullptr;
  for (const KernelInfo &info : artifact->kernels) {
    void *bind = module->code->lookup(getCodeName(info.name) + ".bind", diagnostics);
    void *run = bind ? module->code->lookup(getCodeName(info.name) + ".run", diagnostics) : nullptr;
    if (!run)
      return nullptr;
    module->kernels.push_back(std::make_unique<Kernel>(info, reinterpret_cast<host::BindFn>(bind),
                                                       reinterpret_cast<host::RunFn>(run)));
  }
  if (artifact->imageKind != ImageKind::None) {
    std::vector<std::unique_ptr<DeviceKernel>> loaded =
        artifact->imageKind == ImageKind::Simulated
            ? loadSimulatedKernels(*artifact, diagnostics)
            : loadDeviceKernels(*artifact, ordinal, driver, module->memory, diagnostics);
    if (loaded.size() != artifact->kernels.size())
      return nullptr;
    for (size_t i = 0; i < loaded.size(); ++i)
      module->kernels[i]->device = std::move(loaded[i]);
  }
  for (const ProgramInfo &info : artifact->programs) {
    void *run = module->code->lookup(getCodeName(info.name) + ".program", diagnostics);
    if (!run)
      return nullptr;
    std::vector<Kernel *> kernels;
    for (const std::string &name : info.kernels) {
      kernels.push_back(module->find(name));
      if (!kernels.back()) {
        diagnostics.push_back(
            makeError("program '" + info.name + "' launches '" + name + "', which is missing"));
        return nullptr;
      }
    }
    module->programs.push_back(std::make_unique<Program>(
        info, reinterpret_cast<host::ProgramFn>(run), std::move(kernels)));
  }
  module->source = std::move(artifact);
  return module;
}

Kernel *Module::find(std::string_view name) const {
  for (const auto &kernel : kernels)
    if (kernel->info.name == name)
      return kernel.get();
  return nullptr;
}

Program *Module::findProgram(std::string_view name) const {
  for (const auto &program : programs)
    if (program->info.name == name)
      return program.get();
  return nullptr;
}

std::shared_ptr<ThreadPool> Module::threadPool() {
  std::lock_guard<std::mutex> lock(poolMutex);
  if (pool && pool->kind() == PoolKind::OpenMP)
    return pool;
  auto found = std::make_shared<ThreadPool>();
  if (!pool || found->kind() == PoolKind::OpenMP)
    pool = found;
  return pool;
}
