// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @reduce_store
func.func @reduce_store(%v: memref<?x?xf32, strided<[?, 1], offset: ?>>, %w: memref<?xi64>, %t: tensor<64x32xf32>, %k: tensor<8xi64>, %i: index, %n: index) {
  // CHECK: tegula.reduce_store add ordered %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}}] upto [%{{.*}}, %{{.*}}] label "store" : tensor<64x32xf32>, memref<?x?xf32, strided<[?, 1], offset: ?>>
  tegula.reduce_store add ordered %t, %v[%i, %n] upto [%n, %n] label "store" : tensor<64x32xf32>, memref<?x?xf32, strided<[?, 1], offset: ?>>
  // CHECK: tegula.reduce_store max atomic %{{.*}}, %{{.*}}[%{{.*}}] : tensor<8xi64>, memref<?xi64>
  tegula.reduce_store max atomic %k, %w[%i] : tensor<8xi64>, memref<?xi64>
  // CHECK: tegula.reduce_store min two_pass
  tegula.reduce_store min two_pass %k, %w[%i] : tensor<8xi64>, memref<?xi64>
  return
}
