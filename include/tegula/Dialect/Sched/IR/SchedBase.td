//===- SchedBase.td - What the op definitions share -------*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_SCHED_IR_SCHEDBASE_TD
#define TEGULA_DIALECT_SCHED_IR_SCHEDBASE_TD

include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "tegula/Dialect/Sched/IR/SchedTypes.td"
include "tegula/Dialect/Tegula/IR/TegulaAttrs.td"
include "tegula/Dialect/Tegula/IR/TegulaInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaTypes.td"

class Sched_Op<string mnemonic, list<Trait> traits = []> : Op<Sched_Dialect, mnemonic, traits>;

// An op whose results keep the names that the text gave them, in `ssa_name` (one,
// for the first result): diagnostics of schedules name buffers, channels, slots and
// products as their author does. Printed as the name of the result and nowhere else.
class Sched_NamedOp<string mnemonic, list<Trait> traits = []>
    : Sched_Op<mnemonic, !listconcat(traits,
        [DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>])> {
  code extraNamedDefinition = [{
    void $cppClass::getAsmResultNames(::mlir::OpAsmSetValueNameFn setName) {
      ::tegula::sched::nameResults(*this, getSsaNameAttr(), setName);
    }
  }];
  let extraClassDefinition = extraNamedDefinition;
}

def Sched_BufOrView : AnyTypeOf<[Tegula_View, Sched_BufType]>;
def Sched_BufOrFrag : AnyTypeOf<[Sched_BufType, Sched_FragType]>;
def Sched_FragOrFlight : AnyTypeOf<[Sched_FragType, Sched_FlightType]>;
def Sched_MapOperand : AnyTypeOf<[Tegula_Tile, Sched_BufType, Sched_FragType]>;
def Sched_MapResult : AnyTypeOf<[Tegula_Tile, Sched_FragType]>;

#endif // TEGULA_DIALECT_SCHED_IR_SCHEDBASE_TD
