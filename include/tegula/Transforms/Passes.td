//===----------------------------------------------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TRANSFORMS_PASSES_TD
#define TEGULA_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def TegulaDecomposePass : Pass<"tegula-decompose"> {
  let summary = "rewrites structured ops into plain tile ops";
  let description = [{
    Every op with the `DecomposableOpInterface` is replaced by its meaning. An
    opaque softmax state becomes its parts (m, l, acc), also where it is carried
    by a stream or merged by an `scf.if`. Policies are carried over, inner ops
    get the labels `st.max`, `st.exp`, ...

    **Requires** verified tile programs. **Guarantees** no structured op and no
    opaque state is left. **Fails when** an opaque state reaches an op that knows
    nothing of it.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // TEGULA_TRANSFORMS_PASSES_TD
