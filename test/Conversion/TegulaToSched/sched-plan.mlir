// RUN: tegula-opt %s --sched-plan -split-input-file | FileCheck %s
// RUN: tegula-opt %s --sched-plan=print -split-input-file -o /dev/null | FileCheck %s --check-prefix=TABLE
// RUN: tegula-opt %s --sched-plan=target=x86-64-v3 -split-input-file | FileCheck %s --check-prefix=V3

!v = memref<?x?xf32, strided<[?, 1], offset: ?>>

// Anchors without a label get one; equal labels are told apart.
// CHECK-LABEL: tegula.kernel @matmul
// CHECK:         tegula.stream {{.*}} label "k"
// CHECK-SAME:      schedule<[<all 0 "load">, <all 0 "bt" pack 32>, <all 0 "acc" panel 8>, <all 0 "bt.1" pack_t 32>, <all 0 "acc.1" panel 8>, <all 0 "sq" in_place>]>
// V3:              <all 0 "bt" pack 16>, <all 0 "acc" panel 6>
// TABLE:      schedule @matmul for x86-64-v4    grid 64 64
// TABLE-NEXT:   roles    all warps 1
// TABLE-NEXT:   stream k  step 32  order up
// TABLE-NEXT:     all 0   load
// TABLE-NEXT:     all 0   bt                           pack n32
// TABLE-NEXT:     all 0   acc                          panel 8
// TABLE-NEXT:     all 0   bt.1                         pack n32t
// TABLE-NEXT:     all 0   acc.1                        panel 8
// TABLE-NEXT:     all 0   sq                           in place
tegula.kernel @matmul(in %a: !v, in %b: !v, out %c: !v) {
  %c0 = arith.constant 0 : index
  %M = memref.dim %a, %c0 : !v
  tegula.grid (%m, %n) to (%M, %M) step (64, 64) {
    %zero = arith.constant dense<0.0> : tensor<64x64xf32>
    %z = arith.constant dense<0.0> : tensor<64xf32>
    %r:2 = tegula.stream %k = %c0 to %M step 32 label "k" iter_args(%acc = %zero, %s = %z) -> (tensor<64x64xf32>, tensor<64xf32>) {
      %at = tegula.load %a[%m, %k] : !v -> tensor<64x32xf32>
      %bt = tegula.load %b[%k, %n] label "bt" : !v -> tensor<32x64xf32>
      %d = tegula.dot %at, %bt acc %acc label "acc" : tensor<64x32xf32>, tensor<32x64xf32> -> tensor<64x64xf32>
      %ct = tegula.load %b[%n, %k] label "bt" : !v -> tensor<64x32xf32>
      %e = tegula.dot %at, trans %ct acc %d label "acc" : tensor<64x32xf32>, tensor<64x32xf32> -> tensor<64x64xf32>
      %sq = arith.mulf %e, %e : tensor<64x64xf32>
      %sum = tegula.reduce add %sq axis 1 label "sq" : tensor<64x64xf32> -> tensor<64xf32>
      tegula.yield %e, %sum : tensor<64x64xf32>, tensor<64xf32>
    }
    tegula.store %r#0, %c[%m, %n] : tensor<64x64xf32>, !v
    tegula.yield
  }
  tegula.return
}
