// Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// y = x / √(mean(x²) + eps) · weight over rows of 1000 f32 numbers: x and y [R, 1000], weight [1000].
//
// 1000 is no multiple of a vector: the tile has 1024 columns, the last 24 load as 0, add nothing to the
// sum, and are not stored.
//
//   tegulac rms_norm.mlir --run --bind x=50x1000,y=50x1000,eps=1e-6 --output y=y.npy

!xv = memref<?x1000xf32, strided<[?, 1], offset: ?>>
!wv = memref<1000xf32, strided<[1], offset: ?>>
!row = tensor<4x1024xf32>
!col = tensor<4xf32>

tegula.kernel @rms_norm(in %x: !xv, in %weight: !wv, out %y: !xv, %eps: f32) {
  %c0 = arith.constant 0 : index
  %R = memref.dim %x, %c0 : !xv
  %Ry = memref.dim %y, %c0 : !xv
  %ok = arith.cmpi eq, %R, %Ry : index
  tegula.require %ok, "R differs between 'x' and 'y'"
  tegula.grid (%r) to (%R) step (4) {
    %xt = tegula.load %x[%r, %c0] : !xv -> !row
    %sq = arith.mulf %xt, %xt : !row
    %sum = tegula.reduce add %sq axis 1 : !row -> !col
    %n = arith.constant dense<1000.0> : !col
    %mean = arith.divf %sum, %n : !col
    %es = tensor.splat %eps : !col
    %me = arith.addf %mean, %es : !col
    %inv = math.rsqrt %me : !col
    %ib = tegula.broadcast %inv dims [0] : !col -> !row
    %xn = arith.mulf %xt, %ib : !row
    %w = tegula.load %weight[%c0] : !wv -> tensor<1024xf32>
    %wb = tegula.broadcast %w dims [1] : tensor<1024xf32> -> !row
    %yt = arith.mulf %xn, %wb : !row
    tegula.store %yt, %y[%r, %c0] : !row, !xv
    tegula.yield
  }
  tegula.return
}
