// RUN: tegula-opt %s --sched-assign-arena | FileCheck %s

// Buffers that are alive at different times share bytes; what a loop carries from
// trip to trip lives as long as the loop; what nothing uses is dropped.

!v = memref<?x64xf32, strided<[?, 1], offset: ?>>
!b = !sched.buf<16x64xf32, local>

// CHECK-LABEL: sched.kernel @straight
sched.kernel @straight(in %x: !v, out %y: !v) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    // 16x64 f32 are 4096 bytes, a whole page: 13 lines between buffers.
    // CHECK: %[[A:.*]] = sched.alloc at 0 : <16x64xf32, local>
    // CHECK: %[[B:.*]] = sched.alloc at 4928 : <16x64xf32, local>
    // CHECK: %[[C:.*]] = sched.alloc at 0 : <16x64xf32, local>
    // CHECK-NOT: sched.alloc at
    %a = sched.alloc : !b
    %b = sched.alloc : !b
    %c = sched.alloc : !b
    %unused = sched.alloc : !b
    sched.copy %x[%c0, %c0] to %a : !v, !b
    sched.map domain [16, 64] ins(%t = %a : !b) outs(%b : !b) {
      sched.yield %t : tensor<16x64xf32>
    }
    sched.map domain [16, 64] ins(%t = %b : !b) outs(%c : !b) {
      sched.yield %t : tensor<16x64xf32>
    }
    sched.store %c to %y[%c0, %c0] : !b, !v
    tegula.yield
  }
  tegula.return
}

// CHECK-LABEL: sched.kernel @loops
sched.kernel @loops(in %x: !v, out %y: !v) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    // The sum is carried; the two others are fresh in each trip and share bytes,
    // but not with the sum.
    // CHECK: sched.alloc at 0
    // CHECK: sched.alloc at 4928
    // CHECK: sched.alloc at 4928
    %sum = sched.alloc : !b
    %one = sched.alloc : !b
    %two = sched.alloc : !b
    sched.copy %x[%c0, %c0] to %sum : !v, !b
    scf.for %i = %c0 to %c1 step %c1 {
      sched.copy %x[%i, %c0] to %one : !v, !b
      sched.map domain [16, 64] ins(%s = %sum, %t = %one : !b, !b) outs(%sum : !b) {
        %r = arith.addf %s, %t : tensor<16x64xf32>
        sched.yield %r : tensor<16x64xf32>
      }
      sched.copy %x[%i, %c0] to %two : !v, !b
      sched.map domain [16, 64] ins(%s = %sum, %t = %two : !b, !b) outs(%sum : !b) {
        %r = arith.addf %s, %t : tensor<16x64xf32>
        sched.yield %r : tensor<16x64xf32>
      }
    }
    sched.store %sum to %y[%c0, %c0] : !b, !v
    tegula.yield
  }
  tegula.return
}

// A trip reads what the trip before it wrote: alive in the whole loop.
// CHECK-LABEL: sched.kernel @carried
sched.kernel @carried(in %x: !v, out %y: !v) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    // CHECK: sched.alloc at 0
    // CHECK: sched.alloc at 4928
    %old = sched.alloc : !b
    %new = sched.alloc : !b
    scf.for %i = %c0 to %c1 step %c1 {
      sched.store %old to %y[%i, %c0] : !b, !v
      sched.copy %x[%i, %c0] to %new : !v, !b
      sched.store %new to %y[%i, %c0] : !b, !v
      sched.copy %x[%i, %c0] to %old : !v, !b
    }
    tegula.yield
  }
  tegula.return
}

// What the target makes of a buffer: 16-bit floats are f32, i1 is a byte, rows are
// whole vectors, panels are full.
// CHECK-LABEL: sched.kernel @storage
sched.kernel @storage(inout %x: memref<?x?xbf16>, inout %m: memref<?x?xi1>) target "x86-64-v3" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    // CHECK: sched.alloc at 0 : <5x40xbf16, local, pack n16>
    // CHECK: sched.alloc at 1024 : <3x9xbf16, local>
    // CHECK: sched.alloc at 1280 : <3x9xi1, local>
    %p = sched.alloc : !sched.buf<5x40xbf16, local, pack n16>
    %b = sched.alloc : !sched.buf<3x9xbf16, local>
    %i = sched.alloc : !sched.buf<3x9xi1, local>
    scf.for %k = %c0 to %c1 step %c1 {
      sched.store %b to %x[%c0, %c0] : !sched.buf<3x9xbf16, local>, memref<?x?xbf16>
      sched.store %i to %m[%c0, %c0] : !sched.buf<3x9xi1, local>, memref<?x?xi1>
      sched.copy %x[%c0, %c0] to %p : memref<?x?xbf16>, !sched.buf<5x40xbf16, local, pack n16>
      sched.copy %x[%c0, %c0] to %b : memref<?x?xbf16>, !sched.buf<3x9xbf16, local>
      sched.copy %m[%c0, %c0] to %i : memref<?x?xi1>, !sched.buf<3x9xi1, local>
    }
    tegula.yield
  }
  tegula.return
}

// What is read through a view or a slice keeps the buffer alive; what only a dead view
// names has no place.
// CHECK-LABEL: sched.kernel @views
// CHECK-COUNT-2: sched.alloc at
// CHECK-NOT: sched.alloc
sched.kernel @views(in %v: memref<?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !sched.buf<8x64xf32, local>
    %b = sched.alloc : !sched.buf<8x64xf32, local>
    %u = sched.alloc : !sched.buf<8x64xf32, local>
    %w = sched.view %a : !sched.buf<8x64xf32, local> -> !sched.buf<16x32xf32, local>
    %dead = sched.view %u : !sched.buf<8x64xf32, local> -> !sched.buf<16x32xf32, local>
    sched.map domain [8, 64] outs(%b : !sched.buf<8x64xf32, local>) {
      %x = tensor.splat %zero : tensor<8x64xf32>
      sched.yield %x : tensor<8x64xf32>
    }
    sched.map domain [16, 32] outs(%w : !sched.buf<16x32xf32, local>) {
      %x = tensor.splat %zero : tensor<16x32xf32>
      sched.yield %x : tensor<16x32xf32>
    }
    sched.move %b from [0, 0] to %a at [0, 0] sizes [8, 64] perm [0, 1] : !sched.buf<8x64xf32, local>, !sched.buf<8x64xf32, local>
    tegula.yield
  }
  tegula.return
}
