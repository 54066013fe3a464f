// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// Attention on four waves, S transposed (S^T = K Q^T), so that a lane owns one query and
// P^T is already the operand of O^T += V^T P^T. Rings of one stage: K and V of the next
// step wait in registers.

#g = #sched.layout<v8c64 [2, 1] warps [4, 1]>
#k = #sched.layout<mfma32.A [2, 8]>
#q = #sched.layout<mfma32.B [8, 1] warps [1, 4]>
#s = #sched.layout<mfma32.D [2, 1] warps [1, 4]>
#r = #sched.layout<col32 [1, 1] warps [1, 4]>
!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!out = memref<?x64xf32, strided<[?, 1], offset: ?>>
!rows = memref<?xf32, strided<[?], offset: ?>>
!tile = !sched.buf<64x64xbf16, shared, swz auto>
!ch = !sched.chan<sync, !tile>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
!qf = !sched.frag<64x128xbf16, #q>
!gf = !sched.frag<64x64xbf16, #g>
!kf = !sched.frag<64x64xbf16, #k>
!sf = !sched.frag<64x128xf32, #s>
!p16 = !sched.frag<64x128xbf16, #s>
!rf = !sched.frag<128xf32, #r>

// CHECK-LABEL: sched.kernel @attention_gfx942
// CHECK:           sched.load %{{.*}}[%{{.*}}, %{{.*}}] trans label "qt"
// CHECK:             sched.phase @qk
// CHECK:               sched.store %{{.*}} trans to %{{.*}} label "vt.put"
// CHECK:             sched.phase @softmax
// CHECK:               sched.map domain [64, 128] along 0
// CHECK:             sched.phase @pv
// CHECK:               sched.mma %{{.*}}, %{{.*}} acc %{{.*}} label "st.dot"
// CHECK:           sched.store %{{.*}} trans to %{{.*}}[%{{.*}}, %{{.*}}]
sched.kernel @attention_gfx942(in %Q: !view, in %K: !view, in %V: !view, out %O: !out, out %L: !rows,
    %off: index, %scale: f32, %cc: f32) target "gfx942" {
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
    %kb = sched.alloc : !tile
    %vb = sched.alloc : !tile
    %kc = sched.channel %kb kind sync : !tile
    %vc = sched.channel %vb kind sync : !tile
    sched.role @all warps 4 regs 256 {
      %q = sched.load %Q[%m, %c0] trans label "qt" : !view -> !qf
      %fk0 = sched.load %K[%c0, %c0] upto [%hi, %c64] where %some label "kt" : !view -> !gf
      %fv0 = sched.load %V[%c0, %c0] upto [%hi, %c64] where %some label "vt" : !view -> !gf
      %wk0 = sched.acquire %kc : !ch
      %wk0t = sched.part %wk0[0] : !acquired
      sched.store %fk0 to %wk0t label "kt.put" : !gf, !tile
      sched.commit %wk0 : !acquired
      %o0 = sched.splat %zero : f32 -> !sf
      %m0 = sched.splat %ninf : f32 -> !rf
      %l0 = sched.splat %zero : f32 -> !rf
      %o, %mx, %l, %fvx = scf.for %i = %c0 to %n step %c1
          iter_args(%o1 = %o0, %m1 = %m0, %l1 = %l0, %fv = %fv0) -> (!sf, !rf, !rf, !gf) {
        %i1 = arith.addi %i, %c1 : index
        %next = arith.muli %i1, %c64 : index
        %on = arith.cmpi slt, %i1, %n : index
        %j0 = arith.muli %i, %c64 : index
        %k = sched.wait %kc : !ch
        %kt = sched.part %k[0] : !waited
        %s, %fk = sched.phase @qk -> (!sf, !gf) {
          %g = sched.load %K[%next, %c0] upto [%hi, %c64] where %on label "kt" : !view -> !gf
          %wv = sched.acquire %vc : !ch
          %wvt = sched.part %wv[0] : !acquired
          sched.store %fv trans to %wvt label "vt.put" : !gf, !tile
          sched.commit %wv : !acquired
          %kf = sched.load %kt ahead 3 : !tile -> !kf
          %d = sched.mma %kf, %q label "s" : !kf, !qf -> !sf
          sched.yield %d, %g : !sf, !gf
        }
        sched.release %k : !waited
        %m2, %l2, %p, %o2 = sched.phase @softmax -> (!rf, !rf, !qf, !sf) {
          %mn, %a, %pf, %ln = sched.map domain [64, 128] along 0 ins(%xs = %s, %xm = %m1, %xl = %l1 : !sf, !rf, !rf)
              label "st.max+st.exp+st.sum" -> (!rf, !rf, !p16, !rf) {
            %neg = arith.constant dense<0xFF800000> : tensor<64x128xf32>
            %negr = arith.constant dense<0xFF800000> : tensor<128xf32>
            %zr = arith.constant dense<0.0> : tensor<128xf32>
            %jr = tegula.iota %j0 : tensor<64xi32>
            %J = tegula.broadcast %jr dims [0] : tensor<64xi32> -> tensor<64x128xi32>
            %ir = tegula.iota %i0 : tensor<128xi32>
            %I = tegula.broadcast %ir dims [1] : tensor<128xi32> -> tensor<64x128xi32>
            %hi32 = arith.index_cast %hi : index to i32
            %H = tensor.splat %hi32 : tensor<64x128xi32>
            %causal = arith.cmpi sle, %J, %I : tensor<64x128xi32>
            %inside = arith.cmpi slt, %J, %H : tensor<64x128xi32>
            %seen = arith.andi %causal, %inside : tensor<64x128xi1>
            %x = arith.select %seen, %xs, %neg : tensor<64x128xi1>, tensor<64x128xf32>
            %rm = tegula.reduce max %x axis 0 : tensor<64x128xf32> -> tensor<128xf32>
            %mn = arith.maximumf %xm, %rm : tensor<128xf32>
            %none = arith.cmpf oeq, %mn, %negr : tensor<128xf32>
            %base = arith.select %none, %zr, %mn : tensor<128xi1>, tensor<128xf32>
            %cr = tensor.splat %cc : tensor<128xf32>
            %ct = tensor.splat %cc : tensor<64x128xf32>
            %d = arith.subf %xm, %base : tensor<128xf32>
            %dc = arith.mulf %d, %cr : tensor<128xf32>
            %al = tegula.exp2 %dc : tensor<128xf32>
            %gb = tegula.broadcast %base dims [1] : tensor<128xf32> -> tensor<64x128xf32>
            %y = arith.subf %x, %gb : tensor<64x128xf32>
            %yc = arith.mulf %y, %ct : tensor<64x128xf32>
            %e = tegula.exp2 %yc : tensor<64x128xf32>
            %p = arith.truncf %e : tensor<64x128xf32> to tensor<64x128xbf16>
            %rs = tegula.reduce add %e axis 0 : tensor<64x128xf32> -> tensor<128xf32>
            %la = arith.mulf %xl, %al : tensor<128xf32>
            %ln = arith.addf %la, %rs : tensor<128xf32>
            sched.yield %mn, %al, %p, %ln : tensor<128xf32>, tensor<128xf32>, tensor<64x128xbf16>, tensor<128xf32>
          }
          %pb = sched.convert %pf free : !p16 -> !qf
          %or = sched.map domain [64, 128] ins(%xo = %o1, %xa = %a : !sf, !rf) -> !sf {
            %ab = tegula.broadcast %xa dims [1] : tensor<128xf32> -> tensor<64x128xf32>
            %y = arith.mulf %xo, %ab : tensor<64x128xf32>
            sched.yield %y : tensor<64x128xf32>
          }
          sched.yield %mn, %ln, %pb, %or : !rf, !rf, !qf, !sf
        }
        %v = sched.wait %vc : !ch
        %vt = sched.part %v[0] : !waited
        %o3, %fv1 = sched.phase @pv -> (!sf, !gf) {
          %g = sched.load %V[%next, %c0] upto [%hi, %c64] where %on label "vt" : !view -> !gf
          %wk = sched.acquire %kc : !ch
          %wkt = sched.part %wk[0] : !acquired
          sched.store %fk to %wkt label "kt.put" : !gf, !tile
          sched.commit %wk : !acquired
          %vf = sched.load %vt ahead 3 : !tile -> !kf
          %d = sched.mma %vf, %p acc %o2 label "st.dot" : !kf, !qf -> !sf
          sched.yield %d, %g : !sf, !gf
        }
        sched.release %v : !waited
        scf.yield %o3, %m2, %l2, %fv1 : !sf, !rf, !rf, !gf
      }
      sched.drain %kc : !ch
      %y, %lse = sched.map domain [64, 128] along 0 ins(%xo = %o, %xm = %mx, %xl = %l : !sf, !rf, !rf) -> (!sf, !rf) {
        %z = arith.constant dense<0.0> : tensor<128xf32>
        %one = arith.constant dense<1.0> : tensor<128xf32>
        %neg = arith.constant dense<0xFF800000> : tensor<128xf32>
        %empty = arith.cmpf oeq, %xl, %z : tensor<128xf32>
        %div = arith.select %empty, %one, %xl : tensor<128xi1>, tensor<128xf32>
        %divb = tegula.broadcast %div dims [1] : tensor<128xf32> -> tensor<64x128xf32>
        %yo = arith.divf %xo, %divb : tensor<64x128xf32>
        %sc = tensor.splat %scale : tensor<128xf32>
        %ms = arith.mulf %xm, %sc : tensor<128xf32>
        %ll = math.log %xl : tensor<128xf32>
        %sum = arith.addf %ms, %ll : tensor<128xf32>
        %ls = arith.select %empty, %neg, %sum : tensor<128xi1>, tensor<128xf32>
        sched.yield %yo, %ls : tensor<64x128xf32>, tensor<128xf32>
      }
      sched.store %y trans to %O[%m, %c0] : !sf, !out
      sched.store %lse to %L[%m] : !rf, !rows
    }
    tegula.yield
  }
  tegula.return
}
