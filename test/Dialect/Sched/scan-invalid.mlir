// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: axis
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{axis 2 is no axis of rank 2}}
    sched.scan add %a to %a axis 2 : !sched.buf<16x8xf32, local>, !sched.buf<16x8xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: one type
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<8x4xf32, local>
    // expected-error @below {{scans}}
    sched.scan add %a to %b axis 0 : !sched.buf<16x8xf32, local>, !sched.buf<8x4xf32, local>
    tegula.yield
  }
  tegula.return
}
