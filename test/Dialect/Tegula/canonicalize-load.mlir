// RUN: tegula-opt %s -canonicalize | FileCheck %s

// Limits that are no tighter than the view go, all of them or none.

!view = memref<?x64xf32, strided<[?, 1], offset: ?>>

// CHECK-LABEL: @limits
func.func @limits(%x: memref<2x?x64xf32, strided<[?, ?, 1], offset: ?>>, %v: memref<?x80xf32>, %n: index, %m: index, %b: index)
    -> (tensor<4x64xf32>, tensor<4x64xf32>, tensor<4x96xf32>, tensor<4x32xf32>, tensor<4x96xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c40 = arith.constant 40 : index
  %c64 = arith.constant 64 : index
  %c80 = arith.constant 80 : index
  %rows = memref.dim %x, %c1 : memref<2x?x64xf32, strided<[?, ?, 1], offset: ?>>
  %s = memref.subview %x[%b, 0, 0] [1, %rows, 64] [1, 1, 1] : memref<2x?x64xf32, strided<[?, ?, 1], offset: ?>> to !view
  // The size that the view was narrowed to, and a static one
  // CHECK: tegula.load %{{.*}}[%{{.*}}, %{{.*}}] : memref<?x64xf32
  %0 = tegula.load %s[%n, %c0] upto [%rows, %c64] : !view -> tensor<4x64xf32>
  // One may be tighter: both stay.
  // CHECK: tegula.load %{{.*}}[%{{.*}}, %{{.*}}] upto [%{{.*}}, %{{.*}}] : memref<?x64xf32
  %1 = tegula.load %s[%n, %c0] upto [%m, %c64] : !view -> tensor<4x64xf32>
  // The view's own size; an axis that the tile overhangs
  // CHECK: tegula.load %{{.*}}[%{{.*}}, %{{.*}}] : memref<?x80xf32>
  %height = memref.dim %v, %c0 : memref<?x80xf32>
  %2 = tegula.load %v[%n, %c0] upto [%height, %c80] : memref<?x80xf32> -> tensor<4x96xf32>
  // Tighter than the view, but the tile ends before it.
  // CHECK: tegula.load %{{.*}}[%{{.*}}, %{{.*}}] : memref<?x80xf32>
  %3 = tegula.load %v[%n, %c0] upto [%height, %c40] : memref<?x80xf32> -> tensor<4x32xf32>
  // CHECK: tegula.load %{{.*}}[%{{.*}}, %{{.*}}] upto
  %4 = tegula.load %v[%n, %c0] upto [%height, %c40] : memref<?x80xf32> -> tensor<4x96xf32>
  return %0, %1, %2, %3, %4 : tensor<4x64xf32>, tensor<4x64xf32>, tensor<4x96xf32>, tensor<4x32xf32>, tensor<4x96xf32>
}

// CHECK-LABEL: @pad
func.func @pad(%v: memref<?xf32>, %i: memref<?xi32>, %n: index) -> (tensor<4xf32>, tensor<4xi32>, tensor<4xf32>) {
  %zero = arith.constant 0.0 : f32
  %minus = arith.constant -0.0 : f32
  %none = arith.constant 0 : i32
  // CHECK: tegula.load %{{.*}}[%{{.*}}] : memref<?xf32>
  %0 = tegula.load %v[%n] pad %zero : f32 : memref<?xf32> -> tensor<4xf32>
  // CHECK: tegula.load %{{.*}}[%{{.*}}] : memref<?xi32>
  %1 = tegula.load %i[%n] pad %none : i32 : memref<?xi32> -> tensor<4xi32>
  // CHECK: tegula.load %{{.*}}[%{{.*}}] pad %{{.*}} : f32 : memref<?xf32>
  %2 = tegula.load %v[%n] pad %minus : f32 : memref<?xf32> -> tensor<4xf32>
  return %0, %1, %2 : tensor<4xf32>, tensor<4xi32>, tensor<4xf32>
}
