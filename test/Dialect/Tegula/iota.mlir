// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @iota
func.func @iota(%n: index) {
  // CHECK: tegula.iota %{{.*}} : tensor<64xi32>
  %0 = tegula.iota %n : tensor<64xi32>
  // CHECK: tegula.iota %{{.*}} : tensor<3xi64>
  %1 = tegula.iota %n : tensor<3xi64>
  return
}
