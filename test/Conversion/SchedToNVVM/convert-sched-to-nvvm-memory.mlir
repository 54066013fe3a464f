// RUN: not tegulac %s --target=sm_80 --emit=nvvm 2>&1 | FileCheck %s --check-prefix=PLAN
// RUN: not tegula-opt %s --sched-form-maps=rescale=false --sched-materialize-roles=target=sm_80 --convert-sched-to-nvvm 2>&1 | FileCheck %s

// What threads exchange through shared memory counts beside rings: the planner says so at the
// tile's line, the lowering of a schedule that nobody planned at the kernel's.

// PLAN: [[#@LINE+6]]:10: error: tiles need 262144 bytes of shared memory, 262144 of them to exchange elements between threads, and 'sm_80' has 166912: take smaller tiles
// CHECK: error: 'sched.kernel' op needs 262144 bytes of shared memory, 262144 of them to exchange elements between threads; 'sm_80' has 166912
tegula.kernel @turn(in %x: memref<256x256xf32>, out %y: memref<256x256xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) roles [<all warps 4 regs 255>] {
    %t = tegula.load %x[%c0, %c0] : memref<256x256xf32> -> tensor<256x256xf32>
    %r = tegula.transpose %t perm [1, 0] : tensor<256x256xf32> -> tensor<256x256xf32>
    tegula.store %r, %y[%c0, %c0] : tensor<256x256xf32>, memref<256x256xf32>
    tegula.yield
  }
  tegula.return
}
