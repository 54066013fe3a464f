// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// Attention in the form of FlashAttention-3: one warp loads, two groups of four warps
// compute and take turns at the matrix unit. The product of the block before runs while
// the exponentials of this one are computed.

#s = #sched.layout<wgmma.D [1, 16]>
#o = #sched.layout<wgmma.D [1, 8]>
#p = #sched.layout<wgmma.A [1, 8]>
#r = #sched.layout<row64 [1, 1]>
!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!out = memref<?x64xf32, strided<[?, 1], offset: ?>>
!rows = memref<?xf32, strided<[?], offset: ?>>
!q1 = !sched.buf<128x64xbf16, shared, swz 128>
!qh = !sched.buf<64x64xbf16, shared, swz 128>
!kv2 = !sched.buf<2 x 128x64xbf16, shared, swz 128>
!qch = !sched.chan<tx, !q1>
!ch = !sched.chan<tx, !kv2>
!qw = !sched.slot<acquired, !qch>
!qr = !sched.slot<waited, !qch>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
!sf = !sched.frag<64x128xf32, #s>
!st = !sched.flight<64x128xf32, #s>
!s16 = !sched.frag<64x128xbf16, #s>
!pf = !sched.frag<64x128xbf16, #p>
!of = !sched.frag<64x64xf32, #o>
!ot = !sched.flight<64x64xf32, #o>
!rf = !sched.frag<64xf32, #r>

// CHECK-LABEL: sched.kernel @attention_sm90
// CHECK:         %[[PP:.*]] = sched.baton 2
// CHECK:         sched.role @load warps 1 regs 24 {
// CHECK:         sched.role @mma groups 2 (%[[G:.*]]) regs 240 {
// CHECK:                 sched.turn %[[PP]]
// CHECK:                 %[[TS:.*]] = sched.mma async %{{.*}}, trans %{{.*}} label "s"
// CHECK:                 %[[TO:.*]] = sched.mma async %[[P:.*]], %{{.*}} acc %{{.*}} of !sched.frag<{{.*}}> label "st.dot"
// CHECK:                 sched.pass %[[PP]]
// CHECK:                 sched.mma_wait %[[TS]] inflight 1
// CHECK:                 sched.finish
// CHECK:                 sched.mma_wait %[[TO]] inflight 0 retire(%[[P]]
sched.kernel @attention_sm90(in %Q: !view, in %K: !view, in %V: !view, out %O: !out, out %L: !rows,
    %off: index, %scale: f32, %cc: f32) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %M = memref.dim %Q, %c0 : !view
  %N = memref.dim %K, %c0 : !view
  tegula.grid (%m) to (%M) step (128) {
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    %c128 = arith.constant 128 : index
    %zero = arith.constant 0.0 : f32
    %ninf = arith.constant 0xFF800000 : f32
    %row0 = arith.addi %m, %off : index
    %end = arith.addi %row0, %c128 : index
    %low = arith.maxsi %end, %c0 : index
    %hi = arith.minsi %low, %N : index
    %n = sched.trips %c0 to %hi step %c128
    %some = arith.cmpi sgt, %n, %c0 : index
    %last = arith.subi %n, %c1 : index
    %qb = sched.alloc : !q1
    %kb = sched.alloc : !kv2
    %vb = sched.alloc : !kv2
    %qc = sched.channel %qb kind tx : !q1
    %kc = sched.channel %kb kind tx : !kv2
    %vc = sched.channel %vb kind tx : !kv2
    %pp = sched.baton 2
    sched.role @load warps 1 regs 24 {
      %wq = sched.acquire %qc : !qch
      %wq0 = sched.part %wq[0] : !qw
      sched.copy bulk %Q[%m, %c0] to %wq0 label "qt" : !view, !q1
      sched.commit %wq : !qw
      scf.for %i = %c0 to %n step %c1 {
        %b = arith.subi %last, %i : index
        %j0 = arith.muli %b, %c128 : index
        %wk = sched.acquire %kc : !ch
        %wk0 = sched.part %wk[0] : !acquired
        sched.copy bulk %K[%j0, %c0] upto [%hi, %c64] to %wk0 label "kt" : !view, !q1
        sched.commit %wk : !acquired
        %wv = sched.acquire %vc : !ch
        %wv0 = sched.part %wv[0] : !acquired
        sched.copy bulk %V[%j0, %c0] upto [%hi, %c64] to %wv0 label "vt" : !view, !q1
        sched.commit %wv : !acquired
      }
    }
    sched.role @mma groups 2 (%g) regs 240 {
      %half = arith.muli %g, %c64 : index
      %row = arith.addi %m, %half : index
      %i0 = arith.addi %row0, %half : index
      %jl = arith.muli %last, %c128 : index
      %qr = sched.wait %qc : !qch
      %qr0 = sched.part %qr[0] : !qr
      %q = sched.slice %qr0 at [%half, 0] : !q1 -> !qh
      %o0 = sched.splat %zero : f32 -> !of
      %m0 = sched.splat %ninf : f32 -> !rf
      %l0 = sched.splat %zero : f32 -> !rf
      %o, %mx, %l = scf.if %some -> (!of, !rf, !rf) {
        %k0 = sched.wait %kc : !ch
        %k00 = sched.part %k0[0] : !waited
        %ts0 = sched.mma async %q, trans %k00 label "s" : !qh, !q1 -> !st
        %s0 = sched.mma_wait %ts0 inflight 0 : !st
        sched.release %k0 : !waited
        %m1, %a0, %pf0, %l1 = sched.map domain [64, 128] along 1 ins(%xs = %s0, %xm = %m0, %xl = %l0 : !sf, !rf, !rf)
            label "st.max+st.exp+st.sum" -> (!rf, !rf, !s16, !rf) {
          %neg = arith.constant dense<0xFF800000> : tensor<64x128xf32>
          %negr = arith.constant dense<0xFF800000> : tensor<64xf32>
          %zr = arith.constant dense<0.0> : tensor<64xf32>
          %jr = tegula.iota %jl : tensor<128xi32>
          %J = tegula.broadcast %jr dims [1] : tensor<128xi32> -> tensor<64x128xi32>
          %ir = tegula.iota %i0 : tensor<64xi32>
          %I = tegula.broadcast %ir dims [0] : tensor<64xi32> -> tensor<64x128xi32>
          %hi32 = arith.index_cast %hi : index to i32
          %H = tensor.splat %hi32 : tensor<64x128xi32>
          %causal = arith.cmpi sle, %J, %I : tensor<64x128xi32>
          %inside = arith.cmpi slt, %J, %H : tensor<64x128xi32>
          %seen = arith.andi %causal, %inside : tensor<64x128xi1>
          %x = arith.select %seen, %xs, %neg : tensor<64x128xi1>, tensor<64x128xf32>
          %rm = tegula.reduce max %x axis 1 : tensor<64x128xf32> -> tensor<64xf32>
          %mn = arith.maximumf %xm, %rm : tensor<64xf32>
          %none = arith.cmpf oeq, %mn, %negr : tensor<64xf32>
          %base = arith.select %none, %zr, %mn : tensor<64xi1>, tensor<64xf32>
          %cr = tensor.splat %cc : tensor<64xf32>
          %ct = tensor.splat %cc : tensor<64x128xf32>
          %d = arith.subf %xm, %base : tensor<64xf32>
          %dc = arith.mulf %d, %cr : tensor<64xf32>
          %al = tegula.exp2 %dc : tensor<64xf32>
          %gb = tegula.broadcast %base dims [0] : tensor<64xf32> -> tensor<64x128xf32>
          %y = arith.subf %x, %gb : tensor<64x128xf32>
          %yc = arith.mulf %y, %ct : tensor<64x128xf32>
          %e = tegula.exp2 %yc : tensor<64x128xf32>
          %p = arith.truncf %e : tensor<64x128xf32> to tensor<64x128xbf16>
          %rs = tegula.reduce add %e axis 1 : tensor<64x128xf32> -> tensor<64xf32>
          %la = arith.mulf %xl, %al : tensor<64xf32>
          %ln = arith.addf %la, %rs : tensor<64xf32>
          sched.yield %mn, %al, %p, %ln : tensor<64xf32>, tensor<64xf32>, tensor<64x128xbf16>, tensor<64xf32>
        }
        %p0 = sched.convert %pf0 free : !s16 -> !pf
        %oe, %me, %le, %pe = scf.for %i = %c1 to %n step %c1
            iter_args(%ob = %o0, %mb = %m1, %lb = %l1, %pi = %p0) -> (!of, !rf, !rf, !pf) {
          %b = arith.subi %last, %i : index
          %j0 = arith.muli %b, %c128 : index
          %k = sched.wait %kc : !ch
          %kt = sched.part %k[0] : !waited
          sched.turn %pp
          %ts = sched.mma async %q, trans %kt label "s" : !qh, !q1 -> !st
          %v = sched.wait %vc : !ch
          %vt = sched.part %v[0] : !waited
          %to = sched.mma async %pi, %vt acc %ob of !of label "st.dot" : !pf, !q1 -> !ot
          sched.pass %pp
          %s = sched.mma_wait %ts inflight 1 : !st
          sched.release %k : !waited
          %m2, %a, %pf, %l2 = sched.map domain [64, 128] along 1 ins(%xs = %s, %xm = %mb, %xl = %lb : !sf, !rf, !rf)
              label "st.max+st.exp+st.sum" -> (!rf, !rf, !s16, !rf) {
            %neg = arith.constant dense<0xFF800000> : tensor<64x128xf32>
            %negr = arith.constant dense<0xFF800000> : tensor<64xf32>
            %zr = arith.constant dense<0.0> : tensor<64xf32>
            %jr = tegula.iota %j0 : tensor<128xi32>
            %J = tegula.broadcast %jr dims [1] : tensor<128xi32> -> tensor<64x128xi32>
            %ir = tegula.iota %i0 : tensor<64xi32>
            %I = tegula.broadcast %ir dims [0] : tensor<64xi32> -> tensor<64x128xi32>
            %hi32 = arith.index_cast %hi : index to i32
            %H = tensor.splat %hi32 : tensor<64x128xi32>
            %causal = arith.cmpi sle, %J, %I : tensor<64x128xi32>
            %inside = arith.cmpi slt, %J, %H : tensor<64x128xi32>
            %seen = arith.andi %causal, %inside : tensor<64x128xi1>
            %x = arith.select %seen, %xs, %neg : tensor<64x128xi1>, tensor<64x128xf32>
            %rm = tegula.reduce max %x axis 1 : tensor<64x128xf32> -> tensor<64xf32>
            %mn = arith.maximumf %xm, %rm : tensor<64xf32>
            %none = arith.cmpf oeq, %mn, %negr : tensor<64xf32>
            %base = arith.select %none, %zr, %mn : tensor<64xi1>, tensor<64xf32>
            %cr = tensor.splat %cc : tensor<64xf32>
            %ct = tensor.splat %cc : tensor<64x128xf32>
            %d = arith.subf %xm, %base : tensor<64xf32>
            %dc = arith.mulf %d, %cr : tensor<64xf32>
            %al = tegula.exp2 %dc : tensor<64xf32>
            %gb = tegula.broadcast %base dims [0] : tensor<64xf32> -> tensor<64x128xf32>
            %y = arith.subf %x, %gb : tensor<64x128xf32>
            %yc = arith.mulf %y, %ct : tensor<64x128xf32>
            %e = tegula.exp2 %yc : tensor<64x128xf32>
            %p = arith.truncf %e : tensor<64x128xf32> to tensor<64x128xbf16>
            %rs = tegula.reduce add %e axis 1 : tensor<64x128xf32> -> tensor<64xf32>
            %la = arith.mulf %xl, %al : tensor<64xf32>
            %ln = arith.addf %la, %rs : tensor<64xf32>
            sched.yield %mn, %al, %p, %ln : tensor<64xf32>, tensor<64xf32>, tensor<64x128xbf16>, tensor<64xf32>
          }
          sched.finish %l2 : !rf
          %od = sched.mma_wait %to inflight 0 retire(%pi : !pf) : !ot
          sched.release %v : !waited
          %p2 = sched.convert %pf free : !s16 -> !pf
          %o2 = sched.map domain [64, 64] ins(%xo = %od, %xa = %a : !of, !rf) -> !of {
            %ab = tegula.broadcast %xa dims [0] : tensor<64xf32> -> tensor<64x64xf32>
            %y = arith.mulf %xo, %ab : tensor<64x64xf32>
            sched.yield %y : tensor<64x64xf32>
          }
          scf.yield %o2, %m2, %l2, %p2 : !of, !rf, !rf, !pf
        }
        %vz = sched.wait %vc : !ch
        %vz0 = sched.part %vz[0] : !waited
        %tz = sched.mma async %pe, %vz0 acc %oe of !of label "st.dot" : !pf, !q1 -> !ot
        %oz = sched.mma_wait %tz inflight 0 retire(%pe : !pf) : !ot
        sched.release %vz : !waited
        scf.yield %oz, %me, %le : !of, !rf, !rf
      } else {
        scf.yield %o0, %m0, %l0 : !of, !rf, !rf
      }
      sched.release %qr : !qr
      %y, %lse = sched.map domain [64, 64] along 1 ins(%xo = %o, %xm = %mx, %xl = %l : !of, !rf, !rf) -> (!of, !rf) {
        %z = arith.constant dense<0.0> : tensor<64xf32>
        %one = arith.constant dense<1.0> : tensor<64xf32>
        %neg = arith.constant dense<0xFF800000> : tensor<64xf32>
        %empty = arith.cmpf oeq, %xl, %z : tensor<64xf32>
        %div = arith.select %empty, %one, %xl : tensor<64xi1>, tensor<64xf32>
        %divb = tegula.broadcast %div dims [0] : tensor<64xf32> -> tensor<64x64xf32>
        %yo = arith.divf %xo, %divb : tensor<64x64xf32>
        %sc = tensor.splat %scale : tensor<64xf32>
        %ms = arith.mulf %xm, %sc : tensor<64xf32>
        %ll = math.log %xl : tensor<64xf32>
        %sum = arith.addf %ms, %ll : tensor<64xf32>
        %ls = arith.select %empty, %neg, %sum : tensor<64xi1>, tensor<64xf32>
        sched.yield %yo, %ls : tensor<64x64xf32>, tensor<64xf32>
      }
      sched.store %y to %O[%row, %c0] : !of, !out
      sched.store %lse to %L[%row] : !rf, !rows
    }
    tegula.yield
  }
  tegula.return
}
