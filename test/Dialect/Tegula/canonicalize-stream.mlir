// RUN: tegula-opt %s -canonicalize | FileCheck %s

// Of no trip, of one, and of an unknown number
// CHECK-LABEL: @short
// CHECK-SAME:    %[[LO:.*]]: index, %[[HI:.*]]: index, %[[A:.*]]: index
func.func @short(%lo: index, %hi: index, %a0: index) -> (index, index, index, index, index, index) {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  // CHECK-DAG: %[[C2:.*]] = arith.constant 2 : index
  %c2 = arith.constant 2 : index
  %0 = tegula.stream %n = %c3 to %c3 step 4 iter_args(%a = %a0) -> (index) {
    %b = arith.addi %a, %n : index
    tegula.yield %b : index
  }
  %1 = tegula.stream %n = %lo to %lo step 4 iter_args(%a = %a0) -> (index) {
    %b = arith.addi %a, %n : index
    tegula.yield %b : index
  }
  // CHECK: %[[R2:.*]] = arith.addi %[[A]], %[[C2]] : index
  %2 = tegula.stream %n = %c2 to %c4 step 2 iter_args(%a = %a0) -> (index) {
    %b = arith.addi %a, %n : index
    tegula.yield %b : index
  }
  // CHECK: %[[R3:.*]] = arith.addi %[[A]], %[[LO]] : index
  %end = arith.addi %lo, %c4 : index
  %3 = tegula.stream %n = %lo to %end step 4 order down iter_args(%a = %a0) -> (index) {
    %b = arith.addi %a, %n : index
    tegula.yield %b : index
  }
  // CHECK: %[[R4:.*]] = tegula.stream {{.*}} step 3
  %4 = tegula.stream %n = %lo to %end step 3 iter_args(%a = %a0) -> (index) {
    %b = arith.addi %a, %n : index
    tegula.yield %b : index
  }
  // CHECK: %[[R5:.*]] = tegula.stream {{.*}} = %[[LO]] to %[[HI]] step 4
  %5 = tegula.stream %n = %lo to %hi step 4 iter_args(%a = %a0) -> (index) {
    %b = arith.addi %a, %n : index
    tegula.yield %b : index
  }
  // CHECK: return %[[A]], %[[A]], %[[R2]], %[[R3]], %[[R4]], %[[R5]]
  return %0, %1, %2, %3, %4, %5 : index, index, index, index, index, index
}

// What no trip changes, and what nobody reads, is not carried.
// CHECK-LABEL: @carried
// CHECK-SAME:    %[[LO:.*]]: index, %[[HI:.*]]: index, %[[A:.*]]: f32, %[[V:.*]]: memref<?xf32>
func.func @carried(%lo: index, %hi: index, %a0: f32, %v: memref<?xf32>) -> (f32, f32) {
  // CHECK: %[[R:.*]] = tegula.stream %[[N:.*]] = %[[LO]] to %[[HI]] step 4 label "l" iter_args(%[[B:.*]] = %[[A]]) -> (f32) attributes {note} {
  // CHECK-NEXT:   %[[X:.*]] = memref.load %[[V]][%[[N]]]
  // CHECK-NEXT:   %[[Y:.*]] = arith.mulf %[[X]], %[[A]]
  // CHECK-NEXT:   %[[S:.*]] = arith.addf %[[B]], %[[Y]]
  // CHECK-NEXT:   tegula.yield %[[S]] : f32
  %r:3 = tegula.stream %n = %lo to %hi step 4 label "l" iter_args(%same = %a0, %b = %a0, %unread = %a0) -> (f32, f32, f32) attributes {note} {
    %x = memref.load %v[%n] : memref<?xf32>
    %y = arith.mulf %x, %same : f32
    %s = arith.addf %b, %y : f32
    %u = arith.mulf %unread, %x : f32
    tegula.yield %same, %s, %u : f32, f32, f32
  }
  // CHECK: return %[[A]], %[[R]]
  return %r#0, %r#1 : f32, f32
}

// One trip inside a stream with a schedule stays: the schedule has no rows for
// what would move into it.
// CHECK-LABEL: @scheduled
func.func @scheduled(%lo: index, %hi: index, %v: memref<?xf32>, %w: memref<?xf32>) {
  // CHECK: tegula.stream
  // CHECK:   tegula.stream
  tegula.stream %n = %lo to %hi step 4 schedule<[<all 0 "xt">]> {
    %x = tegula.load %v[%n] label "xt" : memref<?xf32> -> tensor<4xf32>
    %end = arith.addi %n, %hi : index
    tegula.store %x, %w[%end] : tensor<4xf32>, memref<?xf32>
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    tegula.stream %k = %c0 to %c1 step 4 {
      %y = tegula.load %v[%k] label "yt" : memref<?xf32> -> tensor<4xf32>
      tegula.store %y, %w[%n] label "out" : tensor<4xf32>, memref<?xf32>
      tegula.yield
    }
    tegula.yield
  }
  return
}

// A stream without effects whose results nobody reads is not there.
// CHECK-LABEL: @dead
func.func @dead(%lo: index, %hi: index, %a0: tensor<4xf32>, %v: memref<?xf32>) {
  // CHECK-NEXT: return
  %r = tegula.stream %n = %lo to %hi step 4 iter_args(%a = %a0) -> (tensor<4xf32>) {
    %x = tegula.load %v[%n] : memref<?xf32> -> tensor<4xf32>
    %s = arith.addf %a, %x : tensor<4xf32>
    %e = math.exp %s : tensor<4xf32>
    tegula.yield %e : tensor<4xf32>
  }
  return
}
