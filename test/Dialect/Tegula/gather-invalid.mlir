// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: an axis
func.func @c1(%v: memref<8x8xf32>, %j: tensor<4xi32>, %i: index) {
  // expected-error @+1 {{axis 2 is no axis of a view of rank 2}}
  %0 = tegula.gather %v[%i] by %j axis 2 : memref<8x8xf32>, tensor<4xi32> -> tensor<4x4xf32>
  return
}

// -----

// C1: of the view
func.func @c1_negative(%v: memref<8x8xf32>, %j: tensor<4xi32>, %i: index) {
  // expected-error @+1 {{axis -1 is no axis of a view of rank 2}}
  %0 = tegula.gather %v[%i] by %j axis -1 : memref<8x8xf32>, tensor<4xi32> -> tensor<4x4xf32>
  return
}

// -----

// C2: one offset for each other axis
func.func @c2_offsets(%v: memref<8x8xf32>, %j: tensor<4xi32>, %i: index) {
  // expected-error @+1 {{has 2 offsets for a view of rank 2 with one axis by index: needs 1}}
  %0 = tegula.gather %v[%i, %i] by %j axis 0 : memref<8x8xf32>, tensor<4xi32> -> tensor<4x4xf32>
  return
}

// -----

// C2: and one limit
func.func @c2_limits(%v: memref<8x8xf32>, %j: tensor<4xi32>, %i: index) {
  // expected-error @+1 {{has 2 limits for a view of rank 2 with one axis by index: needs 1}}
  %0 = tegula.gather %v[%i] by %j axis 0 upto [%i, %i] : memref<8x8xf32>, tensor<4xi32> -> tensor<4x4xf32>
  return
}

// -----

// C3: one rank
func.func @c3_rank(%v: memref<8x8xf32>, %j: tensor<4xi32>, %i: index) {
  // expected-error @+1 {{has a tile of rank 1 for a view of rank 2}}
  %0 = tegula.gather %v[%i] by %j axis 0 : memref<8x8xf32>, tensor<4xi32> -> tensor<4xf32>
  return
}

// -----

// C3: one element per index
func.func @c3_count(%v: memref<8x8xf32>, %j: tensor<4xi32>, %i: index) {
  // expected-error @+1 {{has 4 indices for 5 elements along axis 0}}
  %0 = tegula.gather %v[%i] by %j axis 0 : memref<8x8xf32>, tensor<4xi32> -> tensor<5x4xf32>
  return
}

// -----

// C4: one element type
func.func @c4_tile(%v: memref<8x8xf32>, %j: tensor<4xi32>, %i: index) {
  // expected-error @+1 {{moves elements of type 'f16' but the view holds 'f32'}}
  %0 = tegula.gather %v[%i] by %j axis 0 : memref<8x8xf32>, tensor<4xi32> -> tensor<4x4xf16>
  return
}

// -----

// C4: of the pad value as well
func.func @c4_pad(%v: memref<8x8xf32>, %j: tensor<4xi32>, %i: index, %p: f64) {
  // expected-error @+1 {{pads with 'f64' but the tile holds 'f32'}}
  %0 = tegula.gather %v[%i] by %j axis 0 pad %p : f64 : memref<8x8xf32>, tensor<4xi32> -> tensor<4x4xf32>
  return
}

// -----

// C5: not of `out` arguments
tegula.kernel @c5(out %y: memref<8x8xf32>, in %j: memref<4xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %ids = tegula.load %j[%c0] : memref<4xi32> -> tensor<4xi32>
    // expected-error @+1 {{reads argument 'y', which is 'out'}}
    %t = tegula.gather %y[%c0] by %ids axis 0 : memref<8x8xf32>, tensor<4xi32> -> tensor<4x4xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// Indices are i32
func.func @index_type(%v: memref<8x8xf32>, %j: tensor<4xi64>, %i: index) {
  // expected-error @+1 {{operand #2 must be tile of i32 of rank 1}}
  %0 = tegula.gather %v[%i] by %j axis 0 : memref<8x8xf32>, tensor<4xi64> -> tensor<4x4xf32>
  return
}

// -----

// and of rank 1
func.func @index_rank(%v: memref<8x8xf32>, %j: tensor<2x2xi32>, %i: index) {
  // expected-error @+1 {{operand #2 must be tile of i32 of rank 1}}
  %0 = tegula.gather %v[%i] by %j axis 0 : memref<8x8xf32>, tensor<2x2xi32> -> tensor<4x4xf32>
  return
}
