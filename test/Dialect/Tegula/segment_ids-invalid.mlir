// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: ends of rank 1
func.func @c1_ends(%ends: tensor<2x2xi32>, %e: index) {
  // expected-error @+1 {{operand #0 must be tile of i32 of rank 1}}
  %0 = tegula.segment_ids %ends, %e : tensor<2x2xi32> -> tensor<64xi32>
  return
}

// -----

// C1: of i32
func.func @c1_type(%ends: tensor<4xi64>, %e: index) {
  // expected-error @+1 {{operand #0 must be tile of i32 of rank 1}}
  %0 = tegula.segment_ids %ends, %e : tensor<4xi64> -> tensor<64xi32>
  return
}

// -----

// C1: ids of rank 1
func.func @c1_ids(%ends: tensor<4xi32>, %e: index) {
  // expected-error @+1 {{result #0 must be tile of i32 of rank 1}}
  %0 = tegula.segment_ids %ends, %e : tensor<4xi32> -> tensor<8x8xi32>
  return
}
