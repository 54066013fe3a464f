// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1: operands and arguments
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{has 1 operands but 0 block arguments}}
    "sched.map"(%a) <{domain = array<i64: 16, 8>, operandSegmentSizes = array<i32: 1, 0, 0>}> ({
    ^bb0:
    "sched.yield"() : () -> ()
    }) : (!sched.buf<16x8xf32, local>) -> ()
    tegula.yield
  }
  tegula.return
}

// -----

// C1: types
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{operand 0 is '!sched.buf<16x8xf32, local>' but the body takes 'tensor<8xf32>'}}
    "sched.map"(%a) <{domain = array<i64: 16, 8>, operandSegmentSizes = array<i32: 1, 0, 0>}> ({
    ^bb0(%v: tensor<8xf32>):
    "sched.yield"() : () -> ()
    }) : (!sched.buf<16x8xf32, local>) -> ()
    tegula.yield
  }
  tegula.return
}

// -----

// C2: shape
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %r = sched.alloc : !sched.buf<16xf32, local>
    // expected-error @below {{as value 0, which has not the domain's shape}}
    sched.map domain [16, 8] outs(%r : !sched.buf<16xf32, local>) {
    %z = arith.constant dense<0.0> : tensor<16xf32>
    sched.yield %z : tensor<16xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C2: reduces the domain
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %r = sched.alloc : !sched.buf<16xf32, local>
    // expected-error @below {{reduces a tile that has not the domain's shape}}
    sched.map domain [8, 16] ins(%v = %a : !sched.buf<16x8xf32, local>) outs(%r : !sched.buf<16xf32, local>) {
    %z = tegula.reduce add %v axis 1 : tensor<16x8xf32> -> tensor<16xf32>
    sched.yield %z : tensor<16xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C2: one axis
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %r = sched.alloc : !sched.buf<16xf32, local>
    %q = sched.alloc : !sched.buf<8xf32, local>
    // expected-error @below {{reduces axis 1 and axis 0}}
    sched.map domain [16, 8] ins(%v = %a : !sched.buf<16x8xf32, local>) outs(%r, %q : !sched.buf<16xf32, local>, !sched.buf<8xf32, local>) {
    %z = tegula.reduce add %v axis 1 : tensor<16x8xf32> -> tensor<16xf32>
    %w = tegula.reduce add %v axis 0 : tensor<16x8xf32> -> tensor<8xf32>
    sched.yield %z, %w : tensor<16xf32>, tensor<8xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C2: a reduction is only yielded
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %r = sched.alloc : !sched.buf<16xf32, local>
    sched.map domain [16, 8] ins(%v = %a : !sched.buf<16x8xf32, local>) outs(%a : !sched.buf<16x8xf32, local>) {
    %z = tegula.reduce add %v axis 1 : tensor<16x8xf32> -> tensor<16xf32>
    // expected-error @below {{uses a reduction inside the map that forms it}}
    %w = tegula.broadcast %z dims [0] : tensor<16xf32> -> tensor<16x8xf32>
    sched.yield %w : tensor<16x8xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C3: outs
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %r = sched.alloc : !sched.buf<16xf32, local>
    // expected-error @below {{yields 1 tiles into 2 buffers}}
    sched.map domain [16, 8] ins(%v = %a : !sched.buf<16x8xf32, local>) outs(%a, %r : !sched.buf<16x8xf32, local>, !sched.buf<16xf32, local>) {
    sched.yield %v : tensor<16x8xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C3: types
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %r = sched.alloc : !sched.buf<16xf32, local>
    %q = sched.alloc : !sched.buf<16x8xf64, local>
    // expected-error @below {{yields 'tensor<16x8xf32>' into}}
    sched.map domain [16, 8] ins(%v = %a : !sched.buf<16x8xf32, local>) outs(%q : !sched.buf<16x8xf64, local>) {
    sched.yield %v : tensor<16x8xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C4: results or outs
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{has both results and outs}}
    %z = "sched.map"(%a, %a) <{domain = array<i64: 16, 8>, operandSegmentSizes = array<i32: 1, 1, 0>}> ({
    ^bb0(%v: tensor<16x8xf32>):
    "sched.yield"(%v) : (tensor<16x8xf32>) -> ()
    }) : (!sched.buf<16x8xf32, local>, !sched.buf<16x8xf32, local>) -> tensor<16x8xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// C4: result types
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{) as (}}
    %z = "sched.map"(%a) <{domain = array<i64: 16, 8>, operandSegmentSizes = array<i32: 1, 0, 0>}> ({
    ^bb0(%v: tensor<16x8xf32>):
    "sched.yield"(%v) : (tensor<16x8xf32>) -> ()
    }) : (!sched.buf<16x8xf32, local>) -> tensor<8x16xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// C5: no memory
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    %r = sched.alloc : !sched.buf<16xf32, local>
    sched.map domain [16, 8] ins(%v = %a : !sched.buf<16x8xf32, local>) outs(%a : !sched.buf<16x8xf32, local>) {
    // expected-error @below {{is not allowed in a map}}
    tegula.store %v, %y[%i, %c0] : tensor<16x8xf32>, memref<?x?xf32>
    sched.yield %v : tensor<16x8xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

// the terminator
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %a = sched.alloc : !sched.buf<16x8xf32, local>
    // expected-error @below {{body must end with sched.yield}}
    "sched.map"(%a) <{domain = array<i64: 16, 8>, operandSegmentSizes = array<i32: 1, 0, 0>}> ({
    ^bb0(%v: tensor<16x8xf32>):
    "llvm.unreachable"() : () -> ()
    }) : (!sched.buf<16x8xf32, local>) -> ()
    tegula.yield
  }
  tegula.return
}

// -----

// operands of the text form
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "x86-64-v4" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    // expected-error @below {{takes tiles, buffers or fragments, got}}
    sched.map domain [4] ins(%v = %s : f32) {
    sched.yield
    }
    tegula.yield
  }
  tegula.return
}

// -----

// fragments
// C2: along
!ring = !sched.buf<2 x 16x8xf32, shared>
!tile = !sched.buf<16x8xf32, shared>
!ch = !sched.chan<fifo, !ring>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %on = arith.cmpi slt, %c0, %n : index
    sched.role @all warps 4 {
      %f = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      // expected-error @below {{as value 0, which has not the domain's shape, with or without axis 1}}
      %g = sched.map domain [16, 8] along 1 ins(%v = %f : !sched.frag<16x8xf32>) -> !sched.frag<8xf32> {
        %z = arith.constant dense<0.0> : tensor<8xf32>
        sched.yield %z : tensor<8xf32>
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C2: tiles
!ring = !sched.buf<2 x 16x8xf32, shared>
!tile = !sched.buf<16x8xf32, shared>
!ch = !sched.chan<fifo, !ring>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %on = arith.cmpi slt, %c0, %n : index
    sched.role @all warps 4 {
      %f = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      // expected-error @below {{yields 'f32' as value 0, which is no tile}}
      %g = sched.map domain [16, 8] along 1 ins(%v = %f : !sched.frag<16x8xf32>) -> !sched.frag<16x8xf32> {
        sched.yield %s : f32
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C4: results
!ring = !sched.buf<2 x 16x8xf32, shared>
!tile = !sched.buf<16x8xf32, shared>
!ch = !sched.chan<fifo, !ring>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %on = arith.cmpi slt, %c0, %n : index
    sched.role @all warps 4 {
      %f = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      // expected-error @below {{on fragments gives 'tensor<16x8xf32>'}}
      %g = sched.map domain [16, 8] ins(%v = %f : !sched.frag<16x8xf32>) -> tensor<16x8xf32> {
        sched.yield %v : tensor<16x8xf32>
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C4: operands
!ring = !sched.buf<2 x 16x8xf32, shared>
!tile = !sched.buf<16x8xf32, shared>
!ch = !sched.chan<fifo, !ring>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %on = arith.cmpi slt, %c0, %n : index
    sched.role @all warps 4 {
      %f = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      %t = tensor.splat %s : tensor<16x8xf32>
      // expected-error @below {{on fragments takes 'tensor<16x8xf32>'}}
      %g = sched.map domain [16, 8] ins(%v = %f, %u = %t : !sched.frag<16x8xf32>, tensor<16x8xf32>) -> !sched.frag<16x8xf32> {
        sched.yield %v : tensor<16x8xf32>
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C6: an axis
!ring = !sched.buf<2 x 16x8xf32, shared>
!tile = !sched.buf<16x8xf32, shared>
!ch = !sched.chan<fifo, !ring>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %on = arith.cmpi slt, %c0, %n : index
    sched.role @all warps 4 {
      %f = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      // expected-error @below {{along 2 names no axis of its domain}}
      %g = sched.map domain [16, 8] along 2 ins(%v = %f : !sched.frag<16x8xf32>) -> !sched.frag<16x8xf32> {
        sched.yield %v : tensor<16x8xf32>
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C6: that axis
!ring = !sched.buf<2 x 16x8xf32, shared>
!tile = !sched.buf<16x8xf32, shared>
!ch = !sched.chan<fifo, !ring>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %on = arith.cmpi slt, %c0, %n : index
    sched.role @all warps 4 {
      %f = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      %g = sched.map domain [16, 8] along 1 ins(%v = %f : !sched.frag<16x8xf32>) -> !sched.frag<16x8xf32> {
        // expected-error @below {{reduces axis 0 in a map along axis 1}}
        %r = tegula.reduce add %v axis 0 : tensor<16x8xf32> -> tensor<8xf32>
        sched.yield %v : tensor<16x8xf32>
      }
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C7
!ring = !sched.buf<2 x 16x8xf32, shared>
!tile = !sched.buf<16x8xf32, shared>
!ch = !sched.chan<fifo, !ring>
!acquired = !sched.slot<acquired, !ch>
!waited = !sched.slot<waited, !ch>
sched.kernel @k(in %x: memref<?x?xf32>, out %y: memref<?x?xf32>, %s: f32) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  tegula.grid (%i) to (%n) step (16) {
    %on = arith.cmpi slt, %c0, %n : index
    sched.role @all warps 4 {
      %f = sched.splat %s : f32 -> !sched.frag<16x8xf32>
      // expected-error @below {{with 'when' needs an operand 1 of type '!sched.frag<16x8xf32>' to give instead of its result}}
      %g, %h = sched.map domain [16, 8] ins(%v = %f : !sched.frag<16x8xf32>) when %on -> (!sched.frag<16x8xf32>, !sched.frag<16x8xf32>) {
        sched.yield %v, %v : tensor<16x8xf32>, tensor<16x8xf32>
      }
    }
    tegula.yield
  }
  tegula.return
}
