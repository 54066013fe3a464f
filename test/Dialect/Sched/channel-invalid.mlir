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
    %b = sched.alloc : !ring
    %ch = sched.channel %b kind fifo : !ring
    sched.role @all warps 4 {
      %a = arith.constant 0 : index
      // expected-error @below {{stands inside a role, loop or branch: channels are made once an instance}}
      %d = sched.channel %b kind fifo : !ring
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C2: allocated
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
    %b = sched.alloc : !ring
    %ch = sched.channel %b kind fifo : !ring
    %v = sched.alloc : !sched.buf<16x8xf32, local>
    %w = sched.slice %v at [0, 0] : !sched.buf<16x8xf32, local> -> !sched.buf<16x8xf32, local>
    // expected-error @below {{takes allocated buffers, and '%1' is none}}
    %d = sched.channel %w kind fifo : !sched.buf<16x8xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: one channel
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
    %b = sched.alloc : !ring
    %ch = sched.channel %b kind fifo : !ring
    // expected-error @below {{takes buffer '%b' of another channel}}
    %d = sched.channel %b kind fifo : !ring
    tegula.yield
  }
  tegula.return
}

// -----

// C2: once
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
    %b = sched.alloc : !ring
    %ch = sched.channel %b kind fifo : !ring
    %v = sched.alloc : !ring
    // expected-error @below {{takes buffer '%v' of another channel}}
    %d = sched.channel %v, %v kind fifo : !ring, !ring
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
    %b = sched.alloc : !ring
    %ch = sched.channel %b kind fifo : !ring
    %v = sched.alloc : !sched.buf<3 x 16x8xf32, shared>
    %u = sched.alloc : !sched.buf<4 x 16x8xf32, shared>
    // expected-error @below {{buffers of a channel have different stage counts [3, 4]}}
    %d = sched.channel %v, %u kind fifo : !sched.buf<3 x 16x8xf32, shared>, !sched.buf<4 x 16x8xf32, shared>
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
    %b = sched.alloc : !ring
    %ch = sched.channel %b kind fifo : !ring
    %v = sched.alloc : !ring
    %u = sched.alloc : !sched.buf<2 x 16x8xf32, local>
    // expected-error @below {{'%d' mixes buffers in shared and local memory}}
    %d = sched.channel %v, %u kind fifo : !ring, !sched.buf<2 x 16x8xf32, local>
    tegula.yield
  }
  tegula.return
}
