//===- SchedTypes.td - Types of scheduled kernels ---------*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_SCHED_IR_SCHEDTYPES_TD
#define TEGULA_DIALECT_SCHED_IR_SCHEDTYPES_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "tegula/Dialect/Sched/IR/SchedDialect.td"

class Sched_Enum<string name, string summary, list<I32EnumCase> cases>
    : I32Enum<name, summary, cases> {
  let cppNamespace = "::tegula::sched";
}
class Sched_EnumAttr<EnumInfo info, string mnemonic> : EnumAttr<Sched_Dialect, info, mnemonic>;

// Where a buffer lives. `local`: the L1/L2 arena of a CPU thread.
def Sched_Space : Sched_Enum<"Space", "where a buffer lives", [
  I32EnumCase<"local", 0>, I32EnumCase<"shared", 1>]>;

// Who learns how that a slot is full.
def Sched_Completion : Sched_Enum<"Completion", "who learns how that a slot is full", [
  I32EnumCase<"sync", 0>, I32EnumCase<"fifo", 1>, I32EnumCase<"arrive", 2>,
  I32EnumCase<"tx", 3>]>;
def Sched_CompletionAttr : Sched_EnumAttr<Sched_Completion, "completion">;

def Sched_Engine : Sched_Enum<"Engine", "what moves the bytes of a copy", [
  I32EnumCase<"bulk", 0>, I32EnumCase<"async", 1>, I32EnumCase<"direct", 2>,
  I32EnumCase<"pack", 3>]>;
def Sched_EngineAttr : Sched_EnumAttr<Sched_Engine, "engine">;

def Sched_SlotMode : Sched_Enum<"SlotMode", "what a slot may be used for", [
  I32EnumCase<"acquired", 0>, I32EnumCase<"waited", 1>]>;

def Sched_Members : Sched_Enum<"Members", "how the threads of a role work together", [
  I32EnumCase<"warps", 0>, I32EnumCase<"groups", 1>]>;
def Sched_MembersAttr : Sched_EnumAttr<Sched_Members, "members">;

def Sched_Conversion : Sched_Enum<"Conversion", "what a change of layout costs", [
  I32EnumCase<"free", 0>, I32EnumCase<"shuffle", 1>, I32EnumCase<"shared", 2>]>;
def Sched_ConversionAttr : Sched_EnumAttr<Sched_Conversion, "conversion">;

class Sched_Attr<string name, string attrMnemonic> : AttrDef<Sched_Dialect, name> {
  let mnemonic = attrMnemonic;
}
class Sched_Type<string name, string typeMnemonic> : TypeDef<Sched_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Sched_LayoutAttr : Sched_Attr<"Layout", "layout"> {
  let summary = "which lane, register and warp holds which element of a fragment";
  let description = [{
    Atom x repetition x warps (`tegula::layout`, Layout.h). The atom is a row of the
    table of atoms, a linear map over bits from (lane, register, warp) to (row,
    column); `"mfma32.D^T"` is a transposed one. `[2, 16]` repeats whole atoms along
    both axes, in registers; `warps [4, 1]` deals blocks of that out over the warps
    of a role, row-major, or `by [x, y]` strides; what is missing replicates.

    * C1: repetitions, warps and strides are at least 1, and not absurd.
    * C2: the atom is a name of the table.

    ```mlir
    #sched.layout<m16n8k16.D [2, 16] warps [4, 1]>
    ```
  }];
  let parameters = (ins "::mlir::StringAttr":$atom, ArrayRefParameter<"int64_t">:$repetition,
                        ArrayRefParameter<"int64_t">:$warps,
                        ArrayRefParameter<"int64_t">:$strides);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [AttrBuilder<(ins "const ::tegula::layout::Layout &":$layout), [{
    return $_get($_ctxt, ::mlir::StringAttr::get($_ctxt, layout.getAtom().name),
                 layout.getRepetition(), layout.getWarpCounts(), layout.getWarpStrides());
  }]>];
  let extraClassDeclaration = [{
    /// The layout of a tile of these extents; fails where it does not cover them.
    ::llvm::Expected<::tegula::layout::Layout> getLayout(::tegula::layout::Extents tile) const;
    /// What atom x repetition x warps covers.
    ::tegula::layout::Extents getCovered() const;
  }];
}

def Sched_BufType : Sched_Type<"Buf", "buf"> {
  let summary = "a tile in memory that a schedule manages";
  let description = [{
    `!sched.buf<128x64xbf16, local>`: rows, last axis contiguous, each row padded
    to whole vectors by the target; what the padding holds is unspecified. A
    target may hold 16-bit floats as wider, already rounded values.

    `!sched.buf<3 x 128x64xbf16, shared, swz 128>`: three stages of that tile, the
    buffer of a ring. `swz 128` permutes the 16-byte pieces within 128 bytes of a
    row; `swz auto` leaves the permutation to the target's bank table.

    `!sched.buf<64x256xf32, local, pack n32>`: the right operand of a product,
    [K, N], in panels of 32 columns: `[N/32][K][32]`, columns beyond N are 0.
    `pack n32t`: the same storage for a tile whose axes are [N, K].

    C1: extents are at least 1. C2: packed tiles have rank 2 or more and a
    positive panel width. C3: at least one stage. C4: a swizzle spans 32, 64 or
    128 bytes, of a tile of rank 2 or more, and excludes packing.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elem,
                        "::tegula::sched::Space":$space,
                        "int64_t":$panel, "bool":$transposed,
                        "int64_t":$stages, "int64_t":$swizzle);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [
    TypeBuilderWithInferredContext<(ins "::mlir::RankedTensorType":$tile,
        CArg<"::tegula::sched::Space", "::tegula::sched::Space::local">:$space,
        CArg<"int64_t", "0">:$panel, CArg<"bool", "false">:$transposed,
        CArg<"int64_t", "1">:$stages, CArg<"int64_t", "0">:$swizzle), [{
      return $_get(tile.getContext(), tile.getShape(), tile.getElementType(), space, panel,
                   transposed, stages, swizzle);
    }]>];
  let extraClassDeclaration = [{
    /// `swz auto`: the permutation is left to the target.
    static constexpr int64_t autoSwizzle = -1;

    int64_t getRank() const { return getShape().size(); }
    int64_t getDimSize(int64_t axis) const { return getShape()[axis]; }
    bool isPacked() const { return getPanel() != 0; }
    bool isSwizzled() const { return getSwizzle() != 0; }
    /// The tile that one stage holds.
    ::mlir::RankedTensorType getTile() const {
      return ::mlir::RankedTensorType::get(getShape(), getElem());
    }
    /// One stage of the buffer: what a slot holds.
    BufType getStage() const;
    /// The same storage for a tile of another shape.
    BufType withShape(::llvm::ArrayRef<int64_t> shape) const;
  }];
}

def Sched_ChanType : Sched_Type<"Chan", "chan"> {
  let summary = "a ring over one or more buffers of equal stages";
  let description = [{
    `!sched.chan<fifo, !sched.buf<3 x 128x64xbf16, shared, swz 128>>`: its kind of
    completion, then its buffers. C1: at least one buffer. C2: equal stages.
  }];
  let parameters = (ins EnumParameter<Sched_Completion>:$kind,
                        ArrayRefParameter<"BufType">:$buffers);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Slots of the ring.
    int64_t getDepth() const { return getBuffers().front().getStages(); }
  }];
}

def Sched_SlotType : Sched_Type<"Slot", "slot"> {
  let summary = "one generation of a ring";
  let description = [{
    `!sched.slot<acquired, C>` may be written, `!sched.slot<waited, C>` read; C is
    the channel's type. Linear: opened by `acquire` or `wait`, closed by `commit`
    or `release`, carried over a back edge only as a loop value.
  }];
  let parameters = (ins EnumParameter<Sched_SlotMode>:$mode, "ChanType":$chan);
  let assemblyFormat = "`<` $mode `,` $chan `>`";
}

class Sched_TileType<string name, string typeMnemonic> : Sched_Type<name, typeMnemonic> {
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elem,
                        OptionalParameter<"LayoutAttr">:$layout);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    int64_t getRank() const { return getShape().size(); }
    int64_t getDimSize(int64_t axis) const { return getShape()[axis]; }
    ::mlir::RankedTensorType getTile() const {
      return ::mlir::RankedTensorType::get(getShape(), getElem());
    }
    /// The matrix that the layout speaks of: all axes but the last are its rows. A tile
    /// of rank 1 is a column or a row, as the layout has one unit axis or the other.
    ::tegula::layout::Extents getMatrix() const {
      return ::tegula::sched::getMatrix(getShape(), getLayout());
    }
  }];
}

def Sched_FragType : Sched_TileType<"Frag", "frag"> {
  let summary = "a tile in the registers of one role";
  let description = [{
    `!sched.frag<128x64xf32, #sched.layout<m16n8k16.D [2, 8] warps [4, 1]>>`. A
    role of `warps` holds the tile together, each of its `groups` one of its own.
    Without a layout none is decided yet. The extents are the true ones: where the
    layout covers more, products read zeros there, elementwise work is masked and
    stores drop.

    The layout is that of a matrix: all axes but the last are its rows. A tile of
    rank 1, such as the statistics of rows or columns, is a column of a layout that
    is one column wide (`row16`), else a row.

    C1: extents are at least 1. C2: a layout needs a tile of rank 1 or more. C3: it
    covers the tile.
  }];
}

def Sched_FlightType : Sched_TileType<"Flight", "flight"> {
  let summary = "a product that is not yet readable";
  let description = [{
    `!sched.flight<128x64xf32, #layout>`: what becomes the fragment of that shape
    and layout when `mma_wait` closes it. Constraints as for fragments.
  }];
}

def Sched_BatonType : Sched_Type<"Baton", "baton"> {
  let summary = "the turn of a role's members";
}

#endif // TEGULA_DIALECT_SCHED_IR_SCHEDTYPES_TD
