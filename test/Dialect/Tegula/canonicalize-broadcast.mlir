// RUN: tegula-opt %s -canonicalize | FileCheck %s

// CHECK-LABEL: @broadcast
// CHECK-SAME:    %[[X:.*]]: tensor<4xf32>, %[[S:.*]]: f32, %[[Y:.*]]: tensor<4x8xf32>
func.func @broadcast(%x: tensor<4xf32>, %s: f32, %y: tensor<4x8xf32>)
    -> (tensor<2x4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) {
  // CHECK-DAG: %[[C:.*]] = arith.constant dense<1.000000e+00> : tensor<4x8xf32>
  // One after the other
  // CHECK-DAG: %[[R0:.*]] = tegula.broadcast %[[X]] dims [1] : tensor<4xf32> -> tensor<2x4x8xf32>
  %a = tegula.broadcast %x dims [0] : tensor<4xf32> -> tensor<4x8xf32>
  %0 = tegula.broadcast %a dims [1, 2] : tensor<4x8xf32> -> tensor<2x4x8xf32>
  // Of a scalar
  // CHECK-DAG: %[[R1:.*]] = tensor.splat %[[S]] : tensor<4x8xf32>
  %b = tensor.splat %s : tensor<4xf32>
  %1 = tegula.broadcast %b dims [0] : tensor<4xf32> -> tensor<4x8xf32>
  // Of a constant
  %c = arith.constant dense<1.0> : tensor<8xf32>
  %2 = tegula.broadcast %c dims [1] : tensor<8xf32> -> tensor<4x8xf32>
  // Into the same shape
  %3 = tegula.broadcast %y dims [0, 1] : tensor<4x8xf32> -> tensor<4x8xf32>
  // Of an inserted axis
  // CHECK-DAG: %[[R4:.*]] = tegula.broadcast %[[X]] dims [0] : tensor<4xf32> -> tensor<4x8xf32>
  %d = tegula.reshape %x : tensor<4xf32> -> tensor<4x1xf32>
  %4 = tegula.broadcast %d dims [0, 1] : tensor<4x1xf32> -> tensor<4x8xf32>
  // CHECK: return %[[R0]], %[[R1]], %[[C]], %[[Y]], %[[R4]], %[[R4]]
  return %0, %1, %2, %3, %4, %4 : tensor<2x4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>
}

// A reshape that does more than insert axes stays.
// CHECK-LABEL: @other_reshapes
func.func @other_reshapes(%x: tensor<4xf32>, %y: tensor<1x4xf32>) -> (tensor<3x2x2xf32>, tensor<4x3xf32>) {
  // CHECK: tegula.reshape
  // CHECK: tegula.broadcast
  %a = tegula.reshape %x : tensor<4xf32> -> tensor<2x2xf32>
  %0 = tegula.broadcast %a dims [1, 2] : tensor<2x2xf32> -> tensor<3x2x2xf32>
  // CHECK: tegula.reshape
  // CHECK: tegula.broadcast
  %b = tegula.reshape %y : tensor<1x4xf32> -> tensor<4xf32>
  %1 = tegula.broadcast %b dims [0] : tensor<4xf32> -> tensor<4x3xf32>
  return %0, %1 : tensor<3x2x2xf32>, tensor<4x3xf32>
}
