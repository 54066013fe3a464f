// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: as many elements
func.func @c1_count(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{cannot make 'tensor<4x4xf32>' of 'tensor<4x8xf32>'}}
  %0 = tegula.reshape %x : tensor<4x8xf32> -> tensor<4x4xf32>
  return
}

// -----

// C1: of one type
func.func @c1_type(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{cannot make 'tensor<32xf16>' of 'tensor<4x8xf32>'}}
  %0 = tegula.reshape %x : tensor<4x8xf32> -> tensor<32xf16>
  return
}
