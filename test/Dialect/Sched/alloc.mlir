// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// A buffer of rows, one in panels, one of a transposed tile, one with its place.
// CHECK: sched.alloc : <16x8xf32, local>
// CHECK: sched.alloc : <8x48xbf16, local, pack n32>
// CHECK: sched.alloc : <48x8xf64, local, pack n16t>
// CHECK: sched.alloc at 4096 : <16xi1, local>
// CHECK: sched.alloc : <f32, local>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<8x48xbf16, local, pack n32>
    %c = sched.alloc : !sched.buf<48x8xf64, local, pack n16t>
    %d = sched.alloc at 4096 : !sched.buf<16xi1, local>
    %e = sched.alloc : !sched.buf<f32, local>
    tegula.yield
  }
  tegula.return
}
