tegula.kernel @axpy(in %x: memref<?xf32>, inout %y: memref<?xf32>, %a: f32) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %m = memref.dim %y, %c0 : memref<?xf32>
  %same = arith.cmpi eq, %n, %m : index
  tegula.require %same, "'x' and 'y' differ"
  tegula.grid (%i) to (%n) step (4) {
    %t = tegula.load %x[%i] upto [%n] : memref<?xf32> -> tensor<4xf32>
    %u = tegula.load %y[%i] upto [%n] : memref<?xf32> -> tensor<4xf32>
    %s = tensor.splat %a : tensor<4xf32>
    %v = arith.mulf %t, %s : tensor<4xf32>
    %w = arith.addf %v, %u : tensor<4xf32>
    tegula.store %w, %y[%i] upto [%n] : tensor<4xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}
