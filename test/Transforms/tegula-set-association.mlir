// RUN: tegula-opt %s -tegula-set-association | FileCheck %s
// RUN: tegula-opt %s -tegula-set-association -tegula-decompose -tegula-hoist-loads | FileCheck %s --check-prefix=HOIST

// Where nothing is invariant the number of multiplications decides:
// 64 8 (32 + 48) against 32 48 (8 + 64).

// CHECK-LABEL: @flops
func.func @flops(%x: tensor<64x32xf32>, %u: tensor<32x8xf32>, %v: tensor<8x48xf32>, %x1: tensor<2x32xf32>, %u1: tensor<32x40xf32>, %v1: tensor<40x3xf32>, %x2: tensor<64x32xf32>, %u2: tensor<32x60xf32>, %v2: tensor<60x3xf32>) {
  // CHECK: low_rank_dot {{.*}} association left
  %0 = tegula.low_rank_dot %x, %u, %v : tensor<64x32xf32>, tensor<32x8xf32>, tensor<8x48xf32> -> tensor<64x48xf32>
  // CHECK: low_rank_dot {{.*}} association left
  %1 = tegula.low_rank_dot %x1, %u1, %v1 : tensor<2x32xf32>, tensor<32x40xf32>, tensor<40x3xf32> -> tensor<2x3xf32>
  // CHECK: low_rank_dot {{.*}} association right
  %2 = tegula.low_rank_dot %x2, %u2, %v2 : tensor<64x32xf32>, tensor<32x60xf32>, tensor<60x3xf32> -> tensor<64x3xf32>
  // What the author has said stays.
  // CHECK: low_rank_dot {{.*}} association left
  %3 = tegula.low_rank_dot %x2, %u2, %v2 association left : tensor<64x32xf32>, tensor<32x60xf32>, tensor<60x3xf32> -> tensor<64x3xf32>
  return
}

// A half that leaves the stream is free: x . u here, though u . v would cost less.

// CHECK-LABEL: tegula.kernel @left
// CHECK: low_rank_dot {{.*}} association left
// HOIST-LABEL: tegula.kernel @left
// HOIST:     tegula.dot %{{.*}}, %{{.*}} label "y.mid"
// HOIST:     tegula.stream
// HOIST-NOT:   .mid
// HOIST:       tegula.dot %{{.*}}, %{{.*}} label "y.out"
tegula.kernel @left(in %x: memref<64x32xf32>, in %u: memref<32x60xf32>, in %v: memref<60x?xf32>, out %y: memref<64x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n1 = memref.dim %v, %c1 : memref<60x?xf32>
  tegula.grid (%i) to (%c1) step (1) {
    %xt = tegula.load %x[%c0, %c0] : memref<64x32xf32> -> tensor<64x32xf32>
    %ut = tegula.load %u[%c0, %c0] : memref<32x60xf32> -> tensor<32x60xf32>
    tegula.stream %n = %c0 to %n1 step 3 {
      %vt = tegula.load %v[%c0, %n] : memref<60x?xf32> -> tensor<60x3xf32>
      %yt = tegula.low_rank_dot %xt, %ut, %vt label "y" : tensor<64x32xf32>, tensor<32x60xf32>, tensor<60x3xf32> -> tensor<64x3xf32>
      tegula.store %yt, %y[%c0, %n] : tensor<64x3xf32>, memref<64x?xf32>
      tegula.yield
    }
    tegula.yield
  }
  tegula.return
}

// And u . v here, though it is the larger product.

// CHECK-LABEL: tegula.kernel @right
// CHECK: low_rank_dot {{.*}} association right
// HOIST-LABEL: tegula.kernel @right
// HOIST:     tegula.dot %{{.*}}, trans %{{.*}} label "y.mid"
// HOIST:     tegula.stream
// HOIST:       tegula.dot %{{.*}}, %{{.*}} label "y.out"
tegula.kernel @right(in %x: memref<?x32xf32>, in %u: memref<32x30xf32>, in %v: memref<48x30xf32>, out %y: memref<?x48xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n1 = memref.dim %x, %c0 : memref<?x32xf32>
  tegula.grid (%i) to (%c1) step (1) {
    %ut = tegula.load %u[%c0, %c0] : memref<32x30xf32> -> tensor<32x30xf32>
    %vt = tegula.load %v[%c0, %c0] : memref<48x30xf32> -> tensor<48x30xf32>
    tegula.stream %n = %c0 to %n1 step 4 {
      %xt = tegula.load %x[%n, %c0] : memref<?x32xf32> -> tensor<4x32xf32>
      %yt = tegula.low_rank_dot %xt, %ut, trans %vt label "y" : tensor<4x32xf32>, tensor<32x30xf32>, tensor<48x30xf32> -> tensor<4x48xf32>
      tegula.store %yt, %y[%n, %c0] : tensor<4x48xf32>, memref<?x48xf32>
      tegula.yield
    }
    tegula.yield
  }
  tegula.return
}

// All operands change, or the level of a branch keeps the product: flops decide.

// CHECK-LABEL: tegula.kernel @branch
// CHECK: low_rank_dot {{.*}} association left
tegula.kernel @branch(in %u: memref<32x2xf32>, in %v: memref<2x48xf32>, out %y: memref<?x48xf32>, %p: i1) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n1 = memref.dim %y, %c0 : memref<?x48xf32>
  tegula.grid (%i) to (%c1) step (1) {
    %ut = tegula.load %u[%c0, %c0] : memref<32x2xf32> -> tensor<32x2xf32>
    %vt = tegula.load %v[%c0, %c0] : memref<2x48xf32> -> tensor<2x48xf32>
    tegula.stream %n = %c0 to %n1 step 4 {
      scf.if %p {
        %s = arith.index_cast %n : index to i32
        %f = arith.sitofp %s : i32 to f32
        %xt = tensor.splat %f : tensor<4x32xf32>
        %yt = tegula.low_rank_dot %xt, %ut, %vt : tensor<4x32xf32>, tensor<32x2xf32>, tensor<2x48xf32> -> tensor<4x48xf32>
        tegula.store %yt, %y[%n, %c0] : tensor<4x48xf32>, memref<?x48xf32>
      }
      tegula.yield
    }
    tegula.yield
  }
  tegula.return
}
