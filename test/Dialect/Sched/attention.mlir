// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// Attention as one CPU thread runs it: K and V packed per step, S in one buffer
// from product to product, the accumulator rescaled as it is added to.

!qv = memref<?x64xf32, strided<[?, 1], offset: ?>>
!lv = memref<?xf32, strided<[?], offset: ?>>

// CHECK-LABEL: sched.kernel @attention
// CHECK: sched.copy %{{.*}}[%{{.*}}, %{{.*}}] to %{{.*}} label "qt"
// CHECK: sched.mma %{{.*}}, trans %{{.*}} into %{{.*}} label "s"
// CHECK: sched.mma %{{.*}}, %{{.*}} onto %{{.*}} scale %{{.*}} : !sched.buf<128xf32, local>
sched.kernel @attention(in %q: !qv, in %k: !qv, in %v: !qv, out %o: !qv, out %lse: !lv, %scale: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %M = memref.dim %q, %c0 : !qv
  %N = memref.dim %k, %c0 : !qv
  tegula.grid (%m) to (%M) step (128) {
    %qb = sched.alloc : !sched.buf<128x64xf32, local>
    %kb = sched.alloc : !sched.buf<256x64xf32, local, pack n32t>
    %vb = sched.alloc : !sched.buf<256x64xf32, local, pack n32>
    %s = sched.alloc : !sched.buf<128x256xf32, local>
    %acc = sched.alloc : !sched.buf<128x64xf32, local>
    %mx = sched.alloc : !sched.buf<128xf32, local>
    %l = sched.alloc : !sched.buf<128xf32, local>
    %rm = sched.alloc : !sched.buf<128xf32, local>
    %base = sched.alloc : !sched.buf<128xf32, local>
    %alpha = sched.alloc : !sched.buf<128xf32, local>
    %rs = sched.alloc : !sched.buf<128xf32, local>
    sched.copy %q[%m, %c0] to %qb label "qt" : !qv, !sched.buf<128x64xf32, local>
    sched.map domain [128] outs(%mx, %l : !sched.buf<128xf32, local>, !sched.buf<128xf32, local>) {
      %ninf = arith.constant dense<0xFF800000> : tensor<128xf32>
      %zero = arith.constant dense<0.0> : tensor<128xf32>
      sched.yield %ninf, %zero : tensor<128xf32>, tensor<128xf32>
    }
    sched.map domain [128, 64] outs(%acc : !sched.buf<128x64xf32, local>) {
      %zero = arith.constant dense<0.0> : tensor<128x64xf32>
      sched.yield %zero : tensor<128x64xf32>
    }
    %c256 = arith.constant 256 : index
    scf.for %n = %c0 to %N step %c256 {
      sched.copy %k[%n, %c0] to %kb label "kt" : !qv, !sched.buf<256x64xf32, local, pack n32t>
      sched.copy %v[%n, %c0] to %vb label "vt" : !qv, !sched.buf<256x64xf32, local, pack n32>
      sched.mma %qb, trans %kb into %s label "s" : !sched.buf<128x64xf32, local>, !sched.buf<256x64xf32, local, pack n32t>, !sched.buf<128x256xf32, local>
      sched.map domain [128, 256] ins(%x = %s : !sched.buf<128x256xf32, local>)
          outs(%s, %rm : !sched.buf<128x256xf32, local>, !sched.buf<128xf32, local>) label "st.max" {
        %c = tensor.splat %scale : tensor<128x256xf32>
        %y = arith.mulf %x, %c : tensor<128x256xf32>
        %j = tegula.iota %n : tensor<256xi32>
        %jb = tegula.broadcast %j dims [1] : tensor<256xi32> -> tensor<128x256xi32>
        %hi = arith.index_cast %N : index to i32
        %his = tensor.splat %hi : tensor<128x256xi32>
        %in = arith.cmpi slt, %jb, %his : tensor<128x256xi32>
        %ninf = arith.constant dense<0xFF800000> : tensor<128x256xf32>
        %w = arith.select %in, %y, %ninf : tensor<128x256xi1>, tensor<128x256xf32>
        %r = tegula.reduce max %w axis 1 : tensor<128x256xf32> -> tensor<128xf32>
        sched.yield %w, %r : tensor<128x256xf32>, tensor<128xf32>
      }
      sched.map domain [128] ins(%m0 = %mx, %r = %rm : !sched.buf<128xf32, local>, !sched.buf<128xf32, local>)
          outs(%mx, %base, %alpha : !sched.buf<128xf32, local>, !sched.buf<128xf32, local>, !sched.buf<128xf32, local>) {
        %m1 = arith.maximumf %m0, %r : tensor<128xf32>
        %ninf = arith.constant dense<0xFF800000> : tensor<128xf32>
        %zero = arith.constant dense<0.0> : tensor<128xf32>
        %none = arith.cmpf oeq, %m1, %ninf : tensor<128xf32>
        %b = arith.select %none, %zero, %m1 : tensor<128xi1>, tensor<128xf32>
        %d = arith.subf %m0, %b : tensor<128xf32>
        %log2e = arith.constant dense<1.44269504> : tensor<128xf32>
        %t = arith.mulf %d, %log2e : tensor<128xf32>
        %a = tegula.exp2 %t : tensor<128xf32>
        sched.yield %m1, %b, %a : tensor<128xf32>, tensor<128xf32>, tensor<128xf32>
      }
      sched.map domain [128, 256] ins(%x = %s, %b = %base : !sched.buf<128x256xf32, local>, !sched.buf<128xf32, local>)
          outs(%s, %rs : !sched.buf<128x256xf32, local>, !sched.buf<128xf32, local>) label "st.exp+st.sum" {
        %bb = tegula.broadcast %b dims [0] : tensor<128xf32> -> tensor<128x256xf32>
        %d = arith.subf %x, %bb : tensor<128x256xf32>
        %log2e = arith.constant dense<1.44269504> : tensor<128x256xf32>
        %t = arith.mulf %d, %log2e : tensor<128x256xf32>
        %p = tegula.exp2 %t : tensor<128x256xf32>
        %r = tegula.reduce add %p axis 1 : tensor<128x256xf32> -> tensor<128xf32>
        sched.yield %p, %r : tensor<128x256xf32>, tensor<128xf32>
      }
      sched.map domain [128] ins(%l0 = %l, %a = %alpha, %r = %rs : !sched.buf<128xf32, local>, !sched.buf<128xf32, local>, !sched.buf<128xf32, local>)
          outs(%l : !sched.buf<128xf32, local>) {
        %la = arith.mulf %l0, %a : tensor<128xf32>
        %l1 = arith.addf %la, %r : tensor<128xf32>
        sched.yield %l1 : tensor<128xf32>
      }
      sched.mma %s, %vb onto %acc scale %alpha : !sched.buf<128xf32, local> label "st.dot"
        : !sched.buf<128x256xf32, local>, !sched.buf<256x64xf32, local, pack n32>, !sched.buf<128x64xf32, local>
    }
    sched.map domain [128] ins(%m0 = %mx, %l0 = %l : !sched.buf<128xf32, local>, !sched.buf<128xf32, local>)
        outs(%rm : !sched.buf<128xf32, local>) {
      %ln = math.log %l0 : tensor<128xf32>
      %y = arith.addf %m0, %ln : tensor<128xf32>
      sched.yield %y : tensor<128xf32>
    }
    sched.map domain [128, 64] ins(%a = %acc, %l0 = %l : !sched.buf<128x64xf32, local>, !sched.buf<128xf32, local>)
        outs(%acc : !sched.buf<128x64xf32, local>) {
      %lb = tegula.broadcast %l0 dims [0] : tensor<128xf32> -> tensor<128x64xf32>
      %y = arith.divf %a, %lb : tensor<128x64xf32>
      sched.yield %y : tensor<128x64xf32>
    }
    sched.store %acc to %o[%m, %c0] : !sched.buf<128x64xf32, local>, !qv
    sched.store %rm to %lse[%m] : !sched.buf<128xf32, local>, !lv
    tegula.yield
  }
  tegula.return
}
