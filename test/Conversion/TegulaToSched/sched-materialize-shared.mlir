// RUN: tegula-opt %s --sched-form-maps --sched-materialize | FileCheck %s

// Slices that maps read, reshapes between whole rows, and parts of a concatenation lie
// where the whole lies; nothing is moved.

!v = memref<?x64xf32>

// One stage of a butterfly: both sums are one map, whose results are the two halves.
// CHECK-LABEL: sched.kernel @stage
// CHECK:      %[[X:.*]] = sched.alloc : <4x64xf32, local>
// CHECK:      %[[Y:.*]] = sched.alloc : <4x2x32xf32, local>
// CHECK-NOT:  sched.alloc
// CHECK:      sched.copy %{{.*}} to %[[X]]
// CHECK:      %[[V:.*]] = sched.view %[[X]] : <4x64xf32, local> -> <4x2x32xf32, local>
// CHECK-DAG:  %[[A:.*]] = sched.slice %[[V]] at [0, 0, 0]
// CHECK-DAG:  %[[B:.*]] = sched.slice %[[V]] at [0, 1, 0]
// CHECK-DAG:  %[[C:.*]] = sched.slice %[[Y]] at [0, 0, 0]
// CHECK-DAG:  %[[D:.*]] = sched.slice %[[Y]] at [0, 1, 0]
// CHECK:      sched.map domain [4, 1, 32] ins(%{{.*}} = %[[A]], %{{.*}} = %[[B]] : {{.*}}) outs(%[[C]], %[[D]]
// CHECK-NOT:  sched.move
// CHECK:      %[[R:.*]] = sched.view %[[Y]] : <4x2x32xf32, local> -> <4x64xf32, local>
// CHECK:      sched.store %[[R]]
tegula.kernel @stage(in %x: !v, out %y: !v) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : !v
  tegula.grid (%i) to (%n) step (4) {
    %t = tegula.load %x[%i, %c0] : !v -> tensor<4x64xf32>
    %u = tegula.reshape %t : tensor<4x64xf32> -> tensor<4x2x32xf32>
    %a = tensor.extract_slice %u[0, 0, 0] [4, 1, 32] [1, 1, 1] : tensor<4x2x32xf32> to tensor<4x1x32xf32>
    %b = tensor.extract_slice %u[0, 1, 0] [4, 1, 32] [1, 1, 1] : tensor<4x2x32xf32> to tensor<4x1x32xf32>
    %s = arith.addf %a, %b : tensor<4x1x32xf32>
    %d = arith.subf %a, %b : tensor<4x1x32xf32>
    %c = tegula.concat axis 1 (%s, %d) : tensor<4x1x32xf32>, tensor<4x1x32xf32> -> tensor<4x2x32xf32>
    %r = tegula.reshape %c : tensor<4x2x32xf32> -> tensor<4x64xf32>
    tegula.store %r, %y[%i, %c0] : tensor<4x64xf32>, !v
    tegula.yield
  }
  tegula.return
}

// Who reads a slice reads the whole: %u is not written over while %a is still to be read.
// CHECK-LABEL: sched.kernel @alive
// CHECK:      %[[X:.*]] = sched.alloc : <4x64xf32, local>
// CHECK:      %[[Y:.*]] = sched.alloc : <4x64xf32, local>
// CHECK:      sched.map {{.*}} = %[[X]] : {{.*}}) outs(%[[Y]]
tegula.kernel @alive(in %x: !v, out %y: !v) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : !v
  tegula.grid (%i) to (%n) step (4) {
    %u = tegula.load %x[%i, %c0] : !v -> tensor<4x64xf32>
    %a = tensor.extract_slice %u[1, 0] [1, 64] [1, 1] : tensor<4x64xf32> to tensor<1x64xf32>
    %e = arith.addf %u, %u : tensor<4x64xf32>
    %f = tegula.transpose %e perm [1, 0] : tensor<4x64xf32> -> tensor<64x4xf32>
    %g = tegula.transpose %f perm [1, 0] : tensor<64x4xf32> -> tensor<4x64xf32>
    %b = tegula.broadcast %a dims [0, 1] : tensor<1x64xf32> -> tensor<4x64xf32>
    %h = arith.mulf %g, %b : tensor<4x64xf32>
    tegula.store %h, %y[%i, %c0] : tensor<4x64xf32>, !v
    tegula.yield
  }
  tegula.return
}

// Rows of 20 have gaps, so their reshape moves; a slice that a product reads moves too.
// CHECK-LABEL: sched.kernel @moved
// CHECK:      sched.reshape
// CHECK:      sched.move
// CHECK:      sched.mma
tegula.kernel @moved(in %x: memref<?x20xf32>, out %y: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x20xf32>
  tegula.grid (%i) to (%n) step (4) {
    %t = tegula.load %x[%i, %c0] : memref<?x20xf32> -> tensor<4x20xf32>
    %u = tegula.reshape %t : tensor<4x20xf32> -> tensor<8x10xf32>
    %a = tensor.extract_slice %u[2, 0] [4, 10] [1, 1] : tensor<8x10xf32> to tensor<4x10xf32>
    %d = tegula.dot %u, trans %a : tensor<8x10xf32>, tensor<4x10xf32> -> tensor<8x4xf32>
    tegula.store %d, %y[%i, %c0] : tensor<8x4xf32>, memref<?x?xf32>
    tegula.yield
  }
  tegula.return
}
