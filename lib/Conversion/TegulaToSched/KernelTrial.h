//===- KernelTrial.h - What a schedule would need -------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The planner does not guess what a schedule needs: a copy of the kernel is materialised
// with it, and measured as the proof measures it. Scratch that the lowering takes of its
// own is bounded from above first; where the bound does not fit, the copy is lowered, and
// the figure is the real one.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_TEGULATOSCHED_KERNELTRIAL_H
#define TEGULA_LIB_CONVERSION_TEGULATOSCHED_KERNELTRIAL_H

#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Target/GpuInfo.h"

#include "mlir/Pass/PassManager.h"

namespace tegula {

/// A fragment that is live where most registers are.
struct LiveTile {
  mlir::Location loc;
  std::string type; ///< `128x64xf32`
  double registers; ///< of a lane
};

struct KernelTrial {
  /// Bytes of shared memory of a block: held by rings, and in all.
  int64_t heldBytes = 0, sharedBytes = 0;
  /// Registers of a lane, and how many it may have.
  int64_t registers = 0, budget = 0;
  /// What the proof of the schedule says against it, or empty.
  std::string refusal;
  llvm::SmallVector<LiveTile> live;
};

/// Runs a pipeline on a module inside the current pass's op.
using RunPipeline =
    llvm::function_ref<mlir::LogicalResult(mlir::OpPassManager &, mlir::Operation *)>;

/// Materialises a copy of `kernel`, whose streams have schedules, inside `module`.
/// Nothing where that fails: the pipeline will say why.
std::optional<KernelTrial> tryKernel(mlir::ModuleOp module, KernelOp kernel, const GpuInfo &gpu,
                                     RunPipeline run);

} // namespace tegula

#endif // TEGULA_LIB_CONVERSION_TEGULATOSCHED_KERNELTRIAL_H
