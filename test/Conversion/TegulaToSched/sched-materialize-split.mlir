// RUN: tegula-opt %s --sched-order-anchors --sched-form-maps=rescale=false --sched-materialize-roles=target=gfx942 --canonicalize --cse | FileCheck %s
// RUN: tegula-opt %s --sched-order-anchors --sched-form-maps=rescale=false --sched-materialize-roles=target=gfx942 --canonicalize --cse --sched-verify -o /dev/null

// A ring of one slot for each product: K is put while the second product computes, V while
// the first does, and waits in registers over the back edge.

!mv = memref<?x?xbf16, strided<[?, 1], offset: ?>>
!cv = memref<?x?xf32, strided<[?, 1], offset: ?>>

// CHECK-LABEL: sched.kernel @chain
// CHECK: %[[KC:.*]] = sched.channel {{.*}} kind sync : !sched.buf<64x64xbf16, shared, swz auto>
// CHECK: %[[VC:.*]] = sched.channel {{.*}} kind sync : !sched.buf<64x64xbf16, shared, swz auto>
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}, %[[VT:.*]] = %{{.*}})
// CHECK: %[[K:.*]] = sched.wait %[[KC]]
// CHECK: %[[KT:.*]] = sched.load %k{{.*}} label "kt"
// CHECK: sched.acquire %[[VC]]
// CHECK: sched.store %[[VT]] {{.*}} label "vt.put"
// CHECK: sched.mma {{.*}} label "s"
// CHECK-NEXT: sched.release %[[K]]
// CHECK: sched.load %v{{.*}} label "vt"
// CHECK: sched.convert %{{.*}} free
// CHECK: %[[V:.*]] = sched.wait %[[VC]]
// CHECK: sched.acquire %[[KC]]
// CHECK: sched.store %[[KT]] {{.*}} label "kt.put"
// CHECK: sched.mma {{.*}} label "o"
// CHECK-NEXT: sched.release %[[V]]
tegula.kernel @chain(in %q: !mv align 16 multiples [8, 1], in %k: !mv align 16 multiples [8, 1], in %v: !mv align 16 multiples [8, 1], out %o: !cv) {
  %c0 = arith.constant 0 : index
  %M = memref.dim %q, %c0 : !mv
  %N = memref.dim %k, %c0 : !mv
  tegula.grid (%m) to (%M) step (128) roles [<all warps 4 regs 256>] {
    %qt = tegula.load %q[%m, %c0] : !mv -> tensor<128x64xbf16>
    %zero = arith.constant dense<0.0> : tensor<128x64xf32>
    %r = tegula.stream %n = %c0 to %N step 64 label "keys" iter_args(%sum = %zero) -> (tensor<128x64xf32>)
        schedule<[<all 0 "kt">, <all 1 "vt.put">, <all 1 "s" ahead 3>, <all 1 "e">, <all 0 "vt">, <all 0 "kt.put">, <all 1 "o" ahead 3>] rings [<kc sync 1 "kt.put">, <vc sync 1 "vt.put">]> {
      %kt = tegula.load %k[%n, %c0] label "kt" : !mv -> tensor<64x64xbf16>
      %vt = tegula.load %v[%n, %c0] label "vt" : !mv -> tensor<64x64xbf16>
      %s = tegula.dot %qt, trans %kt label "s" : tensor<128x64xbf16>, tensor<64x64xbf16> -> tensor<128x64xf32>
      %e = tegula.exp2 %s policy <hw> label "e" : tensor<128x64xf32>
      %p = arith.truncf %e : tensor<128x64xf32> to tensor<128x64xbf16>
      %next = tegula.dot %p, %vt acc %sum label "o" : tensor<128x64xbf16>, tensor<64x64xbf16> -> tensor<128x64xf32>
      tegula.yield %next : tensor<128x64xf32>
    }
    tegula.store %r, %o[%m, %c0] : tensor<128x64xf32>, !cv
    tegula.yield
  }
  tegula.return
}
