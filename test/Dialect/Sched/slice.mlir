// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// A box of whole rows.
// CHECK: sched.slice %{{.*}} at [0, 2, 0] : !sched.buf<8x4x64xf32, local> -> <8x1x64xf32, local>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<8x4x64xf32, local>
    %b = sched.slice %a at [0, 2, 0] : !sched.buf<8x4x64xf32, local> -> !sched.buf<8x1x64xf32, local>
    tegula.yield
  }
  tegula.return
}
