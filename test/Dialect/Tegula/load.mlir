// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @load
func.func @load(%v: memref<?x?xf32, strided<[?, 1], offset: ?>>, %w: memref<8xi1>, %i: index, %n: index, %p: f32) {
  // CHECK: tegula.load %{{.*}}[%{{.*}}, %{{.*}}] : memref<?x?xf32, strided<[?, 1], offset: ?>> -> tensor<64x32xf32>
  %0 = tegula.load %v[%i, %n] : memref<?x?xf32, strided<[?, 1], offset: ?>> -> tensor<64x32xf32>
  // CHECK: tegula.load %{{.*}}[%{{.*}}, %{{.*}}] upto [%{{.*}}, %{{.*}}] pad %{{.*}} : f32 label "kt" : memref
  %1 = tegula.load %v[%i, %i] upto [%n, %n] pad %p : f32 label "kt" : memref<?x?xf32, strided<[?, 1], offset: ?>> -> tensor<64x32xf32>
  // CHECK: tegula.load %{{.*}}[%{{.*}}] : memref<8xi1> -> tensor<3xi1>
  %2 = tegula.load %w[%i] : memref<8xi1> -> tensor<3xi1>
  return
}
