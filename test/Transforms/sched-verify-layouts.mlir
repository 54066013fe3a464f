// RUN: tegula-opt %s --sched-verify -split-input-file -verify-diagnostics

// Rule 11: layouts of products and conversions.
!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!a = !sched.frag<64x64xbf16, #sched.layout<m16n8k16.A [1, 4] warps [4, 1]>>
!b = !sched.frag<64x64xbf16, #sched.layout<m16n8k16.A [1, 4] warps [4, 1]>>
!d = !sched.frag<64x64xf32, #sched.layout<m16n8k16.D [1, 8] warps [4, 1]>>

sched.kernel @wrong_side(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    sched.role @all warps 4 regs 255 {
      %a = sched.load %A[%c0, %c0] : !view -> !a
      %b = sched.load %A[%c0, %c0] : !view -> !b
      // expected-error @below {{operand 'B' has layout m16n8k16.A, the product needs m16n8k16.B}}
      %d = sched.mma %a, %b : !a, !b -> !d
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!a = !sched.frag<64x64xbf16, #sched.layout<m16n8k16.A [4, 4]>>
!b = !sched.frag<64x64xbf16, #sched.layout<m16n8k16.B [4, 8]>>
!d = !sched.frag<64x64xf32, #sched.layout<m16n8k16.D [1, 8] warps [4, 1]>>

sched.kernel @spread_otherwise(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    sched.role @all warps 4 regs 255 {
      %a = sched.load %A[%c0, %c0] : !view -> !a
      %b = sched.load %A[%c0, %c0] : !view -> !b
      // expected-error @below {{rows of 'A' are spread over warps 1, those of the result over 4}}
      %d = sched.mma %a, %b : !a, !b -> !d
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!a = !sched.frag<64x64xbf16, #sched.layout<m16n8k16.A [1, 4] warps [4, 1]>>
!b = !sched.frag<64x64xbf16, #sched.layout<m16n8k16.B [4, 8]>>
!d = !sched.frag<64x64xf32, #sched.layout<m16n8k16.A [1, 4] warps [4, 1]>>

sched.kernel @no_result(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    sched.role @all warps 4 regs 255 {
      %a = sched.load %A[%c0, %c0] : !view -> !a
      %b = sched.load %A[%c0, %c0] : !view -> !b
      // expected-error @below {{result layout m16n8k16.A is not a result layout}}
      %d = sched.mma %a, %b : !a, !b -> !d
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!a = !sched.frag<64x64xbf16, #sched.layout<m16n8k16.A [1, 4] warps [4, 1]>>
!b = !sched.frag<64x64xbf16, #sched.layout<m16n8k16.B [4, 8]>>
!d = !sched.frag<64x64xf32>

sched.kernel @no_layout(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    sched.role @all warps 4 regs 255 {
      %a = sched.load %A[%c0, %c0] : !view -> !a
      %b = sched.load %A[%c0, %c0] : !view -> !b
      // expected-error @below {{product without a result layout}}
      %d = sched.mma %a, %b : !a, !b -> !d
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!a = !sched.frag<64x64xbf16, #sched.layout<m16n8k16.A [1, 4] warps [4, 1]>>
!b = !sched.frag<64x64xbf16, #sched.layout<m16n8k16.B [4, 8]>>
!d = !sched.frag<64x64xf32, #sched.layout<m16n8k16.D [1, 8] warps [4, 1]>>

sched.kernel @too_many_warps(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    sched.role @all warps 2 regs 255 {
      // expected-error @below {{layout #sched.layout<m16n8k16.A [1, 4] warps [4, 1]> is spread over 4 warps, a member of role @all has 2}}
      %a = sched.load %A[%c0, %c0] : !view -> !a
      %b = sched.load %A[%c0, %c0] : !view -> !b
      %d = sched.mma %a, %b : !a, !b -> !d
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!a = !sched.frag<64x64xbf16, #sched.layout<m16n8k16.A [1, 4] warps [4, 1]>>
!b = !sched.frag<64x64xbf16, #sched.layout<m16n8k16.B [4, 8]>>
!d = !sched.frag<64x64xf32, #sched.layout<m16n8k16.D [1, 8] warps [4, 1]>>

sched.kernel @other_lanes(in %A: !view, out %C: !view) target "gfx942" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    sched.role @all warps 4 regs 255 {
      // expected-error @below {{layout #sched.layout<m16n8k16.A [1, 4] warps [4, 1]> is for warps of 32 lanes, those of gfx942 have 64}}
      %a = sched.load %A[%c0, %c0] : !view -> !a
      %b = sched.load %A[%c0, %c0] : !view -> !b
      %d = sched.mma %a, %b : !a, !b -> !d
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!a = !sched.frag<64x64xbf16, #sched.layout<m16n8k16.A [4, 4]>>
!p = !sched.frag<64x64xbf16, #sched.layout<m16n8k16.D [1, 8] warps [4, 1]>>

sched.kernel @conversion(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    sched.role @all warps 4 regs 255 {
      %x = sched.load %A[%c0, %c0] : !view -> !p
      // expected-error @below {{conversion #sched.layout<m16n8k16.D [1, 8] warps [4, 1]> -> #sched.layout<m16n8k16.A [4, 4]> is 'shared', written as 'free'}}
      %y = sched.convert %x free : !p -> !a
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!a = !sched.frag<64x64xbf16, #sched.layout<m16n8k16.A [1, 4] warps [4, 1]>>
!d = !sched.frag<64x64xf32, #sched.layout<m16n8k16.D [1, 8] warps [4, 1]>>
!tile = !sched.buf<64x64xbf16, shared, swz 128>
!ch = !sched.chan<fifo, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @operand_in_memory(in %A: !view, out %C: !view) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  tegula.grid (%m) to (%M) step (64) {
    %n = sched.trips %c0 to %M step %c1
    %b = sched.alloc : !tile
    %ch = sched.channel %b kind fifo : !tile
    sched.role @all warps 4 regs 255 {
      %a = sched.load %A[%c0, %c0] : !view -> !a
      %w = sched.acquire %ch : !ch
      %wb = sched.part %w[0] : !w
      sched.copy async %A[%c0, %c0] to %wb : !view, !tile
      sched.commit %w : !w
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !r
      // expected-error @below {{operand 'B' of the product must be a fragment on sm_80}}
      %d = sched.mma %a, %rb : !a, !tile -> !d
      sched.release %r : !r
    }
    tegula.yield
  }
  tegula.return
}

// -----

!view = memref<?x64xbf16, strided<[?, 1], offset: ?>>
!tile = !sched.buf<64x64xbf16, shared, swz 128>
!a = !sched.frag<64x64xbf16, #sched.layout<wgmma.D [1, 8]>>
!d = !sched.frag<64x64xf32, #sched.layout<wgmma.D [1, 8]>>
!ch = !sched.chan<tx, !tile>
!w = !sched.slot<acquired, !ch>
!r = !sched.slot<waited, !ch>

sched.kernel @wrong_fragment(in %A: !view, out %C: !view) target "sm_90a" {
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
      %a = sched.load %A[%c0, %c0] : !view -> !a
      %r = sched.wait %ch : !ch
      %rb = sched.part %r[0] : !r
      // expected-error @below {{operand 'A' has layout wgmma.D, the product needs wgmma.A}}
      %d = sched.mma %a, %rb : !a, !tile -> !d
      sched.release %r : !r
    }
    tegula.yield
  }
  tegula.return
}
