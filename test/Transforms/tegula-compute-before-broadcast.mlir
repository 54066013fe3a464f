// RUN: tegula-opt %s -tegula-compute-before-broadcast | FileCheck %s

// What belongs to a row is computed on rows, also through an axis of length 1.
// CHECK-LABEL: @rows
// CHECK:      %[[S:.*]] = tegula.reduce add
// CHECK:      %[[M:.*]] = arith.divf %[[S]], %{{.*}} : tensor<8xf32>
// CHECK:      %[[E:.*]] = tensor.splat %{{.*}} : tensor<8xf32>
// CHECK:      %[[A:.*]] = arith.addf %[[M]], %[[E]] fastmath<contract> : tensor<8xf32>
// CHECK:      %[[R:.*]] = math.rsqrt %[[A]] : tensor<8xf32>
// CHECK:      %[[B:.*]] = tegula.broadcast %[[R]] dims [0] : tensor<8xf32> -> tensor<8x64xf32>
// CHECK:      arith.mulf %{{.*}}, %[[B]] : tensor<8x64xf32>
func.func @rows(%x: tensor<8x64xf32>, %eps: f32) -> tensor<8x64xf32> {
  %n = arith.constant dense<64.0> : tensor<8x1xf32>
  %s = tegula.reduce add %x axis 1 : tensor<8x64xf32> -> tensor<8xf32>
  %s1 = tegula.broadcast %s dims [0] : tensor<8xf32> -> tensor<8x1xf32>
  %m = arith.divf %s1, %n : tensor<8x1xf32>
  %e = tensor.splat %eps : tensor<8x1xf32>
  %a = arith.addf %m, %e fastmath<contract> : tensor<8x1xf32>
  %r = math.rsqrt %a : tensor<8x1xf32>
  %b = tegula.broadcast %r dims [0, 1] : tensor<8x1xf32> -> tensor<8x64xf32>
  %y = arith.mulf %x, %b : tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// Two broadcasts of one form, and a comparison that changes the element type.
// CHECK-LABEL: @alike
// CHECK:      %[[C:.*]] = arith.cmpf olt, %{{.*}}, %{{.*}} : tensor<64xf32>
// CHECK:      tegula.broadcast %[[C]] dims [1] : tensor<64xi1> -> tensor<8x64xi1>
func.func @alike(%x: tensor<64xf32>, %y: tensor<64xf32>) -> tensor<8x64xi1> {
  %a = tegula.broadcast %x dims [1] : tensor<64xf32> -> tensor<8x64xf32>
  %b = tegula.broadcast %y dims [1] : tensor<64xf32> -> tensor<8x64xf32>
  %c = arith.cmpf olt, %a, %b : tensor<8x64xf32>
  return %c : tensor<8x64xi1>
}

// Broadcasts along different axes, a tile of the full shape, and one number stay.
// CHECK-LABEL: @stay
// CHECK-COUNT-3: arith.addf %{{.*}} : tensor<8x64xf32>
func.func @stay(%x: tensor<64xf32>, %y: tensor<8xf32>, %z: tensor<8x64xf32>, %one: tensor<f32>)
    -> (tensor<8x64xf32>, tensor<8x64xf32>, tensor<8x64xf32>) {
  %a = tegula.broadcast %x dims [1] : tensor<64xf32> -> tensor<8x64xf32>
  %b = tegula.broadcast %y dims [0] : tensor<8xf32> -> tensor<8x64xf32>
  %o = tegula.broadcast %one dims [] : tensor<f32> -> tensor<8x64xf32>
  %c = arith.addf %a, %b : tensor<8x64xf32>
  %d = arith.addf %a, %z : tensor<8x64xf32>
  %e = arith.addf %o, %o : tensor<8x64xf32>
  return %c, %d, %e : tensor<8x64xf32>, tensor<8x64xf32>, tensor<8x64xf32>
}
