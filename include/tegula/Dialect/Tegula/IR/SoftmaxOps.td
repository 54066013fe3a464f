//===- SoftmaxOps.td - The running softmax ----------------*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_TEGULA_IR_SOFTMAXOPS_TD
#define TEGULA_DIALECT_TEGULA_IR_SOFTMAXOPS_TD

include "mlir/Interfaces/SideEffectInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaAttrs.td"
include "tegula/Dialect/Tegula/IR/TegulaInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaTypes.td"

class Tegula_SoftmaxOp<string mnemonic, list<Trait> traits = []>
    : Tegula_Op<mnemonic, !listconcat([Pure,
        DeclareOpInterfaceMethods<Tegula_DecomposableOpInterface>], traits)>;

def Tegula_SoftmaxInitOp : Tegula_SoftmaxOp<"softmax_init"> {
  let summary = "the empty softmax: no key seen yet";
  let description = [{
    m = -inf, l = 0, acc = 0: the unit of `softmax_merge`. C1: the result is a
    softmax state.

    ```mlir
    %s = tegula.softmax_init : !tegula.softmax<128x64xf32>
    ```
  }];
  let results = (outs Tegula_SoftmaxType:$state);
  let assemblyFormat = "attr-dict `:` qualified(type($state))";
}

def Tegula_SoftmaxUpdateOp : Tegula_SoftmaxOp<"softmax_update", [
    AttrSizedOperandSegments, AllTypesMatch<["state", "result"]>,
    DeclareOpInterfaceMethods<Tegula_AnchorOpInterface, ["getInnerLabels"]>]> {
  let summary = "takes in one tile of log-weights and values";
  let description = [{
    w = scale * x are natural-log weights; m' = max(m, rowmax w), a = exp(m - m'),
    p = exp(w - m') * mult, l' = a l + rowsum p, acc' = a acc + p.to(v) . v
    (Milakov and Gimelshein 2018; Dao et al. 2022, algorithm 1). A row of -inf
    changes nothing; NaN stays NaN. l sums p before it is rounded to v's type.
    Reassociation is allowed inside the op.

    With `lag` t, m' may stay at m where it would grow by at most t powers of two:
    a is then 1, l and acc need no rescaling, and weights reach 2^t
    (arXiv 2603.05451, section 3.1.4). `softmax_finish` gives the same up to
    rounding, since l and acc share m'.

    * C1: x is [rows, N] of the state's element type; v is [N, cols].
    * C2: `scale` is a scalar of the state's element type, greater than 0; 1 if absent.
    * C3: `mult` has x's type.
    * C4: v's element type is f32, f16 or bf16 for an f32 state, f64 for an f64 one.
    * C5: `lag` is not negative, and less than log2 of the largest number of v's type.

    Inner labels: `.max .exp .sum .dot`.

    ```mlir
    // given %s0: !tegula.softmax<128x64xf32>, %x: tensor<128x32xf32>, %v: tensor<32x64xbf16>, %c: f32
    %s1 = tegula.softmax_update %s0, %x, %v scale %c : f32
            : !tegula.softmax<128x64xf32>, tensor<128x32xf32>, tensor<32x64xbf16>
    ```
  }];
  let arguments = (ins Tegula_SoftmaxType:$state, Tegula_FloatTile:$x, Tegula_FloatTile:$v,
                       Optional<AnyTypeOf<[F32, F64]>>:$scale, Optional<Tegula_FloatTile>:$mult,
                       OptionalAttr<Tegula_ExpPolicyAttr>:$policy, OptionalAttr<F32Attr>:$lag,
                       OptionalAttr<StrAttr>:$label);
  let results = (outs Tegula_SoftmaxType:$result);
  let hasFolder = 1;
  let hasCanonicalizer = 1;
  let assemblyFormat = [{
    $state `,` $x `,` $v (`scale` $scale^ `:` type($scale))? (`mult` $mult^ `:` type($mult))?
    (`policy` $policy^)? (`lag` $lag^)? (`label` $label^)? attr-dict
    `:` qualified(type($state)) `,` type($x) `,` type($v)
  }];
  let hasVerifier = 1;
}

def Tegula_SoftmaxMergeOp : Tegula_SoftmaxOp<"softmax_merge", [
    SameOperandsAndResultType]> {
  let summary = "the softmax over the keys of both states";
  let description = [{
    Associative, with `softmax_init` as unit. C1: operands and result have one
    type.

    ```mlir
    // given %a: !tegula.softmax<128x64xf32>, %b: !tegula.softmax<128x64xf32>
    %s = tegula.softmax_merge %a, %b : !tegula.softmax<128x64xf32>
    ```
  }];
  let arguments = (ins Tegula_SoftmaxType:$a, Tegula_SoftmaxType:$b,
                       OptionalAttr<Tegula_ExpPolicyAttr>:$policy);
  let results = (outs Tegula_SoftmaxType:$result);
  let assemblyFormat = [{
    $a `,` $b (`policy` $policy^)? attr-dict `:` qualified(type($result))
  }];
  let hasFolder = 1;
}

def Tegula_SoftmaxStateOp : Tegula_SoftmaxOp<"softmax_state"> {
  let summary = "a state from its parts";
  let description = [{
    C1: m and l are [rows], acc is [rows, cols], all of the state's element type.

    ```mlir
    // given %m: tensor<128xf32>, %l: tensor<128xf32>, %acc: tensor<128x64xf32>
    %s = tegula.softmax_state %m, %l, %acc : !tegula.softmax<128x64xf32>
    ```
  }];
  let arguments = (ins Tegula_FloatTile:$m, Tegula_FloatTile:$l, Tegula_FloatTile:$acc);
  let results = (outs Tegula_SoftmaxType:$state);
  let hasFolder = 1;
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Tegula_SoftmaxPartsOp : Tegula_SoftmaxOp<"softmax_parts"> {
  let summary = "the parts of a state, with the exact maximum";
  let description = [{
    No update that the state may come from has a `lag`.

    C1: results are m [rows], l [rows], acc [rows, cols] of the state's element
    type.

    ```mlir
    // given %s: !tegula.softmax<128x64xf32>
    %m, %l, %acc = tegula.softmax_parts %s : !tegula.softmax<128x64xf32>
    ```
  }];
  let arguments = (ins Tegula_SoftmaxType:$state);
  let results = (outs Tegula_FloatTile:$m, Tegula_FloatTile:$l, Tegula_FloatTile:$acc);
  let hasFolder = 1;
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Tegula_SoftmaxFinishOp : Tegula_SoftmaxOp<"softmax_finish"> {
  let summary = "weighted mean of the values, and log of the sum of weights";
  let description = [{
    out = acc / l and lse = m + ln l; where l is 0: 0 and -inf.

    * C1: out is [rows, cols], lse is [rows], both of the state's element type.

    ```mlir
    // given %s: !tegula.softmax<128x64xf32>
    %o, %l = tegula.softmax_finish %s
               : !tegula.softmax<128x64xf32> -> tensor<128x64xf32>, tensor<128xf32>
    ```
  }];
  let arguments = (ins Tegula_SoftmaxType:$state);
  let results = (outs Tegula_FloatTile:$out, Tegula_FloatTile:$lse);
  let assemblyFormat = "$state attr-dict `:` qualified(type($state)) `->` type($out) `,` type($lse)";
  let hasVerifier = 1;
}

#endif // TEGULA_DIALECT_TEGULA_IR_SOFTMAXOPS_TD
