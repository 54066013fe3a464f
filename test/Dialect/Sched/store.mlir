// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// Out of bounds is dropped.
// CHECK: sched.store %{{.*}} to %{{.*}}[%{{.*}}, %{{.*}}] label "o"
// CHECK: sched.store %{{.*}} to %{{.*}}[%{{.*}}, %{{.*}}] upto [%{{.*}}, %{{.*}}]
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    sched.store %a to %y[%i, %c0] label "o" : !sched.buf<16x8xf32, local>, memref<?x?xf32>
    sched.store %a to %y[%i, %c0] upto [%n, %n] : !sched.buf<16x8xf32, local>, memref<?x?xf32>
    tegula.yield
  }
  tegula.return
}
