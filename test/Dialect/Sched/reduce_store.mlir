// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK: tegula.grid {{.*}} order sequential {
// CHECK: sched.reduce_store max %{{.*}} to %{{.*}}[%{{.*}}, %{{.*}}] atomic :
// CHECK: sched.reduce_store add %{{.*}} to %{{.*}}[%{{.*}}, %{{.*}}] upto [%{{.*}}, %{{.*}}] :
sched.kernel @k(inout %v: memref<?x?xf32>) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %v, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) order sequential {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    sched.reduce_store max %a to %v[%i, %c0] atomic : !sched.buf<16x8xf32, local>, memref<?x?xf32>
    sched.reduce_store add %a to %v[%i, %c0] upto [%n, %n] : !sched.buf<16x8xf32, local>, memref<?x?xf32>
    tegula.yield
  }
  tegula.return
}
