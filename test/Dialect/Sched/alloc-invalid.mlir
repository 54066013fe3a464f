// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// the element type
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    // expected-error @below {{buffer cannot hold}}
    %a = "sched.alloc"() : () -> !sched.buf<4xindex, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: rank 2
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    // expected-error @below {{packed buffer needs rank 2 and a positive panel width, got rank 1 and width 8}}
    %a = sched.alloc : !sched.buf<4xf32, local, pack n8>
    tegula.yield
  }
  tegula.return
}

// -----

// C1: extents
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    // expected-error @below {{buffer needs positive extents, got 0}}
    %a = sched.alloc : !sched.buf<0xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// a space
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    // expected-error @below {{unknown memory space 'disk'}}
    %a = sched.alloc : !sched.buf<4xf32, disk>
    tegula.yield
  }
  tegula.return
}

// -----

// a panel
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    // expected-error @below {{expected a panel width such as 'n32' or 'n32t'}}
    %a = sched.alloc : !sched.buf<4x4xf32, local, pack k8>
    tegula.yield
  }
  tegula.return
}

// -----

// C1: once an instance
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    scf.for %j = %c0 to %n step %n {
    // expected-error @below {{stands inside a loop or branch: buffers are made once an instance}}
    %a = sched.alloc : !sched.buf<4xf32, local>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C2: nothing orders its users
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
    // expected-error @below {{shared buffer '%xb' belongs to no channel: nothing orders its users}}
    %xb = sched.alloc : !ring
    tegula.yield
  }
  tegula.return
}

// -----

// C2: nothing orders its users
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
    // expected-error @below {{shared buffer '%xb' belongs to no channel: nothing orders its users}}
    %xb = sched.alloc : !ring
    tegula.yield
  }
  tegula.return
}

// -----

// C2: nothing orders its users
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
    // expected-error @below {{shared buffer '%xb' belongs to no channel: nothing orders its users}}
    %xb = sched.alloc : !ring
    tegula.yield
  }
  tegula.return
}
