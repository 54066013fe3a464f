// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: offsets
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{has 1 offsets and a buffer of rank 2 for a view of rank 2}}
    sched.store %a to %y[%i] : !sched.buf<16x8xf32, local>, memref<?x?xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// C2: limits
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{has 1 limits for a view of rank 2}}
    sched.store %a to %y[%i, %c0] upto [%n] : !sched.buf<16x8xf32, local>, memref<?x?xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// C3: rows
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local, pack n32>
    // expected-error @below {{takes no packed buffer, got}}
    sched.store %a to %y[%i, %c0] : !sched.buf<16x8xf32, local, pack n32>, memref<?x?xf32>
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
    %a = sched.alloc : !sched.buf<16x8xf64, local>
    // expected-error @below {{moves elements between}}
    sched.store %a to %y[%i, %c0] : !sched.buf<16x8xf64, local>, memref<?x?xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// fragments
// C2
!ring = !sched.buf<2 x 16x8xf32, shared>
!tile = !sched.buf<16x8xf32, shared>
!ch = !sched.chan<sync, !ring>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %on = arith.cmpi slt, %c0, %n : index
    %b = sched.alloc : !ring
    %ch = sched.channel %b kind sync : !ring
    sched.role @all warps 4 {
      %w = sched.acquire %ch : !ch
      %wb = sched.part %w[0] : !acquired
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !waited
      %f = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      // expected-error @below {{cannot put '!sched.frag<16x8xf32>' into '!sched.buf<16x8xf32, shared>'}}
      sched.store %f trans to %wb : !sched.frag<16x8xf32>, !tile
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
    %lb = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{of a buffer takes neither 'trans' nor 'where'}}
    sched.store %lb to %y[%c0, %c0] where %on : !sched.buf<16x8xf32, local>, memref<?x?xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// C3: trans
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
      %f = sched.splat %s : f32 -> !sched.frag<16xf32>
      // expected-error @below {{'trans' needs a fragment of rank 2, got '!sched.frag<16xf32>'}}
      sched.store %f trans to %y[%c0, %c0] : !sched.frag<16xf32>, memref<?x?xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C4: kind
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
      %w = sched.acquire %ch : !ch
      %wb = sched.part %w[0] : !acquired
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !waited
      %f = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      // expected-error @below {{a store completes as sync or arrive, but channel '%ch' is 'fifo'}}
      sched.store %f to %wb : !sched.frag<16x8xf32>, !tile
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C4: mode
!ring = !sched.buf<2 x 16x8xf32, shared>
!tile = !sched.buf<16x8xf32, shared>
!ch = !sched.chan<sync, !ring>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %on = arith.cmpi slt, %c0, %n : index
    %b = sched.alloc : !ring
    %ch = sched.channel %b kind sync : !ring
    sched.role @all warps 4 {
      %w = sched.acquire %ch : !ch
      %wb = sched.part %w[0] : !acquired
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !waited
      %f = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      // expected-error @below {{'%r' is waited for, not acquired: cannot write it}}
      sched.store %f to %rb : !sched.frag<16x8xf32>, !tile
    }
    tegula.yield
  }
  tegula.return
}
