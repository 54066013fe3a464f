// Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Causal attention over bf16 heads of 64, the listing of the language page word for word; `right` is 0
// for plain causal attention. Shapes: q [B, H, M, 64], k and v [B, HK, N, 64], o like q, lse [B, H, M].
//
//   tegulac attention.mlir --run --bind q=1x2x100x64,k=1x1x130x64,v=1x1x130x64,o=1x2x100x64 \
//     --bind lse=1x2x100,scale=0.125,right=0 --output o=o.npy

!qv = memref<?x?x?x64xbf16, strided<[?, ?, ?, 1], offset: ?>>
!rv = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!lv = memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>
!st = !tegula.softmax<128x64xf32>
tegula.kernel @attention_fwd(in %q: !qv, in %k: !qv, in %v: !qv, out %o: !qv, out %lse: !lv, %scale: f32, %right: index) {
  %c0 = arith.constant 0 : index  %c1 = arith.constant 1 : index  %c2 = arith.constant 2 : index  %c64 = arith.constant 64 : index
  %B = memref.dim %q, %c0 : !qv  %H = memref.dim %q, %c1 : !qv  %M = memref.dim %q, %c2 : !qv
  %HK = memref.dim %k, %c1 : !qv  %N = memref.dim %k, %c2 : !qv
  %rem = arith.remui %H, %HK : index  %ok = arith.cmpi eq, %rem, %c0 : index
  tegula.require %ok, "H must be a multiple of HK"
  tegula.grid (%m, %h, %b) to (%M, %H, %B) step (128, 1, 1) {
    %g = arith.divui %H, %HK : index  %hk = arith.divui %h, %g : index  %off = arith.subi %N, %M : index
    %qh = memref.subview %q[%b, %h, 0, 0] [1, 1, %M, 64] [1, 1, 1, 1] : !qv to !rv
    %kh = memref.subview %k[%b, %hk, 0, 0] [1, 1, %N, 64] [1, 1, 1, 1] : !qv to !rv
    %vh = memref.subview %v[%b, %hk, 0, 0] [1, 1, %N, 64] [1, 1, 1, 1] : !qv to !rv
    %oh = memref.subview %o[%b, %h, 0, 0] [1, 1, %M, 64] [1, 1, 1, 1] : !qv to !rv
    %lh = memref.subview %lse[%b, %h, 0] [1, 1, %M] [1, 1, 1] : !lv to memref<?xf32, strided<[1], offset: ?>>
    %qt = tegula.load %qh[%m, %c0] : !rv -> tensor<128x64xbf16>
    %st0 = tegula.softmax_init : !st
    %mo = arith.addi %m, %off : index                                                   // causal
    %c128 = arith.constant 128 : index  %e0 = arith.addi %mo, %c128 : index             // causal
    %e1 = arith.addi %e0, %right : index  %hi = arith.minsi %N, %e1 : index             // causal
    %st = tegula.stream %n = %c0 to %hi step 64 order any iter_args(%s0 = %st0) -> (!st) {
      %kt = tegula.load %kh[%n, %c0] upto [%hi, %c64] : !rv -> tensor<64x64xbf16>
      %vt = tegula.load %vh[%n, %c0] upto [%hi, %c64] : !rv -> tensor<64x64xbf16>
      %x = tegula.dot %qt, trans %kt : tensor<128x64xbf16>, tensor<64x64xbf16> -> tensor<128x64xf32>
      %sc = tensor.splat %scale : tensor<128x64xf32>  %s = arith.mulf %x, %sc : tensor<128x64xf32>
      %j = tegula.iota %n : tensor<64xi32>  %jb = tegula.broadcast %j dims [1] : tensor<64xi32> -> tensor<128x64xi32>
      %hi32 = arith.index_cast %hi : index to i32  %hs = tensor.splat %hi32 : tensor<128x64xi32>
      %in = arith.cmpi slt, %jb, %hs : tensor<128x64xi32>
      %i = tegula.iota %mo : tensor<128xi32>                                            // causal
      %ib = tegula.broadcast %i dims [0] : tensor<128xi32> -> tensor<128x64xi32>        // causal
      %rel = arith.subi %jb, %ib : tensor<128x64xi32>                                   // causal
      %r32 = arith.index_cast %right : index to i32  %rs = tensor.splat %r32 : tensor<128x64xi32>   // causal
      %c = arith.cmpi sle, %rel, %rs : tensor<128x64xi32>                               // causal
      %keep = arith.andi %in, %c : tensor<128x64xi1>                                    // causal
      %ninf = arith.constant dense<0xFF800000> : tensor<128x64xf32>
      %w = arith.select %keep, %s, %ninf : tensor<128x64xi1>, tensor<128x64xf32>
      %s1 = tegula.softmax_update %s0, %w, %vt : !st, tensor<128x64xf32>, tensor<64x64xbf16>
      tegula.yield %s1 : !st
    }
    %ot, %l = tegula.softmax_finish %st : !st -> tensor<128x64xf32>, tensor<128xf32>
    %ob = arith.truncf %ot : tensor<128x64xf32> to tensor<128x64xbf16>
    tegula.store %ob, %oh[%m, %c0] : tensor<128x64xbf16>, !rv
    tegula.store %l, %lh[%m] : tensor<128xf32>, memref<?xf32, strided<[1], offset: ?>>
    tegula.yield
  }
  tegula.return
}
