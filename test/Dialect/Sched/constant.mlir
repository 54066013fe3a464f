// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// Elements that are known early.
// CHECK: sched.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32> -> <2xf32, local>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.constant dense<[1.0, 2.0]> : tensor<2xf32> -> !sched.buf<2xf32, local>
    tegula.yield
  }
  tegula.return
}
