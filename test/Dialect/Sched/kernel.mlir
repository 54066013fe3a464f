// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK: sched.kernel @k(in %x: memref<?xf32> align 16, %s: f32) target "x86-64-v3"
sched.kernel @k(in %x: memref<?xf32> align 16, %s: f32) target "x86-64-v3" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  tegula.grid (%i) to (%n) step (16) {
    tegula.yield
  }
  tegula.return
}
