// RUN: tegula-opt %s --expand-vector-math --split-input-file | FileCheck %s

// The maximum of machines gives its second operand where one is NaN: what is missing
// is a NaN in the first.
// CHECK-LABEL: func @maximum
// CHECK-SAME: %[[A:.*]]: vector<16xf32>, %[[B:.*]]: vector<16xf32>
// CHECK: %[[C:.*]] = arith.cmpf ogt, %[[A]], %[[B]]
// CHECK: %[[M:.*]] = arith.select %[[C]], %[[A]], %[[B]]
// CHECK: %[[U:.*]] = arith.cmpf uno, %[[A]], %[[A]]
// CHECK: %[[NAN:.*]] = arith.constant dense<0x7FC00000>
// CHECK: arith.select %[[U]], %[[NAN]], %[[M]]
func.func @maximum(%a: vector<16xf32>, %b: vector<16xf32>) -> vector<16xf32> {
  %m = arith.maximumf %a, %b : vector<16xf32>
  return %m : vector<16xf32>
}

// -----

// CHECK-LABEL: func @number
// CHECK-SAME: %[[A:.*]]: f64, %[[B:.*]]: f64
// CHECK: %[[C:.*]] = arith.cmpf olt, %[[A]], %[[B]] : f64
// CHECK: %[[M:.*]] = arith.select %[[C]], %[[A]], %[[B]]
// CHECK: %[[U:.*]] = arith.cmpf uno, %[[B]], %[[B]]
// CHECK: arith.select %[[U]], %[[A]], %[[M]]
func.func @number(%a: f64, %b: f64) -> f64 {
  %m = arith.minnumf %a, %b : f64
  return %m : f64
}

// -----

// By halves, which overlap where the length is odd; NaN by one look at all.
// CHECK-LABEL: func @row
// CHECK-SAME: %[[X:.*]]: vector<6xf32>, %[[ACC:.*]]: f32
// CHECK: vector.shuffle %[[X]], %[[X]] [0, 1, 2]
// CHECK: vector.shuffle %[[X]], %[[X]] [3, 4, 5]
// CHECK: arith.cmpf ogt
// CHECK: vector.shuffle {{.*}} [0, 1]
// CHECK: vector.shuffle {{.*}} [1, 2]
// CHECK: vector.shuffle {{.*}} [0]
// CHECK: vector.shuffle {{.*}} [1]
// CHECK: %[[NANS:.*]] = arith.cmpf uno, %[[X]], %[[X]] : vector<6xf32>
// CHECK: %[[ANY:.*]] = vector.reduction <or>, %[[NANS]] : vector<6xi1> into i1
// CHECK: arith.select %[[ANY]],
// CHECK: arith.cmpf ogt, {{.*}}, %[[ACC]] : f32
func.func @row(%x: vector<6xf32>, %acc: f32) -> f32 {
  %m = vector.reduction <maximumf>, %x, %acc : vector<6xf32> into f32
  return %m : f32
}

// -----

// CHECK-LABEL: func @rows
// CHECK-NOT: vector.multi_reduction <maximumf>
// CHECK: vector.multi_reduction <add>
// CHECK-NOT: arith.maximumf
func.func @rows(%x: vector<4x8xf32>, %acc: vector<4xf32>) -> (vector<4xf32>, vector<8xf32>, vector<4xf32>) {
  %inner = vector.multi_reduction <maximumf>, %x, %acc [1] : vector<4x8xf32> to vector<4xf32>
  %zero = arith.constant dense<0.0> : vector<8xf32>
  %outer = vector.multi_reduction <minimumf>, %x, %zero [0] : vector<4x8xf32> to vector<8xf32>
  %sum = vector.multi_reduction <add>, %x, %acc [1] : vector<4x8xf32> to vector<4xf32>
  return %inner, %outer, %sum : vector<4xf32>, vector<8xf32>, vector<4xf32>
}
