// RUN: tegula-opt %s -canonicalize | FileCheck %s

// Arithmetic on splats is arithmetic on scalars.
// CHECK-LABEL: @splats
// CHECK-SAME:    %[[A:.*]]: f32, %[[B:.*]]: f32, %[[T:.*]]: tensor<8xf32>
func.func @splats(%a: f32, %b: f32, %t: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>, tensor<8xi1>) {
  // CHECK-DAG: %[[C2:.*]] = arith.constant 2.000000e+00 : f32
  // CHECK-DAG: %[[M:.*]] = arith.mulf %[[A]], %[[B]] fastmath<contract> : f32
  // CHECK-DAG: %[[X:.*]] = math.exp %[[M]] : f32
  // CHECK-DAG: %[[R0:.*]] = tensor.splat %[[X]] : tensor<8xf32>
  %as = tensor.splat %a : tensor<8xf32>
  %bs = tensor.splat %b : tensor<8xf32>
  %m = arith.mulf %as, %bs fastmath<contract> : tensor<8xf32>
  %0 = math.exp %m : tensor<8xf32>
  // CHECK-DAG: %[[R1:.*]] = arith.addf %[[T]], %{{.*}} : tensor<8xf32>
  %1 = arith.addf %t, %as : tensor<8xf32>
  // CHECK-DAG: %[[L:.*]] = arith.cmpf olt, %[[A]], %[[C2]] : f32
  // CHECK-DAG: %[[R2:.*]] = tensor.splat %[[L]] : tensor<8xi1>
  %two = arith.constant dense<2.0> : tensor<8xf32>
  %2 = arith.cmpf olt, %as, %two : tensor<8xf32>
  // CHECK: return %[[R0]], %[[R1]], %[[R2]]
  return %0, %1, %2 : tensor<8xf32>, tensor<8xf32>, tensor<8xi1>
}

// What upstream folds of masks, casts and sizes, which our passes count on.
// CHECK-LABEL: @upstream
// CHECK-SAME:    %[[X:.*]]: tensor<8xf32>, %[[M:.*]]: tensor<8xi1>, %[[H:.*]]: tensor<8xbf16>, %[[V:.*]]: memref<?x?xf32>, %[[N:.*]]: index
func.func @upstream(%x: tensor<8xf32>, %m: tensor<8xi1>, %h: tensor<8xbf16>, %v: memref<?x?xf32>, %n: index)
    -> (tensor<8xf32>, tensor<8xi1>, tensor<8xbf16>, index) {
  %true = arith.constant dense<true> : tensor<8xi1>
  %fill = arith.constant dense<0.0> : tensor<8xf32>
  %and = arith.andi %m, %true : tensor<8xi1>
  %0 = arith.select %true, %x, %fill : tensor<8xi1>, tensor<8xf32>
  %wide = arith.extf %h : tensor<8xbf16> to tensor<8xf32>
  %1 = arith.truncf %wide : tensor<8xf32> to tensor<8xbf16>
  %c1 = arith.constant 1 : index
  %c0 = arith.constant 0 : index
  %row = memref.subview %v[%n, 0] [1, %n] [1, 1] : memref<?x?xf32> to memref<?xf32, strided<[1], offset: ?>>
  %2 = memref.dim %row, %c0 : memref<?xf32, strided<[1], offset: ?>>
  // CHECK-NEXT: return %[[X]], %[[M]], %[[H]], %[[N]]
  return %0, %and, %1, %2 : tensor<8xf32>, tensor<8xi1>, tensor<8xbf16>, index
}

// Constants stay in the grid: the host has no use for tiles.
// CHECK-LABEL: tegula.kernel @constants
tegula.kernel @constants(out %y: memref<8xf32>, %n: index) {
  // CHECK-NOT: dense
  // CHECK:     tegula.grid
  // CHECK:       arith.constant dense<2.000000e+00> : tensor<8xf32>
  tegula.grid (%i) to (%n) step (8) {
    %one = arith.constant dense<1.0> : tensor<8xf32>
    %two = arith.addf %one, %one : tensor<8xf32>
    tegula.store %two, %y[%i] : tensor<8xf32>, memref<8xf32>
    tegula.yield
  }
  tegula.return
}
