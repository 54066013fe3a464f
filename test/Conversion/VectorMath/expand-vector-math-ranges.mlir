// RUN: tegula-opt %s --expand-vector-math --split-input-file | FileCheck %s

// What an argument's range rules out is not computed. `softplus` has every rule: the
// exponent is not above 0, and the logarithm is taken of numbers from 1/2 to 1.

// One clamp for e^x, and the small form of its power: no compare but the clamp's.
// CHECK-LABEL: func @softplus
// CHECK: arith.cmpf ogt
// CHECK-NOT: arith.cmpf
// CHECK: arith.cmpf olt, {{.*}} : vector<16xf32>
// CHECK-COUNT-3: arith.select
// CHECK-NOT: arith.sitofp
// CHECK-NOT: arith.cmpf
// CHECK: return
func.func @softplus(%x: vector<16xf32>) -> vector<16xf32> {
  %half = arith.constant dense<0.5> : vector<16xf32>
  %a = math.absf %x : vector<16xf32>
  %n = arith.negf %a : vector<16xf32>
  %e = math.exp %n : vector<16xf32>
  %h = arith.mulf %e, %half : vector<16xf32>
  %s = arith.addf %h, %half : vector<16xf32>
  %y = math.log %s : vector<16xf32>
  return %y : vector<16xf32>
}

// -----

// Normal numbers: neither subnormals nor ends, NaN alone is kept.
// CHECK-LABEL: func @normal
// CHECK: arith.cmpf olt
// CHECK-NOT: arith.cmpf o
// CHECK: arith.sitofp
// CHECK: arith.cmpf uno
// CHECK-NOT: arith.cmpf
// CHECK: return
func.func @normal(%x: f32) -> f32 {
  %one = arith.constant 1.0 : f32
  %square = math.fma %x, %x, %one : f32
  %root = math.sqrt %square : f32
  %most = arith.constant 3.0e38 : f32
  %m = arith.minimumf %root, %most : f32
  %y = math.log %m : f32
  return %y : f32
}

// -----

// The square may be infinite: the logarithm has all its ends.
// CHECK-LABEL: func @any
// CHECK: arith.cmpf olt
// CHECK: arith.cmpf olt
// CHECK: arith.cmpf oeq
// CHECK: arith.cmpf ole
func.func @any(%x: f32) -> f32 {
  %one = arith.constant 1.0 : f32
  %square = math.fma %x, %x, %one : f32
  %y = math.log %square : f32
  return %y : f32
}

// -----

// A product of two factors that may differ can have either sign: both clamps.
// CHECK-LABEL: func @signs
// CHECK: arith.cmpf ogt
// CHECK: arith.cmpf olt
// CHECK: arith.cmpf olt
func.func @signs(%x: f32, %y: f32) -> f32 {
  %p = arith.mulf %x, %y : f32
  %e = math.exp %p : f32
  return %e : f32
}

// -----

// Within [-60, 80] a power is one product, and nothing is clamped.
// CHECK-LABEL: func @bounded
// CHECK-COUNT-2: arith.cmpf
// CHECK-NOT: arith.cmpf
// CHECK: arith.shli
// CHECK: arith.mulf
// CHECK-NOT: arith.mulf
// CHECK: return
func.func @bounded(%x: f32) -> f32 {
  %lo = arith.constant -60.0 : f32
  %hi = arith.constant 80.0 : f32
  %a = arith.maximumf %x, %lo : f32
  %b = arith.minimumf %a, %hi : f32
  %e = math.exp %b : f32
  return %e : f32
}
