// RUN: tegula-opt %s -canonicalize | FileCheck %s

// CHECK-LABEL: @one
func.func @one(%x: tensor<4x1xf32>, %y: tensor<4x2xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK: tegula.reshape %{{.*}} : tensor<4x1xf32> -> tensor<4xf32>
  %0 = tegula.reduce add %x axis 1 : tensor<4x1xf32> -> tensor<4xf32>
  // CHECK: tegula.reduce add
  %1 = tegula.reduce add %y axis 1 : tensor<4x2xf32> -> tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: @splat
func.func @splat() -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK-DAG: %[[S:.*]] = arith.constant dense<3.000000e+00> : tensor<4xf32>
  // CHECK-DAG: %[[X:.*]] = arith.constant dense<3.000000e+00> : tensor<4x2xf32>
  %x = arith.constant dense<3.0> : tensor<4x2xf32>
  %0 = tegula.reduce max %x axis 1 : tensor<4x2xf32> -> tensor<4xf32>
  // A sum has an order: it is formed where it runs.
  // CHECK: %[[R:.*]] = tegula.reduce add %[[X]]
  %1 = tegula.reduce add %x axis 1 : tensor<4x2xf32> -> tensor<4xf32>
  // CHECK: return %[[S]], %[[R]]
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}
