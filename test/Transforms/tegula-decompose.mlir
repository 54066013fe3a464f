// RUN: tegula-opt %s -tegula-decompose | FileCheck %s
// RUN: tegula-opt %s -tegula-decompose -tegula-decompose | FileCheck %s

!st = !tegula.softmax<4x2xf32>

// One update, with everything: labels and the policy reach the inner ops.

// CHECK-LABEL: @update
// CHECK-SAME:    %[[M:.*]]: tensor<4xf32>, %[[L:.*]]: tensor<4xf32>, %[[A:.*]]: tensor<4x2xf32>, %[[X:.*]]: tensor<4x8xf32>, %[[V:.*]]: tensor<8x2xbf16>, %[[C:.*]]: f32, %[[W:.*]]: tensor<4x8xf32>
func.func @update(%m: tensor<4xf32>, %l: tensor<4xf32>, %a: tensor<4x2xf32>, %x: tensor<4x8xf32>, %v: tensor<8x2xbf16>, %c: f32, %w: tensor<4x8xf32>)
    -> (tensor<4xf32>, tensor<4xf32>, tensor<4x2xf32>) {
  %s = tegula.softmax_state %m, %l, %a : !st
  // CHECK:      %[[CS:.*]] = tensor.splat %[[C]] : tensor<4x8xf32>
  // CHECK:      %[[Y:.*]] = arith.mulf %[[X]], %[[CS]]
  // CHECK:      %[[MAX:.*]] = tegula.reduce max %[[Y]] axis 1 label "st.max"
  // CHECK:      %[[M1:.*]] = arith.maximumf %[[M]], %[[MAX]]
  // A row that has seen nothing has no maximum: its base is 0, not -inf.
  // CHECK:      %[[NINF:.*]] = arith.constant dense<0xFF800000> : tensor<4xf32>
  // CHECK:      %[[NONE:.*]] = arith.cmpf oeq, %[[M1]], %[[NINF]]
  // CHECK:      %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : tensor<4xf32>
  // CHECK:      %[[BASE:.*]] = arith.select %[[NONE]], %[[ZERO]], %[[M1]]
  // CHECK:      %[[D:.*]] = arith.subf %[[M]], %[[BASE]]
  // CHECK:      arith.mulf %[[D]], %{{.*}} : tensor<4xf32>
  // CHECK:      %[[ALPHA:.*]] = tegula.exp2 %{{.*}} policy <mix> : tensor<4xf32>
  // CHECK:      %[[BB:.*]] = tegula.broadcast %[[BASE]] dims [0] : tensor<4xf32> -> tensor<4x8xf32>
  // CHECK:      %[[E:.*]] = arith.subf %[[Y]], %[[BB]]
  // CHECK:      %[[E2:.*]] = arith.mulf %[[E]], %{{.*}} : tensor<4x8xf32>
  // CHECK:      %[[P:.*]] = tegula.exp2 %[[E2]] policy <mix> label "st.exp" : tensor<4x8xf32>
  // CHECK:      %[[PW:.*]] = arith.mulf %[[P]], %[[W]]
  // The sum is of weights before they are rounded.
  // CHECK:      %[[SUM:.*]] = tegula.reduce add %[[PW]] axis 1 label "st.sum"
  // CHECK:      %[[LA:.*]] = arith.mulf %[[L]], %[[ALPHA]]
  // CHECK:      %[[L1:.*]] = arith.addf %[[LA]], %[[SUM]]
  // CHECK:      %[[PH:.*]] = arith.truncf %[[PW]] : tensor<4x8xf32> to tensor<4x8xbf16>
  // CHECK:      %[[AB:.*]] = tegula.broadcast %[[ALPHA]] dims [0] : tensor<4xf32> -> tensor<4x2xf32>
  // CHECK:      %[[AA:.*]] = arith.mulf %[[A]], %[[AB]]
  // CHECK:      %[[A1:.*]] = tegula.dot %[[PH]], %[[V]] acc %[[AA]] label "st.dot" : tensor<4x8xbf16>, tensor<8x2xbf16> -> tensor<4x2xf32>
  // CHECK:      return %[[M1]], %[[L1]], %[[A1]]
  %s1 = tegula.softmax_update %s, %x, %v scale %c : f32 mult %w : tensor<4x8xf32> policy <mix> label "st" : !st, tensor<4x8xf32>, tensor<8x2xbf16>
  %r:3 = tegula.softmax_parts %s1 : !st
  return %r#0, %r#1, %r#2 : tensor<4xf32>, tensor<4xf32>, tensor<4x2xf32>
}

// A stream carries the parts. `any` was said of the state: the parts are updated
// together, in one order.

// CHECK-LABEL: @stream
func.func @stream(%lo: index, %hi: index, %x: tensor<4x8xf32>, %v: tensor<8x2xf32>) -> (tensor<4x2xf32>, tensor<4xf32>) {
  // CHECK-DAG: %[[M0:.*]] = arith.constant dense<0xFF800000> : tensor<4xf32>
  // CHECK-DAG: %[[L0:.*]] = arith.constant dense<0.000000e+00> : tensor<4xf32>
  // CHECK-DAG: %[[A0:.*]] = arith.constant dense<0.000000e+00> : tensor<4x2xf32>
  %s0 = tegula.softmax_init : !st
  // CHECK: %[[R:.*]]:3 = tegula.stream %{{.*}} = %{{.*}} to %{{.*}} step 8 label "keys" iter_args(%[[M:.*]] = %[[M0]], %[[L:.*]] = %[[L0]], %[[A:.*]] = %[[A0]]) -> (tensor<4xf32>, tensor<4xf32>, tensor<4x2xf32>) {
  // Without a policy it is the plain exponential.
  // CHECK:   math.exp
  // CHECK:   tegula.yield %{{.*}}, %{{.*}}, %{{.*}} : tensor<4xf32>, tensor<4xf32>, tensor<4x2xf32>
  %s = tegula.stream %n = %lo to %hi step 8 order any label "keys" iter_args(%c = %s0) -> (!st) {
    %u = tegula.softmax_update %c, %x, %v : !st, tensor<4x8xf32>, tensor<8x2xf32>
    tegula.yield %u : !st
  }
  // Where the sum is 0 the result is 0, and its logarithm -inf.
  // CHECK: %[[EMPTY:.*]] = arith.cmpf oeq, %[[R]]#1, %{{.*}}
  // CHECK: %[[DIV:.*]] = arith.select %[[EMPTY]], %{{.*}}, %[[R]]#1
  // CHECK: %[[Q:.*]] = arith.divf %[[R]]#2, %{{.*}}
  // CHECK: %[[O:.*]] = arith.select %{{.*}}, %{{.*}}, %[[Q]]
  // CHECK: %[[LN:.*]] = math.log %[[DIV]]
  // CHECK: arith.addf %[[R]]#0, %[[LN]]
  // CHECK: arith.select %[[EMPTY]],
  %o, %l = tegula.softmax_finish %s : !st -> tensor<4x2xf32>, tensor<4xf32>
  return %o, %l : tensor<4x2xf32>, tensor<4xf32>
}

// Branches give parts; a merge weighs both sides by their distance from the
// common maximum.

// CHECK-LABEL: @merge
func.func @merge(%b: i1, %x: tensor<4x8xf32>, %v: tensor<8x2xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4x2xf32>) {
  %s0 = tegula.softmax_init : !st
  %s1 = tegula.softmax_update %s0, %x, %v policy <hw> : !st, tensor<4x8xf32>, tensor<8x2xf32>
  // CHECK: %[[S:.*]]:3 = scf.if %{{.*}} -> (tensor<4xf32>, tensor<4xf32>, tensor<4x2xf32>) {
  %s2 = scf.if %b -> (!st) {
    scf.yield %s1 : !st
  } else {
    scf.yield %s0 : !st
  }
  // CHECK: %[[M:.*]] = arith.maximumf %{{.*}}, %[[S]]#0
  // CHECK: tegula.exp2 %{{.*}} policy <hw>
  // CHECK: tegula.exp2 %{{.*}} policy <hw>
  // CHECK: %[[L:.*]] = arith.addf
  // CHECK: %[[A:.*]] = arith.addf
  // CHECK: return %[[M]], %[[L]], %[[A]]
  %s3 = tegula.softmax_merge %s1, %s2 policy <hw> : !st
  %r:3 = tegula.softmax_parts %s3 : !st
  return %r#0, %r#1, %r#2 : tensor<4xf32>, tensor<4xf32>, tensor<4x2xf32>
}

// In f64, nothing is rounded on the way.

// CHECK-LABEL: @double
func.func @double(%x: tensor<4x8xf64>, %v: tensor<8x2xf64>) -> tensor<4x2xf64> {
  // CHECK-NOT: arith.truncf
  // CHECK: tegula.dot %{{.*}}, %{{.*}} acc %{{.*}} : tensor<4x8xf64>, tensor<8x2xf64> -> tensor<4x2xf64>
  %s0 = tegula.softmax_init : !tegula.softmax<4x2xf64>
  %s1 = tegula.softmax_update %s0, %x, %v : !tegula.softmax<4x2xf64>, tensor<4x8xf64>, tensor<8x2xf64>
  %m, %l, %acc = tegula.softmax_parts %s1 : !tegula.softmax<4x2xf64>
  return %acc : tensor<4x2xf64>
}

// How many segments end at or before a position.
// CHECK-LABEL: @segments
// CHECK-DAG: %[[P:.*]] = tegula.iota %{{.*}} : tensor<8xi32>
// CHECK-DAG: %[[C:.*]] = tegula.broadcast %[[P]] dims [1] : tensor<8xi32> -> tensor<3x8xi32>
// CHECK-DAG: %[[R:.*]] = tegula.broadcast %{{.*}} dims [0] : tensor<3xi32> -> tensor<3x8xi32>
// CHECK: %[[B:.*]] = arith.cmpi sle, %[[R]], %[[C]]
// CHECK: %[[N:.*]] = arith.extui %[[B]]
// CHECK: tegula.reduce add %[[N]] axis 0 : tensor<3x8xi32> -> tensor<8xi32>
func.func @segments(%ends: tensor<3xi32>, %e: index) -> tensor<8xi32> {
  %0 = tegula.segment_ids %ends, %e : tensor<3xi32> -> tensor<8xi32>
  return %0 : tensor<8xi32>
}

// Two products; the value in the middle is rounded to the operands' type.
// CHECK-LABEL: @low_rank
// CHECK-SAME:    %[[X:.*]]: tensor<64x32xbf16>, %[[U:.*]]: tensor<8x32xbf16>, %[[V:.*]]: tensor<8x48xbf16>
// CHECK: %[[M:.*]] = tegula.dot %[[X]], trans %[[U]] label "y.mid" : tensor<64x32xbf16>, tensor<8x32xbf16> -> tensor<64x8xf32>
// CHECK: %[[N:.*]] = arith.truncf %[[M]] : tensor<64x8xf32> to tensor<64x8xbf16>
// CHECK: tegula.dot %[[N]], %[[V]] label "y.out" : tensor<64x8xbf16>, tensor<8x48xbf16> -> tensor<64x48xf32>
// CHECK: %[[M:.*]] = tegula.dot trans %[[U]], %[[V]] : tensor<8x32xbf16>, tensor<8x48xbf16> -> tensor<32x48xf32>
// CHECK: %[[N:.*]] = arith.truncf %[[M]]
// CHECK: tegula.dot %[[X]], %[[N]] : tensor<64x32xbf16>, tensor<32x48xbf16> -> tensor<64x48xf32>
func.func @low_rank(%x: tensor<64x32xbf16>, %u: tensor<8x32xbf16>, %v: tensor<8x48xbf16>) -> (tensor<64x48xf32>, tensor<64x48xf32>) {
  %0 = tegula.low_rank_dot %x, trans %u, %v label "y" : tensor<64x32xbf16>, tensor<8x32xbf16>, tensor<8x48xbf16> -> tensor<64x48xf32>
  %1 = tegula.low_rank_dot %x, trans %u, %v association right : tensor<64x32xbf16>, tensor<8x32xbf16>, tensor<8x48xbf16> -> tensor<64x48xf32>
  return %0, %1 : tensor<64x48xf32>, tensor<64x48xf32>
}

// A real signal of two stages: two products, twiddles, four products. Rows that are
// zero, and frequencies that are not kept, are no part of any.
// CHECK-LABEL: @real
// CHECK-DAG: %[[X:.*]] = tegula.reshape %{{.*}} : tensor<3x8xbf16> -> tensor<3x2x4xbf16>
// CHECK: tegula.dot %{{.*}}, %[[X]] label "f.stage0" : tensor<1x4x2xbf16>, tensor<3x2x4xbf16> -> tensor<3x4x4xf32>
// CHECK: tegula.dot %{{.*}}, %[[X]] : tensor<1x4x2xbf16>, tensor<3x2x4xbf16> -> tensor<3x4x4xf32>
// CHECK-COUNT-4: arith.mulf
// CHECK-COUNT-2: arith.truncf
// CHECK: tegula.dot %{{.*}}, %{{.*}} label "f.stage1" : tensor<12x4xbf16>, tensor<4x3xbf16> -> tensor<12x3xf32>
// CHECK-COUNT-3: tegula.dot
// CHECK-NOT: tegula.dot
func.func @real(%x: tensor<3x8xbf16>) -> (tensor<3x12xf32>, tensor<3x12xf32>) {
  %0, %1 = tegula.butterfly %x dft [4, 4] rows 2 keep [4, 3] label "f" : tensor<3x8xbf16> -> tensor<3x12xf32>
  return %0, %1 : tensor<3x12xf32>, tensor<3x12xf32>
}

// `any` permits one fixed order; from here on it is chosen.
// CHECK-LABEL: @any
// CHECK: tegula.stream %{{.*}} = %{{.*}} to %{{.*}} step 4 iter_args
func.func @any(%lo: index, %hi: index, %a: tensor<4xf32>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %r = tegula.stream %n = %lo to %hi step 4 order any iter_args(%s = %a) -> (tensor<4xf32>) {
    %t = arith.addf %s, %x : tensor<4xf32>
    tegula.yield %t : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}
