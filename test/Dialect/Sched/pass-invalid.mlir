// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: members
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
    %p = sched.baton 3
    sched.role @mma groups 2 {
      // expected-error @below {{baton '%p' is for 3 members, and role @mma has 2}}
      sched.turn %p
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C1: members
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
    %p = sched.baton 3
    sched.role @mma groups 2 {
      // expected-error @below {{baton '%p' is for 3 members, and role @mma has 2}}
      sched.pass %p
    }
    tegula.yield
  }
  tegula.return
}
