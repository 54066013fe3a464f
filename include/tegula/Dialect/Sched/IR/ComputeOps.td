//===- ComputeOps.td - Products, maps, segments -----------*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_SCHED_IR_COMPUTEOPS_TD
#define TEGULA_DIALECT_SCHED_IR_COMPUTEOPS_TD

include "tegula/Dialect/Sched/IR/SchedBase.td"

def Sched_SegmentSumOp : Sched_NamedOp<"segment_sum", [AttrSizedOperandSegments]> {
  let summary = "adds each row to the row of its segment, in order";
  let description = [{
    `dest[by[e]] += source[e]` for e = 0, 1, ... in this order; ids outside the
    rows of the destination are ignored. Buffers: added onto `dest`. Fragments:
    the result is `acc` plus the rows.

    * C1: source and destination have one element type and rank, at least 1, and
      equal extents but the first.
    * C2: `by` has rank 1, holds i32, and has one id per row; nothing is packed.
    * C3: buffers only with `onto` and without a result, or fragments only with
      `acc`, whose type is the result's.

    ```mlir
    // given %x: !sched.buf<64x96xf32, local>, %seg: !sched.buf<64xi32, local>, %acc: !sched.buf<4x96xf32, local>, %f: !sched.frag<64x96xf32>, %ids: !sched.frag<64xi32>, %a: !sched.frag<4x96xf32>
    sched.segment_sum %x by %seg onto %acc
      : !sched.buf<64x96xf32, local>, !sched.buf<64xi32, local>, !sched.buf<4x96xf32, local>
    %b = sched.segment_sum %f by %ids acc %a
      : !sched.frag<64x96xf32>, !sched.frag<64xi32>, !sched.frag<4x96xf32>
    ```
  }];
  let arguments = (ins Arg<Sched_BufOrFrag, "source", [MemRead]>:$source,
                       Arg<Sched_BufOrFrag, "ids", [MemRead]>:$by,
                       Arg<Optional<Sched_BufType>, "destination", [MemRead, MemWrite]>:$dest,
                       Optional<Sched_FragType>:$acc,
                       OptionalAttr<StrAttr>:$label, OptionalAttr<StrAttr>:$ssa_name);
  let results = (outs Optional<Sched_FragType>:$result);
  let hasCustomAssemblyFormat = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$source, "::mlir::Value":$by,
                                 "::mlir::Value":$dest, "::mlir::StringAttr":$label), [{
    build($_builder, $_state, ::mlir::Type(), source, by, dest, ::mlir::Value(), label, nullptr);
  }]>];
  let hasVerifier = 1;
}

def Sched_MmaOp : Sched_NamedOp<"mma", [
    AttrSizedOperandSegments, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "a product of fragments or buffers";
  let description = [{
    `[.., M, K] . [.., K, N]`, batch axes equal to the result's or 1. `trans`
    says that an operand's tile has its last two axes swapped.

    Result in a buffer: `into` overwrites C; `onto` makes C <- scale * C + product,
    where `scale` holds one number per row of C ([M], or [.., M]). Sums start from
    zero and the block's sum is added to C once.

    Result in registers: the product, plus `acc`. `async` gives a flight, which only
    the accumulator of another product may name until `mma_wait` closes it; the
    slots it reads stay open until then. Each async product is one group; groups of
    a member complete in order.

    * C1: extents agree, as for `tegula.dot`.
    * C2: A is not packed; B may be; a packed B's `trans` equals its storage's.
    * C3: `scale` needs `onto`, and has C's element type.
    * C4: `panel` is positive.
    * C5: either `into` or `onto` a buffer, or a result; `async` and `acc` are for
      results, `panel` for buffers.
    * C6: the result is a flight if and only if the product is `async`; `acc` has
      the result's tile and layout, and is a flight only of an `async` product.
    * C7: operands in a slot are read while it is waited for.
    * C8: a buffer product's operands are buffers; `scale` may be a fragment.

    ```mlir
    // given %q: !sched.buf<128x64xf32, local>, %k: !sched.buf<256x64xf32, local, pack n32t>, %s: !sched.buf<128x256xf32, local>, %v: !sched.buf<256x64xf32, local, pack n32>, %acc: !sched.buf<128x64xf32, local>, %a: !sched.buf<128xf32, local>, %f: !sched.frag<128x64xf32>, %g: !sched.frag<64x32xf32>, %z: !sched.frag<128x32xf32>, %x: !sched.buf<128x64xf32, shared>, %y: !sched.buf<64x32xf32, shared>
    sched.mma %q, trans %k into %s label "s"
      : !sched.buf<128x64xf32, local>, !sched.buf<256x64xf32, local, pack n32t>, !sched.buf<128x256xf32, local>
    sched.mma %s, %v onto %acc scale %a : !sched.buf<128xf32, local>
      : !sched.buf<128x256xf32, local>, !sched.buf<256x64xf32, local, pack n32>, !sched.buf<128x64xf32, local>
    %p = sched.mma %f, %g acc %z : !sched.frag<128x64xf32>, !sched.frag<64x32xf32> -> !sched.frag<128x32xf32>
    %t = sched.mma async %x, %y acc %p of !sched.frag<128x32xf32>
      : !sched.buf<128x64xf32, shared>, !sched.buf<64x32xf32, shared> -> !sched.flight<128x32xf32>
    ```
  }];
  let arguments = (ins UnitAttr:$is_async, Sched_BufOrFrag:$a, Sched_BufOrFrag:$b,
                       Optional<Sched_BufType>:$c, Optional<Sched_BufOrFrag>:$scale,
                       Optional<Sched_FragOrFlight>:$acc,
                       UnitAttr:$trans_a, UnitAttr:$trans_b, UnitAttr:$accumulate,
                       OptionalAttr<I64Attr>:$panel, OptionalAttr<StrAttr>:$label,
                       OptionalAttr<StrAttr>:$ssa_name);
  let results = (outs Optional<Sched_FragOrFlight>:$result);
  let hasCustomAssemblyFormat = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$a, "::mlir::Value":$b, "::mlir::Value":$c,
                                 "::mlir::Value":$scale, "bool":$transA, "bool":$transB,
                                 "bool":$accumulate, "::mlir::IntegerAttr":$panel,
                                 "::mlir::StringAttr":$label), [{
    build($_builder, $_state, ::mlir::Type(), /*is_async=*/false, a, b, c, scale,
          /*acc=*/::mlir::Value(), transA, transB, accumulate, panel, label,
          /*ssa_name=*/nullptr);
  }]>];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The operands of a product into a buffer.
    BufType getBufA() { return ::llvm::cast<BufType>(getA().getType()); }
    BufType getBufB() { return ::llvm::cast<BufType>(getB().getType()); }
    BufType getBufC() { return ::llvm::cast<BufType>(getC().getType()); }
  }];
}

def Sched_MmaWaitOp : Sched_NamedOp<"mma_wait", [
    AttrSizedOperandSegments,
    InferTypeOpAdaptor]> {
  let summary = "closes products in flight";
  let description = [{
    Covers all groups but the `inflight` youngest of the member; the flights it
    names become readable as its results, one fragment each. Without flights it
    only orders. `retire` lists the operand fragments of the groups that it closes:
    the registers they stand in may be written again.

    * C1: the count is not negative.
    * C2: stands in a role.

    ```mlir
    // in a role, given %x: f32
    %f = sched.splat %x : f32 -> !sched.frag<64x64xf32>
    %t = sched.mma async %f, %f
      : !sched.frag<64x64xf32>, !sched.frag<64x64xf32> -> !sched.flight<64x64xf32>
    %s = sched.mma_wait %t inflight 0 retire(%f : !sched.frag<64x64xf32>) : !sched.flight<64x64xf32>
    ```
  }];
  let arguments = (ins Variadic<Sched_FlightType>:$flights, I64Attr:$inflight,
                       Variadic<Sched_FragType>:$retired, OptionalAttr<StrAttr>:$ssa_name);
  let results = (outs Variadic<Sched_FragType>:$fragments);
  let assemblyFormat = [{
    `` custom<SsaName>($ssa_name) ($flights^)? `inflight` $inflight
    (`retire` `(` $retired^ `:` type($retired) `)`)? attr-dict (`:` type($flights)^)?
  }];
  let hasVerifier = 1;
}

def Sched_DiffersOp : Sched_Op<"differs", [Pure]> {
  let summary = "whether an element is another number than the given one";
  let description = [{
    For maps that leave their operand as it is where all factors are 1, or all terms 0.
    On a machine with warps each warp answers for the elements that it holds, so
    the answer may differ between warps.

    * C1: `value` is of the element type of `x`, a float.
    * C2: the answer is `when` of maps without `along`, and nothing else.

    ```mlir
    // given %a: !sched.frag<128xf32>, %acc: !sched.frag<128x64xf32>
    %some = sched.differs %a from 1.0 : f32 : !sched.frag<128xf32>
    %r = sched.map domain [128, 64] ins(%x = %acc, %f = %a
        : !sched.frag<128x64xf32>, !sched.frag<128xf32>) when %some -> !sched.frag<128x64xf32> {
      %g = tegula.broadcast %f dims [0] : tensor<128xf32> -> tensor<128x64xf32>
      %y = arith.mulf %x, %g : tensor<128x64xf32>
      sched.yield %y : tensor<128x64xf32>
    }
    ```
  }];
  let arguments = (ins AnyTypeOf<[Tegula_Tile, Sched_FragType]>:$x, TypedAttrInterface:$value);
  let results = (outs I1:$result);
  let assemblyFormat = "$x `from` $value attr-dict `:` type($x)";
  let hasVerifier = 1;
}

def Sched_MapOp : Sched_NamedOp<"map", [
    AttrSizedOperandSegments, SingleBlock, RecursiveMemoryEffects,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "a fused chain of elementwise ops, with reductions of one axis";
  let description = [{
    The body computes on tiles, once for each point of `domain`: elementwise ops
    of the domain's shape; broadcasts of block arguments, `iota`, splats and
    constants, in any shape that a broadcast or the domain needs; and reductions
    along one axis of the domain, whose results may only be yielded. Scalars are
    taken from above.

    Three forms. *Values*: operands are tiles and so are the results. *Buffers*:
    operands are buffers, there are no results, and what is yielded goes to
    `outs`, in order; an operand may be one of the outs if the body reads it at
    the point it writes only. *Fragments*: operands are fragments and so are the
    results; what is yielded beyond the results goes to `outs`.

    `along` names the reduced axis and lifts two rules: reductions may be used
    inside the map that forms them, and what has the domain's shape without that
    axis may be yielded. A machine with registers runs this as it stands; for a
    CPU maps are cut behind each reduction first.

    `when` (uniform) skips the map: result i is then operand i, and outs keep what
    they hold.

    * C1: one block argument per operand, of the operand's tile type.
    * C2: every yielded tile has the domain's shape, or is the result of a
      `tegula.reduce` of it; all such reductions share one axis. With `along` it
      has the domain's shape, with or without that axis.
    * C3: as many results and outs as yielded tiles, of their types; outs are not
      packed.
    * C4: values: results only. Fragments: fragments as operands and results.
    * C5: the body holds no memory access and no nested region.
    * C6: with `along`, an axis of the domain, reductions of tiles of the domain's
      rank reduce that axis.
    * C7: with `when`, the first operands have the types of the results.

    ```mlir
    // given %S: !sched.buf<128x256xf32, local>, %M: !sched.buf<128xf32, local>, %scale: f32, %f: !sched.frag<64x32xf32>
    sched.map domain [128, 256] ins(%s = %S : !sched.buf<128x256xf32, local>)
        outs(%S, %M : !sched.buf<128x256xf32, local>, !sched.buf<128xf32, local>) {
      %c = tensor.splat %scale : tensor<128x256xf32>
      %x = arith.mulf %s, %c : tensor<128x256xf32>
      %m = tegula.reduce max %x axis 1 : tensor<128x256xf32> -> tensor<128xf32>
      sched.yield %x, %m : tensor<128x256xf32>, tensor<128xf32>
    }
    %y = sched.map domain [64, 32] along 1 ins(%x = %f : !sched.frag<64x32xf32>)
        -> !sched.frag<64x32xf32> {
      %m = tegula.reduce max %x axis 1 : tensor<64x32xf32> -> tensor<64xf32>
      %b = tegula.broadcast %m dims [0] : tensor<64xf32> -> tensor<64x32xf32>
      %d = arith.subf %x, %b : tensor<64x32xf32>
      sched.yield %d : tensor<64x32xf32>
    }
    ```
  }];
  // A map that writes no buffer is pure, whatever it reads; one that does is never dead.
  let arguments = (ins DenseI64ArrayAttr:$domain, OptionalAttr<I64Attr>:$along,
                       Arg<Variadic<Sched_MapOperand>, "what it reads", [MemRead]>:$ins,
                       Arg<Variadic<Sched_BufType>, "where results go", [MemWrite]>:$outs,
                       Optional<I1>:$when, OptionalAttr<StrAttr>:$label,
                       OptionalAttr<StrAttr>:$ssa_name);
  let results = (outs Variadic<Sched_MapResult>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::TypeRange":$results,
                                 "::llvm::ArrayRef<int64_t>":$domain, "::mlir::ValueRange":$ins,
                                 "::mlir::ValueRange":$outs, "::mlir::StringAttr":$label), [{
    build($_builder, $_state, results, domain, /*along=*/nullptr, ins, outs,
          /*when=*/::mlir::Value(), label, /*ssa_name=*/nullptr);
  }]>];
  let extraClassDeclaration = [{
    ::tegula::sched::YieldOp getYield();
    /// True where an operand or result is a fragment.
    bool isOnFragments();
  }];
}

def Sched_TakeOp : Sched_Op<"take", [Pure]> {
  let summary = "rows of a small tile by index";
  let description = [{
    Row i of the result is row `by[i]` of the source; an index outside it is moved
    to the nearest row. For bodies of maps; `tensor.gather` would want indices of
    another rank and leaves wrong ones undefined.

    * C1: source and result have one rank, at least 1, one element type, and equal
      extents but the first.
    * C2: `by` has one i32 per row of the result.

    ```mlir
    // given %x: tensor<4x3xf32>, %i: tensor<64xi32>
    %r = sched.take %x by %i : tensor<4x3xf32>, tensor<64xi32> -> tensor<64x3xf32>
    ```
  }];
  let arguments = (ins Tegula_Tile:$source, Tegula_IndexVector:$by);
  let results = (outs Tegula_Tile:$result);
  let assemblyFormat = [{
    $source `by` $by attr-dict `:` type($source) `,` type($by) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Sched_ConvertOp : Sched_NamedOp<"convert", [
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "the same values in another layout";
  let description = [{
    `free`: a change of name. `shuffle`: within warps. `shared`: through a scratch
    buffer and a barrier. The class stands in the IR so that its cost is seen; the
    verifier of schedules computes it again.

    * C1: the tiles are equal.
    * C2: `shared` has a scratch buffer, the others have none.

    ```mlir
    // given %f: !sched.frag<128x64xbf16>
    %p = sched.convert %f free : !sched.frag<128x64xbf16> -> !sched.frag<128x64xbf16>
    ```
  }];
  let arguments = (ins Sched_FragType:$source, Sched_ConversionAttr:$cost,
                       Optional<Sched_BufType>:$scratch, OptionalAttr<StrAttr>:$ssa_name);
  let results = (outs Sched_FragType:$result);
  let assemblyFormat = [{
    `` custom<SsaName>($ssa_name) $source `` $cost (`using` $scratch^ `:` type($scratch))?
    attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Sched_FinishOp : Sched_Op<"finish"> {
  let summary = "these values are computed before the next asynchronous wait";
  let description = [{
    Nothing else. Lowers to a data gate where a chip's assembler moves waits, to
    nothing elsewhere.

    ```mlir
    // given %f: !sched.frag<64x1xf32>
    sched.finish %f : !sched.frag<64x1xf32>
    ```
  }];
  let arguments = (ins Variadic<Sched_FragType>:$values);
  let assemblyFormat = "$values attr-dict `:` type($values)";
}

def Sched_ScanOp : Sched_Op<"scan"> {
  let summary = "running combination along one axis";
  let description = [{
    As `tegula.scan`; source and destination may be one buffer. C1: `axis` is an
    axis. C2: the tiles have one type and are not packed. C3: from a buffer into a
    buffer, or from a fragment to a fragment.

    ```mlir
    // given %a: !sched.buf<64xf32, local>, %b: !sched.buf<64xf32, local>, %f: !sched.frag<64xf32>
    sched.scan add %a to %b axis 0 reverse exclusive
      : !sched.buf<64xf32, local>, !sched.buf<64xf32, local>
    %r = sched.scan add %f axis 0 : !sched.frag<64xf32> -> !sched.frag<64xf32>
    ```
  }];
  let arguments = (ins Tegula_CombineAttr:$kind,
                       Arg<Sched_BufOrFrag, "source", [MemRead]>:$source,
                       Arg<Optional<Sched_BufType>, "destination", [MemWrite]>:$dest,
                       I64Attr:$axis, UnitAttr:$reverse, UnitAttr:$exclusive);
  let results = (outs Optional<Sched_FragType>:$result);
  let assemblyFormat = [{
    $kind $source (`to` $dest^)? `axis` $axis (`reverse` $reverse^)? (`exclusive` $exclusive^)?
    attr-dict `:` type($source) (`,` type($dest)^)? (`->` type($result)^)?
  }];
  let builders = [OpBuilder<(ins "::tegula::Combine":$kind, "::mlir::Value":$source,
                                 "::mlir::Value":$dest, "int64_t":$axis, "bool":$reverse,
                                 "bool":$exclusive), [{
    build($_builder, $_state, ::mlir::Type(), kind, source, dest, axis, reverse, exclusive);
  }]>];
  let hasVerifier = 1;
}

def Sched_ArgMaxOp : Sched_Op<"argmax"> {
  let summary = "position of the maximum along one axis";
  let description = [{
    As `tegula.argmax`. C1: `axis` is an axis of the source. C2: the destination
    has the source's shape without it and holds i32; neither is packed. C3: from a
    buffer into a buffer, or from a fragment to a fragment.

    ```mlir
    // given %a: !sched.buf<64x3xf32, local>, %b: !sched.buf<64xi32, local>, %f: !sched.frag<64x3xf32>
    sched.argmax %a to %b axis 1 : !sched.buf<64x3xf32, local>, !sched.buf<64xi32, local>
    %r = sched.argmax %f axis 1 : !sched.frag<64x3xf32> -> !sched.frag<64xi32>
    ```
  }];
  let arguments = (ins Arg<Sched_BufOrFrag, "source", [MemRead]>:$source,
                       Arg<Optional<Sched_BufType>, "destination", [MemWrite]>:$dest,
                       I64Attr:$axis);
  let results = (outs Optional<Sched_FragType>:$result);
  let assemblyFormat = [{
    $source (`to` $dest^)? `axis` $axis attr-dict
    `:` type($source) (`,` type($dest)^)? (`->` type($result)^)?
  }];
  let builders = [OpBuilder<(ins "::mlir::Value":$source, "::mlir::Value":$dest,
                                 "int64_t":$axis), [{
    build($_builder, $_state, ::mlir::Type(), source, dest, axis);
  }]>];
  let hasVerifier = 1;
}

#endif // TEGULA_DIALECT_SCHED_IR_COMPUTEOPS_TD
