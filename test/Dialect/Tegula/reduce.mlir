// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @reduce
func.func @reduce(%x: tensor<64x3xf32>, %i: tensor<5xi32>) {
  // CHECK: tegula.reduce add %{{.*}} axis 1 : tensor<64x3xf32> -> tensor<64xf32>
  %0 = tegula.reduce add %x axis 1 : tensor<64x3xf32> -> tensor<64xf32>
  // CHECK: tegula.reduce max %{{.*}} axis 0 label "m" : tensor<64x3xf32> -> tensor<3xf32>
  %1 = tegula.reduce max %x axis 0 label "m" : tensor<64x3xf32> -> tensor<3xf32>
  // To a tile of rank 0.
  // CHECK: tegula.reduce min %{{.*}} axis 0 : tensor<5xi32> -> tensor<i32>
  %2 = tegula.reduce min %i axis 0 : tensor<5xi32> -> tensor<i32>
  return
}
