// RUN: tegula-opt %s --sched-verify=remarks -split-input-file -verify-diagnostics

// A ring of two in one role, filled one step ahead: nothing to say.
!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ring = !sched.buf<2 x 64x64xf32, shared>
!ch = !sched.chan<fifo, !ring>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @double_buffer(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !ring
    %ch = sched.channel %b kind fifo : !ring
    sched.role @all warps 4 regs 255 {
      %some = arith.cmpi slt, %c0, %n : index
      %v = sched.acquire %ch : !ch
      %vb = sched.part %v[0] : !w
      sched.copy async %A[%c0, %c0] to %vb where %some label "at" : !view, !tile
      sched.commit %v : !w
      scf.for %i = %c0 to %n step %c1 {
        %r = sched.wait %ch : !ch
        %rb = sched.part %r[0] : !r
        %f = sched.load %rb : !tile -> !f
        %i1 = arith.addi %i, %c1 : index
        %on = arith.cmpi slt, %i1, %n : index
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%i1, %c0] to %wb where %on label "at" : !view, !tile
        sched.commit %w : !w
        sched.store %f to %C[%i, %c0] : !f, !view
        sched.release %r : !r
      }
      sched.drain %ch : !ch
    }
    tegula.yield
  }
  tegula.return
}

// -----

// Rule 6: no barrier of the role between the release and the next acquire.
!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ch = !sched.chan<fifo, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @own_barrier(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind fifo : !tile
    sched.role @all warps 4 regs 255 {
      scf.for %i = %c0 to %n step %c1 {
        // expected-remark @below {{acquire of '%ch' costs a barrier of its own}}
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

// Rule 5: slow, not wrong.
!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ring = !sched.buf<3 x 64x64xf32, shared>
!ch = !sched.chan<fifo, !ring>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @leaves_too_few_in_flight(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !ring
    %ch = sched.channel %b kind fifo : !ring
    sched.role @all warps 4 regs 255 {
      %some = arith.cmpi slt, %c0, %n : index
      %v = sched.acquire %ch : !ch
      %vb = sched.part %v[0] : !w
      sched.copy async %A[%c0, %c0] to %vb where %some label "at" : !view, !tile
      sched.commit %v : !w
      scf.for %i = %c0 to %n step %c1 {
        %i1 = arith.addi %i, %c1 : index
        %on = arith.cmpi slt, %i1, %n : index
        %w = sched.acquire %ch : !ch
        %wb = sched.part %w[0] : !w
        sched.copy async %A[%i1, %c0] to %wb where %on label "at" : !view, !tile
        sched.commit %w : !w
        // expected-remark @below {{wait on '%ch' could leave 1 commits in flight, leaves 0}}
        %r = sched.wait %ch : !ch
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

// Kernels without roles have nothing to prove.
!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>

sched.kernel @no_roles(in %A: !view, out %C: !view) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %x = sched.alloc : !sched.buf<64x64xf32, local>
    sched.copy %A[%m, %c0] to %x : !view, !sched.buf<64x64xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// Rule 14: the assembler may move the map behind the wait.
!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xbf16, shared, swz 128>
!f = !sched.frag<64x64xbf16, #sched.layout<wgmma.A [1, 4]>>
!o = !sched.frag<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!t = !sched.flight<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!ch = !sched.chan<tx, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @not_pinned(in %A: !view, out %C: !view) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind tx : !tile
    sched.role @load warps 1 regs 24 {
      %w = sched.acquire %ch : !ch
      %wb = sched.part %w[0] : !w
      sched.copy bulk %A[%c0, %c0] to %wb : !view, !tile
      sched.commit %w : !w
    }
    sched.role @mma groups 1 (%g) regs 240 {
      %p = sched.load %A[%c0, %c0] : !view -> !f
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !r
      %t = sched.mma async %p, %rb : !f, !tile -> !t
      %e = sched.map domain [64, 64] ins(%x = %p : !f) -> !f {
        %y = arith.addf %x, %x : tensor<64x64xbf16>
        sched.yield %y : tensor<64x64xbf16>
      }
      // expected-remark @below {{elementwise work since the product was issued is not pinned before this wait: add 'finish'}}
      %o = sched.mma_wait %t inflight 0 retire(%p : !f) : !t
      sched.release %r : !r
      sched.store %e to %C[%c0, %c0] : !f, !view
    }
    tegula.yield
  }
  tegula.return
}

// -----

// The scratch of a conversion is ordered by the conversion.
!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!a = !sched.frag<64x64xbf16, #sched.layout<m16n8k16.A [4, 4]>>
!p = !sched.frag<64x64xbf16, #sched.layout<m16n8k16.D [1, 8] warps [4, 1]>>

sched.kernel @scratch(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %sc = sched.alloc : !sched.buf<64x64xbf16, shared>
    sched.role @all warps 4 regs 255 {
      %x = sched.load %A[%c0, %c0] : !view -> !p
      %y = sched.convert %x shared using %sc : !sched.buf<64x64xbf16, shared> : !p -> !a
      sched.store %y to %C[%c0, %c0] : !a, !view
    }
    tegula.yield
  }
  tegula.return
}
