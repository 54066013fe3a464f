// RUN: tegulac %s --target=sm_80 --emit=nvvm | FileCheck %s
// RUN: tegulac %s --target=gfx942 --emit=rocdl | FileCheck %s

// A table of constants is a global. Its author's line may be one inside a called function,
// a chain that upstream's pass of debug scopes only takes inside functions.

// CHECK: llvm.mlir.global internal constant @scaled$table
tegula.kernel @scaled(in %x: memref<?x4xf32>, out %y: memref<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x4xf32>
  tegula.grid (%i) to (%n) step (4) {
    %w = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [9.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]]> : tensor<4x4xf32> loc(#inlined)
    %t = tegula.load %x[%i, %c0] : memref<?x4xf32> -> tensor<4x4xf32>
    %r = arith.mulf %t, %w : tensor<4x4xf32> loc(#inlined)
    tegula.store %r, %y[%i, %c0] : tensor<4x4xf32>, memref<?x4xf32>
    tegula.yield
  }
  tegula.return
} loc(#inlined)
#inlined = loc(callsite("helper.py":3:1 at "kernel.py":7:1))
