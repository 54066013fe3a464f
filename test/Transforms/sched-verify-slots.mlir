// RUN: tegula-opt %s --sched-verify -split-input-file -verify-diagnostics

// Rule 1: an access outside its span.
!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ch = !sched.chan<fifo, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @read_after_release(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind fifo : !tile
    sched.role @all warps 4 regs 255 {
      scf.for %i = %c0 to %n step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%i, %c0] to %wb label "at" : !view, !tile
        sched.commit %w : !w
        %r = sched.wait %ch : !ch
        %rb = sched.part %r[0] : !r
        %f = sched.load %rb : !tile -> !f
        // expected-note @below {{released here}}
        sched.release %r : !r
        // expected-error @below {{access to '%rb' outside its span: the slot of '%ch' was released}}
        %g = sched.load %rb : !tile -> !f
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ch = !sched.chan<fifo, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @write_after_commit(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind fifo : !tile
    sched.role @all warps 4 regs 255 {
      scf.for %i = %c0 to %n step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%i, %c0] to %wb label "at" : !view, !tile
        // expected-note @below {{committed here}}
        sched.commit %w : !w
        // expected-error @below {{access to '%wb' outside its span: the slot of '%ch' was committed}}
        sched.copy async %A[%i, %c0] to %wb : !view, !tile
        %r = sched.wait %ch : !ch
        %rb = sched.part %r[0] : !r
        %f = sched.load %rb : !tile -> !f
        sched.release %r : !r
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

// Rule 1: what is read was dropped by `where`, in the last iteration.
!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ch = !sched.chan<fifo, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @read_of_a_dropped_copy(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind fifo : !tile
    sched.role @all warps 4 regs 255 {
      scf.for %i = %c0 to %n step %c1 {
        %i1 = arith.addi %i, %c1 : index
        %on = arith.cmpi slt, %i1, %n : index
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%i, %c0] to %wb where %on : !view, !tile
        sched.commit %w : !w
        %r = sched.wait %ch : !ch
        %rb = sched.part %r[0] : !r
        // expected-error @below {{'%rb' is read although the copy into slot 0 of '%ch' is predicated off}}
        %f = sched.load %rb : !tile -> !f
        sched.release %r : !r
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

// Rule 1: a buffer of the slot that nothing was written to.
!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ch = !sched.chan<fifo, !tile, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @read_of_an_unwritten_buffer(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %b2 = sched.alloc : !tile
    %ch = sched.channel %b, %b2 kind fifo : !tile, !tile
    sched.role @all warps 4 regs 255 {
      scf.for %i = %c0 to %n step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%i, %c0] to %wb label "at" : !view, !tile
        sched.commit %w : !w
        %r = sched.wait %ch : !ch
        %rb = sched.part %r[1] : !r
        // expected-error @below {{'%rb' is read although nothing was written to buffer 1 of slot 0 of '%ch'}}
        %f = sched.load %rb : !tile -> !f
        sched.release %r : !r
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

// Rule 2: slots end in the iteration that opens them.
!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ring = !sched.buf<2 x 64x64xf32, shared>
!ch = !sched.chan<fifo, !ring>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @never_committed(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !ring
    %ch = sched.channel %b kind fifo : !ring
    // expected-error @below {{role @all ends with 2 acquires and 1 waits on '%ch': drain it}}
    sched.role @all warps 4 regs 255 {
      scf.for %i = %c0 to %n step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%i, %c0] to %wb label "at" : !view, !tile
        sched.commit %w : !w
        // expected-error @below {{slot '%v' of '%ch' is acquired and never committed in this iteration}}
        %v = sched.acquire %ch : !ch
        %vb = sched.part %v[0] : !w
        sched.copy async %A[%i, %c0] to %vb : !view, !tile
        %r = sched.wait %ch : !ch
        %rb = sched.part %r[0] : !r
        %f = sched.load %rb : !tile -> !f
        sched.release %r : !r
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ch = !sched.chan<fifo, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @never_released(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind fifo : !tile
    sched.role @all warps 4 regs 255 {
      scf.for %i = %c0 to %n step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%i, %c0] to %wb label "at" : !view, !tile
        sched.commit %w : !w
        // expected-error @below {{slot '%r' of '%ch' is waited for and never released in this iteration}}
        %r = sched.wait %ch : !ch
        %rb = sched.part %r[0] : !r
        %f = sched.load %rb : !tile -> !f
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ch = !sched.chan<fifo, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @released_twice(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind fifo : !tile
    sched.role @all warps 4 regs 255 {
      scf.for %i = %c0 to %n step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%i, %c0] to %wb label "at" : !view, !tile
        sched.commit %w : !w
        %r = sched.wait %ch : !ch
        %rb = sched.part %r[0] : !r
        %f = sched.load %rb : !tile -> !f
        // expected-note @below {{it ended here}}
        sched.release %r : !r
        // expected-error @below {{release of '%r' which is not an open waited slot}}
        sched.release %r : !r
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ch = !sched.chan<fifo, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @committed_twice(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind fifo : !tile
    sched.role @all warps 4 regs 255 {
      scf.for %i = %c0 to %n step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%i, %c0] to %wb label "at" : !view, !tile
        // expected-note @below {{it ended here}}
        sched.commit %w : !w
        // expected-error @below {{commit of '%w' which is not an open acquired slot}}
        sched.commit %w : !w
        %r = sched.wait %ch : !ch
        %rb = sched.part %r[0] : !r
        %f = sched.load %rb : !tile -> !f
        sched.release %r : !r
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ch = !sched.chan<fifo, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @drained_while_open(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind fifo : !tile
    sched.role @all warps 4 regs 255 {
      %w = sched.acquire %ch : !ch
      %wb = sched.part %w[0] : !w
      sched.copy async %A[%c0, %c0] to %wb : !view, !tile
      sched.commit %w : !w
      // expected-note @below {{waited for here}}
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !r
      %f = sched.load %rb : !tile -> !f
      // expected-error @below {{drain of '%ch' while its slot '%r' is open}}
      sched.drain %ch : !ch
    }
    tegula.yield
  }
  tegula.return
}
