tegula.kernel @copy(in %x: memref<?xf32>, out %y: memref<?xf32>, %f: f32) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  tegula.grid (%i) to (%n) step (4) {
    %t = tegula.load %x[%i] upto [%n] : memref<?xf32> -> tensor<4xf32>
    %s = tensor.splat %f : tensor<4xf32>
    %v = arith.mulf %t, %s : tensor<4xf32>
    tegula.store %v, %y[%i] upto [%n] : tensor<4xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}
tegula.program @twice(in %x: memref<?xf32>, out %y: memref<?xf32>, %big: index) {
  %c0 = arith.constant 0 : index
  %two = arith.constant 2.0 : f32
  %n = memref.dim %x, %c0 : memref<?xf32>
  %m = memref.dim %y, %c0 : memref<?xf32>
  %same = arith.cmpi eq, %n, %m : index
  tegula.require %same, "x and y differ"
  %w = tegula.workspace(%n) : memref<?xf32>
  tegula.launch @copy(%x, %w, %two) : memref<?xf32>, memref<?xf32>, f32
  %small = arith.cmpi slt, %n, %big : index
  tegula.variant (%small) {
    %three = arith.constant 3.0 : f32
    tegula.launch @copy(%w, %y, %three) : memref<?xf32>, memref<?xf32>, f32
    tegula.yield
  }
  %c100 = arith.constant 100 : index
  %tiny = arith.cmpi slt, %n, %c100 : index
  tegula.variant (%tiny) {
    tegula.launch @copy(%w, %y, %two) : memref<?xf32>, memref<?xf32>, f32
    tegula.yield
  }
  tegula.return
}
