// Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// SchNet's continuous-filter convolution over edges in compressed rows, the listing of the language page
// word for word. Row r hears from src[ptr[r]] to src[ptr[r + 1] - 1]; the filter of an edge is
// ssp(exp(gamma (d - mu)^2) w1 + b1) w2 + b2 times a cosine that ends at rc, d the distance of its ends.
// Shapes: pos [N, 3], h [N, 128] bf16, ptr [N + 1] and src [E] i32, w1 [64, 128], w2 [128, 128], y [N, 128].
// With random rows, as here, the command shows that it compiles and runs; a test gives it a real graph.
//
//   tegulac cfconv.mlir --run --bind pos=9x3,h=9x128,ptr=10,src=40,w1=64x128,b1=128,w2=128x128,b2=128,mu=64 \
//     --bind y=9x128,gamma=-10,rc=2.5 --output y=y.npy

!pv = memref<?x3xf32, strided<[?, 1], offset: ?>>
!hv = memref<?x128xbf16, strided<[?, 1], offset: ?>>
!yv = memref<?x128xf32, strided<[?, 1], offset: ?>>
!iv = memref<?xi32, strided<[1], offset: ?>>
tegula.kernel @cfconv_fwd(in %pos: !pv, in %h: !hv, in %ptr: !iv, in %src: !iv, in %w1: memref<64x128xbf16>, in %b1: memref<128xf32>,
    in %w2: memref<128x128xbf16>, in %b2: memref<128xf32>, in %mu: memref<64xf32>, out %y: !yv, %gamma: f32, %rc: f32) {
  %c0 = arith.constant 0 : index  %c1 = arith.constant 1 : index  %c4 = arith.constant 4 : index
  %N = memref.dim %h, %c0 : !hv
  tegula.grid (%r) to (%N) step (4) {
    %W1 = tegula.load %w1[%c0, %c0] : memref<64x128xbf16> -> tensor<64x128xbf16>        // outside the stream: resident
    %B1 = tegula.load %b1[%c0] : memref<128xf32> -> tensor<128xf32>
    %W2 = tegula.load %w2[%c0, %c0] : memref<128x128xbf16> -> tensor<128x128xbf16>
    %B2 = tegula.load %b2[%c0] : memref<128xf32> -> tensor<128xf32>
    %mus = tegula.load %mu[%c0] : memref<64xf32> -> tensor<64xf32>
    %r4 = arith.addi %r, %c4 : index  %rend = arith.minsi %r4, %N : index  %r1 = arith.addi %r, %c1 : index
    %lo32 = memref.load %ptr[%r] : !iv  %hi32 = memref.load %ptr[%rend] : !iv
    %lo = arith.index_cast %lo32 : i32 to index  %hi = arith.index_cast %hi32 : i32 to index
    %big = arith.constant 2147483647 : i32  %ends = tegula.load %ptr[%r1] pad %big : i32 : !iv -> tensor<4xi32>
    %zero = arith.constant dense<0.0> : tensor<4x128xf32>
    %acc = tegula.stream %e = %lo to %hi step 64 iter_args(%a0 = %zero) -> (tensor<4x128xf32>) {
      %seg = tegula.segment_ids %ends, %e : tensor<4xi32> -> tensor<64xi32>
      %none = arith.constant -1 : i32  %j = tegula.load %src[%e] upto [%hi] pad %none : i32 : !iv -> tensor<64xi32>
      %ei = tegula.iota %e : tensor<64xi32>  %his = tensor.splat %hi32 : tensor<64xi32>  %valid = arith.cmpi slt, %ei, %his : tensor<64xi32>
      %r32 = arith.index_cast %r : index to i32  %rs = tensor.splat %r32 : tensor<64xi32>  %row = arith.addi %seg, %rs : tensor<64xi32>
      %nones = arith.constant dense<-1> : tensor<64xi32>  %i = arith.select %valid, %row, %nones : tensor<64xi1>, tensor<64xi32>
      %pi = tegula.gather %pos[%c0] by %i axis 0 : !pv, tensor<64xi32> -> tensor<64x3xf32>
      %pj = tegula.gather %pos[%c0] by %j axis 0 : !pv, tensor<64xi32> -> tensor<64x3xf32>
      %dr = arith.subf %pi, %pj : tensor<64x3xf32>  %sq = arith.mulf %dr, %dr : tensor<64x3xf32>
      %d2 = tegula.reduce add %sq axis 1 : tensor<64x3xf32> -> tensor<64xf32>
      %tiny = arith.constant dense<1.0e-24> : tensor<64xf32>  %dm = arith.maximumf %d2, %tiny : tensor<64xf32>  %d = math.sqrt %dm : tensor<64xf32>
      %db = tegula.broadcast %d dims [0] : tensor<64xf32> -> tensor<64x64xf32>
      %mb = tegula.broadcast %mus dims [1] : tensor<64xf32> -> tensor<64x64xf32>  %t = arith.subf %db, %mb : tensor<64x64xf32>
      %gs = tensor.splat %gamma : tensor<64x64xf32>  %t1 = arith.mulf %gs, %t : tensor<64x64xf32>  %t2 = arith.mulf %t1, %t : tensor<64x64xf32>
      %rbf = math.exp %t2 : tensor<64x64xf32>  %rb = arith.truncf %rbf : tensor<64x64xf32> to tensor<64x64xbf16>
      %b1b = tegula.broadcast %B1 dims [1] : tensor<128xf32> -> tensor<64x128xf32>
      %z = tegula.dot %rb, %W1 acc %b1b : tensor<64x64xbf16>, tensor<64x128xbf16> -> tensor<64x128xf32>
      %az = math.absf %z : tensor<64x128xf32>  %nz = arith.negf %az : tensor<64x128xf32>  %ez = math.exp %nz : tensor<64x128xf32>
      %lz = math.log1p %ez : tensor<64x128xf32>  %f0 = arith.constant dense<0.0> : tensor<64x128xf32>  %pz = arith.maximumf %z, %f0 : tensor<64x128xf32>
      %sp = arith.addf %pz, %lz : tensor<64x128xf32>  %ln2 = arith.constant dense<0.693147182> : tensor<64x128xf32>
      %act = arith.subf %sp, %ln2 : tensor<64x128xf32>  %ab = arith.truncf %act : tensor<64x128xf32> to tensor<64x128xbf16>
      %b2b = tegula.broadcast %B2 dims [1] : tensor<128xf32> -> tensor<64x128xf32>
      %w = tegula.dot %ab, %W2 acc %b2b : tensor<64x128xbf16>, tensor<128x128xbf16> -> tensor<64x128xf32>
      %one = arith.constant 1.0 : f32  %ir = arith.divf %one, %rc : f32  %irs = tensor.splat %ir : tensor<64xf32>  %u = arith.mulf %d, %irs : tensor<64xf32>
      %pi0 = arith.constant dense<3.14159274> : tensor<64xf32>  %ph = arith.mulf %u, %pi0 : tensor<64xf32>  %cs = math.cos %ph : tensor<64xf32>
      %half = arith.constant dense<0.5> : tensor<64xf32>  %hc = arith.mulf %half, %cs : tensor<64xf32>  %cc = arith.addf %hc, %half : tensor<64xf32>
      %rcs = tensor.splat %rc : tensor<64xf32>  %near = arith.cmpf olt, %d, %rcs : tensor<64xf32>  %z1 = arith.constant dense<0.0> : tensor<64xf32>
      %env = arith.select %near, %cc, %z1 : tensor<64xi1>, tensor<64xf32>  %eb = tegula.broadcast %env dims [0] : tensor<64xf32> -> tensor<64x128xf32>
      %hj = tegula.gather %h[%c0] by %j axis 0 : !hv, tensor<64xi32> -> tensor<64x128xbf16>
      %hf = arith.extf %hj : tensor<64x128xbf16> to tensor<64x128xf32>  %hw = arith.mulf %hf, %w : tensor<64x128xf32>
      %msg = arith.mulf %hw, %eb : tensor<64x128xf32>
      %a1 = tegula.segment_sum %msg by %seg acc %a0 : tensor<64x128xf32>, tensor<64xi32>, tensor<4x128xf32>
      tegula.yield %a1 : tensor<4x128xf32>
    }
    tegula.store %acc, %y[%r, %c0] : tensor<4x128xf32>, !yv
    tegula.yield
  }
  tegula.return
}
