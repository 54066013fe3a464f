// RUN: tegula-opt %s --sched-form-maps | FileCheck %s
// RUN: tegula-opt %s --sched-form-maps=rescale=false | FileCheck %s --check-prefix=WARPS

!v = memref<?x?xf32, strided<[?, 1], offset: ?>>
!r = memref<?xf32, strided<[1], offset: ?>>

// One sweep: a mask made of iotas is cloned in, not stored; the reduction and the
// values it reduces leave the same map.
// CHECK-LABEL: tegula.kernel @one_sweep
// CHECK:         %[[X:.*]] = tegula.load
// CHECK:         sched.map domain [8, 16] ins(%[[A:.*]] = %[[X]] : tensor<8x16xf32>)
// CHECK-SAME:        -> (tensor<8x16xf32>, tensor<8xf32>)
// CHECK:           tegula.iota
// CHECK:           tegula.broadcast
// CHECK:           arith.cmpi
// CHECK:           %[[W:.*]] = arith.select
// CHECK:           %[[R:.*]] = tegula.reduce max %[[W]]
// CHECK:           sched.yield %[[W]], %[[R]]
// CHECK-NOT:     sched.map
tegula.kernel @one_sweep(in %x: !v, out %y: !v, out %m: !r, %n: i32) {
  %c0 = arith.constant 0 : index
  %rows = memref.dim %x, %c0 : !v
  tegula.grid (%i) to (%rows) step (8) {
    %t = tegula.load %x[%i, %c0] : !v -> tensor<8x16xf32>
    %j = tegula.iota %c0 : tensor<16xi32>
    %jb = tegula.broadcast %j dims [1] : tensor<16xi32> -> tensor<8x16xi32>
    %ns = tensor.splat %n : tensor<8x16xi32>
    %in = arith.cmpi slt, %jb, %ns : tensor<8x16xi32>
    %ninf = arith.constant dense<0xFF800000> : tensor<8x16xf32>
    %w = arith.select %in, %t, %ninf : tensor<8x16xi1>, tensor<8x16xf32>
    %r = tegula.reduce max %w axis 1 : tensor<8x16xf32> -> tensor<8xf32>
    tegula.store %w, %y[%i, %c0] : tensor<8x16xf32>, !v
    tegula.store %r, %m[%i] : tensor<8xf32>, !r
    tegula.yield
  }
  tegula.return
}

// A value that needs a finished reduction cannot join the map that forms it.
// CHECK-LABEL: tegula.kernel @barrier
// CHECK:         %[[M:.*]] = sched.map domain [8, 16] {{.*}} -> tensor<8xf32>
// CHECK:           tegula.reduce max
// CHECK:         sched.map domain [8, 16] ins(%{{.*}} = %{{.*}}, %{{.*}} = %[[M]] : tensor<8x16xf32>, tensor<8xf32>) -> tensor<8x16xf32>
// CHECK:           tegula.broadcast
// CHECK:           arith.subf
tegula.kernel @barrier(in %x: !v, out %y: !v) {
  %c0 = arith.constant 0 : index
  %rows = memref.dim %x, %c0 : !v
  tegula.grid (%i) to (%rows) step (8) {
    %t = tegula.load %x[%i, %c0] : !v -> tensor<8x16xf32>
    %m = tegula.reduce max %t axis 1 : tensor<8x16xf32> -> tensor<8xf32>
    %mb = tegula.broadcast %m dims [0] : tensor<8xf32> -> tensor<8x16xf32>
    %d = arith.subf %t, %mb : tensor<8x16xf32>
    tegula.store %d, %y[%i, %c0] : tensor<8x16xf32>, !v
    tegula.yield
  }
  tegula.return
}

// Joining by text order would close a cycle: %c needs the product of %a.
// CHECK-LABEL: tegula.kernel @cycle
// CHECK:         sched.map domain [16, 16]
// CHECK:           arith.mulf
// CHECK:         tegula.dot
// CHECK:         sched.map domain [16, 16]
// CHECK:           arith.addf
tegula.kernel @cycle(in %x: !v, out %y: !v) {
  %c0 = arith.constant 0 : index
  %rows = memref.dim %x, %c0 : !v
  tegula.grid (%i) to (%rows) step (16) {
    %t = tegula.load %x[%i, %c0] : !v -> tensor<16x16xf32>
    %a = arith.mulf %t, %t : tensor<16x16xf32>
    %b = tegula.dot %a, %t : tensor<16x16xf32>, tensor<16x16xf32> -> tensor<16x16xf32>
    %c = arith.addf %a, %b : tensor<16x16xf32>
    tegula.store %c, %y[%i, %c0] : tensor<16x16xf32>, !v
    tegula.yield
  }
  tegula.return
}

// The accumulator's rescaling stays with its dot.
// CHECK-LABEL: tegula.kernel @rescale
// CHECK:         tegula.stream
// CHECK:           %[[B:.*]] = tegula.broadcast %{{.*}} dims [0]
// CHECK-NEXT:      %[[S:.*]] = arith.mulf %{{.*}}, %[[B]]
// CHECK-NEXT:      tegula.dot %{{.*}}, %{{.*}} acc %[[S]]
tegula.kernel @rescale(in %x: !v, in %s: !r, out %y: !v) {
  %c0 = arith.constant 0 : index
  %rows = memref.dim %x, %c0 : !v
  tegula.grid (%i) to (%rows) step (16) {
    %zero = arith.constant dense<0.0> : tensor<16x16xf32>
    %r = tegula.stream %k = %c0 to %rows step 16 iter_args(%acc = %zero) -> (tensor<16x16xf32>) {
      %t = tegula.load %x[%k, %c0] : !v -> tensor<16x16xf32>
      %a = tegula.load %s[%k] : !r -> tensor<16xf32>
      %ab = tegula.broadcast %a dims [0] : tensor<16xf32> -> tensor<16x16xf32>
      %scaled = arith.mulf %acc, %ab : tensor<16x16xf32>
      %d = tegula.dot %t, %t acc %scaled : tensor<16x16xf32>, tensor<16x16xf32> -> tensor<16x16xf32>
      tegula.yield %d : tensor<16x16xf32>
    }
    tegula.store %r, %y[%i, %c0] : tensor<16x16xf32>, !v
    tegula.yield
  }
  tegula.return
}

// Effects keep their order: the second load of an inout view sees the store.
// CHECK-LABEL: tegula.kernel @order
// CHECK:         tegula.load
// CHECK:         sched.map
// CHECK:         tegula.store
// CHECK:         tegula.load
// CHECK:         sched.map
// CHECK:         tegula.store
tegula.kernel @order(inout %x: !r) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : !r
  tegula.grid (%i) to (%n) step (16) {
    %a = tegula.load %x[%i] : !r -> tensor<16xf32>
    %b = arith.addf %a, %a : tensor<16xf32>
    tegula.store %b, %x[%i] : tensor<16xf32>, !r
    %c = tegula.load %x[%i] : !r -> tensor<16xf32>
    %d = arith.mulf %c, %b : tensor<16xf32>
    tegula.store %d, %x[%i] : tensor<16xf32>, !r
    tegula.yield
  }
  tegula.return
}

// What takes a few cheap ops on a tile that is in memory is computed where it is
// used, also twice, and not stored.
// CHECK-LABEL: tegula.kernel @recomputed
// CHECK:         %[[X:.*]] = tegula.load %x
// CHECK:         %[[S:.*]] = sched.map domain [8, 16] ins(%{{.*}} = %[[X]] : tensor<8x16xf32>)
// CHECK-SAME:        -> tensor<8xf32>
// CHECK:         %[[Q:.*]] = sched.map domain [8, 16] ins(%{{.*}} = %[[X]], %{{.*}} = %[[S]] :
// CHECK-SAME:        -> tensor<8xf32>
// CHECK:           arith.subf
// CHECK:         sched.map domain [8, 16] ins(%{{.*}} = %[[X]], %{{.*}} = %[[S]], %{{.*}} = %[[Q]] :
// CHECK:           arith.subf
// CHECK:           arith.mulf
// CHECK-NOT:     sched.map
tegula.kernel @recomputed(in %x: !v, out %y: !v) {
  %c0 = arith.constant 0 : index
  %rows = memref.dim %x, %c0 : !v
  tegula.grid (%i) to (%rows) step (8) {
    %t = tegula.load %x[%i, %c0] : !v -> tensor<8x16xf32>
    %s = tegula.reduce add %t axis 1 : tensor<8x16xf32> -> tensor<8xf32>
    %sb = tegula.broadcast %s dims [0] : tensor<8xf32> -> tensor<8x16xf32>
    %d = arith.subf %t, %sb : tensor<8x16xf32>
    %dd = arith.mulf %d, %d : tensor<8x16xf32>
    %q = tegula.reduce add %dd axis 1 : tensor<8x16xf32> -> tensor<8xf32>
    %qb = tegula.broadcast %q dims [0] : tensor<8xf32> -> tensor<8x16xf32>
    %z = arith.mulf %d, %qb : tensor<8x16xf32>
    tegula.store %z, %y[%i, %c0] : tensor<8x16xf32>, !v
    tegula.yield
  }
  tegula.return
}

// Factors that are mostly 1 are asked first.
// CHECK-LABEL: tegula.kernel @rarely
// WARPS-LABEL: tegula.kernel @rarely
// WARPS:         %[[ACC:.*]] = tegula.load {{.*}} -> tensor<8x16xf32>
// WARPS:         %[[F:.*]] = sched.map domain [8]
// WARPS:           arith.select
// WARPS:         %[[SOME:.*]] = sched.differs %[[F]] from 1.000000e+00 : f32 : tensor<8xf32>
// WARPS:         %[[R:.*]] = sched.map domain [8, 16] ins(%{{.*}} = %[[ACC]], %{{.*}} = %[[F]] : {{.*}}) when %[[SOME]] -> tensor<8x16xf32>
// WARPS:           arith.mulf
// WARPS:         tegula.dot %{{.*}}, %{{.*}} acc %[[R]]
tegula.kernel @rarely(in %x: !v, in %f: !r, out %y: !v) {
  %c0 = arith.constant 0 : index
  %rows = memref.dim %x, %c0 : !v
  tegula.grid (%i) to (%rows) step (8) {
    %g = tegula.load %f[%i] : !r -> tensor<8xf32>
    %half = arith.constant dense<0.5> : tensor<8xf32>
    %one = arith.constant dense<1.0> : tensor<8xf32>
    %near = arith.cmpf ole, %g, %half : tensor<8xf32>
    %e = math.exp %g : tensor<8xf32>
    %a = arith.select %near, %one, %e : tensor<8xi1>, tensor<8xf32>
    %acc = tegula.load %x[%i, %c0] : !v -> tensor<8x16xf32>
    %ab = tegula.broadcast %a dims [0] : tensor<8xf32> -> tensor<8x16xf32>
    %scaled = arith.mulf %acc, %ab : tensor<8x16xf32>
    %p = tegula.load %x[%i, %c0] : !v -> tensor<8x16xf32>
    %q = tegula.load %x[%c0, %c0] : !v -> tensor<16x16xf32>
    %r = tegula.dot %p, %q acc %scaled : tensor<8x16xf32>, tensor<16x16xf32> -> tensor<8x16xf32>
    tegula.store %r, %y[%i, %c0] : tensor<8x16xf32>, !v
    tegula.yield
  }
  tegula.return
}
