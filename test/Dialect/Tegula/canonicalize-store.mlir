// RUN: tegula-opt %s -canonicalize | FileCheck %s

// CHECK-LABEL: @limits
func.func @limits(%v: memref<?xf32>, %t: tensor<4xf32>, %n: index, %m: index) {
  %c0 = arith.constant 0 : index
  %size = memref.dim %v, %c0 : memref<?xf32>
  // CHECK: tegula.store %{{.*}}, %{{.*}}[%{{.*}}] : tensor<4xf32>
  tegula.store %t, %v[%n] upto [%size] : tensor<4xf32>, memref<?xf32>
  // CHECK: tegula.store %{{.*}}, %{{.*}}[%{{.*}}] upto [%{{.*}}] : tensor<4xf32>
  tegula.store %t, %v[%n] upto [%m] : tensor<4xf32>, memref<?xf32>
  return
}
