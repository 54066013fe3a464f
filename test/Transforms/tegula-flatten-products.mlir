// RUN: tegula-opt %s --tegula-flatten-products --canonicalize | FileCheck %s

// One right operand: the matrices on the left are rows of one.
// CHECK-LABEL: @right
func.func @right(%x: tensor<4x16x32xf32>, %f: tensor<1x32x8xf32>) -> tensor<4x16x8xf32> {
  // CHECK: %[[A:.*]] = tegula.reshape %{{.*}} : tensor<4x16x32xf32> -> tensor<64x32xf32>
  // CHECK: %[[B:.*]] = tegula.reshape %{{.*}} : tensor<1x32x8xf32> -> tensor<32x8xf32>
  // CHECK: %[[C:.*]] = tegula.dot %[[A]], %[[B]] label "y" : tensor<64x32xf32>, tensor<32x8xf32> -> tensor<64x8xf32>
  // CHECK: tegula.reshape %[[C]] : tensor<64x8xf32> -> tensor<4x16x8xf32>
  %y = tegula.dot %x, %f label "y" : tensor<4x16x32xf32>, tensor<1x32x8xf32> -> tensor<4x16x8xf32>
  return %y : tensor<4x16x8xf32>
}

// One left operand: the tile is turned before and behind.
// CHECK-LABEL: @left
func.func @left(%f: tensor<1x8x32xf32>, %x: tensor<4x32x16xf32>, %c: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // CHECK: tegula.transpose %{{.*}} : tensor<4x32x16xf32> -> tensor<4x16x32xf32>
  // CHECK: tegula.transpose %{{.*}} : tensor<4x8x16xf32> -> tensor<4x16x8xf32>
  // CHECK: tegula.dot %{{.*}}, trans %{{.*}} acc %{{.*}} : tensor<64x32xf32>, tensor<8x32xf32> -> tensor<64x8xf32>
  // CHECK: tegula.transpose %{{.*}} : tensor<4x16x8xf32> -> tensor<4x8x16xf32>
  %y = tegula.dot %f, %x acc %c : tensor<1x8x32xf32>, tensor<4x32x16xf32> -> tensor<4x8x16xf32>
  return %y : tensor<4x8x16xf32>
}

// Otherwise one product for each matrix.
// CHECK-LABEL: @both
func.func @both(%x: tensor<2x16x32xf32>, %f: tensor<2x8x32xf32>) -> tensor<2x16x8xf32> {
  // CHECK-COUNT-2: tegula.dot {{.*}} : tensor<16x32xf32>, tensor<32x8xf32> -> tensor<16x8xf32>
  // CHECK: tegula.concat
  // CHECK: tegula.reshape %{{.*}} : tensor<32x8xf32> -> tensor<2x16x8xf32>
  %y = tegula.dot %x, trans %f : tensor<2x16x32xf32>, tensor<2x8x32xf32> -> tensor<2x16x8xf32>
  return %y : tensor<2x16x8xf32>
}

// Each matrix finds its operands where a batch axis is stretched: along the first axis one
// matrix on the left, along the second one on the right.
// CHECK-LABEL: @stretched
func.func @stretched(%x: tensor<1x2x16x32xf32>, %f: tensor<2x1x32x8xf32>) -> tensor<2x2x16x8xf32> {
  // CHECK: tensor.extract_slice %{{.*}}[0, 0] [16, 32]
  // CHECK: tensor.extract_slice %{{.*}}[0, 0] [32, 8]
  // CHECK: %[[P0:.*]] = tegula.dot
  // CHECK: tensor.extract_slice %{{.*}}[16, 0] [16, 32]
  // CHECK: tensor.extract_slice %{{.*}}[0, 0] [32, 8]
  // CHECK: %[[P1:.*]] = tegula.dot
  // CHECK: tensor.extract_slice %{{.*}}[0, 0] [16, 32]
  // CHECK: tensor.extract_slice %{{.*}}[32, 0] [32, 8]
  // CHECK: %[[P2:.*]] = tegula.dot
  // CHECK: tensor.extract_slice %{{.*}}[16, 0] [16, 32]
  // CHECK: tensor.extract_slice %{{.*}}[32, 0] [32, 8]
  // CHECK: %[[P3:.*]] = tegula.dot
  // CHECK: tegula.concat axis 0 (%[[P0]], %[[P1]], %[[P2]], %[[P3]])
  %y = tegula.dot %x, %f : tensor<1x2x16x32xf32>, tensor<2x1x32x8xf32> -> tensor<2x2x16x8xf32>
  return %y : tensor<2x2x16x8xf32>
}

// A matrix stays what it is.
// CHECK-LABEL: @matrix
func.func @matrix(%x: tensor<16x32xf32>, %f: tensor<32x8xf32>) -> tensor<16x8xf32> {
  // CHECK-NEXT: tegula.dot %{{.*}}, %{{.*}} : tensor<16x32xf32>, tensor<32x8xf32> -> tensor<16x8xf32>
  // CHECK-NEXT: return
  %y = tegula.dot %x, %f : tensor<16x32xf32>, tensor<32x8xf32> -> tensor<16x8xf32>
  return %y : tensor<16x8xf32>
}
