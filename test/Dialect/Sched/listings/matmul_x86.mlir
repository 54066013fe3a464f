// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// C = A B on one CPU thread: K panels of B packed into the arena, rows of A read where
// they lie. The channel costs nothing there, as one thread is the whole role.

!view = memref<?x?xf32, strided<[?, 1], offset: ?>>
!pb = !sched.buf<128x256xf32, local, pack n32>
!cb = !sched.buf<256x256xf32, local>
!cp = !sched.buf<8x256xf32, local>
!ap = !sched.buf<8x128xf32, local>
!ch = !sched.chan<sync, !pb>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>

// CHECK-LABEL: sched.kernel @matmul_x86
// CHECK:         sched.role @all warps 1 {
// CHECK:           sched.fill %[[ACC:.*]] with
// CHECK:             sched.copy pack %{{.*}} label "bt"
// CHECK:             %[[PB:.*]] = sched.part
// CHECK:               %[[A:.*]] = sched.slice %{{.*}} at [%{{.*}}, %{{.*}}] : memref<?x?xf32, {{.*}}> -> <8x128xf32, local>
// CHECK:               %[[C:.*]] = sched.slice %[[ACC]] at [%{{.*}}, 0]
// CHECK:               sched.mma %[[A]], %[[PB]] onto %[[C]] label "acc"
sched.kernel @matmul_x86(in %A: !view, in %B: !view, out %C: !view) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !view
  %K = memref.dim %A, %c1 : !view
  %N = memref.dim %B, %c1 : !view
  tegula.grid (%m, %c) to (%M, %N) step (256, 256) {
    %c8 = arith.constant 8 : index
    %c128 = arith.constant 128 : index
    %c256 = arith.constant 256 : index
    %zero = arith.constant 0.0 : f32
    %n = sched.trips %c0 to %K step %c128
    %bb = sched.alloc : !pb
    %acc = sched.alloc : !cb
    %ch = sched.channel %bb kind sync : !pb
    sched.role @all warps 1 {
      sched.fill %acc with %zero : f32, !cb
      scf.for %i = %c0 to %n step %c1 {
        %k = arith.muli %i, %c128 : index
        %w = sched.acquire %ch : !ch
        %w0 = sched.part %w[0] : !acquired
        sched.copy pack %B[%k, %c] to %w0 label "bt" : !view, !pb
        sched.commit %w : !acquired
        %b = sched.wait %ch : !ch
        %b0 = sched.part %b[0] : !waited
        scf.for %p = %c0 to %c256 step %c8 {
          %row = arith.addi %m, %p : index
          %a = sched.slice %A at [%row, %k] : !view -> !ap
          %t = sched.slice %acc at [%p, 0] : !cb -> !cp
          sched.mma %a, %b0 onto %t label "acc" : !ap, !pb, !cp
        }
        sched.release %b : !waited
      }
      sched.store %acc to %C[%m, %c] : !cb, !view
    }
    tegula.yield
  }
  tegula.return
}
