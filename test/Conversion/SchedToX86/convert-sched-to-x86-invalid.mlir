// RUN: tegula-opt %s --split-input-file --convert-sched-to-x86 --verify-diagnostics

sched.kernel @unplaced(in %x: memref<?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    // expected-error @below {{has no place in the arena: run sched-assign-arena first}}
    %b = sched.alloc : !sched.buf<64xf32, local>
    sched.copy %x[%g] to %b : memref<?xf32>, !sched.buf<64xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

sched.kernel @twice(in %x: memref<?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    // expected-error @below {{has no lowering to x86}}
    %a = sched.arena : memref<64xi8>
    tegula.yield
  }
  tegula.return
}

// -----

!b = !sched.buf<64xf32, local>
sched.kernel @chosen(in %x: memref<?xf32>) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc at 0 : !b
    %b = sched.alloc at 320 : !b
    %even = arith.cmpi eq, %g, %c0 : index
    %either = arith.select %even, %a, %b : !b
    // expected-error @below {{takes a buffer that is no allocation of this kernel}}
    sched.copy %x[%g] to %either : memref<?xf32>, !b
    tegula.yield
  }
  tegula.return
}

// -----

!b = !sched.buf<16x16xf32, local>
sched.kernel @transposed(in %x: memref<?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc at 0 : !b
    %c = sched.alloc at 1088 : !b
    // expected-error @below {{needs a transposed right operand in panels (pack)}}
    sched.mma %a, trans %a into %c : !b, !b, !b
    tegula.yield
  }
  tegula.return
}

// -----

!i = !sched.buf<16x16xi32, local>
!l = !sched.buf<16x16xi64, local>
sched.kernel @widens(in %x: memref<?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc at 0 : !i
    %c = sched.alloc at 1088 : !l
    // expected-error @below {{of 'i32' into 'i64' has no form on x86-64-v4}}
    sched.mma %a, %a into %c : !i, !i, !l
    tegula.yield
  }
  tegula.return
}

// -----

!h = !sched.buf<16x16xf16, local>
sched.kernel @narrow(in %x: memref<?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc at 0 : !h
    %c = sched.alloc at 1088 : !h
    // expected-error @below {{keeps sums in 'f16': they need f32}}
    sched.mma %a, %a into %c : !h, !h, !h
    tegula.yield
  }
  tegula.return
}

// -----

sched.kernel @values(in %x: memref<?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    // expected-error @below {{still yields values: its tiles have no buffers yet}}
    %r = sched.map domain [16] -> tensor<16xf32> {
      %z = arith.constant dense<0.0> : tensor<16xf32>
      sched.yield %z : tensor<16xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

!b = !sched.buf<16xi32, local>
sched.kernel @element(in %x: memref<?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc at 0 : !b
    // expected-error @below {{computes on 'i16', which x86-64-v4 has no storage for}}
    sched.map domain [16] ins(%t = %a : !b) outs(%a : !b) {
      %s = arith.trunci %t : tensor<16xi32> to tensor<16xi16>
      %r = arith.extsi %s : tensor<16xi16> to tensor<16xi32>
      sched.yield %r : tensor<16xi32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

!b = !sched.buf<16xf32, local>
sched.kernel @outside(in %x: memref<?xf32>) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc at 0 : !b
    %z = arith.constant dense<0.0> : tensor<16xf32>
    %r = scf.for %i = %c0 to %c1 step %c1 iter_args(%t = %z) -> tensor<16xf32> {
      // expected-error @below {{uses a tile that is no operand of it}}
      sched.map domain [16] outs(%a : !b) {
        sched.yield %t : tensor<16xf32>
      }
      scf.yield %t : tensor<16xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

!h = !sched.buf<16xbf16, local>
!s = !sched.buf<16xi8, local>
sched.kernel @bits(in %x: memref<?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc at 0 : !h
    sched.map domain [16] ins(%t = %a : !h) outs(%a : !h) {
      // expected-error @below {{looks at the bits of a 16-bit float, which x86-64-v4 holds as f32}}
      %r = arith.bitcast %t : tensor<16xbf16> to tensor<16xbf16>
      sched.yield %r : tensor<16xbf16>
    }
    tegula.yield
  }
  tegula.return
}

// -----

!b = !sched.buf<16x16xf32, local>
sched.kernel @shape(in %x: memref<?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc at 0 : !b
    sched.map domain [16, 16] ins(%t = %a : !b) outs(%a : !b) {
      // expected-error @below {{has no vector form on x86-64-v4}}
      %r = tegula.transpose %t perm [1, 0] : tensor<16x16xf32> -> tensor<16x16xf32>
      sched.yield %r : tensor<16x16xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

!b = !sched.buf<2xf32, local>
sched.kernel @resource(in %x: memref<?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc at 0 : !b
    sched.map domain [2] outs(%a : !b) {
      // expected-error @below {{has no data}}
      %r = arith.constant dense_resource<missing> : tensor<2xf32>
      sched.yield %r : tensor<2xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

!b = !sched.buf<2xf32, local>
sched.kernel @sparse(in %x: memref<?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc at 0 : !b
    sched.map domain [2] outs(%a : !b) {
      // expected-error @below {{is a constant of unknown form}}
      %r = arith.constant sparse<[[0]], [1.0]> : tensor<2xf32>
      sched.yield %r : tensor<2xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

!m = !sched.buf<16xi1, local>
sched.kernel @bit_scan(in %x: memref<?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc at 0 : !m
    // expected-error @below {{combines single bits}}
    sched.scan add %a to %a axis 0 : !m, !m
    tegula.yield
  }
  tegula.return
}

// -----

// Rows of 20 are padded: another shape needs a copy.
sched.kernel @gaps(in %v: memref<?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc at 0 : !sched.buf<8x20xf32, local>
    // expected-error @below {{is of rows that do not follow each other}}
    %b = sched.view %a : !sched.buf<8x20xf32, local> -> !sched.buf<16x10xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

sched.kernel @slice(in %v: memref<?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc at 0 : !sched.buf<8x4x16xf32, local>
    %b = sched.alloc at 4096 : !sched.buf<128xf32, local>
    %s = sched.slice %a at [0, 1, 0] : !sched.buf<8x4x16xf32, local> -> !sched.buf<8x1x16xf32, local>
    // expected-error @below {{takes a slice, whose rows do not follow each other}}
    sched.reshape %s to %b : !sched.buf<8x1x16xf32, local>, !sched.buf<128xf32, local>
    tegula.yield
  }
  tegula.return
}

// -----

!b = !sched.buf<16x16xbf16, local>
!c = !sched.buf<16x16xf32, local>
sched.kernel @unpaired(in %x: memref<?xf32>) target "x86-64-v4+avx512bf16" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc at 0 : !b
    %c = sched.alloc at 1088 : !c
    // expected-error @below {{of bf16 needs rows of the left operand and panels (pack) of the right one on x86-64-v4+avx512bf16}}
    sched.mma %a, %a into %c : !b, !b, !c
    tegula.yield
  }
  tegula.return
}
