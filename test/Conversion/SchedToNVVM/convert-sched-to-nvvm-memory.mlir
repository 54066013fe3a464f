// RUN: not tegulac %s --target=sm_80 --emit=nvvm 2>&1 | FileCheck %s

// What threads exchange through shared memory counts beside rings.

// CHECK: error: 'sched.kernel' op needs 262144 bytes of shared memory, 262144 of them to exchange elements between threads; 'sm_80' has 166912
tegula.kernel @turn(in %x: memref<256x256xf32>, out %y: memref<256x256xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %t = tegula.load %x[%c0, %c0] : memref<256x256xf32> -> tensor<256x256xf32>
    %r = tegula.transpose %t perm [1, 0] : tensor<256x256xf32> -> tensor<256x256xf32>
    tegula.store %r, %y[%c0, %c0] : tensor<256x256xf32>, memref<256x256xf32>
    tegula.yield
  }
  tegula.return
}
