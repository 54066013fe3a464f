// Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// y = gelu(x·u1·v1 + b1)·u2·v2 + b2 in f32, of ranks 96: x [M, H], u1 [H, 96], v1 [96, E], u2 [E, 96],
// v2 [96, H], b1 [E], b2 [H].
//
// An instance of the grid owns 128 rows from x to y. What it keeps on chip is of the ranks' size; the axis E
// is streamed, and no [M, E] tensor exists.
//
//   tegulac low_rank_ffn.mlir --run --bind x=200x384,u1=384x96,v1=96x1536,u2=1536x96,v2=96x384 \
//     --bind b1=1536,b2=384,y=200x384 --output y=y.npy

!wide = memref<?x?xf32, strided<[?, 1], offset: ?>>
!left = memref<?x96xf32, strided<[?, 1], offset: ?>>
!right = memref<96x?xf32, strided<[?, 1], offset: ?>>
!bias = memref<?xf32, strided<[1], offset: ?>>
!rank = tensor<128x96xf32>
!tile = tensor<128x128xf32>

tegula.kernel @low_rank_ffn(in %x: !wide, in %u1: !left, in %v1: !right, in %u2: !left, in %v2: !right, in %b1: !bias, in %b2: !bias, out %y: !wide) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %x, %c0 : !wide
  %H = memref.dim %x, %c1 : !wide
  %E = memref.dim %v1, %c1 : !right
  %Hu = memref.dim %u1, %c0 : !left
  %Eu = memref.dim %u2, %c0 : !left
  %Hv = memref.dim %v2, %c1 : !right
  %Eb = memref.dim %b1, %c0 : !bias
  %Hb = memref.dim %b2, %c0 : !bias
  %My = memref.dim %y, %c0 : !wide
  %Hy = memref.dim %y, %c1 : !wide
  %ok0 = arith.cmpi eq, %H, %Hu : index
  tegula.require %ok0, "H differs between 'x' and 'u1'"
  %ok1 = arith.cmpi eq, %E, %Eu : index
  tegula.require %ok1, "E differs between 'v1' and 'u2'"
  %ok2 = arith.cmpi eq, %E, %Eb : index
  tegula.require %ok2, "E differs between 'v1' and 'b1'"
  %ok3 = arith.cmpi eq, %Hv, %Hb : index
  tegula.require %ok3, "H differs between 'v2' and 'b2'"
  %ok4 = arith.cmpi eq, %Hv, %Hy : index
  tegula.require %ok4, "H differs between 'v2' and 'y'"
  %ok5 = arith.cmpi eq, %M, %My : index
  tegula.require %ok5, "M differs between 'x' and 'y'"
  tegula.grid (%m) to (%M) step (128) {
    %zero = arith.constant dense<0.0> : !rank
    %p = tegula.stream %c = %c0 to %H step 128 label "inner" iter_args(%sum = %zero) -> (!rank) {
      %xt = tegula.load %x[%m, %c] : !wide -> !tile
      %ut = tegula.load %u1[%c, %c0] : !left -> !rank
      %next = tegula.dot %xt, %ut acc %sum : !tile, !rank -> !rank
      tegula.yield %next : !rank
    }
    %acc = tegula.stream %c = %c0 to %E step 128 label "wide" iter_args(%sum = %zero) -> (!rank) {
      %vt = tegula.load %v1[%c0, %c] : !right -> tensor<96x128xf32>
      %bt = tegula.load %b1[%c] : !bias -> tensor<128xf32>
      %bb = tegula.broadcast %bt dims [1] : tensor<128xf32> -> !tile
      %t = tegula.dot %p, %vt acc %bb : !rank, tensor<96x128xf32> -> !tile
      // gelu(t) = t/2 · (1 + erf(t / √2)); columns past E meet rows of u2 that load as 0
      %r = arith.constant dense<0.707106769> : !tile
      %half = arith.constant dense<0.5> : !tile
      %one = arith.constant dense<1.0> : !tile
      %tr = arith.mulf %t, %r : !tile
      %e = math.erf %tr : !tile
      %e1 = arith.addf %e, %one : !tile
      %th = arith.mulf %t, %half : !tile
      %g = arith.mulf %th, %e1 : !tile
      %ut = tegula.load %u2[%c, %c0] : !left -> !rank
      %next = tegula.dot %g, %ut acc %sum : !tile, !rank -> !rank
      tegula.yield %next : !rank
    }
    tegula.stream %c = %c0 to %Hv step 128 label "outer" {
      %vt = tegula.load %v2[%c0, %c] : !right -> tensor<96x128xf32>
      %bt = tegula.load %b2[%c] : !bias -> tensor<128xf32>
      %bb = tegula.broadcast %bt dims [1] : tensor<128xf32> -> !tile
      %t = tegula.dot %acc, %vt acc %bb : !rank, tensor<96x128xf32> -> !tile
      tegula.store %t, %y[%m, %c] : !tile, !wide
      tegula.yield
    }
    tegula.yield
  }
  tegula.return
}
