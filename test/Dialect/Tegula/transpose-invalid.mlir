// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: a permutation
func.func @c1_twice(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{perm is no permutation of 2 axes}}
  %0 = tegula.transpose %x perm [1, 1] : tensor<4x8xf32> -> tensor<8x8xf32>
  return
}

// -----

// C1
func.func @c1_short(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{perm is no permutation of 2 axes}}
  %0 = tegula.transpose %x perm [0] : tensor<4x8xf32> -> tensor<4xf32>
  return
}

// -----

// C1
func.func @c1_range(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{perm is no permutation of 2 axes}}
  %0 = tegula.transpose %x perm [-1, 7] : tensor<4x8xf32> -> tensor<4x8xf32>
  return
}

// -----

// C2: the permuted extents
func.func @c2_shape(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{gives 'tensor<8x4xf32>', not 'tensor<4x8xf32>'}}
  %0 = tegula.transpose %x perm [1, 0] : tensor<4x8xf32> -> tensor<4x8xf32>
  return
}

// -----

// C2: the element type
func.func @c2_type(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{gives 'tensor<8x4xf32>', not 'tensor<8x4xf16>'}}
  %0 = tegula.transpose %x perm [1, 0] : tensor<4x8xf32> -> tensor<8x4xf16>
  return
}
