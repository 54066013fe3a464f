//===- Pipelines.h - The order of passes -------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_PIPELINES_PIPELINES_H
#define TEGULA_PIPELINES_PIPELINES_H

#include "tegula/Target/CpuTarget.h"
#include "tegula/Target/GpuInfo.h"

namespace mlir {
class DialectRegistry;
class OpPassManager;
} // namespace mlir

namespace tegula {

/// The two ways from tile programs to machine code.
enum class Path {
  /// Plain scalar loops: the oracle.
  Loops,
  /// Through the scheduled level: what ships.
  Sched,
};

/// How far a program has come. Those between Loops and LLVM, and those behind Obj, are
/// of GPUs only.
enum class Level { Tegula, Sched, Loops, NVVM, ROCDL, LLVM, Asm, Obj, PTX, Cubin, HSACO };

/// What the scheduled path leaves to its caller.
struct SchedOptions {
  /// The unit that computes exponentials where the author says nothing: "poly", "hw" or
  /// "mix"; empty for what suits the target. All mean the polynomial on a CPU.
  std::string expPolicy;
  /// By how many powers of two the maximum of a softmax may lag before accumulators are
  /// rescaled.
  double rescaleAbove = 0;
  /// Writes the schedules to standard output, as tables.
  bool printSchedule = false;
  /// Says, as remarks, which pipes of a GPU each stream keeps busy, and what bounds it.
  bool remarks = false;

  /// What is wrong with them, or nothing.
  std::string findFault() const;
};

/// The dialects that compiled programs pass through, and what translates them.
void registerCompilerDialects(mlir::DialectRegistry &registry);

/// Checked and simplified tile programs: level `Tegula`.
void buildTilePipeline(mlir::OpPassManager &pm);

/// Tile programs to kernels whose bodies are scalar loops: level `Loops`.
void buildTileToLoopsPipeline(mlir::OpPassManager &pm);

/// Tile programs to kernels scheduled for `target`, a row of the table: level `Sched`.
void buildTileToSchedPipeline(mlir::OpPassManager &pm, llvm::StringRef target,
                              const SchedOptions &options = {});

/// Scheduled kernels to kernels whose bodies are loops over vectors: level `Loops`.
void buildSchedToLoopsPipeline(mlir::OpPassManager &pm, const CpuTarget &target);

/// Kernels whose bodies are upstream ops to functions of the host ABI in the LLVM
/// dialect, and a `tegula.entry` for each. With `callsLibm` elementary functions become
/// calls of the C library, an oracle for our own vector code; without it those that are
/// left are LLVM's intrinsics.
void buildLoopsToLLVMPipeline(mlir::OpPassManager &pm, bool callsLibm);

/// Scheduled kernels to device functions in the LLVM dialect with the vendor's own ops,
/// and a `tegula.device_entry` for each: level `NVVM` or `ROCDL`.
void buildSchedToGpuPipeline(mlir::OpPassManager &pm, const GpuInfo &gpu);

/// The above as named pipelines of tegula-opt: `tegula-loops-to-llvm`, ...
void registerPipelines();

} // namespace tegula

#endif // TEGULA_PIPELINES_PIPELINES_H
