// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @argmax
func.func @argmax(%x: tensor<64x3xbf16>, %y: tensor<3xi64>) {
  // CHECK: tegula.argmax %{{.*}} axis 1 : tensor<64x3xbf16> -> tensor<64xi32>
  %0 = tegula.argmax %x axis 1 : tensor<64x3xbf16> -> tensor<64xi32>
  // CHECK: tegula.argmax %{{.*}} axis 0 : tensor<3xi64> -> tensor<i32>
  %1 = tegula.argmax %y axis 0 : tensor<3xi64> -> tensor<i32>
  return
}
