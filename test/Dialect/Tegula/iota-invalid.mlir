// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: rank 1
func.func @c1_rank(%n: index) {
  // expected-error @+1 {{gives a rank 1 tile of i32 or i64, not 'tensor<4x4xi32>'}}
  %0 = tegula.iota %n : tensor<4x4xi32>
  return
}

// -----

// C1: i32 or i64
func.func @c1_type(%n: index) {
  // expected-error @+1 {{gives a rank 1 tile of i32 or i64, not 'tensor<4xf32>'}}
  %0 = tegula.iota %n : tensor<4xf32>
  return
}

// -----

// A tile has elements
func.func @empty(%n: index) {
  // expected-error @+1 {{result #0 must be tile (static shape, extents of at least 1)}}
  %0 = tegula.iota %n : tensor<0xi32>
  return
}
