//===- MemoryOps.td - Loads and stores of tiles -----------*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_TEGULA_IR_MEMORYOPS_TD
#define TEGULA_DIALECT_TEGULA_IR_MEMORYOPS_TD

include "mlir/Interfaces/SideEffectInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaAttrs.td"
include "tegula/Dialect/Tegula/IR/TegulaInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaTypes.td"

def Tegula_LoadOp : Tegula_Op<"load", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<Tegula_AnchorOpInterface>]> {
  let summary = "a tile from a view, with bounds and a pad value";
  let description = [{
    Element (i0, i1, ...) of the tile is `view[at0 + i0, at1 + i1, ...]` where
    every coordinate c of axis a satisfies 0 <= c < min(size of axis a, upto[a]);
    elsewhere it is `pad` (0 without one). Nothing outside those bounds is read.

    * C1: as many offsets as the view's rank, which is the tile's rank.
    * C2: `upto` is absent or has one limit per axis.
    * C3: `pad` has the element type; view and tile agree on it.
    * C4: the view is not an `out` argument (or a subview of one).

    ```mlir
    // given %v: memref<?x?xf32>, %m: index, %c0: index, %hi: index, %d: index, %p: f32
    %t = tegula.load %v[%m, %c0] upto [%hi, %d] pad %p : f32
           : memref<?x?xf32> -> tensor<64x32xf32>
    ```
  }];
  let arguments = (ins Arg<Tegula_View, "source", [MemRead]>:$view, Variadic<Index>:$at,
                       Variadic<Index>:$upto, Optional<Tegula_Elem>:$pad,
                       OptionalAttr<StrAttr>:$label);
  let results = (outs Tegula_Tile:$tile);
  let assemblyFormat = [{
    $view `[` $at `]` (`upto` ` ` `[` $upto^ `]`)? (`pad` $pad^ `:` type($pad))?
    (`label` $label^)? attr-dict `:` type($view) `->` type($tile)
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Tegula_StoreOp : Tegula_Op<"store", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<Tegula_AnchorOpInterface>]> {
  let summary = "a tile into a view; what is out of bounds is dropped";
  let description = [{
    The mirror of `tegula.load`: elements whose coordinates are out of bounds
    are dropped, the bytes they would have hit are not touched.

    * C1: as many offsets as the view's rank, which is the tile's rank.
    * C2: `upto` is absent or has one limit per axis.
    * C3: view and tile agree on the element type.
    * C4: the view is not an `in` argument (or a subview of one).

    ```mlir
    // given %v: memref<?x?xf32>, %t: tensor<64x32xf32>, %m: index, %c0: index
    tegula.store %t, %v[%m, %c0] : tensor<64x32xf32>, memref<?x?xf32>
    ```
  }];
  let arguments = (ins Tegula_Tile:$tile, Arg<Tegula_View, "destination", [MemWrite]>:$view,
                       Variadic<Index>:$at, Variadic<Index>:$upto,
                       OptionalAttr<StrAttr>:$label);
  let assemblyFormat = [{
    $tile `,` $view `[` $at `]` (`upto` ` ` `[` $upto^ `]`)? (`label` $label^)?
    attr-dict `:` type($tile) `,` type($view)
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Tegula_ReduceStoreOp : Tegula_Op<"reduce_store", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<Tegula_AnchorOpInterface>]> {
  let summary = "combines a tile with what a view holds";
  let description = [{
    `view[at + i] = kind(view[at + i], tile[i])` for what is in bounds, as for
    `tegula.store`; several instances of the grid may do so to one element. `how`
    says in which order: `ordered` by ascending instance (the last axis of the
    grid fastest), repeatable; `atomic` in any order, which cannot be seen for
    integers and for `max` and `min`, but makes a sum of floats depend on the run;
    `two_pass` in a fixed order of the target's choice, as partial sums have it
    (a CPU takes the order of instances). An instance reads nothing of the view
    otherwise. `max` and `min` propagate NaN.

    * C1: as many offsets as the view's rank, which is the tile's rank.
    * C2: `upto` is absent or has one limit per axis.
    * C3: view and tile agree on the element type: f64, f32, i64 or i32.
    * C4: the view is an `inout` argument (or a subview of one).
    * C5: no `atomic` sum of floats in a kernel with the attribute
      `tegula.repeatable`, which promises equal bits for equal inputs.

    ```mlir
    // given %v: memref<?x?xf32>, %t: tensor<64x32xf32>, %m: index, %c0: index
    tegula.reduce_store add ordered %t, %v[%m, %c0] : tensor<64x32xf32>, memref<?x?xf32>
    ```
  }];
  let arguments = (ins Tegula_CombineAttr:$kind, Tegula_ReduceHowAttr:$how, Tegula_NumberTile:$tile,
                       Arg<Tegula_View, "destination", [MemRead, MemWrite]>:$view,
                       Variadic<Index>:$at, Variadic<Index>:$upto,
                       OptionalAttr<StrAttr>:$label);
  let assemblyFormat = [{
    $kind $how $tile `,` $view `[` $at `]` (`upto` ` ` `[` $upto^ `]`)? (`label` $label^)?
    attr-dict `:` type($tile) `,` type($view)
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

#endif // TEGULA_DIALECT_TEGULA_IR_MEMORYOPS_TD
