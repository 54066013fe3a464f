// RUN: tegula-opt %s -tegula-set-exp-policy | FileCheck %s --check-prefixes=CHECK,POLY
// RUN: tegula-opt %s -tegula-set-exp-policy="policy=hw" | FileCheck %s --check-prefixes=CHECK,HW
// RUN: tegula-opt %s -tegula-set-exp-policy="policy=mix degree=4" | FileCheck %s --check-prefixes=CHECK,MIX
// RUN: not tegula-opt %s -tegula-set-exp-policy="degree=9" 2>&1 | FileCheck %s --check-prefix=DEGREE
// RUN: not tegula-opt %s -tegula-set-exp-policy="policy=fast" 2>&1 | FileCheck %s --check-prefix=NAME

// DEGREE: degree of --tegula-set-exp-policy must be between 3 and 7, got 9
// NAME: Cannot find option named 'fast'

// CHECK-LABEL: @exp2
// CHECK-SAME:    %[[A:.*]]: tensor<4xf32>, %[[B:.*]]: tensor<4xbf16>, %[[C:.*]]: tensor<4xf64>, %[[D:.*]]: f32
func.func @exp2(%a: tensor<4xf32>, %b: tensor<4xbf16>, %c: tensor<4xf64>, %d: f32)
    -> (tensor<4xf32>, tensor<4xbf16>, tensor<4xf64>, f32) {
  // POLY: tegula.exp2 %[[A]] : tensor<4xf32>
  // HW:   tegula.exp2 %[[A]] policy <hw> : tensor<4xf32>
  // MIX:  tegula.exp2 %[[A]] policy <mix> degree 4 : tensor<4xf32>
  %0 = math.exp2 %a : tensor<4xf32>
  // CHECK: %[[W:.*]] = arith.extf %[[B]] : tensor<4xbf16> to tensor<4xf32>
  // CHECK: %[[E:.*]] = tegula.exp2 %[[W]] {{.*}}: tensor<4xf32>
  // CHECK: arith.truncf %[[E]] : tensor<4xf32> to tensor<4xbf16>
  %1 = math.exp2 %b : tensor<4xbf16>
  // f64 and scalars have no policy.
  // CHECK: math.exp2 %[[C]] : tensor<4xf64>
  // CHECK: math.exp2 %[[D]] : f32
  %2 = math.exp2 %c : tensor<4xf64>
  %3 = math.exp2 %d : f32
  return %0, %1, %2, %3 : tensor<4xf32>, tensor<4xbf16>, tensor<4xf64>, f32
}

// CHECK-LABEL: @exp
// CHECK-SAME:    %[[A:.*]]: tensor<4xf32>, %[[B:.*]]: tensor<4xf16>
func.func @exp(%a: tensor<4xf32>, %b: tensor<4xf16>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf16>) {
  // CHECK: math.exp %[[A]] : tensor<4xf32>
  %0 = math.exp %a : tensor<4xf32>
  // CHECK: %[[L:.*]] = arith.constant dense<1.44269502> : tensor<4xf32>
  // CHECK: %[[X:.*]] = arith.mulf %[[A]], %[[L]]
  // CHECK: tegula.exp2 %[[X]] {{.*}}: tensor<4xf32>
  %1 = math.exp %a fastmath<afn> : tensor<4xf32>
  // CHECK: %[[W:.*]] = arith.extf %[[B]] : tensor<4xf16> to tensor<4xf32>
  // CHECK: %[[X:.*]] = arith.mulf %[[W]],
  // CHECK: %[[E:.*]] = tegula.exp2 %[[X]] {{.*}}: tensor<4xf32>
  // CHECK: arith.truncf %[[E]] : tensor<4xf32> to tensor<4xf16>
  %2 = math.exp %b : tensor<4xf16>
  return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf16>
}

!st = !tegula.softmax<4x2xf32>
!sd = !tegula.softmax<4x2xf64>
// CHECK-LABEL: @softmax
func.func @softmax(%s: !st, %d: !sd, %x: tensor<4x8xf32>, %v: tensor<8x2xf32>, %y: tensor<4x8xf64>, %u: tensor<8x2xf64>)
    -> (!st, !st, !st, !sd) {
  // POLY: tegula.softmax_update %{{.*}} policy <poly> :
  // HW:   tegula.softmax_update %{{.*}} policy <hw> :
  %0 = tegula.softmax_update %s, %x, %v : !st, tensor<4x8xf32>, tensor<8x2xf32>
  // What the author has set stays.
  // CHECK: tegula.softmax_update %{{.*}} policy <mix> :
  %1 = tegula.softmax_update %s, %x, %v policy <mix> : !st, tensor<4x8xf32>, tensor<8x2xf32>
  // POLY: tegula.softmax_merge %{{.*}} policy <poly> :
  %2 = tegula.softmax_merge %0, %1 : !st
  // CHECK: tegula.softmax_update %{{[^p]*}} :
  %3 = tegula.softmax_update %d, %y, %u : !sd, tensor<4x8xf64>, tensor<8x2xf64>
  return %0, %1, %2, %3 : !st, !st, !st, !sd
}
