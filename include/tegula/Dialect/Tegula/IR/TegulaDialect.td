//===- TegulaDialect.td - The tile level ------------------*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_TEGULA_IR_TEGULADIALECT_TD
#define TEGULA_DIALECT_TEGULA_IR_TEGULADIALECT_TD

include "mlir/IR/OpBase.td"

def Tegula_Dialect : Dialect {
  let name = "tegula";
  let cppNamespace = "::tegula";
  let summary = "Tile programs: what a kernel author writes.";
  let description = [{
    Kernels over tiles, with value semantics: views of device memory are
    `memref`s with dynamic sizes and strides, tiles are `tensor`s of static
    shape, and `arith` and `math` work on them as they are. Loads, stores and
    streams are explicit, because they are what costs. There are no memory
    spaces and no threads at this level.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
  let hasCanonicalizer = 1;
  let hasConstantMaterializer = 1;
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

class Tegula_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tegula_Dialect, mnemonic, traits>;

#endif // TEGULA_DIALECT_TEGULA_IR_TEGULADIALECT_TD
