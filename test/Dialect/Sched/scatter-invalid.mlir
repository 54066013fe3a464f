// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: axis
sched.kernel @k(inout %v: memref<?x?xf32>, %p: f64) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %v, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<4x8xf32, local>
    %h = sched.alloc : !sched.buf<16x8xf16, local>
    %q = sched.alloc : !sched.buf<16x8xf32, local, pack n32>
    %j = sched.alloc : !sched.buf<16xi32, local>
    %s = sched.alloc : !sched.buf<4xi32, local>
    // expected-error @below {{axis 2 is no axis of a view of rank 2}}
    sched.scatter %a to %v[%c0] by %j axis 2 : !sched.buf<16x8xf32, local>, memref<?x?xf32>, !sched.buf<16xi32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: indices
sched.kernel @k(inout %v: memref<?x?xf32>, %p: f64) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %v, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<4x8xf32, local>
    %h = sched.alloc : !sched.buf<16x8xf16, local>
    %q = sched.alloc : !sched.buf<16x8xf32, local, pack n32>
    %j = sched.alloc : !sched.buf<16xi32, local>
    %s = sched.alloc : !sched.buf<4xi32, local>
    // expected-error @below {{needs 16 indices of i32, got}}
    sched.scatter %a to %v[%c0] by %s axis 0 : !sched.buf<16x8xf32, local>, memref<?x?xf32>, !sched.buf<4xi32, local>
    tegula.yield
  }
  tegula.return
}
