// RUN: tegula-opt %s -canonicalize | FileCheck %s

// CHECK-LABEL: @reshape
// CHECK-SAME:    %[[X:.*]]: tensor<2x6xf32>, %[[S:.*]]: f32
func.func @reshape(%x: tensor<2x6xf32>, %s: f32)
    -> (tensor<2x6xf32>, tensor<4x3xf32>, tensor<12xf32>, tensor<2x2xi32>) {
  // CHECK-DAG: %[[C:.*]] = arith.constant dense<{{\[}}[1, 2], [3, 4]]> : tensor<2x2xi32>
  // CHECK-DAG: %[[R1:.*]] = tegula.reshape %[[X]] : tensor<2x6xf32> -> tensor<4x3xf32>
  // CHECK-DAG: %[[R2:.*]] = tensor.splat %[[S]] : tensor<12xf32>
  %0 = tegula.reshape %x : tensor<2x6xf32> -> tensor<2x6xf32>
  %a = tegula.reshape %x : tensor<2x6xf32> -> tensor<3x2x2xf32>
  %1 = tegula.reshape %a : tensor<3x2x2xf32> -> tensor<4x3xf32>
  %b = tensor.splat %s : tensor<2x6xf32>
  %2 = tegula.reshape %b : tensor<2x6xf32> -> tensor<12xf32>
  %c = arith.constant dense<[1, 2, 3, 4]> : tensor<4xi32>
  %3 = tegula.reshape %c : tensor<4xi32> -> tensor<2x2xi32>
  // CHECK: return %[[X]], %[[R1]], %[[R2]], %[[C]]
  return %0, %1, %2, %3 : tensor<2x6xf32>, tensor<4x3xf32>, tensor<12xf32>, tensor<2x2xi32>
}
