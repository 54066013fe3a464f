// RUN: tegula-opt %s --sched-plan=target=sm_86 -split-input-file -verify-diagnostics -o /dev/null

// What a schedule needs is measured on a copy of the kernel. What does not fit is taken
// simpler, and that is said at the author's line; what cannot fit is refused there.

!v = memref<?x?xbf16, strided<[?, 1], offset: ?>>
!c = memref<?x?xf32, strided<[?, 1], offset: ?>>

// Two trips ahead hide the latency of copies, and three slots of 36 KB are too many.
tegula.kernel @shallower(in %a: !v align 16 multiples [8, 1], in %b: !v align 16 multiples [8, 1], out %c: !c) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %c, %c0 : !c
  %N = memref.dim %c, %c1 : !c
  %K = memref.dim %a, %c1 : !v
  tegula.grid (%m, %n) to (%M, %N) step (16, 128) {
    %zero = arith.constant dense<0.0> : tensor<16x128xf32>
    // expected-remark @below {{operands are copied 1 trip ahead, rings of 2, not copied 2 trips ahead, rings of 3: that takes 110592 bytes of shared memory, and beside the kernel's other 0 'sm_86' has 101376}}
    %r = tegula.stream %k = %c0 to %K step 128 iter_args(%s = %zero) -> (tensor<16x128xf32>) {
      %at = tegula.load %a[%m, %k] : !v -> tensor<16x128xbf16>
      %bt = tegula.load %b[%k, %n] : !v -> tensor<128x128xbf16>
      %d = tegula.dot %at, %bt acc %s : tensor<16x128xbf16>, tensor<128x128xbf16> -> tensor<16x128xf32>
      tegula.yield %d : tensor<16x128xf32>
    }
    tegula.store %r, %c[%m, %n] : tensor<16x128xf32>, !c
    tegula.yield
  }
  tegula.return
}

// -----

// One slot holds the trip's own operands: nothing runs ahead.
!v = memref<?x?xbf16, strided<[?, 1], offset: ?>>
!c = memref<?x?xf32, strided<[?, 1], offset: ?>>

tegula.kernel @nothing_ahead(in %a: !v align 16 multiples [8, 1], in %b: !v align 16 multiples [8, 1], out %c: !c) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %c, %c0 : !c
  %N = memref.dim %c, %c1 : !c
  %K = memref.dim %a, %c1 : !v
  tegula.grid (%m, %n) to (%M, %N) step (16, 128) {
    %zero = arith.constant dense<0.0> : tensor<16x128xf32>
    // expected-remark @below {{operands are copied when their trip begins, rings of 1, not copied}}
    %r = tegula.stream %k = %c0 to %K step 256 iter_args(%s = %zero) -> (tensor<16x128xf32>) {
      %at = tegula.load %a[%m, %k] : !v -> tensor<16x256xbf16>
      %bt = tegula.load %b[%k, %n] : !v -> tensor<256x128xbf16>
      %d = tegula.dot %at, %bt acc %s : tensor<16x256xbf16>, tensor<256x128xbf16> -> tensor<16x128xf32>
      tegula.yield %d : tensor<16x128xf32>
    }
    tegula.store %r, %c[%m, %n] : tensor<16x128xf32>, !c
    tegula.yield
  }
  tegula.return
}

// -----

// Four warps would hold more than a lane has: eight do it.
!v = memref<?x?xf32, strided<[?, 1], offset: ?>>

tegula.kernel @more_warps(in %x: !v, out %y: !v) {
  %c0 = arith.constant 0 : index
  %M = memref.dim %x, %c0 : !v
  tegula.grid (%m) to (%M) step (128) {
    // expected-remark @below {{8 warps instead of 4: with these a lane needs about 294 registers of 255; live at the peak: 128x128xf32 128, 128x128xf32 128}}
    %a = tegula.load %x[%m, %c0] : !v -> tensor<128x128xf32>
    %b = tegula.load %x[%c0, %m] : !v -> tensor<128x128xf32>
    %c = arith.addf %a, %b : tensor<128x128xf32>
    tegula.store %c, %y[%m, %c0] : tensor<128x128xf32>, !v
    tegula.yield
  }
  tegula.return
}

// -----

// Spilling is slow and not wrong.
!v = memref<?x?xf32, strided<[?, 1], offset: ?>>

tegula.kernel @spills(in %x: !v, out %y: !v) {
  %c0 = arith.constant 0 : index
  %M = memref.dim %x, %c0 : !v
  tegula.grid (%m) to (%M) step (256) {
    // expected-remark-re @below {{tiles need about {{[0-9]+}} registers of each of {{[0-9]+}} threads, and 'sm_86' has {{[0-9]+}}: some will spill; live at the peak: 256x256xf32}}
    // expected-remark @below {{8 warps instead of 4}}
    %a = tegula.load %x[%m, %c0] : !v -> tensor<256x256xf32>
    %b = tegula.load %x[%c0, %m] : !v -> tensor<256x256xf32>
    %c = arith.addf %a, %b : tensor<256x256xf32>
    tegula.store %c, %y[%m, %c0] : tensor<256x256xf32>, !v
    tegula.yield
  }
  tegula.return
}

// -----

// A tile that changes hands through shared memory, and is larger.
!v = memref<?x?xf32, strided<[?, 1], offset: ?>>

tegula.kernel @too_much_memory(in %x: !v, out %y: !v) {
  %c0 = arith.constant 0 : index
  %M = memref.dim %x, %c0 : !v
  // expected-note @below {{registers of a lane where most are live: 256x128xf32 256}}
  tegula.grid (%m) to (%M) step (256) {
    // expected-error @below {{tiles need 131072 bytes of shared memory, 131072 of them to exchange elements between threads, and 'sm_86' has 101376: take smaller tiles}}
    %a = tegula.load %x[%m, %c0] : !v -> tensor<256x128xf32>
    %t = tegula.transpose %a perm [1, 0] : tensor<256x128xf32> -> tensor<128x256xf32>
    tegula.store %t, %y[%c0, %m] : tensor<128x256xf32>, !v
    tegula.yield
  }
  tegula.return
}
