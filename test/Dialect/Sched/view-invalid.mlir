// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: as many elements
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<8x64xf32, local>
    // expected-error @below {{cannot show}}
    %b = sched.view %a : !sched.buf<8x64xf32, local> -> !sched.buf<8x32xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C1: of one type
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<8x64xf32, local>
    // expected-error @below {{cannot show}}
    %b = sched.view %a : !sched.buf<8x64xf32, local> -> !sched.buf<8x64xi32, local>
    tegula.yield
  }
  tegula.return
}

// -----

// C1: not packed
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<8x64xf32, local, pack n32>
    // expected-error @below {{takes no packed buffers}}
    %b = sched.view %a : !sched.buf<8x64xf32, local, pack n32> -> !sched.buf<512xf32, local>
    tegula.yield
  }
  tegula.return
}
