// RUN: tegula-opt %s --sched-order-anchors -verify-diagnostics

tegula.kernel @impossible(in %x: memref<?x16xf32>, out %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x16xf32>
  tegula.grid (%i) to (%n) step (16) {
    %z = arith.constant dense<0.0> : tensor<16xf32>
    // expected-error @below {{schedules 'sum' before 'a', which it needs}}
    %r = tegula.stream %k = %c0 to %n step 16 iter_args(%acc = %z) -> (tensor<16xf32>)
        schedule<[<all 0 "sum">, <all 0 "a">]> {
      %a = tegula.load %x[%k, %c0] label "a" : memref<?x16xf32> -> tensor<16x16xf32>
      %s = tegula.reduce add %a axis 1 label "sum" : tensor<16x16xf32> -> tensor<16xf32>
      tegula.yield %s : tensor<16xf32>
    }
    tegula.store %r, %y[%i] : tensor<16xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}
