// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: static
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    // expected-error @below {{is one contiguous block of static size, not}}
    %a = sched.arena : memref<?xi8>
    tegula.yield
  }
  tegula.return
}
