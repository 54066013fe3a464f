// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: axis
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
    // expected-error @below {{axis 2 is no axis of a view of rank 2}}
    sched.gather %v[%c0] by %j axis 2 to %a : memref<?x?xf32>, !sched.buf<16xi32, local>, !sched.buf<16x8xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C1: offsets
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
    // expected-error @below {{has 2 offsets and 0 limits beside one axis by index of a view of rank 2}}
    sched.gather %v[%c0, %c0] by %j axis 0 to %a : memref<?x?xf32>, !sched.buf<16xi32, local>, !sched.buf<16x8xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: rows
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
    // expected-error @below {{takes a row buffer of rank 2, got}}
    sched.gather %v[%c0] by %j axis 0 to %q : memref<?x?xf32>, !sched.buf<16xi32, local>, !sched.buf<16x8xf32, local, pack n32>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: elements
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
    // expected-error @below {{moves elements between 'f32' and 'f16'}}
    sched.gather %v[%c0] by %j axis 0 to %h : memref<?x?xf32>, !sched.buf<16xi32, local>, !sched.buf<16x8xf16, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: indices
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
    sched.gather %v[%c0] by %s axis 0 to %a : memref<?x?xf32>, !sched.buf<4xi32, local>, !sched.buf<16x8xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C3: pad
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
    // expected-error @below {{pads with 'f64' but the buffer holds 'f32'}}
    sched.gather %v[%c0] by %j axis 0 pad %p : f64 to %a : memref<?x?xf32>, !sched.buf<16xi32, local>, !sched.buf<16x8xf32, local>
    tegula.yield
  }
  tegula.return
}
