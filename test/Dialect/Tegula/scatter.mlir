// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @scatter
func.func @scatter(%v: memref<?x?xf32, strided<[?, 1], offset: ?>>, %w: memref<?xi64>, %t: tensor<64x32xf32>, %u: tensor<64xi64>, %j: tensor<64xi32>, %i: index, %n: index) {
  // CHECK: tegula.scatter %{{.*}}, %{{.*}}[%{{.*}}] by %{{.*}} axis 0 upto [%{{.*}}] label "store" : tensor<64x32xf32>, memref<?x?xf32, strided<[?, 1], offset: ?>>, tensor<64xi32>
  tegula.scatter %t, %v[%i] by %j axis 0 upto [%n] label "store" : tensor<64x32xf32>, memref<?x?xf32, strided<[?, 1], offset: ?>>, tensor<64xi32>
  // CHECK: tegula.scatter %{{.*}}, %{{.*}}[] by %{{.*}} axis 0 : tensor<64xi64>, memref<?xi64>, tensor<64xi32>
  tegula.scatter %u, %w[] by %j axis 0 : tensor<64xi64>, memref<?xi64>, tensor<64xi32>
  return
}
