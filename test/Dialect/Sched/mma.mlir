// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// Into and onto, scaled by rows; packed and batched right operands.
// CHECK: sched.mma %{{.*}}, trans %{{.*}} into %{{.*}} panel 8 label "s"
// CHECK: sched.mma %{{.*}}, trans %{{.*}} onto %{{.*}} scale %{{.*}} : !sched.buf<16xf32, local>
// CHECK: sched.mma trans %{{.*}}, %{{.*}} onto %{{.*}} : !sched.buf<2x8x4xf32, local>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<4x8xf32, local, pack n32t>
    %c = sched.alloc : !sched.buf<16x4xf32, local>
    %r = sched.alloc : !sched.buf<16xf32, local>
    %d = sched.alloc : !sched.buf<2x8x4xf32, local>
    %e = sched.alloc : !sched.buf<1x8x4xf32, local>
    %f = sched.alloc : !sched.buf<2x4x4xf32, local>
    sched.mma %a, trans %b into %c panel 8 label "s" : !sched.buf<16x8xf32, local>, !sched.buf<4x8xf32, local, pack n32t>, !sched.buf<16x4xf32, local>
    sched.mma %a, trans %b onto %c scale %r : !sched.buf<16xf32, local> : !sched.buf<16x8xf32, local>, !sched.buf<4x8xf32, local, pack n32t>, !sched.buf<16x4xf32, local>
    sched.mma trans %d, %e onto %f : !sched.buf<2x8x4xf32, local>, !sched.buf<1x8x4xf32, local>, !sched.buf<2x4x4xf32, local>
    tegula.yield
  }
  tegula.return
}
