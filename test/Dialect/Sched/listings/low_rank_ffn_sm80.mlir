// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// y = (gelu((x u1) v1 + b1) u2) v2 + b2 with rank 64: three streams over one ring, which
// is drained between them; the rank-sized accumulators stay in registers.

#a = #sched.layout<m16n8k16.A [1, 4] warps [4, 1]>
#b = #sched.layout<m16n8k16.B [4, 8]>
#d = #sched.layout<m16n8k16.D [1, 8] warps [4, 1]>
!view = memref<?x?xbf16, strided<[?, 1], offset: ?>>
!bias = memref<?xf32, strided<[?], offset: ?>>
!out = memref<?x?xf32, strided<[?, 1], offset: ?>>
!ring = !sched.buf<3 x 64x64xbf16, shared, swz 128>
!tile = !sched.buf<64x64xbf16, shared, swz 128>
!ch = !sched.chan<fifo, !ring, !ring>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
!af = !sched.frag<64x64xbf16, #a>
!bf = !sched.frag<64x64xbf16, #b>
!df = !sched.frag<64x64xf32, #d>
!d16 = !sched.frag<64x64xbf16, #d>
!cf = !sched.frag<64xf32>

// CHECK-LABEL: sched.kernel @low_rank_ffn_sm80
// CHECK-COUNT-3:   sched.drain
sched.kernel @low_rank_ffn_sm80(in %x: !view, in %u1: !view, in %v1: !view, in %b1: !bias,
    in %u2: !view, in %v2: !view, in %b2: !bias, out %y: !out) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %x, %c0 : !view
  %H = memref.dim %x, %c1 : !view
  %E = memref.dim %v1, %c1 : !view
  tegula.grid (%m) to (%M) step (64) {
    %c2 = arith.constant 2 : index
    %c64 = arith.constant 64 : index
    %zero = arith.constant 0.0 : f32
    %nh = sched.trips %c0 to %H step %c64
    %ne = sched.trips %c0 to %E step %c64
    %f = sched.alloc : !ring
    %g = sched.alloc : !ring
    %ch = sched.channel %f, %g kind fifo : !ring, !ring
    sched.role @all warps 4 regs 255 {
      %z = sched.splat %zero : f32 -> !df
      scf.for %j = %c0 to %c2 step %c1 {
        %k = arith.muli %j, %c64 : index
        %on = arith.cmpi slt, %j, %nh : index
        %w = sched.acquire %ch : !ch
        %w0 = sched.part %w[0] : !acquired
        %w1 = sched.part %w[1] : !acquired
        sched.copy async %x[%m, %k] to %w0 where %on label "x" : !view, !tile
        sched.copy async %u1[%k, %c0] to %w1 where %on label "u1" : !view, !tile
        sched.commit %w : !acquired
      }
      %p = scf.for %i = %c0 to %nh step %c1 iter_args(%s = %z) -> (!df) {
        %i2 = arith.addi %i, %c2 : index
        %k = arith.muli %i2, %c64 : index
        %on = arith.cmpi slt, %i2, %nh : index
        %r = sched.wait %ch inflight 1 : !ch
        %w = sched.acquire %ch : !ch
        %w0 = sched.part %w[0] : !acquired
        %w1 = sched.part %w[1] : !acquired
        sched.copy async %x[%m, %k] to %w0 where %on label "x" : !view, !tile
        sched.copy async %u1[%k, %c0] to %w1 where %on label "u1" : !view, !tile
        sched.commit %w : !acquired
        %r0 = sched.part %r[0] : !waited
        %r1 = sched.part %r[1] : !waited
        %xf = sched.load %r0 ahead 1 : !tile -> !af
        %uf = sched.load %r1 ahead 1 : !tile -> !bf
        %s1 = sched.mma %xf, %uf acc %s label "p" : !af, !bf -> !df
        sched.release %r : !waited
        scf.yield %s1 : !df
      }
      sched.drain %ch : !ch
      scf.for %j = %c0 to %c2 step %c1 {
        %k = arith.muli %j, %c64 : index
        %on = arith.cmpi slt, %j, %ne : index
        %w = sched.acquire %ch : !ch
        %w0 = sched.part %w[0] : !acquired
        %w1 = sched.part %w[1] : !acquired
        sched.copy async %v1[%c0, %k] to %w0 where %on label "v1" : !view, !tile
        sched.copy async %u2[%k, %c0] to %w1 where %on label "u2" : !view, !tile
        sched.commit %w : !acquired
      }
      %pc = sched.map domain [64, 64] ins(%xp = %p : !df) -> !d16 {
        %q = arith.truncf %xp : tensor<64x64xf32> to tensor<64x64xbf16>
        sched.yield %q : tensor<64x64xbf16>
      }
      %pa = sched.convert %pc free : !d16 -> !af
      %t = scf.for %i = %c0 to %ne step %c1 iter_args(%s = %z) -> (!df) {
        %i2 = arith.addi %i, %c2 : index
        %k = arith.muli %i2, %c64 : index
        %on = arith.cmpi slt, %i2, %ne : index
        %r = sched.wait %ch inflight 1 : !ch
        %w = sched.acquire %ch : !ch
        %w0 = sched.part %w[0] : !acquired
        %w1 = sched.part %w[1] : !acquired
        sched.copy async %v1[%c0, %k] to %w0 where %on label "v1" : !view, !tile
        sched.copy async %u2[%k, %c0] to %w1 where %on label "u2" : !view, !tile
        sched.commit %w : !acquired
        %r0 = sched.part %r[0] : !waited
        %r1 = sched.part %r[1] : !waited
        %vf = sched.load %r0 ahead 1 : !tile -> !bf
        %col = arith.muli %i, %c64 : index
        %bias = sched.load %b1[%col] : !bias -> !cf
        %e = sched.mma %pa, %vf label "t" : !af, !bf -> !df
        %ec = sched.map domain [64, 64] ins(%xe = %e, %xc = %bias : !df, !cf) -> !d16 {
          %cb = tegula.broadcast %xc dims [1] : tensor<64xf32> -> tensor<64x64xf32>
          %wv = arith.addf %xe, %cb : tensor<64x64xf32>
          %half = arith.constant dense<0.5> : tensor<64x64xf32>
          %one = arith.constant dense<1.0> : tensor<64x64xf32>
          %rt = arith.constant dense<0.70710678> : tensor<64x64xf32>
          %ws = arith.mulf %wv, %rt : tensor<64x64xf32>
          %er = math.erf %ws : tensor<64x64xf32>
          %e1 = arith.addf %one, %er : tensor<64x64xf32>
          %hw = arith.mulf %half, %wv : tensor<64x64xf32>
          %ge = arith.mulf %hw, %e1 : tensor<64x64xf32>
          %q = arith.truncf %ge : tensor<64x64xf32> to tensor<64x64xbf16>
          sched.yield %q : tensor<64x64xbf16>
        }
        %ea = sched.convert %ec free : !d16 -> !af
        %uf = sched.load %r1 ahead 1 : !tile -> !bf
        %s1 = sched.mma %ea, %uf acc %s label "acc" : !af, !bf -> !df
        sched.release %r : !waited
        scf.yield %s1 : !df
      }
      sched.drain %ch : !ch
      scf.for %j = %c0 to %c2 step %c1 {
        %k = arith.muli %j, %c64 : index
        %on = arith.cmpi slt, %j, %nh : index
        %w = sched.acquire %ch : !ch
        %w0 = sched.part %w[0] : !acquired
        sched.copy async %v2[%c0, %k] to %w0 where %on label "v2" : !view, !tile
        sched.commit %w : !acquired
      }
      %tc = sched.map domain [64, 64] ins(%xt = %t : !df) -> !d16 {
        %q = arith.truncf %xt : tensor<64x64xf32> to tensor<64x64xbf16>
        sched.yield %q : tensor<64x64xbf16>
      }
      %ta = sched.convert %tc free : !d16 -> !af
      scf.for %i = %c0 to %nh step %c1 {
        %i2 = arith.addi %i, %c2 : index
        %k = arith.muli %i2, %c64 : index
        %on = arith.cmpi slt, %i2, %nh : index
        %r = sched.wait %ch inflight 1 : !ch
        %w = sched.acquire %ch : !ch
        %w0 = sched.part %w[0] : !acquired
        sched.copy async %v2[%c0, %k] to %w0 where %on label "v2" : !view, !tile
        sched.commit %w : !acquired
        %r0 = sched.part %r[0] : !waited
        %vf = sched.load %r0 ahead 1 : !tile -> !bf
        %col = arith.muli %i, %c64 : index
        %bias = sched.load %b2[%col] : !bias -> !cf
        %o = sched.mma %ta, %vf label "y" : !af, !bf -> !df
        sched.release %r : !waited
        %ob = sched.map domain [64, 64] ins(%xo = %o, %xc = %bias : !df, !cf) -> !df {
          %cb = tegula.broadcast %xc dims [1] : tensor<64xf32> -> tensor<64x64xf32>
          %q = arith.addf %xo, %cb : tensor<64x64xf32>
          sched.yield %q : tensor<64x64xf32>
        }
        sched.store %ob to %y[%m, %col] : !df, !out
      }
      sched.drain %ch : !ch
    }
    tegula.yield
  }
  tegula.return
}
