// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: one rank
func.func @c1(%x: tensor<4x8xf32>, %u: tensor<1x8x2xf32>, %v: tensor<2x5xf32>) {
  // expected-error @+1 {{needs operands and result of one rank, at least 2, got 2, 3, 2 and 2}}
  %0 = tegula.low_rank_dot %x, %u, %v : tensor<4x8xf32>, tensor<1x8x2xf32>, tensor<2x5xf32> -> tensor<4x5xf32>
  return
}

// -----

// C2: x and u
func.func @c2_xu(%x: tensor<4x8xf32>, %u: tensor<8x2xf32>, %v: tensor<2x5xf32>) {
  // expected-error @+1 {{contracts 8 elements of 'x' with 2 of 'u'}}
  %0 = tegula.low_rank_dot %x, trans %u, %v : tensor<4x8xf32>, tensor<8x2xf32>, tensor<2x5xf32> -> tensor<4x5xf32>
  return
}

// -----

// C2: u and v
func.func @c2_uv(%x: tensor<4x8xf32>, %u: tensor<8x2xf32>, %v: tensor<3x5xf32>) {
  // expected-error @+1 {{contracts 2 elements of 'u' with 3 of 'v'}}
  %0 = tegula.low_rank_dot %x, %u, %v : tensor<4x8xf32>, tensor<8x2xf32>, tensor<3x5xf32> -> tensor<4x5xf32>
  return
}

// -----

// C2: the result
func.func @c2_result(%x: tensor<4x8xf32>, %u: tensor<8x2xf32>, %v: tensor<2x5xf32>) {
  // expected-error @+1 {{of 4 rows and 5 columns does not give}}
  %0 = tegula.low_rank_dot %x, %u, %v : tensor<4x8xf32>, tensor<8x2xf32>, tensor<2x5xf32> -> tensor<5x4xf32>
  return
}

// -----

// C3: batch axes
func.func @c3(%x: tensor<3x4x8xf32>, %u: tensor<2x8x2xf32>, %v: tensor<3x2x5xf32>) {
  // expected-error @+1 {{stretches batch axis 0 of extent 2 to 3}}
  %0 = tegula.low_rank_dot %x, %u, %v : tensor<3x4x8xf32>, tensor<2x8x2xf32>, tensor<3x2x5xf32> -> tensor<3x4x5xf32>
  return
}

// -----

// C4: one type
func.func @c4(%x: tensor<4x8xf32>, %u: tensor<8x2xf16>, %v: tensor<2x5xf32>) {
  // expected-error @+1 {{mixes 'f32', 'f16' and 'f32': cast explicitly}}
  %0 = tegula.low_rank_dot %x, %u, %v : tensor<4x8xf32>, tensor<8x2xf16>, tensor<2x5xf32> -> tensor<4x5xf32>
  return
}

// -----

// C4: its accumulator
func.func @c4_result(%x: tensor<4x8xbf16>, %u: tensor<8x2xbf16>, %v: tensor<2x5xbf16>) {
  // expected-error @+1 {{of 'bf16' gives 'f32', not 'bf16'}}
  %0 = tegula.low_rank_dot %x, %u, %v : tensor<4x8xbf16>, tensor<8x2xbf16>, tensor<2x5xbf16> -> tensor<4x5xbf16>
  return
}
