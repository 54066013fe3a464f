//===- TegulaInterfaces.td - Interfaces of tile programs --*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_TEGULA_IR_TEGULAINTERFACES_TD
#define TEGULA_DIALECT_TEGULA_IR_TEGULAINTERFACES_TD

include "mlir/IR/OpBase.td"

def Tegula_DecomposableOpInterface : OpInterface<"DecomposableOpInterface"> {
  let cppNamespace = "::tegula";
  let description = [{
    A structured op whose meaning is written in plain tile ops. An opaque state
    travels as its parts: `operands[i]` holds the parts of operand i (one value
    where the operand is no state), and one list of parts is expected per
    result.
  }];
  let methods = [
    InterfaceMethod<[{
        Writes the op's meaning at the builder's insertion point. Policies set
        on the op are carried onto the ops that it writes. Labels of the inner
        ops are the op's label with a suffix (`st.max`, `st.exp`, ...).
      }], "::llvm::LogicalResult", "decompose",
      (ins "::mlir::OpBuilder &":$builder,
           "::llvm::ArrayRef<::mlir::ValueRange>":$operands,
           "::llvm::SmallVectorImpl<::llvm::SmallVector<::mlir::Value>> &":$results)>,
  ];
}

def Tegula_AnchorOpInterface : OpInterface<"AnchorOpInterface"> {
  let cppNamespace = "::tegula";
  let description = [{
    An op that a schedule can name: it carries an optional inherent `label`, and
    structured ops stand for several inner labels.
  }];
  let methods = [
    InterfaceMethod<"The label as written, or null.", "::mlir::StringAttr", "getAnchorLabel",
      (ins), "", "return $_op.getLabelAttr();">,
    InterfaceMethod<"Sets the label.", "void", "setAnchorLabel",
      (ins "::mlir::StringAttr":$label), "", "$_op.setLabelAttr(label);">,
    InterfaceMethod<"Suffixes of the inner labels (`.max`, ...); empty for a plain anchor.",
      "::llvm::ArrayRef<::llvm::StringRef>", "getInnerLabels", (ins), "", "return {};">,
  ];
}

// Both tegula.kernel and sched.kernel: a launch part, then a grid.
def Tegula_KernelOpInterface : OpInterface<"KernelOpInterface"> {
  let cppNamespace = "::tegula";
  let description = [{
    A kernel at any level: a symbol with typed arguments whose one block holds
    the launch part (host arithmetic and `tegula.require`) and then one
    `tegula.grid`.
  }];
  let methods = [
    InterfaceMethod<"One attribute per argument.", "::mlir::ArrayAttr", "getArgAttrs",
      (ins), "", "return $_op.getArgs();">,
    InterfaceMethod<"The block of the launch part and the grid.", "::mlir::Block *", "getKernelBlock",
      (ins), "", "return &$_op.getBody().front();">,
    InterfaceMethod<"The symbol name.", "::llvm::StringRef", "getKernelName",
      (ins), "", "return $_op.getSymName();">,
  ];
}

#endif // TEGULA_DIALECT_TEGULA_IR_TEGULAINTERFACES_TD
