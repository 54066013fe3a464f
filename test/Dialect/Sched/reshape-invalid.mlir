// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: as many elements
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<8x4xf32, local>
    // expected-error @below {{cannot make}}
    sched.reshape %a to %b : !sched.buf<16x8xf32, local>, !sched.buf<8x4xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// fragments
// C2
!ring = !sched.buf<2 x 16x8xf32, shared>
!tile = !sched.buf<16x8xf32, shared>
!ch = !sched.chan<fifo, !ring>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %on = arith.cmpi slt, %c0, %n : index
    sched.role @all warps 4 {
      %f = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      // expected-error @below {{goes from a buffer into a buffer, or from a fragment to a fragment}}
      sched.reshape %f : !sched.frag<16x8xf32>
    }
    tegula.yield
  }
  tegula.return
}
