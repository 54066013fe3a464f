// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: one type (only the generic form can say otherwise)
func.func @c1(%a: !tegula.softmax<4x8xf32>, %b: !tegula.softmax<4x8xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  %0 = "tegula.softmax_merge"(%a, %b) : (!tegula.softmax<4x8xf32>, !tegula.softmax<4x8xf64>) -> !tegula.softmax<4x8xf32>
  return
}

// -----

// A state is what is merged.
func.func @state(%a: tensor<4x8xf32>) {
  // expected-error @+1 {{operand #0 must be running state of a streamed softmax}}
  %0 = "tegula.softmax_merge"(%a, %a) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}
