// RUN: tegula-opt --allow-unregistered-dialect --tegula-to-loops --split-input-file --verify-diagnostics %s

tegula.kernel @unknown(out %y: memref<?xf32>, %v: f32, %n: index) {
  tegula.grid (%i) to (%n) step (4) {
    %t = tensor.splat %v : tensor<4xf32>
    // expected-error @+1 {{'tensor.insert' op takes or gives a tile and has no meaning as scalar loops}}
    %u = tensor.insert %v into %t[%i] : tensor<4xf32>
    tegula.store %u, %y[%i] : tensor<4xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}

// -----

tegula.kernel @body(%n: index, %m: index) {
  tegula.grid (%i) to (%n) step (4) {
    // expected-error @+1 {{hands a tile to its body and has no meaning as scalar loops}}
    "test.region"() ({
    ^bb0(%t: tensor<4xf32>):
      "test.done"() : () -> ()
    }) : () -> ()
    tegula.yield
  }
  tegula.return
}

// -----

tegula.kernel @slice(in %x: memref<?xf32>, out %y: memref<?xf32>, %n: index) {
  tegula.grid (%i) to (%n) step (4) {
    %t = tegula.load %x[%i] : memref<?xf32> -> tensor<8xf32>
    // expected-error @+1 {{slices a tile at run-time offsets, sizes or strides: slices of tiles are static}}
    %u = tensor.extract_slice %t[%i] [4] [1] : tensor<8xf32> to tensor<4xf32>
    tegula.store %u, %y[%i] : tensor<4xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}

// -----

tegula.kernel @f8(in %x: memref<?xf8E4M3FN>, out %y: memref<?xf32>, %n: index) {
  tegula.grid (%i) to (%n) step (4) {
    // expected-error @+1 {{computes with elements of type 'f8E4M3FN', which plain loops do not support}}
    %t = tegula.load %x[%i] : memref<?xf8E4M3FN> -> tensor<8xf8E4M3FN>
    tegula.yield
  }
  tegula.return
}

// -----

tegula.kernel @shape(%n: index) {
  tegula.grid (%i) to (%n) step (4) {
    // expected-error @+1 {{has a tile of dynamic shape 'tensor<?xf32>'}}
    %t = tensor.empty(%n) : tensor<?xf32>
    tegula.yield
  }
  tegula.return
}

// -----

tegula.kernel @launch(%n: index) {
  %c0 = arith.constant 0 : index
  %t = tegula.iota %n : tensor<4xi32>
  %e = tensor.extract %t[%c0] : tensor<4xi32>
  // expected-error @+1 {{in the launch part depends on a tile}}
  %m = arith.index_cast %e : i32 to index
  tegula.grid (%i) to (%m) step (4) {
    tegula.yield
  }
  tegula.return
}

// -----

sched.kernel @gaps(in %v: memref<?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !sched.buf<8x4x16xf32, local>
    %s = sched.slice %a at [0, 1, 0] : !sched.buf<8x4x16xf32, local> -> !sched.buf<8x1x16xf32, local>
    // expected-error @below {{is of a slice, whose rows do not follow each other}}
    %w = sched.view %s : !sched.buf<8x1x16xf32, local> -> !sched.buf<128xf32, local>
    tegula.yield
  }
  tegula.return
}
