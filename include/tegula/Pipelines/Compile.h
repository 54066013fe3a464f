//===- Compile.h - From text to machine code ---------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_PIPELINES_COMPILE_H
#define TEGULA_PIPELINES_COMPILE_H

#include "tegula/Pipelines/Pipelines.h"
#include "tegula/Runtime/Artifact.h"
#include "tegula/Target/GpuCode.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"

#include <memory>
#include <optional>
#include <string>

namespace mlir {
class PassManager;
} // namespace mlir

namespace tegula {

/// What changes the code that is made.
struct CompileOptions {
  /// A row of the table of GPUs, what `parseSimulated` takes, or see `resolveCpuTarget`.
  std::string target = "native";
  Path path = Path::Sched;
  SchedOptions sched;
  /// Of targets whose assembler is an external program.
  AssemblerOptions assembler;
  /// What an assembler says of each kernel becomes a remark.
  bool reportResources = false;
};

/// Called with the pass manager before passes are added: command-line tools set up
/// printing and timing here. Failure stops the compilation.
using ConfigurePassManager = llvm::function_ref<bool(mlir::PassManager &)>;

/// Compiles MLIR text. Everything that went wrong, with places, is in `diagnostics`;
/// nothing is printed. Null if it failed; warnings may come with a result.
std::unique_ptr<Artifact> compile(llvm::StringRef text, llvm::StringRef fileName,
                                  const CompileOptions &options, Diagnostics &diagnostics,
                                  ConfigurePassManager configure = nullptr);

/// The program at `level`: text, or an object's bytes.
std::optional<std::string> emit(llvm::StringRef text, llvm::StringRef fileName, Level level,
                                const CompileOptions &options, Diagnostics &diagnostics,
                                ConfigurePassManager configure = nullptr);

/// A GPU whose code the simulator runs, as a target is named: "simulate:NAME" or
/// "simulate:NAME:SEED". Null: `target` is no such name.
const GpuInfo *parseSimulated(llvm::StringRef target, uint64_t &seed);

/// "tegula", "sched", "loops", "nvvm", "rocdl", "llvm", "asm", "obj", "ptx", "cubin",
/// "hsaco".
std::optional<Level> symbolizeLevel(llvm::StringRef name);
llvm::StringRef stringifyLevel(Level level);

/// "loops"; "sched" or its name for a target, "x86".
std::optional<Path> symbolizePath(llvm::StringRef name);

} // namespace tegula

#endif // TEGULA_PIPELINES_COMPILE_H
