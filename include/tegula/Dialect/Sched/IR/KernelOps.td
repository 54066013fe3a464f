//===- KernelOps.td - Kernels, buffers, roles -------------*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_SCHED_IR_KERNELOPS_TD
#define TEGULA_DIALECT_SCHED_IR_KERNELOPS_TD

include "tegula/Dialect/Sched/IR/SchedBase.td"

def Sched_KernelOp : Sched_Op<"kernel", [
    Symbol, IsolatedFromAbove, SingleBlock,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>,
    DeclareOpInterfaceMethods<Tegula_KernelOpInterface>]> {
  let summary = "a scheduled kernel: launch part, then one grid";
  let description = [{
    The launch part and the grid of a `tegula.kernel`; the grid's body is one
    instance's work: allocations and scalars first, then what the role runs.

    * C1: one `#tegula.arg` per block argument.
    * C2: `target` names the machine the kernel is scheduled for.
    * C3: the body holds the launch part and exactly one grid, as `tegula.kernel`.

    ```mlir
    sched.kernel @fill(out %y: memref<?xf32>) target "x86-64-v4" {
      %c0 = arith.constant 0 : index
      %n = memref.dim %y, %c0 : memref<?xf32>
      tegula.grid (%i) to (%n) step (64) {
        %b = sched.alloc : !sched.buf<64xf32, local>
        sched.map domain [64] outs(%b : !sched.buf<64xf32, local>) {
          %z = arith.constant dense<1.0> : tensor<64xf32>
          sched.yield %z : tensor<64xf32>
        }
        sched.store %b to %y[%i] : !sched.buf<64xf32, local>, memref<?xf32>
        tegula.yield
      }
      tegula.return
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       TypedArrayAttrBase<Tegula_ArgAttr, "argument attributes">:$args,
                       StrAttr:$target);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Sched_AllocOp : Sched_NamedOp<"alloc", [MemoryEffects<[MemAlloc]>]> {
  let summary = "a buffer, once per instance";
  let description = [{
    Uninitialised. `offset` is its place in the arena in bytes, once a pass has
    decided it; buffers whose lifetimes are disjoint may share bytes.

    * C1: stands directly in the grid's body, outside loops.
    * C2: a `shared` buffer belongs to a channel, or is the scratch of a
      `convert`: nothing else orders its users.

    ```mlir
    // in an instance
    %b = sched.alloc : !sched.buf<128x64xf32, local>
    ```
  }];
  let arguments = (ins OptionalAttr<I64Attr>:$offset, OptionalAttr<StrAttr>:$ssa_name);
  let results = (outs Sched_BufType:$buffer);
  let assemblyFormat = "`` custom<SsaName>($ssa_name) (`at` $offset^)? attr-dict `:` type($buffer)";
  let builders = [OpBuilder<(ins "BufType":$type, CArg<"::mlir::StringRef", "{}">:$name), [{
    build($_builder, $_state, type, ::mlir::IntegerAttr(),
          name.empty() ? ::mlir::StringAttr() : $_builder.getStringAttr(name));
  }]>];
  let hasVerifier = 1;
}

def Sched_ConstantOp : Sched_Op<"constant", [Pure]> {
  let summary = "a buffer whose elements are known when the kernel is compiled";
  let description = [{
    Never written. The target lays the elements out as the buffer's type says
    (`pack`) and keeps them with the code. C1: the value is a tile with the
    buffer's shape and element type.

    ```mlir
    %b = sched.constant dense<[1.0, 2.0]> : tensor<2xf32> -> !sched.buf<2xf32, local>
    ```
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Sched_BufType:$buffer);
  let assemblyFormat = "$value attr-dict `->` type($buffer)";
  let hasVerifier = 1;
}

def Sched_SliceOp : Sched_Op<"slice", [Pure]> {
  let summary = "a box of a buffer or view, where it lies";
  let description = [{
    Shares storage with its source: what is written to one is read from the other.
    A box of a slot's buffer belongs to the same span. A box of a view is the
    left operand of a product that reads it in place, at any stride; elements
    outside the view are read as 0, and it is never written.

    * C1: one offset per axis; a box of a buffer lies inside it.
    * C2: one rank, element type, space and swizzle, one stage; neither buffer is
      packed.
    * C3: the box covers the last axis of a `local` buffer of rank 2 or more, so
      that whole rows stay whole rows.
    * C4: a box of a view is `local`, and has the view's rank and element type.

    ```mlir
    // given %b: !sched.buf<8x4x64xf32, local>, %i: index
    %r = sched.slice %b at [0, 2, 0]
      : !sched.buf<8x4x64xf32, local> -> !sched.buf<8x1x64xf32, local>
    %a = sched.slice %b at [%i, 0, 0]
      : !sched.buf<8x4x64xf32, local> -> !sched.buf<1x4x64xf32, local>
    ```
  }];
  let arguments = (ins Sched_BufOrView:$source, Variadic<Index>:$offsets,
                       DenseI64ArrayAttr:$at);
  let results = (outs Sched_BufType:$buffer);
  let assemblyFormat = [{
    $source `at` custom<DynamicIndexList>($offsets, $at) attr-dict
    `:` type($source) `->` type($buffer)
  }];
  let builders = [OpBuilder<(ins "BufType":$type, "::mlir::Value":$source,
                                 "::llvm::ArrayRef<int64_t>":$at), [{
    build($_builder, $_state, type, source, ::mlir::ValueRange(), at);
  }]>];
  let hasVerifier = 1;
}

def Sched_ViewOp : Sched_Op<"view", [Pure]> {
  let summary = "a buffer under another shape, where it lies";
  let description = [{
    Shares storage with its source: the same elements in row-major order. The
    target must store rows of both shapes without gaps. C1: as many elements on
    both sides, of one type, in one space; neither is packed.

    ```mlir
    // given %b: !sched.buf<8x256xf32, local>
    %r = sched.view %b : !sched.buf<8x256xf32, local> -> !sched.buf<8x4x64xf32, local>
    ```
  }];
  let arguments = (ins Sched_BufType:$source);
  let results = (outs Sched_BufType:$buffer);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($buffer)";
  let hasVerifier = 1;
}

def Sched_ArenaOp : Sched_Op<"arena", [Pure]> {
  let summary = "the scratch memory of the worker that runs this instance";
  let description = [{
    One block of static size, 64-byte aligned, given by the runtime; what a
    kernel's allocations become once they are placed. C1: the result is a
    contiguous memref of i8 with a static size.

    ```mlir
    %a = sched.arena : memref<4096xi8>
    ```
  }];
  let results = (outs MemRefOf<[I8]>:$arena);
  let assemblyFormat = "attr-dict `:` type($arena)";
  let hasVerifier = 1;
}

def Sched_TripsOp : Sched_NamedOp<"trips", [Pure]> {
  let summary = "how often a stream takes a step";
  let description = [{
    `max(0, ceil((hi - lo) / step))`: the only source of dynamic loop counts.
    Loops and branches that hold channel ops depend on results of `trips` and
    constants only, so that all roles agree by arithmetic. An op of its own, and
    not `arith`, because the verifier of schedules starts from here.

    * C1: stands directly in the grid's body, outside roles.
    * C2: a constant step is positive.

    ```mlir
    // in an instance, given %i: index, %j: index, %k: index
    %n = sched.trips %i to %j step %k
    ```
  }];
  let arguments = (ins Index:$lo, Index:$hi, Index:$step, OptionalAttr<StrAttr>:$ssa_name);
  let results = (outs Index:$count);
  let assemblyFormat = "`` custom<SsaName>($ssa_name) $lo `to` $hi `step` $step attr-dict";
  let hasVerifier = 1;
}

def Sched_RoleOp : Sched_Op<"role", [
    SingleBlockImplicitTerminator<"YieldOp">, RecursiveMemoryEffects,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "one program, run by its members";
  let description = [{
    `warps n`: n warps side by side, which hold fragments together. `groups n`: n
    groups of four warps, each of which runs the program on fragments of its own;
    the region's argument says which. `regs` is the budget of registers a thread.
    Roles run concurrently; nothing but channels and batons orders them.

    * C1: stands directly in the grid's body; names of roles differ.
    * C2: at least one member; `regs`, where given, is positive.
    * C3: the region takes at most one argument, an index.

    ```mlir
    // in an instance, given %x: f32
    sched.role @mma groups 2 (%g) regs 232 {
      %z = sched.splat %x : f32 -> !sched.frag<64x128xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Sched_MembersAttr:$members, I64Attr:$count,
                       OptionalAttr<I64Attr>:$regs);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The member that runs the program, or null where the region does not ask.
    ::mlir::Value getMember() {
      return getBody().getNumArguments() ? getBody().getArgument(0) : ::mlir::Value();
    }
  }];
}

def Sched_PhaseOp : Sched_Op<"phase", [
    SingleBlockImplicitTerminator<"YieldOp">, RecursiveMemoryEffects]> {
  let summary = "ops whose order is a promise down to the machine code";
  let description = [{
    What is yielded is the phase's result. A target that fences phases prints
    their order to the assembler; others use the order of ops only. C1: the types
    of the yielded values are those of the results.

    ```mlir
    // given %x: f32
    %z = sched.phase @qk -> (!sched.frag<64x128xf32>) {
      %y = sched.splat %x : f32 -> !sched.frag<64x128xf32>
      sched.yield %y : !sched.frag<64x128xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name (`->` `(` type($results)^ `)`)? attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Sched_YieldOp : Sched_Op<"yield", [
    Pure, Terminator, ParentOneOf<["MapOp", "PhaseOp", "RoleOp"]>]> {
  let summary = "what a map or phase gives";
  let description = [{
    C1: a role gives nothing.

    ```mlir
    // given %x: f32
    %y = sched.phase @qk -> (f32) {
      sched.yield %x : f32
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::ValueRange()); }]>];
  let hasVerifier = 1;
}

#endif // TEGULA_DIALECT_SCHED_IR_KERNELOPS_TD
