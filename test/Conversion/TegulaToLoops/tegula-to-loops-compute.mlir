// RUN: tegula-opt %s --tegula-to-loops --canonicalize --cse --split-input-file | FileCheck %s

// CHECK-LABEL: tegula.kernel @dot
// CHECK:             %[[ACC:.*]] = memref.load %alloc{{.*}}[%[[Z:.*]], %[[M:.*]], %[[N:.*]]] : memref<3x2x4xf32>
// CHECK-NEXT:        %[[SUM:.*]] = scf.for %[[K:.*]] = %c0 to %c8 step %c1 iter_args(%[[S:.*]] = %[[ACC]]) -> (f32)
// CHECK-NEXT:          memref.load %{{.*}}[%[[Z]], %[[M]], %[[K]]] : memref<3x2x8xf16>
// CHECK-NEXT:          arith.extf %{{.*}} : f16 to f32
// CHECK-NEXT:          memref.load %{{.*}}[%c0, %[[N]], %[[K]]] : memref<1x4x8xf16>
// CHECK-NEXT:          arith.extf %{{.*}} : f16 to f32
// CHECK-NEXT:          %[[P:.*]] = arith.mulf
// CHECK-NEXT:          arith.addf %[[S]], %[[P]] : f32
// CHECK:             memref.store %[[SUM]], %{{.*}}[%[[Z]], %[[M]], %[[N]]]
tegula.kernel @dot(in %a: memref<3x2x8xf16>, in %b: memref<1x4x8xf16>, inout %c: memref<3x2x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %x = tegula.load %a[%c0, %c0, %c0] : memref<3x2x8xf16> -> tensor<3x2x8xf16>
    %y = tegula.load %b[%c0, %c0, %c0] : memref<1x4x8xf16> -> tensor<1x4x8xf16>
    %z = tegula.load %c[%c0, %c0, %c0] : memref<3x2x4xf32> -> tensor<3x2x4xf32>
    %r = tegula.dot %x, trans %y acc %z : tensor<3x2x8xf16>, tensor<1x4x8xf16> -> tensor<3x2x4xf32>
    tegula.store %r, %c[%c0, %c0, %c0] : tensor<3x2x4xf32>, memref<3x2x4xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// A 16-bit sum is kept in f32 and rounded once, a maximum propagates NaN.

// CHECK-LABEL: tegula.kernel @reduce
// CHECK:         %[[SUM:.*]] = scf.for %[[K:.*]] = %c0 to %c8 step %c1 iter_args(%{{.*}} = %[[ZERO:.*]]) -> (f32)
// CHECK:           memref.load %{{.*}}[%{{.*}}, %[[K]]] : memref<4x8xf16>
// CHECK:           arith.addf %{{.*}} : f32
// CHECK:         arith.truncf %[[SUM]] : f32 to f16
// CHECK:         scf.for %{{.*}} iter_args(%{{.*}} = %[[NINF:.*]]) -> (f32)
// CHECK:           arith.maximumf %{{.*}} : f32
// CHECK:         scf.for %{{.*}} iter_args(%[[BEST:.*]] = %{{.*}}, %[[AT:.*]] = %c0) -> (f32, index)
// CHECK:           %[[GT:.*]] = arith.cmpf ogt, %[[X:.*]], %[[BEST]]
// CHECK-NEXT:      %[[NAN:.*]] = arith.cmpf uno, %[[X]], %[[X]]
// CHECK-NEXT:      %[[ORD:.*]] = arith.cmpf ord, %[[BEST]], %[[BEST]]
// CHECK:         arith.index_cast %{{.*}} : index to i32
tegula.kernel @reduce(in %x: memref<4x8xf16>, out %y: memref<4xf16>, out %z: memref<4xf16>, out %w: memref<4xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %t = tegula.load %x[%c0, %c0] : memref<4x8xf16> -> tensor<4x8xf16>
    %s = tegula.reduce add %t axis 1 : tensor<4x8xf16> -> tensor<4xf16>
    %m = tegula.reduce max %t axis 1 : tensor<4x8xf16> -> tensor<4xf16>
    %a = tegula.argmax %t axis 1 : tensor<4x8xf16> -> tensor<4xi32>
    tegula.store %s, %y[%c0] : tensor<4xf16>, memref<4xf16>
    tegula.store %m, %z[%c0] : tensor<4xf16>, memref<4xf16>
    tegula.store %a, %w[%c0] : tensor<4xi32>, memref<4xi32>
    tegula.yield
  }
  tegula.return
}

// -----

// CHECK-LABEL: tegula.kernel @scan
// CHECK:       scf.for %[[K:.*]] = %c0 to %c8 step %c1 iter_args(%[[S:.*]] = %c0_i32) -> (i32)
// CHECK-NEXT:    %[[AT:.*]] = arith.subi %c7, %[[K]]
// CHECK-NEXT:    %[[X:.*]] = memref.load %{{.*}}[%[[AT]]]
// CHECK-NEXT:    %[[T:.*]] = arith.addi %[[S]], %[[X]]
// CHECK-NEXT:    memref.store %[[S]], %{{.*}}[%[[AT]]]
// CHECK-NEXT:    scf.yield %[[T]]
tegula.kernel @scan(in %x: memref<8xi32>, out %y: memref<8xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %t = tegula.load %x[%c0] : memref<8xi32> -> tensor<8xi32>
    %s = tegula.scan add %t axis 0 reverse exclusive : tensor<8xi32>
    tegula.store %s, %y[%c0] : tensor<8xi32>, memref<8xi32>
    tegula.yield
  }
  tegula.return
}

// -----

// CHECK-LABEL: tegula.kernel @shapes
// CHECK:       arith.addi %n, %{{.*}} : index
// CHECK-NEXT:  arith.index_cast %{{.*}} : index to i32
// Broadcast: the stretched axis is not among the indices.
// CHECK:       scf.for %[[I:.*]] = %c0 to %c2
// CHECK-NEXT:    scf.for %[[J:.*]] = %c0 to %c6
// CHECK-NEXT:      %[[B:.*]] = memref.load %{{.*}}[%[[J]]] : memref<6xi32>
// CHECK-NEXT:      memref.store %[[B]], %{{.*}}[%[[I]], %[[J]]] : memref<2x6xi32>
// Transpose.
// CHECK:         scf.for
// CHECK-NEXT:    scf.for
// CHECK:           memref.load %{{.*}} : memref<2x6xi32>
// CHECK-NEXT:      memref.store %{{.*}} : memref<6x2xi32>
// Reshape: both sides in row-major order.
// CHECK:         scf.for %[[LIN:.*]] = %c0 to %c12
// CHECK:           arith.remui %[[LIN]], %c2
// CHECK:           memref.load %{{.*}} : memref<6x2xi32>
// CHECK:           arith.remui %[[LIN]], %c4
// CHECK:           memref.store %{{.*}} : memref<3x4xi32>
// Slice with a stride, then a concatenation.
// CHECK:         arith.muli %{{.*}}, %c2
// CHECK:         memref.load %{{.*}} : memref<3x4xi32>
// CHECK:         memref.store %{{.*}} : memref<3x2xi32>
// CHECK:         memref.store %{{.*}} : memref<3x6xi32>
// CHECK:         arith.addi %{{.*}}, %c4
// CHECK:         memref.store %{{.*}} : memref<3x6xi32>
tegula.kernel @shapes(out %y: memref<3x6xi32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %a = tegula.iota %n : tensor<6xi32>
    %b = tegula.broadcast %a dims [1] : tensor<6xi32> -> tensor<2x6xi32>
    %c = tegula.transpose %b perm [1, 0] : tensor<2x6xi32> -> tensor<6x2xi32>
    %d = tegula.reshape %c : tensor<6x2xi32> -> tensor<3x4xi32>
    %e = tensor.extract_slice %d[0, 1] [3, 2] [1, 2] : tensor<3x4xi32> to tensor<3x2xi32>
    %f = tegula.concat axis 1 (%d, %e) : tensor<3x4xi32>, tensor<3x2xi32> -> tensor<3x6xi32>
    tegula.store %f, %y[%c0, %c0] : tensor<3x6xi32>, memref<3x6xi32>
    tegula.yield
  }
  tegula.return
}
