//===- SchedDialect.td - The scheduled level -*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_SCHED_IR_SCHEDDIALECT_TD
#define TEGULA_DIALECT_SCHED_IR_SCHEDDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Sched_Dialect : Dialect {
  let name = "sched";
  let cppNamespace = "::tegula::sched";
  let summary = "Scheduled kernels: what a machine runs, without naming a vendor.";
  let description = [{
    Buffers placed once outside streams, copies into them, products on them, and
    `map` regions of elementwise work. Position is the schedule. This is the
    subset of SCHED.md that one CPU thread needs: one role, no channel whose
    synchronisation would cost anything.
  }];
  let dependentDialects = ["::tegula::TegulaDialect", "::mlir::memref::MemRefDialect"];
  let useDefaultTypePrinterParser = 1;
}

class Sched_Op<string mnemonic, list<Trait> traits = []> : Op<Sched_Dialect, mnemonic, traits>;

// Where a buffer lives. `local`: the L1/L2 arena of a CPU thread.
def Sched_Space : I32Enum<"Space", "where a buffer lives", [
  I32EnumCase<"local", 0>, I32EnumCase<"shared", 1>]> {
  let cppNamespace = "::tegula::sched";
}

def Sched_BufType : TypeDef<Sched_Dialect, "Buf"> {
  let mnemonic = "buf";
  let summary = "a tile in memory that a schedule manages";
  let description = [{
    `!sched.buf<128x64xbf16, local>`: rows, last axis contiguous, each row padded
    to whole vectors by the target; what the padding holds is unspecified. A
    target may hold 16-bit floats as wider, already rounded values.

    `!sched.buf<64x256xf32, local, pack n32>`: the right operand of a product,
    [K, N], in panels of 32 columns: `[N/32][K][32]`, columns beyond N are 0.
    `pack n32t`: the same storage for a tile whose axes are [N, K].

    C1: extents are at least 1. C2: packed tiles have rank 2 or more and a
    positive panel width.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elem,
                        "::tegula::sched::Space":$space,
                        "int64_t":$panel, "bool":$transposed);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [
    TypeBuilderWithInferredContext<(ins "::mlir::RankedTensorType":$tile,
        CArg<"::tegula::sched::Space", "::tegula::sched::Space::local">:$space,
        CArg<"int64_t", "0">:$panel, CArg<"bool", "false">:$transposed), [{
      return $_get(tile.getContext(), tile.getShape(), tile.getElementType(), space, panel,
                   transposed);
    }]>];
  let extraClassDeclaration = [{
    int64_t getRank() const { return getShape().size(); }
    int64_t getDimSize(int64_t axis) const { return getShape()[axis]; }
    bool isPacked() const { return getPanel() != 0; }
    /// The tile that the buffer holds.
    ::mlir::RankedTensorType getTile() const {
      return ::mlir::RankedTensorType::get(getShape(), getElem());
    }
  }];
}

#endif // TEGULA_DIALECT_SCHED_IR_SCHEDDIALECT_TD
