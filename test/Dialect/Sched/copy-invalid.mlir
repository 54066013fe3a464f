// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: offsets
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{has 1 offsets and a buffer of rank 2 for a view of rank 2}}
    sched.copy %x[%i] to %a : memref<?x?xf32>, !sched.buf<16x8xf32, local>
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
    sched.copy %x[%i, %c0] upto [%n] to %a : memref<?x?xf32>, !sched.buf<16x8xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C3: a buffer has no offsets
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{from a buffer takes no offsets, limits or pad}}
    sched.copy %a[%i, %c0] to %a : !sched.buf<16x8xf32, local>, !sched.buf<16x8xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C3: equal tiles
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<8x16xf32, local>
    // expected-error @below {{cannot copy}}
    sched.copy %a to %b : !sched.buf<16x8xf32, local>, !sched.buf<8x16xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C4: element types
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf64, local>
    // expected-error @below {{moves elements between}}
    sched.copy %x[%i, %c0] to %a : memref<?x?xf32>, !sched.buf<16x8xf64, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C4: the pad's type
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %p = arith.constant 0.0 : f64
    // expected-error @below {{pads with 'f64' but the buffer holds 'f32'}}
    sched.copy %x[%i, %c0] pad %p : f64 to %a : memref<?x?xf32>, !sched.buf<16x8xf32, local>
    tegula.yield
  }
  tegula.return
}
