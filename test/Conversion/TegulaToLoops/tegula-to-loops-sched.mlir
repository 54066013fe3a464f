// RUN: tegula-opt %s --tegula-to-loops --canonicalize --cse | FileCheck %s

// A scheduled buffer is its tile, however it is stored; a map's ops run one after
// the other on whole tiles, and its outs are written last.

!qv = memref<?x4xf32, strided<[?, 1], offset: ?>>

// CHECK-LABEL: sched.kernel @product
// CHECK:       tegula.grid
// CHECK-DAG:     memref.alloc() : memref<8x4xf32>
// CHECK-DAG:     memref.alloc() : memref<6x4xf32>
// CHECK-NOT:     sched.
// CHECK:         scf.if %{{.*}} -> (f32)
// CHECK:             %[[SUM:.*]] = scf.for %[[K:.*]] = %c0 to %c4 step %c1 iter_args(%{{.*}} = %{{cst.*}}) -> (f32)
// CHECK:               memref.load %{{.*}}[%[[M:.*]], %[[K]]] : memref<8x4xf32>
// CHECK:               memref.load %{{.*}}[%[[N:.*]], %[[K]]] : memref<6x4xf32>
// CHECK:             %[[OLD:.*]] = memref.load %[[C:.*]][%[[M]], %[[N]]] : memref<8x6xf32>
// CHECK:             %[[S:.*]] = memref.load %{{.*}}[%[[M]]] : memref<8xf32>
// CHECK:             %[[SCALED:.*]] = arith.mulf %[[OLD]], %[[S]]
// CHECK:             arith.addf %[[SCALED]], %[[SUM]]
// The map reads C, and C is written after both results are known.
// CHECK:         memref.load %[[C]]
// CHECK:         arith.maximumf
// CHECK:         memref.store %{{.*}}, %[[C]]
// CHECK:         memref.store %{{.*}} : memref<8xf32>
sched.kernel @product(in %q: !qv, in %k: !qv, out %o: memref<?x?xf32>, out %l: memref<?xf32>, %v: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %M = memref.dim %q, %c0 : !qv
  tegula.grid (%m) to (%M) step (8) {
    %a = sched.alloc : !sched.buf<8x4xf32, local>
    %b = sched.alloc : !sched.buf<6x4xf32, local, pack n32t>
    %c = sched.alloc : !sched.buf<8x6xf32, local>
    %s = sched.alloc : !sched.buf<8xf32, local>
    sched.copy %q[%m, %c0] to %a : !qv, !sched.buf<8x4xf32, local>
    sched.copy %k[%c0, %c0] to %b : !qv, !sched.buf<6x4xf32, local, pack n32t>
    sched.map domain [8] outs(%s : !sched.buf<8xf32, local>) {
      %x = tensor.splat %v : tensor<8xf32>
      sched.yield %x : tensor<8xf32>
    }
    sched.mma %a, trans %b onto %c scale %s : !sched.buf<8xf32, local>
      : !sched.buf<8x4xf32, local>, !sched.buf<6x4xf32, local, pack n32t>, !sched.buf<8x6xf32, local>
    sched.map domain [8, 6] ins(%x = %c : !sched.buf<8x6xf32, local>)
        outs(%c, %s : !sched.buf<8x6xf32, local>, !sched.buf<8xf32, local>) {
      %y = arith.mulf %x, %x : tensor<8x6xf32>
      %r = tegula.reduce max %y axis 1 : tensor<8x6xf32> -> tensor<8xf32>
      sched.yield %y, %r : tensor<8x6xf32>, tensor<8xf32>
    }
    sched.store %c to %o[%m, %c0] : !sched.buf<8x6xf32, local>, memref<?x?xf32>
    sched.store %s to %l[%m] : !sched.buf<8xf32, local>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}

// CHECK-LABEL: sched.kernel @moves
// Copy.
// CHECK:       memref.store %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}}] : memref<4x6xf32>
// Move: dst[i, 1 + j] = src[2 + j, i].
// CHECK:           %[[FROM:.*]] = arith.addi %[[J:.*]], %c2
// CHECK:           %[[TO:.*]] = arith.addi %[[J]], %c1
// CHECK:           memref.load %{{.*}}[%[[FROM]], %[[I:.*]]] : memref<4x6xf32>
// CHECK-NEXT:      memref.store %{{.*}}[%[[I]], %[[TO]]] : memref<3x3xf32>
// Reshape, scan, argmax.
// CHECK:       scf.for %{{.*}} = %c0 to %c9
// CHECK:       scf.for %{{.*}} = %c0 to %c9 step %c1 iter_args
// CHECK:         arith.addf
// CHECK:       arith.cmpf ogt
sched.kernel @moves(out %o: memref<?xf32>, out %p: memref<?xi32>) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%m) to (%c1) step (1) {
    %a = sched.alloc : !sched.buf<4x6xf32, local>
    %b = sched.alloc : !sched.buf<4x6xf32, local, pack n32>
    %c = sched.alloc : !sched.buf<3x3xf32, local>
    %d = sched.alloc : !sched.buf<9xf32, local>
    %h = sched.alloc : !sched.buf<4x4xf32, local>
    %f = sched.alloc : !sched.buf<4x6xf32, local>
    %e = sched.alloc : !sched.buf<3xi32, local>
    sched.copy %a to %b : !sched.buf<4x6xf32, local>, !sched.buf<4x6xf32, local, pack n32>
    sched.mma %h, %b into %f : !sched.buf<4x4xf32, local>, !sched.buf<4x6xf32, local, pack n32>, !sched.buf<4x6xf32, local>
    sched.move %f from [2, 0] to %c at [0, 1] sizes [3, 2] perm [1, 0] : !sched.buf<4x6xf32, local>, !sched.buf<3x3xf32, local>
    sched.reshape %c to %d : !sched.buf<3x3xf32, local>, !sched.buf<9xf32, local>
    sched.scan add %d to %d axis 0 : !sched.buf<9xf32, local>, !sched.buf<9xf32, local>
    sched.argmax %c to %e axis 1 : !sched.buf<3x3xf32, local>, !sched.buf<3xi32, local>
    sched.store %d to %o[%c0] : !sched.buf<9xf32, local>, memref<?xf32>
    sched.store %e to %p[%c0] : !sched.buf<3xi32, local>, memref<?xi32>
    tegula.yield
  }
  tegula.return
}

// One element of a buffer is one load.
// CHECK-LABEL: sched.kernel @scalar
// CHECK-NOT:     sched.scalar
// CHECK:         %[[V:.*]] = memref.load %{{.*}}[%c0, %c0]
// CHECK:         memref.store %[[V]]
sched.kernel @scalar(in %q: !qv, out %o: memref<?xf32>) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %M = memref.dim %q, %c0 : !qv
  tegula.grid (%m) to (%M) step (8) {
    %a = sched.alloc : !sched.buf<8x4xf32, local>
    %b = sched.alloc : !sched.buf<8xf32, local>
    sched.copy %q[%m, %c0] to %a : !qv, !sched.buf<8x4xf32, local>
    %v = sched.scalar %a[%c0, %c0] : !sched.buf<8x4xf32, local> -> f32
    sched.map domain [8] outs(%b : !sched.buf<8xf32, local>) {
      %x = tensor.splat %v : tensor<8xf32>
      sched.yield %x : tensor<8xf32>
    }
    sched.store %b to %o[%m] : !sched.buf<8xf32, local>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}

// Views and slices are the same memory; a constant is a global.
// CHECK-LABEL: sched.kernel @shared
// CHECK:       %[[A:.*]] = memref.alloc() : memref<4x6xf32>
// CHECK:       %[[V:.*]] = memref.reinterpret_cast %[[A]] to offset: [0], sizes: [4, 2, 3], strides: [6, 3, 1]
// CHECK:       %[[S:.*]] = memref.subview %[[V]][0, 1, 0] [4, 1, 3] [1, 1, 1]
// CHECK:       memref.load %{{.*}} : memref<4x1x3xf32>
// CHECK:       memref.store %{{.*}}, %[[S]]
sched.kernel @shared(in %q: !qv) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%m) to (%c1) step (1) {
    %a = sched.alloc : !sched.buf<4x6xf32, local>
    %c = sched.constant dense<[[[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]], [[7.0, 8.0, 9.0]], [[1.0, 4.0, 9.0]]]> : tensor<4x1x3xf32> -> !sched.buf<4x1x3xf32, local>
    %w = sched.view %a : !sched.buf<4x6xf32, local> -> !sched.buf<4x2x3xf32, local>
    %s = sched.slice %w at [0, 1, 0] : !sched.buf<4x2x3xf32, local> -> !sched.buf<4x1x3xf32, local>
    sched.map domain [4, 1, 3] ins(%x = %c : !sched.buf<4x1x3xf32, local>) outs(%s : !sched.buf<4x1x3xf32, local>) {
      %y = arith.addf %x, %x : tensor<4x1x3xf32>
      sched.yield %y : tensor<4x1x3xf32>
    }
    tegula.yield
  }
  tegula.return
}
