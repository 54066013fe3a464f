// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: one rank
func.func @c1_rank(%a: tensor<4xf32>, %b: tensor<4x4xf32>) {
  // expected-error @+1 {{needs operands and result of one rank, at least 2, got 1, 2 and 2}}
  %0 = tegula.dot %a, %b : tensor<4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  return
}

// -----

// C1: at least 2
func.func @c1_least(%a: tensor<4xf32>, %b: tensor<4xf32>) {
  // expected-error @+1 {{needs operands and result of one rank, at least 2, got 1, 1 and 1}}
  %0 = tegula.dot %a, %b : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
  return
}

// -----

// C2: the contracted extents
func.func @c2_inner(%a: tensor<4x8xf32>, %b: tensor<4x8xf32>) {
  // expected-error @+1 {{contracts 8 elements of 'a' with 4 of 'b'}}
  %0 = tegula.dot %a, %b : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x8xf32>
  return
}

// -----

// C2, with swapped axes
func.func @c2_trans(%a: tensor<4x8xf32>, %b: tensor<8x4xf32>) {
  // expected-error @+1 {{contracts 4 elements of 'a' with 8 of 'b'}}
  %0 = tegula.dot trans %a, %b : tensor<4x8xf32>, tensor<8x4xf32> -> tensor<4x4xf32>
  return
}

// -----

// C2: rows and columns of the result
func.func @c2_result(%a: tensor<4x8xf32>, %b: tensor<8x2xf32>) {
  // expected-error @+1 {{of 4 rows and 2 columns gives a tile of 2x4}}
  %0 = tegula.dot %a, %b : tensor<4x8xf32>, tensor<8x2xf32> -> tensor<2x4xf32>
  return
}

// -----

// C3: batch extents
func.func @c3(%a: tensor<2x4x8xf32>, %b: tensor<3x8x2xf32>) {
  // expected-error @+1 {{stretches batch axis 0 of extent 2 to 3}}
  %0 = tegula.dot %a, %b : tensor<2x4x8xf32>, tensor<3x8x2xf32> -> tensor<3x4x2xf32>
  return
}

// -----

// C4: one element type
func.func @c4_mixed(%a: tensor<4x4xbf16>, %b: tensor<4x4xf32>) {
  // expected-error @+1 {{mixes 'bf16' and 'f32': cast one side explicitly}}
  %0 = tegula.dot %a, %b : tensor<4x4xbf16>, tensor<4x4xf32> -> tensor<4x4xf32>
  return
}

// -----

// C4: what a product is kept in
func.func @c4_result(%a: tensor<4x4xbf16>, %b: tensor<4x4xbf16>) {
  // expected-error @+1 {{of 'bf16' gives 'f32', not 'bf16'}}
  %0 = tegula.dot %a, %b : tensor<4x4xbf16>, tensor<4x4xbf16> -> tensor<4x4xbf16>
  return
}

// -----

// C4: floats and i8 only
func.func @c4_integer(%a: tensor<4x4xi32>, %b: tensor<4x4xi32>) {
  // expected-error @+1 {{takes floats or i8, got 'i32'}}
  %0 = tegula.dot %a, %b : tensor<4x4xi32>, tensor<4x4xi32> -> tensor<4x4xi32>
  return
}

// -----

// C5: precision of f32 products
func.func @c5(%a: tensor<4x4xf16>, %b: tensor<4x4xf16>) {
  // expected-error @+1 {{precision tf32 needs f32 operands, got 'f16'}}
  %0 = tegula.dot %a, %b precision<tf32> : tensor<4x4xf16>, tensor<4x4xf16> -> tensor<4x4xf32>
  return
}

// -----

// The accumulator has the result's type (only the generic form can say otherwise).
func.func @acc(%a: tensor<4x4xf32>, %c: tensor<4x4xf64>) {
  // expected-error @+1 {{failed to verify that acc has the type of the result}}
  %0 = "tegula.dot"(%a, %a, %c) : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf64>) -> tensor<4x4xf32>
  return
}

// -----

// A tile has extents of at least 1
func.func @tile(%a: tensor<0x4xf32>, %b: tensor<4x4xf32>) {
  // expected-error @+1 {{must be tile (static shape, extents of at least 1)}}
  %0 = tegula.dot %a, %b : tensor<0x4xf32>, tensor<4x4xf32> -> tensor<0x4xf32>
  return
}

// -----

// .. and a static shape
func.func @dynamic(%a: tensor<?x4xf32>, %b: tensor<4x4xf32>) {
  // expected-error @+1 {{must be tile (static shape, extents of at least 1)}}
  %0 = tegula.dot %a, %b : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  return
}
