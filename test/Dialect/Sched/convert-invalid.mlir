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
      // expected-error @below {{of '!sched.frag<16x8xf32>' does not give '!sched.frag<8x16xf32>'}}
      %g = sched.convert %f free : !sched.frag<16x8xf32> -> !sched.frag<8x16xf32>
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
      // expected-error @below {{'shared' takes a scratch buffer}}
      %g = sched.convert %f shared : !sched.frag<16x8xf32> -> !sched.frag<16x8xf32>
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
    %sc = sched.alloc : !sched.buf<16x8xf32, shared>
    sched.role @all warps 4 {
      %f = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      // expected-error @below {{'free' takes no scratch buffer}}
      %g = sched.convert %f free using %sc : !sched.buf<16x8xf32, shared> : !sched.frag<16x8xf32> -> !sched.frag<16x8xf32>
    }
    tegula.yield
  }
  tegula.return
}
