// RUN: tegula-opt --convert-kernel-to-func --split-input-file --verify-diagnostics %s

tegula.kernel @tile(out %y: memref<?xf32>, %v: f32) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %y, %c0 : memref<?xf32>
  tegula.grid (%i) to (%n) step (64) {
    %t = tensor.splat %v : tensor<64xf32>
    // expected-error @+1 {{is still at the tile or scheduled level in kernel 'tile': lower it first, for instance with --tegula-to-loops}}
    tegula.store %t, %y[%i] : tensor<64xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// expected-error @+1 {{argument 'v' has no scalar type: 'i128'}}
tegula.kernel @wide(%v: i128, %n: index) {
  tegula.grid (%i) to (%n) step (64) {
    tegula.yield
  }
  tegula.return
}
