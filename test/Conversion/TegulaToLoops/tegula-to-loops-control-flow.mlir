// RUN: tegula-opt %s --tegula-to-loops --canonicalize --cse | FileCheck %s

// A carried tile has one buffer: filled before the stream, overwritten at the end
// of each trip. Carried scalars stay values.

// CHECK-LABEL: tegula.kernel @up
// CHECK:       memref.alloc() : memref<4xf32>
// CHECK:       %[[CARRIED:.*]] = memref.alloc() : memref<4xf32>
// CHECK:       %[[NEXT:.*]] = memref.alloc() : memref<4xf32>
// CHECK:       %[[COUNT:.*]] = scf.for %[[K:.*]] = %c0 to %{{.*}} step %c4 iter_args(%[[C:.*]] = %c0) -> (index) {
// CHECK:           memref.load %[[CARRIED]]
// CHECK:           memref.store %{{.*}}, %[[NEXT]]
// CHECK:           memref.load %[[NEXT]]
// CHECK-NEXT:      memref.store %{{.*}}, %[[CARRIED]]
// CHECK:         scf.yield %{{.*}} : index
tegula.kernel @up(in %x: memref<?xf32>, out %y: memref<?xf32>, %i0: index) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  tegula.grid (%i) to (%n) step (4) {
    %a0 = tegula.load %x[%i] : memref<?xf32> -> tensor<4xf32>
    %r, %t = tegula.stream %k = %c0 to %n step 4 iter_args(%a = %a0, %c = %c0) -> (tensor<4xf32>, index) {
      %b = arith.addf %a, %a : tensor<4xf32>
      %d = arith.addi %c, %k : index
      tegula.yield %b, %d : tensor<4xf32>, index
    }
    tegula.store %r, %y[%t] : tensor<4xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}

// `down` visits the spans of `up` last to first: lo + (trips - 1 - i) * step.

// CHECK-LABEL: tegula.kernel @down
// CHECK:       %[[LENGTH:.*]] = arith.subi %hi, %lo
// CHECK:       %[[UP:.*]] = arith.addi %[[LENGTH]], %c3
// CHECK:       %[[TRIPS:.*]] = arith.divsi %[[UP]], %c4
// CHECK:       scf.for %[[I:.*]] = %c0 to %[[TRIPS]] step %c1 {
// CHECK:         %[[LAST:.*]] = arith.subi %[[TRIPS]], %c1
// CHECK:         %[[LEFT:.*]] = arith.subi %[[LAST]], %[[I]]
// CHECK:         %[[OFF:.*]] = arith.muli %[[LEFT]], %c4
// CHECK:         %[[POS:.*]] = arith.addi %lo, %[[OFF]]
// CHECK:         memref.store %{{.*}}, %y[%[[POS]]]
tegula.kernel @down(out %y: memref<?xf32>, %v: f32, %lo: index, %hi: index) {
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    tegula.stream %k = %lo to %hi step 4 order down {
      memref.store %v, %y[%k] : memref<?xf32>
      tegula.yield
    }
    tegula.yield
  }
  tegula.return
}

// Carried values that change places: what another copy overwrites is saved first.

// CHECK-LABEL: tegula.kernel @swap
// CHECK-COUNT-2: memref.alloc() : memref<2xf32>
// CHECK:       %[[A:.*]] = memref.alloc() : memref<2xf32>
// CHECK:       %[[B:.*]] = memref.alloc() : memref<2xf32>
// CHECK:       %[[SAVED_B:.*]] = memref.alloc() : memref<2xf32>
// CHECK:       %[[SAVED_A:.*]] = memref.alloc() : memref<2xf32>
// CHECK:       scf.for %{{.*}} = %lo to %hi
// CHECK:         memref.load %[[B]]
// CHECK-NEXT:    memref.store %{{.*}}, %[[SAVED_B]]
// CHECK:         memref.load %[[A]]
// CHECK-NEXT:    memref.store %{{.*}}, %[[SAVED_A]]
// CHECK:         memref.load %[[SAVED_B]]
// CHECK-NEXT:    memref.store %{{.*}}, %[[A]]
// CHECK:         memref.load %[[SAVED_A]]
// CHECK-NEXT:    memref.store %{{.*}}, %[[B]]
tegula.kernel @swap(out %y: memref<?xf32>, %u: f32, %v: f32, %lo: index, %hi: index) {
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %a0 = tensor.splat %u : tensor<2xf32>
    %b0 = tensor.splat %v : tensor<2xf32>
    %r, %s = tegula.stream %k = %lo to %hi step 4 iter_args(%a = %a0, %b = %b0) -> (tensor<2xf32>, tensor<2xf32>) {
      tegula.yield %b, %a : tensor<2xf32>, tensor<2xf32>
    }
    tegula.store %r, %y[%lo] : tensor<2xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}

// Both branches fill the buffer of the result.

// CHECK-LABEL: tegula.kernel @branch
// CHECK:       %[[R:.*]] = memref.alloc() : memref<2xf32>
// CHECK:       %[[S:.*]] = arith.select %c, %u, %v : f32
// CHECK:       scf.if %c {
// CHECK:         memref.store %{{.*}}, %[[R]]
// CHECK:       } else {
// CHECK:         memref.store %{{.*}}, %[[R]]
// CHECK:       memref.store %[[S]], %y
tegula.kernel @branch(out %y: memref<?xf32>, %u: f32, %v: f32, %c: i1) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %r, %s = scf.if %c -> (tensor<2xf32>, f32) {
      %a = tensor.splat %u : tensor<2xf32>
      scf.yield %a, %u : tensor<2xf32>, f32
    } else {
      %a = tensor.splat %v : tensor<2xf32>
      scf.yield %a, %v : tensor<2xf32>, f32
    }
    tegula.store %r, %y[%c0] : tensor<2xf32>, memref<?xf32>
    memref.store %s, %y[%c1] : memref<?xf32>
    tegula.yield
  }
  tegula.return
}
