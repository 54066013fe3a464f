// RUN: tegula-opt %s --sched-form-maps --sched-materialize | FileCheck %s

// A constant tile is a buffer of its own, laid out for the product that reads it; maps read
// a constant's elements in their own body.
// CHECK-LABEL: sched.kernel @table
// CHECK: tegula.grid
// CHECK: %[[T:.*]] = sched.constant dense<{{.*}}> : tensor<4x4xf32> -> <4x4xf32, local, pack n32>
// CHECK: sched.mma %{{.*}}, %[[T]] into
// CHECK: sched.map
// CHECK-NEXT: arith.constant dense<{{\[\[}}1.000000e+00
// CHECK-NEXT: arith.mulf
tegula.kernel @table(in %x: memref<4x4xf32>, out %y: memref<4x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %f = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [9.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]]> : tensor<4x4xf32>
  tegula.grid (%i) to (%c1) step (1) {
    %t = tegula.load %x[%c0, %c0] : memref<4x4xf32> -> tensor<4x4xf32>
    %d = tegula.dot %t, %f : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
    %r = arith.mulf %d, %f : tensor<4x4xf32>
    tegula.store %r, %y[%c0, %c0] : tensor<4x4xf32>, memref<4x4xf32>
    tegula.yield
  }
  tegula.return
}
