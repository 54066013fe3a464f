// RUN: tegula-opt %s --tegula-to-loops -verify-diagnostics -split-input-file

// a circle of data
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
    %a = sched.alloc : !ring
    %ac = sched.channel %a kind fifo : !ring
    // expected-error @below {{@one and other roles wait for each other's data, and plain loops run one role after the other}}
    sched.role @one warps 1 {
      %w = sched.acquire %ch : !ch
      sched.commit %w : !acquired
      %r = sched.wait %ac : !ch
      sched.release %r : !waited
    }
    sched.role @two warps 1 {
      %w = sched.acquire %ac : !ch
      sched.commit %w : !acquired
      %r = sched.wait %ch : !ch
      sched.release %r : !waited
    }
    tegula.yield
  }
  tegula.return
}

// -----

// a ring among groups
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
    // expected-error @below {{'%ch' is filled and read by the groups of one role, which plain loops run one after the other}}
    %ch = sched.channel %b kind fifo : !ring
    sched.role @all groups 2 {
      %w = sched.acquire %ch : !ch
      sched.commit %w : !acquired
      %r = sched.wait %ch : !ch
      sched.release %r : !waited
    }
    tegula.yield
  }
  tegula.return
}

// -----

// nobody fills it
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
      // expected-error @below {{waits for channel '%ch', which nobody fills}}
      %r = sched.wait %ch : !ch
      sched.release %r : !waited
    }
    tegula.yield
  }
  tegula.return
}

// -----

// counts that hang on data
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
    sched.role @use warps 1 {
      %r = sched.wait %ch : !ch
      sched.release %r : !waited
    }
    sched.role @fill warps 1 {
      %v = memref.load %x[%c0, %c0] : memref<?x?xf32>
      %z = arith.cmpf olt, %v, %s : f32
      // expected-error @below {{holds channel ops, and how often they run does not follow from 'trips'}}
      scf.if %z {
        %w = sched.acquire %ch : !ch
        sched.commit %w : !acquired
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

// a slot from nowhere
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
      %r = scf.execute_region -> !waited {
        %t = sched.wait %ch : !ch
        scf.yield %t : !waited
      }
      // expected-error @below {{is of a slot whose channel cannot be seen}}
      %p = sched.part %r[0] : !waited
      sched.release %r : !waited
    }
    tegula.yield
  }
  tegula.return
}
