//===- GpuPipelines.cpp - The order of passes for GPUs -------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Pipelines/Pipelines.h"

#include "tegula/Conversion/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/LLVMIR/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace tegula;

/// Upstream ops that the conversion of a schedule leaves to the LLVM dialect.
static void buildUpstreamToLLVMPipeline(OpPassManager &pm) {
  // No canonicaliser: LLVM simplifies the same, and here it would take a quarter of the time.
  pm.addPass(createCSEPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

void tegula::buildSchedToGpuPipeline(OpPassManager &pm, const GpuInfo &gpu) {
  if (gpu.getBackend() == GpuBackend::NVPTX)
    pm.addPass(createConvertSchedToNVVMPass());
  else
    pm.addPass(createConvertSchedToROCDLPass());
  buildUpstreamToLLVMPipeline(pm);
  // The author's lines. Anything fuller than directives makes NVIDIA's assembler give
  // up optimising (research/nvidia.md, 4.4).
  LLVM::DIScopeForLLVMFuncOpPassOptions lines;
  lines.emissionKind = gpu.getBackend() == GpuBackend::NVPTX
                           ? LLVM::DIEmissionKind::DebugDirectivesOnly
                           : LLVM::DIEmissionKind::LineTablesOnly;
  pm.addPass(LLVM::createDIScopeForLLVMFuncOpPass(lines));
}
