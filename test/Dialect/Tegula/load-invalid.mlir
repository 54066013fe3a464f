// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: one offset per axis
func.func @c1_offsets(%v: memref<8x8xf32>, %i: index) {
  // expected-error @+1 {{has 1 offsets for a view of rank 2}}
  %0 = tegula.load %v[%i] : memref<8x8xf32> -> tensor<4x4xf32>
  return
}

// -----

// C1: one rank
func.func @c1_rank(%v: memref<8x8xf32>, %i: index) {
  // expected-error @+1 {{has a tile of rank 1 for a view of rank 2}}
  %0 = tegula.load %v[%i, %i] : memref<8x8xf32> -> tensor<4xf32>
  return
}

// -----

// C2: one limit per axis
func.func @c2(%v: memref<8x8xf32>, %i: index) {
  // expected-error @+1 {{has 1 limits for a view of rank 2}}
  %0 = tegula.load %v[%i, %i] upto [%i] : memref<8x8xf32> -> tensor<4x4xf32>
  return
}

// -----

// C3: one element type
func.func @c3_tile(%v: memref<8xf32>, %i: index) {
  // expected-error @+1 {{moves elements of type 'f16' but the view holds 'f32'}}
  %0 = tegula.load %v[%i] : memref<8xf32> -> tensor<4xf16>
  return
}

// -----

// C3: of the pad value as well
func.func @c3_pad(%v: memref<8xf32>, %i: index, %p: f64) {
  // expected-error @+1 {{pads with 'f64' but the tile holds 'f32'}}
  %0 = tegula.load %v[%i] pad %p : f64 : memref<8xf32> -> tensor<4xf32>
  return
}

// -----

// C4: not of `out` arguments, narrowed or not
tegula.kernel @c4(out %y: memref<8x8xf32>) {
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %row = memref.subview %y[%i, 0] [1, 8] [1, 1] : memref<8x8xf32> to memref<8xf32, strided<[1], offset: ?>>
    // expected-error @+1 {{reads argument 'y', which is 'out'}}
    %t = tegula.load %row[%i] : memref<8xf32, strided<[1], offset: ?>> -> tensor<4xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// A tile has elements
func.func @empty(%v: memref<8xf32>, %i: index) {
  // expected-error @+1 {{result #0 must be tile (static shape, extents of at least 1)}}
  %0 = tegula.load %v[%i] : memref<8xf32> -> tensor<0xf32>
  return
}

// -----

// A view is strided
func.func @layout(%v: memref<8xf32, affine_map<(d0) -> (d0 floordiv 2)>>, %i: index) {
  // expected-error @+1 {{operand #0 must be strided memref}}
  %0 = tegula.load %v[%i] : memref<8xf32, affine_map<(d0) -> (d0 floordiv 2)>> -> tensor<4xf32>
  return
}
