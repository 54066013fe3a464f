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
      %f = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      // expected-error @below {{needs offsets and a permutation of 2 axes, for}}
      %g = sched.cut %f at [0, 0] perm [0, 0] : !sched.frag<16x8xf32> -> !sched.frag<8x8xf32>
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
    sched.role @all warps 4 {
      %f = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      // expected-error @below {{leaves '!sched.frag<16x8xf32>' along axis 0}}
      %g = sched.cut %f at [9, 0] perm [0, 1] : !sched.frag<16x8xf32> -> !sched.frag<8x8xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C3
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
      // expected-error @below {{of '!sched.frag<16x8xf32>' cannot give '!sched.frag<8x8xi32>'}}
      %g = sched.cut %f at [0, 0] perm [0, 1] : !sched.frag<16x8xf32> -> !sched.frag<8x8xi32>
    }
    tegula.yield
  }
  tegula.return
}
