// RUN: tegula-opt %s --tegula-to-loops --canonicalize --cse | FileCheck %s
// RUN: tegula-opt %s --tegula-decompose --tegula-to-loops | FileCheck %s --check-prefix=DECOMPOSED

// The running softmax, row by row; nothing is shared with its decomposition.

!st = !tegula.softmax<4x2xf32>

// CHECK-LABEL: tegula.kernel @softmax
// The maximum with the new weights, and what the old sums shrink by.
// CHECK:         %[[OLD:.*]] = memref.load %{{.*}} : memref<4xf32>
// CHECK:         %[[TOP:.*]] = scf.for %{{.*}} = %c0 to %c8 step %c1 iter_args(%{{.*}} = %[[OLD]]) -> (f32)
// CHECK:           arith.mulf %{{.*}}, %scale
// CHECK:           arith.maximumf
// CHECK:         %[[NONE:.*]] = arith.cmpf oeq, %[[TOP]], %{{.*}}
// CHECK:         %[[BASE:.*]] = arith.select %[[NONE]], %{{.*}}, %[[TOP]]
// CHECK:         %[[D:.*]] = arith.subf %[[OLD]], %[[BASE]]
// CHECK:         %[[SHRINK:.*]] = math.exp %[[D]]
// CHECK:         scf.for %{{.*}} = %c0 to %c2
// CHECK:           arith.mulf %{{.*}}, %[[SHRINK]]
// The weights: their sum takes p, the accumulator p as the values' type holds it.
// CHECK:         %[[SUM:.*]] = scf.for %{{.*}} = %c0 to %c8 step %c1 iter_args(%[[L:.*]] = %{{.*}}) -> (f32)
// CHECK:           %[[P:.*]] = math.exp
// CHECK:           %[[H:.*]] = arith.truncf %[[P]] : f32 to f16
// CHECK:           %[[W:.*]] = arith.extf %[[H]] : f16 to f32
// CHECK:           scf.for %{{.*}} = %c0 to %c2
// CHECK:             arith.mulf %[[W]], %{{.*}}
// CHECK:           arith.addf %[[L]], %[[P]]
// CHECK:         memref.store %[[TOP]]
// CHECK:         memref.store %[[SUM]]
// Where nothing was seen: 0 and -inf.
// CHECK:         %[[EMPTY:.*]] = arith.cmpf oeq
// CHECK:         %[[LOG:.*]] = math.log
// CHECK:         arith.select %[[EMPTY]]
// CHECK:         arith.divf
// CHECK:         arith.select %[[EMPTY]]

// DECOMPOSED-LABEL: tegula.kernel @softmax
// DECOMPOSED-NOT:   tensor<
// DECOMPOSED-NOT:   !tegula.softmax
tegula.kernel @softmax(in %x: memref<4x8xf32>, in %v: memref<8x2xf16>, out %o: memref<4x2xf32>, out %l: memref<4xf32>, %scale: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %xt = tegula.load %x[%c0, %c0] : memref<4x8xf32> -> tensor<4x8xf32>
    %vt = tegula.load %v[%c0, %c0] : memref<8x2xf16> -> tensor<8x2xf16>
    %s0 = tegula.softmax_init : !st
    %s1 = tegula.softmax_update %s0, %xt, %vt scale %scale : f32 : !st, tensor<4x8xf32>, tensor<8x2xf16>
    %ot, %lt = tegula.softmax_finish %s1 : !st -> tensor<4x2xf32>, tensor<4xf32>
    tegula.store %ot, %o[%c0, %c0] : tensor<4x2xf32>, memref<4x2xf32>
    tegula.store %lt, %l[%c0] : tensor<4xf32>, memref<4xf32>
    tegula.yield
  }
  tegula.return
}

// The parts of a state are its buffers; a merge takes both maxima to one.

// CHECK-LABEL: tegula.kernel @merge
// CHECK:       %[[TOP:.*]] = arith.maximumf %[[M1:.*]], %[[M2:.*]] : f32
// CHECK:       %[[D1:.*]] = arith.subf %[[M1]], %[[BASE:.*]] : f32
// CHECK-NEXT:  %[[W1:.*]] = math.exp %[[D1]]
// CHECK-NEXT:  %[[D2:.*]] = arith.subf %[[M2]], %[[BASE]] : f32
// CHECK-NEXT:  %[[W2:.*]] = math.exp %[[D2]]
// CHECK:       arith.mulf %{{.*}}, %[[W1]]
// CHECK:       arith.mulf %{{.*}}, %[[W2]]
tegula.kernel @merge(in %m: memref<4xf32>, in %l: memref<4xf32>, in %a: memref<4x2xf32>, out %o: memref<4x2xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %mt = tegula.load %m[%c0] : memref<4xf32> -> tensor<4xf32>
    %lt = tegula.load %l[%c0] : memref<4xf32> -> tensor<4xf32>
    %at = tegula.load %a[%c0, %c0] : memref<4x2xf32> -> tensor<4x2xf32>
    %s = tegula.softmax_state %mt, %lt, %at : !st
    %u = tegula.softmax_state %lt, %mt, %at : !st
    %t = tegula.softmax_merge %s, %u : !st
    %m1, %l1, %a1 = tegula.softmax_parts %t : !st
    tegula.store %a1, %o[%c0, %c0] : tensor<4x2xf32>, memref<4x2xf32>
    tegula.yield
  }
  tegula.return
}
