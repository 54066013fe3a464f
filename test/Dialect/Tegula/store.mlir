// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @store
func.func @store(%v: memref<?x?xf32, strided<[?, 1], offset: ?>>, %t: tensor<64x32xf32>, %i: index, %n: index) {
  // CHECK: tegula.store %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}}] : tensor<64x32xf32>, memref<?x?xf32, strided<[?, 1], offset: ?>>
  tegula.store %t, %v[%i, %n] : tensor<64x32xf32>, memref<?x?xf32, strided<[?, 1], offset: ?>>
  // CHECK: tegula.store %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}}] upto [%{{.*}}, %{{.*}}] label "o" : tensor<64x32xf32>
  tegula.store %t, %v[%i, %i] upto [%n, %n] label "o" : tensor<64x32xf32>, memref<?x?xf32, strided<[?, 1], offset: ?>>
  return
}
