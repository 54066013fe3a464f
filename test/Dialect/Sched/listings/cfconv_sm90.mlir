// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// Messages along the edges of a graph, four nodes an instance: edges are loaded by
// index, an index channel runs inside the role that fetches, and gathers follow it.
// Edge features, two products, the envelope and an ordered sum stay on the chip.

#p = #sched.layout<wgmma.A [1, 4]>
#f = #sched.layout<wgmma.A [1, 8]>
#d = #sched.layout<wgmma.D [1, 16]>
!pos = memref<?x3xf32, strided<[?, 1], offset: ?>>
!h = memref<?x128xbf16, strided<[?, 1], offset: ?>>
!ids = memref<?xi32, strided<[?], offset: ?>>
!w1 = memref<64x128xbf16, strided<[?, 1], offset: ?>>
!w2 = memref<128x128xbf16, strided<[?, 1], offset: ?>>
!bias = memref<128xf32, strided<[?], offset: ?>>
!mu = memref<64xf32, strided<[?], offset: ?>>
!out = memref<?x128xf32, strided<[?, 1], offset: ?>>
!ib3 = !sched.buf<3 x 64xi32, shared>
!xb2 = !sched.buf<2 x 64x3xf32, shared>
!hb2 = !sched.buf<2 x 64x128xbf16, shared>
!ib = !sched.buf<64xi32, shared>
!xb = !sched.buf<64x3xf32, shared>
!hb = !sched.buf<64x128xbf16, shared>
!wb1 = !sched.buf<64x128xbf16, shared, swz 128>
!wb2 = !sched.buf<128x128xbf16, shared, swz 128>
!jch = !sched.chan<fifo, !ib3>
!gch = !sched.chan<arrive, !xb2, !hb2>
!wch = !sched.chan<arrive, !wb1, !wb2>
!jw = !sched.slot<acquired, !jch>
!jr = !sched.slot<waited, !jch>
!gw = !sched.slot<acquired, !gch>
!gr = !sched.slot<waited, !gch>
!ww = !sched.slot<acquired, !wch>
!wr = !sched.slot<waited, !wch>
!rb = !sched.frag<64x64xbf16>
!rp = !sched.frag<64x64xbf16, #p>
!zf = !sched.frag<64x128xf32, #d>
!z16 = !sched.frag<64x128xbf16, #d>
!ff = !sched.frag<64x128xbf16, #f>
!bf = !sched.frag<128xf32>
!yf = !sched.frag<4x128xf32>

// CHECK-LABEL: sched.kernel @cfconv_sm90
// CHECK:         sched.scalar
// CHECK:         sched.role @fetch warps 4 regs 56 {
// CHECK:             sched.copy async %{{.*}} upto [%{{.*}}] pad %{{.*}} : i32 to %{{.*}} where %{{.*}} label "j"
// CHECK:             %[[J:.*]] = sched.wait %{{.*}} inflight 1
// CHECK:             %[[IDS:.*]] = sched.part %[[J]][0]
// CHECK:             sched.copy async %{{.*}}[%{{.*}}] by %[[IDS]] : !sched.buf<64xi32, shared> to %{{.*}} label "hj"
// CHECK:             sched.release %[[J]]
// CHECK:         sched.role @mma groups 1 regs 256 {
// CHECK:             sched.map domain [64, 64] along 1
// CHECK:               sched.take
// CHECK:             sched.segment_sum %{{.*}} by %{{.*}} acc %{{.*}} label "sum"
sched.kernel @cfconv_sm90(in %pos: !pos, in %h: !h, in %ptr: !ids, in %src: !ids, in %W1: !w1, in %b1: !bias,
    in %W2: !w2, in %b2: !bias, in %mu: !mu, out %Y: !out, %gamma: f32, %rc: f32) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %N = memref.dim %pos, %c0 : !pos
  tegula.grid (%r) to (%N) step (4) {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c4 = arith.constant 4 : index
    %c64 = arith.constant 64 : index
    %zero = arith.constant 0.0 : f32
    %none = arith.constant -1 : i32
    %far = arith.constant 2147483647 : i32
    %r4 = arith.addi %r, %c4 : index
    %re = arith.minsi %r4, %N : index
    %lo32 = sched.scalar %ptr[%r] : !ids -> i32
    %hi32 = sched.scalar %ptr[%re] : !ids -> i32
    %lo = arith.index_cast %lo32 : i32 to index
    %hi = arith.index_cast %hi32 : i32 to index
    %n = sched.trips %lo to %hi step %c64
    %ib = sched.alloc : !ib3
    %xb = sched.alloc : !xb2
    %hb = sched.alloc : !hb2
    %w1 = sched.alloc : !wb1
    %w2 = sched.alloc : !wb2
    %jc = sched.channel %ib kind fifo : !ib3
    %gc = sched.channel %xb, %hb kind arrive : !xb2, !hb2
    %wc = sched.channel %w1, %w2 kind arrive : !wb1, !wb2
    sched.role @fetch warps 4 regs 56 {
      %ww = sched.acquire %wc : !wch
      %ww0 = sched.part %ww[0] : !ww
      %ww1 = sched.part %ww[1] : !ww
      sched.copy async %W1[%c0, %c0] to %ww0 label "W1" : !w1, !wb1
      sched.copy async %W2[%c0, %c0] to %ww1 label "W2" : !w2, !wb2
      sched.commit %ww : !ww
      scf.for %j = %c0 to %c2 step %c1 {
        %on = arith.cmpi slt, %j, %n : index
        %skip = arith.muli %j, %c64 : index
        %e = arith.addi %lo, %skip : index
        %wi = sched.acquire %jc : !jch
        %wi0 = sched.part %wi[0] : !jw
        sched.copy async %src[%e] upto [%hi] pad %none : i32 to %wi0 where %on label "j" : !ids, !ib
        sched.commit %wi : !jw
      }
      scf.for %i = %c0 to %n step %c1 {
        %j = sched.wait %jc inflight 1 : !jch
        %i2 = arith.addi %i, %c2 : index
        %on = arith.cmpi slt, %i2, %n : index
        %skip = arith.muli %i2, %c64 : index
        %e = arith.addi %lo, %skip : index
        %wi = sched.acquire %jc : !jch
        %wi0 = sched.part %wi[0] : !jw
        sched.copy async %src[%e] upto [%hi] pad %none : i32 to %wi0 where %on label "j" : !ids, !ib
        sched.commit %wi : !jw
        %j0 = sched.part %j[0] : !jr
        %wg = sched.acquire %gc : !gch
        %wg0 = sched.part %wg[0] : !gw
        %wg1 = sched.part %wg[1] : !gw
        sched.copy async %pos[%c0] by %j0 : !ib to %wg0 label "pj" : !pos, !xb
        sched.copy async %h[%c0] by %j0 : !ib to %wg1 label "hj" : !h, !hb
        sched.commit %wg : !gw
        sched.release %j : !jr
      }
      sched.drain %jc : !jch
    }
    sched.role @mma groups 1 regs 256 {
      %w = sched.wait %wc : !wch
      %wm1 = sched.part %w[0] : !wr
      %wm2 = sched.part %w[1] : !wr
      %r1 = arith.addi %r, %c1 : index
      %ends = sched.load %ptr[%r1] pad %far : i32 : !ids -> !sched.frag<4xi32>
      %pr = sched.load %pos[%r, %c0] : !pos -> !sched.frag<4x3xf32>
      %mus = sched.load %mu[%c0] : !mu -> !sched.frag<64xf32>
      %f1 = sched.load %b1[%c0] : !bias -> !bf
      %f2 = sched.load %b2[%c0] : !bias -> !bf
      %z = sched.splat %zero : f32 -> !yf
      %acc = scf.for %i = %c0 to %n step %c1 iter_args(%a = %z) -> (!yf) {
        %skip = arith.muli %i, %c64 : index
        %e0 = arith.addi %lo, %skip : index
        %x = sched.wait %gc : !gch
        %x0 = sched.part %x[0] : !gr
        %x1 = sched.part %x[1] : !gr
        %xj = sched.load %x0 : !xb -> !sched.frag<64x3xf32>
        %hj = sched.load %x1 : !hb -> !z16
        sched.release %x : !gr
        %seg, %rf, %env = sched.map domain [64, 64] along 1
            ins(%xx = %xj, %xp = %pr, %xe = %ends, %xm = %mus
              : !sched.frag<64x3xf32>, !sched.frag<4x3xf32>, !sched.frag<4xi32>, !sched.frag<64xf32>)
            -> (!sched.frag<64xi32>, !rb, !sched.frag<64xf32>) {
          %I = tegula.iota %e0 : tensor<64xi32>
          %Ib = tegula.broadcast %I dims [0] : tensor<64xi32> -> tensor<64x4xi32>
          %eb = tegula.broadcast %xe dims [1] : tensor<4xi32> -> tensor<64x4xi32>
          %past = arith.cmpi sle, %eb, %Ib : tensor<64x4xi32>
          %one = arith.extui %past : tensor<64x4xi1> to tensor<64x4xi32>
          %sg = tegula.reduce add %one axis 1 : tensor<64x4xi32> -> tensor<64xi32>
          %to = sched.take %xp by %sg : tensor<4x3xf32>, tensor<64xi32> -> tensor<64x3xf32>
          %t = arith.subf %to, %xx : tensor<64x3xf32>
          %tt = arith.mulf %t, %t : tensor<64x3xf32>
          %d2 = tegula.reduce add %tt axis 1 : tensor<64x3xf32> -> tensor<64xf32>
          %tiny = arith.constant dense<1.0e-24> : tensor<64xf32>
          %d2m = arith.maximumf %d2, %tiny : tensor<64xf32>
          %d = math.sqrt %d2m : tensor<64xf32>
          %db = tegula.broadcast %d dims [0] : tensor<64xf32> -> tensor<64x64xf32>
          %mb = tegula.broadcast %xm dims [1] : tensor<64xf32> -> tensor<64x64xf32>
          %gs = tensor.splat %gamma : tensor<64x64xf32>
          %u = arith.subf %db, %mb : tensor<64x64xf32>
          %uu = arith.mulf %u, %u : tensor<64x64xf32>
          %gu = arith.mulf %gs, %uu : tensor<64x64xf32>
          %rr = math.exp %gu : tensor<64x64xf32>
          %rb = arith.truncf %rr : tensor<64x64xf32> to tensor<64x64xbf16>
          %rcs = tensor.splat %rc : tensor<64xf32>
          %pi = arith.constant dense<3.14159265> : tensor<64xf32>
          %halfs = arith.constant dense<0.5> : tensor<64xf32>
          %zs = arith.constant dense<0.0> : tensor<64xf32>
          %near = arith.cmpf olt, %d, %rcs : tensor<64xf32>
          %pd = arith.mulf %pi, %d : tensor<64xf32>
          %ph = arith.divf %pd, %rcs : tensor<64xf32>
          %cs = math.cos %ph : tensor<64xf32>
          %hc = arith.mulf %halfs, %cs : tensor<64xf32>
          %hh = arith.addf %hc, %halfs : tensor<64xf32>
          %ev = arith.select %near, %hh, %zs : tensor<64xi1>, tensor<64xf32>
          sched.yield %sg, %rb, %ev : tensor<64xi32>, tensor<64x64xbf16>, tensor<64xf32>
        }
        %rb = sched.convert %rf free : !rb -> !rp
        %z1 = sched.mma %rb, %wm1 label "z" : !rp, !wb1 -> !zf
        %fz = sched.map domain [64, 128] ins(%xz = %z1, %xc = %f1 : !zf, !bf) -> !z16 {
          %cb = tegula.broadcast %xc dims [1] : tensor<128xf32> -> tensor<64x128xf32>
          %y = arith.addf %xz, %cb : tensor<64x128xf32>
          %zs = arith.constant dense<0.0> : tensor<64x128xf32>
          %ln2 = arith.constant dense<0.6931471805599453> : tensor<64x128xf32>
          %up = arith.maximumf %y, %zs : tensor<64x128xf32>
          %ay = math.absf %y : tensor<64x128xf32>
          %ny = arith.negf %ay : tensor<64x128xf32>
          %ex = math.exp %ny : tensor<64x128xf32>
          %lp = math.log1p %ex : tensor<64x128xf32>
          %sp = arith.addf %up, %lp : tensor<64x128xf32>
          %ss = arith.subf %sp, %ln2 : tensor<64x128xf32>
          %sb = arith.truncf %ss : tensor<64x128xf32> to tensor<64x128xbf16>
          sched.yield %sb : tensor<64x128xbf16>
        }
        %fb = sched.convert %fz free : !z16 -> !ff
        %wo = sched.mma %fb, %wm2 label "w" : !ff, !wb2 -> !zf
        %msg = sched.map domain [64, 128] ins(%xw = %wo, %xc = %f2, %xh = %hj, %xe = %env
            : !zf, !bf, !z16, !sched.frag<64xf32>) -> !zf {
          %cb = tegula.broadcast %xc dims [1] : tensor<128xf32> -> tensor<64x128xf32>
          %y = arith.addf %xw, %cb : tensor<64x128xf32>
          %hf = arith.extf %xh : tensor<64x128xbf16> to tensor<64x128xf32>
          %yh = arith.mulf %y, %hf : tensor<64x128xf32>
          %eb = tegula.broadcast %xe dims [0] : tensor<64xf32> -> tensor<64x128xf32>
          %m = arith.mulf %yh, %eb : tensor<64x128xf32>
          sched.yield %m : tensor<64x128xf32>
        }
        %a1 = sched.segment_sum %msg by %seg acc %a label "sum" : !zf, !sched.frag<64xi32>, !yf
        scf.yield %a1 : !yf
      }
      sched.release %w : !wr
      sched.store %acc to %Y[%r, %c0] : !yf, !out
    }
    tegula.yield
  }
  tegula.return
}
