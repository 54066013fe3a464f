// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: degree 3 to 7
func.func @c1_low(%x: tensor<4xf32>) {
  // expected-error @+1 {{degree must be between 3 and 7, got 2}}
  %0 = tegula.exp2 %x degree 2 : tensor<4xf32>
  return
}

// -----

// C1
func.func @c1_high(%x: tensor<4xf32>) {
  // expected-error @+1 {{degree must be between 3 and 7, got 8}}
  %0 = tegula.exp2 %x degree 8 : tensor<4xf32>
  return
}

// -----

// C1
func.func @c1_negative(%x: tensor<4xf32>) {
  // expected-error @+1 {{degree must be between 3 and 7, got -1}}
  %0 = tegula.exp2 %x degree -1 : tensor<4xf32>
  return
}
