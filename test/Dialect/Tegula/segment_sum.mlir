// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @segment_sum
func.func @segment_sum(%x: tensor<64x128xf32>, %y: tensor<64xbf16>, %seg: tensor<64xi32>, %a: tensor<4x128xf32>, %b: tensor<4xbf16>) {
  // CHECK: tegula.segment_sum %{{.*}} by %{{.*}} acc %{{.*}} label "sum" : tensor<64x128xf32>, tensor<64xi32>, tensor<4x128xf32>
  %0 = tegula.segment_sum %x by %seg acc %a label "sum" : tensor<64x128xf32>, tensor<64xi32>, tensor<4x128xf32>
  // CHECK: tegula.segment_sum %{{.*}} by %{{.*}} acc %{{.*}} : tensor<64xbf16>, tensor<64xi32>, tensor<4xbf16>
  %1 = tegula.segment_sum %y by %seg acc %b : tensor<64xbf16>, tensor<64xi32>, tensor<4xbf16>
  return
}
