// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @broadcast
func.func @broadcast(%x: tensor<128xf32>, %m: tensor<4x1xi1>, %s: tensor<f32>) {
  // CHECK: tegula.broadcast %{{.*}} dims [0] : tensor<128xf32> -> tensor<128x64xf32>
  %0 = tegula.broadcast %x dims [0] : tensor<128xf32> -> tensor<128x64xf32>
  // CHECK: tegula.broadcast %{{.*}} dims [0, 2] : tensor<4x1xi1> -> tensor<4x5x6xi1>
  %1 = tegula.broadcast %m dims [0, 2] : tensor<4x1xi1> -> tensor<4x5x6xi1>
  // CHECK: tegula.broadcast %{{.*}} dims [] : tensor<f32> -> tensor<2xf32>
  %2 = tegula.broadcast %s dims [] : tensor<f32> -> tensor<2xf32>
  return
}
