// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: offsets
sched.kernel @k(inout %v: memref<?x?xf32>, inout %h: memref<?x?xf16>) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %v, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{has 1 offsets and a buffer of rank 2 for a view of rank 2}}
    sched.reduce_store max %a to %v[%i] atomic : !sched.buf<16x8xf32, local>, memref<?x?xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: elements
sched.kernel @k(inout %v: memref<?x?xf32>, inout %h: memref<?x?xf16>) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %v, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf16, local>
    // expected-error @below {{reduces rows of f64, f32, i64 or i32 into memory, got}}
    sched.reduce_store max %a to %h[%i, %c0] atomic : !sched.buf<16x8xf16, local>, memref<?x?xf16>
    tegula.yield
  }
  tegula.return
}

// -----

// C3: in order
sched.kernel @k(inout %v: memref<?x?xf32>, inout %h: memref<?x?xf16>) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %v, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{is not atomic, in a grid whose instances run in any order}}
    sched.reduce_store add %a to %v[%i, %c0] : !sched.buf<16x8xf32, local>, memref<?x?xf32>
    tegula.yield
  }
  tegula.return
}
