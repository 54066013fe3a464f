// RUN: tegula-opt %s -tegula-set-rescaling | FileCheck %s --check-prefixes=CHECK,EIGHT
// RUN: tegula-opt %s -tegula-set-rescaling="threshold=20" | FileCheck %s --check-prefixes=CHECK,TWENTY
// RUN: not tegula-opt %s -tegula-set-rescaling="threshold=-1" 2>&1 | FileCheck %s --check-prefix=NEGATIVE

// NEGATIVE: threshold of --tegula-set-rescaling is negative: -1

!st = !tegula.softmax<4x2xf32>

// What the author said stays; 2^20 is no number of f16.
// CHECK-LABEL: @types
func.func @types(%s: !st, %x: tensor<4x8xf32>, %v: tensor<8x2xbf16>, %h: tensor<8x2xf16>) -> !st {
  // EIGHT:  tegula.softmax_update {{.*}} lag 8.000000e+00 : {{.*}}, tensor<8x2xbf16>
  // TWENTY: tegula.softmax_update {{.*}} lag 2.000000e+01 : {{.*}}, tensor<8x2xbf16>
  %0 = tegula.softmax_update %s, %x, %v : !st, tensor<4x8xf32>, tensor<8x2xbf16>
  // EIGHT:  tegula.softmax_update {{.*}} lag 8.000000e+00 : {{.*}}, tensor<8x2xf16>
  // TWENTY: tegula.softmax_update %{{.*}}, %{{.*}}, %{{.*}} : {{.*}}, tensor<8x2xf16>
  %1 = tegula.softmax_update %0, %x, %h : !st, tensor<4x8xf32>, tensor<8x2xf16>
  // CHECK: tegula.softmax_update {{.*}} lag 3.000000e+00 :
  %2 = tegula.softmax_update %1, %x, %h lag 3.0 : !st, tensor<4x8xf32>, tensor<8x2xf16>
  return %2 : !st
}

// An update whose maximum somebody asks for is exact, also out of a loop.
// CHECK-LABEL: @parts
func.func @parts(%s: !st, %x: tensor<4x8xf32>, %v: tensor<8x2xf32>, %lo: index, %hi: index, %step: index)
    -> (tensor<4xf32>, tensor<4x2xf32>) {
  // CHECK: %[[A:.*]] = scf.for
  // CHECK:   tegula.softmax_update %{{.*}}, %{{.*}}, %{{.*}} : !tegula
  %a = scf.for %i = %lo to %hi step %step iter_args(%c = %s) -> !st {
    %n = tegula.softmax_update %c, %x, %v : !st, tensor<4x8xf32>, tensor<8x2xf32>
    scf.yield %n : !st
  }
  // CHECK: tegula.softmax_update %[[A]], {{.*}} lag
  %b = tegula.softmax_update %a, %x, %v : !st, tensor<4x8xf32>, tensor<8x2xf32>
  %m, %l, %acc = tegula.softmax_parts %a : !st
  %o, %lse = tegula.softmax_finish %b : !st -> tensor<4x2xf32>, tensor<4xf32>
  return %m, %o : tensor<4xf32>, tensor<4x2xf32>
}
