// RUN: tegula-opt %s --sched-assign-arena --convert-sched-to-x86 --canonicalize --cse | FileCheck %s

// Constants, slices and views.

!x = memref<?xf32>

// Equal constants stand in memory once; panels are laid out, and padded, at compile time.
// CHECK-DAG: memref.global "private" constant @tile_constant{{.*}} : memref<1x2x32xf32> = dense<{{\[\[\[}}1.000000e+00, 2.000000e+00, 3.000000e+00, 0.000000e+00
// CHECK-DAG: memref.global "private" constant @tile_constant{{.*}} : memref<1x3x32xf32> = dense<{{\[\[\[}}1.000000e+00, 4.000000e+00, 0.000000e+00
// One square, laid out by columns and by rows, is two constants of one type.
// CHECK-DAG: memref.global "private" constant @tile_constant{{.*}} : memref<1x2x32xf32> = dense<{{\[\[\[}}7.000000e+00, 8.000000e+00, 0.0
// CHECK-DAG: memref.global "private" constant @tile_constant{{.*}} : memref<1x2x32xf32> = dense<{{\[\[\[}}7.000000e+00, 9.000000e+00, 0.0
// CHECK-LABEL: sched.kernel @constants
// CHECK-NOT: sched.constant
sched.kernel @constants(in %v: !x) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !sched.buf<4x2xf32, local>
    %c = sched.alloc : !sched.buf<4x3xf32, local>
    %d = sched.alloc : !sched.buf<4x2xf32, local>
    %b = sched.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32> -> !sched.buf<2x3xf32, local, pack n32>
    %t = sched.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32> -> !sched.buf<2x3xf32, local, pack n32t>
    sched.mma %a, %b into %c : !sched.buf<4x2xf32, local>, !sched.buf<2x3xf32, local, pack n32>, !sched.buf<4x3xf32, local>
    sched.mma %c, trans %t into %d : !sched.buf<4x3xf32, local>, !sched.buf<2x3xf32, local, pack n32t>, !sched.buf<4x2xf32, local>
    tegula.yield
  }
  tegula.return
}

// CHECK-LABEL: sched.kernel @shared
// CHECK: %[[A:.*]] = memref.view {{.*}} to memref<8x64xf32>
// CHECK: %[[V:.*]] = memref.view {{.*}} to memref<8x4x16xf32>
// CHECK: %[[S:.*]] = memref.subview %[[V]][0, 2, 0] [8, 1, 16]
// CHECK: vector.load %[[S]]
!b = !sched.buf<8x1x16xf32, local>
sched.kernel @shared(in %v: !x) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !sched.buf<8x64xf32, local>
    %r = sched.alloc : !b
    sched.map domain [8, 64] outs(%a : !sched.buf<8x64xf32, local>) {
      %x = tensor.splat %zero : tensor<8x64xf32>
      sched.yield %x : tensor<8x64xf32>
    }
    %w = sched.view %a : !sched.buf<8x64xf32, local> -> !sched.buf<8x4x16xf32, local>
    %s = sched.slice %w at [0, 2, 0] : !sched.buf<8x4x16xf32, local> -> !b
    sched.map domain [8, 1, 16] ins(%x = %s : !b) outs(%r : !b) {
      %y = arith.addf %x, %x : tensor<8x1x16xf32>
      sched.yield %y : tensor<8x1x16xf32>
    }
    tegula.yield
  }
  tegula.return
}

// CHECK-LABEL: sched.kernel @square
sched.kernel @square(in %v: !x) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !sched.buf<4x2xf32, local>
    %c = sched.alloc : !sched.buf<4x2xf32, local>
    %d = sched.alloc : !sched.buf<4x2xf32, local>
    %b = sched.constant dense<[[7.0, 8.0], [9.0, 5.0]]> : tensor<2x2xf32> -> !sched.buf<2x2xf32, local, pack n32>
    %t = sched.constant dense<[[7.0, 8.0], [9.0, 5.0]]> : tensor<2x2xf32> -> !sched.buf<2x2xf32, local, pack n32t>
    sched.mma %a, %b into %c : !sched.buf<4x2xf32, local>, !sched.buf<2x2xf32, local, pack n32>, !sched.buf<4x2xf32, local>
    sched.mma %c, trans %t into %d : !sched.buf<4x2xf32, local>, !sched.buf<2x2xf32, local, pack n32t>, !sched.buf<4x2xf32, local>
    tegula.yield
  }
  tegula.return
}
