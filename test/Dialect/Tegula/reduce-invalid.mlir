// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: an axis of the operand
func.func @c1(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{axis 2 is no axis of a tile of rank 2}}
  %0 = tegula.reduce add %x axis 2 : tensor<4x8xf32> -> tensor<4xf32>
  return
}

// -----

// C1
func.func @c1_negative(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{axis -1 is no axis of a tile of rank 2}}
  %0 = tegula.reduce add %x axis -1 : tensor<4x8xf32> -> tensor<4xf32>
  return
}

// -----

// C1: a tile of rank 0 has no axis
func.func @c1_rank0(%x: tensor<f32>) {
  // expected-error @+1 {{axis 0 is no axis of a tile of rank 0}}
  %0 = tegula.reduce add %x axis 0 : tensor<f32> -> tensor<f32>
  return
}

// -----

// C2: the shape without the axis
func.func @c2_shape(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{along axis 0 of 4x8 gives 8, not 4}}
  %0 = tegula.reduce max %x axis 0 : tensor<4x8xf32> -> tensor<4xf32>
  return
}

// -----

// C2
func.func @c2_scalar(%x: tensor<4xf32>) {
  // expected-error @+1 {{along axis 0 of 4 gives scalar, not 1}}
  %0 = tegula.reduce max %x axis 0 : tensor<4xf32> -> tensor<1xf32>
  return
}

// -----

// C2: the element type
func.func @c2_type(%x: tensor<4x8xbf16>) {
  // expected-error @+1 {{changes the element type from 'bf16' to 'f32'}}
  %0 = tegula.reduce add %x axis 1 : tensor<4x8xbf16> -> tensor<4xf32>
  return
}

// -----

// Masks are not summed
func.func @kind(%x: tensor<4xi1>) {
  // expected-error @+1 {{operand #0 must be tile (static shape, extents of at least 1) of f64, f32, f16, bf16, i8, i32 or i64}}
  %0 = tegula.reduce add %x axis 0 : tensor<4xi1> -> tensor<i1>
  return
}
