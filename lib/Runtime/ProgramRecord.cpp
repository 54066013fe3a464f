//===- ProgramRecord.cpp - Calling a program ------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Runtime/Module.h"

#include "llvm/ADT/SmallVector.h"

#include <algorithm>
#include <cstdlib>

using namespace tegula;

/// One call, as its callbacks see it.
struct ProgramRecord::Call {
  ProgramRecord &record;
  LaunchOptions options;
  /// Only count the workspace: nothing is launched.
  bool countOnly;
  uint64_t bytes = 0;
  std::vector<Memory> taken = {};
  std::optional<Diagnostic> failure = std::nullopt;
};

std::unique_ptr<ProgramRecord> ProgramRecord::prepare(std::shared_ptr<Module> module,
                                                      Program &program,
                                                      const std::vector<ArgumentLayout> &layouts,
                                                      Diagnostics &diagnostics) {
  std::unique_ptr<ProgramRecord> record(new ProgramRecord(std::move(module), program));
  if (!record->arguments.prepare("program '" + program.info.name + "'", program.info.arguments,
                                 layouts, diagnostics))
    return nullptr;
  return record;
}

ProgramRecord::~ProgramRecord() {
  for (Memory &memory : free)
    std::free(memory.address);
}

//===----------------------------------------------------------------------===//
// Callbacks
//===----------------------------------------------------------------------===//

void *ProgramRecord::giveWorkspace(void *context, uint64_t bytes) {
  Call &call = *static_cast<Call *>(context);
  ProgramRecord &record = call.record;
  uint64_t rounded = std::max<uint64_t>(1, bytes / host::arenaAlignment + 1) * host::arenaAlignment;
  call.bytes += bytes;
  if (call.countOnly) // an address that nobody follows
    return &call;
  // A device's memory goes back to its stream, since the launches may still wait there.
  if (DeviceMemory *memory = record.module->deviceMemory()) {
    Diagnostics diagnostics;
    void *address = memory->allocate(rounded, call.options.stream, diagnostics);
    if (address)
      call.taken.push_back({rounded, address});
    else
      call.failure =
          makeError("program '" + record.program.info.name + "': " + diagnostics.front().message);
    return address;
  }
  {
    std::lock_guard<std::mutex> lock(record.mutex);
    auto fits = [&](const Memory &memory) { return memory.bytes == rounded; };
    auto found = std::find_if(record.free.begin(), record.free.end(), fits);
    if (found != record.free.end()) {
      call.taken.push_back(*found);
      *found = record.free.back();
      record.free.pop_back();
      return call.taken.back().address;
    }
  }
  void *address = std::aligned_alloc(host::arenaAlignment, rounded);
  if (address)
    call.taken.push_back({rounded, address});
  else
    call.failure = makeError("out of memory: program '" + record.program.info.name + "' needs " +
                             std::to_string(bytes) + " bytes of workspace");
  return address;
}

/// The prepared launch of a kernel on the sizes and strides of `block`; `packed` gets
/// the addresses and scalars.
std::shared_ptr<Record> ProgramRecord::findSite(int32_t kernel, const uint64_t *block,
                                                std::vector<uint64_t> &packed,
                                                Diagnostics &diagnostics) {
  Kernel &callee = *program.kernels[kernel];
  std::vector<ArgumentLayout> layouts;
  for (const ArgumentInfo &info : callee.info.arguments) {
    ArgumentLayout &layout = layouts.emplace_back();
    layout.dtype = info.dtype;
    packed.push_back(*block++);
    auto take = [&](std::vector<int64_t> &list) {
      for (size_t axis = 0; axis < info.sizes.size(); ++axis)
        list.push_back(static_cast<int64_t>(*block++));
    };
    take(layout.sizes);
    take(layout.strides);
  }
  std::lock_guard<std::mutex> lock(mutex);
  for (Site &site : sites)
    if (site.kernel == kernel &&
        std::equal(layouts.begin(), layouts.end(), site.layouts.begin(), site.layouts.end(),
                   [](const ArgumentLayout &a, const ArgumentLayout &b) {
                     return a.sizes == b.sizes && a.strides == b.strides;
                   }))
      return site.record;
  std::shared_ptr<Record> made = Record::prepare(module, callee, layouts, diagnostics);
  if (made) {
    // Scalars may change sizes from call to call: do not keep all that ever were.
    if (sites.size() >= 4 * program.kernels.size() + 16)
      sites.clear();
    sites.push_back({kernel, std::move(layouts), made});
  }
  return made;
}

int32_t ProgramRecord::launchKernel(void *context, int32_t kernel, const uint64_t *block) {
  Call &call = *static_cast<Call *>(context);
  if (call.countOnly)
    return 0;
  std::vector<uint64_t> packed;
  Diagnostics diagnostics;
  std::shared_ptr<Record> record = call.record.findSite(kernel, block, packed, diagnostics);
  if (record)
    call.failure = record->launch(packed.data(), call.options);
  else
    call.failure = std::move(diagnostics.front());
  return call.failure ? 1 : 0;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

std::optional<Diagnostic> ProgramRecord::run(const uint64_t *packed, Call &call) {
  llvm::SmallVector<uint64_t, 160> words(arguments.size());
  arguments.fill(packed, words.data());
  if (!call.countOnly)
    if (std::optional<Diagnostic> refused = arguments.check(words.data()))
      return refused;
  host::ProgramHost host = {&call, &giveWorkspace, &launchKernel};
  int32_t status = program.run(words.data(), &host);
  if (DeviceMemory *memory = module->deviceMemory()) {
    for (const Memory &taken : call.taken)
      memory->release(taken.address, call.options.stream);
  } else {
    std::lock_guard<std::mutex> lock(mutex);
    free.insert(free.end(), call.taken.begin(), call.taken.end());
  }
  if (status > 0)
    return fromMessage(program.info.requirements, status);
  return call.failure;
}

std::optional<Diagnostic> ProgramRecord::launch(const uint64_t *packed,
                                                const LaunchOptions &options) {
  Call call{*this, options, /*countOnly=*/false};
  return run(packed, call);
}

std::optional<Diagnostic> ProgramRecord::workspace(const uint64_t *packed, uint64_t &bytes) {
  Call call{*this, {}, /*countOnly=*/true};
  std::optional<Diagnostic> failure = run(packed, call);
  bytes = call.bytes;
  return failure;
}
