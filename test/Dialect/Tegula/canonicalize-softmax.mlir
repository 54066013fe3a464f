// RUN: tegula-opt %s -canonicalize | FileCheck %s

!st = !tegula.softmax<4x8xf32>

// CHECK-LABEL: @update
// CHECK-SAME:    %[[S:.*]]: !tegula.softmax<4x8xf32>, %[[X:.*]]: tensor<4x2xf32>, %[[V:.*]]: tensor<2x8xf32>
func.func @update(%s: !st, %x: tensor<4x2xf32>, %v: tensor<2x8xf32>) -> (!st, !st, !st) {
  %ninf = arith.constant dense<0xFF800000> : tensor<4x2xf32>
  %one = arith.constant 1.0 : f32
  %ones = arith.constant dense<1.0> : tensor<4x2xf32>
  // Weights of -inf change nothing.
  %0 = tegula.softmax_update %s, %ninf, %v : !st, tensor<4x2xf32>, tensor<2x8xf32>
  // Factors of 1
  // CHECK: %[[R1:.*]] = tegula.softmax_update %[[S]], %[[X]], %[[V]] : !tegula
  %1 = tegula.softmax_update %s, %x, %v scale %one : f32 mult %ones : tensor<4x2xf32> : !st, tensor<4x2xf32>, tensor<2x8xf32>
  // .. but a multiplier may hold NaN.
  // CHECK: %[[R2:.*]] = tegula.softmax_update %[[S]], %{{.*}}, %[[V]] mult %[[X]]
  %2 = tegula.softmax_update %s, %ninf, %v mult %x : tensor<4x2xf32> : !st, tensor<4x2xf32>, tensor<2x8xf32>
  // CHECK: return %[[S]], %[[R1]], %[[R2]]
  return %0, %1, %2 : !st, !st, !st
}

// CHECK-LABEL: @merge
// CHECK-SAME:    %[[S:.*]]: !tegula.softmax<4x8xf32>
func.func @merge(%s: !st) -> (!st, !st) {
  %init = tegula.softmax_init : !st
  %0 = tegula.softmax_merge %s, %init : !st
  %1 = tegula.softmax_merge %init, %s : !st
  // CHECK: return %[[S]], %[[S]]
  return %0, %1 : !st, !st
}

// CHECK-LABEL: @parts
// CHECK-SAME:    %[[S:.*]]: !tegula.softmax<4x8xf32>, %[[M:.*]]: tensor<4xf32>, %[[L:.*]]: tensor<4xf32>, %[[A:.*]]: tensor<4x8xf32>
func.func @parts(%s: !st, %m: tensor<4xf32>, %l: tensor<4xf32>, %acc: tensor<4x8xf32>)
    -> (!st, !st, tensor<4xf32>, tensor<4xf32>, tensor<4x8xf32>) {
  %a:3 = tegula.softmax_parts %s : !st
  %0 = tegula.softmax_state %a#0, %a#1, %a#2 : !st
  // Other parts make another state.
  // CHECK: %[[P:.*]], %[[Q:.*]], %[[R:.*]] = tegula.softmax_parts %[[S]]
  // CHECK: %[[R1:.*]] = tegula.softmax_state %[[P]], %[[P]], %[[R]]
  %1 = tegula.softmax_state %a#0, %a#0, %a#2 : !st
  %b = tegula.softmax_state %m, %l, %acc : !st
  %2:3 = tegula.softmax_parts %b : !st
  // CHECK: return %[[S]], %[[R1]], %[[M]], %[[L]], %[[A]]
  return %0, %1, %2#0, %2#1, %2#2 : !st, !st, tensor<4xf32>, tensor<4xf32>, tensor<4x8xf32>
}
