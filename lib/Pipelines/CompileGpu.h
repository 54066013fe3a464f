//===- CompileGpu.h - From text to GPU code ------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_PIPELINES_COMPILEGPU_H
#define TEGULA_LIB_PIPELINES_COMPILEGPU_H

#include "tegula/Pipelines/Compile.h"

namespace tegula {

/// `compile`, for a GPU, or with a seed for its simulator.
std::unique_ptr<Artifact> compileForGpu(llvm::StringRef text, llvm::StringRef fileName,
                                        const GpuInfo &gpu, std::optional<uint64_t> seed,
                                        const CompileOptions &options, Diagnostics &diagnostics,
                                        ConfigurePassManager configure);

/// `emit`, for a GPU.
std::optional<std::string> emitForGpu(llvm::StringRef text, llvm::StringRef fileName, Level level,
                                      const GpuInfo &gpu, const CompileOptions &options,
                                      Diagnostics &diagnostics, ConfigurePassManager configure);

} // namespace tegula

#endif // TEGULA_LIB_PIPELINES_COMPILEGPU_H
