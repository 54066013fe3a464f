// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: one offset per axis
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<8x64xf32, local>
    // expected-error @below {{needs offsets and a box of rank 2, got 1}}
    %b = sched.slice %a at [0] : !sched.buf<8x64xf32, local> -> !sched.buf<4x64xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C1: inside
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<8x64xf32, local>
    // expected-error @below {{along axis 0}}
    %b = sched.slice %a at [6, 0] : !sched.buf<8x64xf32, local> -> !sched.buf<4x64xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: one rank
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<8x64xf32, local>
    // expected-error @below {{needs offsets and a box of rank 2, got 2}}
    %b = sched.slice %a at [0, 0] : !sched.buf<8x64xf32, local> -> !sched.buf<64xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: one element type
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<8x64xf32, local>
    // expected-error @below {{cannot be}}
    %b = sched.slice %a at [0, 0] : !sched.buf<8x64xf32, local> -> !sched.buf<4x64xi32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: rows only
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<8x64xf32, local, pack n32>
    // expected-error @below {{takes no packed buffers}}
    %b = sched.slice %a at [0, 0] : !sched.buf<8x64xf32, local, pack n32> -> !sched.buf<4x64xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C3: whole rows
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<8x64xf32, local>
    // expected-error @below {{does not cover the last axis of}}
    %b = sched.slice %a at [0, 0] : !sched.buf<8x64xf32, local> -> !sched.buf<4x32xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// fragments
// C1: as many offsets
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
    %lb = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{has 0 offsets that are not constant, for 1 places}}
    %g = "sched.slice"(%lb) <{at = array<i64: -9223372036854775808, 0>}> : (!sched.buf<16x8xf32, local>) -> !sched.buf<4x8xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C4
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
    // expected-error @below {{cannot be '!sched.buf<4x8xf32, shared>' of 'memref<?x?xf32>'}}
    %g = sched.slice %x at [%c0, 0] : memref<?x?xf32> -> !sched.buf<4x8xf32, shared>
    tegula.yield
  }
  tegula.return
}
