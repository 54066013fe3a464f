// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: one tile type
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    // expected-error @below {{puts}}
    %a = sched.constant dense<[1.0, 2.0]> : tensor<2xf32> -> !sched.buf<3xf32, local>
    tegula.yield
  }
  tegula.return
}
