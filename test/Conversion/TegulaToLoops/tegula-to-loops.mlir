// RUN: tegula-opt %s --tegula-to-loops --canonicalize --cse | FileCheck %s

// A tile is a buffer that lives as long as its instance; a load guards each element
// by the bounds of the view and the limits, and gives the pad elsewhere.

!v = memref<?x?xf32, strided<[?, 1], offset: ?>>

// CHECK-LABEL: tegula.kernel @copy
// CHECK:       tegula.grid (%[[M:.*]]) to
// CHECK-NEXT:    %[[TILE:.*]] = memref.alloc() : memref<8x4xf32>
// CHECK:         %[[LIMIT:.*]] = arith.minsi %{{.*}}, %{{.*}} : index
// CHECK:         scf.for %[[I:.*]] = %c0 to %c8 step %c1
// CHECK-NEXT:      scf.for %[[J:.*]] = %c0 to %c4 step %c1
// CHECK:             %[[ROW:.*]] = arith.addi %[[M]], %[[I]]
// CHECK:             %[[LOW:.*]] = arith.cmpi sge, %[[ROW]], %c0
// CHECK:             %[[HIGH:.*]] = arith.cmpi slt, %[[ROW]], %[[LIMIT]]
// CHECK:             %[[ROW_IN:.*]] = arith.andi %[[LOW]], %[[HIGH]]
// CHECK:             %[[IN:.*]] = arith.andi %[[ROW_IN]], %{{.*}} : i1
// CHECK:             %[[X:.*]] = scf.if %[[IN]] -> (f32) {
// CHECK:               memref.load %{{.*}}[%[[ROW]], %[[J]]]
// CHECK:             } else {
// CHECK-NEXT:          scf.yield %pad
// CHECK:             memref.store %[[X]], %[[TILE]][%[[I]], %[[J]]]
// CHECK:         scf.for
// CHECK-NEXT:      scf.for
// CHECK:             scf.if
// CHECK-NEXT:          memref.load %[[TILE]]
// CHECK-NEXT:          memref.store %{{.*}}, %y
// CHECK:         memref.dealloc %[[TILE]]
// CHECK-NEXT:    tegula.yield
tegula.kernel @copy(in %x: !v, out %y: !v, %hi: index, %pad: f32) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : !v
  %w = memref.dim %x, %c0 : !v
  tegula.grid (%m) to (%n) step (8) {
    %t = tegula.load %x[%m, %c0] upto [%hi, %w] pad %pad : f32 : !v -> tensor<8x4xf32>
    tegula.store %t, %y[%m, %c0] : tensor<8x4xf32>, !v
    tegula.yield
  }
  tegula.return
}

// Constants, which canonicalisation moves into the launch part, belong to the
// instance: a splat is filled once, outside streams, anything else is a global.

// CHECK-LABEL: tegula.kernel @constants
// CHECK:       tegula.grid
// CHECK:         %[[FILL:.*]] = memref.alloc() : memref<4xf32>
// CHECK:         memref.store %cst, %[[FILL]]
// CHECK:         %[[TABLE:.*]] = memref.get_global @tegula_constant : memref<4xf32>
// CHECK:         scf.for %{{.*}} to %{{.*}} step %c4
// CHECK-NOT:       alloc
// CHECK:           memref.load %[[FILL]]
// CHECK:           memref.load %[[TABLE]]
tegula.kernel @constants(in %x: memref<?xf32>, out %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %one = arith.constant dense<1.0> : tensor<4xf32>
  %table = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  tegula.grid (%i) to (%n) step (4) {
    %r = tegula.stream %k = %c0 to %n step 4 iter_args(%a = %one) -> (tensor<4xf32>) {
      %b = arith.addf %one, %table : tensor<4xf32>
      tegula.yield %b : tensor<4xf32>
    }
    tegula.store %r, %y[%i] : tensor<4xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}

// Scalar loads, requirements and checks stay as they are.

// CHECK-LABEL: tegula.kernel @scalars
// CHECK:       tegula.require %{{.*}}, "not empty"
// CHECK:       tegula.grid
// CHECK:         memref.load
// CHECK:         tegula.check %{{.*}}, "positive"
tegula.kernel @scalars(in %x: memref<?xi64>, out %y: memref<?xi64>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xi64>
  %ok = arith.cmpi sgt, %n, %c0 : index
  tegula.require %ok, "not empty"
  tegula.grid (%i) to (%n) step (1) {
    %v = memref.load %x[%i] : memref<?xi64>
    %z = arith.constant 0 : i64
    %p = arith.cmpi sgt, %v, %z : i64
    tegula.check %p, "positive"
    memref.store %v, %y[%i] : memref<?xi64>
    tegula.yield
  }
  tegula.return
}

// Where a check fails the instance ends: what it holds is freed first.

// CHECK-LABEL: tegula.kernel @leaves_early
// CHECK:       %[[T:.*]] = memref.alloc() : memref<4xf32>
// CHECK:       %[[FAILS:.*]] = arith.xori %ok, %true
// CHECK:       scf.if %[[FAILS]] {
// CHECK-NEXT:    memref.dealloc %[[T]]
// CHECK-NEXT:  }
// CHECK-NEXT:  tegula.check %ok, "goes on"
// CHECK:       memref.dealloc %[[T]]
// CHECK-NEXT:  tegula.yield
tegula.kernel @leaves_early(in %x: memref<?xf32>, out %y: memref<?xf32>, %n: index, %ok: i1) {
  tegula.grid (%i) to (%n) step (4) {
    %t = tegula.load %x[%i] : memref<?xf32> -> tensor<4xf32>
    tegula.check %ok, "goes on"
    tegula.store %t, %y[%i] : tensor<4xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}
