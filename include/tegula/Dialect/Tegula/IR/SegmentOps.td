//===- SegmentOps.td - Segments of a sorted index space ----*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_TEGULA_IR_SEGMENTOPS_TD
#define TEGULA_DIALECT_TEGULA_IR_SEGMENTOPS_TD

include "mlir/Interfaces/SideEffectInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaAttrs.td"
include "tegula/Dialect/Tegula/IR/TegulaInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaTypes.td"

def Tegula_SegmentIdsOp : Tegula_Op<"segment_ids", [Pure,
    DeclareOpInterfaceMethods<Tegula_DecomposableOpInterface>]> {
  let summary = "the segment that each position of a span lies in";
  let description = [{
    Position p = start + i lies in segment `#{r : ends[r] <= p}`: segments follow
    each other, and `ends[r]` is the first position behind segment r. The result
    is the number of segments where p lies behind them all. Ends ascend; a
    segment may be empty. Positions below 2^31 are the launch's promise. C1: ends
    and result have rank 1 and hold i32.

    ```mlir
    // given %ends: tensor<4xi32>, %e: index
    %s = tegula.segment_ids %ends, %e : tensor<4xi32> -> tensor<64xi32>
    ```
  }];
  let arguments = (ins Tegula_IndexVector:$ends, Index:$start);
  let results = (outs Tegula_IndexVector:$result);
  let assemblyFormat = "$ends `,` $start attr-dict `:` type($ends) `->` type($result)";
}

def Tegula_SegmentSumOp : Tegula_Op<"segment_sum", [Pure,
    AllTypesMatch<["acc", "result"]>, DeclareOpInterfaceMethods<Tegula_AnchorOpInterface>]> {
  let summary = "adds each row of a tile to the row of its segment, in order";
  let description = [{
    The result begins as `acc`; then, for e = 0, 1, ... in this order,
    `result[by[e]] += x[e]`, each addition rounded to the element type. Ids
    outside [0, rows of acc) are ignored. The order of additions is that of the
    elements, so the bits do not depend on how they are cut into tiles. There is
    no decomposition into plain tile ops: a product with a one-hot matrix would
    add in another order, and let the NaN of one row into all.

    * C1: `x` and `acc` have one rank, at least 1, and equal extents but the first.
    * C2: `by` has one id per row of `x`.
    * C3: `x` and `acc` have one element type.

    ```mlir
    // given %x: tensor<64x128xf32>, %seg: tensor<64xi32>, %a: tensor<4x128xf32>
    %r = tegula.segment_sum %x by %seg acc %a
           : tensor<64x128xf32>, tensor<64xi32>, tensor<4x128xf32>
    ```
  }];
  let arguments = (ins Tegula_NumberTile:$x, Tegula_IndexVector:$by, Tegula_NumberTile:$acc,
                       OptionalAttr<StrAttr>:$label);
  let results = (outs Tegula_NumberTile:$result);
  let assemblyFormat = [{
    $x `by` $by `acc` $acc (`label` $label^)? attr-dict
    `:` type($x) `,` type($by) `,` type($acc)
  }];
  let hasVerifier = 1;
}

#endif // TEGULA_DIALECT_TEGULA_IR_SEGMENTOPS_TD
