// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @butterfly
func.func @butterfly(%re: tensor<4x512xbf16>, %im: tensor<4x512xbf16>, %y: tensor<4x12xf64>, %a: tensor<2x2xf64>, %b: tensor<8x8xf64>) {
  // CHECK: tegula.butterfly %{{.*}} dft [32, 32] rows 16 keep [32, 32] : tensor<4x512xbf16> -> tensor<4x1024xf32>
  %0, %1 = tegula.butterfly %re dft [32, 32] rows 16 keep [32, 32] : tensor<4x512xbf16> -> tensor<4x1024xf32>
  // CHECK: tegula.butterfly %{{.*}}, %{{.*}} dft [32, 16] rows 32 keep [8, 16] label "f" : tensor<4x512xbf16> -> tensor<4x128xf32>
  %2, %3 = tegula.butterfly %re, %im dft [32, 16] rows 32 keep [8, 16] label "f" : tensor<4x512xbf16> -> tensor<4x128xf32>
  // CHECK: tegula.butterfly %{{.*}}, %{{.*}} by (%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) dft [2, 8] rows 1 keep [2, 6] inverse : tensor<4x12xf64> by (tensor<2x2xf64>, tensor<2x2xf64>, tensor<8x8xf64>, tensor<8x8xf64>) -> tensor<4x8xf64>
  %4, %5 = tegula.butterfly %y, %y by (%a, %a, %b, %b) dft [2, 8] rows 1 keep [2, 6] inverse : tensor<4x12xf64> by (tensor<2x2xf64>, tensor<2x2xf64>, tensor<8x8xf64>, tensor<8x8xf64>) -> tensor<4x8xf64>
  return
}
