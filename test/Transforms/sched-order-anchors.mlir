// RUN: tegula-opt %s --sched-order-anchors | FileCheck %s

// Rows are the order: the loads come in the table's order, the index that the
// second one needs just before it, the rest behind.
// CHECK-LABEL: tegula.kernel @reorder
// CHECK:         tegula.stream
// CHECK-NEXT:      arith.addi
// CHECK-NEXT:      tegula.load {{.*}} label "b"
// CHECK-NEXT:      tegula.load {{.*}} label "a"
// CHECK-NEXT:      arith.addf
// CHECK-NEXT:      arith.addf
// CHECK-NEXT:      tegula.yield
tegula.kernel @reorder(in %x: memref<?xf32>, out %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %z = arith.constant dense<0.0> : tensor<16xf32>
    %r = tegula.stream %k = %c0 to %n step 16 iter_args(%acc = %z) -> (tensor<16xf32>)
        schedule<[<all 0 "b">, <all 0 "a">]> {
      %a = tegula.load %x[%k] label "a" : memref<?xf32> -> tensor<16xf32>
      %s = arith.addf %acc, %a : tensor<16xf32>
      %k1 = arith.addi %k, %c1 : index
      %b = tegula.load %x[%k1] label "b" : memref<?xf32> -> tensor<16xf32>
      %t = arith.addf %s, %b : tensor<16xf32>
      tegula.yield %t : tensor<16xf32>
    }
    tegula.store %r, %y[%i] : tensor<16xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}
