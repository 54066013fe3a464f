// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: offsets
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{has 1 offsets and a buffer of rank 2 for a view of rank 2}}
    sched.store %a to %y[%i] : !sched.buf<16x8xf32, local>, memref<?x?xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: limits
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{has 1 limits for a view of rank 2}}
    sched.store %a to %y[%i, %c0] upto [%n] : !sched.buf<16x8xf32, local>, memref<?x?xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// C3: rows
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local, pack n32>
    // expected-error @below {{takes no packed buffer, got}}
    sched.store %a to %y[%i, %c0] : !sched.buf<16x8xf32, local, pack n32>, memref<?x?xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// C3: element types
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf64, local>
    // expected-error @below {{moves elements between}}
    sched.store %a to %y[%i, %c0] : !sched.buf<16x8xf64, local>, memref<?x?xf32>
    tegula.yield
  }
  tegula.return
}
