// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// C = A B on four warps: a ring of three stages, filled two steps ahead by copies that
// each thread counts. The copies of the prologue and of the last steps are dropped by
// `where`, their commits are not: the wait counts the same everywhere.

#a = #sched.layout<m16n8k16.A [2, 4] warps [4, 1]>
#b = #sched.layout<m16n8k16.B [4, 16]>
#d = #sched.layout<m16n8k16.D [2, 16] warps [4, 1]>
!view = memref<?x?xbf16, strided<[?, 1], offset: ?>>
!out = memref<?x?xf32, strided<[?, 1], offset: ?>>
!abs = !sched.buf<3 x 128x64xbf16, shared, swz 128>
!bbs = !sched.buf<3 x 64x128xbf16, shared, swz 128>
!ab = !sched.buf<128x64xbf16, shared, swz 128>
!bb = !sched.buf<64x128xbf16, shared, swz 128>
!ch = !sched.chan<fifo, !abs, !bbs>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
!af = !sched.frag<128x64xbf16, #a>
!bf = !sched.frag<64x128xbf16, #b>
!df = !sched.frag<128x128xf32, #d>

// CHECK-LABEL: sched.kernel @matmul_sm80
// CHECK:         %[[CH:.*]] = sched.channel %{{.*}}, %{{.*}} kind fifo
// CHECK:         sched.role @all warps 4 regs 255 {
// CHECK:           sched.copy async %{{.*}} where %{{.*}} label "at"
// CHECK:           %[[R:.*]] = sched.wait %[[CH]] inflight 1
// CHECK:           %[[A:.*]] = sched.part %[[R]][0]
// CHECK:           sched.load %[[A]] ahead 1
// CHECK:           sched.mma %{{.*}}, %{{.*}} acc %{{.*}} label "acc"
// CHECK:           sched.release %[[R]]
// CHECK:           sched.drain %[[CH]]
sched.kernel @matmul_sm80(in %A: !view, in %B: !view, out %C: !out) target "sm_80" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  %K = memref.dim %A, %c1 : !view
  %N = memref.dim %B, %c1 : !view
  tegula.grid (%m, %c) to (%M, %N) step (128, 128) {
    %c2 = arith.constant 2 : index
    %c64 = arith.constant 64 : index
    %zero = arith.constant 0.0 : f32
    %n = sched.trips %c0 to %K step %c64
    %ab = sched.alloc : !abs
    %bb = sched.alloc : !bbs
    %ch = sched.channel %ab, %bb kind fifo : !abs, !bbs
    sched.role @all warps 4 regs 255 {
      scf.for %j = %c0 to %c2 step %c1 {
        %w = sched.acquire %ch : !ch
        %w0 = sched.part %w[0] : !acquired
        %w1 = sched.part %w[1] : !acquired
        %k = arith.muli %j, %c64 : index
        %on = arith.cmpi slt, %j, %n : index
        sched.copy async %A[%m, %k] to %w0 where %on label "at" : !view, !ab
        sched.copy async %B[%k, %c] to %w1 where %on label "bt" : !view, !bb
        sched.commit %w : !acquired
      }
      %z = sched.splat %zero : f32 -> !df
      %acc = scf.for %i = %c0 to %n step %c1 iter_args(%s = %z) -> (!df) {
        %r = sched.wait %ch inflight 1 : !ch
        %w = sched.acquire %ch : !ch
        %w0 = sched.part %w[0] : !acquired
        %w1 = sched.part %w[1] : !acquired
        %i2 = arith.addi %i, %c2 : index
        %k = arith.muli %i2, %c64 : index
        %on = arith.cmpi slt, %i2, %n : index
        sched.copy async %A[%m, %k] to %w0 where %on label "at" : !view, !ab
        sched.copy async %B[%k, %c] to %w1 where %on label "bt" : !view, !bb
        sched.commit %w : !acquired
        %r0 = sched.part %r[0] : !waited
        %r1 = sched.part %r[1] : !waited
        %af = sched.load %r0 ahead 1 : !ab -> !af
        %bf = sched.load %r1 ahead 1 : !bb -> !bf
        %s1 = sched.mma %af, %bf acc %s label "acc" : !af, !bf -> !df
        sched.release %r : !waited
        scf.yield %s1 : !df
      }
      sched.drain %ch : !ch
      sched.store %acc to %C[%m, %c] : !df, !out
    }
    tegula.yield
  }
  tegula.return
}
