// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// C = A B, persistent: each worker walks over tiles, and the loads run into the next
// tile by credits alone. Two groups of four warps share each slot; a product stays in
// flight over the back edge, and its slot is released one step later.

#d = #sched.layout<wgmma.D [1, 16]>
!view = memref<?x?xbf16, strided<[?, 1], offset: ?>>
!out = memref<?x?xf32, strided<[?, 1], offset: ?>>
!abs = !sched.buf<4 x 128x64xbf16, shared, swz 128>
!bbs = !sched.buf<4 x 64x128xbf16, shared, swz 128>
!ab = !sched.buf<128x64xbf16, shared, swz 128>
!bb = !sched.buf<64x128xbf16, shared, swz 128>
!ah = !sched.buf<64x64xbf16, shared, swz 128>
!ch = !sched.chan<tx, !abs, !bbs>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
!df = !sched.frag<64x128xf32, #d>
!dt = !sched.flight<64x128xf32, #d>

// CHECK-LABEL: sched.kernel @matmul_sm90
// CHECK:         sched.role @load warps 1 regs 40 {
// CHECK:             sched.copy bulk %{{.*}} label "at"
// CHECK:         sched.role @mma groups 2 (%[[G:.*]]) regs 232 {
// CHECK:             scf.if
// CHECK:               %[[T0:.*]] = sched.mma async %{{.*}}, %{{.*}} label "acc"
// CHECK:               scf.for {{.*}} iter_args(%[[TI:.*]] = %[[T0]], %[[RI:.*]] = %{{.*}}) -> (!sched.flight<64x128xf32, #{{.*}}>, !sched.slot<waited, !{{.*}}>)
// CHECK:                 sched.mma async %{{.*}}, %{{.*}} acc %[[TI]] label "acc"
// CHECK:                 sched.mma_wait inflight 1
// CHECK:                 sched.release %[[RI]]
// CHECK:               sched.mma_wait %{{.*}} inflight 0
sched.kernel @matmul_sm90(in %A: !view, in %B: !view, out %C: !out, %workers: index) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  %K = memref.dim %A, %c1 : !view
  %N = memref.dim %B, %c1 : !view
  tegula.grid (%worker) to (%workers) step (1) {
    %c64 = arith.constant 64 : index
    %c128 = arith.constant 128 : index
    %zero = arith.constant 0.0 : f32
    %cols = arith.ceildivsi %N, %c128 : index
    %tall = arith.ceildivsi %M, %c128 : index
    %tiles = arith.muli %tall, %cols : index
    %u = sched.trips %worker to %tiles step %workers
    %n = sched.trips %c0 to %K step %c64
    %some = arith.cmpi sgt, %n, %c0 : index
    %ab = sched.alloc : !abs
    %bb = sched.alloc : !bbs
    %ch = sched.channel %ab, %bb kind tx : !abs, !bbs
    sched.role @load warps 1 regs 40 {
      scf.for %t = %c0 to %u step %c1 {
        %done = arith.muli %t, %workers : index
        %tile = arith.addi %worker, %done : index
        %tm = arith.divsi %tile, %cols : index
        %tc = arith.remsi %tile, %cols : index
        %m = arith.muli %tm, %c128 : index
        %c = arith.muli %tc, %c128 : index
        scf.for %i = %c0 to %n step %c1 {
          %k = arith.muli %i, %c64 : index
          %w = sched.acquire %ch : !ch
          %w0 = sched.part %w[0] : !acquired
          %w1 = sched.part %w[1] : !acquired
          sched.copy bulk %A[%m, %k] to %w0 label "at" : !view, !ab
          sched.copy bulk %B[%k, %c] to %w1 label "bt" : !view, !bb
          sched.commit %w : !acquired
        }
      }
    }
    sched.role @mma groups 2 (%g) regs 232 {
      %half = arith.muli %g, %c64 : index
      scf.for %t = %c0 to %u step %c1 {
        %done = arith.muli %t, %workers : index
        %tile = arith.addi %worker, %done : index
        %tm = arith.divsi %tile, %cols : index
        %tc = arith.remsi %tile, %cols : index
        %m = arith.muli %tm, %c128 : index
        %c = arith.muli %tc, %c128 : index
        %row = arith.addi %m, %half : index
        %z = sched.splat %zero : f32 -> !df
        %acc = scf.if %some -> (!df) {
          %r0 = sched.wait %ch : !ch
          %ra = sched.part %r0[0] : !waited
          %rb = sched.part %r0[1] : !waited
          %a0 = sched.slice %ra at [%half, 0] : !ab -> !ah
          %t0 = sched.mma async %a0, %rb label "acc" : !ah, !bb -> !dt
          %tl, %rl = scf.for %i = %c1 to %n step %c1 iter_args(%ti = %t0, %ri = %r0) -> (!dt, !waited) {
            %r = sched.wait %ch : !ch
            %sa = sched.part %r[0] : !waited
            %sb = sched.part %r[1] : !waited
            %a = sched.slice %sa at [%half, 0] : !ab -> !ah
            %t1 = sched.mma async %a, %sb acc %ti label "acc" : !ah, !bb -> !dt
            sched.mma_wait inflight 1
            sched.release %ri : !waited
            scf.yield %t1, %r : !dt, !waited
          }
          %x = sched.mma_wait %tl inflight 0 : !dt
          sched.release %rl : !waited
          scf.yield %x : !df
        } else {
          scf.yield %z : !df
        }
        sched.store %acc to %C[%row, %c] : !df, !out
      }
    }
    tegula.yield
  }
  tegula.return
}
