// RUN: tegula-opt %s -canonicalize | FileCheck %s

// Swaps of the last two axes go into the product.
// CHECK-LABEL: @transposes
// CHECK-SAME:    %[[A:.*]]: tensor<8x4xf32>, %[[B:.*]]: tensor<2x8xf32>, %[[C:.*]]: tensor<3x5x4xf32>
func.func @transposes(%a: tensor<8x4xf32>, %b: tensor<2x8xf32>, %c: tensor<3x5x4xf32>) -> (tensor<4x2xf32>, tensor<3x5x5xf32>, tensor<5x3x3xf32>) {
  // CHECK-NOT: tegula.transpose %{{.*}} perm [1, 0]
  // CHECK: tegula.dot trans %[[A]], trans %[[B]] : tensor<8x4xf32>, tensor<2x8xf32> -> tensor<4x2xf32>
  %at = tegula.transpose %a perm [1, 0] : tensor<8x4xf32> -> tensor<4x8xf32>
  %bt = tegula.transpose %b perm [1, 0] : tensor<2x8xf32> -> tensor<8x2xf32>
  %0 = tegula.dot %at, %bt : tensor<4x8xf32>, tensor<8x2xf32> -> tensor<4x2xf32>
  // Twice swapped is not swapped.
  // CHECK: tegula.dot %[[C]], trans %[[C]] : tensor<3x5x4xf32>, tensor<3x5x4xf32>
  %ct = tegula.transpose %c perm [0, 2, 1] : tensor<3x5x4xf32> -> tensor<3x4x5xf32>
  %1 = tegula.dot trans %ct, %ct : tensor<3x4x5xf32>, tensor<3x4x5xf32> -> tensor<3x5x5xf32>
  // Another permutation stays.
  // CHECK: %[[P:.*]] = tegula.transpose %[[C]] perm [1, 0, 2]
  // CHECK: tegula.dot %[[P]], trans %[[P]]
  %p = tegula.transpose %c perm [1, 0, 2] : tensor<3x5x4xf32> -> tensor<5x3x4xf32>
  %2 = tegula.dot %p, trans %p : tensor<5x3x4xf32>, tensor<5x3x4xf32> -> tensor<5x3x3xf32>
  return %0, %1, %2 : tensor<4x2xf32>, tensor<3x5x5xf32>, tensor<5x3x3xf32>
}

// CHECK-LABEL: @zero_acc
func.func @zero_acc(%a: tensor<4x4xf32>, %i: tensor<4x4xi8>) -> (tensor<4x4xf32>, tensor<4x4xi32>, tensor<4x4xf32>) {
  // CHECK: %[[M:.*]] = arith.constant dense<-0.000000e+00> : tensor<4x4xf32>
  %z = arith.constant dense<0.0> : tensor<4x4xf32>
  %zi = arith.constant dense<0> : tensor<4x4xi32>
  %m = arith.constant dense<-0.0> : tensor<4x4xf32>
  // CHECK: tegula.dot %{{.*}}, %{{.*}} : tensor<4x4xf32>
  %0 = tegula.dot %a, %a acc %z : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  // CHECK: tegula.dot %{{.*}}, %{{.*}} : tensor<4x4xi8>
  %1 = tegula.dot %i, %i acc %zi : tensor<4x4xi8>, tensor<4x4xi8> -> tensor<4x4xi32>
  // The other zero is not what a sum starts with.
  // CHECK: tegula.dot %{{.*}}, %{{.*}} acc %[[M]] : tensor<4x4xf32>
  %2 = tegula.dot %a, %a acc %m : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  return %0, %1, %2 : tensor<4x4xf32>, tensor<4x4xi32>, tensor<4x4xf32>
}

// What is added to a product is what its sum starts with.
// CHECK-LABEL: @add
// CHECK-SAME:    %[[A:.*]]: tensor<4x4xf32>, %[[C:.*]]: tensor<4x4xf32>
func.func @add(%a: tensor<4x4xf32>, %c: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  // CHECK-NEXT: tegula.dot %[[A]], trans %[[A]] acc %[[C]] label "s" :
  %0 = tegula.dot %a, trans %a label "s" : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %1 = arith.addf %c, %0 : tensor<4x4xf32>
  // Not where the product is used by itself as well.
  // CHECK-NEXT: %[[P:.*]] = tegula.dot %[[A]], %[[A]] :
  // CHECK-NEXT: %[[S:.*]] = arith.addf %[[P]], %[[C]]
  // CHECK-NEXT: arith.mulf %[[S]], %[[P]]
  %2 = tegula.dot %a, %a : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %3 = arith.addf %2, %c : tensor<4x4xf32>
  %4 = arith.mulf %3, %2 : tensor<4x4xf32>
  return %1, %4 : tensor<4x4xf32>, tensor<4x4xf32>
}
