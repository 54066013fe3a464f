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
    sched.role @all warps 4 {
      // expected-error @below {{has 1 offsets and a buffer of rank 2 for a view of rank 2}}
      %f = sched.load %x[%c0] : memref<?x?xf32> -> !sched.frag<16x8xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C2: a view only
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
      // expected-error @below {{from a buffer takes no offsets, limits, 'by', pad or 'where'}}
      %f = sched.load %rb where %on : !tile -> !sched.frag<16x8xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C2: the tile
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
      // expected-error @below {{cannot load '!sched.frag<16x8xf32>' from '!sched.buf<16x8xf32, shared>'}}
      %f = sched.load %rb trans : !tile -> !sched.frag<16x8xf32>
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
    sched.role @all warps 4 {
      // expected-error @below {{'trans' needs a fragment of rank 2, got '!sched.frag<16xf32>'}}
      %f = sched.load %x[%c0, %c0] trans : memref<?x?xf32> -> !sched.frag<16xf32>
    }
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
    sched.role @all warps 4 {
      %w = sched.acquire %ch : !ch
      %wb = sched.part %w[0] : !acquired
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !waited
      // expected-error @below {{'%w' is acquired, not waited for: cannot read it}}
      %f = sched.load %wb : !tile -> !sched.frag<16x8xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C5
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
      // expected-error @below {{'ahead' is not negative, got -1}}
      %f = sched.load %rb ahead -1 : !tile -> !sched.frag<16x8xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C6
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
    sched.role @all warps 4 {
      %j = sched.splat %ci : i32 -> !sched.frag<8xi32>
      // expected-error @below {{needs 16 indices of i32, got '!sched.frag<8xi32>'}}
      %f = sched.load %x[%c0] by %j : !sched.frag<8xi32> : memref<?x?xf32> -> !sched.frag<16x8xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C6: an axis of the view, and only with indices
sched.kernel @k(in %x: memref<?x?xf32>) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    sched.role @all warps 4 {
      // expected-error @below {{names an axis without 'by'}}
      %f = sched.load %x[%c0, %c0] axis 1 : memref<?x?xf32> -> !sched.frag<16x8xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

sched.kernel @k(in %x: memref<?x?xf32>, in %y: memref<?xi32>) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    sched.role @all warps 4 {
      %j = sched.load %y[%c0] : memref<?xi32> -> !sched.frag<8xi32>
      // expected-error @below {{goes by index along axis 2 of a tile of rank 2}}
      %f = sched.load %x[%c0] by %j : !sched.frag<8xi32> axis 2 : memref<?x?xf32> -> !sched.frag<16x8xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

sched.kernel @k(in %x: memref<?x?xf32>, in %y: memref<?xi32>) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    sched.role @all warps 4 {
      %j = sched.load %y[%c0] : memref<?xi32> -> !sched.frag<16xi32>
      // expected-error @below {{needs 8 indices of i32, got}}
      %f = sched.load %x[%c0] by %j : !sched.frag<16xi32> axis 1 : memref<?x?xf32> -> !sched.frag<16x8xf32>
    }
    tegula.yield
  }
  tegula.return
}
