// RUN: tegula-opt %s --sched-verify -split-input-file -verify-diagnostics

// Rule 3: all members of both ends take every slot.
!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ch = !sched.chan<tx, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @balance(in %A: !view, out %C: !view) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %less = arith.subi %n, %c1 : index
    %b = sched.alloc : !tile
    // expected-error @below {{channel '%ch' is out of balance for n = 1: @load.0 acquire 0, @load.0 commit 0, @mma.0 wait 1, @mma.0 release 1}}
    %ch = sched.channel %b kind tx : !tile
    sched.role @load warps 1 regs 24 {
      scf.for %i = %c0 to %less step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy bulk %A[%i, %c0] to %wb : !view, !tile
        sched.commit %w : !w
      }
    }
    sched.role @mma groups 1 (%g) regs 240 {
      scf.for %i = %c0 to %n step %c1 {
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
!ring = !sched.buf<2 x 64x64xf32, shared>
!ch = !sched.chan<fifo, !ring>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @drain_drops_a_slot(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !ring
    %ch = sched.channel %b kind fifo : !ring
    sched.role @all warps 4 regs 255 {
      %v = sched.acquire %ch : !ch
      %vb = sched.part %v[0] : !w
      sched.copy async %A[%c0, %c0] to %vb : !view, !tile
      sched.commit %v : !w
      scf.for %i = %c0 to %n step %c1 {
        %q = sched.wait %ch : !ch
        %qb = sched.part %q[0] : !r
        %g = sched.load %qb : !tile -> !f
        sched.release %q : !r
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%i, %c0] to %wb : !view, !tile
        sched.commit %w : !w
      }
      // expected-error @below {{drain of '%ch' drops slot 0, whose copy was not predicated off: trip counts disagree}}
      sched.drain %ch : !ch
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ring = !sched.buf<2 x 64x64xf32, shared>
!ch = !sched.chan<fifo, !ring>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @not_drained(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !ring
    %ch = sched.channel %b kind fifo : !ring
    // expected-error @below {{role @all ends with 1 acquires and 0 waits on '%ch': drain it}}
    sched.role @all warps 4 regs 255 {
      %some = arith.cmpi slt, %c0, %n : index
      %v = sched.acquire %ch : !ch
      %vb = sched.part %v[0] : !w
      sched.copy async %A[%c0, %c0] to %vb where %some label "at" : !view, !tile
      sched.commit %v : !w
      scf.for %i = %c0 to %n step %c1 {
        %q = sched.wait %ch : !ch
        %qb = sched.part %q[0] : !r
        %g = sched.load %qb : !tile -> !f
        sched.release %q : !r
        %i1 = arith.addi %i, %c1 : index
        %on = arith.cmpi slt, %i1, %n : index
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%i1, %c0] to %wb where %on label "at" : !view, !tile
        sched.commit %w : !w
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
!ch = !sched.chan<tx, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @no_consumer(in %A: !view, out %C: !view) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    // expected-error @below {{channel '%ch' has no consumer}}
    %ch = sched.channel %b kind tx : !tile
    sched.role @load warps 1 regs 24 {
      scf.for %i = %c0 to %n step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy bulk %A[%i, %c0] to %wb label "at" : !view, !tile
        sched.commit %w : !w
      }
    }
    sched.role @mma groups 1 (%g) regs 240 {
      %f0 = sched.load %A[%c0, %c0] : !view -> !f
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ch = !sched.chan<tx, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @no_producer(in %A: !view, out %C: !view) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    // expected-error @below {{channel '%ch' has no producer}}
    %ch = sched.channel %b kind tx : !tile
    sched.role @mma groups 1 (%g) regs 240 {
      scf.for %i = %c0 to %n step %c1 {
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
!ring = !sched.buf<2 x 64x64xf32, shared>
!ch = !sched.chan<tx, !ring>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @two_producers(in %A: !view, out %C: !view) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !ring
    // expected-error @below {{channel '%ch' has producers in several roles: @load and @more}}
    %ch = sched.channel %b kind tx : !ring
    sched.role @load warps 1 regs 24 {
      scf.for %i = %c0 to %n step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy bulk %A[%i, %c0] to %wb label "at" : !view, !tile
        sched.commit %w : !w
      }
    }
    sched.role @more warps 1 regs 24 {
      scf.for %i = %c0 to %n step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy bulk %A[%i, %c0] to %wb label "at" : !view, !tile
        sched.commit %w : !w
      }
    }
    sched.role @mma groups 1 (%g) regs 240 {
      scf.for %i = %c0 to %n step %c1 {
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
!ch = !sched.chan<tx, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @drain_across_roles(in %A: !view, out %C: !view) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind tx : !tile
    sched.role @load warps 1 regs 24 {
      scf.for %i = %c0 to %n step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy bulk %A[%i, %c0] to %wb label "at" : !view, !tile
        sched.commit %w : !w
      }
      // expected-error @below {{drain of '%ch', which crosses roles: its consumers take every slot}}
      sched.drain %ch : !ch
    }
    sched.role @mma groups 1 (%g) regs 240 {
      scf.for %i = %c0 to %n step %c1 {
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
!ch = !sched.chan<sync, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @two_roles(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind sync : !tile
    sched.role @all warps 4 regs 255 {
      scf.for %i = %c0 to %n step %c1 {
        %x = sched.load %A[%i, %c0] : !view -> !f
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.store %x to %wb : !f, !tile
        sched.commit %w : !w
        %r = sched.wait %ch : !ch
        %rb = sched.part %r[0] : !r
        %f = sched.load %rb : !tile -> !f
        sched.release %r : !r
      }
    }
    // expected-error @below {{target sm_80 runs at most 1 role}}
    sched.role @other warps 4 regs 255 {
      %f0 = sched.load %A[%c0, %c0] : !view -> !f
    }
    tegula.yield
  }
  tegula.return
}

// -----

// Rule 4: the slot of the next iteration is acquired while the one before is held.
!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ch = !sched.chan<fifo, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @ring_too_short(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    // expected-note @below {{the ring is declared here}}
    %ch = sched.channel %b kind fifo : !tile
    sched.role @all warps 4 regs 255 {
      %some = arith.cmpi slt, %c0, %n : index
      %v = sched.acquire %ch : !ch
      %vb = sched.part %v[0] : !w
      sched.copy async %A[%c0, %c0] to %vb where %some label "at" : !view, !tile
      sched.commit %v : !w
      scf.for %i = %c0 to %n step %c1 {
        %i1 = arith.addi %i, %c1 : index
        %on = arith.cmpi slt, %i1, %n : index
        // expected-error @below {{ring '%ch' of depth 1 is too short: slot 1 is acquired while slot 0 is still held; depth 2 would do}}
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%i1, %c0] to %wb where %on label "at" : !view, !tile
        sched.commit %w : !w
        %r = sched.wait %ch inflight 1 : !ch
        %rb = sched.part %r[0] : !r
        %f = sched.load %rb : !tile -> !f
        sched.release %r : !r
      }
      sched.drain %ch : !ch
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!chk = !sched.chan<tx, !tile>
!wk = !sched.slot<acquired, !chk>
!rk = !sched.slot<waited, !chk>
!chv = !sched.chan<tx, !tile>
!wv = !sched.slot<acquired, !chv>
!rv = !sched.slot<waited, !chv>

sched.kernel @deadlock(in %A: !view, out %C: !view) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %bk = sched.alloc : !tile
    %chk = sched.channel %bk kind tx : !tile
    %bv = sched.alloc : !tile
    %chv = sched.channel %bv kind tx : !tile
    sched.role @load warps 1 regs 24 {
      scf.for %i = %c0 to %n step %c1 {
        %k = sched.acquire %chk : !chk
        %kb = sched.part %k[0] : !wk
        sched.copy bulk %A[%i, %c0] to %kb : !view, !tile
        sched.commit %k : !wk
        // expected-error @below {{deadlock for n = 1: @load.0 stops at acquire 1 of '%chk'; @mma.0 stops at wait 0 of '%chv'}}
        %k2 = sched.acquire %chk : !chk
        %k2b = sched.part %k2[0] : !wk
        sched.copy bulk %A[%i, %c0] to %k2b : !view, !tile
        sched.commit %k2 : !wk
        %v = sched.acquire %chv : !chv
        %vb = sched.part %v[0] : !wv
        sched.copy bulk %A[%i, %c0] to %vb : !view, !tile
        sched.commit %v : !wv
      }
    }
    sched.role @mma groups 1 (%g) regs 240 {
      scf.for %i = %c0 to %n step %c1 {
        %x = sched.wait %chk : !chk
        %xb = sched.part %x[0] : !rk
        %f = sched.load %xb : !tile -> !f
        // expected-note @below {{@mma.0 stops here}}
        %y = sched.wait %chv : !chv
        %yb = sched.part %y[0] : !rv
        %e = sched.load %yb : !tile -> !f
        sched.release %y : !rv
        sched.release %x : !rk
        %z = sched.wait %chk : !chk
        %zb = sched.part %z[0] : !rk
        %h = sched.load %zb : !tile -> !f
        sched.release %z : !rk
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

// Rule 5: counts of commits.
!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ch = !sched.chan<fifo, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @count_too_large(in %A: !view, out %C: !view) target "sm_80" {
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
        // expected-error @below {{wait on '%ch' allows 1 commits in flight, but only 0 are younger than the awaited one}}
        %r = sched.wait %ch inflight 1 : !ch
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
!ring = !sched.buf<2 x 64x64xf32, shared>
!ch = !sched.chan<fifo, !ring>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @wait_before_commit(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !ring
    %ch = sched.channel %b kind fifo : !ring
    sched.role @all warps 4 regs 255 {
      scf.for %i = %c0 to %n step %c1 {
        // expected-error @below {{wait for slot 0 of '%ch' before its commit, in the same role}}
        %r = sched.wait %ch : !ch
        %rb = sched.part %r[0] : !r
        %f = sched.load %rb : !tile -> !f
        sched.release %r : !r
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%i, %c0] to %wb label "at" : !view, !tile
        sched.commit %w : !w
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

sched.kernel @fifo_across_roles(in %A: !view, out %C: !view) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    // expected-error @below {{fifo channel '%ch' crosses roles: a counter is seen only by the threads that issued the copies}}
    %ch = sched.channel %b kind fifo : !tile
    sched.role @load warps 1 regs 24 {
      scf.for %i = %c0 to %n step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%i, %c0] to %wb label "at" : !view, !tile
        sched.commit %w : !w
      }
    }
    sched.role @mma groups 1 (%g) regs 240 {
      scf.for %i = %c0 to %n step %c1 {
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
!ch = !sched.chan<sync, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @sync_across_roles(in %A: !view, out %C: !view) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    // expected-error @below {{sync channel '%ch' crosses roles: the barrier of a role is seen by that role only}}
    %ch = sched.channel %b kind sync : !tile
    sched.role @load warps 4 regs 200 {
      scf.for %i = %c0 to %n step %c1 {
        %x = sched.load %A[%i, %c0] : !view -> !f
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.store %x to %wb : !f, !tile
        sched.commit %w : !w
      }
    }
    sched.role @mma groups 1 (%g) regs 200 {
      scf.for %i = %c0 to %n step %c1 {
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

// Rule 7: copies complete as their channel does, on this target.
!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ch = !sched.chan<tx, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @no_such_completion(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    // expected-error @below {{target sm_80 has no 'tx' completion}}
    %ch = sched.channel %b kind tx : !tile
    sched.role @all warps 4 regs 255 {
      scf.for %i = %c0 to %n step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy bulk %A[%i, %c0] to %wb label "at" : !view, !tile
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

sched.kernel @no_such_copy(in %A: !view, out %C: !view) target "gfx942" {
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
        // expected-error @below {{target gfx942 has no 'async' copy}}
        sched.copy async %A[%i, %c0] to %wb label "at" : !view, !tile
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

// Rule 9: batons go round.
!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>

sched.kernel @turn_without_pass(in %A: !view, out %C: !view) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %pp = sched.baton 2
    sched.role @mma groups 2 (%g) regs 240 {
      scf.for %i = %c0 to %n step %c1 {
        sched.turn %pp
        // expected-error @below {{baton '%pp': every member must take turn and pass alternately, equally often, for n = 1}}
        sched.turn %pp
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

sched.kernel @baton_of_another_role(in %A: !view, out %C: !view) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %pp = sched.baton 1
    sched.role @a groups 1 (%g) regs 128 {
      sched.turn %pp
      sched.pass %pp
    }
    sched.role @b groups 1 (%g) regs 128 {
      // expected-error @below {{baton '%pp' belongs to role @a}}
      sched.turn %pp
      // expected-error @below {{baton '%pp' belongs to role @a}}
      sched.pass %pp
    }
    tegula.yield
  }
  tegula.return
}

// -----

// Rule 10: channel ops only under functions of `trips`.
!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ch = !sched.chan<fifo, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @condition_of_data(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind fifo : !tile
    sched.role @all warps 4 regs 255 {
      %x = sched.scalar %A[%c0, %c0] : !view -> f32
      %z = arith.constant 0.0 : f32
      %d = arith.cmpf ogt, %x, %z : f32
      // expected-error @below {{channel ops under a condition that is not a function of 'trips'}}
      scf.if %d {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%c0, %c0] to %wb : !view, !tile
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

sched.kernel @count_of_data(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind fifo : !tile
    sched.role @all warps 4 regs 255 {
      // expected-error @below {{channel ops in a loop whose count is not a function of 'trips'}}
      scf.for %i = %c0 to %M step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%i, %c0] to %wb label "at" : !view, !tile
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

sched.kernel @shift_too_far(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind fifo : !tile
    sched.role @all warps 4 regs 255 {
      %c100 = arith.constant 100 : index
      scf.for %i = %c0 to %n step %c1 {
        %i1 = arith.addi %i, %c100 : index
        %on = arith.cmpi slt, %i1, %n : index
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        // expected-error @below {{a bound or guard of channel ops shifts positions by 100; schedules are proved up to a shift of 64}}
        sched.copy async %A[%i, %c0] to %wb where %on label "at" : !view, !tile
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

sched.kernel @unknown_region(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind fifo : !tile
    sched.role @all warps 4 regs 255 {
      // expected-error @below {{channel ops inside 'scf.execute_region': only counted loops, guards and phases may hold them}}
      %e = scf.execute_region -> index {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%c0, %c0] to %wb : !view, !tile
        sched.commit %w : !w
        %r = sched.wait %ch : !ch
        %rb = sched.part %r[0] : !r
        %f = sched.load %rb : !tile -> !f
        sched.release %r : !r
        scf.yield %c0 : index
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

// Rule 15: copies take consecutive positions of their stream.
!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ch = !sched.chan<fifo, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @no_progression(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind fifo : !tile
    sched.role @all warps 4 regs 255 {
      scf.for %i = %c0 to %n step %c1 {
        %five = arith.minsi %i, %c1 : index
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        // expected-error @below {{copy 'at' leaves its progression: its occurrences must take consecutive stream positions}}
        sched.copy async %A[%five, %c0] to %wb label "at" : !view, !tile
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

sched.kernel @too_few_positions(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind fifo : !tile
    sched.role @all warps 4 regs 255 {
      scf.for %i = %c1 to %n step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        // expected-error @below {{copy 'at' is on for 1 positions of a stream of 2}}
        sched.copy async %A[%i, %c0] to %wb label "at" : !view, !tile
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
