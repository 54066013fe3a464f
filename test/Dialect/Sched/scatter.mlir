// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK: sched.scatter %{{.*}} to %{{.*}}[%{{.*}}] by %{{.*}} axis 0 :
sched.kernel @k(inout %v: memref<?x?xf32>, %p: f64) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %v, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<4x8xf32, local>
    %h = sched.alloc : !sched.buf<16x8xf16, local>
    %q = sched.alloc : !sched.buf<16x8xf32, local, pack n32>
    %j = sched.alloc : !sched.buf<16xi32, local>
    %s = sched.alloc : !sched.buf<4xi32, local>
    sched.scatter %a to %v[%c0] by %j axis 0 : !sched.buf<16x8xf32, local>, memref<?x?xf32>, !sched.buf<16xi32, local>
    tegula.yield
  }
  tegula.return
}
