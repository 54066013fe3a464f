// RUN: tegula-opt %s -canonicalize | FileCheck %s

// CHECK-LABEL: @concat
// CHECK-SAME:    %[[X:.*]]: tensor<4xf32>
func.func @concat(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = tegula.concat axis 0 (%x) : tensor<4xf32> -> tensor<4xf32>
  // CHECK-NEXT: return %[[X]]
  return %0 : tensor<4xf32>
}
