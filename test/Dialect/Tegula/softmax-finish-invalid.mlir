// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: out is [rows, cols]
func.func @c1_out(%s: !tegula.softmax<4x8xf32>) {
  // expected-error @+1 {{of '!tegula.softmax<4x8xf32>' gives 'tensor<4x8xf32>' and 'tensor<4xf32>', not 'tensor<8x4xf32>' and 'tensor<4xf32>'}}
  %o, %l = tegula.softmax_finish %s : !tegula.softmax<4x8xf32> -> tensor<8x4xf32>, tensor<4xf32>
  return
}

// -----

// C1: lse is [rows]
func.func @c1_lse(%s: !tegula.softmax<4x8xf32>) {
  // expected-error @+1 {{of '!tegula.softmax<4x8xf32>' gives 'tensor<4x8xf32>' and 'tensor<4xf32>', not 'tensor<4x8xf32>' and 'tensor<4xf64>'}}
  %o, %l = tegula.softmax_finish %s : !tegula.softmax<4x8xf32> -> tensor<4x8xf32>, tensor<4xf64>
  return
}
