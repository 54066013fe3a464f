// RUN: tegula-opt %s -canonicalize | FileCheck %s

// CHECK-LABEL: @transpose
// CHECK-SAME:    %[[X:.*]]: tensor<2x3x4xf32>, %[[S:.*]]: f32
func.func @transpose(%x: tensor<2x3x4xf32>, %s: f32)
    -> (tensor<2x3x4xf32>, tensor<3x4x2xf32>, tensor<2x3x4xf32>, tensor<4x2xf32>, tensor<4x2xf32>) {
  // CHECK-DAG: %[[C:.*]] = arith.constant dense<1.000000e+00> : tensor<4x2xf32>
  // CHECK-DAG: %[[R1:.*]] = tegula.transpose %[[X]] perm [1, 2, 0] : tensor<2x3x4xf32> -> tensor<3x4x2xf32>
  // CHECK-DAG: %[[R3:.*]] = tensor.splat %[[S]] : tensor<4x2xf32>
  // The identity
  %0 = tegula.transpose %x perm [0, 1, 2] : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  // Two in a row
  %a = tegula.transpose %x perm [2, 0, 1] : tensor<2x3x4xf32> -> tensor<4x2x3xf32>
  %1 = tegula.transpose %a perm [2, 0, 1] : tensor<4x2x3xf32> -> tensor<3x4x2xf32>
  %2 = tegula.transpose %1 perm [2, 0, 1] : tensor<3x4x2xf32> -> tensor<2x3x4xf32>
  // Of a scalar, of a constant
  %b = tensor.splat %s : tensor<2x4xf32>
  %3 = tegula.transpose %b perm [1, 0] : tensor<2x4xf32> -> tensor<4x2xf32>
  %c = arith.constant dense<1.0> : tensor<2x4xf32>
  %4 = tegula.transpose %c perm [1, 0] : tensor<2x4xf32> -> tensor<4x2xf32>
  // CHECK: return %[[X]], %[[R1]], %[[X]], %[[R3]], %[[C]]
  return %0, %1, %2, %3, %4 : tensor<2x3x4xf32>, tensor<3x4x2xf32>, tensor<2x3x4xf32>, tensor<4x2xf32>, tensor<4x2xf32>
}
