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
