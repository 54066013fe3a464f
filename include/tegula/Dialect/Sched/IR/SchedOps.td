//===- SchedOps.td - Ops of the scheduled level -*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_SCHED_IR_SCHEDOPS_TD
#define TEGULA_DIALECT_SCHED_IR_SCHEDOPS_TD

include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "tegula/Dialect/Sched/IR/SchedDialect.td"
include "tegula/Dialect/Tegula/IR/TegulaAttrs.td"
include "tegula/Dialect/Tegula/IR/TegulaInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaTypes.td"

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

def Sched_AllocOp : Sched_Op<"alloc", [MemoryEffects<[MemAlloc]>]> {
  let summary = "a buffer, once per instance";
  let description = [{
    Uninitialised. `offset` is its place in the arena in bytes, once a pass has
    decided it; buffers whose lifetimes are disjoint may share bytes. C1: stands
    directly in the grid's body, outside loops.

    ```mlir
    %b = sched.alloc : !sched.buf<128x64xf32, local>
    ```
  }];
  let arguments = (ins OptionalAttr<I64Attr>:$offset);
  let results = (outs Sched_BufType:$buffer);
  let assemblyFormat = "(`at` $offset^)? attr-dict `:` type($buffer)";
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
  let summary = "a box of a buffer, where it lies";
  let description = [{
    Shares storage with its source: what is written to one is read from the other.

    * C1: one offset per axis; the box lies inside the source.
    * C2: one rank, element type and space; neither buffer is packed.
    * C3: the box covers the last axis, so that whole rows stay whole rows.

    ```mlir
    %r = sched.slice %b at [0, 2, 0]
      : !sched.buf<8x4x64xf32, local> -> !sched.buf<8x1x64xf32, local>
    ```
  }];
  let arguments = (ins Sched_BufType:$source, DenseI64ArrayAttr:$at);
  let results = (outs Sched_BufType:$buffer);
  let assemblyFormat = "$source `at` $at attr-dict `:` type($source) `->` type($buffer)";
  let hasVerifier = 1;
}

def Sched_ViewOp : Sched_Op<"view", [Pure]> {
  let summary = "a buffer under another shape, where it lies";
  let description = [{
    Shares storage with its source: the same elements in row-major order. The
    target must store rows of both shapes without gaps. C1: as many elements on
    both sides, of one type, in one space; neither is packed.

    ```mlir
    %r = sched.view %b : !sched.buf<8x256xf32, local> -> !sched.buf<8x4x64xf32, local>
    ```
  }];
  let arguments = (ins Sched_BufType:$source);
  let results = (outs Sched_BufType:$buffer);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($buffer)";
  let hasVerifier = 1;
}

def Sched_CopyOp : Sched_Op<"copy", [AttrSizedOperandSegments]> {
  let summary = "a tile from a view or a buffer into a buffer";
  let description = [{
    From a view: element (i0, i1, ...) of the buffer's tile becomes
    `view[at0 + i0, ...]` where every coordinate c of axis a satisfies
    0 <= c < min(size of axis a, upto[a]), else `pad` (0 without one); nothing
    outside those bounds is read. From a buffer: all of it, changing the storage
    (`pack`). The target converts 16-bit elements to what it holds them as.

    * C1: from a view: as many offsets as its rank, which is the buffer's.
    * C2: `upto` is absent or has one limit per axis.
    * C3: from a buffer: no offsets, limits or pad; the tiles are equal.
    * C4: element types agree.

    ```mlir
    sched.copy %v[%n, %c0] upto [%hi, %d] to %b label "kt"
      : memref<?x64xf32>, !sched.buf<256x64xf32, local, pack n32t>
    ```
  }];
  let arguments = (ins AnyTypeOf<[Tegula_View, Sched_BufType]>:$source, Variadic<Index>:$at,
                       Variadic<Index>:$upto, Optional<Tegula_Elem>:$pad,
                       Arg<Sched_BufType, "destination", [MemWrite]>:$dest,
                       OptionalAttr<StrAttr>:$label);
  let assemblyFormat = [{
    $source (`[` $at^ `]`)? (`upto` ` ` `[` $upto^ `]`)? (`pad` $pad^ `:` type($pad))?
    `to` $dest (`label` $label^)? attr-dict `:` type($source) `,` type($dest)
  }];
  let hasVerifier = 1;
}

def Sched_StoreOp : Sched_Op<"store", [AttrSizedOperandSegments]> {
  let summary = "a buffer's tile into a view";
  let description = [{
    Elements out of bounds (as for `sched.copy`) are dropped. C1: as many
    offsets as the view's rank, which is the buffer's. C2: `upto` is absent or
    has one limit per axis. C3: the buffer is not packed; element types agree.

    ```mlir
    sched.store %b to %v[%m, %c0] : !sched.buf<128x64xf32, local>, memref<?x64xf32>
    ```
  }];
  let arguments = (ins Arg<Sched_BufType, "source", [MemRead]>:$source,
                       Arg<Tegula_View, "destination", [MemWrite]>:$view,
                       Variadic<Index>:$at, Variadic<Index>:$upto,
                       OptionalAttr<StrAttr>:$label);
  let assemblyFormat = [{
    $source `to` $view `[` $at `]` (`upto` ` ` `[` $upto^ `]`)? (`label` $label^)?
    attr-dict `:` type($source) `,` type($view)
  }];
  let hasVerifier = 1;
}

def Sched_GatherOp : Sched_Op<"gather", [AttrSizedOperandSegments]> {
  let summary = "a tile from a view into a buffer, one axis by index";
  let description = [{
    As `tegula.gather`: element i along `axis` comes from position `by[i]`; what
    is out of bounds becomes `pad` (0 without one).

    * C1: `axis` is an axis of the view; one offset, and one limit or none, for
      each other axis.
    * C2: the buffer has the view's rank and element type, and one element along
      `axis` per index; `by` has rank 1 and holds i32; neither is packed.
    * C3: `pad` has the element type.

    ```mlir
    sched.gather %v[%c0] by %j axis 0 to %b label "xj"
      : memref<?x64xf32>, !sched.buf<32xi32, local>, !sched.buf<32x64xf32, local>
    ```
  }];
  let arguments = (ins Arg<Tegula_View, "source", [MemRead]>:$view, Variadic<Index>:$at,
                       Arg<Sched_BufType, "indices", [MemRead]>:$by, I64Attr:$axis,
                       Variadic<Index>:$upto, Optional<Tegula_Elem>:$pad,
                       Arg<Sched_BufType, "destination", [MemWrite]>:$dest,
                       OptionalAttr<StrAttr>:$label);
  let assemblyFormat = [{
    $view `[` $at `]` `by` $by `axis` $axis (`upto` ` ` `[` $upto^ `]`)?
    (`pad` $pad^ `:` type($pad))? `to` $dest (`label` $label^)? attr-dict
    `:` type($view) `,` type($by) `,` type($dest)
  }];
  let hasVerifier = 1;
}

def Sched_ScatterOp : Sched_Op<"scatter", [AttrSizedOperandSegments]> {
  let summary = "a buffer's tile into a view, one axis by index";
  let description = [{
    As `tegula.scatter`: what is out of bounds is dropped.

    * C1: `axis` is an axis of the view; one offset, and one limit or none, for
      each other axis.
    * C2: the buffer has the view's rank and element type, and one element along
      `axis` per index; `by` has rank 1 and holds i32; neither is packed.

    ```mlir
    sched.scatter %b to %v[%c0] by %j axis 0
      : !sched.buf<32x64xf32, local>, memref<?x64xf32>, !sched.buf<32xi32, local>
    ```
  }];
  let arguments = (ins Arg<Sched_BufType, "source", [MemRead]>:$source,
                       Arg<Tegula_View, "destination", [MemWrite]>:$view, Variadic<Index>:$at,
                       Arg<Sched_BufType, "indices", [MemRead]>:$by, I64Attr:$axis,
                       Variadic<Index>:$upto, OptionalAttr<StrAttr>:$label);
  let assemblyFormat = [{
    $source `to` $view `[` $at `]` `by` $by `axis` $axis (`upto` ` ` `[` $upto^ `]`)?
    (`label` $label^)? attr-dict `:` type($source) `,` type($view) `,` type($by)
  }];
  let hasVerifier = 1;
}

def Sched_ReduceStoreOp : Sched_Op<"reduce_store", [AttrSizedOperandSegments]> {
  let summary = "combines a buffer's tile with what a view holds";
  let description = [{
    As `tegula.reduce_store`; elements out of bounds are dropped. Where it is not
    `atomic`, the grid runs its instances in order.

    * C1: as many offsets as the view's rank, which is the buffer's; `upto` is
      absent or has one limit per axis; element types agree.
    * C2: the buffer is not packed and holds f64, f32, i64 or i32.
    * C3: without `atomic`, the order of the grid is `sequential`.

    ```mlir
    sched.reduce_store max %b to %v[%m, %c0] atomic
      : !sched.buf<128x64xi32, local>, memref<?x64xi32>
    ```
  }];
  let arguments = (ins Tegula_CombineAttr:$kind, Arg<Sched_BufType, "source", [MemRead]>:$source,
                       Arg<Tegula_View, "destination", [MemRead, MemWrite]>:$view,
                       Variadic<Index>:$at, Variadic<Index>:$upto, UnitAttr:$atomic,
                       OptionalAttr<StrAttr>:$label);
  let assemblyFormat = [{
    $kind $source `to` $view `[` $at `]` (`upto` ` ` `[` $upto^ `]`)? (`atomic` $atomic^)?
    (`label` $label^)? attr-dict `:` type($source) `,` type($view)
  }];
  let hasVerifier = 1;
}

def Sched_SegmentSumOp : Sched_Op<"segment_sum"> {
  let summary = "adds each row of a buffer to the row of its segment, in order";
  let description = [{
    `dest[by[e]] += source[e]` for e = 0, 1, ... in this order; ids outside the
    rows of the destination are ignored.

    * C1: source and destination have one element type and rank, at least 1, and
      equal extents but the first.
    * C2: `by` has rank 1, holds i32, and has one id per row; nothing is packed.

    ```mlir
    sched.segment_sum %x by %seg onto %acc
      : !sched.buf<64x96xf32, local>, !sched.buf<64xi32, local>, !sched.buf<4x96xf32, local>
    ```
  }];
  let arguments = (ins Arg<Sched_BufType, "source", [MemRead]>:$source,
                       Arg<Sched_BufType, "ids", [MemRead]>:$by,
                       Arg<Sched_BufType, "destination", [MemRead, MemWrite]>:$dest,
                       OptionalAttr<StrAttr>:$label);
  let assemblyFormat = [{
    $source `by` $by `onto` $dest (`label` $label^)? attr-dict
    `:` type($source) `,` type($by) `,` type($dest)
  }];
  let hasVerifier = 1;
}

def Sched_MmaOp : Sched_Op<"mma"> {
  let summary = "a product into, or onto, a buffer";
  let description = [{
    `[.., M, K] . [.., K, N]`, batch axes equal to the result's or 1. `trans`
    says that an operand's tile has its last two axes swapped. Without `onto`
    the product overwrites C; with it C <- scale * C + product, where `scale`
    holds one number per row of C ([M], or [.., M]). Sums start from zero and
    the block's sum is added to C once.

    * C1: extents agree, as for `tegula.dot`.
    * C2: A is not packed; B may be; a packed B's `trans` equals its storage's.
    * C3: `scale` needs `onto`, and has C's element type.
    * C4: `panel` is positive.

    ```mlir
    sched.mma %q, trans %k into %s label "s"
      : !sched.buf<128x64xf32, local>, !sched.buf<256x64xf32, local, pack n32t>, !sched.buf<128x256xf32, local>
    sched.mma %s, %v onto %acc scale %a : !sched.buf<128xf32, local>
      : !sched.buf<128x256xf32, local>, !sched.buf<256x64xf32, local, pack n32>, !sched.buf<128x64xf32, local>
    ```
  }];
  let arguments = (ins Arg<Sched_BufType, "left operand", [MemRead]>:$a,
                       Arg<Sched_BufType, "right operand", [MemRead]>:$b,
                       Arg<Sched_BufType, "result", [MemRead, MemWrite]>:$c,
                       Optional<Sched_BufType>:$scale,
                       UnitAttr:$trans_a, UnitAttr:$trans_b, UnitAttr:$accumulate,
                       OptionalAttr<I64Attr>:$panel, OptionalAttr<StrAttr>:$label);
  let assemblyFormat = [{
    (`trans` $trans_a^)? $a `,` (`trans` $trans_b^)? $b
    (`onto` $accumulate^):(`into`)? $c (`scale` $scale^ `:` type($scale))?
    (`panel` $panel^)? (`label` $label^)? attr-dict
    `:` type($a) `,` type($b) `,` type($c)
  }];
  let hasVerifier = 1;
}

def Sched_MapOp : Sched_Op<"map", [
    AttrSizedOperandSegments, SingleBlock, RecursiveMemoryEffects,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "a fused chain of elementwise ops, with reductions of one axis";
  let description = [{
    The body computes on tiles, once for each point of `domain`: elementwise ops
    of the domain's shape; broadcasts of block arguments, `iota`, splats and
    constants, in any shape that a broadcast or the domain needs; and reductions
    along one axis of the domain, whose results may only be yielded. Scalars are
    taken from above.

    Two forms. *Values*: operands are tiles and so are the results. *Buffers*:
    operands are buffers, there are no results, and what is yielded goes to
    `outs`, in order; an operand may be one of the outs if the body reads it at
    the point it writes only.

    * C1: one block argument per operand, of the operand's tile type.
    * C2: every yielded tile has the domain's shape, or is the result of a
      `tegula.reduce` of it; all such reductions share one axis.
    * C3: buffers: as many outs as yielded tiles, of their types, not packed.
    * C4: values: as many results as yielded tiles, of their types.
    * C5: the body holds no memory access and no nested region.

    ```mlir
    sched.map domain [128, 256] ins(%s = %S : !sched.buf<128x256xf32, local>)
        outs(%S, %M : !sched.buf<128x256xf32, local>, !sched.buf<128xf32, local>) {
      %c = tensor.splat %scale : tensor<128x256xf32>
      %x = arith.mulf %s, %c : tensor<128x256xf32>
      %m = tegula.reduce max %x axis 1 : tensor<128x256xf32> -> tensor<128xf32>
      sched.yield %x, %m : tensor<128x256xf32>, tensor<128xf32>
    }
    ```
  }];
  // A map that writes no buffer is pure, whatever it reads; one that does is never dead.
  let arguments = (ins DenseI64ArrayAttr:$domain,
                       Arg<Variadic<AnyTypeOf<[Tegula_Tile, Sched_BufType]>>, "what it reads",
                           [MemRead]>:$ins,
                       Arg<Variadic<Sched_BufType>, "where results go", [MemWrite]>:$outs,
                       OptionalAttr<StrAttr>:$label);
  let results = (outs Variadic<Tegula_Tile>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::tegula::sched::YieldOp getYield();
  }];
}

def Sched_YieldOp : Sched_Op<"yield", [Pure, Terminator, HasParent<"MapOp">]> {
  let summary = "what a map gives";
  let description = [{
    ```mlir
    sched.yield %x : tensor<128x256xf32>
    ```
  }];
  let arguments = (ins Variadic<Tegula_Tile>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

def Sched_MoveOp : Sched_Op<"move"> {
  let summary = "a box of a buffer into a box of another, axes permuted";
  let description = [{
    `dst[to + i] = src[from + j]` with `j[perm[a]] = i[a]`, for every i below
    `sizes`: slices, transposes and the parts of a concatenation. Other elements
    of dst keep their value.

    * C1: offsets, sizes and perm have the buffers' rank, which is one.
    * C2: both boxes lie inside their buffers; neither buffer is packed.
    * C3: element types agree.

    ```mlir
    sched.move %a from [0, 8] to %b at [0, 0] sizes [8, 4] perm [1, 0]
      : !sched.buf<4x16xf32, local>, !sched.buf<8x4xf32, local>
    ```
  }];
  let arguments = (ins Arg<Sched_BufType, "source", [MemRead]>:$source,
                       Arg<Sched_BufType, "destination", [MemWrite]>:$dest,
                       DenseI64ArrayAttr:$from, DenseI64ArrayAttr:$to,
                       DenseI64ArrayAttr:$sizes, DenseI64ArrayAttr:$perm);
  let assemblyFormat = [{
    $source `from` $from `to` $dest `at` $to `sizes` $sizes `perm` $perm attr-dict
    `:` type($source) `,` type($dest)
  }];
  let hasVerifier = 1;
}

def Sched_ReshapeOp : Sched_Op<"reshape"> {
  let summary = "the same elements in row-major order, under another shape";
  let description = [{
    C1: as many elements on both sides, of one type; neither is packed.

    ```mlir
    sched.reshape %a to %b : !sched.buf<4x16xf32, local>, !sched.buf<64xf32, local>
    ```
  }];
  let arguments = (ins Arg<Sched_BufType, "source", [MemRead]>:$source,
                       Arg<Sched_BufType, "destination", [MemWrite]>:$dest);
  let assemblyFormat = "$source `to` $dest attr-dict `:` type($source) `,` type($dest)";
  let hasVerifier = 1;
}

def Sched_ScanOp : Sched_Op<"scan"> {
  let summary = "running combination along one axis";
  let description = [{
    As `tegula.scan`; source and destination may be one buffer. C1: `axis` is an
    axis. C2: the buffers have one type and are not packed.

    ```mlir
    sched.scan add %a to %b axis 0 reverse exclusive
      : !sched.buf<64xf32, local>, !sched.buf<64xf32, local>
    ```
  }];
  let arguments = (ins Tegula_CombineAttr:$kind, Arg<Sched_BufType, "source", [MemRead]>:$source,
                       Arg<Sched_BufType, "destination", [MemWrite]>:$dest, I64Attr:$axis,
                       UnitAttr:$reverse, UnitAttr:$exclusive);
  let assemblyFormat = [{
    $kind $source `to` $dest `axis` $axis (`reverse` $reverse^)? (`exclusive` $exclusive^)?
    attr-dict `:` type($source) `,` type($dest)
  }];
  let hasVerifier = 1;
}

def Sched_ArgMaxOp : Sched_Op<"argmax"> {
  let summary = "position of the maximum along one axis";
  let description = [{
    As `tegula.argmax`. C1: `axis` is an axis of the source. C2: the destination
    has the source's shape without it and holds i32; neither is packed.

    ```mlir
    sched.argmax %a to %b axis 1 : !sched.buf<64x3xf32, local>, !sched.buf<64xi32, local>
    ```
  }];
  let arguments = (ins Arg<Sched_BufType, "source", [MemRead]>:$source,
                       Arg<Sched_BufType, "destination", [MemWrite]>:$dest, I64Attr:$axis);
  let assemblyFormat = "$source `to` $dest `axis` $axis attr-dict `:` type($source) `,` type($dest)";
  let hasVerifier = 1;
}

def Sched_ScalarOp : Sched_Op<"scalar"> {
  let summary = "one element of a buffer";
  let description = [{
    C1: one index per axis of a buffer that is not packed. C2: the result has
    the buffer's element type.

    ```mlir
    %x = sched.scalar %b[%i] : !sched.buf<64xf32, local> -> f32
    ```
  }];
  let arguments = (ins Arg<Sched_BufType, "source", [MemRead]>:$source, Variadic<Index>:$at);
  let results = (outs Tegula_Elem:$value);
  let assemblyFormat = "$source `[` $at `]` attr-dict `:` type($source) `->` type($value)";
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

#endif // TEGULA_DIALECT_SCHED_IR_SCHEDOPS_TD
