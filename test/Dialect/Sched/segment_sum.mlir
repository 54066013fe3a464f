// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK: sched.segment_sum %{{.*}} by %{{.*}} onto %{{.*}} :
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
    sched.segment_sum %a by %j onto %b : !sched.buf<16x8xf32, local>, !sched.buf<16xi32, local>, !sched.buf<4x8xf32, local>
    tegula.yield
  }
  tegula.return
}
