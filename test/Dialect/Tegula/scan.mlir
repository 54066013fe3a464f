// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @scan
func.func @scan(%x: tensor<64x3xf64>) {
  // CHECK: tegula.scan add %{{.*}} axis 0 : tensor<64x3xf64>
  %0 = tegula.scan add %x axis 0 : tensor<64x3xf64>
  // CHECK: tegula.scan max %{{.*}} axis 1 reverse : tensor<64x3xf64>
  %1 = tegula.scan max %x axis 1 reverse : tensor<64x3xf64>
  // CHECK: tegula.scan min %{{.*}} axis 1 reverse exclusive : tensor<64x3xf64>
  %2 = tegula.scan min %x axis 1 reverse exclusive : tensor<64x3xf64>
  return
}
