// RUN: tegula-opt %s --sched-assign-arena --convert-sched-to-x86 --canonicalize --cse | FileCheck %s

// One kernel with a load, a product, a map and a store: no op of the scheduled
// level is left but the arena, nothing is allocated, no vector is larger than a
// register.

!v = memref<?x?xf32, strided<[?, 1], offset: ?>>
!rows = !sched.buf<16x12xf32, local>
!panels = !sched.buf<12x40xf32, local, pack n32>
!sums = !sched.buf<16x40xf32, local>

// CHECK-LABEL: sched.kernel @block
// CHECK-NOT: vector<{{[0-9]+}}x{{[0-9]+}}x
// CHECK: tegula.grid
// CHECK: %[[ARENA:.*]] = sched.arena : memref<{{[0-9]+}}xi8>
// CHECK: memref.view %[[ARENA]][%{{.*}}][] : memref<{{[0-9]+}}xi8> to memref<16x16xf32>
// CHECK: memref.view %[[ARENA]][%{{.*}}][] : memref<{{[0-9]+}}xi8> to memref<2x12x32xf32>
// CHECK: memref.view %[[ARENA]][%{{.*}}][] : memref<{{[0-9]+}}xi8> to memref<16x48xf32>
// CHECK-NOT: sched.{{copy|mma|map|store|alloc}}
// CHECK-NOT: alloc
// CHECK: vector.fma
// CHECK-NOT: sched.{{copy|mma|map|store|alloc}}
// CHECK: tegula.return
sched.kernel @block(in %a: !v, in %b: !v, out %c: !v) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %a, %c0 : !v
  %N = memref.dim %b, %c1 : !v
  tegula.grid (%m, %n) to (%M, %N) step (16, 40) {
    %ab = sched.alloc : !rows
    %bb = sched.alloc : !panels
    %cb = sched.alloc : !sums
    sched.copy %a[%m, %c0] to %ab : !v, !rows
    sched.copy %b[%c0, %n] to %bb : !v, !panels
    sched.mma %ab, %bb into %cb : !rows, !panels, !sums
    sched.map domain [16, 40] ins(%x = %cb : !sums) outs(%cb : !sums) {
      %y = arith.negf %x : tensor<16x40xf32>
      sched.yield %y : tensor<16x40xf32>
    }
    sched.store %cb to %c[%m, %n] : !sums, !v
    tegula.yield
  }
  tegula.return
}
