// RUN: tegula-opt %s --sched-plan=target=sm_80 --sched-order-anchors --sched-form-maps=rescale=false --sched-materialize-roles=target=sm_80 --canonicalize --cse | FileCheck %s
// RUN: tegula-opt %s --sched-plan=target=gfx942 --sched-order-anchors --sched-form-maps=rescale=false --sched-materialize-roles=target=gfx942 --canonicalize --cse | FileCheck %s --check-prefix=UNIT

// A product of elements that no matrix unit takes reads its operands from shared memory:
// what a ring holds from there, and everything else from a ring of one stage, given back
// behind the last product. A load is copied into it past the registers (elements of four
// bytes are pieces of a copy, so no promise of aligned rows is asked); what is made in
// registers is stored where it is made. Of the first product lanes have neighbouring
// columns, since memory has the depth contiguous; of the second, columns side by side.

!mv = memref<?x64xf32, strided<[?, 1], offset: ?>>

// CHECK-DAG: #[[S:.*]] = #sched.layout<fmak32.D [2, 4] warps [4, 1]>
// CHECK-DAG: #[[O:.*]] = #sched.layout<fma32.D [2, 4] warps [4, 1]>
// CHECK-LABEL: sched.kernel @two
// CHECK-DAG: %[[KC:[a-z0-9]+]] = sched.channel %kt kind fifo : !sched.buf<2 x 64x64xf32, shared, swz 128>
// CHECK-DAG: %[[QC:[a-z0-9]+]] = sched.channel %operand kind fifo : !sched.buf<64x64xf32, shared, swz auto>
// CHECK: sched.role @all
// CHECK: %[[QW:.*]] = sched.acquire %[[QC]]
// CHECK: sched.copy async %q
// CHECK: sched.commit %[[QW]]
// CHECK-NEXT: %[[Q:.*]] = sched.wait %[[QC]]
// CHECK: %[[QB:.*]] = sched.part %[[Q]]
// CHECK: scf.for
// CHECK: sched.wait %[[KC]] inflight 1
// CHECK: %[[SUM:.*]] = sched.mma %[[QB]], trans %{{.*}} : {{.*}} -> !sched.frag<64x64xf32, #[[S]]>
// CHECK: %[[P:.*]] = sched.map
// CHECK: %[[PW:.*]] = sched.acquire %[[PC:[a-z0-9]+]]
// CHECK: sched.store %[[P]]
// CHECK: sched.commit %[[PW]]
// CHECK-NEXT: %[[PR:.*]] = sched.wait %[[PC]]
// CHECK: sched.mma %{{.*}}, %{{.*}} acc %{{.*}} -> !sched.frag<64x64xf32, #[[O]]>
// CHECK-NEXT: sched.release %[[PR]]
// CHECK: sched.drain %[[PC]]
// CHECK: sched.release %[[Q]]
// CHECK-NEXT: sched.drain %[[QC]]

// Where a unit takes f32, operands are fragments, and the first result becomes an operand
// of the second without an exchange.

// UNIT-LABEL: sched.kernel @two
// UNIT: sched.mma {{.*}} -> !sched.frag<64x64xf32, #[[S:.*]]>
// UNIT: sched.convert %{{.*}} free
// UNIT: sched.mma
tegula.kernel @two(in %q: !mv, in %k: !mv, in %v: !mv, out %o: !mv) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %q, %c0 : !mv
  %N = memref.dim %k, %c0 : !mv
  tegula.grid (%m) to (%M) step (64) {
    %zero = arith.constant dense<0.0> : tensor<64x64xf32>
    %qt = tegula.load %q[%m, %c0] label "qt" : !mv -> tensor<64x64xf32>
    %acc = tegula.stream %n = %c0 to %N step 64 label "n" iter_args(%sum = %zero) -> (tensor<64x64xf32>) {
      %kt = tegula.load %k[%n, %c0] label "kt" : !mv -> tensor<64x64xf32>
      %vt = tegula.load %v[%n, %c0] label "vt" : !mv -> tensor<64x64xf32>
      %s = tegula.dot %qt, trans %kt label "s" : tensor<64x64xf32>, tensor<64x64xf32> -> tensor<64x64xf32>
      %p = arith.mulf %s, %s : tensor<64x64xf32>
      %next = tegula.dot %p, %vt acc %sum label "o" : tensor<64x64xf32>, tensor<64x64xf32> -> tensor<64x64xf32>
      tegula.yield %next : tensor<64x64xf32>
    }
    tegula.store %acc, %o[%m, %c0] label "y" : tensor<64x64xf32>, !mv
    tegula.yield
  }
  tegula.return
}
