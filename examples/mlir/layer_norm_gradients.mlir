// Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The derivative of layer norm over bf16 rows of 384: an instance owns `chunk` rows; it writes dx, and what its
// rows add to the gradients of weight and bias, which another launch sums over the instances. The order of
// additions depends on `chunk` alone. Shapes: x, dy and dx [R, 384], weight [384], dweight and dbias [P, 384].
//
//   tegulac layer_norm_gradients.mlir --run --bind x=50x384,dy=50x384,dx=50x384,weight=384 \
//     --bind dweight=4x384,dbias=4x384,eps=1e-5,chunk=13 --output dx=dx.npy --output dweight=dweight.npy

!xv = memref<?x384xbf16, strided<[?, 1], offset: ?>>
!wv = memref<384xf32, strided<[1], offset: ?>>
!pv = memref<?x384xf32, strided<[?, 1], offset: ?>>
!sv = memref<384xf32, strided<[1], offset: ?>>
!row = tensor<4x384xf32>
!col = tensor<4xf32>
!sum = tensor<384xf32>
tegula.kernel @layer_norm_gradients(in %x: !xv, in %dy: !xv, in %weight: !wv, out %dx: !xv, out %dweight: !pv,
                                    out %dbias: !pv, %eps: f32, %chunk: index) {
  %c0 = arith.constant 0 : index
  %R = memref.dim %x, %c0 : !xv  %P = memref.dim %dweight, %c0 : !pv
  tegula.grid (%p) to (%P) step (1) {
    %zero = arith.constant dense<0.0> : !sum
    %lo = arith.muli %p, %chunk : index  %end = arith.addi %lo, %chunk : index
    %hi = arith.minsi %end, %R : index
    %s:2 = tegula.stream %r = %lo to %hi step 4 iter_args(%dw0 = %zero, %db0 = %zero) -> (!sum, !sum) {
      %n = arith.constant dense<384.0> : !col  %c384 = arith.constant 384 : index
      %xt = tegula.load %x[%r, %c0] upto [%hi, %c384] : !xv -> tensor<4x384xbf16>
      %dt = tegula.load %dy[%r, %c0] upto [%hi, %c384] : !xv -> tensor<4x384xbf16>
      %xf = arith.extf %xt : tensor<4x384xbf16> to !row  %d = arith.extf %dt : tensor<4x384xbf16> to !row
      %sx = tegula.reduce add %xf axis 1 : !row -> !col  %mean = arith.divf %sx, %n : !col
      %mb = tegula.broadcast %mean dims [0] : !col -> !row  %xc = arith.subf %xf, %mb : !row
      %sq = arith.mulf %xc, %xc : !row  %ssq = tegula.reduce add %sq axis 1 : !row -> !col
      %var = arith.divf %ssq, %n : !col  %es = tensor.splat %eps : !col  %ve = arith.addf %var, %es : !col
      %inv = math.rsqrt %ve : !col  %ib = tegula.broadcast %inv dims [0] : !col -> !row
      %u = arith.mulf %xc, %ib : !row
      %w = tegula.load %weight[%c0] : !wv -> !sum  %wb = tegula.broadcast %w dims [1] : !sum -> !row
      %g = arith.mulf %d, %wb : !row
      %gu = arith.mulf %g, %u : !row  %sgu = tegula.reduce add %gu axis 1 : !row -> !col
      %mgu = arith.divf %sgu, %n : !col  %mgub = tegula.broadcast %mgu dims [0] : !col -> !row
      %ugu = arith.mulf %u, %mgub : !row  %t0 = arith.subf %g, %ugu : !row
      %sg = tegula.reduce add %g axis 1 : !row -> !col  %mg = arith.divf %sg, %n : !col
      %mgb = tegula.broadcast %mg dims [0] : !col -> !row  %t1 = arith.subf %t0, %mgb : !row
      %dxf = arith.mulf %ib, %t1 : !row  %dxb = arith.truncf %dxf : !row to tensor<4x384xbf16>
      tegula.store %dxb, %dx[%r, %c0] upto [%hi, %c384] : tensor<4x384xbf16>, !xv
      %du = arith.mulf %d, %u : !row  %dw = tegula.reduce add %du axis 0 : !row -> !sum
      %dw1 = arith.addf %dw0, %dw : !sum
      %db = tegula.reduce add %d axis 0 : !row -> !sum  %db1 = arith.addf %db0, %db : !sum
      tegula.yield %dw1, %db1 : !sum, !sum
    }
    %dwp = memref.subview %dweight[%p, 0] [1, 384] [1, 1] : !pv to !sv
    %dbp = memref.subview %dbias[%p, 0] [1, 384] [1, 1] : !pv to !sv
    tegula.store %s#0, %dwp[%c0] : !sum, !sv
    tegula.store %s#1, %dbp[%c0] : !sum, !sv
    tegula.yield
  }
  tegula.return
}
