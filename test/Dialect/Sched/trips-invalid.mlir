// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1
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
      %c = arith.constant 4 : index
      // expected-error @below {{stands inside a role, loop or branch: all roles count alike}}
      %t = sched.trips %c0 to %n step %c
    }
    tegula.yield
  }
  tegula.return
}

// -----

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
    %c = arith.constant -4 : index
    // expected-error @below {{needs a positive step, got -4}}
    %t = sched.trips %c0 to %n step %c
    tegula.yield
  }
  tegula.return
}
