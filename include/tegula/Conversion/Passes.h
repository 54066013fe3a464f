//===- Passes.h - Passes that change the dialect mix ----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_CONVERSION_PASSES_H
#define TEGULA_CONVERSION_PASSES_H

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"
#include "tegula/Dialect/Sched/IR/Sched.h"

namespace tegula {

#define GEN_PASS_DECL
#include "tegula/Conversion/Passes.h.inc"

/// Registers the passes of lib/Conversion: `registerConversionPasses`.
#define GEN_PASS_REGISTRATION
#include "tegula/Conversion/Passes.h.inc"

/// Kernels whose streams are scheduled to kernels of one role of `target`, a machine with
/// warps. The planner measures what these passes make of a kernel.
void buildRoleMaterializationPipeline(mlir::OpPassManager &pm, llvm::StringRef target);

} // namespace tegula

#endif // TEGULA_CONVERSION_PASSES_H
