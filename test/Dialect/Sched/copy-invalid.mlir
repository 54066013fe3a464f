// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: offsets
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{has 1 offsets and a buffer of rank 2 for a view of rank 2}}
    sched.copy %x[%i] to %a : memref<?x?xf32>, !sched.buf<16x8xf32, local>
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
    sched.copy %x[%i, %c0] upto [%n] to %a : memref<?x?xf32>, !sched.buf<16x8xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C3: a buffer has no offsets
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{from a buffer takes no offsets, limits or pad}}
    sched.copy %a[%i, %c0] to %a : !sched.buf<16x8xf32, local>, !sched.buf<16x8xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C3: equal tiles
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %b = sched.alloc : !sched.buf<8x16xf32, local>
    // expected-error @below {{cannot copy}}
    sched.copy %a to %b : !sched.buf<16x8xf32, local>, !sched.buf<8x16xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C4: element types
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf64, local>
    // expected-error @below {{moves elements between}}
    sched.copy %x[%i, %c0] to %a : memref<?x?xf32>, !sched.buf<16x8xf64, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C4: the pad's type
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %p = arith.constant 0.0 : f64
    // expected-error @below {{pads with 'f64' but the buffer holds 'f32'}}
    sched.copy %x[%i, %c0] pad %p : f64 to %a : memref<?x?xf32>, !sched.buf<16x8xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// with engine
// C5: engine
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
      // expected-error @below {{into a slot or shared memory names no engine}}
      sched.copy %x[%c0, %c0] to %wb : memref<?x?xf32>, !tile
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C5: slot
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
    %lb = sched.alloc : !sched.buf<16x8xf32, local>
    sched.role @all warps 4 {
      %l = arith.constant 0 : index
      // expected-error @below {{'async' fills no slot: nothing says when it has landed}}
      sched.copy async %x[%c0, %c0] to %lb : memref<?x?xf32>, !sched.buf<16x8xf32, local>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C5: mode
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
      // expected-error @below {{'%r' is waited for, not acquired: cannot write it}}
      sched.copy async %x[%c0, %c0] to %rb : memref<?x?xf32>, !tile
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C6: bulk
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
      // expected-error @below {{a 'bulk' copy completes as tx, but channel '%ch' is 'fifo'}}
      sched.copy bulk %x[%c0, %c0] to %wb : memref<?x?xf32>, !tile
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C6: async
!ring = !sched.buf<2 x 16x8xf32, shared>
!tile = !sched.buf<16x8xf32, shared>
!ch = !sched.chan<tx, !ring>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %on = arith.cmpi slt, %c0, %n : index
    %b = sched.alloc : !ring
    %ch = sched.channel %b kind tx : !ring
    sched.role @all warps 4 {
      %w = sched.acquire %ch : !ch
      %wb = sched.part %w[0] : !acquired
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !waited
      // expected-error @below {{a 'async' copy completes as fifo or arrive, but channel '%ch' is 'tx'}}
      sched.copy async %x[%c0, %c0] to %wb : memref<?x?xf32>, !tile
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C6: direct
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
      // expected-error @below {{a 'direct' copy completes as fifo, but channel '%ch' is 'sync'}}
      sched.copy direct %x[%c0, %c0] to %wb : memref<?x?xf32>, !tile
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C6: pack
!ring = !sched.buf<2 x 16x8xf32, shared>
!tile = !sched.buf<16x8xf32, shared>
!ch = !sched.chan<arrive, !ring>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %on = arith.cmpi slt, %c0, %n : index
    %b = sched.alloc : !ring
    %ch = sched.channel %b kind arrive : !ring
    sched.role @all warps 4 {
      %w = sched.acquire %ch : !ch
      %wb = sched.part %w[0] : !acquired
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !waited
      // expected-error @below {{a 'pack' copy completes as sync, but channel '%ch' is 'arrive'}}
      sched.copy pack %x[%c0, %c0] to %wb : memref<?x?xf32>, !tile
    }
    tegula.yield
  }
  tegula.return
}

// -----

// one stage
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
    %lb = sched.alloc : !sched.buf<2 x 16x8xf32, local>
    // expected-error @below {{fills one stage, not '!sched.buf<2 x 16x8xf32, local>'}}
    sched.copy %x[%c0, %c0] to %lb : memref<?x?xf32>, !sched.buf<2 x 16x8xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C7: count
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
    %jb = sched.alloc : !sched.buf<4xi32, local>
    sched.role @all warps 4 {
      %w = sched.acquire %ch : !ch
      %wb = sched.part %w[0] : !acquired
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !waited
      // expected-error @below {{needs 16 indices of i32, got '!sched.buf<4xi32, local>'}}
      sched.copy async %x[%c0] by %jb : !sched.buf<4xi32, local> to %wb : memref<?x?xf32>, !tile
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C7: place
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
    %jb = sched.alloc : !sched.buf<16xi32, shared>
    %jc = sched.channel %jb kind fifo : !sched.buf<16xi32, shared>
    sched.role @all warps 4 {
      %w = sched.acquire %ch : !ch
      %wb = sched.part %w[0] : !acquired
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !waited
      // expected-error @below {{takes row indices from a part of a slot, or from local memory}}
      sched.copy async %x[%c0] by %jb : !sched.buf<16xi32, shared> to %wb : memref<?x?xf32>, !tile
    }
    tegula.yield
  }
  tegula.return
}
