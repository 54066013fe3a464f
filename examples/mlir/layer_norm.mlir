// Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// y = (x - mean) / √(var + eps) · weight + bias over rows of 384 bf16 numbers: x and y [R, 384], weight
// and bias [384] in f32. An instance owns 8 rows; sums are in f32 and over centred values.
//
//   tegulac layer_norm.mlir --run --bind x=50x384,y=50x384,eps=1e-5 --output y=y.npy

!xv = memref<?x384xbf16, strided<[?, 1], offset: ?>>
!wv = memref<384xf32, strided<[1], offset: ?>>
!row = tensor<8x384xf32>
!col = tensor<8xf32>

tegula.kernel @layer_norm(in %x: !xv, in %weight: !wv, in %bias: !wv, out %y: !xv, %eps: f32) {
  %c0 = arith.constant 0 : index
  %R = memref.dim %x, %c0 : !xv
  %Ry = memref.dim %y, %c0 : !xv
  %ok = arith.cmpi eq, %R, %Ry : index
  tegula.require %ok, "R differs between 'x' and 'y'"
  tegula.grid (%r) to (%R) step (8) {
    %n = arith.constant dense<384.0> : !col
    %xb = tegula.load %x[%r, %c0] : !xv -> tensor<8x384xbf16>
    %xf = arith.extf %xb : tensor<8x384xbf16> to !row
    %sum = tegula.reduce add %xf axis 1 : !row -> !col
    %mean = arith.divf %sum, %n : !col
    %mb = tegula.broadcast %mean dims [0] : !col -> !row
    %xc = arith.subf %xf, %mb : !row
    %sq = arith.mulf %xc, %xc : !row
    %ssq = tegula.reduce add %sq axis 1 : !row -> !col
    %var = arith.divf %ssq, %n : !col
    %es = tensor.splat %eps : !col
    %ve = arith.addf %var, %es : !col
    %inv = math.rsqrt %ve : !col
    %ib = tegula.broadcast %inv dims [0] : !col -> !row
    %xn = arith.mulf %xc, %ib : !row
    %w = tegula.load %weight[%c0] : !wv -> tensor<384xf32>
    %wb = tegula.broadcast %w dims [1] : tensor<384xf32> -> !row
    %xw = arith.mulf %xn, %wb : !row
    %b = tegula.load %bias[%c0] : !wv -> tensor<384xf32>
    %bb = tegula.broadcast %b dims [1] : tensor<384xf32> -> !row
    %yf = arith.addf %xw, %bb : !row
    %yb = arith.truncf %yf : !row to tensor<8x384xbf16>
    tegula.store %yb, %y[%r, %c0] : tensor<8x384xbf16>, !xv
    tegula.yield
  }
  tegula.return
}
