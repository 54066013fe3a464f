// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: indices
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{takes 2 indices of a row buffer, got 1}}
    %v = sched.scalar %a[%c0] : !sched.buf<16x8xf32, local> -> f32
    tegula.yield
  }
  tegula.return
}

// -----

// C2: type
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{gives 'f32', not 'f64'}}
    %v = sched.scalar %a[%c0, %c0] : !sched.buf<16x8xf32, local> -> f64
    tegula.yield
  }
  tegula.return
}

// -----

// C1, C2: fragments
sched.kernel @k(in %x: memref<?x?xf32>) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    sched.role @all warps 4 {
      %f = sched.load %x[%c0, %c0] : memref<?x?xf32> -> !sched.frag<16x8xf32>
      // expected-error @below {{takes 2 indices of a row buffer, got 1 for '!sched.frag<16x8xf32>'}}
      %s = sched.scalar %f[%c0] : !sched.frag<16x8xf32> -> f32
    }
    tegula.yield
  }
  tegula.return
}
