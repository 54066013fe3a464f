// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @segment_ids
func.func @segment_ids(%ends: tensor<4xi32>, %e: index) -> tensor<64xi32> {
  // CHECK: tegula.segment_ids %{{.*}}, %{{.*}} : tensor<4xi32> -> tensor<64xi32>
  %0 = tegula.segment_ids %ends, %e : tensor<4xi32> -> tensor<64xi32>
  return %0 : tensor<64xi32>
}
