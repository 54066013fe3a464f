// Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The gradients of k and v in causal attention over bf16 heads of 64: an instance owns 128 keys of one kv head
// and streams the queries that see them, of every query head that reads it. `delta` is the row sum of do·o (less
// the gradient of lse). Shapes: q and do [B, H, M, 64], k, v, dk and dv [B, HK, N, 64], lse and delta [B, H, M].
//
//   tegulac attention_dkdv.mlir --run --bind q=1x2x100x64,do=1x2x100x64,k=1x1x130x64,v=1x1x130x64 \
//     --bind lse=1x2x100,delta=1x2x100,dk=1x1x130x64,dv=1x1x130x64,scale=0.125,right=0 \
//     --output dk=dk.npy --output dv=dv.npy

!qv = memref<?x?x?x64xbf16, strided<[?, ?, ?, 1], offset: ?>>
!rv = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!lv = memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>
!lr = memref<?xf32, strided<[1], offset: ?>>
!s = tensor<64x128xf32>
!acc = tensor<128x64xf32>
tegula.kernel @attention_dkdv(in %q: !qv, in %k: !qv, in %v: !qv, in %do: !qv, in %lse: !lv, in %delta: !lv,
                              out %dk: !qv, out %dv: !qv, %scale: f32, %right: index) {
  %c0 = arith.constant 0 : index  %c1 = arith.constant 1 : index  %c2 = arith.constant 2 : index
  %B = memref.dim %q, %c0 : !qv  %H = memref.dim %q, %c1 : !qv  %M = memref.dim %q, %c2 : !qv
  %HK = memref.dim %k, %c1 : !qv  %N = memref.dim %k, %c2 : !qv
  %rem = arith.remui %H, %HK : index  %ok = arith.cmpi eq, %rem, %c0 : index
  tegula.require %ok, "H must be a multiple of HK"
  tegula.grid (%n, %hk, %b) to (%N, %HK, %B) step (128, 1, 1) order heavy_first {
    %g = arith.divui %H, %HK : index  %off = arith.subi %N, %M : index
    %kh = memref.subview %k[%b, %hk, 0, 0] [1, 1, %N, 64] [1, 1, 1, 1] : !qv to !rv
    %vh = memref.subview %v[%b, %hk, 0, 0] [1, 1, %N, 64] [1, 1, 1, 1] : !qv to !rv
    %kt = tegula.load %kh[%n, %c0] : !rv -> tensor<128x64xbf16>
    %vt = tegula.load %vh[%n, %c0] : !rv -> tensor<128x64xbf16>
    %zero = arith.constant dense<0.0> : !acc
    %d0 = arith.subi %n, %off : index  %d1 = arith.subi %d0, %right : index             // the first row that
    %lo = arith.maxsi %d1, %c0 : index                                                  // sees some key of n
    %h0 = arith.muli %hk, %g : index  %h1 = arith.addi %h0, %g : index
    %r:2 = tegula.stream %h = %h0 to %h1 step 1 iter_args(%dvh = %zero, %dkh = %zero) -> (!acc, !acc) {
      %qh = memref.subview %q[%b, %h, 0, 0] [1, 1, %M, 64] [1, 1, 1, 1] : !qv to !rv
      %doh = memref.subview %do[%b, %h, 0, 0] [1, 1, %M, 64] [1, 1, 1, 1] : !qv to !rv
      %lh = memref.subview %lse[%b, %h, 0] [1, 1, %M] [1, 1, 1] : !lv to !lr
      %eh = memref.subview %delta[%b, %h, 0] [1, 1, %M] [1, 1, 1] : !lv to !lr
      %t:2 = tegula.stream %m = %lo to %M step 64 order any iter_args(%dv0 = %dvh, %dk0 = %dkh) -> (!acc, !acc) {
        %inf = arith.constant 0x7F800000 : f32                                          // rows behind M: p = 0
        %qt = tegula.load %qh[%m, %c0] : !rv -> tensor<64x64xbf16>
        %dot = tegula.load %doh[%m, %c0] : !rv -> tensor<64x64xbf16>
        %l = tegula.load %lh[%m] pad %inf : f32 : !lr -> tensor<64xf32>
        %e = tegula.load %eh[%m] : !lr -> tensor<64xf32>
        %j = tegula.iota %n : tensor<128xi32>  %jb = tegula.broadcast %j dims [1] : tensor<128xi32> -> tensor<64x128xi32>
        %N32 = arith.index_cast %N : index to i32  %Ns = tensor.splat %N32 : tensor<64x128xi32>
        %in = arith.cmpi slt, %jb, %Ns : tensor<64x128xi32>
        %mo = arith.addi %m, %off : index  %i = tegula.iota %mo : tensor<64xi32>
        %ib = tegula.broadcast %i dims [0] : tensor<64xi32> -> tensor<64x128xi32>
        %rel = arith.subi %jb, %ib : tensor<64x128xi32>
        %r32 = arith.index_cast %right : index to i32  %rs = tensor.splat %r32 : tensor<64x128xi32>
        %c = arith.cmpi sle, %rel, %rs : tensor<64x128xi32>
        %keep = arith.andi %in, %c : tensor<64x128xi1>
        %x = tegula.dot %qt, trans %kt : tensor<64x64xbf16>, tensor<128x64xbf16> -> !s
        %sc = tensor.splat %scale : !s  %w = arith.mulf %x, %sc : !s
        %none = arith.constant dense<0xFF800000> : tensor<64xf32>  %infs = tensor.splat %inf : tensor<64xf32>
        %dead = arith.cmpf oeq, %l, %none : tensor<64xf32>                              // a row without keys: p = 0
        %shift = arith.select %dead, %infs, %l : tensor<64xi1>, tensor<64xf32>
        %lb = tegula.broadcast %shift dims [0] : tensor<64xf32> -> !s
        %wl = arith.subf %w, %lb : !s  %pe = math.exp %wl : !s
        %z = arith.constant dense<0.0> : !s  %p = arith.select %keep, %pe, %z : tensor<64x128xi1>, !s
        %dp = tegula.dot %dot, trans %vt : tensor<64x64xbf16>, tensor<128x64xbf16> -> !s
        %eb = tegula.broadcast %e dims [0] : tensor<64xf32> -> !s
        %dd = arith.subf %dp, %eb : !s  %ds = arith.mulf %p, %dd : !s
        %pb = arith.truncf %p : !s to tensor<64x128xbf16>  %db = arith.truncf %ds : !s to tensor<64x128xbf16>
        %dv1 = tegula.dot trans %pb, %dot acc %dv0 : tensor<64x128xbf16>, tensor<64x64xbf16> -> !acc
        %dk1 = tegula.dot trans %db, %qt acc %dk0 : tensor<64x128xbf16>, tensor<64x64xbf16> -> !acc
        tegula.yield %dv1, %dk1 : !acc, !acc
      }
      tegula.yield %t#0, %t#1 : !acc, !acc
    }
    %dkh = memref.subview %dk[%b, %hk, 0, 0] [1, 1, %N, 64] [1, 1, 1, 1] : !qv to !rv
    %dvh = memref.subview %dv[%b, %hk, 0, 0] [1, 1, %N, 64] [1, 1, 1, 1] : !qv to !rv
    %ss = tensor.splat %scale : !acc  %dks = arith.mulf %r#1, %ss : !acc
    %dkb = arith.truncf %dks : !acc to tensor<128x64xbf16>  %dvb = arith.truncf %r#0 : !acc to tensor<128x64xbf16>
    tegula.store %dkb, %dkh[%n, %c0] : tensor<128x64xbf16>, !rv
    tegula.store %dvb, %dvh[%n, %c0] : tensor<128x64xbf16>, !rv
    tegula.yield
  }
  tegula.return
}
