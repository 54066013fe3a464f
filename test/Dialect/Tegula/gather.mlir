// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @gather
func.func @gather(%v: memref<?x?xf32, strided<[?, 1], offset: ?>>, %w: memref<8xi1>, %j: tensor<64xi32>, %k: tensor<3xi32>, %i: index, %n: index, %p: f32) {
  // CHECK: tegula.gather %{{.*}}[%{{.*}}] by %{{.*}} axis 0 : memref<?x?xf32, strided<[?, 1], offset: ?>>, tensor<64xi32> -> tensor<64x32xf32>
  %0 = tegula.gather %v[%i] by %j axis 0 : memref<?x?xf32, strided<[?, 1], offset: ?>>, tensor<64xi32> -> tensor<64x32xf32>
  // CHECK: tegula.gather %{{.*}}[%{{.*}}] by %{{.*}} axis 1 upto [%{{.*}}] pad %{{.*}} : f32 label "xj" : memref
  %1 = tegula.gather %v[%i] by %k axis 1 upto [%n] pad %p : f32 label "xj" : memref<?x?xf32, strided<[?, 1], offset: ?>>, tensor<3xi32> -> tensor<5x3xf32>
  // CHECK: tegula.gather %{{.*}}[] by %{{.*}} axis 0 : memref<8xi1>, tensor<3xi32> -> tensor<3xi1>
  %2 = tegula.gather %w[] by %k axis 0 : memref<8xi1>, tensor<3xi32> -> tensor<3xi1>
  return
}
