// Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Causal attention of q = pq·vq, k = pk·vk and v = pv·vv in bf16, of ranks 32 and heads of 64, in the absorbed
// form: neither k nor v is made. Shapes: pq, pk and pv [B, H, S, 32], vq, vk and vv [H, 32, 64], o [B, H, S, 64].
//
// The left half of the low rank product, q·vkᵀ, does not depend on the stream and is made once; the output is
// multiplied by vv after the softmax.
//
//   tegulac low_rank_attention.mlir --run --bind pq=1x2x100x32,vq=2x32x64,pk=1x2x100x32,vk=2x32x64 \
//     --bind pv=1x2x100x32,vv=2x32x64,o=1x2x100x64,scale=0.125 --output o=o.npy

!pv = memref<?x?x?x32xbf16, strided<[?, ?, ?, 1], offset: ?>>
!rows = memref<?x32xbf16, strided<[?, 1], offset: ?>>
!ov = memref<?x?x?x64xbf16, strided<[?, ?, ?, 1], offset: ?>>
!fv = memref<?x32x64xbf16, strided<[?, ?, 1], offset: ?>>
!one = memref<32x64xbf16, strided<[?, 1], offset: ?>>
!factor = tensor<32x64xbf16>
!state = !tegula.softmax<64x32xf32>

tegula.kernel @low_rank_attention(in %pq: !pv, in %vq: !fv, in %pk: !pv, in %vk: !fv, in %pv: !pv, in %vv: !fv, out %o: !ov, %scale: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %B = memref.dim %pq, %c0 : !pv
  %H = memref.dim %pq, %c1 : !pv
  %S = memref.dim %pq, %c2 : !pv
  %N = memref.dim %pk, %c2 : !pv
  %Nv = memref.dim %pv, %c2 : !pv
  %So = memref.dim %o, %c2 : !ov
  %ok0 = arith.cmpi eq, %S, %N : index
  tegula.require %ok0, "S differs between 'pq' and 'pk'"
  %ok1 = arith.cmpi eq, %S, %Nv : index
  tegula.require %ok1, "S differs between 'pq' and 'pv'"
  %ok2 = arith.cmpi eq, %S, %So : index
  tegula.require %ok2, "S differs between 'pq' and 'o'"
  tegula.grid (%m, %h, %b) to (%S, %H, %B) step (64, 1, 1) order heavy_first {
    %pqh = memref.subview %pq[%b, %h, 0, 0] [1, 1, %S, 32] [1, 1, 1, 1] : !pv to !rows
    %pkh = memref.subview %pk[%b, %h, 0, 0] [1, 1, %S, 32] [1, 1, 1, 1] : !pv to !rows
    %pvh = memref.subview %pv[%b, %h, 0, 0] [1, 1, %S, 32] [1, 1, 1, 1] : !pv to !rows
    %oh = memref.subview %o[%b, %h, 0, 0] [1, 1, %S, 64] [1, 1, 1, 1] : !ov to memref<?x64xbf16, strided<[?, 1], offset: ?>>
    %vqh = memref.subview %vq[%h, 0, 0] [1, 32, 64] [1, 1, 1] : !fv to !one
    %vkh = memref.subview %vk[%h, 0, 0] [1, 32, 64] [1, 1, 1] : !fv to !one
    %vvh = memref.subview %vv[%h, 0, 0] [1, 32, 64] [1, 1, 1] : !fv to !one
    %fq = tegula.load %vqh[%c0, %c0] : !one -> !factor
    %fk = tegula.load %vkh[%c0, %c0] : !one -> !factor
    %fv = tegula.load %vvh[%c0, %c0] : !one -> !factor
    %pt = tegula.load %pqh[%m, %c0] : !rows -> tensor<64x32xbf16>
    %qf = tegula.dot %pt, %fq : tensor<64x32xbf16>, !factor -> tensor<64x64xf32>
    %q = arith.truncf %qf : tensor<64x64xf32> to tensor<64x64xbf16>
    %st0 = tegula.softmax_init : !state
    %e0 = arith.addi %m, %c64 : index
    %hi = arith.minsi %S, %e0 : index
    %st = tegula.stream %n = %c0 to %hi step 64 order any label "keys" iter_args(%s0 = %st0) -> (!state) {
      %kt = tegula.load %pkh[%n, %c0] upto [%hi, %c32] : !rows -> tensor<64x32xbf16>
      %vt = tegula.load %pvh[%n, %c0] upto [%hi, %c32] : !rows -> tensor<64x32xbf16>
      %x = tegula.low_rank_dot %q, trans %fk, trans %kt : tensor<64x64xbf16>, !factor, tensor<64x32xbf16> -> tensor<64x64xf32>
      %j = tegula.iota %n : tensor<64xi32>
      %i = tegula.iota %m : tensor<64xi32>
      %jb = tegula.broadcast %j dims [1] : tensor<64xi32> -> tensor<64x64xi32>
      %ib = tegula.broadcast %i dims [0] : tensor<64xi32> -> tensor<64x64xi32>
      %hi32 = arith.index_cast %hi : index to i32
      %his = tensor.splat %hi32 : tensor<64x64xi32>
      %in = arith.cmpi slt, %jb, %his : tensor<64x64xi32>
      %seen = arith.cmpi sle, %jb, %ib : tensor<64x64xi32>
      %keep = arith.andi %in, %seen : tensor<64x64xi1>
      %none = arith.constant dense<0xFF800000> : tensor<64x64xf32>
      %w = arith.select %keep, %x, %none : tensor<64x64xi1>, tensor<64x64xf32>
      %s1 = tegula.softmax_update %s0, %w, %vt scale %scale : f32 : !state, tensor<64x64xf32>, tensor<64x32xbf16>
      tegula.yield %s1 : !state
    }
    %a, %lse = tegula.softmax_finish %st : !state -> tensor<64x32xf32>, tensor<64xf32>
    %ab = arith.truncf %a : tensor<64x32xf32> to tensor<64x32xbf16>
    %ot = tegula.dot %ab, %fv : tensor<64x32xbf16>, !factor -> tensor<64x64xf32>
    %ob = arith.truncf %ot : tensor<64x64xf32> to tensor<64x64xbf16>
    tegula.store %ob, %oh[%m, %c0] : tensor<64x64xbf16>, memref<?x64xbf16, strided<[?, 1], offset: ?>>
    tegula.yield
  }
  tegula.return
}
