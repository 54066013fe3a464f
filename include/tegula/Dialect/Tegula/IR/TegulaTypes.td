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

// Element types of tiles and views (LANGUAGE 1.3).
def Tegula_Elem : AnyTypeOf<[F64, F32, F16, BF16, I1, I8, I32, I64,
                             F8E4M3FN, F8E5M2]>;
def Tegula_Float : AnyTypeOf<[F64, F32, F16, BF16]>;
// What can be summed and compared; f8 is for storage and products only.
def Tegula_Number : AnyTypeOf<[F64, F32, F16, BF16, I8, I32, I64]>;

// A tile: static shape, rank >= 0, every extent >= 1, no encoding.
class Tegula_TileOf<list<Type> elems, string what>
    : Type<And<[StaticShapeTensorOf<elems>.predicate,
                CPred<"::tegula::isTileType(::llvm::cast<::mlir::RankedTensorType>($_self))">]>,
           "tile (static shape, extents of at least 1) of " # what,
           "::mlir::RankedTensorType">;
def Tegula_Tile : Tegula_TileOf<[Tegula_Elem], "f64, f32, f16, bf16, i1, i8, i32, i64 or f8">;
def Tegula_NumberTile : Tegula_TileOf<[Tegula_Number], "f64, f32, f16, bf16, i8, i32 or i64">;
def Tegula_FloatTile : Tegula_TileOf<[Tegula_Float], "f64, f32, f16 or bf16">;
def Tegula_FloatVector : VectorOfAnyRankOf<[F64, F32, F16, BF16]>;
def Tegula_IndexTile : Tegula_TileOf<[I32], "i32">;
def Tegula_IndexVector : Type<And<[Tegula_IndexTile.predicate,
    CPred<"::llvm::cast<::mlir::RankedTensorType>($_self).getRank() == 1">]>,
    "tile of i32 of rank 1", "::mlir::RankedTensorType">;
def Tegula_View : StridedMemRefOf<[Tegula_Elem]>;
def Tegula_Scalar : AnyTypeOf<[Tegula_Elem, Index]>;

#endif // TEGULA_DIALECT_TEGULA_IR_TEGULATYPES_TD
