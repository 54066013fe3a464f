// RUN: tegula-opt %s --convert-sched-to-x86 -verify-diagnostics -split-input-file

// What needs registers, rings or roles is not for a CPU thread yet.
sched.kernel @role(out %y: memref<?xf32>) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %y, %c0 : memref<?xf32>
  tegula.grid (%i) to (%n) step (16) {
    // expected-error @below {{'sched.role' op has no lowering to x86}}
    sched.role @all warps 1 {
    }
    tegula.yield
  }
  tegula.return
}

// -----

sched.kernel @slice(in %x: memref<?x16xf32>, out %y: memref<?x16xf32>) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %y, %c0 : memref<?x16xf32>
  tegula.grid (%i) to (%n) step (16) {
    // expected-error @below {{has no lowering to x86 in this form}}
    %a = sched.slice %x at [%i, 0] : memref<?x16xf32> -> !sched.buf<4x16xf32, local>
    sched.store %a to %y[%i, %c0] : !sched.buf<4x16xf32, local>, memref<?x16xf32>
    tegula.yield
  }
  tegula.return
}
