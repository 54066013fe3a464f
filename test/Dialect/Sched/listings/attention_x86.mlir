// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// Attention on one CPU thread: K and V packed per step, eight rows of S at a time in a
// buffer of the first cache, the accumulator rescaled as it is added to.

!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!rows = memref<?xf32, strided<[?], offset: ?>>
!kb = !sched.buf<256x64xf32, local, pack n32t>
!vb = !sched.buf<256x64xf32, local, pack n32>
!sb = !sched.buf<8x256xf32, local>
!ob = !sched.buf<128x64xf32, local>
!op = !sched.buf<8x64xf32, local>
!rb = !sched.buf<128xf32, local>
!rp = !sched.buf<8xf32, local>
!ch = !sched.chan<sync, !kb, !vb>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>

// CHECK-LABEL: sched.kernel @attention_x86
// CHECK:         sched.role @all warps 1 {
// CHECK:             sched.copy pack %{{.*}} label "kt"
// CHECK:             sched.copy pack %{{.*}} label "vt"
// CHECK:               sched.mma %{{.*}}, trans %{{.*}} into %[[S:.*]] label "s"
// CHECK:               sched.map domain [8, 256] along 1
// CHECK:               sched.mma %[[S]], %{{.*}} onto %{{.*}} scale %{{.*}} : !sched.buf<8xf32, local> label "st.dot"
sched.kernel @attention_x86(in %Q: !view, in %K: !view, in %V: !view, out %O: !view, out %L: !rows,
    %off: index, %scale: f32, %cc: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %M = memref.dim %Q, %c0 : !view
  %N = memref.dim %K, %c0 : !view
  tegula.grid (%m) to (%M) step (128) {
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %c64 = arith.constant 64 : index
    %c128 = arith.constant 128 : index
    %c256 = arith.constant 256 : index
    %zero = arith.constant 0.0 : f32
    %ninf = arith.constant 0xFF800000 : f32
    %row0 = arith.addi %m, %off : index
    %end = arith.addi %row0, %c128 : index
    %low = arith.maxsi %end, %c0 : index
    %hi = arith.minsi %low, %N : index
    %n = sched.trips %c0 to %hi step %c256
    %kb = sched.alloc : !kb
    %vb = sched.alloc : !vb
    %kv = sched.channel %kb, %vb kind sync : !kb, !vb
    %S = sched.alloc : !sb
    %acc = sched.alloc : !ob
    %mb = sched.alloc : !rb
    %lb = sched.alloc : !rb
    %ab = sched.alloc : !rp
    sched.role @all warps 1 {
      sched.fill %acc with %zero : f32, !ob
      sched.fill %mb with %ninf : f32, !rb
      sched.fill %lb with %zero : f32, !rb
      scf.for %i = %c0 to %n step %c1 {
        %j0 = arith.muli %i, %c256 : index
        %w = sched.acquire %kv : !ch
        %w0 = sched.part %w[0] : !acquired
        %w1 = sched.part %w[1] : !acquired
        sched.copy pack %K[%j0, %c0] upto [%hi, %c64] to %w0 label "kt" : !view, !kb
        sched.copy pack %V[%j0, %c0] upto [%hi, %c64] to %w1 label "vt" : !view, !vb
        sched.commit %w : !acquired
        %t = sched.wait %kv : !ch
        %t0 = sched.part %t[0] : !waited
        %t1 = sched.part %t[1] : !waited
        scf.for %p = %c0 to %c128 step %c8 {
          %row = arith.addi %m, %p : index
          %i0 = arith.addi %row0, %p : index
          %q = sched.slice %Q at [%row, 0] : !view -> !op
          %mp = sched.slice %mb at [%p] : !rb -> !rp
          %lp = sched.slice %lb at [%p] : !rb -> !rp
          %op = sched.slice %acc at [%p, 0] : !ob -> !op
          sched.mma %q, trans %t0 into %S label "s" : !op, !kb, !sb
          sched.map domain [8, 256] along 1 ins(%xs = %S, %xm = %mp, %xl = %lp : !sb, !rp, !rp)
              outs(%mp, %ab, %S, %lp : !rp, !rp, !sb, !rp)
              label "st.max+st.exp+st.sum" {
            %neg = arith.constant dense<0xFF800000> : tensor<8x256xf32>
            %negr = arith.constant dense<0xFF800000> : tensor<8xf32>
            %zr = arith.constant dense<0.0> : tensor<8xf32>
            %jr = tegula.iota %j0 : tensor<256xi32>
            %J = tegula.broadcast %jr dims [1] : tensor<256xi32> -> tensor<8x256xi32>
            %ir = tegula.iota %i0 : tensor<8xi32>
            %I = tegula.broadcast %ir dims [0] : tensor<8xi32> -> tensor<8x256xi32>
            %hi32 = arith.index_cast %hi : index to i32
            %H = tensor.splat %hi32 : tensor<8x256xi32>
            %causal = arith.cmpi sle, %J, %I : tensor<8x256xi32>
            %inside = arith.cmpi slt, %J, %H : tensor<8x256xi32>
            %seen = arith.andi %causal, %inside : tensor<8x256xi1>
            %x = arith.select %seen, %xs, %neg : tensor<8x256xi1>, tensor<8x256xf32>
            %rm = tegula.reduce max %x axis 1 : tensor<8x256xf32> -> tensor<8xf32>
            %mn = arith.maximumf %xm, %rm : tensor<8xf32>
            %none = arith.cmpf oeq, %mn, %negr : tensor<8xf32>
            %base = arith.select %none, %zr, %mn : tensor<8xi1>, tensor<8xf32>
            %cr = tensor.splat %cc : tensor<8xf32>
            %ct = tensor.splat %cc : tensor<8x256xf32>
            %d = arith.subf %xm, %base : tensor<8xf32>
            %dc = arith.mulf %d, %cr : tensor<8xf32>
            %al = tegula.exp2 %dc : tensor<8xf32>
            %gb = tegula.broadcast %base dims [0] : tensor<8xf32> -> tensor<8x256xf32>
            %y = arith.subf %x, %gb : tensor<8x256xf32>
            %yc = arith.mulf %y, %ct : tensor<8x256xf32>
            %e = tegula.exp2 %yc : tensor<8x256xf32>
            %rs = tegula.reduce add %e axis 1 : tensor<8x256xf32> -> tensor<8xf32>
            %la = arith.mulf %xl, %al : tensor<8xf32>
            %ln = arith.addf %la, %rs : tensor<8xf32>
            sched.yield %mn, %al, %e, %ln : tensor<8xf32>, tensor<8xf32>, tensor<8x256xf32>, tensor<8xf32>
          }
          sched.mma %S, %t1 onto %op scale %ab : !rp label "st.dot" : !sb, !vb, !op
        }
        sched.release %t : !waited
      }
      sched.map domain [128, 64] along 1 ins(%xo = %acc, %xm = %mb, %xl = %lb : !ob, !rb, !rb) outs(%acc, %lb : !ob, !rb) {
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
      sched.store %acc to %O[%m, %c0] : !ob, !view
      sched.store %lb to %L[%m] : !rb, !rows
    }
    tegula.yield
  }
  tegula.return
}
