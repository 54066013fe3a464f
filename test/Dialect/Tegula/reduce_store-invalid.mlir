// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: one offset per axis
func.func @c1(%v: memref<8x8xf32>, %t: tensor<4x4xf32>, %i: index) {
  // expected-error @+1 {{has 1 offsets for a view of rank 2}}
  tegula.reduce_store add atomic %t, %v[%i] : tensor<4x4xf32>, memref<8x8xf32>
  return
}

// -----

// C2: one limit per axis
func.func @c2(%v: memref<8x8xf32>, %t: tensor<4x4xf32>, %i: index) {
  // expected-error @+1 {{has 1 limits for a view of rank 2}}
  tegula.reduce_store add atomic %t, %v[%i, %i] upto [%i] : tensor<4x4xf32>, memref<8x8xf32>
  return
}

// -----

// C3: one element type
func.func @c3(%v: memref<8x8xf64>, %t: tensor<4x4xf32>, %i: index) {
  // expected-error @+1 {{moves elements of type 'f32' but the view holds 'f64'}}
  tegula.reduce_store add atomic %t, %v[%i, %i] : tensor<4x4xf32>, memref<8x8xf64>
  return
}

// -----

// C3: that machines can reduce into memory
func.func @c3_narrow(%v: memref<8x8xbf16>, %t: tensor<4x4xbf16>, %i: index) {
  // expected-error @+1 {{reduces f64, f32, i64 or i32 into memory, got 'bf16'}}
  tegula.reduce_store add ordered %t, %v[%i, %i] : tensor<4x4xbf16>, memref<8x8xbf16>
  return
}

// -----

// C4: of `inout` arguments
tegula.kernel @c4(out %y: memref<8xf32>) {
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %t = arith.constant dense<1.0> : tensor<4xf32>
    // expected-error @+1 {{reads and writes argument 'y', which is not 'inout'}}
    tegula.reduce_store add ordered %t, %y[%i] : tensor<4xf32>, memref<8xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// C5: a sum of floats depends on its order
tegula.kernel @c5(inout %y: memref<8xf32>) attributes {tegula.repeatable} {
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %t = arith.constant dense<1.0> : tensor<4xf32>
    tegula.reduce_store max atomic %t, %y[%i] : tensor<4xf32>, memref<8xf32>
    tegula.reduce_store add two_pass %t, %y[%i] : tensor<4xf32>, memref<8xf32>
    // expected-error @+1 {{adds 'f32' in any order, in a kernel that promises to be repeatable: use ordered or two_pass}}
    tegula.reduce_store add atomic %t, %y[%i] : tensor<4xf32>, memref<8xf32>
    tegula.yield
  }
  tegula.return
}
