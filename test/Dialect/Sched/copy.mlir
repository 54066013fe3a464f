// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// From views, with bounds and pad; from rows to panels.
// CHECK: sched.copy %{{.*}}[%{{.*}}, %{{.*}}] to %{{.*}} label "at"
// CHECK: sched.copy %{{.*}}[%{{.*}}, %{{.*}}] upto [%{{.*}}, %{{.*}}] pad %{{.*}} : f32 to
// CHECK: sched.copy %{{.*}} to %{{.*}} : !sched.buf<16x8xf32, local>, <16x8xf32, local, pack n32t>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %p = arith.constant 1.0 : f32
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<16x8xf32, local, pack n32t>
    sched.copy %x[%i, %c0] to %a label "at" : memref<?x?xf32>, !sched.buf<16x8xf32, local>
    sched.copy %x[%i, %c0] upto [%n, %n] pad %p : f32 to %b : memref<?x?xf32>, !sched.buf<16x8xf32, local, pack n32t>
    sched.copy %a to %b : !sched.buf<16x8xf32, local>, !sched.buf<16x8xf32, local, pack n32t>
    tegula.yield
  }
  tegula.return
}
