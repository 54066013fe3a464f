// RUN: tegula-opt %s --sched-plan=target=sm_80 --sched-order-anchors --sched-form-maps --sched-materialize-roles=target=sm_80 --convert-sched-to-nvvm --canonicalize --cse | FileCheck %s

// A product by multiply-adds is one loop over the depth, here of 64 + 2. Depth is contiguous
// in A: a lane reads 8 bytes of it (rows of 66 elements are no more aligned); of B it reads
// four columns at each depth. Each sum takes depths in order; the two that are left follow.

!a = memref<?x66xf32, strided<[66, 1]>>
!b = memref<66x64xf32, strided<[64, 1]>>
!c = memref<?x64xf32, strided<[64, 1]>>

// CHECK-LABEL: llvm.func @product
// CHECK-DAG: %[[STEP:.*]] = arith.constant 4 : i32
// CHECK-DAG: %[[END:.*]] = arith.constant 64 : i32
// CHECK-NOT: llvm.intr.fma
// CHECK: %[[SUMS:.*]]:32 = scf.for %[[K:.*]] = %{{.*}} to %[[END]] step %[[STEP]] iter_args(%[[FIRST:[a-z0-9]+]] = 
// CHECK: llvm.load {{.*}} {alignment = 8 : i64} : !llvm.ptr<3> -> vector<2xf32>
// CHECK: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
// CHECK: %[[SUM:.*]] = llvm.intr.fma(%[[A0:.*]], %[[B0:.*]], %[[FIRST]])
// CHECK: %[[NEXT:.*]] = llvm.intr.fma(%{{.*}}, %{{.*}}, %[[SUM]])
// CHECK: llvm.intr.fma(%{{.*}}, %{{.*}}, %[[NEXT]])
// CHECK: scf.yield
// CHECK: llvm.intr.fma(%{{.*}}, %{{.*}}, %[[SUMS]]#0)
// CHECK-NOT: scf.for
// CHECK: llvm.return
tegula.kernel @product(in %a: !a, in %b: !b, out %c: !c) {
  %c0 = arith.constant 0 : index
  %M = memref.dim %a, %c0 : !a
  tegula.grid (%m) to (%M) step (64) {
    %at = tegula.load %a[%m, %c0] label "a" : !a -> tensor<64x66xf32>
    %bt = tegula.load %b[%c0, %c0] label "b" : !b -> tensor<66x64xf32>
    %y = tegula.dot %at, %bt label "y" : tensor<64x66xf32>, tensor<66x64xf32> -> tensor<64x64xf32>
    tegula.store %y, %c[%m, %c0] label "c" : tensor<64x64xf32>, !c
    tegula.yield
  }
  tegula.return
}
