//===- TegulaAttrs.td - Enums and attributes of tile programs -*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_TEGULA_IR_TEGULAATTRS_TD
#define TEGULA_DIALECT_TEGULA_IR_TEGULAATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "tegula/Dialect/Tegula/IR/TegulaDialect.td"

class Tegula_Enum<string name, string summary, list<I32EnumCase> cases>
    : I32Enum<name, summary, cases> {
  let cppNamespace = "::tegula";
}
class Tegula_EnumAttr<EnumInfo info, string name> : EnumAttr<Tegula_Dialect, info, name>;

class Tegula_Attr<string name, string attrMnemonic> : AttrDef<Tegula_Dialect, name> {
  let mnemonic = attrMnemonic;
}

// What a kernel may do with an argument. `value` is a scalar.
def Tegula_Access : Tegula_Enum<"Access", "what a kernel may do with an argument", [
  I32EnumCase<"Value", 0, "value">, I32EnumCase<"In", 1, "in">,
  I32EnumCase<"Out", 2, "out">, I32EnumCase<"InOut", 3, "inout">]>;

def Tegula_StreamOrder : Tegula_Enum<"StreamOrder", "the order in which a stream may visit its spans", [
  I32EnumCase<"up", 0>, I32EnumCase<"down", 1>, I32EnumCase<"any", 2>]>;

def Tegula_GridOrder : Tegula_Enum<"GridOrder", "a hint: the order in which instances are handed out", [
  I32EnumCase<"linear", 0>, I32EnumCase<"grouped", 1>, I32EnumCase<"heavy_first", 2>,
  I32EnumCase<"sequential", 3>]>;

def Tegula_ReduceHow : Tegula_Enum<"ReduceHow", "in which order instances reduce into memory", [
  I32EnumCase<"ordered", 0>, I32EnumCase<"two_pass", 1>, I32EnumCase<"atomic", 2>]>;
def Tegula_ReduceHowAttr : Tegula_EnumAttr<Tegula_ReduceHow, "reduce_how">;

def Tegula_Association : Tegula_Enum<"Association", "which product of three is formed first", [
  I32EnumCase<"left", 0>, I32EnumCase<"right", 1>]>;
def Tegula_AssociationAttr : Tegula_EnumAttr<Tegula_Association, "association">;

def Tegula_Combine : Tegula_Enum<"Combine", "how a reduction or scan combines two elements", [
  I32EnumCase<"add", 0>, I32EnumCase<"max", 1>, I32EnumCase<"min", 2>]>;
def Tegula_CombineAttr : Tegula_EnumAttr<Tegula_Combine, "combine">;

def Tegula_Precision : Tegula_Enum<"Precision", "how products of f32 operands may be formed", [
  I32EnumCase<"ieee", 0>, I32EnumCase<"tf32", 1>, I32EnumCase<"tf32x3", 2>]>;
def Tegula_PrecisionAttr : Tegula_EnumAttr<Tegula_Precision, "precision"> {
  let assemblyFormat = "`<` $value `>`";
}

def Tegula_ExpPolicy : Tegula_Enum<"ExpPolicy", "which unit computes an exponential", [
  I32EnumCase<"hw", 0>, I32EnumCase<"poly", 1>, I32EnumCase<"mix", 2>]>;
def Tegula_ExpPolicyAttr : Tegula_EnumAttr<Tegula_ExpPolicy, "exp_policy"> {
  let assemblyFormat = "`<` $value `>`";
}

def Tegula_StreamOrderAttr : Tegula_EnumAttr<Tegula_StreamOrder, "stream_order">;
def Tegula_GridOrderAttr : Tegula_EnumAttr<Tegula_GridOrder, "grid_order">;

def Tegula_ArgAttr : Tegula_Attr<"Arg", "arg"> {
  let summary = "name, access and promises of one kernel or program argument";
  let description = [{
    One attribute per argument. `align` promises that the base address is a
    multiple of that many bytes; `multiples` promises, for each axis, that the
    stride is a multiple of that many elements (1: nothing is promised). The
    runtime checks promises before a launch; passes may rely on them. C1: the
    name is an identifier. C2: `align` is a power of two, multiples are positive.
    C3: a scalar promises nothing.

    ```mlir
    #tegula.arg<in "q" align 16 multiples [8, 8, 8, 1]>
    ```
  }];
  let parameters = (ins EnumParameter<Tegula_Access>:$access,
                        StringRefParameter<"the author's name of the argument">:$name,
                        DefaultValuedParameter<"int64_t", "1">:$align,
                        OptionalArrayRefParameter<"int64_t">:$multiples);
  let assemblyFormat = [{
    `<` $access $name (`align` $align^)? (`multiples` ` ` `[` $multiples^ `]`)? `>`
  }];
  let genVerifyDecl = 1;
}

// The schedule of a kernel (SCHED.md 2): roles on the grid; on each stream its rings
// and one row per anchor or fused group.
def Tegula_ScheduleFlag : Tegula_Enum<"ScheduleFlag", "how an anchor is issued", [
  I32EnumCase<"pack", 0>, I32EnumCase<"pack_t", 1>, I32EnumCase<"panel", 2>,
  I32EnumCase<"in_place", 3>, I32EnumCase<"into", 4>, I32EnumCase<"onto", 5>,
  I32EnumCase<"ahead", 6>, I32EnumCase<"direct", 7>, I32EnumCase<"async", 8>,
  I32EnumCase<"lag", 9>, I32EnumCase<"turn", 10>, I32EnumCase<"pass", 11>,
  I32EnumCase<"finish", 12>, I32EnumCase<"transposed", 13>]>;

def Tegula_RingKind : Tegula_Enum<"RingKind", "who learns how that a slot of a ring is full", [
  I32EnumCase<"tx", 0>, I32EnumCase<"arrive", 1>, I32EnumCase<"fifo", 2>,
  I32EnumCase<"sync", 3>]>;

def Tegula_ScheduleRoleAttr : Tegula_Attr<"ScheduleRole", "role"> {
  let summary = "members of one role of a kernel";
  let description = [{
    `warps n`: n warps side by side, or n threads of a CPU; `groups n`: n groups of four
    warps that act as one. `regs` is the budget of registers of a thread, 0 for whatever
    the target gives. C1: the name is an identifier. C2: at least one member, and no
    negative budget.

    ```mlir
    #tegula.role<mma groups 2 regs 240>
    ```
  }];
  let parameters = (ins StringRefParameter<"name of the role">:$name, "bool":$groups,
                        "int64_t":$members, DefaultValuedParameter<"int64_t", "0">:$regs);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Tegula_ScheduleRolesAttr : TypedArrayAttrBase<Tegula_ScheduleRoleAttr, "roles of a kernel">;

def Tegula_ScheduleRingAttr : Tegula_Attr<"ScheduleRing", "ring"> {
  let summary = "a ring between the loads of a stream and those who read them";
  let description = [{
    `depth` slots, each with one buffer per label. A label is a load's, or `x.put` for
    the second half of a load `x` that goes through registers. C1: the name is an
    identifier. C2: the depth is positive.

    ```mlir
    #tegula.ring<kv fifo 2 "kt" + "vt">
    ```
  }];
  let parameters = (ins StringRefParameter<"name of the ring">:$name, "RingKind":$kind,
                        "int64_t":$depth, ArrayRefParameter<"::mlir::StringAttr">:$labels);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Tegula_ScheduleRowAttr : Tegula_Attr<"ScheduleRow", "row"> {
  let summary = "role, stage, labels, flags and phase of one row of a schedule";
  let description = [{
    `labels` name the anchors that the row issues together. `flags` say how, each with
    its number in `amounts` (panel height, pack width, steps ahead; 0 where a flag has
    none). Rows with a `phase` belong to that phase, in which order is a promise. C1: the
    role is an identifier, the stage is not negative, and there is at least one label.
    C2: no flag occurs twice.

    ```mlir
    #tegula.row<mma 1 "s" + "st.max" panel 8 phase "qk">
    ```
  }];
  let parameters = (ins StringRefParameter<"role that issues the row">:$role,
                        "int64_t":$stage,
                        ArrayRefParameter<"::mlir::StringAttr">:$labels,
                        OptionalArrayRefParameter<"ScheduleFlag">:$flags,
                        OptionalArrayRefParameter<"int64_t">:$amounts,
                        OptionalParameter<"::mlir::StringAttr">:$phase);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The number of `flag`, or nothing where the row does not have it.
    std::optional<int64_t> getAmount(ScheduleFlag flag) const;
    bool has(ScheduleFlag flag) const { return getAmount(flag).has_value(); }
  }];
}

def Tegula_ScheduleAttr : Tegula_Attr<"Schedule", "schedule"> {
  let summary = "the schedule of one stream: rows in issue order, and rings";
  let description = [{
    Every anchor of the stream (load, store, dot, exp2, reduce, and the inner
    ops of structured ops) occurs in exactly one row, and a label of a ring has a row;
    the stream's verifier demands it. Materialisation turns rows into structure and
    drops the attribute: from then on position is the schedule.

    ```mlir
    #tegula.schedule<[<load 0 "kt">, <mma 1 "s" + "st.max" panel 8>] rings [<kc tx 2 "kt">]>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"ScheduleRowAttr">:$rows,
                        OptionalArrayRefParameter<"ScheduleRingAttr">:$rings);
  let builders = [AttrBuilder<(ins "::llvm::ArrayRef<ScheduleRowAttr>":$rows), [{
    return $_get($_ctxt, rows, ::llvm::ArrayRef<ScheduleRingAttr>());
  }]>];
  let hasCustomAssemblyFormat = 1;
}

#endif // TEGULA_DIALECT_TEGULA_IR_TEGULAATTRS_TD
