// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1
func.func @f(%x: tensor<4x3xf32>, %i: tensor<8xi32>) {
  // expected-error @below {{cannot take rows of 'tensor<4x3xf32>' as 'tensor<8x4xf32>'}}
  %r = sched.take %x by %i : tensor<4x3xf32>, tensor<8xi32> -> tensor<8x4xf32>
  return
}

// -----

// C2
func.func @f(%x: tensor<4x3xf32>, %i: tensor<8xi32>) {
  // expected-error @below {{needs 6 indices of i32, got 'tensor<8xi32>'}}
  %r = sched.take %x by %i : tensor<4x3xf32>, tensor<8xi32> -> tensor<6x3xf32>
  return
}
