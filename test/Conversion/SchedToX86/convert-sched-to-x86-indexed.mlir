// RUN: tegula-opt %s --sched-assign-arena --convert-sched-to-x86 --canonicalize --cse | FileCheck %s

// Gathers, scatters, segments.

!x = memref<?x?xf32, strided<[?, 1], offset: ?>>
!f = memref<?xf32>
!a = !sched.buf<32x40xf32, local>
!j = !sched.buf<32xi32, local>

// A row per index that lies in the view: vectors and a masked tail; else the pad.
// CHECK-LABEL: sched.kernel @rows
// CHECK: scf.for %[[I:.*]] = %c0 to %c32 step %c1
// CHECK: %[[ID:.*]] = arith.index_cast %{{.*}} : i32 to index
// CHECK: %[[IN:.*]] = arith.cmpi ult, %[[ID]], %
// CHECK: scf.if %[[IN]]
// CHECK-COUNT-2: vector.load %v[%[[ID]], %{{.*}}] : {{.*}}, vector<16xf32>
// CHECK: vector.maskedload %v[%[[ID]], %{{.*}}]
// CHECK: else
// CHECK: vector.store %cst
// CHECK: tegula.return
sched.kernel @rows(in %v: !x) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !a
    %j = sched.alloc : !j
    sched.gather %v[%c0] by %j axis 0 to %a : !x, !j, !a
    tegula.yield
  }
  tegula.return
}

// Elements by index, a vector of them at once.
!e = !sched.buf<32xf32, local>
// CHECK-LABEL: sched.kernel @elements
// CHECK: arith.cmpi ult, %{{.*}} : vector<16xi32>
// CHECK: vector.gather %v[%{{.*}}] [%{{.*}}], %{{.*}} : memref<?xf32>, vector<16xi32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
// CHECK: tegula.return
sched.kernel @elements(in %v: !f) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !e
    %j = sched.alloc : !j
    sched.gather %v[] by %j axis 0 to %a : !f, !j, !e
    tegula.yield
  }
  tegula.return
}

// CHECK-LABEL: sched.kernel @scatter
// CHECK: arith.cmpi ult
// CHECK-COUNT-2: vector.store %{{.*}}, %v[
// CHECK: vector.maskedstore %v[
// CHECK: tegula.return
sched.kernel @scatter(out %v: !x) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !a
    %j = sched.alloc : !j
    sched.scatter %a to %v[%c0] by %j axis 0 : !a, !x, !j
    tegula.yield
  }
  tegula.return
}

// One addition per row and vector, in the order of the rows.
!b = !sched.buf<4x40xf32, local>
// CHECK-LABEL: sched.kernel @segments
// CHECK: scf.for %[[E:.*]] = %c0 to %c32 step %c1
// CHECK: arith.cmpi ult, %{{.*}}, %c4
// CHECK: scf.if
// CHECK-COUNT-3: arith.addf
// CHECK-NOT: arith.addf
// CHECK: tegula.return
sched.kernel @segments(in %v: !x) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !a
    %j = sched.alloc : !j
    %b = sched.alloc : !b
    sched.segment_sum %a by %j onto %b : !a, !j, !b
    tegula.yield
  }
  tegula.return
}
