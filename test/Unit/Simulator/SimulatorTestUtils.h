//===- SimulatorTestUtils.h - Kernels as text ---------------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TEST_UNIT_SIMULATOR_SIMULATORTESTUTILS_H
#define TEGULA_TEST_UNIT_SIMULATOR_SIMULATORTESTUTILS_H

#include "tegula/Simulator/Simulator.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>

namespace tegula::sim::test {

/// A launch of a kernel given as text, with buffers that the test owns.
class Bench {
public:
  explicit Bench(unsigned threads = 32) { launch.block = {threads, 1, 1}; }

  /// Adds a buffer and the argument that points to it.
  template <typename T>
  void buffer(const char *name, std::vector<T> &data, bool initialised = true) {
    Buffer b;
    b.name = name;
    b.elementBytes = sizeof(T);
    b.bytes = {reinterpret_cast<uint8_t *>(data.data()), data.size() * sizeof(T)};
    b.initialised = initialised;
    launch.buffers.push_back(b);
    launch.arguments.push_back(Argument::pointer(launch.buffers.size() - 1));
  }
  void scalar(uint64_t bits) { launch.arguments.push_back(Argument::scalar(bits)); }

  /// Runs `text` with both kinds of host code and several seeds; returns the last result.
  Result run(const std::string &text, const char *kernel = "k", unsigned seeds = 3) {
    llvm::LLVMContext context;
    llvm::SMDiagnostic diagnostic;
    std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(
        "target triple = \"nvptx64-nvidia-cuda\"\n" + text, diagnostic, context);
    if (!module) {
      std::string message;
      llvm::raw_string_ostream os(message);
      diagnostic.print("kernel", os);
      ADD_FAILURE() << message << text;
      return {};
    }
    launch.kernel = kernel;
    Result result;
    std::unique_ptr<Kernel> decoded = Kernel::decode(*module, kernel, result.reports);
    std::vector<std::vector<uint8_t>> initial;
    for (Buffer &b : launch.buffers)
      initial.emplace_back(b.bytes.begin(), b.bytes.end());
    for (unsigned seed = 0; decoded && seed < seeds; ++seed) {
      for (auto [b, bytes] : llvm::zip(launch.buffers, initial))
        llvm::copy(bytes, b.bytes.begin());
      options.seed = seed + 1;
      options.narrowHost = seed & 1;
      result = decoded->run(launch, options);
      if (!result.succeeded())
        break;
    }
    return result;
  }
  /// As run, and nothing must be reported.
  void runClean(const std::string &text) {
    Result result = run(text);
    std::string message;
    llvm::raw_string_ostream os(message);
    result.printText(os);
    EXPECT_TRUE(result.succeeded()) << message << text;
    counters = result.counters;
  }

  Launch launch;
  Options options;
  Counters counters;
};

/// Fresh numbers; the seed is in every failure's output.
class Numbers {
public:
  Numbers() : seed(std::random_device()()), generator(seed) {
    ::testing::Test::RecordProperty("seed", std::to_string(seed));
  }
  int integer(int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(generator);
  }
  uint64_t bits() { return (uint64_t(generator()) << 32) ^ generator(); }
  std::string note() const { return "seed " + std::to_string(seed); }

private:
  unsigned seed;
  std::mt19937 generator;
};

} // namespace tegula::sim::test

#endif // TEGULA_TEST_UNIT_SIMULATOR_SIMULATORTESTUTILS_H
