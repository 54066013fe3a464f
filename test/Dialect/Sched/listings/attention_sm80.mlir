// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// Attention on four warps: one role, one FIFO of copies for three rings. K runs one
// step ahead, V none; the wait for V covers what was committed before K(i + 1).

#q = #sched.layout<m16n8k16.A [2, 4] warps [4, 1]>
#b = #sched.layout<m16n8k16.B [4, 8]>
#s = #sched.layout<m16n8k16.D [2, 8] warps [4, 1]>
#r = #sched.layout<row16 [2, 1] warps [4, 1]>
!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!out = memref<?x64xf32, strided<[?, 1], offset: ?>>
!rows = memref<?xf32, strided<[?], offset: ?>>
!q1 = !sched.buf<1 x 128x64xbf16, shared, swz 128>
!kv2 = !sched.buf<2 x 64x64xbf16, shared, swz 128>
!kv1 = !sched.buf<64x64xbf16, shared, swz 128>
!qch = !sched.chan<fifo, !q1>
!kvch = !sched.chan<fifo, !kv2>
!qw = !sched.slot<acquired, !qch>
!qr = !sched.slot<waited, !qch>
!kvw = !sched.slot<acquired, !kvch>
!kvr = !sched.slot<waited, !kvch>
!qf = !sched.frag<128x64xbf16, #q>
!bf = !sched.frag<64x64xbf16, #b>
!sf = !sched.frag<128x64xf32, #s>
!p16 = !sched.frag<128x64xbf16, #s>
!rf = !sched.frag<128xf32, #r>

// CHECK-LABEL: sched.kernel @attention_sm80
// CHECK:         sched.channel %{{.*}} kind fifo : !sched.buf<128x64xbf16
// CHECK:         %[[KC:.*]] = sched.channel %{{.*}} kind fifo
// CHECK:         %[[VC:.*]] = sched.channel %{{.*}} kind fifo
// CHECK:           sched.wait %{{.*}} inflight 2
// CHECK:           scf.for
// CHECK:             %[[K:.*]] = sched.wait %[[KC]] inflight 1
// CHECK:             sched.load %{{.*}} trans ahead 1
// CHECK:             sched.mma %{{.*}}, %{{.*}} label "s"
// CHECK:             sched.release %[[K]]
// CHECK:             sched.map domain [128, 64] along 1 {{.*}} label "st.max+st.exp+st.sum" -> (!sched.frag<128xf32, {{.*}}>
// CHECK:             sched.convert %{{.*}} free
// CHECK:             sched.wait %[[VC]] inflight 1
// CHECK:             sched.mma %{{.*}}, %{{.*}} acc %{{.*}} label "st.dot"
// CHECK:           sched.drain %[[KC]]
// CHECK:           sched.drain %[[VC]]
sched.kernel @attention_sm80(in %Q: !view, in %K: !view, in %V: !view, out %O: !out, out %L: !rows,
    %off: index, %scale: f32, %cc: f32) target "sm_80" {
  %c0 = arith.constant 0 : index
  %M = memref.dim %Q, %c0 : !view
  %N = memref.dim %K, %c0 : !view
  tegula.grid (%m) to (%M) step (128) {
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    %c128 = arith.constant 128 : index
    %zero = arith.constant 0.0 : f32
    %ninf = arith.constant 0xFF800000 : f32
    %i0 = arith.addi %m, %off : index
    %end = arith.addi %i0, %c128 : index
    %low = arith.maxsi %end, %c0 : index
    %hi = arith.minsi %low, %N : index
    %n = sched.trips %c0 to %hi step %c64
    %some = arith.cmpi slt, %c0, %n : index
    %qb = sched.alloc : !q1
    %kb = sched.alloc : !kv2
    %vb = sched.alloc : !kv2
    %qc = sched.channel %qb kind fifo : !q1
    %kc = sched.channel %kb kind fifo : !kv2
    %vc = sched.channel %vb kind fifo : !kv2
    sched.role @all warps 4 regs 255 {
      %wq = sched.acquire %qc : !qch
      %wq0 = sched.part %wq[0] : !qw
      sched.copy async %Q[%m, %c0] to %wq0 label "qt" : !view, !q1
      sched.commit %wq : !qw
      %wk = sched.acquire %kc : !kvch
      %wk0 = sched.part %wk[0] : !kvw
      sched.copy async %K[%c0, %c0] upto [%hi, %c64] to %wk0 where %some label "kt" : !view, !kv1
      sched.commit %wk : !kvw
      %wv = sched.acquire %vc : !kvch
      %wv0 = sched.part %wv[0] : !kvw
      sched.copy async %V[%c0, %c0] upto [%hi, %c64] to %wv0 where %some label "vt" : !view, !kv1
      sched.commit %wv : !kvw
      %qr = sched.wait %qc inflight 2 : !qch
      %qr0 = sched.part %qr[0] : !qr
      %q = sched.load %qr0 : !q1 -> !qf
      sched.release %qr : !qr
      %o0 = sched.splat %zero : f32 -> !sf
      %m0 = sched.splat %ninf : f32 -> !rf
      %l0 = sched.splat %zero : f32 -> !rf
      %o, %mx, %l = scf.for %i = %c0 to %n step %c1 iter_args(%o1 = %o0, %m1 = %m0, %l1 = %l0) -> (!sf, !rf, !rf) {
        %k = sched.wait %kc inflight 1 : !kvch
        %i1 = arith.addi %i, %c1 : index
        %next = arith.muli %i1, %c64 : index
        %on = arith.cmpi slt, %i1, %n : index
        %wk1 = sched.acquire %kc : !kvch
        %wk10 = sched.part %wk1[0] : !kvw
        sched.copy async %K[%next, %c0] upto [%hi, %c64] to %wk10 where %on label "kt" : !view, !kv1
        sched.commit %wk1 : !kvw
        %k0 = sched.part %k[0] : !kvr
        %kf = sched.load %k0 trans ahead 1 : !kv1 -> !bf
        %s = sched.mma %q, %kf label "s" : !qf, !bf -> !sf
        sched.release %k : !kvr
        %j0 = arith.muli %i, %c64 : index
        %m2, %a, %pf, %l2 = sched.map domain [128, 64] along 1 ins(%xs = %s, %xm = %m1, %xl = %l1 : !sf, !rf, !rf)
            label "st.max+st.exp+st.sum" -> (!rf, !rf, !p16, !rf) {
          %neg = arith.constant dense<0xFF800000> : tensor<128x64xf32>
          %negr = arith.constant dense<0xFF800000> : tensor<128xf32>
          %zr = arith.constant dense<0.0> : tensor<128xf32>
          %jr = tegula.iota %j0 : tensor<64xi32>
          %J = tegula.broadcast %jr dims [1] : tensor<64xi32> -> tensor<128x64xi32>
          %ir = tegula.iota %i0 : tensor<128xi32>
          %I = tegula.broadcast %ir dims [0] : tensor<128xi32> -> tensor<128x64xi32>
          %hi32 = arith.index_cast %hi : index to i32
          %H = tensor.splat %hi32 : tensor<128x64xi32>
          %causal = arith.cmpi sle, %J, %I : tensor<128x64xi32>
          %inside = arith.cmpi slt, %J, %H : tensor<128x64xi32>
          %seen = arith.andi %causal, %inside : tensor<128x64xi1>
          %x = arith.select %seen, %xs, %neg : tensor<128x64xi1>, tensor<128x64xf32>
          %rm = tegula.reduce max %x axis 1 : tensor<128x64xf32> -> tensor<128xf32>
          %mn = arith.maximumf %xm, %rm : tensor<128xf32>
          %none = arith.cmpf oeq, %mn, %negr : tensor<128xf32>
          %g = arith.select %none, %zr, %mn : tensor<128xi1>, tensor<128xf32>
          %cr = tensor.splat %cc : tensor<128xf32>
          %ct = tensor.splat %cc : tensor<128x64xf32>
          %d = arith.subf %xm, %g : tensor<128xf32>
          %dc = arith.mulf %d, %cr : tensor<128xf32>
          %al = tegula.exp2 %dc : tensor<128xf32>
          %gb = tegula.broadcast %g dims [0] : tensor<128xf32> -> tensor<128x64xf32>
          %y = arith.subf %x, %gb : tensor<128x64xf32>
          %yc = arith.mulf %y, %ct : tensor<128x64xf32>
          %e = tegula.exp2 %yc : tensor<128x64xf32>
          %p = arith.truncf %e : tensor<128x64xf32> to tensor<128x64xbf16>
          %rs = tegula.reduce add %e axis 1 : tensor<128x64xf32> -> tensor<128xf32>
          %la = arith.mulf %xl, %al : tensor<128xf32>
          %ln = arith.addf %la, %rs : tensor<128xf32>
          sched.yield %mn, %al, %p, %ln : tensor<128xf32>, tensor<128xf32>, tensor<128x64xbf16>, tensor<128xf32>
        }
        %p = sched.convert %pf free : !p16 -> !qf
        %o2 = sched.map domain [128, 64] ins(%xo = %o1, %xa = %a : !sf, !rf) -> !sf {
          %ab = tegula.broadcast %xa dims [0] : tensor<128xf32> -> tensor<128x64xf32>
          %y = arith.mulf %xo, %ab : tensor<128x64xf32>
          sched.yield %y : tensor<128x64xf32>
        }
        %v = sched.wait %vc inflight 1 : !kvch
        %wv1 = sched.acquire %vc : !kvch
        %wv10 = sched.part %wv1[0] : !kvw
        sched.copy async %V[%next, %c0] upto [%hi, %c64] to %wv10 where %on label "vt" : !view, !kv1
        sched.commit %wv1 : !kvw
        %v0 = sched.part %v[0] : !kvr
        %vf = sched.load %v0 ahead 1 : !kv1 -> !bf
        %o3 = sched.mma %p, %vf acc %o2 label "st.dot" : !qf, !bf -> !sf
        sched.release %v : !kvr
        scf.yield %o3, %m2, %l2 : !sf, !rf, !rf
      }
      sched.drain %kc : !kvch
      sched.drain %vc : !kvch
      %y, %lse = sched.map domain [128, 64] along 1 ins(%xo = %o, %xm = %mx, %xl = %l : !sf, !rf, !rf) -> (!sf, !rf) {
        %z = arith.constant dense<0.0> : tensor<128xf32>
        %one = arith.constant dense<1.0> : tensor<128xf32>
        %neg = arith.constant dense<0xFF800000> : tensor<128xf32>
        %empty = arith.cmpf oeq, %xl, %z : tensor<128xf32>
        %div = arith.select %empty, %one, %xl : tensor<128xi1>, tensor<128xf32>
        %divb = tegula.broadcast %div dims [0] : tensor<128xf32> -> tensor<128x64xf32>
        %yo = arith.divf %xo, %divb : tensor<128x64xf32>
        %sc = tensor.splat %scale : tensor<128xf32>
        %ms = arith.mulf %xm, %sc : tensor<128xf32>
        %ll = math.log %xl : tensor<128xf32>
        %sum = arith.addf %ms, %ll : tensor<128xf32>
        %ls = arith.select %empty, %neg, %sum : tensor<128xi1>, tensor<128xf32>
        sched.yield %yo, %ls : tensor<128x64xf32>, tensor<128xf32>
      }
      sched.store %y to %O[%m, %c0] : !sf, !out
      sched.store %lse to %L[%m] : !rf, !rows
    }
    tegula.yield
  }
  tegula.return
}
