// RUN: tegula-opt %s -split-input-file -verify-diagnostics -tegula-decompose

// What knows nothing of softmax states cannot be handed one.

// expected-error @+1 {{knows nothing of the softmax state that it takes or gives: use tegula.softmax_parts}}
func.func @argument(%s: !tegula.softmax<4x2xf32>) {
  return
}

// -----

func.func @operand(%b: i1) {
  %s = tegula.softmax_init : !tegula.softmax<4x2xf32>
  // expected-error @+1 {{knows nothing of the softmax state that it takes or gives: use tegula.softmax_parts}}
  %r = arith.select %b, %s, %s : !tegula.softmax<4x2xf32>
  return
}

// -----

func.func @exact(%s: !tegula.softmax<4x2xf32>, %x: tensor<4x8xf32>, %v: tensor<8x2xf32>) -> tensor<4xf32> {
  // expected-note @+1 {{this update lets it}}
  %0 = tegula.softmax_update %s, %x, %v lag 8.0 : !tegula.softmax<4x2xf32>, tensor<4x8xf32>, tensor<8x2xf32>
  // expected-error @+1 {{gives the exact maximum; its state may lag}}
  %m, %l, %acc = tegula.softmax_parts %0 : !tegula.softmax<4x2xf32>
  return %m : tensor<4xf32>
}
