// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @concat
func.func @concat(%a: tensor<4x2xf32>, %b: tensor<4x6xf32>) {
  // CHECK: tegula.concat axis 1 (%{{.*}}, %{{.*}}, %{{.*}}) : tensor<4x2xf32>, tensor<4x6xf32>, tensor<4x2xf32> -> tensor<4x10xf32>
  %0 = tegula.concat axis 1 (%a, %b, %a) : tensor<4x2xf32>, tensor<4x6xf32>, tensor<4x2xf32> -> tensor<4x10xf32>
  return
}
