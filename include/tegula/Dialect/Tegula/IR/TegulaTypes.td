//===- TegulaTypes.td - Types of tile programs ------------*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_TEGULA_IR_TEGULATYPES_TD
#define TEGULA_DIALECT_TEGULA_IR_TEGULATYPES_TD

include "mlir/IR/AttrTypeBase.td"
include "tegula/Dialect/Tegula/IR/TegulaDialect.td"

def Tegula_SoftmaxType : TypeDef<Tegula_Dialect, "Softmax"> {
  let mnemonic = "softmax";
  let summary = "running state of a streamed softmax: maximum, sum, weighted values";
  let description = [{
    `!tegula.softmax<128x64xf32>`: for each of 128 rows the running maximum `m`
    of the natural-log weights, the running sum `l` of `exp(w - m)`, and the
    weighted sum `acc` of 64 value columns. It is opaque so that `m` may lag
    behind the true maximum. C1: the element type is f32 or f64. C2: both
    extents are at least 1.
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$cols, "::mlir::Type":$elem);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Types of the state's parts, in the order (m [rows], l [rows], acc [rows, cols]).
    ::llvm::SmallVector<::mlir::Type, 3> getPartTypes() const;
  }];
}

// A tile: static shape, rank >= 0, extents >= 1 (checked by the verifiers).
def Tegula_Elem : AnyTypeOf<[F64, F32, F16, BF16, I1, I8, I32, I64,
                             F8E4M3FN, F8E5M2]>;
def Tegula_Float : AnyTypeOf<[F64, F32, F16, BF16]>;
def Tegula_Tile : StaticShapeTensorOf<[Tegula_Elem]>;
def Tegula_FloatTile : StaticShapeTensorOf<[Tegula_Float]>;
def Tegula_FloatVector : VectorOfAnyRankOf<[F64, F32, F16, BF16]>;
def Tegula_IndexTile : StaticShapeTensorOf<[I32]>;
def Tegula_View : StridedMemRefOf<[Tegula_Elem]>;
def Tegula_Scalar : AnyTypeOf<[Tegula_Elem, Index]>;

#endif // TEGULA_DIALECT_TEGULA_IR_TEGULATYPES_TD
