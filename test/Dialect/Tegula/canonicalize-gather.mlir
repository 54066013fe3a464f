// RUN: tegula-opt %s -canonicalize | FileCheck %s

// Limits that bound nothing, and pads of zero, go.

// CHECK-LABEL: @dropped
func.func @dropped(%v: memref<?x8x?xf32>, %j: tensor<4xi32>, %i: index) -> tensor<2x4x16xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %n = memref.dim %v, %c0 : memref<?x8x?xf32>
  %d = memref.dim %v, %c2 : memref<?x8x?xf32>
  %zero = arith.constant 0.0 : f32
  // CHECK: tegula.gather %{{.*}}[%{{.*}}, %{{.*}}] by %{{.*}} axis 1 : memref
  %0 = tegula.gather %v[%i, %c0] by %j axis 1 upto [%n, %d] pad %zero : f32 : memref<?x8x?xf32>, tensor<4xi32> -> tensor<2x4x16xf32>
  return %0 : tensor<2x4x16xf32>
}

// Limit 0 is that of axis 1: not what axis 0 has.
// CHECK-LABEL: @kept
func.func @kept(%v: memref<?x?xf32>, %t: tensor<4x16xf32>, %j: tensor<4xi32>, %i: index) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %v, %c0 : memref<?x?xf32>
  // CHECK: tegula.scatter %{{.*}}, %{{.*}}[%{{.*}}] by %{{.*}} axis 0 upto [%{{.*}}] :
  tegula.scatter %t, %v[%i] by %j axis 0 upto [%n] : tensor<4x16xf32>, memref<?x?xf32>, tensor<4xi32>
  return
}
