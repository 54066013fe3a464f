// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: one offset per axis
func.func @c1_offsets(%v: memref<8x8xf32>, %t: tensor<4x4xf32>, %i: index) {
  // expected-error @+1 {{has 3 offsets for a view of rank 2}}
  tegula.store %t, %v[%i, %i, %i] : tensor<4x4xf32>, memref<8x8xf32>
  return
}

// -----

// C1: one rank
func.func @c1_rank(%v: memref<8x8xf32>, %t: tensor<4xf32>, %i: index) {
  // expected-error @+1 {{has a tile of rank 1 for a view of rank 2}}
  tegula.store %t, %v[%i, %i] : tensor<4xf32>, memref<8x8xf32>
  return
}

// -----

// C2: one limit per axis
func.func @c2(%v: memref<8x8xf32>, %t: tensor<4x4xf32>, %i: index) {
  // expected-error @+1 {{has 1 limits for a view of rank 2}}
  tegula.store %t, %v[%i, %i] upto [%i] : tensor<4x4xf32>, memref<8x8xf32>
  return
}

// -----

// C3: one element type
func.func @c3(%v: memref<8xbf16>, %t: tensor<4xf32>, %i: index) {
  // expected-error @+1 {{moves elements of type 'f32' but the view holds 'bf16'}}
  tegula.store %t, %v[%i] : tensor<4xf32>, memref<8xbf16>
  return
}

// -----

// C4: not to `in` arguments
tegula.kernel @c4(in %x: memref<8xf32>) {
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %t = tegula.load %x[%i] : memref<8xf32> -> tensor<4xf32>
    // expected-error @+1 {{writes argument 'x', which is 'in'}}
    tegula.store %t, %x[%i] : tensor<4xf32>, memref<8xf32>
    tegula.yield
  }
  tegula.return
}
