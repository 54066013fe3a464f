// RUN: tegula-opt %s "--sched-plan=target=sm_80 remarks" -split-input-file -verify-diagnostics -o /dev/null
// RUN: tegula-opt %s "--sched-plan=target=sm_80 print" -split-input-file -o /dev/null | FileCheck %s
// RUN: tegula-opt %s "--sched-plan=target=gfx942 print" -split-input-file -o /dev/null | FileCheck %s --check-prefix=REGS

!mv = memref<?x?xbf16, strided<[?, 1], offset: ?>>
!cv = memref<?x?xf32, strided<[?, 1], offset: ?>>

// 128 x 128 x 64 multiply-adds take 1024 cycles, and 32 KB come in 600 + 512: copies run two
// trips ahead.
// CHECK-LABEL: schedule @matmul for sm_80    grid 128 128
// CHECK-NEXT:    roles    all warps 4 regs 255
// CHECK-NEXT:    channels ring0 fifo 3 : at bt
// CHECK-NEXT:    stream k  step 64  order up
// CHECK-NEXT:      all 0   at # at 16384 bytes in ring0
// CHECK-NEXT:      all 0   bt # bt 16384 bytes in ring0
// CHECK-NEXT:      all 2   acc ahead 1 # acc 65536 bytes
// CHECK-NEXT:    # shared memory 98304 of 166912 bytes, registers about {{[0-9]+}} of 255, instances 1 a core
// CHECK-NEXT:    # stream k: cycles copy 512, shared 896, matrix 1024; bound by matrix, carried 132, alone 1044
// REGS-LABEL: schedule @matmul for gfx942
// REGS:         channels ring0 sync 2 : at.put bt.put
tegula.kernel @matmul(in %a: !mv align 16 multiples [8, 1], in %b: !mv align 16 multiples [8, 1], out %c: !cv) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %c, %c0 : !cv
  %N = memref.dim %c, %c1 : !cv
  %K = memref.dim %a, %c1 : !mv
  tegula.grid (%m, %n) to (%M, %N) step (128, 128) {
    %zero = arith.constant dense<0.0> : tensor<128x128xf32>
    // expected-remark @below {{a trip keeps the pipes busy for copy 512, shared 896, matrix 1024 cycles: 'matrix' bounds it, carried values want 132, one instance alone takes 1044; operands are copied 2 trips ahead, rings of 3}}
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

// -----

// Two products in a row: one trip is longer than a copy, so rings of two do. Where operands go
// through registers, rings of one slot let more instances share a core: each tile is put
// while the other product computes.

!mv = memref<?x?xbf16, strided<[?, 1], offset: ?>>
!cv = memref<?x?xf32, strided<[?, 1], offset: ?>>

// CHECK-LABEL: schedule @chain for sm_80
// CHECK:         channels ring0 fifo 2 : kt | ring1 fifo 2 : vt
// CHECK:           all 0   kt
// CHECK-NEXT:      all 1   s
// CHECK-NEXT:      all 1   e
// CHECK-NEXT:      all 0   vt
// CHECK-NEXT:      all 1   o
// REGS-LABEL: schedule @chain for gfx942
// REGS:         channels ring0 sync 1 : kt.put | ring1 sync 1 : vt.put
// REGS:           all 0   kt # kt 16384 bytes
// REGS-NEXT:      all 1   vt.put # vt.put 16384 bytes in ring1
// REGS-NEXT:      all 1   s
// REGS-NEXT:      all 1   e
// REGS-NEXT:      all 0   vt
// REGS-NEXT:      all 0   kt.put
// REGS-NEXT:      all 1   o
// REGS-NEXT:    # shared memory 32768 of 65536 bytes
tegula.kernel @chain(in %q: !mv align 16 multiples [8, 1], in %k: !mv align 16 multiples [8, 1], in %v: !mv align 16 multiples [8, 1], out %o: !cv) {
  %c0 = arith.constant 0 : index
  %M = memref.dim %q, %c0 : !mv
  %N = memref.dim %k, %c0 : !mv
  tegula.grid (%m) to (%M) step (128) {
    %qt = tegula.load %q[%m, %c0] : !mv -> tensor<128x64xbf16>
    %zero = arith.constant dense<0.0> : tensor<128x64xf32>
    // expected-remark @below {{one instance alone takes}}
    %r = tegula.stream %n = %c0 to %N step 128 label "keys" iter_args(%sum = %zero) -> (tensor<128x64xf32>) {
      %kt = tegula.load %k[%n, %c0] label "kt" : !mv -> tensor<128x64xbf16>
      %vt = tegula.load %v[%n, %c0] label "vt" : !mv -> tensor<128x64xbf16>
      %s = tegula.dot %qt, trans %kt label "s" : tensor<128x64xbf16>, tensor<128x64xbf16> -> tensor<128x128xf32>
      %e = tegula.exp2 %s policy <hw> label "e" : tensor<128x128xf32>
      %p = arith.truncf %e : tensor<128x128xf32> to tensor<128x128xbf16>
      %next = tegula.dot %p, %vt acc %sum label "o" : tensor<128x128xbf16>, tensor<128x64xbf16> -> tensor<128x64xf32>
      tegula.yield %next : tensor<128x64xf32>
    }
    tegula.store %r, %o[%m, %c0] : tensor<128x64xf32>, !cv
    tegula.yield
  }
  tegula.return
}

// -----

// A grid without streams has nothing to say of pipes.
!x = memref<?xf32, strided<[?], offset: ?>>
// CHECK-LABEL: schedule @plain for sm_80    grid 64
// CHECK-NEXT:    roles    all warps 4 regs 255
// CHECK-NEXT:    # shared memory 0 of 166912 bytes
tegula.kernel @plain(in %x: !x, out %y: !x) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : !x
  tegula.grid (%i) to (%n) step (64) {
    %t = tegula.load %x[%i] : !x -> tensor<64xf32>
    tegula.store %t, %y[%i] : tensor<64xf32>, !x
    tegula.yield
  }
  tegula.return
}
