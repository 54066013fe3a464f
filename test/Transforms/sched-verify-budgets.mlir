// RUN: tegula-opt %s --sched-verify -split-input-file -verify-diagnostics

// Rule 12: memory.
!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>
!ring = !sched.buf<16 x 64x64xf32, shared>
!ch = !sched.chan<fifo, !ring>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @memory(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    // expected-error @below {{shared memory: 262144 bytes of 166912: %b 16x16384}}
    %b = sched.alloc : !ring
    %ch = sched.channel %b kind fifo : !ring
    sched.role @all warps 4 regs 255 {
      scf.for %i = %c0 to %n step %c1 {
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

// Rule 13: registers.
!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>

sched.kernel @no_budget(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    // expected-error @below {{role @all has no register budget: add 'regs'}}
    sched.role @all warps 4 {
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

sched.kernel @more_than_there_are(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    // expected-error @below {{registers of all roles: 38400 of 32640 (255 at entry x 128 threads)}}
    // expected-error @below {{role @all asks for 300 registers, sm_80 has 255}}
    sched.role @all warps 4 regs 300 {
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

sched.kernel @budget_too_small(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    // expected-error @below {{role @all needs about 102 registers, its budget is 96; live at the peak: %f0 32, %f1 32}}
    sched.role @all warps 4 regs 96 {
      %f0 = sched.load %A[%c0, %c0] : !view -> !f
      %f1 = sched.load %A[%c1, %c0] : !view -> !f
      sched.store %f0 to %C[%c0, %c0] : !f, !view
      sched.store %f1 to %C[%c1, %c0] : !f, !view
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>

sched.kernel @more_than_the_block_has(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    // expected-error @below {{registers of all roles: 81920 of 65536 (128 at entry x 512 threads)}}
    sched.role @all warps 16 regs 160 {
      %f0 = sched.load %A[%c0, %c0] : !view -> !f
      %f1 = sched.load %A[%c1, %c0] : !view -> !f
      sched.store %f0 to %C[%c0, %c0] : !f, !view
      sched.store %f1 to %C[%c1, %c0] : !f, !view
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

sched.kernel @granule(in %A: !view, out %C: !view) target "sm_90a" {
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
    // expected-error @below {{registers of role @mma (100) must be a multiple of 8 in 24..256}}
    sched.role @mma groups 1 (%g) regs 100 {
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !r
      %f = sched.load %rb : !tile -> !f
      sched.release %r : !r
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xf32, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xf32, shared>
!f = !sched.frag<64x64xf32>

// expected-error @below {{unknown target 'sm_00'; there are}}
sched.kernel @target(in %A: !view, out %C: !view) target "sm_00" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    sched.role @all warps 4 regs 255 {
      %f0 = sched.load %A[%c0, %c0] : !view -> !f
      %f1 = sched.load %A[%c1, %c0] : !view -> !f
      sched.store %f0 to %C[%c0, %c0] : !f, !view
      sched.store %f1 to %C[%c1, %c0] : !f, !view
    }
    tegula.yield
  }
  tegula.return
}
