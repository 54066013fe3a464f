//===----------------------------------------------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TRANSFORMS_PASSES_TD
#define TEGULA_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def TegulaDecomposePass : Pass<"tegula-decompose"> {
  let summary = "rewrites structured ops into plain tile ops";
  let description = [{
    Every op with the `DecomposableOpInterface` is replaced by its meaning. An
    opaque softmax state becomes its parts (m, l, acc), also where it is carried
    by a stream or merged by an `scf.if`. Policies are carried over, inner ops
    get the labels `st.max`, `st.exp`, ... A stream of order `any` gets one order.

    **Requires** verified tile programs. **Guarantees** no structured op, no
    opaque state and no order `any` is left. **Fails when** an opaque state reaches an op that knows
    nothing of it.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SplitStreamsPass : Pass<"tegula-split-streams"> {
  let summary = "splits streams into unmasked, masked and empty parts";
  let description = [{
    Most tiles of a masked stream are not masked: under a causal mask only those
    on the diagonal are, under a window those at its two ends, at a ragged end
    the last one. A comparison of tiles that is linear in the stream's position
    (sums of iotas, splats and constants, through broadcasts) holds for a whole
    tile from or up to a threshold, which is arithmetic on sizes; so does an
    `upto` limit of a load or store. The stream becomes up to three streams, at
    thresholds rounded to visited positions:

    ```
    %r = stream %n = %lo to %hi step 64 iter_args(%s = %s0) { .. select(%j < %hi, x, -inf) .. }
    ->
    %last = %lo + ceil(max(%hi - 63 - %lo, 0) / 64) * 64
    %h = stream %n = %lo to min(%last, %hi) step 64 iter_args(%s = %s0) { .. x .. }
    %r = stream %n = %last to %hi step 64 iter_args(%s = %h) { .. select(%j < %hi, x, -inf) .. }
    ```

    In the middle part the comparisons are constants, and what folds with them
    and the limits is gone. Comparisons and limits that hold on every trip, or
    on none, are folded in every part, those with a lower threshold in the last
    part as well. Where a mask of -inf leaves softmax states as
    they are, trips whose tiles are masked as a whole are not made at all.
    Streams of order `up` and `any` run their parts in order, `down` in reverse.
    Parts keep the stream's label and schedule.

    **Requires** nothing; best after `canonicalize`. **Guarantees** the same
    results, bit by bit, but that values of a trip that is masked as a whole no
    longer meet 0 * NaN. **Fails when** nothing: what is not linear stays masked.
    Run it once: the masked parts would be split again.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def SchedOrderAnchorsPass : Pass<"sched-order-anchors"> {
  let summary = "puts the anchors of a stream in the order of its schedule";
  let description = [{
    From here on position is the schedule. Anchors are moved into the order of the
    rows, what they need just before them; effects keep their order.

    **Requires** schedules that cover their streams. **Guarantees** anchors stand
    in row order. **Fails when** a row is scheduled before one that it needs.
  }];
}

def SchedVerifyPass : Pass<"sched-verify"> {
  let summary = "proves that scheduled kernels are right before they are lowered";
  let description = [{
    What a role does is a function of its trip counts, so every member of every
    role is run without data for each n = 0 ... B, B = greatest depth + greatest
    lead + 1, and the sequences of events are compared (tegula/Analysis/Schedule).
    The rules:

    1. span: an access names an open slot in the right mode, and what is read was
       not predicated off. 2. linear: slots end, or are handed on, in each
       iteration. 3. balance: all members of both ends take every slot; a ring of
       one role is drained. 4. no deadlock. 5. counters: no more commits in flight
       than are younger than the awaited one. 6. barriers: which acquires need one
       of their own (a result, and a remark). 7. copies complete as their channel
       does. 8. products: covered by waits, operands retired, slots held. 9. batons
       go round. 10. channel ops only under functions of `trips`. 11. layouts of
       products and conversions. 12. memory, 13. registers: within the target's
       budget. 14. a remark where work may be moved behind a wait. 15. copies take
       consecutive positions of their stream, and are on for each once.

    ```
    %r = wait %ch inflight 2      // the prologue filled two slots
    -> error: wait on '%ch' allows 2 commits in flight, but only 1 are younger
    ```

    **Requires** nothing; kernels without roles have nothing to prove.
    **Guarantees** that the kernel runs to its end and reads what it means to,
    whatever lands when. **Fails when** a rule is broken, at the op that breaks it.
  }];
  let options = [
    Option<"remarks", "remarks", "bool", "false", "say also what is right and slow">,
    Option<"registers", "registers", "bool", "true",
           "refuse roles that are estimated to spill (rule 13)">];
}

def HoistLoadsPass : Pass<"tegula-hoist-loads"> {
  let summary = "moves invariant loads and tile ops out of streams";
  let description = [{
    A load from an `in` view has no order and may be moved freely, which general
    loop-invariant code motion cannot know. Loads whose coordinates do not
    change, pure tile ops and scalars on them leave the stream, with what they
    need. Cheap tiles (iotas, splats, broadcasts, integer masks) are repeated
    inside rather than kept in memory.

    ```
    stream %n = .. { %q = load %v[%m] ; %e = exp %q ; .. %n .. %e .. }
    ->
    %q = load %v[%m] ; %e = exp %q ; stream %n = .. { .. %n .. %e .. }
    ```

    **Requires** nothing. **Guarantees** the same results; labels of what has
    left are gone from the stream's schedule. **Fails when** nothing.
  }];
}

def SetAssociationPass : Pass<"tegula-set-association"> {
  let summary = "decides which product of three tiles is formed first";
  let description = [{
    A `tegula.low_rank_dot` without an `association` gets the one that costs less.
    The cost of a product is its number of multiplications, on the level of
    streams where it ends up: a product of tiles from outside a stream leaves it,
    and what is done once before a stream is free beside what every trip does. So
    the number on the innermost level decides, then that of the next one.

    ```
    stream { %k = load ; %y = low_rank_dot %q, %f, trans %k }
    ->
    stream { %k = load ; %y = low_rank_dot %q, %f, trans %k association left }
    // tegula-decompose: %m = dot %q, %f ; %y = dot %m, trans %k; %m leaves the stream
    ```

    **Requires** that what is invariant has left its streams (`tegula-hoist-loads`).
    **Guarantees** every `low_rank_dot` has an association. **Fails when** nothing.
  }];
}

def FlattenProductsPass : Pass<"tegula-flatten-products"> {
  let summary = "makes products of many matrices products of one";
  let description = [{
    A `tegula.dot` of rank 3 or more becomes dots of rank 2, for machines whose fragments
    are matrices. Where one operand is a single matrix, the others' batch axes join its
    rows: one product, with the tile turned before and behind if that operand stands on
    the left. Else there is one product for each matrix of the result, whose operands are
    stretched along axes of extent 1, and their rows are joined.

    ```
    %y = dot %x, %f : tensor<4x16x32xf32>, tensor<1x32x8xf32> -> tensor<4x16x8xf32>
    ->
    %a = reshape %x : tensor<4x16x32xf32> -> tensor<64x32xf32>
    %b = reshape %f : tensor<1x32x8xf32> -> tensor<32x8xf32>
    %c = dot %a, %b : tensor<64x32xf32>, tensor<32x8xf32> -> tensor<64x8xf32>
    %y = reshape %c : tensor<64x8xf32> -> tensor<4x16x8xf32>
    ```

    **Requires** nothing. **Guarantees** dots have rank 2. **Fails when** nothing.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

def ComputeBeforeBroadcastPass : Pass<"tegula-compute-before-broadcast"> {
  let summary = "moves elementwise ops ahead of the broadcasts that they read";
  let description = [{
    An elementwise op whose tiles are all broadcasts of one form, or splats,
    computes the same number many times. It is done on what is broadcast. So
    what belongs to rows (a mean, a root of a variance) is arithmetic on a tile
    of rows, which fills vectors, and not on a tile with an axis of length 1.

    ```
    %s = broadcast %sum dims [0] : 8 -> 8x1 ; %m = divf %s, splat ; broadcast %m : 8x1 -> 8x64
    ->
    %m = divf %sum, splat ; broadcast %m dims [0] : 8 -> 8x64
    ```

    **Requires** nothing. **Guarantees** the same results. **Fails when** nothing.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def SetRescalingPass : Pass<"tegula-set-rescaling"> {
  let summary = "lets the maximum of a softmax lag, so that it is rescaled seldom";
  let description = [{
    Softmax updates without a `lag` get `threshold`: accumulators are rescaled only
    where the maximum of a row grew by more than that many powers of two
    (arXiv 2603.05451, section 3.1.4). An update from which a
    `softmax_parts` may take the exact maximum, and one whose values are of a type
    that cannot hold 2^threshold, stays as it is.

    **Requires** softmax ops that are not yet decomposed. **Guarantees** results that
    differ by the rounding of weights alone. **Fails when** the threshold is negative.
  }];
  let options = [Option<"threshold", "threshold", "double", /*default=*/"8",
                        "by how many powers of two a maximum may lag">];
}

def SetExpPolicyPass : Pass<"tegula-set-exp-policy"> {
  let summary = "decides which unit computes exponentials";
  let description = [{
    Softmax ops on f32 states, and exponentials of tiles, get the policy where
    the author gave none. `math.exp2` becomes `tegula.exp2`; so does `math.exp`
    as 2 to the x log2 e where the rounding of that product cannot be seen: on
    16-bit floats (the product is formed in f32), and on f32 under the flag
    `afn`. Other `math.exp` on f32 stay: for |x| near 80 the product would cost
    50 ulp, and every target has an exponential of that accuracy.

    **Requires** nothing. **Guarantees** no softmax op on f32 and no `math.exp2`
    on a tile of f32, f16 or bf16 is left without a policy. **Fails when** the
    degree is neither 0 (chosen by the target) nor 3 to 7.
  }];
  let options = [
    Option<"policy", "policy", "::tegula::ExpPolicy", /*default=*/"::tegula::ExpPolicy::poly",
           "the unit that computes exponentials",
           [{::llvm::cl::values(
              clEnumValN(::tegula::ExpPolicy::hw, "hw", "the special-function unit"),
              clEnumValN(::tegula::ExpPolicy::poly, "poly", "a polynomial on the FMA units"),
              clEnumValN(::tegula::ExpPolicy::mix, "mix", "a share of both"))}]>,
    Option<"degree", "degree", "int64_t", /*default=*/"0",
           "degree of the polynomial; 0 leaves it to the target">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

#endif // TEGULA_TRANSFORMS_PASSES_TD
