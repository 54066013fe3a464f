// RUN: tegula-opt --convert-sched-to-rocdl --canonicalize --cse %s | FileCheck %s

// Another layout of the same warp: lanes read each other's registers, no scratch and no
// barrier. Within rows of 16 lanes by DPP, further through the permutation unit.

#d = #sched.layout<mfma16.D [1, 1]>
#t = #sched.layout<"mfma16.D^T" [1, 1]>
!v = memref<?x16xf32, strided<[16, 1]>>
!df = !sched.frag<16x16xf32, #d>
!tf = !sched.frag<16x16xf32, #t>

// CHECK-LABEL: tegula.device_entry @turn {{.*}} shared 0
// CHECK: llvm.func @turn
// CHECK-NOT: rocdl.s.barrier
// CHECK: llvm.amdgcn.{{ds.bpermute|update.dpp}}
// CHECK-NOT: !llvm.ptr<3>
// CHECK: llvm.return
sched.kernel @turn(in %A: !v, out %B: !v) target "gfx942" {
  %c0 = arith.constant 0 : index
  %M = memref.dim %A, %c0 : !v
  tegula.grid (%m) to (%M) step (16) {
    sched.role @all warps 1 {
      %d = sched.load %A[%m, %c0] : !v -> !df
      %t = sched.convert %d shuffle : !df -> !tf
      sched.store %t to %B[%m, %c0] : !tf, !v
    }
    tegula.yield
  }
  tegula.return
}
