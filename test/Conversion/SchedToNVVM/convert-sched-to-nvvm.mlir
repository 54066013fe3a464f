// RUN: tegula-opt --split-input-file --convert-sched-to-nvvm --canonicalize --cse %s | FileCheck %s

// A ring of two stages, filled by copies of 16 bytes a lane; one product a step.

#a = #sched.layout<m16n8k16.A [1, 1]>
#b = #sched.layout<m16n8k16.B [1, 2]>
#d = #sched.layout<m16n8k16.D [1, 2]>
!v = memref<?x64xbf16, strided<[64, 1]>>
!out = memref<?x16xf32, strided<[16, 1]>>
!a2 = !sched.buf<2 x 16x16xbf16, shared, swz 32>
!b2 = !sched.buf<2 x 16x16xbf16, shared, swz 32>
!ab = !sched.buf<16x16xbf16, shared, swz 32>
!ch = !sched.chan<fifo, !a2, !b2>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
!df = !sched.frag<16x16xf32, #d>

// CHECK-LABEL: llvm.mlir.global external @product$shared() {addr_space = 3 : i32
// CHECK: tegula.device_entry @product args {{.*}} threads 32 shared 2048 checks []
// CHECK: llvm.func @product(%{{.*}}: !llvm.ptr<1> {llvm.align = 16 : i64, llvm.noalias}, %{{.*}}: i64, %{{.*}}: !llvm.ptr<1>
// CHECK-SAME: nvvm.kernel, nvvm.minctasm = 1 : i32, nvvm.reqntid = array<i32: 32>
// Copies of the prologue need no test of the last axis: 16 bytes, or none of them.
// CHECK: nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 16, cache = cg, %{{.*}}
// CHECK: nvvm.cp.async.commit.group
// CHECK: scf.for
// CHECK:   nvvm.cp.async.wait.group 0
// CHECK-NEXT: nvvm.barrier
// The slot that is acquired is free: the barrier lies between.
// CHECK-NOT: nvvm.barrier
// CHECK:   nvvm.cp.async.commit.group
// CHECK-DAG: nvvm.ldmatrix %{{.*}} {eltType = {{.*}}, layout = #nvvm.mma_layout<row>, num = 4 : i32
// CHECK-DAG: nvvm.ldmatrix %{{.*}} {eltType = {{.*}}, layout = #nvvm.mma_layout<col>, num = 4 : i32
// CHECK:   nvvm.mma.sync
// CHECK:   nvvm.mma.sync
// CHECK-NOT: nvvm.mma.sync
// CHECK:   scf.yield
// CHECK: nvvm.cp.async.wait.group 0
// CHECK-NEXT: nvvm.barrier
// CHECK: llvm.store
sched.kernel @product(in %A: !v align 16, in %B: !v align 16, out %C: !out align 16) target "sm_80" {
  %c0 = arith.constant 0 : index
  %M = memref.dim %A, %c0 : !v
  tegula.grid (%m) to (%M) step (16) {
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %c16 = arith.constant 16 : index
    %c64 = arith.constant 64 : index
    %zero = arith.constant 0.0 : f32
    %n = sched.trips %c0 to %c64 step %c16
    %x = sched.alloc : !a2
    %y = sched.alloc : !b2
    %ch = sched.channel %x, %y kind fifo : !a2, !b2
    sched.role @all warps 1 {
      %some = arith.cmpi slt, %c0, %n : index
      %w = sched.acquire %ch : !ch
      %w0 = sched.part %w[0] : !acquired
      %w1 = sched.part %w[1] : !acquired
      sched.copy async %A[%m, %c0] to %w0 where %some : !v, !ab
      sched.copy async %B[%c0, %c0] to %w1 where %some : !v, !ab
      sched.commit %w : !acquired
      %z = sched.splat %zero : f32 -> !df
      %acc = scf.for %i = %c0 to %n step %c1 iter_args(%s = %z) -> (!df) {
        %r = sched.wait %ch : !ch
        %v = sched.acquire %ch : !ch
        %v0 = sched.part %v[0] : !acquired
        %v1 = sched.part %v[1] : !acquired
        %i1 = arith.addi %i, %c1 : index
        %k = arith.muli %i1, %c16 : index
        %on = arith.cmpi slt, %i1, %n : index
        sched.copy async %A[%m, %k] to %v0 where %on : !v, !ab
        sched.copy async %B[%k, %c0] to %v1 where %on : !v, !ab
        sched.commit %v : !acquired
        %r0 = sched.part %r[0] : !waited
        %r1 = sched.part %r[1] : !waited
        %af = sched.load %r0 : !ab -> !sched.frag<16x16xbf16, #a>
        %bf = sched.load %r1 : !ab -> !sched.frag<16x16xbf16, #b>
        %s1 = sched.mma %af, %bf acc %s : !sched.frag<16x16xbf16, #a>, !sched.frag<16x16xbf16, #b> -> !df
        sched.release %r : !waited
        scf.yield %s1 : !df
      }
      sched.drain %ch : !ch
      sched.store %acc to %C[%m, %c0] : !df, !out
    }
    tegula.yield
  }
  tegula.return
}
