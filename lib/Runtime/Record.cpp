//===- Record.cpp - Preparing and running a launch ---------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Runtime/Module.h"

#include "llvm/ADT/SmallVector.h"

#include <algorithm>
#include <chrono>

using namespace tegula;

using Clock = std::chrono::steady_clock;

/// Work below this is not worth waking a thread.
static constexpr uint64_t nanosecondsPerThread = 5000;

std::unique_ptr<Record> Record::prepare(std::shared_ptr<Module> module, Kernel &kernel,
                                        const std::vector<ArgumentLayout> &layouts,
                                        Diagnostics &diagnostics) {
  std::unique_ptr<Record> record(new Record(module, kernel));
  if (!record->arguments.prepare("kernel '" + kernel.info.name + "'", kernel.info.arguments,
                                 layouts, diagnostics))
    return nullptr;
  record->pool = module->threadPool();
  return record;
}

/// One launch, as its workers share it.
struct Record::Share {
  const Kernel &kernel;
  const uint64_t *block;
  int64_t total, chunk;
  ArenaPool::Block arenas;
  std::atomic<int64_t> next{0};
  std::atomic<int> workers{0};
  /// Of the failed instances, the chunk of the first and its check: chunk << 32 | check.
  std::atomic<uint64_t> failure{UINT64_MAX};
  std::atomic<uint64_t> busy{0};
};

/// What each worker does: take chunks of the line until none is left. The failure
/// that is reported is that of the first instance in the line, whoever ran it.
void Record::work(void *context) {
  Share &share = *static_cast<Share *>(context);
  int worker = share.workers.fetch_add(1, std::memory_order_relaxed);
  char *arena = nullptr;
  if (size_t stride = share.kernel.arenas.stride()) {
    if (worker >= share.arenas.workers)
      return; // a team larger than asked for: the others do the work
    arena = share.arenas.memory + stride * static_cast<size_t>(worker);
  }
  Clock::time_point start = Clock::now();
  while (true) {
    int64_t index = share.next.fetch_add(1, std::memory_order_relaxed);
    int64_t first = index * share.chunk;
    if (first >= share.total)
      break;
    if (uint64_t(index) > share.failure.load(std::memory_order_relaxed) >> 32)
      break; // an earlier chunk has failed already
    int64_t last = std::min(first + share.chunk, share.total);
    int32_t status = share.kernel.run(share.block, arena, first, last);
    if (status == 0)
      continue;
    uint64_t mine = uint64_t(index) << 32 | uint32_t(status);
    uint64_t seen = share.failure.load(std::memory_order_relaxed);
    while (mine < seen && !share.failure.compare_exchange_weak(seen, mine)) {
    }
  }
  auto spent = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start);
  share.busy.fetch_add(spent.count(), std::memory_order_relaxed);
}

Diagnostic tegula::fromMessage(const std::vector<MessageInfo> &messages, int32_t number) {
  if (number < 1 || static_cast<size_t>(number) > messages.size())
    return makeError("the kernel returned an unknown status " + std::to_string(number));
  return makeError(messages[number - 1].text, messages[number - 1].sites);
}

std::optional<Diagnostic> Record::launch(const uint64_t *packed, const LaunchOptions &options) {
  llvm::SmallVector<uint64_t, 160> words(arguments.size());
  arguments.fill(packed, words.data());
  if (std::optional<Diagnostic> refused = arguments.check(words.data()))
    return refused;

  llvm::SmallVector<int64_t, 8> counts(kernel.info.steps.size());
  if (int32_t number = kernel.bind(words.data(), counts.data()))
    return fromMessage(kernel.info.requirements, number);
  int64_t total = 1;
  for (int64_t count : counts)
    if (__builtin_mul_overflow(total, count, &total))
      return makeError("kernel '" + kernel.info.name + "' has more instances than can be counted");
  if (total == 0)
    return std::nullopt;
  if (kernel.device)
    return kernel.device->launch(words.data(), total, options);

  // Few or short instances are not worth a team. None of this changes a result:
  // instances are independent, and each is computed in the same way by any worker.
  int64_t workers = total;
  if (uint64_t known = nanoseconds.load(std::memory_order_relaxed)) {
    uint64_t worth = known * std::min<uint64_t>(total, INT32_MAX) / nanosecondsPerThread;
    workers = std::clamp<int64_t>(static_cast<int64_t>(worth), 1, workers);
  }
  if (workers > 1)
    workers =
        std::min<int64_t>(workers, options.threads > 0 ? options.threads : pool->defaultThreads());
  Share share{kernel, words.data(), total, std::max<int64_t>(1, total / (workers * 8)),
              kernel.arenas.take(static_cast<int>(workers))};
  if (total / share.chunk > int64_t(UINT32_MAX) - 1)
    share.chunk = total / (int64_t(UINT32_MAX) - 1) + 1;
  if (kernel.arenas.stride() && !share.arenas.memory)
    return makeError("out of memory: kernel '" + kernel.info.name + "' needs " +
                     std::to_string(kernel.arenas.stride()) + " bytes of scratch for each of " +
                     std::to_string(workers) + " threads");
  pool->run(static_cast<int>(workers), &Record::work, &share);
  kernel.arenas.give(share.arenas);

  uint64_t perInstance = share.busy.load(std::memory_order_relaxed) / static_cast<uint64_t>(total);
  nanoseconds.store(static_cast<uint32_t>(std::clamp<uint64_t>(perInstance, 1, UINT32_MAX)),
                    std::memory_order_relaxed);
  if (share.failure.load() != UINT64_MAX)
    return fromMessage(kernel.info.checks, static_cast<int32_t>(share.failure.load()));
  return std::nullopt;
}
