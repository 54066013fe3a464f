// RUN: tegula-opt %s --sched-assign-arena --convert-sched-to-x86 --canonicalize --cse | FileCheck %s

// A long k is cut into blocks of sums. 1100 products are 4 blocks of 220 and one like
// them: the first goes into C with its scale, the others are added in a loop.

!a = !sched.buf<8x1100xf32, local>
!b = !sched.buf<1100x32xf32, local>
!c = !sched.buf<8x32xf32, local>
!f = !sched.buf<8xf32, local>
!v = memref<?xf32>

// CHECK-LABEL: sched.kernel @long
// CHECK: scf.for %{{.*}} = %c0 to %c220 step %c4 iter_args
// CHECK-COUNT-64: vector.fma
// CHECK: scf.yield
// C <- scale * C + sums.
// CHECK-COUNT-16: vector.fma
// CHECK: scf.for %[[BLOCK:.*]] = %c220 to %c1100 step %c220
// CHECK: %[[END:.*]] = arith.addi %[[BLOCK]], %c220
// CHECK: scf.for %{{.*}} = %[[BLOCK]] to %[[END]] step %c4 iter_args
// CHECK-COUNT-64: vector.fma
// CHECK-NOT: vector.fma
// CHECK-COUNT-16: arith.addf
// CHECK: tegula.return
sched.kernel @long(in %x: !v) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !a
    %b = sched.alloc : !b
    %c = sched.alloc : !c
    %f = sched.alloc : !f
    sched.mma %a, %b onto %c scale %f : !f : !a, !b, !c
    tegula.yield
  }
  tegula.return
}

// 512 products stay one chain.
!a1 = !sched.buf<8x512xf32, local>
!b1 = !sched.buf<512x32xf32, local>

// CHECK-LABEL: sched.kernel @short
// CHECK: scf.for %{{.*}} = %c0 to %c512 step %c4 iter_args
// CHECK-NOT: scf.for
// CHECK: tegula.return
sched.kernel @short(in %x: !v) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !a1
    %b = sched.alloc : !b1
    %c = sched.alloc : !c
    sched.mma %a, %b into %c : !a1, !b1, !c
    tegula.yield
  }
  tegula.return
}
