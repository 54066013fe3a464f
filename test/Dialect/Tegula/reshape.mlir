// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @reshape
func.func @reshape(%x: tensor<4x8xf32>, %y: tensor<1xi64>) {
  // CHECK: tegula.reshape %{{.*}} : tensor<4x8xf32> -> tensor<2x2x8xf32>
  %0 = tegula.reshape %x : tensor<4x8xf32> -> tensor<2x2x8xf32>
  // CHECK: tegula.reshape %{{.*}} : tensor<1xi64> -> tensor<i64>
  %1 = tegula.reshape %y : tensor<1xi64> -> tensor<i64>
  return
}
