//===- IndexedOps.td - Memory through tiles of indices -----*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_TEGULA_IR_INDEXEDOPS_TD
#define TEGULA_DIALECT_TEGULA_IR_INDEXEDOPS_TD

include "mlir/Interfaces/SideEffectInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaAttrs.td"
include "tegula/Dialect/Tegula/IR/TegulaInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaTypes.td"

def Tegula_GatherOp : Tegula_Op<"gather", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<Tegula_AnchorOpInterface>]> {
  let summary = "a tile from a view, one axis by a tile of indices";
  let description = [{
    As `tegula.load`, but along `axis` element i of the tile comes from position
    `by[i]` of the view. An index that is negative, or not below the size of the
    axis, gives `pad` (0 without one), as do the other axes out of bounds.
    Indices may repeat. A gather from an `in` view is a load: it may run ahead
    and leave a stream.

    * C1: `axis` is an axis of the view.
    * C2: one offset for each other axis of the view, in order; `upto` is absent
      or has one limit for each of them.
    * C3: the tile has the view's rank, and one element along `axis` per index.
    * C4: `pad` has the element type; view and tile agree on it.
    * C5: the view is not an `out` argument (or a subview of one).

    ```mlir
    // given %v: memref<?x?xf32>, %j: tensor<64xi32>, %c0: index, %d: index, %p: f32
    %t = tegula.gather %v[%c0] by %j axis 0 upto [%d] pad %p : f32
           : memref<?x?xf32>, tensor<64xi32> -> tensor<64x32xf32>
    ```
  }];
  let arguments = (ins Arg<Tegula_View, "source", [MemRead]>:$view, Variadic<Index>:$at,
                       Tegula_IndexVector:$by, I64Attr:$axis, Variadic<Index>:$upto,
                       Optional<Tegula_Elem>:$pad, OptionalAttr<StrAttr>:$label);
  let results = (outs Tegula_Tile:$tile);
  let assemblyFormat = [{
    $view `[` $at `]` `by` $by `axis` $axis (`upto` ` ` `[` $upto^ `]`)?
    (`pad` $pad^ `:` type($pad))? (`label` $label^)? attr-dict
    `:` type($view) `,` type($by) `->` type($tile)
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Tegula_ScatterOp : Tegula_Op<"scatter", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<Tegula_AnchorOpInterface>]> {
  let summary = "a tile into a view, one axis by a tile of indices";
  let description = [{
    The mirror of `tegula.gather`: what an index or another coordinate puts out
    of bounds is dropped. Indices that are in bounds are distinct, which the
    author promises.

    * C1: `axis` is an axis of the view.
    * C2: one offset for each other axis of the view, in order; `upto` is absent
      or has one limit for each of them.
    * C3: the tile has the view's rank, and one element along `axis` per index.
    * C4: view and tile agree on the element type.
    * C5: the view is not an `in` argument (or a subview of one).

    ```mlir
    // given %v: memref<?x?xf32>, %t: tensor<64x32xf32>, %j: tensor<64xi32>, %c0: index
    tegula.scatter %t, %v[%c0] by %j axis 0
      : tensor<64x32xf32>, memref<?x?xf32>, tensor<64xi32>
    ```
  }];
  let arguments = (ins Tegula_Tile:$tile, Arg<Tegula_View, "destination", [MemWrite]>:$view,
                       Variadic<Index>:$at, Tegula_IndexVector:$by, I64Attr:$axis,
                       Variadic<Index>:$upto, OptionalAttr<StrAttr>:$label);
  let assemblyFormat = [{
    $tile `,` $view `[` $at `]` `by` $by `axis` $axis (`upto` ` ` `[` $upto^ `]`)?
    (`label` $label^)? attr-dict `:` type($tile) `,` type($view) `,` type($by)
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

#endif // TEGULA_DIALECT_TEGULA_IR_INDEXEDOPS_TD
