// RUN: tegula-opt %s --sched-assign-arena --convert-sched-to-x86 --canonicalize --cse | FileCheck %s

// Boxes, reshapes, scans and positions of maxima.

!x = memref<?xf32>
!a = !sched.buf<32x40xf32, local>
!t = !sched.buf<40x32xf32, local>

// Rows of 20: one vector, and four lanes that leave their neighbours alone.
// CHECK-LABEL: sched.kernel @box
// CHECK: vector.load
// CHECK: vector.store
// CHECK: vector.maskedload
// CHECK: vector.maskedstore
// CHECK: tegula.return
sched.kernel @box(in %v: !x) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !a
    %b = sched.alloc : !a
    sched.move %a from [0, 3] to %b at [1, 5] sizes [4, 20] perm [0, 1] : !a, !a
    tegula.yield
  }
  tegula.return
}

// A transpose: squares in registers, then what is left one by one.
// CHECK-LABEL: sched.kernel @transpose
// CHECK-COUNT-16: vector.load
// CHECK-COUNT-64: vector.shuffle
// CHECK-COUNT-16: vector.store
// CHECK: memref.load
// CHECK: memref.store
// CHECK: tegula.return
sched.kernel @transpose(in %v: !x) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !a
    %b = sched.alloc : !t
    sched.move %a from [0, 0] to %b at [0, 0] sizes [40, 32] perm [1, 0] : !a, !t
    tegula.yield
  }
  tegula.return
}

// Runs of gcd(40, 20) elements are neighbours on both sides.
!r = !sched.buf<64x20xf32, local>
// CHECK-LABEL: sched.kernel @reshape
// CHECK: scf.for %[[I:.*]] = %c0 to %c64 step %c1
// CHECK: arith.divui %[[I]], %c2
// CHECK: vector.load
// CHECK: vector.maskedstore
// CHECK: tegula.return
sched.kernel @reshape(in %v: !x) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !a
    %b = sched.alloc : !r
    sched.reshape %a to %b : !a, !r
    tegula.yield
  }
  tegula.return
}

// Along a row: four doublings in a vector, then the carry.
// CHECK-LABEL: sched.kernel @along
// CHECK: scf.for {{.*}} iter_args(%[[CARRY:.*]] = %{{.*}}) -> (vector<16xf32>)
// CHECK-COUNT-4: arith.addf
// CHECK: arith.addf %[[CARRY]]
// CHECK: vector.store
// CHECK: tegula.return
sched.kernel @along(in %v: !x) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !a
    sched.scan add %a to %a axis 1 : !a, !a
    tegula.yield
  }
  tegula.return
}

// Down a column, from the far end: vectors of columns, no shuffle.
// CHECK-LABEL: sched.kernel @down
// CHECK: scf.for %[[I:.*]] = %c0 to %c32 step %c1 iter_args
// CHECK: arith.subi %c31, %[[I]]
// CHECK: arith.maximumf
// CHECK-NOT: vector.shuffle
// CHECK: tegula.return
sched.kernel @down(in %v: !x) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !a
    sched.scan max %a to %a axis 0 reverse : !a, !a
    tegula.yield
  }
  tegula.return
}

// Keys are integers in the order of the numbers, NaN on top.
!p = !sched.buf<32xi32, local>
// CHECK-LABEL: sched.kernel @argmax
// CHECK: arith.bitcast %{{.*}} : vector<16xf32> to vector<16xi32>
// CHECK: arith.cmpf uno
// CHECK: arith.cmpi sgt
// CHECK: arith.cmpi slt
// CHECK: vector.extract %{{.*}}[0] : i32
// CHECK: tegula.return
sched.kernel @argmax(in %v: !x) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !a
    %b = sched.alloc : !p
    sched.argmax %a to %b axis 1 : !a, !p
    tegula.yield
  }
  tegula.return
}
