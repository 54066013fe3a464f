// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: at least one operand (only the generic form can say otherwise).
func.func @c1_none() {
  // expected-error @+1 {{needs at least one operand}}
  %0 = "tegula.concat"() <{axis = 0 : i64}> : () -> tensor<4xf32>
  return
}

// -----

// C1: the rank
func.func @c1_rank(%a: tensor<4xf32>, %b: tensor<4x4xf32>) {
  // expected-error @+1 {{operand 0 is 'tensor<4xf32>', the result 'tensor<4x8xf32>'}}
  %0 = tegula.concat axis 1 (%a, %b) : tensor<4xf32>, tensor<4x4xf32> -> tensor<4x8xf32>
  return
}

// -----

// C1: the element type
func.func @c1_type(%a: tensor<4xf32>, %b: tensor<4xf16>) {
  // expected-error @+1 {{operand 1 is 'tensor<4xf16>', the result 'tensor<8xf32>'}}
  %0 = tegula.concat axis 0 (%a, %b) : tensor<4xf32>, tensor<4xf16> -> tensor<8xf32>
  return
}

// -----

// C2: an axis
func.func @c2_axis(%a: tensor<4xf32>) {
  // expected-error @+1 {{axis 1 is no axis of a tile of rank 1}}
  %0 = tegula.concat axis 1 (%a) : tensor<4xf32> -> tensor<4xf32>
  return
}

// -----

// C2: the other extents
func.func @c2_other(%a: tensor<4x2xf32>, %b: tensor<3x2xf32>) {
  // expected-error @+1 {{operand 1 has extent 3 along axis 0, the result 4}}
  %0 = tegula.concat axis 1 (%a, %b) : tensor<4x2xf32>, tensor<3x2xf32> -> tensor<4x4xf32>
  return
}

// -----

// C2: extents add up
func.func @c2_sum(%a: tensor<4xf32>, %b: tensor<3xf32>) {
  // expected-error @+1 {{operands have 7 elements along axis 0, the result 8}}
  %0 = tegula.concat axis 0 (%a, %b) : tensor<4xf32>, tensor<3xf32> -> tensor<8xf32>
  return
}
