// RUN: tegula-opt %s --sched-verify -split-input-file -verify-diagnostics

// Rule 8: products in flight.
!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xbf16, shared, swz 128>
!f = !sched.frag<64x64xbf16, #sched.layout<wgmma.A [1, 4]>>
!o = !sched.frag<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!t = !sched.flight<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!ch = !sched.chan<tx, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @release_under_a_product(in %A: !view, out %C: !view) target "sm_90a" {
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
        sched.copy bulk %A[%i, %c0] to %wb : !view, !tile
        sched.commit %w : !w
      }
    }
    sched.role @mma groups 1 (%g) regs 240 {
      %p = sched.load %A[%c0, %c0] : !view -> !f
      scf.for %i = %c0 to %n step %c1 {
        %r = sched.wait %ch : !ch
        %rb = sched.part %r[0] : !r
        // expected-note @below {{the product is issued here}}
        %t = sched.mma async %p, %rb : !f, !tile -> !t
        // expected-error @below {{release of a slot of '%ch' while the product '%t' that reads it may be in flight}}
        sched.release %r : !r
        %o = sched.mma_wait %t inflight 0 retire(%p : !f) : !t
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xbf16, shared, swz 128>
!f = !sched.frag<64x64xbf16, #sched.layout<wgmma.A [1, 4]>>
!o = !sched.frag<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!t = !sched.flight<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!ch = !sched.chan<tx, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @operand_not_retired(in %A: !view, out %C: !view) target "sm_90a" {
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
        sched.copy bulk %A[%i, %c0] to %wb : !view, !tile
        sched.commit %w : !w
      }
    }
    sched.role @mma groups 1 (%g) regs 240 {
      %p = sched.load %A[%c0, %c0] : !view -> !f
      scf.for %i = %c0 to %n step %c1 {
        %r = sched.wait %ch : !ch
        %rb = sched.part %r[0] : !r
        // expected-note @below {{the product is issued here}}
        %t = sched.mma async %p, %rb : !f, !tile -> !t
        // expected-error @below {{mma_wait closes the product '%t' but does not retire its operand '%p': its registers may be reused in flight}}
        %o = sched.mma_wait %t inflight 0 : !t
        sched.release %r : !r
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xbf16, shared, swz 128>
!f = !sched.frag<64x64xbf16, #sched.layout<wgmma.A [1, 4]>>
!o = !sched.frag<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!t = !sched.flight<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!ch = !sched.chan<tx, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @not_covered(in %A: !view, out %C: !view) target "sm_90a" {
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
        sched.copy bulk %A[%i, %c0] to %wb : !view, !tile
        sched.commit %w : !w
      }
    }
    sched.role @mma groups 1 (%g) regs 240 {
      scf.for %i = %c0 to %n step %c1 {
        %r = sched.wait %ch : !ch
        %rb = sched.part %r[0] : !r
        // expected-note @below {{the product is issued here}}
        %t = sched.mma async %rb, %rb : !tile, !tile -> !t
        // expected-error @below {{mma_wait with 1 in flight does not cover '%t', one of the newest 1}}
        %o = sched.mma_wait %t inflight 1 : !t
        sched.mma_wait inflight 0
        sched.release %r : !r
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xbf16, shared, swz 128>
!f = !sched.frag<64x64xbf16, #sched.layout<wgmma.A [1, 4]>>
!o = !sched.frag<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!t = !sched.flight<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!ch = !sched.chan<tx, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @over_the_back_edge(in %A: !view, out %C: !view) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind tx : !tile
    sched.role @load warps 1 regs 24 {
      scf.for %i = %c0 to %c1 step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy bulk %A[%i, %c0] to %wb : !view, !tile
        sched.commit %w : !w
      }
    }
    sched.role @mma groups 1 (%g) regs 240 {
      %p = sched.load %A[%c0, %c0] : !view -> !f
      %q = sched.wait %ch : !ch
      %qb = sched.part %q[0] : !r
      %z = sched.mma async %p, %qb : !f, !tile -> !t
      sched.mma_wait inflight 0 retire(%p : !f)
      scf.for %i = %c0 to %n step %c1 {
        // expected-error @below {{operand '%p' of the product '%t' is in flight over the back edge: retire it, or unroll by the number of live sets}}
        %t = sched.mma async %p, %qb : !f, !tile -> !t
      }
      sched.mma_wait inflight 0 retire(%p : !f)
      sched.release %q : !r
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xbf16, shared, swz 128>
!f = !sched.frag<64x64xbf16, #sched.layout<wgmma.A [1, 4]>>
!o = !sched.frag<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!t = !sched.flight<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!ch = !sched.chan<tx, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @no_accumulator_chain(in %A: !view, out %C: !view) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind tx : !tile
    sched.role @load warps 1 regs 24 {
      scf.for %i = %c0 to %c1 step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy bulk %A[%i, %c0] to %wb : !view, !tile
        sched.commit %w : !w
      }
    }
    sched.role @mma groups 1 (%g) regs 240 {
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !r
      %t0 = sched.mma async %rb, %rb : !tile, !tile -> !t
      // expected-error @below {{product '%t1' in flight is carried over the back edge, but not as an accumulator chain}}
      %tl = scf.for %i = %c0 to %n step %c1 iter_args(%ti = %t0) -> (!t) {
        %t1 = sched.mma async %rb, %rb : !tile, !tile -> !t
        sched.mma_wait inflight 1
        scf.yield %t1 : !t
      }
      %o = sched.mma_wait %tl inflight 0 : !t
      sched.release %r : !r
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xbf16, shared, swz 128>
!f = !sched.frag<64x64xbf16, #sched.layout<wgmma.A [1, 4]>>
!o = !sched.frag<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!t = !sched.flight<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!ch = !sched.chan<tx, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @taken_twice(in %A: !view, out %C: !view) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind tx : !tile
    sched.role @load warps 1 regs 24 {
      scf.for %i = %c0 to %c1 step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy bulk %A[%i, %c0] to %wb : !view, !tile
        sched.commit %w : !w
      }
    }
    sched.role @mma groups 1 (%g) regs 240 {
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !r
      // expected-note @below {{the product is issued here}}
      %t0 = sched.mma async %rb, %rb : !tile, !tile -> !t
      %t1 = sched.mma async %rb, %rb acc %t0 of !t : !tile, !tile -> !t
      // expected-error @below {{accumulator '%t0' was already taken by the product '%t1'}}
      %t2 = sched.mma async %rb, %rb acc %t0 of !t : !tile, !tile -> !t
      %o = sched.mma_wait %t2 inflight 0 : !t
      sched.release %r : !r
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xbf16, shared, swz 128>
!f = !sched.frag<64x64xbf16, #sched.layout<wgmma.A [1, 4]>>
!o = !sched.frag<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!t = !sched.flight<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!ch = !sched.chan<tx, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @taken_after_its_wait(in %A: !view, out %C: !view) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind tx : !tile
    sched.role @load warps 1 regs 24 {
      scf.for %i = %c0 to %c1 step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy bulk %A[%i, %c0] to %wb : !view, !tile
        sched.commit %w : !w
      }
    }
    sched.role @mma groups 1 (%g) regs 240 {
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !r
      // expected-note @below {{the product is issued here}}
      %t0 = sched.mma async %rb, %rb : !tile, !tile -> !t
      sched.mma_wait inflight 0
      // expected-error @below {{accumulator '%t0' was already retired: use the result of its mma_wait}}
      %t1 = sched.mma async %rb, %rb acc %t0 of !t : !tile, !tile -> !t
      %o = sched.mma_wait %t1 inflight 0 : !t
      sched.release %r : !r
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xbf16, shared, swz 128>
!f = !sched.frag<64x64xbf16, #sched.layout<wgmma.A [1, 4]>>
!o = !sched.frag<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!t = !sched.flight<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!ch = !sched.chan<tx, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @named_after_it_went_on(in %A: !view, out %C: !view) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind tx : !tile
    sched.role @load warps 1 regs 24 {
      scf.for %i = %c0 to %c1 step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy bulk %A[%i, %c0] to %wb : !view, !tile
        sched.commit %w : !w
      }
    }
    sched.role @mma groups 1 (%g) regs 240 {
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !r
      // expected-note @below {{the product is issued here}}
      %t0 = sched.mma async %rb, %rb : !tile, !tile -> !t
      %t1 = sched.mma async %rb, %rb acc %t0 of !t : !tile, !tile -> !t
      // expected-error @below {{the product '%t0' went on as '%t1': name that one}}
      %o = sched.mma_wait %t0 inflight 0 : !t
      sched.release %r : !r
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xbf16, shared, swz 128>
!f = !sched.frag<64x64xbf16, #sched.layout<wgmma.A [1, 4]>>
!o = !sched.frag<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!t = !sched.flight<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!ch = !sched.chan<tx, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @never_waited_for(in %A: !view, out %C: !view) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind tx : !tile
    sched.role @load warps 1 regs 24 {
      scf.for %i = %c0 to %c1 step %c1 {
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy bulk %A[%i, %c0] to %wb : !view, !tile
        sched.commit %w : !w
      }
    }
    sched.role @mma groups 1 (%g) regs 240 {
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !r
      sched.release %r : !r
      %z = sched.load %A[%c0, %c0] : !view -> !f
      // expected-error @below {{slot '%q' of '%ch' is waited for and never released in this iteration}}
      %q = sched.wait %ch : !ch
      %qb = sched.part %q[0] : !r
      // expected-error @below {{role @mma ends while the product '%t' may be in flight}}
      %t = sched.mma async %qb, %qb : !tile, !tile -> !t
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!f = !sched.frag<64x64xbf16>
!o = !sched.frag<64x64xf32>
!t = !sched.flight<64x64xf32>

sched.kernel @no_async_products(in %A: !view, out %C: !view) target "gfx942" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    sched.role @all warps 4 regs 255 {
      %p = sched.load %A[%c0, %c0] : !view -> !f
      // expected-error @below {{target gfx942 has no asynchronous product}}
      %t = sched.mma async %p, %p : !f, !f -> !t
      %o = sched.mma_wait %t inflight 0 retire(%p : !f) : !t
    }
    tegula.yield
  }
  tegula.return
}
