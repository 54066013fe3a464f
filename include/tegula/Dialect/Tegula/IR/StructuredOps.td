//===- StructuredOps.td - Products of products ------------*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_TEGULA_IR_STRUCTUREDOPS_TD
#define TEGULA_DIALECT_TEGULA_IR_STRUCTUREDOPS_TD

include "mlir/Interfaces/SideEffectInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaAttrs.td"
include "tegula/Dialect/Tegula/IR/TegulaInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaTypes.td"

def Tegula_LowRankDotOp : Tegula_Op<"low_rank_dot", [Pure,
    DeclareOpInterfaceMethods<Tegula_DecomposableOpInterface>,
    DeclareOpInterfaceMethods<Tegula_AnchorOpInterface, ["getInnerLabels"]>]> {
  let summary = "product of three tiles, in either association";
  let description = [{
    `(x . u) . v` or `x . (u . v)`, as `association` says; a pass sets it by cost
    (`left` without one). The value in the middle is rounded to the operands'
    type: that rounding is part of the meaning. `trans` before a factor means
    that its last two axes are swapped in memory order.

    * C1: operands and result have one rank, at least 2.
    * C2: contracted extents are equal, rows are those of `x` and the result,
      columns those of `v` and the result.
    * C3: batch extents are equal to the result's, or 1 and stretched.
    * C4: operands have one float type; the result is f64 for f64, else f32.

    Inner labels: `.mid .out`.

    ```mlir
    // given %x: tensor<64x32xbf16>, %u: tensor<32x8xbf16>, %v: tensor<48x8xbf16>
    %y = tegula.low_rank_dot %x, %u, trans %v
           : tensor<64x32xbf16>, tensor<32x8xbf16>, tensor<48x8xbf16> -> tensor<64x48xf32>
    ```
  }];
  let arguments = (ins Tegula_FloatTile:$x, Tegula_FloatTile:$u, Tegula_FloatTile:$v,
                       UnitAttr:$trans_u, UnitAttr:$trans_v,
                       OptionalAttr<Tegula_AssociationAttr>:$association,
                       OptionalAttr<StrAttr>:$label);
  let results = (outs Tegula_FloatTile:$result);
  let assemblyFormat = [{
    $x `,` (`trans` $trans_u^)? $u `,` (`trans` $trans_v^)? $v (`association` $association^)?
    (`label` $label^)? attr-dict `:` type($x) `,` type($u) `,` type($v) `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// What `x . u` contracts, the rank between the factors, and the columns.
    int64_t getDepth();
    int64_t getInnerRank();
    int64_t getColumns();
  }];
}

def Tegula_ButterflyOp : Tegula_Op<"butterfly", [Pure, AttrSizedOperandSegments,
    OptionalTypesMatchWith<"im has the type of re", "re", "im", "$_self">,
    AllTypesMatch<["result_re", "result_im"]>,
    DeclareOpInterfaceMethods<Tegula_DecomposableOpInterface>,
    DeclareOpInterfaceMethods<Tegula_AnchorOpInterface, ["getInnerLabels"]>]> {
  let summary = "a Fourier transform by factors, or one with learned matrices";
  let description = [{
    Complex signals, one a row, as two real tiles (without `im` they are real).
    With factors n0, n1, ... a position is a number whose digits run over the
    factors, the first digit slowest. A stage contracts the digit with a matrix
    and multiplies by twiddles:

    ```
    stage 0     y[a, p] = exp(-2 pi i a p / (n0 w)) sum over b < rows of F[a, b] x[b, p]
    then        the other stages on y[a, ..], with w = n1 n2 ... positions p
    last stage  y[a] = sum over b of x[b] F[b, a]
    ```

    F is the matrix of the Fourier transform, orthonormal (1/sqrt(n) in each
    stage), or the factor given in `by`: two tiles [n, n] for each digit, re and
    im. So the spectrum is orthonormal and digit-reversed. `rows`: digit 0 of the
    input is below it, the rest of the signal is zero. `keep`: only so many values
    of each digit of the spectrum are computed. `inverse` goes from a spectrum to
    the signal by the conjugate matrices (those in `by` as they are) and twiddles,
    last stage first; `rows` is then what is computed, `keep` what is given. Operands of each product are
    rounded to the operands' type, twiddles and sums have the result's.

    * C1: 1 to 10 factors between 1 and 1024, with at most 2^20 positions; `keep`
      has one number per factor, between 1 and the factor; `rows` lies between 1
      and the first factor.
    * C2: the operand is [R, rows * n1 * ...], the result [R, product of keep];
      the other way around with `inverse`.
    * C3: the result is f64 for f64, else f32.
    * C4: `by` has no tile, or two of type [n, n] x the operand's for each factor.

    Inner labels: `.stage0 .stage1 ...`.

    ```mlir
    // given %re: tensor<4x512xf32>
    %r, %i = tegula.butterfly %re dft [32, 32] rows 16 keep [32, 32]
               : tensor<4x512xf32> -> tensor<4x1024xf32>
    ```
  }];
  let arguments = (ins Tegula_FloatTile:$re, Optional<Tegula_FloatTile>:$im,
                       Variadic<Tegula_FloatTile>:$by, DenseI64ArrayAttr:$dft, I64Attr:$rows,
                       DenseI64ArrayAttr:$keep, UnitAttr:$inverse, OptionalAttr<StrAttr>:$label);
  let results = (outs Tegula_FloatTile:$result_re, Tegula_FloatTile:$result_im);
  let assemblyFormat = [{
    $re (`,` $im^)? (`by` ` ` `(` $by^ `)`)? `dft` $dft `rows` $rows `keep` $keep
    (`inverse` $inverse^)? (`label` $label^)? attr-dict
    `:` type($re) (`by` ` ` `(` type($by)^ `)`)? `->` type($result_re)
  }];
  let hasVerifier = 1;
}

#endif // TEGULA_DIALECT_TEGULA_IR_STRUCTUREDOPS_TD
