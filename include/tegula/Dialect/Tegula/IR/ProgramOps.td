//===- ProgramOps.td - Programs, kernels, grids -----------*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_TEGULA_IR_PROGRAMOPS_TD
#define TEGULA_DIALECT_TEGULA_IR_PROGRAMOPS_TD

include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaAttrs.td"
include "tegula/Dialect/Tegula/IR/TegulaInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaTypes.td"

def Tegula_KernelOp : Tegula_Op<"kernel", [
    Symbol, IsolatedFromAbove, SingleBlock,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>,
    DeclareOpInterfaceMethods<Tegula_KernelOpInterface>]> {
  let summary = "a tile kernel: launch part, then one grid";
  let description = [{
    Arguments are views (`in`, `out`, `inout`) and scalars. Ops before the grid
    are the *launch part*: they may use sizes, strides and scalar arguments
    only, and run on the host before a launch. `align` and `multiples` are
    promises about a view's base and strides.

    * C1: one `#tegula.arg` per block argument, with distinct names.
    * C2: access `value` goes with scalars, `in`/`out`/`inout` with views, both
      of the language's element types; stride multiples are one per axis.
    * C3: the body holds exactly one `tegula.grid`, as its last op but the
      terminator, which is `tegula.return`.
    * C4: the launch part accesses no memory and holds no stream.
    * C5: stands in a module (the trait of symbols).
    * C6: where a narrowing drops axes of size 1, sizes or strides tell which.

    ```mlir
    tegula.kernel @fill(out %y: memref<?xf32, strided<[?], offset: ?>> align 16, %v: f32) {
      %c0 = arith.constant 0 : index
      %n = memref.dim %y, %c0 : memref<?xf32, strided<[?], offset: ?>>
      tegula.grid (%i) to (%n) step (64) {
        %t = tensor.splat %v : tensor<64xf32>
        tegula.store %t, %y[%i] : tensor<64xf32>, memref<?xf32, strided<[?], offset: ?>>
        tegula.yield
      }
      tegula.return
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       TypedArrayAttrBase<Tegula_ArgAttr, "argument attributes">:$args);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Tegula_ReturnOp : Tegula_Op<"return", [Pure, Terminator]> {
  let summary = "ends a kernel or a program";
  let description = [{
    C1: stands in a kernel (at any level) or a program.

    ```mlir
    tegula.kernel @nothing(%n: index) {
      tegula.grid (%i) to (%n) step (64) {
        tegula.yield
      }
      tegula.return
    }
    ```
  }];
  let assemblyFormat = "attr-dict";
  let hasVerifier = 1;
}

def Tegula_RequireOp : Tegula_Op<"require"> {
  let summary = "a condition that is checked on the host before a launch";
  let description = [{
    Where the condition is false the launch is refused with the message; after
    the check it is a fact to the compiler. C1: stands in a launch part or a
    program, outside grids.

    ```mlir
    // in a launch part, given %ok: i1
    tegula.require %ok, "H must be a multiple of HK"
    ```
  }];
  let arguments = (ins I1:$condition, StrAttr:$message);
  let assemblyFormat = "$condition `,` $message attr-dict";
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def Tegula_CheckOp : Tegula_Op<"check", [MemoryEffects<[MemWrite]>]> {
  let summary = "a run-time condition whose breach is a program error";
  let description = [{
    What a narrowing by loaded data or an all-scalar load promises, and only a
    run can know: `0 <= lo <= hi <= size`. Where the condition is false the
    instance stops here and the launch raises the message; targets that do not
    check say so. C1: stands inside a grid.

    ```mlir
    // in a grid, given %inside: i1
    tegula.check %inside, "q[q0:q1]: 0 <= q0 <= q1 <= TQ does not hold"
    ```
  }];
  let arguments = (ins I1:$condition, StrAttr:$message);
  let assemblyFormat = "$condition `,` $message attr-dict";
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

// A kernel has exactly one grid, also where its instances do nothing: the effect
// of its own keeps it from being dropped.
def Tegula_GridOp : Tegula_Op<"grid", [SingleBlock, RecursiveMemoryEffects,
    MemoryEffects<[MemWrite]>,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "the instances of a kernel, independent and in any order";
  let description = [{
    Like `scf.forall`: block argument i is the start offset of the instance
    along axis i, a multiple of `steps[i]` below `extents[i]`. Instances may run
    in any order on any number of cores and must not touch overlapping bytes.
    `order` is a hint and never changes a result, but for `sequential`: instances
    then run one after the other, the last axis fastest, which a lowering asks
    for where they reduce into memory in order. `resident` promises that all
    instances run at once. A zero extent launches nothing. `roles` say who runs an
    instance, where a schedule has been chosen.

    * C1: as many steps as extents and block arguments, at least one.
    * C2: steps are positive.
    * C3: `order grouped` has a positive group.
    * C4: stands in a kernel, and ends with a `tegula.yield` of nothing.
    * C5: roles have different names.

    ```mlir
    // in a kernel, given %M: index, %N: index
    tegula.grid (%m, %n) to (%M, %N) step (128, 128) order grouped 8 {
      tegula.yield
    }
    ```
  }];
  let arguments = (ins Variadic<Index>:$extents, DenseI64ArrayAttr:$steps,
                       DefaultValuedAttr<Tegula_GridOrderAttr, "GridOrder::linear">:$order,
                       DefaultValuedAttr<I64Attr, "0">:$group, UnitAttr:$resident,
                       OptionalAttr<Tegula_ScheduleRolesAttr>:$roles);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Tegula_YieldOp : Tegula_Op<"yield", [Pure, Terminator, ReturnLike,
    ParentOneOf<["GridOp", "StreamOp", "VariantOp"]>]> {
  let summary = "ends a grid or stream body, with the values carried to the next trip";
  let description = [{
    C1: stands in a grid or a variant, with no values, or in a stream, with one
    per carried value.

    ```mlir
    // given %lo: index, %hi: index, %a0: tensor<4x8xf32>
    %r = tegula.stream %n = %lo to %hi step 8 iter_args(%a = %a0) -> (tensor<4x8xf32>) {
      tegula.yield %a : tensor<4x8xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
  let builders = [OpBuilder<(ins), [{ /* no carried values */ }]>];
}

def Tegula_ProgramOp : Tegula_Op<"program", [
    Symbol, IsolatedFromAbove, SingleBlock,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "an ordered list of kernel launches, the unit that is shipped";
  let description = [{
    A program is host arithmetic on sizes and scalars, workspace, and launches
    in order. `tegula.require` refuses a call; `tegula.variant` holds launches
    that run only where the variant's guards hold: variants of one program are
    tried in order and the first that matches runs.

    * C1: as C1, C2 and C5 of `tegula.kernel`.
    * C2: the body holds host arithmetic, `require`, `workspace`, `launch` and
      `variant` only, and ends with `tegula.return`.

    ```mlir
    tegula.program @twice(in %x: memref<?xf32>, out %y: memref<?xf32>) {
      %c0 = arith.constant 0 : index
      %n = memref.dim %x, %c0 : memref<?xf32>
      %w = tegula.workspace(%n) : memref<?xf32>
      tegula.launch @copy(%x, %w) : memref<?xf32>, memref<?xf32>
      tegula.launch @copy(%w, %y) : memref<?xf32>, memref<?xf32>
      tegula.return
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       TypedArrayAttrBase<Tegula_ArgAttr, "argument attributes">:$args);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Tegula_WorkspaceOp : Tegula_Op<"workspace"> {
  let summary = "scratch memory that lives for one call of a program";
  let description = [{
    Contiguous, 64-byte aligned, uninitialised, given by the runtime; its size
    is a formula that the C API can evaluate. C1: one size per dynamic axis of a
    contiguous memref of the language's element types. C2: stands in a program.

    ```mlir
    // in a program, given %b: index, %h: index
    %w = tegula.workspace(%b, %h) : memref<?x?xf32>
    ```
  }];
  let arguments = (ins Variadic<Index>:$sizes);
  let results = (outs Res<AnyMemRef, "", [MemAlloc]>:$buffer);
  let assemblyFormat = "`(` $sizes `)` attr-dict `:` type($buffer)";
  let hasVerifier = 1;
}

def Tegula_LaunchOp : Tegula_Op<"launch", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "one launch of a kernel";
  let description = [{
    * C1: the symbol names a kernel in the same module.
    * C2: operand types equal the kernel's argument types, up to casts that
      `memref.cast` could do.
    * C3: stands in a program; the program's `in` arguments are not handed to
      `out` or `inout` arguments.

    ```mlir
    // in a program, given in %x: memref<?xf32>, out %y: memref<?xf32>
    tegula.launch @copy(%x, %y) : memref<?xf32>, memref<?xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyType>:$operands);
  let assemblyFormat = "$kernel `(` $operands `)` attr-dict (`:` type($operands)^)?";
  let hasVerifier = 1;
}

def Tegula_VariantOp : Tegula_Op<"variant", [SingleBlock, NoRegionArguments,
    HasParent<"ProgramOp">]> {
  let summary = "launches that run where all guards hold";
  let description = [{
    The first variant of a program whose guards are all true runs, the others do
    not. A variant without guards always matches. C1: the body holds what a
    program's body holds, but no variant, and ends with a `tegula.yield` of
    nothing.

    ```mlir
    // in a program, given in %x: memref<?xf32>, out %y: memref<?xf32>, %unit: i1, %aligned: i1
    tegula.variant(%unit, %aligned) {
      tegula.launch @copy(%x, %y) : memref<?xf32>, memref<?xf32>
      tegula.yield
    }
    ```
  }];
  let arguments = (ins Variadic<I1>:$guards);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "(`(` $guards^ `)`)? attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

#endif // TEGULA_DIALECT_TEGULA_IR_PROGRAMOPS_TD
