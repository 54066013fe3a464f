// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @dot
func.func @dot(%a: tensor<128x64xbf16>, %b: tensor<64x32xbf16>, %bt: tensor<32x64xbf16>, %c: tensor<128x32xf32>) {
  // CHECK: tegula.dot %{{.*}}, %{{.*}} : tensor<128x64xbf16>, tensor<64x32xbf16> -> tensor<128x32xf32>
  %0 = tegula.dot %a, %b : tensor<128x64xbf16>, tensor<64x32xbf16> -> tensor<128x32xf32>
  // CHECK: tegula.dot %{{.*}}, trans %{{.*}} acc %{{.*}} label "s" : tensor<128x64xbf16>, tensor<32x64xbf16> -> tensor<128x32xf32>
  %1 = tegula.dot %a, trans %bt acc %c label "s" : tensor<128x64xbf16>, tensor<32x64xbf16> -> tensor<128x32xf32>
  return
}

// CHECK-LABEL: @types
func.func @types(%i: tensor<2x3xi8>, %j: tensor<3x4xi8>, %d: tensor<2x3xf64>, %e: tensor<3x4xf64>, %h: tensor<2x3xf16>, %k: tensor<3x4xf16>, %p: tensor<2x3xf8E4M3FN>, %q: tensor<3x4xf8E4M3FN>) {
  // CHECK: -> tensor<2x4xi32>
  %0 = tegula.dot %i, %j : tensor<2x3xi8>, tensor<3x4xi8> -> tensor<2x4xi32>
  // CHECK: -> tensor<2x4xf64>
  %1 = tegula.dot %d, %e : tensor<2x3xf64>, tensor<3x4xf64> -> tensor<2x4xf64>
  // CHECK: -> tensor<2x4xf32>
  %2 = tegula.dot %h, %k : tensor<2x3xf16>, tensor<3x4xf16> -> tensor<2x4xf32>
  // CHECK: -> tensor<2x4xf32>
  %3 = tegula.dot %p, %q : tensor<2x3xf8E4M3FN>, tensor<3x4xf8E4M3FN> -> tensor<2x4xf32>
  return
}

// CHECK-LABEL: @batched
func.func @batched(%a: tensor<5x1x3x2xf32>, %b: tensor<1x6x3x4xf32>) {
  // CHECK: tegula.dot trans %{{.*}}, %{{.*}} precision<tf32x3> : tensor<5x1x3x2xf32>, tensor<1x6x3x4xf32> -> tensor<5x6x2x4xf32>
  %0 = tegula.dot trans %a, %b precision<tf32x3> : tensor<5x1x3x2xf32>, tensor<1x6x3x4xf32> -> tensor<5x6x2x4xf32>
  return
}
