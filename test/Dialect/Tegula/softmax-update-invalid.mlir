// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: both of rank 2
func.func @c1_rank(%s: !tegula.softmax<4x8xf32>, %x: tensor<4xf32>, %v: tensor<2x8xf32>) {
  // expected-error @+1 {{takes weights and values of rank 2, got ranks 1 and 2}}
  %0 = tegula.softmax_update %s, %x, %v : !tegula.softmax<4x8xf32>, tensor<4xf32>, tensor<2x8xf32>
  return
}

// -----

// C1: rows of the state
func.func @c1_rows(%s: !tegula.softmax<4x8xf32>, %x: tensor<3x2xf32>, %v: tensor<2x8xf32>) {
  // expected-error @+1 {{of 'tensor<3x2xf32>' weights and 'tensor<2x8xf32>' values does not fit '!tegula.softmax<4x8xf32>'}}
  %0 = tegula.softmax_update %s, %x, %v : !tegula.softmax<4x8xf32>, tensor<3x2xf32>, tensor<2x8xf32>
  return
}

// -----

// C1: columns of the state
func.func @c1_columns(%s: !tegula.softmax<4x8xf32>, %x: tensor<4x2xf32>, %v: tensor<2x7xf32>) {
  // expected-error @+1 {{of 'tensor<4x2xf32>' weights and 'tensor<2x7xf32>' values does not fit '!tegula.softmax<4x8xf32>'}}
  %0 = tegula.softmax_update %s, %x, %v : !tegula.softmax<4x8xf32>, tensor<4x2xf32>, tensor<2x7xf32>
  return
}

// -----

// C1: one weight per key
func.func @c1_keys(%s: !tegula.softmax<4x8xf32>, %x: tensor<4x2xf32>, %v: tensor<3x8xf32>) {
  // expected-error @+1 {{has weights of 2 keys and values of 3}}
  %0 = tegula.softmax_update %s, %x, %v : !tegula.softmax<4x8xf32>, tensor<4x2xf32>, tensor<3x8xf32>
  return
}

// -----

// C1: weights of the state's type
func.func @c1_type(%s: !tegula.softmax<4x8xf32>, %x: tensor<4x2xbf16>, %v: tensor<2x8xbf16>) {
  // expected-error @+1 {{takes log-weights of the state's type 'f32', got 'bf16'}}
  %0 = tegula.softmax_update %s, %x, %v : !tegula.softmax<4x8xf32>, tensor<4x2xbf16>, tensor<2x8xbf16>
  return
}

// -----

// C2: a scale of the state's type
func.func @c2(%s: !tegula.softmax<4x8xf32>, %x: tensor<4x2xf32>, %v: tensor<2x8xf32>, %c: f64) {
  // expected-error @+1 {{takes a scale of the state's type 'f32', got 'f64'}}
  %0 = tegula.softmax_update %s, %x, %v scale %c : f64 : !tegula.softmax<4x8xf32>, tensor<4x2xf32>, tensor<2x8xf32>
  return
}

// -----

// C3: mult has x's type
func.func @c3(%s: !tegula.softmax<4x8xf32>, %x: tensor<4x2xf32>, %v: tensor<2x8xf32>, %m: tensor<4xf32>) {
  // expected-error @+1 {{takes a multiplier of type 'tensor<4x2xf32>', got 'tensor<4xf32>'}}
  %0 = tegula.softmax_update %s, %x, %v mult %m : tensor<4xf32> : !tegula.softmax<4x8xf32>, tensor<4x2xf32>, tensor<2x8xf32>
  return
}

// -----

// C4: values of f64 go with states of f64
func.func @c4(%s: !tegula.softmax<4x8xf32>, %x: tensor<4x2xf32>, %v: tensor<2x8xf64>) {
  // expected-error @+1 {{with a state of 'f32' cannot take values of 'f64'}}
  %0 = tegula.softmax_update %s, %x, %v : !tegula.softmax<4x8xf32>, tensor<4x2xf32>, tensor<2x8xf64>
  return
}

// -----

// The state keeps its type (only the generic form can say otherwise).
func.func @result(%s: !tegula.softmax<4x8xf32>, %x: tensor<4x2xf32>, %v: tensor<2x8xf32>) {
  // expected-error @+1 {{failed to verify that all of {state, result} have same type}}
  %0 = "tegula.softmax_update"(%s, %x, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>}> : (!tegula.softmax<4x8xf32>, tensor<4x2xf32>, tensor<2x8xf32>) -> !tegula.softmax<4x4xf32>
  return
}

// -----

// C5: weights are numbers of the values' type
func.func @c5(%s: !tegula.softmax<4x8xf32>, %x: tensor<4x2xf32>, %v: tensor<2x8xf16>) {
  // expected-error @+1 {{lets weights reach 2 to the power of its lag, and 'f16' ends before 2 to the 16}}
  %0 = tegula.softmax_update %s, %x, %v lag 16.0 : !tegula.softmax<4x8xf32>, tensor<4x2xf32>, tensor<2x8xf16>
  return
}

// -----

func.func @c5_negative(%s: !tegula.softmax<4x8xf32>, %x: tensor<4x2xf32>, %v: tensor<2x8xf16>) {
  // expected-error @+1 {{has a negative lag}}
  %0 = tegula.softmax_update %s, %x, %v lag -1.0 : !tegula.softmax<4x8xf32>, tensor<4x2xf32>, tensor<2x8xf16>
  return
}
