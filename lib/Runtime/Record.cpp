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
#include <cstring>

using namespace tegula;

using Clock = std::chrono::steady_clock;

/// Work below this is not worth waking a thread.
static constexpr uint64_t nanosecondsPerThread = 5000;

//===----------------------------------------------------------------------===//
// Preparing
//===----------------------------------------------------------------------===//

static std::string list(const std::vector<int64_t> &numbers) {
  std::string text;
  for (int64_t number : numbers)
    text += (text.empty() ? "" : ", ") + std::to_string(number);
  return "[" + text + "]";
}

/// What is wrong with the layout of view `info`, or "".
static std::string checkLayout(const ArgumentInfo &info, const ArgumentLayout &layout) {
  size_t rank = info.sizes.size();
  if (layout.sizes.size() != rank || layout.strides.size() != rank)
    return "must have rank " + std::to_string(rank) + ", got sizes " + list(layout.sizes) +
           " and strides " + list(layout.strides);
  bool isEmpty = std::find(layout.sizes.begin(), layout.sizes.end(), 0) != layout.sizes.end();
  for (size_t axis = 0; axis < rank; ++axis) {
    int64_t size = layout.sizes[axis], stride = layout.strides[axis];
    std::string where = " of axis " + std::to_string(axis);
    if (size < 0 || size >= int64_t(1) << 31)
      return "has size " + std::to_string(size) + where + ", which must be below 2^31";
    if (info.sizes[axis] != dynamicExtent && info.sizes[axis] != size)
      return "has size " + std::to_string(size) + where + ", but the kernel was compiled for " +
             std::to_string(info.sizes[axis]);
    if (size <= 1 || isEmpty)
      continue; // no second element: the stride is never used
    if (info.strides[axis] != dynamicExtent && info.strides[axis] != stride)
      return "has stride " + std::to_string(stride) + where + ", but the kernel was compiled for " +
             std::to_string(info.strides[axis]);
    if (!info.multiples.empty() && stride % info.multiples[axis] != 0)
      return "has stride " + std::to_string(stride) + where + ", which must be a multiple of " +
             std::to_string(info.multiples[axis]);
    if (info.isWritten() && stride == 0)
      return "is written, but its stride" + where + " is 0: its elements overlap";
  }
  return "";
}

/// Bytes that a view reaches, from its address; nothing where they overflow.
static bool reach(const ArgumentLayout &layout, int64_t &lo, int64_t &hi) {
  lo = 0;
  hi = dtypeBytes(layout.dtype);
  int64_t bytes = hi;
  for (size_t axis = 0; axis < layout.sizes.size(); ++axis) {
    if (layout.sizes[axis] == 0) {
      lo = hi = 0;
      return true;
    }
    int64_t span;
    if (__builtin_mul_overflow(layout.sizes[axis] - 1, layout.strides[axis], &span) ||
        __builtin_mul_overflow(span, bytes, &span) ||
        __builtin_add_overflow(span < 0 ? lo : hi, span, span < 0 ? &lo : &hi))
      return false;
  }
  return true;
}

bool Record::addView(const ArgumentLayout &layout, uint32_t argument, Diagnostics &diagnostics) {
  const ArgumentInfo &info = kernel.info.arguments[argument];
  std::string wrong = checkLayout(info, layout);
  View view;
  if (wrong.empty() && !reach(layout, view.lo, view.hi))
    wrong = "reaches past the end of memory";
  if (!wrong.empty()) {
    diagnostics.push_back(makeError("argument '" + info.name + "' " + wrong));
    return false;
  }
  view.argument = argument;
  view.word = block.size();
  view.isWritten = info.isWritten();
  view.isEmpty = view.lo == view.hi;
  view.align = info.align;
  views.push_back(view);
  block.push_back(0);
  block.insert(block.end(), layout.sizes.begin(), layout.sizes.end());
  block.insert(block.end(), layout.strides.begin(), layout.strides.end());
  return true;
}

std::unique_ptr<Record> Record::prepare(std::shared_ptr<Module> module, Kernel &kernel,
                                        const std::vector<ArgumentLayout> &layouts,
                                        Diagnostics &diagnostics) {
  const std::vector<ArgumentInfo> &arguments = kernel.info.arguments;
  if (layouts.size() != arguments.size()) {
    diagnostics.push_back(makeError("kernel '" + kernel.info.name + "' takes " +
                                    std::to_string(arguments.size()) + " arguments, got " +
                                    std::to_string(layouts.size())));
    return nullptr;
  }
  std::unique_ptr<Record> record(new Record(module, kernel));
  for (uint32_t i = 0; i < arguments.size(); ++i) {
    const ArgumentInfo &info = arguments[i];
    if (layouts[i].dtype != info.dtype) {
      diagnostics.push_back(makeError("argument '" + info.name + "' must be " +
                                      dtypeName(info.dtype) + ", got " +
                                      dtypeName(layouts[i].dtype)));
      return nullptr;
    }
    record->words.push_back(record->block.size());
    if (!info.isView()) {
      if (!layouts[i].sizes.empty()) {
        diagnostics.push_back(makeError("argument '" + info.name + "' is a scalar, got sizes " +
                                        list(layouts[i].sizes)));
        return nullptr;
      }
      record->block.push_back(0);
    } else if (!record->addView(layouts[i], i, diagnostics)) {
      return nullptr;
    }
  }
  record->pool = module->threadPool();
  return record;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

/// Promises on addresses, and overlap of what is written with anything else.
std::optional<Diagnostic> Record::checkViews(const uint64_t *words) const {
  auto name = [&](const View &view) { return kernel.info.arguments[view.argument].name; };
  for (const View &view : views) {
    uint64_t address = words[view.word];
    if (view.isEmpty)
      continue;
    if (address == 0)
      return makeError("argument '" + name(view) + "' has no memory (its address is null)");
    if (address % view.align != 0)
      return makeError("argument '" + name(view) + "' must be aligned to " +
                       std::to_string(view.align) + " bytes, got an address that is " +
                       std::to_string(address % view.align) + " past a multiple");
    if (!view.isWritten)
      continue;
    for (const View &other : views) {
      if (&other == &view || other.isEmpty || (other.isWritten && other.word < view.word))
        continue;
      uint64_t first = words[other.word];
      if (address + view.lo < first + other.hi && first + other.lo < address + view.hi)
        return makeError("argument '" + name(view) + "' is written and overlaps argument '" +
                         name(other) + "' in memory");
    }
  }
  return std::nullopt;
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

static Diagnostic fromMessage(const std::vector<MessageInfo> &messages, int32_t number) {
  if (number < 1 || static_cast<size_t>(number) > messages.size())
    return makeError("the kernel returned an unknown status " + std::to_string(number));
  return makeError(messages[number - 1].text, messages[number - 1].sites);
}

std::optional<Diagnostic> Record::launch(const uint64_t *packed, int threads) {
  llvm::SmallVector<uint64_t, 160> words(block.begin(), block.end());
  for (size_t i = 0, n = this->words.size(); i < n; ++i)
    words[this->words[i]] = packed[i];
  if (std::optional<Diagnostic> refused = checkViews(words.data()))
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

  // Few or short instances are not worth a team. None of this changes a result:
  // instances are independent, and each is computed in the same way by any worker.
  int64_t workers = total;
  if (uint64_t known = nanoseconds.load(std::memory_order_relaxed)) {
    uint64_t worth = known * std::min<uint64_t>(total, INT32_MAX) / nanosecondsPerThread;
    workers = std::clamp<int64_t>(static_cast<int64_t>(worth), 1, workers);
  }
  if (workers > 1)
    workers = std::min<int64_t>(workers, threads > 0 ? threads : pool->defaultThreads());
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
