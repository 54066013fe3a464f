// RUN: tegula-opt %s --split-input-file --sched-assign-arena --verify-diagnostics

// expected-error @below {{is scheduled for the unknown target 'pdp-11'; known are x86-64-v3 x86-64-v4}}
sched.kernel @target(out %y: memref<?xf32>) target "pdp-11" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    tegula.yield
  }
  tegula.return
}

// -----

sched.kernel @element(in %x: memref<?xf8E5M2>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    // expected-error @below {{holds 'f8E5M2', which x86-64-v4 has no storage for}}
    %b = sched.alloc : !sched.buf<64xf8E5M2, local>
    sched.copy %x[%g] to %b : memref<?xf8E5M2>, !sched.buf<64xf8E5M2, local>
    tegula.yield
  }
  tegula.return
}

// -----

sched.kernel @panel(in %x: memref<?x?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    // expected-error @below {{has panels of 24 columns, which are no whole vectors of 16}}
    %b = sched.alloc : !sched.buf<8x64xf32, local, pack n24>
    sched.copy %x[%g, %g] to %b : memref<?x?xf32>, !sched.buf<8x64xf32, local, pack n24>
    tegula.yield
  }
  tegula.return
}
