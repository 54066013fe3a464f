// RUN: tegula-opt %s --sched-assign-arena --convert-sched-to-x86 --canonicalize --cse | FileCheck %s

// Tiles that lie in memory as in a buffer, and whole, are read and written there:
// a choice of two places, and the map once.

!v = memref<?x32xf32, strided<[?, 1], offset: ?>>
!w = memref<32xf32, strided<[1], offset: ?>>
!t = !sched.buf<8x32xf32, local>
!c = !sched.buf<32xf32, local>

// CHECK-LABEL: sched.kernel @both
// All of %w is there: no choice, no copy.
// CHECK:      %[[X:.*]] = scf.if %[[WHOLE:.*]] -> (memref<8x32xf32, strided<[?, 1], offset: ?>>) {
// CHECK:        memref.subview %x[%{{.*}}, 0] [8, 32] [1, 1]
// CHECK:        scf.yield
// CHECK:      } else {
// CHECK:        vector.maskedload
// CHECK:        scf.yield
// CHECK:      }
// CHECK:      %[[Y:.*]] = scf.if %{{.*}} -> (memref<8x32xf32, strided<[?, 1], offset: ?>>) {
// CHECK-NEXT:   memref.subview %y
// CHECK:      } else {
// CHECK-NOT:    vector.store
// CHECK:      }
// CHECK:      vector.load %[[X]]
// CHECK:      vector.load %w
// CHECK:      vector.store %{{.*}}, %[[Y]]
// CHECK:      scf.if %{{.*}} {
// CHECK-NEXT: } else {
// CHECK:        vector.maskedstore %y
// CHECK:      }
// CHECK-NOT:  vector.store
// CHECK:      tegula.return
sched.kernel @both(in %x: !v, out %y: !v, in %w: !w) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : !v
  tegula.grid (%i) to (%n) step (8) {
    %s = sched.alloc : !t
    %c = sched.alloc : !c
    sched.copy %x[%i, %c0] to %s : !v, !t
    sched.copy %w[%c0] to %c : !w, !c
    sched.map domain [8, 32] ins(%a = %s, %b = %c : !t, !c) outs(%s : !t) {
      %bb = tegula.broadcast %b dims [1] : tensor<32xf32> -> tensor<8x32xf32>
      %r = arith.mulf %a, %bb : tensor<8x32xf32>
      sched.yield %r : tensor<8x32xf32>
    }
    sched.store %s to %y[%i, %c0] : !t, !v
    tegula.yield
  }
  tegula.return
}

// Memory is read in its order: the rows' partial results pass through a queue.
// CHECK-LABEL: sched.kernel @in_order
// CHECK:      scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c1 iter_args(%{{.*}}, %[[Q1:.*]] = %{{.*}}, %[[Q2:.*]] = %{{.*}}, %[[Q3:.*]] = %{{.*}}) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK:        scf.yield %[[Q1]], %[[Q2]], %[[Q3]], %{{.*}}
// CHECK:      vector.store %{{.*}} : memref<16xf32>, vector<4xf32>
// The second map finds the tile in a cache: four rows at a time.
// CHECK:      scf.for %{{.*}} = %c0 to %c8 step %c4
// CHECK:        scf.for %{{.*}} = %c0 to %c32 step %c16
// CHECK-COUNT-4:  vector.load
// CHECK:      tegula.return
sched.kernel @in_order(in %x: !v, out %y: memref<?xf32>) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : !v
  tegula.grid (%i) to (%n) step (8) {
    %s = sched.alloc : !t
    %o = sched.alloc : !sched.buf<8xf32, local>
    %p = sched.alloc : !sched.buf<8xf32, local>
    sched.copy %x[%i, %c0] to %s : !v, !t
    sched.map domain [8, 32] ins(%a = %s : !t) outs(%o : !sched.buf<8xf32, local>) {
      %r = tegula.reduce add %a axis 1 : tensor<8x32xf32> -> tensor<8xf32>
      sched.yield %r : tensor<8xf32>
    }
    sched.map domain [8, 32] ins(%a = %s : !t) outs(%p : !sched.buf<8xf32, local>) {
      %r = tegula.reduce max %a axis 1 : tensor<8x32xf32> -> tensor<8xf32>
      sched.yield %r : tensor<8xf32>
    }
    sched.store %o to %y[%i] : !sched.buf<8xf32, local>, memref<?xf32>
    sched.store %p to %y[%i] : !sched.buf<8xf32, local>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}

// Not these: an `inout` view, which may be written in between; a tile whose rows are
// no whole vectors; a buffer that is read after the store; a strided view.
// CHECK-LABEL: sched.kernel @buffers
// CHECK-NOT:  scf.if {{.*}} -> (memref
// CHECK:      tegula.return
!n = memref<?x30xf32, strided<[?, 1], offset: ?>>
!f = memref<?x32xf32, strided<[?, 2], offset: ?>>
!e = !sched.buf<8x30xf32, local>
sched.kernel @buffers(inout %x: !v, in %u: !n, in %f: !f, out %y: !v) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : !v
  tegula.grid (%i) to (%n) step (8) {
    %s = sched.alloc : !t
    %k = sched.alloc : !t
    %e = sched.alloc : !e
    %o = sched.alloc : !t
    sched.copy %x[%i, %c0] to %s : !v, !t
    sched.copy %f[%i, %c0] to %k : !f, !t
    sched.copy %u[%i, %c0] to %e : !n, !e
    sched.map domain [8, 30] ins(%a = %e : !e) outs(%e : !e) {
      %r = arith.mulf %a, %a : tensor<8x30xf32>
      sched.yield %r : tensor<8x30xf32>
    }
    sched.map domain [8, 32] ins(%a = %s, %b = %k : !t, !t) outs(%o : !t) {
      %r = arith.mulf %a, %b : tensor<8x32xf32>
      sched.yield %r : tensor<8x32xf32>
    }
    sched.store %o to %y[%i, %c0] : !t, !v
    sched.store %o to %x[%i, %c0] : !t, !v
    tegula.yield
  }
  tegula.return
}

// A product reads its left operand where it lies; one that is loaded before the loop
// is read in each trip, and copied.
!b = !sched.buf<32x32xf32, local, pack n32>
// CHECK-LABEL: sched.kernel @left
// CHECK:      vector.store %{{.*}} : memref<8x32xf32>
// CHECK:      scf.for
// CHECK:        %[[A:.*]] = scf.if %{{.*}} -> (memref<8x32xf32, strided<[?, 1], offset: ?>>) {
// CHECK:        memref.load %[[A]]
// CHECK:        vector.fma
// CHECK:        memref.load %{{.*}} : memref<8x32xf32>
// CHECK:        vector.fma
sched.kernel @left(in %x: !v, out %y: !v) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %n = memref.dim %x, %c0 : !v
  tegula.grid (%i) to (%n) step (8) {
    %a = sched.alloc : !t
    %q = sched.alloc : !t
    %b = sched.alloc : !b
    %s = sched.alloc : !t
    sched.copy %x[%i, %c0] to %q : !v, !t
    scf.for %k = %c0 to %n step %c32 {
      sched.copy %x[%k, %c0] to %a : !v, !t
      sched.copy %x[%k, %c0] to %b : !v, !b
      sched.mma %a, %b into %s : !t, !b, !t
      sched.mma %q, %b onto %s : !t, !b, !t
    }
    sched.store %s to %y[%i, %c0] : !t, !v
    tegula.yield
  }
  tegula.return
}
