// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: rank
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<8x4xf32, local>
    // expected-error @below {{needs offsets, sizes and perm of rank 2, got 1}}
    sched.move %a from [4] to %b at [0, 0] sizes [8, 4] perm [1, 0] : !sched.buf<16x8xf32, local>, !sched.buf<8x4xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C1: perm
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<8x4xf32, local>
    // expected-error @below {{perm is no permutation of 2 axes}}
    sched.move %a from [4, 0] to %b at [0, 0] sizes [8, 4] perm [0, 0] : !sched.buf<16x8xf32, local>, !sched.buf<8x4xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: inside
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<8x4xf32, local>
    // expected-error @below {{leaves a buffer along axis 1}}
    sched.move %a from [14, 0] to %b at [0, 0] sizes [8, 4] perm [1, 0] : !sched.buf<16x8xf32, local>, !sched.buf<8x4xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C3: element types
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<8xf32, local>
    %b = sched.alloc : !sched.buf<8xf64, local>
    // expected-error @below {{moves 'f32' to 'f64'}}
    sched.move %a from [0] to %b at [0] sizes [8] perm [0] : !sched.buf<8xf32, local>, !sched.buf<8xf64, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: rows
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<8x4xf32, local, pack n32>
    %b = sched.alloc : !sched.buf<8x4xf32, local>
    // expected-error @below {{takes no packed buffers}}
    sched.move %a from [0, 0] to %b at [0, 0] sizes [8, 4] perm [0, 1] : !sched.buf<8x4xf32, local, pack n32>, !sched.buf<8x4xf32, local>
    tegula.yield
  }
  tegula.return
}
