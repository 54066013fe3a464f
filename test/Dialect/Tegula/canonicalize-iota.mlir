// RUN: tegula-opt %s -canonicalize | FileCheck %s

// Ids of a shifted span are one iota.

// CHECK-LABEL: @shift
// CHECK-SAME:    %[[N:.*]]: index, %[[OFF:.*]]: index, %[[K:.*]]: i32
func.func @shift(%n: index, %off: index, %k: i32) -> (tensor<8xi32>, tensor<8xi32>, tensor<8xi64>, tensor<8xi32>) {
  // CHECK-DAG: %[[C3:.*]] = arith.constant 3 : index
  %ids = tegula.iota %n : tensor<8xi32>
  // CHECK-DAG: %[[S0:.*]] = arith.addi %[[N]], %[[OFF]] : index
  // CHECK-DAG: %[[R0:.*]] = tegula.iota %[[S0]] : tensor<8xi32>
  %off32 = arith.index_cast %off : index to i32
  %offs = tensor.splat %off32 : tensor<8xi32>
  %0 = arith.addi %offs, %ids : tensor<8xi32>
  // CHECK-DAG: %[[KI:.*]] = arith.index_cast %[[K]] : i32 to index
  // CHECK-DAG: %[[S1:.*]] = arith.subi %[[N]], %[[KI]] : index
  // CHECK-DAG: %[[R1:.*]] = tegula.iota %[[S1]] : tensor<8xi32>
  %ks = tensor.splat %k : tensor<8xi32>
  %1 = arith.subi %ids, %ks : tensor<8xi32>
  // CHECK-DAG: %[[S2:.*]] = arith.addi %[[N]], %[[C3]] : index
  // CHECK-DAG: %[[R2:.*]] = tegula.iota %[[S2]] : tensor<8xi64>
  %wide = tegula.iota %n : tensor<8xi64>
  %three = arith.constant dense<3> : tensor<8xi64>
  %2 = arith.addi %wide, %three : tensor<8xi64>
  // A difference the other way round is no iota.
  // CHECK-DAG: %[[R3:.*]] = arith.subi %{{.*}}, %{{.*}} : tensor<8xi32>
  %3 = arith.subi %ks, %ids : tensor<8xi32>
  // CHECK: return %[[R0]], %[[R1]], %[[R2]], %[[R3]]
  return %0, %1, %2, %3 : tensor<8xi32>, tensor<8xi32>, tensor<8xi64>, tensor<8xi32>
}

// `m.ids[:, None] + off`, as the front end writes it
// CHECK-LABEL: @column
// CHECK-SAME:    %[[N:.*]]: index, %[[OFF:.*]]: index
func.func @column(%n: index, %off: index) -> (tensor<8x1xi32>, tensor<8x4xi32>) {
  // CHECK-DAG: %[[S:.*]] = arith.addi %[[N]], %[[OFF]] : index
  // CHECK-DAG: %[[I:.*]] = tegula.iota %[[S]] : tensor<8xi32>
  // CHECK-DAG: %[[R0:.*]] = tegula.broadcast %[[I]] dims [0] : tensor<8xi32> -> tensor<8x1xi32>
  // CHECK-DAG: tegula.broadcast %{{.*}} dims [0] : tensor<8xi32> -> tensor<8x4xi32>
  %ids = tegula.iota %n : tensor<8xi32>
  %column = tegula.broadcast %ids dims [0] : tensor<8xi32> -> tensor<8x1xi32>
  %off32 = arith.index_cast %off : index to i32
  %offs = tensor.splat %off32 : tensor<8x1xi32>
  %0 = arith.addi %column, %offs : tensor<8x1xi32>
  %reshaped = tegula.reshape %ids : tensor<8xi32> -> tensor<8x1xi32>
  %sum = arith.addi %reshaped, %offs : tensor<8x1xi32>
  %1 = tegula.broadcast %sum dims [0, 1] : tensor<8x1xi32> -> tensor<8x4xi32>
  return %0, %1 : tensor<8x1xi32>, tensor<8x4xi32>
}
