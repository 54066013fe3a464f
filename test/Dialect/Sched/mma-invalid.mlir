// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: rank
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<8x4xf32, local>
    %c = sched.alloc : !sched.buf<16x4xf32, local>
    %d = sched.alloc : !sched.buf<16xf32, local>
    // expected-error @below {{needs operands of one rank, at least 2, got 2, 2 and 1}}
    sched.mma %a, %b into %d : !sched.buf<16x8xf32, local>, !sched.buf<8x4xf32, local>, !sched.buf<16xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C1: contraction
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<8x4xf32, local>
    %c = sched.alloc : !sched.buf<16x4xf32, local>
    // expected-error @below {{of 16x8 and 4x8 does not give 16x4}}
    sched.mma %a, trans %b into %c : !sched.buf<16x8xf32, local>, !sched.buf<8x4xf32, local>, !sched.buf<16x4xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C1: batch
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<3x4x4xf32, local>
    %c = sched.alloc : !sched.buf<2x4x4xf32, local>
    // expected-error @below {{stretches batch axis 0 of extent 3 to 2}}
    sched.mma %a, %c into %c : !sched.buf<3x4x4xf32, local>, !sched.buf<2x4x4xf32, local>, !sched.buf<2x4x4xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C1: element types
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf64, local>
    %b = sched.alloc : !sched.buf<8x4xf32, local>
    %c = sched.alloc : !sched.buf<16x4xf32, local>
    // expected-error @below {{mixes}}
    sched.mma %a, %b into %c : !sched.buf<16x8xf64, local>, !sched.buf<8x4xf32, local>, !sched.buf<16x4xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: packed left operand
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<8x4xf32, local>
    %c = sched.alloc : !sched.buf<16x4xf32, local>
    %d = sched.alloc : !sched.buf<16x8xf32, local, pack n32>
    // expected-error @below {{takes a packed buffer on its right only}}
    sched.mma %d, %b into %c : !sched.buf<16x8xf32, local, pack n32>, !sched.buf<8x4xf32, local>, !sched.buf<16x4xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: packed the other way
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<8x4xf32, local>
    %c = sched.alloc : !sched.buf<16x4xf32, local>
    %d = sched.alloc : !sched.buf<8x4xf32, local, pack n32t>
    // expected-error @below {{reads '!sched.buf<8x4xf32, local, pack n32t>' the other way than it is packed}}
    sched.mma %a, %d into %c : !sched.buf<16x8xf32, local>, !sched.buf<8x4xf32, local, pack n32t>, !sched.buf<16x4xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C3: scale without onto
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<8x4xf32, local>
    %c = sched.alloc : !sched.buf<16x4xf32, local>
    %r = sched.alloc : !sched.buf<16xf32, local>
    // expected-error @below {{scales a result that it overwrites}}
    sched.mma %a, %b into %c scale %r : !sched.buf<16xf32, local> : !sched.buf<16x8xf32, local>, !sched.buf<8x4xf32, local>, !sched.buf<16x4xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C3: one scale a row
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<8x4xf32, local>
    %c = sched.alloc : !sched.buf<16x4xf32, local>
    %r = sched.alloc : !sched.buf<4xf32, local>
    // expected-error @below {{takes one scale per row of}}
    sched.mma %a, %b onto %c scale %r : !sched.buf<4xf32, local> : !sched.buf<16x8xf32, local>, !sched.buf<8x4xf32, local>, !sched.buf<16x4xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C4: panel
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<8x4xf32, local>
    %c = sched.alloc : !sched.buf<16x4xf32, local>
    // expected-error @below {{needs a positive panel, got 0}}
    sched.mma %a, %b into %c panel 0 : !sched.buf<16x8xf32, local>, !sched.buf<8x4xf32, local>, !sched.buf<16x4xf32, local>
    tegula.yield
  }
  tegula.return
}
