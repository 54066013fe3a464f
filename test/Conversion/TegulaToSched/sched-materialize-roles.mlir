// RUN: tegula-opt %s --sched-plan=target=sm_80 --sched-order-anchors --sched-form-maps=rescale=false --sched-materialize-roles=target=sm_80 --canonicalize --cse | FileCheck %s
// RUN: tegula-opt %s --sched-plan=target=gfx942 --sched-order-anchors --sched-form-maps=rescale=false --sched-materialize-roles=target=gfx942 --canonicalize --cse | FileCheck %s --check-prefix=REGS

!mv = memref<?x?xbf16, strided<[?, 1], offset: ?>>
!cv = memref<?x?xf32, strided<[?, 1], offset: ?>>

// Copies beside the program run two trips ahead of the product, in a ring of three: the
// wait allows one commit in flight, and the fill below it takes the slot that the last
// trip released.

// CHECK-DAG: #[[D:.*]] = #sched.layout<m16n8k16.D [2, 16] warps [4, 1]>
// CHECK-DAG: #[[A:.*]] = #sched.layout<m16n8k16.A [2, 4] warps [4, 1]>
// CHECK-DAG: #[[B:.*]] = #sched.layout<m16n8k16.B [4, 16]>
// CHECK-LABEL: sched.kernel @matmul
// CHECK: %[[N:.*]] = sched.trips %{{.*}} to %{{.*}} step %{{.*}}
// CHECK: %[[RING:.*]] = sched.channel %{{.*}}, %{{.*}} kind fifo : !sched.buf<3 x 128x64xbf16, shared, swz 128>, !sched.buf<3 x 64x128xbf16, shared, swz 128>
// CHECK: sched.role @all warps 4 regs 255 {
// CHECK-COUNT-2: sched.commit
// CHECK: scf.for %[[I:.*]] = %c0 to %[[N]] step %c1 iter_args(%[[SUM:.*]] = %{{.*}}) -> (!sched.frag<128x128xf32, #[[D]]>)
// CHECK-NEXT: %[[R:.*]] = sched.wait %[[RING]] inflight 1
// CHECK: %[[ON:.*]] = arith.cmpi slt, %{{.*}}, %[[N]]
// CHECK: %[[W:.*]] = sched.acquire %[[RING]]
// CHECK: sched.copy async %a{{.*}} where %[[ON]] label "at"
// CHECK: sched.copy async %b{{.*}} where %[[ON]] label "bt"
// CHECK: sched.commit %[[W]]
// CHECK: sched.load %{{.*}} ahead 1 : {{.*}} -> <128x64xbf16, #[[A]]>
// CHECK: sched.load %{{.*}} ahead 1 : {{.*}} -> <64x128xbf16, #[[B]]>
// CHECK: sched.mma %{{.*}}, %{{.*}} acc %[[SUM]] label "acc"
// CHECK-NEXT: sched.release %[[R]]
// CHECK: sched.drain %[[RING]]
// CHECK-NEXT: sched.store

// Where copies go through registers, tiles are fetched one trip ahead and put behind the
// product; B is stored transposed, as no instruction turns it on the way out, and the
// product computes its result transposed.

// REGS-DAG: #[[D:.*]] = #sched.layout<"mfma32.D^T" [1, 4] warps [4, 1]>
// REGS-LABEL: sched.kernel @matmul
// REGS: %[[RING:.*]] = sched.channel %{{.*}}, %{{.*}} kind sync : !sched.buf<2 x 128x64xbf16, shared, swz auto>, !sched.buf<2 x 128x64xbf16, shared, swz auto>
// REGS: sched.role @all warps 4 regs 256 {
// REGS: scf.for
// REGS: %[[R:.*]] = sched.wait %[[RING]]
// REGS: %[[FA:.*]] = sched.load %a{{.*}} where %{{.*}} label "at"
// REGS: %[[FB:.*]] = sched.load %b{{.*}} where %{{.*}} label "bt"
// REGS: sched.mma {{.*}} -> !sched.frag<128x128xf32, #[[D]]>
// REGS-NEXT: sched.release %[[R]]
// REGS: %[[W:.*]] = sched.acquire %[[RING]]
// REGS: sched.store %[[FA]] to %{{.*}} label "at.put"
// REGS: sched.store %[[FB]] trans to %{{.*}} label "bt.put"
// REGS: sched.commit %[[W]]
tegula.kernel @matmul(in %a: !mv align 16 multiples [8, 1], in %b: !mv align 16 multiples [8, 1], out %c: !cv) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %c, %c0 : !cv
  %N = memref.dim %c, %c1 : !cv
  %K = memref.dim %a, %c1 : !mv
  tegula.grid (%m, %n) to (%M, %N) step (128, 128) {
    %zero = arith.constant dense<0.0> : tensor<128x128xf32>
    %acc = tegula.stream %k = %c0 to %K step 64 label "k" iter_args(%sum = %zero) -> (tensor<128x128xf32>) {
      %at = tegula.load %a[%m, %k] label "at" : !mv -> tensor<128x64xbf16>
      %bt = tegula.load %b[%k, %n] label "bt" : !mv -> tensor<64x128xbf16>
      %next = tegula.dot %at, %bt acc %sum label "acc" : tensor<128x64xbf16>, tensor<64x128xbf16> -> tensor<128x128xf32>
      tegula.yield %next : tensor<128x128xf32>
    }
    tegula.store %acc, %c[%m, %n] : tensor<128x128xf32>, !cv
    tegula.yield
  }
  tegula.return
}

// Two products in a row: the result of the first is an operand of the second without an
// exchange between lanes, row statistics have its layout with the columns dropped, and
// each ring is filled right above its first reader, below the wait.

// CHECK-LABEL: sched.kernel @chain
// CHECK: %[[KC:.*]] = sched.channel {{.*}} kind fifo
// CHECK: %[[VC:.*]] = sched.channel {{.*}} kind fifo
// CHECK: scf.for
// CHECK: %[[K:.*]] = sched.wait %[[KC]] inflight 1
// CHECK: sched.copy async {{.*}} label "kt"
// CHECK: sched.load %{{.*}} trans ahead 1
// CHECK: %[[S:.*]] = sched.mma {{.*}} label "s"
// CHECK-NEXT: sched.release %[[K]]
// CHECK: %[[P:.*]]:2 = sched.map domain [64, 64] ins(%{{.*}} = %[[S]] : {{.*}}) {{.*}} -> (!sched.frag<64xf32, #{{.*}}>, !sched.frag<64x64xbf16, #{{.*}}>)
// CHECK: sched.convert %[[P]]#1 free
// CHECK: %[[V:.*]] = sched.wait %[[VC]] inflight 1
// CHECK: sched.copy async {{.*}} label "vt"
// CHECK: sched.mma {{.*}} label "o"
// CHECK-NEXT: sched.release %[[V]]

// REGS-LABEL: sched.kernel @chain
// REGS: sched.convert %{{.*}} free
tegula.kernel @chain(in %q: !mv align 16 multiples [8, 1], in %k: !mv align 16 multiples [8, 1], in %v: !mv align 16 multiples [8, 1], out %o: !cv, out %l: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %M = memref.dim %q, %c0 : !mv
  %N = memref.dim %k, %c0 : !mv
  tegula.grid (%m) to (%M) step (64) {
    %qt = tegula.load %q[%m, %c0] : !mv -> tensor<64x64xbf16>
    %zero = arith.constant dense<0.0> : tensor<64x64xf32>
    %none = arith.constant dense<0.0> : tensor<64xf32>
    %r:2 = tegula.stream %n = %c0 to %N step 64 label "keys" iter_args(%sum = %zero, %row = %none) -> (tensor<64x64xf32>, tensor<64xf32>) {
      %kt = tegula.load %k[%n, %c0] label "kt" : !mv -> tensor<64x64xbf16>
      %vt = tegula.load %v[%n, %c0] label "vt" : !mv -> tensor<64x64xbf16>
      %s = tegula.dot %qt, trans %kt label "s" : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
      %e = arith.mulf %s, %s : tensor<64x64xf32>
      %t = tegula.reduce add %e axis 1 label "t" : tensor<64x64xf32> -> tensor<64xf32>
      %row1 = arith.addf %row, %t : tensor<64xf32>
      %p = arith.truncf %e : tensor<64x64xf32> to tensor<64x64xbf16>
      %next = tegula.dot %p, %vt acc %sum label "o" : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
      tegula.yield %next, %row1 : tensor<64x64xf32>, tensor<64xf32>
    }
    tegula.store %r#0, %o[%m, %c0] : tensor<64x64xf32>, !cv
    tegula.store %r#1, %l[%m] : tensor<64xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}

// A stream of streams: how often the outer one runs is a division of sizes, which is known
// before the role begins, so the inner one may have rings.

// CHECK-LABEL: sched.kernel @nested
// CHECK: %[[G:.*]] = arith.divui
// CHECK: %[[OUTER:.*]] = sched.trips %{{.*}} to %[[G]]
// CHECK: sched.role @all
// CHECK: scf.for %{{.*}} = %c0 to %[[OUTER]]
// CHECK: sched.wait
tegula.kernel @nested(in %a: !mv align 16 multiples [8, 1], in %b: !mv align 16 multiples [8, 1], out %c: !cv) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %c, %c0 : !cv
  %N = memref.dim %c, %c1 : !cv
  %K = memref.dim %a, %c1 : !mv
  tegula.grid (%m) to (%M) step (64) {
    %groups = arith.divui %M, %N : index
    %zero = arith.constant dense<0.0> : tensor<64x64xf32>
    %all = tegula.stream %g = %c0 to %groups step 1 label "g" iter_args(%outer = %zero) -> (tensor<64x64xf32>) {
      %acc = tegula.stream %k = %c0 to %K step 64 label "k" iter_args(%sum = %outer) -> (tensor<64x64xf32>) {
        %at = tegula.load %a[%m, %k] label "at" : !mv -> tensor<64x64xbf16>
        %bt = tegula.load %b[%k, %c0] label "bt" : !mv -> tensor<64x64xbf16>
        %next = tegula.dot %at, %bt acc %sum label "acc" : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
        tegula.yield %next : tensor<64x64xf32>
      }
      tegula.yield %acc : tensor<64x64xf32>
    }
    tegula.store %all, %c[%m, %c0] : tensor<64x64xf32>, !cv
    tegula.yield
  }
  tegula.return
}
