//===- StreamOps.td - Streams over spans ------------------*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_TEGULA_IR_STREAMOPS_TD
#define TEGULA_DIALECT_TEGULA_IR_STREAMOPS_TD

include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/LoopLikeInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaAttrs.td"
include "tegula/Dialect/Tegula/IR/TegulaTypes.td"

def Tegula_StreamOp : Tegula_Op<"stream", [
    AutomaticAllocationScope, SingleBlock, RecursiveMemoryEffects,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>,
    DeclareOpInterfaceMethods<LoopLikeOpInterface,
        ["getLoopInductionVars", "getLoopLowerBounds", "getLoopUpperBounds",
         "getLoopSteps", "getInitsMutable", "getRegionIterArgs", "getYieldedValuesMutable",
         "getLoopResults"]>]> {
  let summary = "a loop over spans of an index space, with carried values";
  let description = [{
    Visits the spans starting at lo, lo + step, ... below hi; the first block
    argument is the start. `order up` (the default) visits them in that order,
    `down` last to first, `any` permits any fixed order and splitting among
    workers. Bounds may be loaded data. Where lo >= hi nothing runs and the
    results are the initial values.

    A load from an `in` view whose coordinates depend on no carried value may be
    issued ahead of its trip.

    * C1: step is positive.
    * C2: types of initial values, block arguments, yielded values and results
      agree.
    * C3: with `order any` every carried value is used in the body only to
      update it, any number of times, by one associative operation: a sum (`acc`
      of a `dot`, `addf`, `addi`), a softmax (`softmax_update`,
      `softmax_merge`), or one of `maximumf`, `minimumf`, `maxsi`, `minsi`; and
      the updated value is what is yielded.
    * C4: a `schedule` names every labelled anchor of the body (nested streams
      have their own) in exactly one row, structured ops by their inner labels,
      and nothing else but `x.put`, the second half of a load `x` that goes through
      registers into a ring. Rings hold loads, each once, by the half that fills them.
    * C5: the body ends with `tegula.yield`.

    ```mlir
    // given %v: memref<?xf32>, %lo: index, %hi: index, %a0: tensor<4xf32>
    %r = tegula.stream %k = %lo to %hi step 64 order any iter_args(%a = %a0) -> (tensor<4xf32>) {
      %t = tegula.load %v[%k] : memref<?xf32> -> tensor<4xf32>
      %s = arith.addf %a, %t : tensor<4xf32>
      tegula.yield %s : tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins Index:$lo, Index:$hi, I64Attr:$step,
                       DefaultValuedAttr<Tegula_StreamOrderAttr, "StreamOrder::up">:$order,
                       OptionalAttr<StrAttr>:$label,
                       OptionalAttr<Tegula_ScheduleAttr>:$schedule,
                       Variadic<AnyType>:$initArgs);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    /// Start of the current span.
    ::mlir::BlockArgument getPosition() { return getBody().front().getArgument(0); }
    /// Carried values inside the body.
    ::mlir::Block::BlockArgListType getCarried() {
      return getBody().front().getArguments().drop_front();
    }
    /// Terminator of the body.
    YieldOp getYield();
  }];
}

#endif // TEGULA_DIALECT_TEGULA_IR_STREAMOPS_TD
