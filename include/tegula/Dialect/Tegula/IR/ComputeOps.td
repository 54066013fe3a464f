//===- ComputeOps.td - Products, reductions, shapes -------*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_TEGULA_IR_COMPUTEOPS_TD
#define TEGULA_DIALECT_TEGULA_IR_COMPUTEOPS_TD

include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaAttrs.td"
include "tegula/Dialect/Tegula/IR/TegulaInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaTypes.td"

def Tegula_DotOp : Tegula_Op<"dot", [Pure,
    OptionalTypesMatchWith<"acc has the type of the result", "result", "acc", "$_self">,
    DeclareOpInterfaceMethods<Tegula_AnchorOpInterface>]> {
  let summary = "product of two tiles along their inner axes, accumulating";
  let description = [{
    `[.., M, K] . [.., K, N] + acc -> [.., M, N]`; `trans` before an operand
    means that its last two axes are swapped in memory order. Sums are formed in
    the result's type, in an order that is fixed per compiled kernel
    (reassociation is allowed inside the op).

    * C1: operands and result have one rank, at least 2.
    * C2: the contracted extents are equal, rows and columns are the result's.
    * C3: batch extents are equal to the result's, or 1 and stretched.
    * C4: both operands have one element type, a float or i8; the result is f64
      for f64, i32 for i8, else f32.
    * C5: a `precision` other than `ieee` needs f32 operands.

    ```mlir
    // given %q: tensor<128x64xbf16>, %k: tensor<64x64xbf16>, %c: tensor<128x64xf32>
    %s = tegula.dot %q, trans %k acc %c
           : tensor<128x64xbf16>, tensor<64x64xbf16> -> tensor<128x64xf32>
    ```
  }];
  let arguments = (ins Tegula_Tile:$a, Tegula_Tile:$b, Optional<Tegula_Tile>:$acc,
                       UnitAttr:$trans_a, UnitAttr:$trans_b,
                       DefaultValuedAttr<Tegula_PrecisionAttr, "Precision::ieee">:$precision,
                       OptionalAttr<StrAttr>:$label);
  let results = (outs Tegula_Tile:$result);
  let assemblyFormat = [{
    (`trans` $trans_a^)? $a `,` (`trans` $trans_b^)? $b (`acc` $acc^)?
    (`precision` `` $precision^)? (`label` $label^)? attr-dict
    `:` type($a) `,` type($b) `->` type($result)
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Tegula_ReduceOp : Tegula_Op<"reduce", [Pure,
    DeclareOpInterfaceMethods<Tegula_AnchorOpInterface>]> {
  let summary = "reduction of one axis";
  let description = [{
    The axis disappears. `add` of floats may be reassociated, in an order fixed
    per compiled kernel; `max` and `min` propagate NaN. Integers are signed.

    * C1: `axis` is an axis of the operand.
    * C2: the result has the operand's shape without that axis, and its element
      type.

    ```mlir
    // given %x: tensor<64x3xf32>
    %r = tegula.reduce add %x axis 1 : tensor<64x3xf32> -> tensor<64xf32>
    ```
  }];
  let arguments = (ins Tegula_CombineAttr:$kind, Tegula_NumberTile:$x, I64Attr:$axis,
                       OptionalAttr<StrAttr>:$label);
  let results = (outs Tegula_NumberTile:$result);
  let assemblyFormat = [{
    `` $kind $x `axis` $axis (`label` $label^)? attr-dict `:` type($x) `->` type($result)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Tegula_ArgMaxOp : Tegula_Op<"argmax", [Pure]> {
  let summary = "position of the maximum along one axis";
  let description = [{
    The smallest position of the maximum; a NaN counts as the maximum. C1:
    `axis` is an axis of the operand. C2: the result has the operand's shape
    without it, and element type i32.

    ```mlir
    // given %x: tensor<64x3xf32>
    %r = tegula.argmax %x axis 1 : tensor<64x3xf32> -> tensor<64xi32>
    ```
  }];
  let arguments = (ins Tegula_NumberTile:$x, I64Attr:$axis);
  let results = (outs Tegula_IndexTile:$result);
  let assemblyFormat = "$x `axis` $axis attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}

def Tegula_ScanOp : Tegula_Op<"scan", [Pure, AllTypesMatch<["x", "result"]>]> {
  let summary = "running combination along one axis";
  let description = [{
    Element i is the combination of elements up to i (`exclusive`: before i, the
    first being the neutral element; `reverse`: from the other end). C1: `axis`
    is an axis of the operand.

    ```mlir
    // given %x: tensor<64xf32>
    %r = tegula.scan add %x axis 0 reverse exclusive : tensor<64xf32>
    ```
  }];
  let arguments = (ins Tegula_CombineAttr:$kind, Tegula_NumberTile:$x, I64Attr:$axis,
                       UnitAttr:$reverse, UnitAttr:$exclusive);
  let results = (outs Tegula_NumberTile:$result);
  let assemblyFormat = [{
    `` $kind $x `axis` $axis (`reverse` $reverse^)? (`exclusive` $exclusive^)? attr-dict
    `:` type($x)
  }];
  let hasVerifier = 1;
}

def Tegula_BroadcastOp : Tegula_Op<"broadcast", [Pure]> {
  let summary = "stretches a tile into a larger shape";
  let description = [{
    Axis i of the operand becomes axis `dims[i]` of the result; the other axes
    are stretched, and so is an operand axis of extent 1.

    * C1: one entry of `dims` per operand axis, strictly increasing, each an
      axis of the result.
    * C2: an operand extent is 1 or the result's.
    * C3: element types agree.

    ```mlir
    // given %x: tensor<128xf32>
    %r = tegula.broadcast %x dims [0] : tensor<128xf32> -> tensor<128x64xf32>
    ```
  }];
  let arguments = (ins Tegula_Tile:$x, DenseI64ArrayAttr:$dims);
  let results = (outs Tegula_Tile:$result);
  let assemblyFormat = "$x `dims` $dims attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Tegula_TransposeOp : Tegula_Op<"transpose", [Pure]> {
  let summary = "permutes the axes of a tile";
  let description = [{
    Axis i of the result is axis `perm[i]` of the operand. C1: `perm` is a
    permutation of the operand's axes. C2: the result's extents are the permuted
    ones, and element types agree.

    ```mlir
    // given %x: tensor<4x8xf32>
    %r = tegula.transpose %x perm [1, 0] : tensor<4x8xf32> -> tensor<8x4xf32>
    ```
  }];
  let arguments = (ins Tegula_Tile:$x, DenseI64ArrayAttr:$perm);
  let results = (outs Tegula_Tile:$result);
  let assemblyFormat = "$x `perm` $perm attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Tegula_ReshapeOp : Tegula_Op<"reshape", [Pure]> {
  let summary = "the same elements, in row-major order, under another shape";
  let description = [{
    C1: as many elements on both sides, of one type.

    ```mlir
    // given %x: tensor<4x8xf32>
    %r = tegula.reshape %x : tensor<4x8xf32> -> tensor<2x2x8xf32>
    ```
  }];
  let arguments = (ins Tegula_Tile:$x);
  let results = (outs Tegula_Tile:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Tegula_ConcatOp : Tegula_Op<"concat", [Pure]> {
  let summary = "tiles one after the other along an axis";
  let description = [{
    * C1: at least one operand, all of the result's rank and element type.
    * C2: `axis` is an axis; extents along it add up to the result's, the others
      are equal.

    ```mlir
    // given %a: tensor<4x2xf32>, %b: tensor<4x6xf32>
    %r = tegula.concat axis 1 (%a, %b)
           : tensor<4x2xf32>, tensor<4x6xf32> -> tensor<4x8xf32>
    ```
  }];
  let arguments = (ins I64Attr:$axis, Variadic<Tegula_Tile>:$xs);
  let results = (outs Tegula_Tile:$result);
  let assemblyFormat = "`axis` $axis ` ` `(` $xs `)` attr-dict `:` type($xs) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Tegula_IotaOp : Tegula_Op<"iota", [Pure]> {
  let summary = "start, start + 1, ...";
  let description = [{
    C1: the result has rank 1 and element type i32 or i64. Positions below 2^31
    are the launch's promise where the result is i32.

    ```mlir
    // given %n: index
    %r = tegula.iota %n : tensor<64xi32>
    ```
  }];
  let arguments = (ins Index:$start);
  let results = (outs Tegula_Tile:$result);
  let assemblyFormat = "$start attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Tegula_Exp2Op : Tegula_Op<"exp2", [Pure, AllTypesMatch<["x", "result"]>,
    DeclareOpInterfaceMethods<Tegula_AnchorOpInterface>]> {
  let summary = "2 to the power of each element, with a policy";
  let description = [{
    What a pass makes of `math.exp2` and `math.exp` when it has decided which
    unit computes them: `hw` the special-function unit, `poly` a polynomial on
    the FMA units, `mix` both, in the share that the target's table says (none to the
    polynomial where these units have nothing to spare in a softmax). exp2(-inf) is exactly 0; NaN gives NaN.
    C1: `degree` is between 3 and 7; without one the lowering chooses by element
    type.

    ```mlir
    // given %x: tensor<64xf32>
    %r = tegula.exp2 %x policy <poly> degree 4 : tensor<64xf32>
    ```
  }];
  let arguments = (ins AnyTypeOf<[Tegula_FloatTile, Tegula_Float, Tegula_FloatVector]>:$x,
                       DefaultValuedAttr<Tegula_ExpPolicyAttr, "ExpPolicy::poly">:$policy,
                       OptionalAttr<I64Attr>:$degree, OptionalAttr<StrAttr>:$label);
  let results = (outs AnyTypeOf<[Tegula_FloatTile, Tegula_Float, Tegula_FloatVector]>:$result);
  let assemblyFormat = [{
    $x (`policy` $policy^)? (`degree` $degree^)? (`label` $label^)? attr-dict `:` type($x)
  }];
  let hasVerifier = 1;
}

#endif // TEGULA_DIALECT_TEGULA_IR_COMPUTEOPS_TD
