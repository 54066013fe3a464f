// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: one entry per axis
func.func @c1_count(%x: tensor<4xf32>) {
  // expected-error @+1 {{has 2 dims for a tile of rank 1}}
  %0 = tegula.broadcast %x dims [0, 1] : tensor<4xf32> -> tensor<4x8xf32>
  return
}

// -----

// C1: increasing
func.func @c1_order(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{dims must be increasing axes of the result, got 0 at position 1}}
  %0 = tegula.broadcast %x dims [1, 0] : tensor<4x8xf32> -> tensor<8x4xf32>
  return
}

// -----

// C1: axes of the result
func.func @c1_range(%x: tensor<4xf32>) {
  // expected-error @+1 {{dims must be increasing axes of the result, got 2 at position 0}}
  %0 = tegula.broadcast %x dims [2] : tensor<4xf32> -> tensor<4x8xf32>
  return
}

// -----

// C2: only 1 stretches
func.func @c2(%x: tensor<4xf32>) {
  // expected-error @+1 {{stretches axis 0 of extent 4 to 8}}
  %0 = tegula.broadcast %x dims [1] : tensor<4xf32> -> tensor<4x8xf32>
  return
}

// -----

// C3: element types
func.func @c3(%x: tensor<4xf32>) {
  // expected-error @+1 {{changes the element type from 'f32' to 'bf16'}}
  %0 = tegula.broadcast %x dims [0] : tensor<4xf32> -> tensor<4x8xbf16>
  return
}
