// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// C = A B on four waves: the next tiles come through registers (`load` from the view,
// `store` into the slot), so that a ring of two needs one barrier a step. B is put
// transposed, so that both operands are read along rows.

#ga = #sched.layout<v8c32 [2, 1] warps [4, 1]>
#gb = #sched.layout<v8c128 [2, 1] warps [4, 1]>
#a = #sched.layout<mfma32.A [1, 4] warps [4, 1]>
#b = #sched.layout<mfma32.B [4, 4]>
#d = #sched.layout<mfma32.D [1, 4] warps [4, 1]>
!view = memref<?x?xbf16, strided<[?, 1], offset: ?>>
!out = memref<?x?xf32, strided<[?, 1], offset: ?>>
!ring = !sched.buf<2 x 128x32xbf16, shared, swz auto>
!tile = !sched.buf<128x32xbf16, shared, swz auto>
!ch = !sched.chan<sync, !ring, !ring>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
!fa = !sched.frag<128x32xbf16, #ga>
!fb = !sched.frag<32x128xbf16, #gb>
!af = !sched.frag<128x32xbf16, #a>
!bf = !sched.frag<32x128xbf16, #b>
!df = !sched.frag<128x128xf32, #d>

// CHECK-LABEL: sched.kernel @matmul_gfx942
// CHECK:         sched.role @all warps 4 regs 256 {
// CHECK:           sched.load %{{.*}}[%{{.*}}, %{{.*}}] where %{{.*}} label "at"
// CHECK:           sched.store %{{.*}} trans to %{{.*}} label "bt.put"
// CHECK:             %[[R:.*]] = sched.wait
// CHECK:             sched.phase @dot -> (
// CHECK:               sched.mma
// CHECK:               sched.yield
// CHECK:             sched.release %[[R]]
// CHECK:             sched.phase @put
sched.kernel @matmul_gfx942(in %A: !view, in %B: !view, out %C: !out) target "gfx942" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  %K = memref.dim %A, %c1 : !view
  %N = memref.dim %B, %c1 : !view
  tegula.grid (%m, %c) to (%M, %N) step (128, 128) {
    %c32 = arith.constant 32 : index
    %zero = arith.constant 0.0 : f32
    %n = sched.trips %c0 to %K step %c32
    %some = arith.cmpi slt, %c0, %n : index
    %ab = sched.alloc : !ring
    %bb = sched.alloc : !ring
    %ch = sched.channel %ab, %bb kind sync : !ring, !ring
    sched.role @all warps 4 regs 256 {
      %fa0 = sched.load %A[%m, %c0] where %some label "at" : !view -> !fa
      %fb0 = sched.load %B[%c0, %c] where %some label "bt" : !view -> !fb
      %w0 = sched.acquire %ch : !ch
      %w0a = sched.part %w0[0] : !acquired
      %w0b = sched.part %w0[1] : !acquired
      sched.store %fa0 to %w0a label "at.put" : !fa, !tile
      sched.store %fb0 trans to %w0b label "bt.put" : !fb, !tile
      sched.commit %w0 : !acquired
      %z = sched.splat %zero : f32 -> !df
      %acc = scf.for %i = %c0 to %n step %c1 iter_args(%s = %z) -> (!df) {
        %i1 = arith.addi %i, %c1 : index
        %k = arith.muli %i1, %c32 : index
        %on = arith.cmpi slt, %i1, %n : index
        %r = sched.wait %ch : !ch
        %r0 = sched.part %r[0] : !waited
        %r1 = sched.part %r[1] : !waited
        %s1, %fa, %fb = sched.phase @dot -> (!df, !fa, !fb) {
          %ga = sched.load %A[%m, %k] where %on label "at" : !view -> !fa
          %gb = sched.load %B[%k, %c] where %on label "bt" : !view -> !fb
          %af = sched.load %r0 ahead 2 : !tile -> !af
          %bf = sched.load %r1 trans ahead 2 : !tile -> !bf
          %d = sched.mma %af, %bf acc %s label "acc" : !af, !bf -> !df
          sched.yield %d, %ga, %gb : !df, !fa, !fb
        }
        sched.release %r : !waited
        sched.phase @put {
          %w = sched.acquire %ch : !ch
          %wa = sched.part %w[0] : !acquired
          %wb = sched.part %w[1] : !acquired
          sched.store %fa to %wa label "at.put" : !fa, !tile
          sched.store %fb trans to %wb label "bt.put" : !fb, !tile
          sched.commit %w : !acquired
        }
        scf.yield %s1 : !df
      }
      sched.drain %ch : !ch
      sched.store %acc to %C[%m, %c] : !df, !out
    }
    tegula.yield
  }
  tegula.return
}
