// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: the parts' types (only the generic form can say otherwise).
func.func @c1(%s: !tegula.softmax<4x8xf32>) {
  // expected-error @+1 {{part 'm' of '!tegula.softmax<4x8xf32>' is 'tensor<4xf32>', not 'tensor<8xf32>'}}
  %m, %l, %acc = "tegula.softmax_parts"(%s) : (!tegula.softmax<4x8xf32>) -> (tensor<8xf32>, tensor<4xf32>, tensor<4x8xf32>)
  return
}
