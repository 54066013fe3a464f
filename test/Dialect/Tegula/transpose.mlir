// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @transpose
func.func @transpose(%x: tensor<4x8xf32>, %y: tensor<2x3x4xi8>) {
  // CHECK: tegula.transpose %{{.*}} perm [1, 0] : tensor<4x8xf32> -> tensor<8x4xf32>
  %0 = tegula.transpose %x perm [1, 0] : tensor<4x8xf32> -> tensor<8x4xf32>
  // CHECK: tegula.transpose %{{.*}} perm [2, 0, 1] : tensor<2x3x4xi8> -> tensor<4x2x3xi8>
  %1 = tegula.transpose %y perm [2, 0, 1] : tensor<2x3x4xi8> -> tensor<4x2x3xi8>
  return
}
