//===- MoveOps.td - Copies, loads, stores -----------------*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_SCHED_IR_MOVEOPS_TD
#define TEGULA_DIALECT_SCHED_IR_MOVEOPS_TD

include "tegula/Dialect/Sched/IR/SchedBase.td"

def Sched_CopyOp : Sched_Op<"copy", [AttrSizedOperandSegments]> {
  let summary = "a tile from a view or a buffer into a buffer";
  let description = [{
    From a view: element (i0, i1, ...) of the buffer's tile becomes
    `view[at0 + i0, ...]` where every coordinate c of axis a satisfies
    0 <= c < min(size of axis a, upto[a]), else `pad` (0 without one); nothing
    outside those bounds is read. From a buffer: all of it, changing the storage
    (`pack`). The target converts 16-bit elements to what it holds them as.

    With an engine the destination is a part of an acquired slot, and the copy is
    asynchronous until a wait of its channel: `bulk` (tensor map), `async` (16
    bytes a lane), `direct` (without registers); `pack` is synchronous and changes
    the storage. `where` (a function of `trips`) drops the transfer, *but the copy
    and its commit still count*: that is why every wait count is a constant.

    `by`: row i of the destination is row `by[i]` of the view; a row out of bounds
    (-1) is all `pad`. Addresses are read at issue.

    * C1: from a view: as many offsets as its rank, which is the buffer's; with
      `by` one less, as the first axis goes by index.
    * C2: `upto` is absent or has one limit per offset.
    * C3: from a buffer: no offsets, limits, `by` or pad; the tiles are equal.
    * C4: element types agree.
    * C5: the destination of an engine is a part of an acquired slot, or a box of
      one; that of a plain copy is not `shared`.
    * C6: the engine completes as the channel's kind: `bulk` as `tx`, `async` as
      `fifo` or `arrive`, `direct` as `fifo`, `pack` as `sync`.
    * C7: `by` holds one i32 per row of the destination, and lies in a part of a
      waited slot or in `local` memory.

    ```mlir
    // in a role, given in %v: memref<?x64xf32>, %n: index, %on: i1
    sched.copy %v[%n, %c0] to %local label "at" : memref<?x64xf32>, !sched.buf<64x64xf32, local>
    %w = sched.acquire %ch : !chan
    %b = sched.part %w[0] : !sched.slot<acquired, !chan>
    sched.copy async %v[%n, %c0] to %b where %on label "kt"
      : memref<?x64xf32>, !sched.buf<64x64xf32, shared>
    sched.commit %w : !sched.slot<acquired, !chan>
    ```
  }];
  let arguments = (ins OptionalAttr<Sched_EngineAttr>:$engine,
                       Arg<Sched_BufOrView, "source", [MemRead]>:$source, Variadic<Index>:$at,
                       Arg<Optional<Sched_BufType>, "row indices", [MemRead]>:$by,
                       Variadic<Index>:$upto, Optional<Tegula_Elem>:$pad,
                       Arg<Sched_BufType, "destination", [MemWrite]>:$dest,
                       Optional<I1>:$where, OptionalAttr<StrAttr>:$label);
  let assemblyFormat = [{
    `` custom<Engine>($engine) $source (`[` $at^ `]`)? (`by` $by^ `:` type($by))?
    (`upto` ` ` `[` $upto^ `]`)? (`pad` $pad^ `:` type($pad))?
    `to` $dest (`where` $where^)? (`label` $label^)? attr-dict
    `:` type($source) `,` type($dest)
  }];
  let builders = [OpBuilder<(ins "::mlir::Value":$source, "::mlir::ValueRange":$at,
                                 "::mlir::ValueRange":$upto, "::mlir::Value":$pad,
                                 "::mlir::Value":$dest, "::mlir::StringAttr":$label), [{
    build($_builder, $_state, /*engine=*/nullptr, source, at, /*by=*/::mlir::Value(), upto, pad,
          dest, /*where=*/::mlir::Value(), label);
  }]>];
  let hasVerifier = 1;
}

def Sched_LoadOp : Sched_NamedOp<"load", [AttrSizedOperandSegments]> {
  let summary = "a fragment from a slot, a buffer or a view";
  let description = [{
    From a buffer: all of it; `trans` swaps the last two axes. From a view: as a
    copy, with offsets, limits, `pad` and `where`; where that does not hold every
    element is `pad`; with `by` position i along `axis` (the first, if none is named)
    is position `by[i]` of the view. A load from a view is the first half of a copy
    through registers. `ahead n`: expanded atom by atom into its consumer, n steps
    before it; it then holds n + 1 steps of registers, not the tile.

    * C1: from a view: as many offsets as its rank, which is the fragment's; with
      `by` one less. `upto` is absent or has one limit per offset.
    * C2: from a buffer: no offsets, limits, `by`, pad or `where`; the buffer's
      tile, transposed or not, is the fragment's.
    * C3: element types agree; `trans` needs rank 2.
    * C4: a part of a slot is read while the slot is waited for.
    * C5: `ahead` is not negative.
    * C6: `by` holds one i32 per position along `axis`, an axis of the view; there is
      no `axis` without it.

    ```mlir
    // given %b: !sched.buf<128x64xbf16, shared>, %v: memref<?x64xf32>, %n: index, %c0: index, %hi: index, %d: index, %j: !sched.frag<64xi32>
    %f = sched.load %b trans ahead 2
      : !sched.buf<128x64xbf16, shared> -> !sched.frag<64x128xbf16>
    %g = sched.load %v[%n, %c0] upto [%hi, %d] : memref<?x64xf32> -> !sched.frag<32x64xf32>
    %h = sched.load %v[%n] by %j : !sched.frag<64xi32> axis 1 : memref<?x64xf32> -> !sched.frag<32x64xf32>
    ```
  }];
  let arguments = (ins Arg<Sched_BufOrView, "source", [MemRead]>:$source, Variadic<Index>:$at,
                       Arg<Optional<Sched_BufOrFrag>, "indices", [MemRead]>:$by,
                       OptionalAttr<I64Attr>:$axis, Variadic<Index>:$upto, Optional<Tegula_Elem>:$pad, UnitAttr:$trans,
                       OptionalAttr<I64Attr>:$ahead, Optional<I1>:$where,
                       OptionalAttr<StrAttr>:$label, OptionalAttr<StrAttr>:$ssa_name);
  let results = (outs Sched_FragType:$fragment);
  let assemblyFormat = [{
    `` custom<SsaName>($ssa_name) $source (`[` $at^ `]`)? (`by` $by^ `:` type($by))? (`axis` $axis^)?
    (`trans` $trans^)? (`upto` ` ` `[` $upto^ `]`)? (`pad` $pad^ `:` type($pad))? (`ahead` $ahead^)?
    (`where` $where^)? (`label` $label^)? attr-dict `:` type($source) `->` type($fragment)
  }];
  let hasVerifier = 1;
}

def Sched_StoreOp : Sched_Op<"store", [AttrSizedOperandSegments]> {
  let summary = "a buffer's tile or a fragment into a view or a slot";
  let description = [{
    To a view: elements out of bounds (as for `sched.copy`) are dropped. A
    fragment goes to a view, or to a part of an acquired slot (or another buffer)
    as ordinary writes. `trans` swaps the last two axes. `where` drops the store.

    * C1: to a view: as many offsets as its rank, which is the source's; `upto` is
      absent or has one limit per axis.
    * C2: to a buffer: the source is a fragment whose tile, transposed or not, is
      the buffer's; no offsets and limits.
    * C3: the source is not packed; element types agree; `trans` and `where` are
      for fragments, `trans` needs rank 2.
    * C4: a slot that is stored to is acquired, and its channel completes as
      `sync` or `arrive`.

    ```mlir
    // given %b: !sched.buf<128x64xf32, local>, %v: memref<?x64xf32>, %m: index, %c0: index, %f: !sched.frag<64x128xf32>, %w: !sched.buf<128x64xf32, local>
    sched.store %b to %v[%m, %c0] : !sched.buf<128x64xf32, local>, memref<?x64xf32>
    sched.store %f trans to %w : !sched.frag<64x128xf32>, !sched.buf<128x64xf32, local>
    ```
  }];
  let arguments = (ins Arg<Sched_BufOrFrag, "source", [MemRead]>:$source,
                       Arg<Sched_BufOrView, "destination", [MemWrite]>:$dest,
                       Variadic<Index>:$at, Variadic<Index>:$upto, UnitAttr:$trans,
                       Optional<I1>:$where, OptionalAttr<StrAttr>:$label);
  let assemblyFormat = [{
    $source (`trans` $trans^)? `to` $dest (`[` $at^ `]`)? (`upto` ` ` `[` $upto^ `]`)?
    (`where` $where^)? (`label` $label^)? attr-dict `:` type($source) `,` type($dest)
  }];
  let builders = [OpBuilder<(ins "::mlir::Value":$source, "::mlir::Value":$dest,
                                 "::mlir::ValueRange":$at, "::mlir::ValueRange":$upto,
                                 "::mlir::StringAttr":$label), [{
    build($_builder, $_state, source, dest, at, upto, /*trans=*/false,
          /*where=*/::mlir::Value(), label);
  }]>];
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
    // given %v: memref<?x64xf32>, %c0: index, %j: !sched.buf<32xi32, local>, %b: !sched.buf<32x64xf32, local>
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
  let summary = "a tile into a view, one axis by index";
  let description = [{
    As `tegula.scatter`: what is out of bounds is dropped.

    * C1: `axis` is an axis of the view; one offset, and one limit or none, for
      each other axis.
    * C2: the tile has the view's rank and element type, and one element along
      `axis` per index; `by` has rank 1 and holds i32; neither is packed. Both are
      buffers, or fragments.

    ```mlir
    // given %v: memref<?x64xf32>, %c0: index, %j: !sched.buf<32xi32, local>, %b: !sched.buf<32x64xf32, local>
    sched.scatter %b to %v[%c0] by %j axis 0
      : !sched.buf<32x64xf32, local>, memref<?x64xf32>, !sched.buf<32xi32, local>
    ```
  }];
  let arguments = (ins Arg<Sched_BufOrFrag, "source", [MemRead]>:$source,
                       Arg<Tegula_View, "destination", [MemWrite]>:$view, Variadic<Index>:$at,
                       Arg<Sched_BufOrFrag, "indices", [MemRead]>:$by, I64Attr:$axis,
                       Variadic<Index>:$upto, OptionalAttr<StrAttr>:$label);
  let assemblyFormat = [{
    $source `to` $view `[` $at `]` `by` $by `axis` $axis (`upto` ` ` `[` $upto^ `]`)?
    (`label` $label^)? attr-dict `:` type($source) `,` type($view) `,` type($by)
  }];
  let hasVerifier = 1;
}

def Sched_ReduceStoreOp : Sched_Op<"reduce_store", [AttrSizedOperandSegments]> {
  let summary = "combines a tile with what a view holds";
  let description = [{
    As `tegula.reduce_store`; elements out of bounds are dropped. Where it is not
    `atomic`, the grid runs its instances in order.

    * C1: as many offsets as the view's rank, which is the tile's; `upto` is
      absent or has one limit per axis; element types agree.
    * C2: the tile is not packed and holds f64, f32, i64 or i32.
    * C3: without `atomic`, the order of the grid is `sequential`.

    ```mlir
    // given %b: !sched.buf<128x64xi32, local>, %v: memref<?x64xi32>, %m: index, %c0: index
    sched.reduce_store max %b to %v[%m, %c0] atomic
      : !sched.buf<128x64xi32, local>, memref<?x64xi32>
    ```
  }];
  let arguments = (ins Tegula_CombineAttr:$kind, Arg<Sched_BufOrFrag, "source", [MemRead]>:$source,
                       Arg<Tegula_View, "destination", [MemRead, MemWrite]>:$view,
                       Variadic<Index>:$at, Variadic<Index>:$upto, UnitAttr:$atomic,
                       OptionalAttr<StrAttr>:$label);
  let assemblyFormat = [{
    $kind $source `to` $view `[` $at `]` (`upto` ` ` `[` $upto^ `]`)? (`atomic` $atomic^)?
    (`label` $label^)? attr-dict `:` type($source) `,` type($view)
  }];
  let hasVerifier = 1;
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
    // given %a: !sched.buf<4x16xf32, local>, %b: !sched.buf<8x4xf32, local>
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
    C1: as many elements on both sides, of one type; neither is packed. C2: from a
    buffer into a buffer, or from a fragment to a fragment.

    ```mlir
    // given %a: !sched.buf<4x16xf32, local>, %b: !sched.buf<64xf32, local>, %f: !sched.frag<4x16xf32>
    sched.reshape %a to %b : !sched.buf<4x16xf32, local>, !sched.buf<64xf32, local>
    %r = sched.reshape %f : !sched.frag<4x16xf32> -> !sched.frag<64xf32>
    ```
  }];
  let arguments = (ins Arg<Sched_BufOrFrag, "source", [MemRead]>:$source,
                       Arg<Optional<Sched_BufType>, "destination", [MemWrite]>:$dest);
  let results = (outs Optional<Sched_FragType>:$result);
  let assemblyFormat = [{
    $source (`to` $dest^)? attr-dict `:` type($source) (`,` type($dest)^)? (`->` type($result)^)?
  }];
  let builders = [OpBuilder<(ins "::mlir::Value":$source, "::mlir::Value":$dest), [{
    build($_builder, $_state, ::mlir::Type(), source, dest);
  }]>];
  let hasVerifier = 1;
}

def Sched_CutOp : Sched_Op<"cut", [Pure]> {
  let summary = "a box of a fragment, axes permuted";
  let description = [{
    `result[i] = source[at + j]` with `j[perm[a]] = i[a]`: slices and transposes.
    What it costs depends on the layouts of both.

    * C1: offsets and perm have the fragments' rank, which is one; perm is a
      permutation.
    * C2: the box lies inside the source. C3: element types agree.

    ```mlir
    // given %f: !sched.frag<4x16xf32>
    %r = sched.cut %f at [0, 8] perm [1, 0] : !sched.frag<4x16xf32> -> !sched.frag<8x4xf32>
    ```
  }];
  let arguments = (ins Sched_FragType:$source, DenseI64ArrayAttr:$at, DenseI64ArrayAttr:$perm);
  let results = (outs Sched_FragType:$result);
  let assemblyFormat = [{
    $source `at` $at `perm` $perm attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Sched_ConcatOp : Sched_Op<"concat", [Pure]> {
  let summary = "fragments one behind the other along an axis";
  let description = [{
    C1: `axis` is an axis of the result. C2: the parts have the result's rank,
    element type and other extents, and their extents along the axis add up.

    ```mlir
    // given %f: !sched.frag<4x16xf32>, %g: !sched.frag<4x8xf32>
    %r = sched.concat %f, %g axis 1
      : !sched.frag<4x16xf32>, !sched.frag<4x8xf32> -> !sched.frag<4x24xf32>
    ```
  }];
  let arguments = (ins Variadic<Sched_FragType>:$parts, I64Attr:$axis);
  let results = (outs Sched_FragType:$result);
  let assemblyFormat = "$parts `axis` $axis attr-dict `:` type($parts) `->` type($result)";
  let hasVerifier = 1;
}

def Sched_ScalarOp : Sched_NamedOp<"scalar"> {
  let summary = "one element of a buffer, a view or a fragment";
  let description = [{
    C1: one index per axis of a view, of a fragment, or of a buffer that is not
    packed. C2: the result has the source's element type.

    ```mlir
    // given %b: !sched.buf<64xf32, local>, %i: index, %f: !sched.frag<f32>
    %x = sched.scalar %b[%i] : !sched.buf<64xf32, local> -> f32
    %y = sched.scalar %f[] : !sched.frag<f32> -> f32
    ```
  }];
  let arguments = (ins Arg<AnyTypeOf<[Sched_BufType, Tegula_View, Sched_FragType]>, "source",
                           [MemRead]>:$source,
                       Variadic<Index>:$at, OptionalAttr<StrAttr>:$ssa_name);
  let results = (outs Tegula_Elem:$value);
  let assemblyFormat = [{
    `` custom<SsaName>($ssa_name) $source `[` $at `]` attr-dict `:` type($source) `->` type($value)
  }];
  let builders = [OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$source,
                                 "::mlir::ValueRange":$at), [{
    build($_builder, $_state, type, source, at, /*ssa_name=*/nullptr);
  }]>];
  let hasVerifier = 1;
}

def Sched_FillOp : Sched_Op<"fill"> {
  let summary = "one number everywhere in a buffer";
  let description = [{
    C1: the number has the buffer's element type. C2: the buffer is not packed.

    ```mlir
    // given %b: !sched.buf<128x64xf32, local>, %x: f32
    sched.fill %b with %x : f32, !sched.buf<128x64xf32, local>
    ```
  }];
  let arguments = (ins Arg<Sched_BufType, "destination", [MemWrite]>:$dest, Tegula_Elem:$value);
  let assemblyFormat = "$dest `with` $value attr-dict `:` type($value) `,` type($dest)";
  let hasVerifier = 1;
}

def Sched_SplatOp : Sched_NamedOp<"splat", [Pure]> {
  let summary = "one number everywhere in a fragment";
  let description = [{
    C1: the number has the fragment's element type.

    ```mlir
    // given %x: f32
    %z = sched.splat %x : f32 -> !sched.frag<128x64xf32>
    ```
  }];
  let arguments = (ins Tegula_Elem:$value, OptionalAttr<StrAttr>:$ssa_name);
  let results = (outs Sched_FragType:$fragment);
  let assemblyFormat = [{
    `` custom<SsaName>($ssa_name) $value attr-dict `:` type($value) `->` type($fragment)
  }];
  let hasVerifier = 1;
}

#endif // TEGULA_DIALECT_SCHED_IR_MOVEOPS_TD
