// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: an axis of the operand
func.func @c1(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{axis 5 is no axis of a tile of rank 2}}
  %0 = tegula.argmax %x axis 5 : tensor<4x8xf32> -> tensor<4xi32>
  return
}

// -----

// C2: the shape without the axis
func.func @c2_shape(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{along axis 1 of 4x8 gives 4, not 8}}
  %0 = tegula.argmax %x axis 1 : tensor<4x8xf32> -> tensor<8xi32>
  return
}

// -----

// C2: positions are i32
func.func @c2_type(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{result #0 must be tile (static shape, extents of at least 1) of i32}}
  %0 = tegula.argmax %x axis 1 : tensor<4x8xf32> -> tensor<4xi64>
  return
}
