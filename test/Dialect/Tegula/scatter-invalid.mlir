// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: an axis
func.func @c1(%v: memref<8x8xf32>, %t: tensor<4x4xf32>, %j: tensor<4xi32>, %i: index) {
  // expected-error @+1 {{axis 3 is no axis of a view of rank 2}}
  tegula.scatter %t, %v[%i] by %j axis 3 : tensor<4x4xf32>, memref<8x8xf32>, tensor<4xi32>
  return
}

// -----

// C2: one offset for each other axis
func.func @c2_offsets(%v: memref<8x8xf32>, %t: tensor<4x4xf32>, %j: tensor<4xi32>, %i: index) {
  // expected-error @+1 {{has 0 offsets for a view of rank 2 with one axis by index: needs 1}}
  tegula.scatter %t, %v[] by %j axis 0 : tensor<4x4xf32>, memref<8x8xf32>, tensor<4xi32>
  return
}

// -----

// C2: and one limit
func.func @c2_limits(%v: memref<8x8xf32>, %t: tensor<4x4xf32>, %j: tensor<4xi32>, %i: index) {
  // expected-error @+1 {{has 2 limits for a view of rank 2 with one axis by index: needs 1}}
  tegula.scatter %t, %v[%i] by %j axis 0 upto [%i, %i] : tensor<4x4xf32>, memref<8x8xf32>, tensor<4xi32>
  return
}

// -----

// C3: one rank
func.func @c3_rank(%v: memref<8x8xf32>, %t: tensor<4xf32>, %j: tensor<4xi32>, %i: index) {
  // expected-error @+1 {{has a tile of rank 1 for a view of rank 2}}
  tegula.scatter %t, %v[%i] by %j axis 0 : tensor<4xf32>, memref<8x8xf32>, tensor<4xi32>
  return
}

// -----

// C3: one element per index
func.func @c3_count(%v: memref<8x8xf32>, %t: tensor<4x5xf32>, %j: tensor<4xi32>, %i: index) {
  // expected-error @+1 {{has 4 indices for 5 elements along axis 1}}
  tegula.scatter %t, %v[%i] by %j axis 1 : tensor<4x5xf32>, memref<8x8xf32>, tensor<4xi32>
  return
}

// -----

// C4: one element type
func.func @c4(%v: memref<8x8xbf16>, %t: tensor<4x4xf32>, %j: tensor<4xi32>, %i: index) {
  // expected-error @+1 {{moves elements of type 'f32' but the view holds 'bf16'}}
  tegula.scatter %t, %v[%i] by %j axis 0 : tensor<4x4xf32>, memref<8x8xbf16>, tensor<4xi32>
  return
}

// -----

// C5: not to `in` arguments
tegula.kernel @c5(in %x: memref<8x8xf32>, in %j: memref<4xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %ids = tegula.load %j[%c0] : memref<4xi32> -> tensor<4xi32>
    %t = tegula.load %x[%c0, %c0] : memref<8x8xf32> -> tensor<4x4xf32>
    // expected-error @+1 {{writes argument 'x', which is 'in'}}
    tegula.scatter %t, %x[%c0] by %ids axis 0 : tensor<4x4xf32>, memref<8x8xf32>, tensor<4xi32>
    tegula.yield
  }
  tegula.return
}
