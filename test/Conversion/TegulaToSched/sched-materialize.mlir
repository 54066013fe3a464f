// RUN: tegula-opt %s --sched-form-maps --sched-materialize | FileCheck %s
// RUN: tegula-opt %s --sched-form-maps --sched-materialize=target=x86-64-v3 | FileCheck %s --check-prefix=V3
// RUN: tegula-opt %s --sched-form-maps --sched-materialize=target=x86-64-v4+avx512bf16 | FileCheck %s --check-prefix=PAIRS

!v = memref<?x?xf32, strided<[?, 1], offset: ?>>

// The accumulator keeps one buffer over all trips; the left operand is copied in
// rows, the right one in panels of the target's width.
// CHECK-LABEL: sched.kernel @matmul
// CHECK-SAME:      target "x86-64-v4"
// CHECK-DAG:     %[[ACC:.*]] = sched.alloc : <64x96xf32, local>
// CHECK-DAG:     %[[A:.*]] = sched.alloc : <64x32xf32, local>
// CHECK-DAG:     %[[B:.*]] = sched.alloc : <32x96xf32, local, pack n32>
// CHECK:         sched.map domain [64, 96] outs(%[[ACC]]
// CHECK:         scf.for
// CHECK-DAG:       sched.copy %{{.*}} to %[[A]]
// CHECK-DAG:       sched.copy %{{.*}} to %[[B]]
// CHECK:           sched.mma %[[A]], %[[B]] onto %[[ACC]]
// CHECK-NOT:       sched.copy
// CHECK:         }
// CHECK:         sched.store %[[ACC]]
// V3-LABEL: sched.kernel @matmul
// V3:         sched.alloc : <32x96xf32, local, pack n16>
tegula.kernel @matmul(in %a: !v, in %b: !v, out %c: !v) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %a, %c0 : !v
  %K = memref.dim %a, %c1 : !v
  %N = memref.dim %b, %c1 : !v
  tegula.grid (%m, %n) to (%M, %N) step (64, 96) {
    %zero = arith.constant dense<0.0> : tensor<64x96xf32>
    %r = tegula.stream %k = %c0 to %K step 32 iter_args(%acc = %zero) -> (tensor<64x96xf32>) {
      %at = tegula.load %a[%m, %k] : !v -> tensor<64x32xf32>
      %bt = tegula.load %b[%k, %n] : !v -> tensor<32x96xf32>
      %d = tegula.dot %at, %bt acc %acc : tensor<64x32xf32>, tensor<32x96xf32> -> tensor<64x96xf32>
      tegula.yield %d : tensor<64x96xf32>
    }
    tegula.store %r, %c[%m, %n] : tensor<64x96xf32>, !v
    tegula.yield
  }
  tegula.return
}

// A tile that is read later is not written over; one that dies is.
// CHECK-LABEL: sched.kernel @lifetimes
// CHECK-DAG:     %[[T:.*]] = sched.alloc : <16xf32, local>
// CHECK-DAG:     %[[U:.*]] = sched.alloc : <16xf32, local>
// CHECK:         sched.copy %{{.*}} to %[[T]]
// CHECK:         sched.scan add %[[T]] to %[[U]]
// CHECK:         sched.map domain [16] ins({{.*}} = %[[T]], {{.*}} = %[[U]] {{.*}} outs(%[[T]]
// CHECK:         sched.store %[[T]]
tegula.kernel @lifetimes(in %x: memref<?xf32>, out %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %t = tegula.load %x[%i] : memref<?xf32> -> tensor<16xf32>
    %s = tegula.scan add %t axis 0 : tensor<16xf32>
    %d = arith.subf %t, %s : tensor<16xf32>
    tegula.store %d, %y[%i] : tensor<16xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}

// Carried tiles that change places go through a saved copy.
// CHECK-LABEL: sched.kernel @swap
// CHECK:         scf.for
// CHECK-DAG:       sched.copy %[[P:.*]] to %[[S:.*]] : {{.*}}
// CHECK:         }
tegula.kernel @swap(in %x: memref<?xf32>, out %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = tegula.load %x[%i] : memref<?xf32> -> tensor<16xf32>
    %b = tegula.load %x[%c0] : memref<?xf32> -> tensor<16xf32>
    %r:2 = tegula.stream %k = %c0 to %n step 1 iter_args(%p = %a, %q = %b) -> (tensor<16xf32>, tensor<16xf32>) {
      tegula.yield %q, %p : tensor<16xf32>, tensor<16xf32>
    }
    tegula.store %r#0, %y[%i] : tensor<16xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}

// A stream read by two consumers: its initial value is kept.
// CHECK-LABEL: sched.kernel @kept_init
// CHECK:         sched.copy %{{.*}} to %[[A:.*]] : memref
// CHECK:         sched.copy %[[A]] to %[[H:.*]] :
// CHECK:         scf.for
// CHECK:         sched.map domain [16] ins({{.*}} = %[[H]], {{.*}} = %[[A]]
tegula.kernel @kept_init(in %x: memref<?xf32>, out %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = tegula.load %x[%i] : memref<?xf32> -> tensor<16xf32>
    %r = tegula.stream %k = %c0 to %n step 16 order down iter_args(%p = %a) -> (tensor<16xf32>) {
      %t = tegula.load %x[%k] : memref<?xf32> -> tensor<16xf32>
      %s = arith.addf %p, %t : tensor<16xf32>
      tegula.yield %s : tensor<16xf32>
    }
    %d = arith.subf %r, %a : tensor<16xf32>
    tegula.store %d, %y[%i] : tensor<16xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}

// Where the target reads pairs along K, a left operand that lies transposed is turned
// into rows, and a right operand that is no panel becomes one.
!h = memref<?x?xbf16, strided<[?, 1], offset: ?>>
// CHECK-LABEL: sched.kernel @pairs
// CHECK-NOT:     sched.move
// CHECK:         sched.mma trans %{{.*}}, %{{.*}} into %{{.*}} : !sched.buf<32x64xbf16, local>, !sched.buf<32x64xbf16, local>
// PAIRS-LABEL: sched.kernel @pairs
// PAIRS-SAME:      target "x86-64-v4+avx512bf16"
// PAIRS-DAG:     %[[A:.*]] = sched.alloc : <32x64xbf16, local>
// PAIRS-DAG:     %[[ROWS:.*]] = sched.alloc : <64x32xbf16, local>
// PAIRS-DAG:     %[[PANELS:.*]] = sched.alloc : <32x64xbf16, local, pack n32>
// PAIRS:         sched.copy %{{.*}} to %[[A]]
// PAIRS:         sched.copy %[[A]] to %[[PANELS]]
// PAIRS:         sched.move %[[A]]{{.*}} to %[[ROWS]]
// PAIRS:         sched.mma %[[ROWS]], %[[PANELS]] into
tegula.kernel @pairs(in %x: !h, out %y: !v) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %t = tegula.load %x[%c0, %c0] : !h -> tensor<32x64xbf16>
    %d = tegula.dot trans %t, %t : tensor<32x64xbf16>, tensor<32x64xbf16> -> tensor<64x64xf32>
    tegula.store %d, %y[%c0, %c0] : tensor<64x64xf32>, !v
    tegula.yield
  }
  tegula.return
}
