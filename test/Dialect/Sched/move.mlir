// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// A slice, a transpose.
// CHECK: sched.move %{{.*}} from [4, 0] to %{{.*}} at [0, 0] sizes [8, 4] perm [1, 0]
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<8x4xf32, local>
    sched.move %a from [4, 0] to %b at [0, 0] sizes [8, 4] perm [1, 0] : !sched.buf<16x8xf32, local>, !sched.buf<8x4xf32, local>
    tegula.yield
  }
  tegula.return
}
