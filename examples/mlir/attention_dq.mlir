// Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The gradient of q in causal attention over bf16 heads of 64: an instance owns 128 queries and streams the keys
// that they see. `delta` is the row sum of do·o (less the gradient of lse). Shapes: q, do and dq [B, H, M, 64],
// k and v [B, HK, N, 64], lse and delta [B, H, M].
//
//   tegulac attention_dq.mlir --run --bind q=1x2x100x64,do=1x2x100x64,k=1x1x130x64,v=1x1x130x64 \
//     --bind lse=1x2x100,delta=1x2x100,dq=1x2x100x64,scale=0.125,right=0 --output dq=dq.npy

!qv = memref<?x?x?x64xbf16, strided<[?, ?, ?, 1], offset: ?>>
!rv = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!lv = memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>
!lr = memref<?xf32, strided<[1], offset: ?>>
!s = tensor<128x64xf32>
tegula.kernel @attention_dq(in %q: !qv, in %k: !qv, in %v: !qv, in %do: !qv, in %lse: !lv, in %delta: !lv,
                            out %dq: !qv, %scale: f32, %right: index) {
  %c0 = arith.constant 0 : index  %c1 = arith.constant 1 : index  %c2 = arith.constant 2 : index
  %B = memref.dim %q, %c0 : !qv  %H = memref.dim %q, %c1 : !qv  %M = memref.dim %q, %c2 : !qv
  %HK = memref.dim %k, %c1 : !qv  %N = memref.dim %k, %c2 : !qv
  %rem = arith.remui %H, %HK : index  %ok = arith.cmpi eq, %rem, %c0 : index
  tegula.require %ok, "H must be a multiple of HK"
  tegula.grid (%m, %h, %b) to (%M, %H, %B) step (128, 1, 1) order heavy_first {
    %g = arith.divui %H, %HK : index  %hk = arith.divui %h, %g : index  %off = arith.subi %N, %M : index
    %c64 = arith.constant 64 : index  %c128 = arith.constant 128 : index
    %qh = memref.subview %q[%b, %h, 0, 0] [1, 1, %M, 64] [1, 1, 1, 1] : !qv to !rv
    %kh = memref.subview %k[%b, %hk, 0, 0] [1, 1, %N, 64] [1, 1, 1, 1] : !qv to !rv
    %vh = memref.subview %v[%b, %hk, 0, 0] [1, 1, %N, 64] [1, 1, 1, 1] : !qv to !rv
    %doh = memref.subview %do[%b, %h, 0, 0] [1, 1, %M, 64] [1, 1, 1, 1] : !qv to !rv
    %dqh = memref.subview %dq[%b, %h, 0, 0] [1, 1, %M, 64] [1, 1, 1, 1] : !qv to !rv
    %lh = memref.subview %lse[%b, %h, 0] [1, 1, %M] [1, 1, 1] : !lv to !lr
    %eh = memref.subview %delta[%b, %h, 0] [1, 1, %M] [1, 1, 1] : !lv to !lr
    %inf = arith.constant 0x7F800000 : f32                                              // rows behind M: p = 0
    %qt = tegula.load %qh[%m, %c0] : !rv -> tensor<128x64xbf16>
    %dot = tegula.load %doh[%m, %c0] : !rv -> tensor<128x64xbf16>
    %l = tegula.load %lh[%m] pad %inf : f32 : !lr -> tensor<128xf32>
    %e = tegula.load %eh[%m] : !lr -> tensor<128xf32>
    %none = arith.constant dense<0xFF800000> : tensor<128xf32>  %infs = tensor.splat %inf : tensor<128xf32>
    %dead = arith.cmpf oeq, %l, %none : tensor<128xf32>                                 // a row without keys: p = 0
    %shift = arith.select %dead, %infs, %l : tensor<128xi1>, tensor<128xf32>
    %zero = arith.constant dense<0.0> : !s
    %mo = arith.addi %m, %off : index  %e0 = arith.addi %mo, %c128 : index
    %e1 = arith.addi %e0, %right : index  %hi = arith.minsi %N, %e1 : index
    %r = tegula.stream %n = %c0 to %hi step 64 order any iter_args(%a0 = %zero) -> (!s) {
      %kt = tegula.load %kh[%n, %c0] upto [%hi, %c64] : !rv -> tensor<64x64xbf16>
      %vt = tegula.load %vh[%n, %c0] upto [%hi, %c64] : !rv -> tensor<64x64xbf16>
      %j = tegula.iota %n : tensor<64xi32>  %jb = tegula.broadcast %j dims [1] : tensor<64xi32> -> tensor<128x64xi32>
      %hi32 = arith.index_cast %hi : index to i32  %hs = tensor.splat %hi32 : tensor<128x64xi32>
      %in = arith.cmpi slt, %jb, %hs : tensor<128x64xi32>
      %i = tegula.iota %mo : tensor<128xi32>  %ib = tegula.broadcast %i dims [0] : tensor<128xi32> -> tensor<128x64xi32>
      %rel = arith.subi %jb, %ib : tensor<128x64xi32>
      %r32 = arith.index_cast %right : index to i32  %rs = tensor.splat %r32 : tensor<128x64xi32>
      %c = arith.cmpi sle, %rel, %rs : tensor<128x64xi32>
      %keep = arith.andi %in, %c : tensor<128x64xi1>
      %x = tegula.dot %qt, trans %kt : tensor<128x64xbf16>, tensor<64x64xbf16> -> !s
      %sc = tensor.splat %scale : !s  %w = arith.mulf %x, %sc : !s
      %lb = tegula.broadcast %shift dims [0] : tensor<128xf32> -> !s
      %wl = arith.subf %w, %lb : !s  %pe = math.exp %wl : !s
      %p = arith.select %keep, %pe, %zero : tensor<128x64xi1>, !s
      %dp = tegula.dot %dot, trans %vt : tensor<128x64xbf16>, tensor<64x64xbf16> -> !s
      %eb = tegula.broadcast %e dims [0] : tensor<128xf32> -> !s
      %dd = arith.subf %dp, %eb : !s  %ds = arith.mulf %p, %dd : !s
      %db = arith.truncf %ds : !s to tensor<128x64xbf16>
      %a1 = tegula.dot %db, %kt acc %a0 : tensor<128x64xbf16>, tensor<64x64xbf16> -> !s
      tegula.yield %a1 : !s
    }
    %ss = tensor.splat %scale : !s  %dqs = arith.mulf %r, %ss : !s
    %dqb = arith.truncf %dqs : !s to tensor<128x64xbf16>
    tegula.store %dqb, %dqh[%m, %c0] : tensor<128x64xbf16>, !rv
    tegula.yield
  }
  tegula.return
}
