// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: extents but the first
func.func @c1(%x: tensor<8x3xf32>, %s: tensor<8xi32>, %a: tensor<4x5xf32>) {
  // expected-error @+1 {{needs rows of one shape, got}}
  %0 = tegula.segment_sum %x by %s acc %a : tensor<8x3xf32>, tensor<8xi32>, tensor<4x5xf32>
  return
}

// -----

// C1: there is a first
func.func @c1_rank(%x: tensor<f32>, %s: tensor<8xi32>, %a: tensor<f32>) {
  // expected-error @+1 {{needs rows of one shape, got}}
  %0 = tegula.segment_sum %x by %s acc %a : tensor<f32>, tensor<8xi32>, tensor<f32>
  return
}

// -----

// C2: one id per row
func.func @c2(%x: tensor<8x3xf32>, %s: tensor<9xi32>, %a: tensor<4x3xf32>) {
  // expected-error @+1 {{has 9 ids for 8 rows}}
  %0 = tegula.segment_sum %x by %s acc %a : tensor<8x3xf32>, tensor<9xi32>, tensor<4x3xf32>
  return
}

// -----

// C3: one element type
func.func @c3(%x: tensor<8x3xf32>, %s: tensor<8xi32>, %a: tensor<4x3xf64>) {
  // expected-error @+1 {{adds 'f32' to 'f64': cast one side explicitly}}
  %0 = tegula.segment_sum %x by %s acc %a : tensor<8x3xf32>, tensor<8xi32>, tensor<4x3xf64>
  return
}
