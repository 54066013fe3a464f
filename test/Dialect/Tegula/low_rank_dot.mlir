// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @low_rank_dot
func.func @low_rank_dot(%x: tensor<64x32xbf16>, %u: tensor<32x8xbf16>, %v: tensor<48x8xbf16>, %xb: tensor<3x5x7xf64>, %ub: tensor<1x2x7xf64>, %vb: tensor<3x2x4xf64>) {
  // CHECK: tegula.low_rank_dot %{{.*}}, %{{.*}}, trans %{{.*}} label "y" : tensor<64x32xbf16>, tensor<32x8xbf16>, tensor<48x8xbf16> -> tensor<64x48xf32>
  %0 = tegula.low_rank_dot %x, %u, trans %v label "y" : tensor<64x32xbf16>, tensor<32x8xbf16>, tensor<48x8xbf16> -> tensor<64x48xf32>
  // CHECK: tegula.low_rank_dot %{{.*}}, trans %{{.*}}, %{{.*}} association right : tensor<3x5x7xf64>, tensor<1x2x7xf64>, tensor<3x2x4xf64> -> tensor<3x5x4xf64>
  %1 = tegula.low_rank_dot %xb, trans %ub, %vb association right : tensor<3x5x7xf64>, tensor<1x2x7xf64>, tensor<3x2x4xf64> -> tensor<3x5x4xf64>
  return
}
