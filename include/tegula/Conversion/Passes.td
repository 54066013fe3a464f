//===- Passes.td - Passes that change the dialect mix -----*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_CONVERSION_PASSES_TD
#define TEGULA_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertKernelToFuncPass : Pass<"convert-kernel-to-func", "::mlir::ModuleOp"> {
  let summary = "kernels into functions of the host ABI";
  let description = [{
    Each kernel becomes `NAME.bind` (the launch part), `NAME.run` (a span of
    instances) and the private `NAME.instance` (the grid's body), as
    `tegula/Runtime/HostABI.h` says, and leaves a `tegula.entry` with what a
    launcher must know. Views are rebuilt from the argument block as LLVM
    descriptors behind `unrealized_conversion_cast`. A `tegula.check` becomes a
    `cf.assert`, which `convert-assert-to-exit` turns into a return.

    **Requires** kernels whose bodies hold upstream ops and `tegula.check` only.
    **Guarantees** no kernel is left; one entry per kernel. **Fails when** a
    grid's body holds an op of the tile or scheduled level, or a scalar argument
    has a type that the argument block cannot hold.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
                           "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect"];
}

def ConvertAssertToExitPass : Pass<"convert-assert-to-exit", "::mlir::ModuleOp"> {
  let summary = "failed checks of an instance into a return of their number";
  let description = [{
    In the instance function of each `tegula.entry`, a `cf.assert` becomes a
    branch to a return of the number (from 1) of its message among the entry's
    checks. A message that occurs at several places is told apart by its
    location. Upstream's own lowering of `cf.assert` would end the process.

    **Requires** functions made by `convert-kernel-to-func`, in unstructured
    control flow. **Guarantees** no assertion is left in them. **Fails when** an
    assertion is not among the entry's checks, or still stands inside a
    structured op, where no branch can leave it.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
                           "::mlir::func::FuncDialect"];
}

#endif // TEGULA_CONVERSION_PASSES_TD
