// RUN: tegula-opt %s --expand-vector-math | FileCheck %s

// f64 functions call the C library, and machines have the rest.
// CHECK-LABEL: func @left_alone
// CHECK-NEXT: math.exp
// CHECK-NEXT: math.exp2
// CHECK-NEXT: math.powf
// CHECK-NEXT: math.sqrt
// CHECK-NEXT: math.floor
// CHECK-NEXT: math.copysign
// CHECK-NEXT: arith.truncf
// CHECK-NEXT: arith.extf
// CHECK-NEXT: arith.fptosi
// CHECK-NEXT: vector.reduction <add>
// CHECK-NEXT: math.exp {{.*}} : tensor<4xf32>
// CHECK-NEXT: return
func.func @left_alone(%d: vector<4xf64>, %x: vector<8xf32>, %t: tensor<4xf32>)
    -> (vector<4xf64>, vector<8xi64>, f32, tensor<4xf32>) {
  %0 = math.exp %d : vector<4xf64>
  %1 = tegula.exp2 %0 : vector<4xf64>
  %2 = math.powf %1, %d : vector<4xf64>
  %3 = math.sqrt %x : vector<8xf32>
  %4 = math.floor %3 : vector<8xf32>
  %5 = math.copysign %4, %x : vector<8xf32>
  %6 = arith.truncf %5 : vector<8xf32> to vector<8xf16>
  %7 = arith.extf %6 : vector<8xf16> to vector<8xf32>
  %8 = arith.fptosi %7 : vector<8xf32> to vector<8xi64>
  %9 = vector.reduction <add>, %7 fastmath<reassoc> : vector<8xf32> into f32
  %10 = math.exp %t : tensor<4xf32>
  return %2, %8, %9, %10 : vector<4xf64>, vector<8xi64>, f32, tensor<4xf32>
}
