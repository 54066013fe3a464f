// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: the parts' types (only the generic form can say otherwise).
func.func @c1_l(%m: tensor<4xf32>, %l: tensor<3xf32>, %acc: tensor<4x8xf32>) {
  // expected-error @+1 {{part 'l' of '!tegula.softmax<4x8xf32>' is 'tensor<4xf32>', not 'tensor<3xf32>'}}
  %0 = "tegula.softmax_state"(%m, %l, %acc) : (tensor<4xf32>, tensor<3xf32>, tensor<4x8xf32>) -> !tegula.softmax<4x8xf32>
  return
}

// -----

// C1
func.func @c1_acc(%m: tensor<4xf32>, %acc: tensor<4x8xf64>) {
  // expected-error @+1 {{part 'acc' of '!tegula.softmax<4x8xf32>' is 'tensor<4x8xf32>', not 'tensor<4x8xf64>'}}
  %0 = "tegula.softmax_state"(%m, %m, %acc) : (tensor<4xf32>, tensor<4xf32>, tensor<4x8xf64>) -> !tegula.softmax<4x8xf32>
  return
}

// -----

// The type: C1, f32 or f64.
// expected-error @+1 {{softmax state must be kept in f32 or f64, got 'bf16'}}
func.func private @type_c1(!tegula.softmax<4x8xbf16>)

// -----

// The type: C2, positive extents.
// expected-error @+1 {{softmax state needs positive extents, got 0x8}}
func.func private @type_c2(!tegula.softmax<0x8xf32>)

// -----

// The type has two extents.
// expected-error @+1 {{softmax state needs rows x columns, got 3 extents}}
func.func private @type_rank(!tegula.softmax<4x8x2xf32>)
