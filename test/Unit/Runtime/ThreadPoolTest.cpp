//===- ThreadPoolTest.cpp - The seam to thread pools ----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Runtime/ParallelFor.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

using namespace tegula;

namespace {

/// What the bodies of one run have seen.
struct Seen {
  std::atomic<int> bodies{0};
  std::atomic<int> inside{0}, most{0};
  std::atomic<int> next{0};
  int items = 0;
  std::vector<std::atomic<int>> done = std::vector<std::atomic<int>>(1000);
};

} // namespace

/// Takes items from the counter, as a launch's workers do.
static void body(void *context) {
  Seen &seen = *static_cast<Seen *>(context);
  ++seen.bodies;
  int inside = ++seen.inside, most = seen.most;
  while (most < inside && !seen.most.compare_exchange_weak(most, inside)) {
  }
  for (int item; (item = seen.next++) < seen.items;) {
    ++seen.done[item];
    std::this_thread::sleep_for(std::chrono::microseconds(10));
  }
  --seen.inside;
}

/// Every item is done once, by at most `threads` bodies at a time.
static void checkPool(ThreadPool &pool, int threads) {
  Seen seen;
  seen.items = 300;
  pool.run(threads, body, &seen);
  for (int i = 0; i < seen.items; ++i)
    ASSERT_EQ(seen.done[i], 1);
  EXPECT_LE(seen.bodies, threads);
  EXPECT_EQ(seen.inside, 0);
  EXPECT_LE(seen.most, threads);
}

// Without an OpenMP runtime in the process, oneTBB runs the work. In file order,
// this test comes before the one that loads OpenMP, which cannot be undone.
TEST(ThreadPool, RunsOnTBB) {
  ThreadPool pool;
  if (pool.kind() == PoolKind::OpenMP)
    GTEST_SKIP() << "this process has an OpenMP runtime";
  ASSERT_EQ(pool.kind(), PoolKind::TBB);
  EXPECT_GE(pool.defaultThreads(), 1);
  for (int threads : {1, 2, 3, 8})
    checkPool(pool, threads);
}

TEST(ThreadPool, ServesSeveralCallersAtOnce) {
  ThreadPool pool;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&] { checkPool(pool, 2); });
  for (std::thread &caller : callers)
    caller.join();
}

TEST(ThreadPool, PrefersOpenMPOnceItIsLoaded) {
  if (!dlopen("libgomp.so.1", RTLD_NOW) && !dlopen("libomp.so.5", RTLD_NOW))
    GTEST_SKIP() << "no OpenMP runtime on this machine";
  ThreadPool pool;
  ASSERT_EQ(pool.kind(), PoolKind::OpenMP);
  EXPECT_GE(pool.defaultThreads(), 1);
  for (int threads : {1, 2, 3})
    checkPool(pool, threads);
}
