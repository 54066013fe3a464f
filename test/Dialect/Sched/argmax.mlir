// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// The axis goes.
// CHECK: sched.argmax %{{.*}} to %{{.*}} axis 1
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<16xi32, local>
    sched.argmax %a to %b axis 1 : !sched.buf<16x8xf32, local>, !sched.buf<16xi32, local>
    tegula.yield
  }
  tegula.return
}
