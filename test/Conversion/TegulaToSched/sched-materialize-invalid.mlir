// RUN: tegula-opt %s --sched-materialize -verify-diagnostics -split-input-file

// An op that nobody placed in a map has no scheduled form.
tegula.kernel @unknown(in %x: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %t = tegula.load %x[%i] : memref<?xf32> -> tensor<16xf32>
    // expected-error @below {{has no scheduled form}}
    %u = arith.addf %t, %t : tensor<16xf32>
    tegula.yield
  }
  tegula.return
}

// -----

tegula.kernel @slice(in %x: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %t = tegula.load %x[%i] : memref<?xf32> -> tensor<16xf32>
    // expected-error @below {{must be a static slice of unit stride that keeps the rank}}
    %u = tensor.extract_slice %t[0] [8] [2] : tensor<16xf32> to tensor<8xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// A schedule may not pack what is read in rows.
tegula.kernel @packed(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    tegula.stream %k = %c0 to %n step 16 label "k" schedule<[<all 0 "t" pack 32>, <all 0 "u">]> {
      // expected-error @below {{is scheduled to be packed, but is not only the right operand of products}}
      %t = tegula.load %x[%i, %k] label "t" : memref<?x?xf32> -> tensor<16x16xf32>
      tegula.store %t, %y[%i, %k] label "u" : tensor<16x16xf32>, memref<?x?xf32>
      tegula.yield
    }
    tegula.yield
  }
  tegula.return
}
