// RUN: tegula-opt %s --split-input-file --sched-materialize-roles=target=sm_80 --canonicalize --cse | FileCheck %s

// Indices along any axis; columns follow the layout's columns.

// CHECK-DAG: #[[J:.*]] = #sched.layout<{{.*}}.col {{.*}}>
// CHECK-LABEL: sched.kernel @columns
// CHECK: %[[T:.*]] = sched.load %x[%{{.*}}] by %{{.*}} : !sched.frag<32xi32, #{{.*}}> axis 1 : memref<64x?xf32>
// CHECK: sched.scatter %[[T]] to %y[%{{.*}}] by %{{.*}} axis 1
tegula.kernel @columns(in %x: memref<64x?xf32>, in %j: memref<?xi32>, out %y: memref<64x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %y, %c1 : memref<64x?xf32>
  tegula.grid (%i) to (%n) step (32) roles [<all warps 4>] {
    %jt = tegula.load %j[%i] : memref<?xi32> -> tensor<32xi32>
    %t = tegula.gather %x[%c0] by %jt axis 1 : memref<64x?xf32>, tensor<32xi32> -> tensor<64x32xf32>
    tegula.scatter %t, %y[%c0] by %jt axis 1 : tensor<64x32xf32>, memref<64x?xf32>, tensor<32xi32>
    tegula.yield
  }
  tegula.return
}

// -----

// The first axis needs no name, and index tiles of several leading axes come as they are.

// CHECK-LABEL: sched.kernel @planes
// CHECK: sched.load %x[%{{.*}}, %{{.*}}] by %{{.*}} : !sched.frag<4xi32, #{{.*}}> : memref<?x4x16xf32>
// CHECK: sched.load %x[%{{.*}}, %{{.*}}] by %{{.*}} : !sched.frag<4xi32, #{{.*}}> axis 1 : memref<?x4x16xf32>
tegula.kernel @planes(in %x: memref<?x4x16xf32>, in %j: memref<?xi32>, out %y: memref<4x4x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) roles [<all warps 4>] {
    %jt = tegula.load %j[%i] : memref<?xi32> -> tensor<4xi32>
    %t = tegula.gather %x[%c0, %c0] by %jt axis 0 : memref<?x4x16xf32>, tensor<4xi32> -> tensor<4x4x16xf32>
    %u = tegula.gather %x[%c0, %c0] by %jt axis 1 : memref<?x4x16xf32>, tensor<4xi32> -> tensor<4x4x16xf32>
    tegula.store %t, %y[%c0, %c0, %c0] : tensor<4x4x16xf32>, memref<4x4x16xf32>
    tegula.store %u, %y[%c0, %c0, %c0] : tensor<4x4x16xf32>, memref<4x4x16xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// Instances that reduce in order run in order; so do those whose order is ours to choose.

// CHECK-LABEL: sched.kernel @ordered
// CHECK: tegula.grid {{.*}} order sequential
// CHECK: sched.reduce_store add %{{.*}} to %y[%{{.*}}, %{{.*}}] : !sched.frag
tegula.kernel @ordered(in %x: memref<?x64xf32>, inout %y: memref<1x64xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x64xf32>
  tegula.grid (%i) to (%n) step (1) roles [<all warps 4>] {
    %t = tegula.load %x[%i, %c0] : memref<?x64xf32> -> tensor<1x64xf32>
    tegula.reduce_store add ordered %t, %y[%c0, %c0] : tensor<1x64xf32>, memref<1x64xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// CHECK-LABEL: sched.kernel @two_pass
// CHECK: tegula.grid {{.*}} order sequential
tegula.kernel @two_pass(in %x: memref<?x64xf32>, inout %y: memref<1x64xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x64xf32>
  tegula.grid (%i) to (%n) step (1) roles [<all warps 4>] {
    %t = tegula.load %x[%i, %c0] : memref<?x64xf32> -> tensor<1x64xf32>
    tegula.reduce_store add two_pass %t, %y[%c0, %c0] : tensor<1x64xf32>, memref<1x64xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// One element of a tile, as a coordinate.

// CHECK-LABEL: sched.kernel @extract
// CHECK: %[[T:.*]] = sched.load %x
// CHECK: %[[S:.*]] = sched.scalar %[[T]][%{{.*}}] : !sched.frag<4xi32, #{{.*}}> -> i32
// CHECK: %[[K:.*]] = arith.index_cast %[[S]]
// CHECK: sched.load %z[%[[K]], %{{.*}}]
tegula.kernel @extract(in %x: memref<?xi32>, out %y: memref<?x64xf32>, in %z: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) roles [<all warps 4>] {
    %t = tegula.load %x[%c0] : memref<?xi32> -> tensor<4xi32>
    %j = tensor.extract %t[%c1] : tensor<4xi32>
    %k = arith.index_cast %j : i32 to index
    %r = tegula.load %z[%k, %c0] : memref<?x64xf32> -> tensor<1x64xf32>
    tegula.store %r, %y[%c0, %c0] : tensor<1x64xf32>, memref<?x64xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// Tiles of rank 0 are numbers that every thread holds.

// CHECK-LABEL: sched.kernel @numbers
// CHECK: %[[N:.*]] = sched.load %n : memref<f32> -> <f32>
// CHECK: sched.map domain [64] {{.*}} -> !sched.frag<f32>
// CHECK: sched.store %{{.*}} to %y{{.*}} : !sched.frag<f32>, memref<f32>
tegula.kernel @numbers(in %x: memref<?xf32>, in %n: memref<f32>, out %y: memref<f32>) {
  %c1 = arith.constant 1 : index
  %c0 = arith.constant 0 : index
  tegula.grid (%i) to (%c1) step (1) roles [<all warps 4>] {
    %t = tegula.load %x[%c0] : memref<?xf32> -> tensor<64xf32>
    %u = tegula.load %n[] : memref<f32> -> tensor<f32>
    %r = sched.map domain [64] ins(%a = %t, %b = %u : tensor<64xf32>, tensor<f32>) -> tensor<f32> {
      %c = tegula.broadcast %b dims [] : tensor<f32> -> tensor<64xf32>
      %d = arith.mulf %a, %c : tensor<64xf32>
      %s = tegula.reduce add %d axis 0 : tensor<64xf32> -> tensor<f32>
      sched.yield %s : tensor<f32>
    }
    tegula.store %r, %y[] : tensor<f32>, memref<f32>
    tegula.yield
  }
  tegula.return
}
