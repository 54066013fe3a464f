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

// -----

// fragments
// C5: one result
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
      %a = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      %b = sched.splat %s : f32 -> !sched.frag<8x4xf32>
      // expected-error @below {{goes either into a buffer or gives a result}}
      sched.mma %a, %b : !sched.frag<16x8xf32>, !sched.frag<8x4xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C5: not in buffers
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
    %lb = sched.alloc : !sched.buf<16x4xf32, local>
    sched.role @all warps 4 {
      %a = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      %b = sched.splat %s : f32 -> !sched.frag<8x4xf32>
      // expected-error @below {{into a buffer is neither 'async' nor takes 'acc'}}
      sched.mma async %a, %b into %lb : !sched.frag<16x8xf32>, !sched.frag<8x4xf32>, !sched.buf<16x4xf32, local>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C5: acc
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
      %a = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      %b = sched.splat %s : f32 -> !sched.frag<8x4xf32>
      // expected-error @below {{'acc' is for products with a result}}
      sched.mma %a, %b acc %a : !sched.frag<16x8xf32>, !sched.frag<8x4xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C5: panel
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
      %a = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      %b = sched.splat %s : f32 -> !sched.frag<8x4xf32>
      // expected-error @below {{with a result takes neither 'scale' nor 'panel'}}
      %c = sched.mma %a, %b panel 4 : !sched.frag<16x8xf32>, !sched.frag<8x4xf32> -> !sched.frag<16x4xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C6: async
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
      %a = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      %b = sched.splat %s : f32 -> !sched.frag<8x4xf32>
      // expected-error @below {{in flight gives '!sched.frag<16x4xf32>'}}
      %c = sched.mma async %a, %b : !sched.frag<16x8xf32>, !sched.frag<8x4xf32> -> !sched.frag<16x4xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C6: not async
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
      %a = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      %b = sched.splat %s : f32 -> !sched.frag<8x4xf32>
      // expected-error @below {{not in flight gives '!sched.flight<16x4xf32>'}}
      %c = sched.mma %a, %b : !sched.frag<16x8xf32>, !sched.frag<8x4xf32> -> !sched.flight<16x4xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C6: acc
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
      %a = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      %b = sched.splat %s : f32 -> !sched.frag<8x4xf32>
      // expected-error @below {{adds to '!sched.frag<16x8xf32>' and gives '!sched.frag<16x4xf32>'}}
      %c = sched.mma %a, %b acc %a of !sched.frag<16x8xf32> : !sched.frag<16x8xf32>, !sched.frag<8x4xf32> -> !sched.frag<16x4xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C6: acc in flight
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
      %a = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      %b = sched.splat %s : f32 -> !sched.frag<8x4xf32>
      %t = sched.mma async %a, %b : !sched.frag<16x8xf32>, !sched.frag<8x4xf32> -> !sched.flight<16x4xf32>
      // expected-error @below {{'%t' is in flight: read the result of its mma_wait}}
      %c = sched.mma %a, %b acc %t of !sched.flight<16x4xf32> : !sched.frag<16x8xf32>, !sched.frag<8x4xf32> -> !sched.frag<16x4xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C7
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
      %b2 = sched.splat %s : f32 -> !sched.frag<8x4xf32>
      // expected-error @below {{'%w' is acquired, not waited for: cannot read it}}
      %c = sched.mma %wb, %b2 : !tile, !sched.frag<8x4xf32> -> !sched.frag<16x4xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C8
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
    %lb = sched.alloc : !sched.buf<16x4xf32, local>
    sched.role @all warps 4 {
      %a = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      %b = sched.splat %s : f32 -> !sched.frag<8x4xf32>
      // expected-error @below {{into a buffer takes buffers, got '!sched.frag<16x8xf32>' and '!sched.frag<8x4xf32>'}}
      sched.mma %a, %b into %lb : !sched.frag<16x8xf32>, !sched.frag<8x4xf32>, !sched.buf<16x4xf32, local>
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
    %a = sched.alloc : !sched.buf<2 x 16x8xf32, local>
    %b = sched.alloc : !sched.buf<8x4xf32, local>
    %c = sched.alloc : !sched.buf<16x4xf32, local>
    // expected-error @below {{reads one stage, not '!sched.buf<2 x 16x8xf32, local>'}}
    sched.mma %a, %b into %c : !sched.buf<2 x 16x8xf32, local>, !sched.buf<8x4xf32, local>, !sched.buf<16x4xf32, local>
    tegula.yield
  }
  tegula.return
}
