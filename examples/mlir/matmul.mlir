// Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// c = gelu(a·b + bias) in f32: a [M, K], b [K, N], bias [N], c [M, N], all of any size.
//
// An instance of the grid owns a 128 × 128 tile of c and streams K in steps of 64. Nothing is padded
// in memory: loads give 0 beyond a view, and stores drop what lies there.
//
//   tegulac matmul.mlir --run --bind a=300x257,b=257x200,bias=200,c=300x200 --output c=c.npy

!mv = memref<?x?xf32, strided<[?, 1], offset: ?>>
!vv = memref<?xf32, strided<[1], offset: ?>>
!ct = tensor<128x128xf32>

tegula.kernel @matmul(in %a: !mv, in %b: !mv, in %bias: !vv, out %c: !mv) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %c, %c0 : !mv
  %N = memref.dim %c, %c1 : !mv
  %K = memref.dim %a, %c1 : !mv
  %Ma = memref.dim %a, %c0 : !mv
  %Kb = memref.dim %b, %c0 : !mv
  %Nb = memref.dim %b, %c1 : !mv
  %Nv = memref.dim %bias, %c0 : !vv
  %okM = arith.cmpi eq, %Ma, %M : index
  tegula.require %okM, "M differs between 'a' and 'c'"
  %okK = arith.cmpi eq, %Kb, %K : index
  tegula.require %okK, "K differs between 'a' and 'b'"
  %okN = arith.cmpi eq, %Nb, %N : index
  tegula.require %okN, "N differs between 'b' and 'c'"
  %okV = arith.cmpi eq, %Nv, %N : index
  tegula.require %okV, "N differs between 'bias' and 'c'"
  tegula.grid (%m, %n) to (%M, %N) step (128, 128) order grouped 8 {
    %zero = arith.constant dense<0.0> : !ct
    %acc = tegula.stream %k = %c0 to %K step 64 label "k" iter_args(%sum = %zero) -> (!ct) {
      %at = tegula.load %a[%m, %k] : !mv -> tensor<128x64xf32>
      %bt = tegula.load %b[%k, %n] : !mv -> tensor<64x128xf32>
      %next = tegula.dot %at, %bt acc %sum : tensor<128x64xf32>, tensor<64x128xf32> -> !ct
      tegula.yield %next : !ct
    }
    %bt = tegula.load %bias[%n] : !vv -> tensor<128xf32>
    %bb = tegula.broadcast %bt dims [1] : tensor<128xf32> -> !ct
    %x = arith.addf %acc, %bb : !ct
    // gelu(x) = x/2 · (1 + erf(x / √2))
    %r = arith.constant dense<0.707106769> : !ct
    %half = arith.constant dense<0.5> : !ct
    %one = arith.constant dense<1.0> : !ct
    %xr = arith.mulf %x, %r : !ct
    %e = math.erf %xr : !ct
    %e1 = arith.addf %e, %one : !ct
    %xh = arith.mulf %x, %half : !ct
    %y = arith.mulf %xh, %e1 : !ct
    tegula.store %y, %c[%m, %n] : !ct, !mv
    tegula.yield
  }
  tegula.return
}
