// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// Buffers in place, a mask, a reduction; and the value form.
// CHECK: sched.map domain [16, 8] ins(%{{.*}} = %[[A:.*]] : !sched.buf<16x8xf32, local>) outs(%[[A]], %{{.*}} : !sched.buf<16x8xf32, local>, !sched.buf<16xf32, local>) label "st.max"
// CHECK: sched.map domain [4] -> tensor<4xf32>
// CHECK: sched.map domain [4] ins(%{{.*}} = %{{.*}} : tensor<4xf32>) -> tensor<4xf32>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %r = sched.alloc : !sched.buf<16xf32, local>
    sched.map domain [16, 8] ins(%v = %a : !sched.buf<16x8xf32, local>) outs(%a, %r : !sched.buf<16x8xf32, local>, !sched.buf<16xf32, local>) label "st.max" {
      %c = tensor.splat %s : tensor<16x8xf32>
      %w = arith.mulf %v, %c : tensor<16x8xf32>
      %m = tegula.reduce max %w axis 1 : tensor<16x8xf32> -> tensor<16xf32>
      sched.yield %w, %m : tensor<16x8xf32>, tensor<16xf32>
    }
    %t = sched.map domain [4] -> tensor<4xf32> {
      %z = arith.constant dense<0.0> : tensor<4xf32>
      sched.yield %z : tensor<4xf32>
    }
    %u = sched.map domain [4] ins(%v = %t : tensor<4xf32>) -> tensor<4xf32> {
      %z = arith.addf %v, %v : tensor<4xf32>
      sched.yield %z : tensor<4xf32>
    }
    tegula.yield
  }
  tegula.return
}
