// RUN: tegula-opt %s --expand-vector-math --split-input-file | FileCheck %s
// RUN: tegula-opt %s --expand-vector-math --split-input-file | FileCheck %s --check-prefix=NONE

// Nothing of what machines do not have is left.
// NONE-NOT: math.{{exp|log|tanh|erf|sin|cos|rsqrt}}
// NONE-NOT: tegula.exp2
// NONE-NOT: arith.{{maximumf|minimumf|maxnumf|minnumf}}

// Two clamps, the integer in the low bits of a sum, six fma, a power of two: 13 ops.
// CHECK-LABEL: func @weights
// CHECK-SAME: %[[X:.*]]: vector<16xf32>
// CHECK-DAG: %[[LOW:.*]] = arith.constant dense<-1.270000e+02> : vector<16xf32>
// CHECK: %[[C0:.*]] = arith.cmpf ogt, %[[LOW]], %[[X]] : vector<16xf32>
// CHECK: %[[T0:.*]] = arith.select %[[C0]], %[[LOW]], %[[X]]
// CHECK: %[[C1:.*]] = arith.cmpf olt, %[[HIGH:.*]], %[[T0]]
// CHECK: %[[T:.*]] = arith.select %[[C1]], %[[HIGH]], %[[T0]]
// CHECK: %[[Z:.*]] = arith.addf %[[T]], %[[ROUNDER:.*]] : vector<16xf32>
// CHECK: %[[N:.*]] = arith.subf %[[Z]], %[[ROUNDER]]
// CHECK: %[[F:.*]] = arith.subf %[[T]], %[[N]]
// CHECK-COUNT-6: math.fma {{.*}}, %[[F]], {{.*}} : vector<16xf32>
// CHECK-NOT: math.fma
// CHECK: %[[BITS:.*]] = arith.bitcast %[[Z]] : vector<16xf32> to vector<16xi32>
// CHECK: %[[E:.*]] = arith.shli %[[BITS]], {{.*}} : vector<16xi32>
// CHECK: %[[POWER:.*]] = arith.bitcast %[[E]] : vector<16xi32> to vector<16xf32>
// CHECK: %[[R:.*]] = arith.mulf {{.*}}, %[[POWER]]
// CHECK: return %[[R]]
func.func @weights(%x: vector<16xf32>) -> vector<16xf32> {
  %y = tegula.exp2 %x : vector<16xf32>
  return %y : vector<16xf32>
}

// -----

// The degree is what was asked for, else what the consumer can see.
// CHECK-LABEL: func @degrees
// CHECK-COUNT-7: math.fma
// CHECK-NOT: math.fma
// CHECK: call @marker
// CHECK-COUNT-3: math.fma
// CHECK-NOT: math.fma
// CHECK: call @marker
// CHECK-COUNT-4: math.fma
// CHECK-NOT: math.fma
// CHECK: call @marker
// CHECK-COUNT-6: math.fma
// CHECK-NOT: math.fma
func.func private @marker()
func.func @degrees(%x: f32, %h: vector<2x4xf16>) -> (f32, bf16, vector<2x4xf16>, f32, bf16) {
  %a = tegula.exp2 %x policy <hw> degree 7 : f32
  func.call @marker() : () -> ()
  %b = tegula.exp2 %x : f32
  %b16 = arith.truncf %b : f32 to bf16
  func.call @marker() : () -> ()
  %c = tegula.exp2 %h : vector<2x4xf16>
  func.call @marker() : () -> ()
  %d = tegula.exp2 %x : f32
  %d16 = arith.truncf %d : f32 to bf16
  return %a, %b16, %c, %d, %d16 : f32, bf16, vector<2x4xf16>, f32, bf16
}

// -----

// CHECK-LABEL: func @functions
// CHECK-COUNT-10: math.fma
// CHECK: return
func.func @functions(%x: vector<2x8xf32>, %s: f32) -> (vector<2x8xf32>, f32) {
  %0 = math.exp %x : vector<2x8xf32>
  %1 = math.exp2 %0 : vector<2x8xf32>
  %2 = math.expm1 %1 : vector<2x8xf32>
  %3 = math.log %2 : vector<2x8xf32>
  %4 = math.log2 %3 : vector<2x8xf32>
  %5 = math.log1p %4 : vector<2x8xf32>
  %6 = math.tanh %5 : vector<2x8xf32>
  %7 = math.erf %6 : vector<2x8xf32>
  %8 = math.sin %s : f32
  %9 = math.cos %8 : f32
  %10 = math.rsqrt %9 : f32
  return %7, %10 : vector<2x8xf32>, f32
}
