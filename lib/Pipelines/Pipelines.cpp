//===- Pipelines.cpp - The order of passes -----------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Pipelines/Pipelines.h"

#include "tegula/Conversion/Passes.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Target/GpuInfo.h"
#include "tegula/Target/TargetInfo.h"
#include "tegula/Transforms/Passes.h"

#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/IR/ValueBoundsOpInterfaceImpl.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/ROCDL/ROCDLToLLVMIRTranslation.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace tegula;

void tegula::registerCompilerDialects(DialectRegistry &registry) {
  registry.insert<TegulaDialect, sched::SchedDialect, affine::AffineDialect, arith::ArithDialect,
                  cf::ControlFlowDialect, DLTIDialect, func::FuncDialect, index::IndexDialect,
                  LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect,
                  NVVM::NVVMDialect, ROCDL::ROCDLDialect, scf::SCFDialect, tensor::TensorDialect, ub::UBDialect, vector::VectorDialect,
                  x86vector::X86VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
  registerROCDLDialectTranslation(registry);
}

std::string SchedOptions::findFault() const {
  if (!expPolicy.empty() && !symbolizeExpPolicy(expPolicy))
    return "unknown exp policy '" + expPolicy + "': expected poly, hw or mix";
  if (!(rescaleAbove >= 0))
    return "the threshold of rescaling is negative: " + std::to_string(rescaleAbove);
  return "";
}

void tegula::buildTilePipeline(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void tegula::buildTileToLoopsPipeline(OpPassManager &pm) {
  // Structured ops keep their own plain lowering here: this path is an oracle for
  // their decompositions too.
  pm.addPass(createTegulaToLoopsPass());
  // The C library, whose functions stand in for ours here, has no rsqrt.
  math::MathExpandOpsPassOptions rsqrt;
  SmallVector<std::string, 1> ops = {"rsqrt"};
  rsqrt.opMnemonics = ops;
  pm.addPass(math::createMathExpandOpsPass(rsqrt));
}

void tegula::buildTileToSchedPipeline(OpPassManager &pm, StringRef target,
                                      const SchedOptions &options) {
  bool hasWarps = isa_and_nonnull<const GpuInfo *>(lookupTarget(target));
  // Streams split on what is linear in their position, which decomposition hides. Where
  // masks are arithmetic on registers, one loop is worth more than three: what runs ahead
  // crosses no seam.
  if (!hasWarps)
    pm.addPass(createSplitStreamsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createHoistLoadsPass());
  // Policies are set on structured ops and carried onto what these are made of.
  SetExpPolicyPassOptions exponentials;
  exponentials.policy = symbolizeExpPolicy(options.expPolicy)
                            .value_or(hasWarps ? ExpPolicy::hw : ExpPolicy::poly);
  pm.addPass(createSetExpPolicyPass(exponentials));
  if (options.rescaleAbove != 0)
    pm.addPass(createSetRescalingPass({options.rescaleAbove}));
  pm.addPass(createSetAssociationPass());
  pm.addPass(createTegulaDecomposePass());
  if (hasWarps)
    pm.addPass(createFlattenProductsPass());
  pm.addPass(createComputeBeforeBroadcastPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  // Parts of structured ops may be invariant where the whole is not.
  pm.addPass(createHoistLoadsPass());
  SchedPlanPassOptions plan;
  plan.target = target.str();
  plan.print = options.printSchedule;
  plan.remarks = options.remarks;
  pm.addPass(createSchedPlanPass(plan));
  if (hasWarps)
    return buildRoleMaterializationPipeline(pm, target);
  pm.addPass(createSchedOrderAnchorsPass());
  pm.addPass(createSchedFormMapsPass());
  SchedMaterializePassOptions materialize;
  materialize.target = target.str();
  pm.addPass(createSchedMaterializePass(materialize));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void tegula::buildSchedToLoopsPipeline(OpPassManager &pm, const CpuTarget &target) {
  pm.addPass(createSchedAssignArenaPass());
  pm.addPass(createConvertSchedToX86Pass());
  // Before elementary functions multiply the ops: equal splats and constants are
  // one value, and tile constants that nothing reads any more are gone.
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createExpandVectorMathPass());
}

namespace {

/// math.log1p, math.expm1  ->  calls of the C library
///
/// Upstream's way to LLVM is log(1 + x) and exp(x) - 1, which are what these functions are
/// there to avoid: at 1e-10 nothing is left of x.
struct CallNearZero : PassWrapper<CallNearZero, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CallNearZero)

  StringRef getArgument() const final { return "call-near-zero"; }
  StringRef getDescription() const final { return "log1p and expm1 as calls of the C library"; }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<func::FuncDialect, vector::VectorDialect>();
  }

  void runOnOperation() override {
    ConversionTarget target(getContext());
    target.addIllegalOp<math::Log1pOp, math::ExpM1Op>();
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    RewritePatternSet patterns(&getContext());
    populateMathToLibmConversionPatterns(patterns);
    if (failed(applyPartialConversion(getOperation(), target, std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

void tegula::buildLoopsToLLVMPipeline(OpPassManager &pm, bool callsLibm) {
  pm.addPass(createConvertProgramToFuncPass());
  pm.addPass(createConvertKernelToFuncPass());
  // While loops are still loops: what does not change in them moves out.
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  // Vector transfers of more than one axis become loops, so this comes before loops go.
  pm.addPass(createConvertVectorToSCFPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  // A failed check leaves the instance by a branch, so loops must be gone, and
  // upstream's lowering of assertions, which ends the process, must not see any.
  pm.addPass(createConvertAssertToExitPass());
  // bf16 is rounded in integer arithmetic: the CPU's own conversion flushes
  // denormals, and without one LLVM calls the compiler's runtime library.
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = true;
  pm.addPass(arith::createArithExpandOpsPass(expand));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  // Now that kernels are functions with names of their own, `exp` is the C library's.
  if (callsLibm)
    pm.addPass(createConvertMathToLibmPass());
  pm.addPass(std::make_unique<CallNearZero>());
  pm.addPass(createConvertMathToLLVMPass());
  // What has no intrinsic, such as erf, calls the C library.
  pm.addPass(createConvertMathToLibmPass());
  ConvertVectorToLLVMPassOptions vectors;
  vectors.x86Vector = true;
  pm.addPass(createConvertVectorToLLVMPass(vectors));
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  // `ub.poison` appears in the lowering of vector contractions.
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

void tegula::registerPipelines() {
  PassRegistration<CallNearZero>();
  PassPipelineRegistration<>("tegula-loops-to-llvm",
                             "kernels whose bodies are upstream ops to the LLVM dialect",
                             [](OpPassManager &pm) { buildLoopsToLLVMPipeline(pm, false); });
}
