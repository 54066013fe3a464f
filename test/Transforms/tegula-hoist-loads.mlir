// RUN: tegula-opt %s -tegula-hoist-loads | FileCheck %s

// CHECK-LABEL: @loads
tegula.kernel @loads(in %w: memref<8x?xf32>, inout %z: memref<8xf32>, in %x: memref<?xf32>, out %y: memref<8xf32>, %row: index, %scale: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n1 = memref.dim %x, %c0 : memref<?xf32>
  tegula.grid (%i) to (%c1) step (1) {
    %a0 = arith.constant dense<0.0> : tensor<8xf32>
    // The load, the narrowing that it needs, and the product with a scalar, whose
    // splat is cheap and is made where it is used.
    // CHECK:      %[[V:.*]] = memref.subview %w
    // CHECK-NEXT: %[[W:.*]] = tegula.load %[[V]][%{{.*}}]
    // CHECK-NEXT: %[[S:.*]] = tensor.splat %scale : tensor<8xf32>
    // CHECK-NEXT: %[[WS:.*]] = arith.mulf %[[W]], %[[S]]
    // CHECK-NEXT: tegula.stream %[[N:.*]] = %{{.*}} to %{{.*}} step 8 iter_args(%[[A:.*]] = %{{.*}})
    // CHECK-NEXT:   tensor.splat %scale
    // CHECK-NEXT:   tegula.load %x[%[[N]]]
    // CHECK-NEXT:   tegula.load %z[%{{.*}}]
    // CHECK:        tegula.iota %{{.*}} : tensor<8xi32>
    // CHECK:        arith.cmpi slt
    // CHECK:      tegula.yield
    %r = tegula.stream %n = %c0 to %n1 step 8 iter_args(%a = %a0) -> (tensor<8xf32>) {
      %v = memref.subview %w[0, %row] [8, 1] [1, 1] : memref<8x?xf32> to memref<8xf32, strided<[?], offset: ?>>
      %t = tegula.load %v[%c0] : memref<8xf32, strided<[?], offset: ?>> -> tensor<8xf32>
      %s = tensor.splat %scale : tensor<8xf32>
      %ts = arith.mulf %t, %s : tensor<8xf32>
      %xt = tegula.load %x[%n] : memref<?xf32> -> tensor<8xf32>
      // `inout` may be stored to: it keeps its place.
      %zt = tegula.load %z[%c0] : memref<8xf32> -> tensor<8xf32>
      %xs = arith.mulf %xt, %s : tensor<8xf32>
      %b = arith.addf %xs, %ts : tensor<8xf32>
      %b1 = arith.addf %b, %zt : tensor<8xf32>
      // Ids and masks are cheap.
      %j = tegula.iota %row : tensor<8xi32>
      %k = arith.constant dense<3> : tensor<8xi32>
      %m = arith.cmpi slt, %j, %k : tensor<8xi32>
      %b2 = arith.select %m, %b1, %xs : tensor<8xi1>, tensor<8xf32>
      %u = arith.addf %a, %b2 : tensor<8xf32>
      tegula.yield %u : tensor<8xf32>
    }
    tegula.store %r, %y[%c0] : tensor<8xf32>, memref<8xf32>
    tegula.yield
  }
  tegula.return
}

// Out of nested streams as far as it goes; the label leaves the schedule.

// CHECK-LABEL: @nested
tegula.kernel @nested(in %w: memref<8xf32>, in %x: memref<?xf32>, out %y: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %size = memref.dim %x, %c0 : memref<?xf32>
  tegula.grid (%i) to (%c1) step (1) {
    %a0 = arith.constant dense<0.0> : tensor<8xf32>
    // CHECK:     tegula.load %w[%{{.*}}] label "wt"
    // CHECK:     math.exp
    // CHECK:     tegula.stream %[[N:[a-z]+]] =
    // CHECK:       tegula.load %x[%[[N]]] label "xt"
    // CHECK:       tegula.stream {{.*}} label "inner" {{.*}} schedule<[<all 1 "kt">]>
    // CHECK-NEXT:    tegula.load %x[%{{.*}}] label "kt"
    // CHECK-NOT:     tegula.load
    // CHECK:       tegula.yield
    %r = tegula.stream %n = %c0 to %size step 8 iter_args(%a = %a0) -> (tensor<8xf32>) {
      %s = tegula.stream %m = %c0 to %size step 8 label "inner" iter_args(%b = %a) -> (tensor<8xf32>)
          schedule<[<all 0 "wt" + "xt">, <all 1 "kt">]> {
        %wt = tegula.load %w[%c0] label "wt" : memref<8xf32> -> tensor<8xf32>
        %e = math.exp %wt : tensor<8xf32>
        %xt = tegula.load %x[%n] label "xt" : memref<?xf32> -> tensor<8xf32>
        %kt = tegula.load %x[%m] label "kt" : memref<?xf32> -> tensor<8xf32>
        %p = arith.mulf %e, %xt : tensor<8xf32>
        %q = arith.mulf %p, %kt : tensor<8xf32>
        %u = arith.addf %b, %q : tensor<8xf32>
        tegula.yield %u : tensor<8xf32>
      }
      tegula.yield %s : tensor<8xf32>
    }
    tegula.store %r, %y[%c0] : tensor<8xf32>, memref<8xf32>
    tegula.yield
  }
  tegula.return
}

// A gather whose indices do not change is a load like any other.

// CHECK-LABEL: @gathers
tegula.kernel @gathers(in %x: memref<?x8xf32>, in %j: memref<?xi32>, out %y: memref<?x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %size = memref.dim %x, %c0 : memref<?x8xf32>
  tegula.grid (%i) to (%c1) step (1) {
    // CHECK:     %[[IDS:.*]] = tegula.load %j
    // CHECK:     tegula.gather %x[%{{.*}}] by %[[IDS]] axis 0
    // CHECK:     tegula.stream
    // CHECK:       tegula.load %j
    // CHECK:       tegula.gather %x
    // CHECK:     tegula.yield
    tegula.stream %n = %c0 to %size step 4 {
      %ids = tegula.load %j[%c0] : memref<?xi32> -> tensor<4xi32>
      %a = tegula.gather %x[%c0] by %ids axis 0 : memref<?x8xf32>, tensor<4xi32> -> tensor<4x8xf32>
      %more = tegula.load %j[%n] : memref<?xi32> -> tensor<4xi32>
      %b = tegula.gather %x[%c0] by %more axis 0 : memref<?x8xf32>, tensor<4xi32> -> tensor<4x8xf32>
      %s = arith.addf %a, %b : tensor<4x8xf32>
      tegula.store %s, %y[%n, %c0] : tensor<4x8xf32>, memref<?x8xf32>
      tegula.yield
    }
    tegula.yield
  }
  tegula.return
}
