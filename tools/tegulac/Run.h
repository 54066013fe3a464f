//===- Run.h - Running kernels from the command line -------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TOOLS_TEGULAC_RUN_H
#define TEGULA_TOOLS_TEGULAC_RUN_H

#include "tegula/Runtime/Artifact.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/raw_ostream.h"

#include <memory>

namespace tegula {

/// What the command line says about a run.
struct RunOptions {
  /// Kernel or program to run; empty: the only program, else the only kernel.
  std::string kernel;
  /// By argument: sizes of a view ("2x64"), or the value of a scalar.
  llvm::StringMap<std::string> bindings;
  /// By argument: .npy files to read and write.
  llvm::StringMap<std::string> inputs, outputs;
  int threads = 0;
  uint64_t seed = 0;
};

/// Runs one kernel and prints what it has written. Diagnostics where it failed.
bool runKernel(std::shared_ptr<const Artifact> artifact, const RunOptions &options,
               llvm::raw_ostream &output, Diagnostics &diagnostics);

} // namespace tegula

#endif // TEGULA_TOOLS_TEGULAC_RUN_H
