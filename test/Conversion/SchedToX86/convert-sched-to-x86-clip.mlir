// RUN: tegula-opt %s --sched-assign-arena --convert-sched-to-x86 --canonicalize --cse --loop-invariant-code-motion | FileCheck %s

// Register blocks that a mask takes out again are not computed.

!q = !sched.buf<16x64xf32, local>
!k = !sched.buf<64x64xf32, local, pack n32t>
!s = !sched.buf<16x64xf32, local>
!v = memref<?xf32>

// Rows 8 at a time, columns 32: a block is needed if its last row, r + 7, sees its first
// column, c: i + r + 7 - j - c >= 0.
// CHECK-LABEL: sched.kernel @causal
// CHECK: scf.for %[[C:.*]] = %c0 to %c4 step %c2
// CHECK: scf.for %[[R:.*]] = %c0 to %c16 step %c8
// CHECK: %[[NEEDED:.*]] = arith.cmpi sge, %{{.*}}, %c0 : index
// CHECK: scf.if %[[NEEDED]] {
// CHECK: scf.for
// CHECK-COUNT-64: vector.fma
// CHECK-COUNT-16: vector.store
sched.kernel @causal(in %x: !v, %i: index, %j: index) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %q = sched.alloc : !q
    %k = sched.alloc : !k
    %s = sched.alloc : !s
    sched.mma %q, trans %k into %s : !q, !k, !s
    sched.map domain [16, 64] ins(%a = %s : !s) outs(%s : !s) {
      %fill = arith.constant dense<0xFF800000> : tensor<16x64xf32>
      %rows = tegula.iota %i : tensor<16xi32>
      %cols = tegula.iota %j : tensor<64xi32>
      %rb = tegula.broadcast %rows dims [0] : tensor<16xi32> -> tensor<16x64xi32>
      %cb = tegula.broadcast %cols dims [1] : tensor<64xi32> -> tensor<16x64xi32>
      %m = arith.cmpi sle, %cb, %rb : tensor<16x64xi32>
      %b = arith.addf %a, %a : tensor<16x64xf32>
      %r = arith.select %m, %b, %fill : tensor<16x64xi1>, tensor<16x64xf32>
      sched.yield %r : tensor<16x64xf32>
    }
    tegula.yield
  }
  tegula.return
}

// Of a conjunction each comparison that is linear counts; data do not.
// The one of columns only leaves the loop over rows.
// CHECK-LABEL: sched.kernel @conjunction
// CHECK: %[[COLS:.*]] = arith.cmpi sge, %{{.*}}, %c0 : index
// CHECK: scf.for %{{.*}} = %c0 to %c16 step %c8
// CHECK: %[[ROWS:.*]] = arith.cmpi sge, %{{.*}}, %c0 : index
// CHECK-NEXT: %[[BOTH:.*]] = arith.andi %[[ROWS]], %[[COLS]] : i1
// CHECK-NEXT: scf.if %[[BOTH]]
sched.kernel @conjunction(in %x: !v, %i: index, %end: i32) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %q = sched.alloc : !q
    %k = sched.alloc : !k
    %s = sched.alloc : !s
    %d = sched.alloc : !s
    sched.mma %q, trans %k into %s : !q, !k, !s
    sched.map domain [16, 64] ins(%a = %s, %w = %d : !s, !s) outs(%s : !s) {
      %fill = arith.constant dense<0.0> : tensor<16x64xf32>
      %rows = tegula.iota %i : tensor<16xi32>
      %cols = tegula.iota %i : tensor<64xi32>
      %ends = tensor.splat %end : tensor<64xi32>
      %valid = arith.cmpi slt, %cols, %ends : tensor<64xi32>
      %vb = tegula.broadcast %valid dims [1] : tensor<64xi1> -> tensor<16x64xi1>
      %rb = tegula.broadcast %rows dims [0] : tensor<16xi32> -> tensor<16x64xi32>
      %cb = tegula.broadcast %cols dims [1] : tensor<64xi32> -> tensor<16x64xi32>
      %m0 = arith.cmpi sgt, %cb, %rb : tensor<16x64xi32>
      %m1 = arith.cmpf olt, %w, %fill : tensor<16x64xf32>
      %m2 = arith.andi %m0, %vb : tensor<16x64xi1>
      %m = arith.andi %m1, %m2 : tensor<16x64xi1>
      %r = arith.select %m, %a, %fill : tensor<16x64xi1>, tensor<16x64xf32>
      sched.yield %r : tensor<16x64xf32>
    }
    tegula.yield
  }
  tegula.return
}

// A sum over the row reads every element.
// CHECK-LABEL: sched.kernel @summed
// CHECK-NOT: scf.if
// CHECK: tegula.return
sched.kernel @summed(in %x: !v, %i: index) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %q = sched.alloc : !q
    %k = sched.alloc : !k
    %s = sched.alloc : !s
    %t = sched.alloc : !sched.buf<16xf32, local>
    sched.mma %q, trans %k into %s : !q, !k, !s
    sched.map domain [16, 64] ins(%a = %s : !s) outs(%s, %t : !s, !sched.buf<16xf32, local>) {
      %fill = arith.constant dense<0.0> : tensor<16x64xf32>
      %rows = tegula.iota %i : tensor<16xi32>
      %cols = tegula.iota %i : tensor<64xi32>
      %rb = tegula.broadcast %rows dims [0] : tensor<16xi32> -> tensor<16x64xi32>
      %cb = tegula.broadcast %cols dims [1] : tensor<64xi32> -> tensor<16x64xi32>
      %m = arith.cmpi sle, %cb, %rb : tensor<16x64xi32>
      %r = arith.select %m, %a, %fill : tensor<16x64xi1>, tensor<16x64xf32>
      %sum = tegula.reduce add %a axis 1 : tensor<16x64xf32> -> tensor<16xf32>
      sched.yield %r, %sum : tensor<16x64xf32>, tensor<16xf32>
    }
    tegula.yield
  }
  tegula.return
}

// The map does not overwrite what it reads, so others may read it later.
// CHECK-LABEL: sched.kernel @kept
// CHECK-NOT: scf.if
// CHECK: tegula.return
sched.kernel @kept(in %x: !v, %i: index) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %q = sched.alloc : !q
    %k = sched.alloc : !k
    %s = sched.alloc : !s
    %t = sched.alloc : !s
    sched.mma %q, trans %k into %s : !q, !k, !s
    sched.map domain [16, 64] ins(%a = %s : !s) outs(%t : !s) {
      %fill = arith.constant dense<0.0> : tensor<16x64xf32>
      %rows = tegula.iota %i : tensor<16xi32>
      %cols = tegula.iota %i : tensor<64xi32>
      %rb = tegula.broadcast %rows dims [0] : tensor<16xi32> -> tensor<16x64xi32>
      %cb = tegula.broadcast %cols dims [1] : tensor<64xi32> -> tensor<16x64xi32>
      %m = arith.cmpi sle, %cb, %rb : tensor<16x64xi32>
      %r = arith.select %m, %a, %fill : tensor<16x64xi1>, tensor<16x64xf32>
      sched.yield %r : tensor<16x64xf32>
    }
    tegula.yield
  }
  tegula.return
}

// Either of two masks lets an element through; and what is false is chosen, not dropped.
// CHECK-LABEL: sched.kernel @either
// CHECK-NOT: scf.if
// CHECK: tegula.return
sched.kernel @either(in %x: !v, %i: index) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %q = sched.alloc : !q
    %k = sched.alloc : !k
    %s = sched.alloc : !s
    %t = sched.alloc : !s
    sched.mma %q, trans %k into %s : !q, !k, !s
    sched.mma %q, trans %k into %t : !q, !k, !s
    sched.map domain [16, 64] ins(%a = %s, %b = %t : !s, !s) outs(%s, %t : !s, !s) {
      %fill = arith.constant dense<0.0> : tensor<16x64xf32>
      %rows = tegula.iota %i : tensor<16xi32>
      %cols = tegula.iota %i : tensor<64xi32>
      %rb = tegula.broadcast %rows dims [0] : tensor<16xi32> -> tensor<16x64xi32>
      %cb = tegula.broadcast %cols dims [1] : tensor<64xi32> -> tensor<16x64xi32>
      %m0 = arith.cmpi sle, %cb, %rb : tensor<16x64xi32>
      %m1 = arith.cmpi sgt, %cb, %rb : tensor<16x64xi32>
      %m = arith.ori %m0, %m1 : tensor<16x64xi1>
      %r = arith.select %m, %a, %fill : tensor<16x64xi1>, tensor<16x64xf32>
      %u = arith.select %m0, %fill, %b : tensor<16x64xi1>, tensor<16x64xf32>
      sched.yield %r, %u : tensor<16x64xf32>, tensor<16x64xf32>
    }
    tegula.yield
  }
  tegula.return
}
