// Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows over their sums of squares, a row an instance: the sum is one number that lies with its row, and on wide warps several warps hold the same part.
tegula.kernel @norm(in %x: memref<?x512xf32>, out %y: memref<?x512xf32>, out %s: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x512xf32>
  tegula.grid (%i) to (%n) step (1) {
    %t = tegula.load %x[%i, %c0] : memref<?x512xf32> -> tensor<1x512xf32>
    %sq = arith.mulf %t, %t : tensor<1x512xf32>
    %sum = tegula.reduce add %sq axis 1 : tensor<1x512xf32> -> tensor<1xf32>
    %b = tegula.broadcast %sum dims [0] : tensor<1xf32> -> tensor<1x512xf32>
    %r = arith.divf %t, %b : tensor<1x512xf32>
    tegula.store %r, %y[%i, %c0] : tensor<1x512xf32>, memref<?x512xf32>
    tegula.store %sum, %s[%i] : tensor<1xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}
