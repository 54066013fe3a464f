// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// The softmax state and the six ops on it.

!st = !tegula.softmax<128x64xf32>
!sd = !tegula.softmax<1x3xf64>

// CHECK-LABEL: @softmax
func.func @softmax(%x: tensor<128x32xf32>, %v: tensor<32x64xbf16>, %c: f32) {
  // CHECK: %[[S0:.*]] = tegula.softmax_init : !tegula.softmax<128x64xf32>
  %s0 = tegula.softmax_init : !st
  // CHECK: %[[S1:.*]] = tegula.softmax_update %[[S0]], %{{.*}}, %{{.*}} : !tegula.softmax<128x64xf32>, tensor<128x32xf32>, tensor<32x64xbf16>
  %s1 = tegula.softmax_update %s0, %x, %v : !st, tensor<128x32xf32>, tensor<32x64xbf16>
  // CHECK: %[[S2:.*]] = tegula.softmax_update %[[S1]], %{{.*}}, %{{.*}} scale %{{.*}} : f32 mult %{{.*}} : tensor<128x32xf32> policy <mix> lag 8.000000e+00 label "st" : !tegula.softmax<128x64xf32>
  %s2 = tegula.softmax_update %s1, %x, %v scale %c : f32 mult %x : tensor<128x32xf32> policy <mix> lag 8.0 label "st" : !st, tensor<128x32xf32>, tensor<32x64xbf16>
  // CHECK: %[[S3:.*]] = tegula.softmax_merge %[[S1]], %[[S2]] : !tegula.softmax<128x64xf32>
  %s3 = tegula.softmax_merge %s1, %s2 : !st
  // CHECK: tegula.softmax_merge %{{.*}}, %{{.*}} policy <hw> : !tegula.softmax<128x64xf32>
  %s4 = tegula.softmax_merge %s3, %s2 policy <hw> : !st
  // CHECK: %[[M:.*]], %[[L:.*]], %[[ACC:.*]] = tegula.softmax_parts %[[S3]] : !tegula.softmax<128x64xf32>
  %m, %l, %acc = tegula.softmax_parts %s3 : !st
  // CHECK: %[[S5:.*]] = tegula.softmax_state %[[M]], %[[L]], %[[ACC]] : !tegula.softmax<128x64xf32>
  %s5 = tegula.softmax_state %m, %l, %acc : !st
  // CHECK: tegula.softmax_finish %[[S5]] : !tegula.softmax<128x64xf32> -> tensor<128x64xf32>, tensor<128xf32>
  %o, %lse = tegula.softmax_finish %s5 : !st -> tensor<128x64xf32>, tensor<128xf32>
  return
}

// CHECK-LABEL: @double
func.func @double(%s: !sd, %x: tensor<1x2xf64>, %v: tensor<2x3xf64>) -> !sd {
  // CHECK: tegula.softmax_update %{{.*}} : !tegula.softmax<1x3xf64>, tensor<1x2xf64>, tensor<2x3xf64>
  %0 = tegula.softmax_update %s, %x, %v : !sd, tensor<1x2xf64>, tensor<2x3xf64>
  return %0 : !sd
}
