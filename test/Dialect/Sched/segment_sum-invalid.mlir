// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: types
sched.kernel @k(inout %v: memref<?x?xf32>, %p: f64) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %v, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<4x8xf32, local>
    %h = sched.alloc : !sched.buf<16x8xf16, local>
    %q = sched.alloc : !sched.buf<16x8xf32, local, pack n32>
    %j = sched.alloc : !sched.buf<16xi32, local>
    %s = sched.alloc : !sched.buf<4xi32, local>
    // expected-error @below {{cannot add rows of}}
    sched.segment_sum %h by %j onto %b : !sched.buf<16x8xf16, local>, !sched.buf<16xi32, local>, !sched.buf<4x8xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: ids
sched.kernel @k(inout %v: memref<?x?xf32>, %p: f64) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %v, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<4x8xf32, local>
    %h = sched.alloc : !sched.buf<16x8xf16, local>
    %q = sched.alloc : !sched.buf<16x8xf32, local, pack n32>
    %j = sched.alloc : !sched.buf<16xi32, local>
    %s = sched.alloc : !sched.buf<4xi32, local>
    // expected-error @below {{needs 16 indices of i32, got}}
    sched.segment_sum %a by %s onto %b : !sched.buf<16x8xf32, local>, !sched.buf<4xi32, local>, !sched.buf<4x8xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// fragments
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
    %ci = arith.constant 0 : i32
    %lb = sched.alloc : !sched.buf<4x8xf32, local>
    sched.role @all warps 4 {
      %f = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      %j = sched.splat %ci : i32 -> !sched.frag<16xi32>
      // expected-error @below {{takes buffers onto a buffer, or fragments to a fragment}}
      sched.segment_sum %f by %j onto %lb : !sched.frag<16x8xf32>, !sched.frag<16xi32>, !sched.buf<4x8xf32, local>
    }
    tegula.yield
  }
  tegula.return
}
