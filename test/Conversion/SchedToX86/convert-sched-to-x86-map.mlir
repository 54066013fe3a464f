// RUN: tegula-opt %s --sched-assign-arena --convert-sched-to-x86 --canonicalize --cse | FileCheck %s

// Maps: blocks of a few rows, per-row values outside the strips, one partial result
// per row.

!x = memref<?xf32>
!s = !sched.buf<8x250xf32, local>
!r = !sched.buf<8xf32, local>

// CHECK: memref.global "private" constant @tile_constant : memref<2x16xf32>
// CHECK-LABEL: sched.kernel @rows
// CHECK: scf.for %[[ROW:.*]] = %c0 to %c8 step %c4
// Each row's number is loaded once.
// CHECK: %[[B:.*]] = memref.load %{{.*}}[%[[ROW]]] : memref<16xf32>
// CHECK: %[[BB:.*]] = vector.broadcast %[[B]] : f32 to vector<16xf32>
// CHECK-COUNT-3: memref.load
// CHECK: scf.for %{{.*}} = %c0 to %c240 step %c16 iter_args({{.*}}) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK-NOT: memref.load
// CHECK: arith.subf %{{.*}}, %[[BB]] : vector<16xf32>
// CHECK-COUNT-3: arith.subf
// Few results: they are stored together, behind the loads of all rows.
// CHECK-NOT: vector.load
// CHECK-COUNT-4: vector.store
// CHECK-NOT: arith.subf
// CHECK: scf.yield
// The last vector: ten of its lanes count.
// CHECK-COUNT-4: arith.select
// Four rows' sums become four lanes, by halves of both at a time.
// CHECK-NOT: vector.extract
// CHECK-NOT: vector.reduction
// CHECK: vector.shuffle %{{.*}} [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]
// CHECK-COUNT-5: arith.addf
// CHECK: %[[SUMS:.*]] = vector.shuffle %{{.*}} [0, 4, 8, 12]
// CHECK: vector.store %[[SUMS]], %{{.*}}[%[[ROW]]] : memref<16xf32>, vector<4xf32>
sched.kernel @rows(in %v: !x) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %s = sched.alloc : !s
    %b = sched.alloc : !r
    %o = sched.alloc : !r
    sched.map domain [8, 250] ins(%t = %s, %m = %b : !s, !r) outs(%s, %o : !s, !r) {
      %mb = tegula.broadcast %m dims [0] : tensor<8xf32> -> tensor<8x250xf32>
      %d = arith.subf %t, %mb : tensor<8x250xf32>
      %a = tegula.reduce add %d axis 1 : tensor<8x250xf32> -> tensor<8xf32>
      sched.yield %d, %a : tensor<8x250xf32>, tensor<8xf32>
    }
    tegula.yield
  }
  tegula.return
}

// Six rows are four and two; a long body takes one vector of one row at a time,
// and a row's sum is then formed by turning the lanes, never as scalars.
!few = !sched.buf<6x64xf32, local>
!rs = !sched.buf<6xf32, local>
// CHECK-LABEL: sched.kernel @remainder
// CHECK-COUNT-4: arith.maximumf %{{.*}} : vector<16xf32>
// CHECK: vector.shuffle %{{.*}} : vector<16xf32>, vector<16xf32>
// CHECK: vector.store %{{.*}} : memref<16xf32>, vector<4xf32>
// CHECK: vector.store %{{.*}}[%c4] : memref<16xf32>, vector<2xf32>
// CHECK: scf.for %{{.*}} = %c0 to %c6 step %c1
// CHECK: scf.for %{{.*}} = %c0 to %c64 step %c16
// CHECK: math.erf
// CHECK-NOT: math.erf
// CHECK: tegula.return
sched.kernel @remainder(in %v: !x) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %s = sched.alloc : !few
    %o = sched.alloc : !rs
    sched.map domain [6, 64] ins(%t = %s : !few) outs(%o : !rs) {
      %a = tegula.reduce max %t axis 1 : tensor<6x64xf32> -> tensor<6xf32>
      sched.yield %a : tensor<6xf32>
    }
    sched.map domain [6, 64] ins(%t = %s : !few) outs(%s : !few) {
      %a = math.erf %t : tensor<6x64xf32>
      sched.yield %a : tensor<6x64xf32>
    }
    tegula.yield
  }
  tegula.return
}

// What no row changes is loaded once for a few of them.
!w = !sched.buf<64xf32, local>
// CHECK-LABEL: sched.kernel @shared
// CHECK: scf.for %{{.*}} = %c0 to %c8 step %c4
// CHECK: scf.for %{{.*}} = %c0 to %c64 step %c16
// CHECK-COUNT-1: vector.load %{{.*}} : memref<64xf32>
// CHECK-NOT: vector.load %{{.*}} : memref<64xf32>
// CHECK: tegula.return
sched.kernel @shared(in %v: !x) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %s = sched.alloc : !sched.buf<8x64xf32, local>
    %b = sched.alloc : !w
    sched.map domain [8, 64] ins(%t = %s, %u = %b : !sched.buf<8x64xf32, local>, !w) outs(%s : !sched.buf<8x64xf32, local>) {
      %ub = tegula.broadcast %u dims [1] : tensor<64xf32> -> tensor<8x64xf32>
      %a = arith.mulf %t, %ub : tensor<8x64xf32>
      sched.yield %a : tensor<8x64xf32>
    }
    tegula.yield
  }
  tegula.return
}

// Down a column: no lane meets another.
!d = !sched.buf<8x32xf32, local>
!c = !sched.buf<32xf32, local>
// CHECK-LABEL: sched.kernel @down
// CHECK: scf.for %{{.*}} = %c0 to %c8 step %c1 iter_args({{.*}}) -> (vector<16xf32>, vector<16xf32>)
// CHECK-COUNT-2: arith.maximumf %{{.*}} : vector<16xf32>
// CHECK-NOT: vector.shuffle
// CHECK: tegula.return
sched.kernel @down(in %v: !x) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %s = sched.alloc : !d
    %o = sched.alloc : !c
    sched.map domain [8, 32] ins(%t = %s : !d) outs(%o : !c) {
      %a = tegula.reduce max %t axis 0 : tensor<8x32xf32> -> tensor<32xf32>
      sched.yield %a : tensor<32xf32>
    }
    tegula.yield
  }
  tegula.return
}

// Masks: a column's position is the strip's plus the lanes'; i1 stays a mask
// between ops and is a byte in memory. The exponential gets its degree.
!m = !sched.buf<8x16xi1, local>
!e = !sched.buf<8x16xf32, local>
// CHECK-LABEL: sched.kernel @mask
// CHECK-DAG: arith.constant dense<[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]> : vector<16xi32>
// CHECK: arith.cmpi slt, %{{.*}} : vector<16xi32>
// CHECK: arith.select %{{.*}} : vector<16xi1>, vector<16xf32>
// CHECK: tegula.exp2 %{{.*}} degree 6 : vector<16xf32>
// CHECK: arith.extui %{{.*}} : vector<16xi1> to vector<16xi8>
sched.kernel @mask(in %v: !x, %n: index) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %s = sched.alloc : !e
    %o = sched.alloc : !m
    sched.map domain [8, 16] ins(%t = %s : !e) outs(%s, %o : !e, !m) {
      %j = tegula.iota %g : tensor<16xi32>
      %jb = tegula.broadcast %j dims [1] : tensor<16xi32> -> tensor<8x16xi32>
      %i = arith.index_cast %n : index to i32
      %hi = tensor.splat %i : tensor<8x16xi32>
      %in = arith.cmpi slt, %jb, %hi : tensor<8x16xi32>
      %ninf = arith.constant dense<0xFF800000> : tensor<8x16xf32>
      %w = arith.select %in, %t, %ninf : tensor<8x16xi1>, tensor<8x16xf32>
      %p = tegula.exp2 %w : tensor<8x16xf32>
      sched.yield %p, %in : tensor<8x16xf32>, tensor<8x16xi1>
    }
    tegula.yield
  }
  tegula.return
}

// 16-bit floats: computed in f32, rounded after each op that needs it. Division
// never traps. 64-bit elements halve the lanes.
!h = !sched.buf<4x16xbf16, local>
!i = !sched.buf<4x16xi64, local>
// CHECK-LABEL: sched.kernel @types
// CHECK: arith.mulf %{{.*}} : vector<16xf32>
// CHECK: arith.shrui %{{.*}} : vector<16xi32>
// CHECK: arith.cmpf uno
// CHECK: arith.andi %{{.*}} : vector<16xi32>
// CHECK: arith.negf %{{.*}} : vector<16xf32>
// CHECK-NEXT: vector.store
// CHECK: arith.cmpi eq, %{{.*}} : vector<8xi64>
// CHECK: arith.select %{{.*}} : vector<8xi1>, vector<8xi64>
// CHECK: arith.divsi %{{.*}} : vector<8xi64>
// CHECK: arith.select
sched.kernel @types(in %v: !x) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %s = sched.alloc : !h
    %o = sched.alloc : !i
    sched.map domain [4, 16] ins(%t = %s : !h) outs(%s : !h) {
      %y = arith.mulf %t, %t : tensor<4x16xbf16>
      %z = arith.negf %y : tensor<4x16xbf16>
      sched.yield %z : tensor<4x16xbf16>
    }
    sched.map domain [4, 16] ins(%t = %o : !i) outs(%o : !i) {
      %y = arith.divsi %t, %t : tensor<4x16xi64>
      sched.yield %y : tensor<4x16xi64>
    }
    tegula.yield
  }
  tegula.return
}

// A tile of many constants lies in memory, padded like a buffer.
// CHECK-LABEL: sched.kernel @constant
// CHECK: memref.get_global @tile_constant
!k = !sched.buf<2x3xf32, local>
sched.kernel @constant(in %v: !x) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %o = sched.alloc : !k
    sched.map domain [2, 3] ins(%t = %o : !k) outs(%o : !k) {
      %c = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
      %y = arith.addf %t, %c : tensor<2x3xf32>
      sched.yield %y : tensor<2x3xf32>
    }
    tegula.yield
  }
  tegula.return
}

// What only products read is rounded by the machine's conversion; what a map reads too,
// in integers, which keeps subnormal numbers.
!wide = !sched.buf<8x32xf32, local>
!near = !sched.buf<8x32xbf16, local>
!panel = !sched.buf<32x32xbf16, local, pack n32>
// CHECK-LABEL: sched.kernel @rounded
// CHECK: x86vector.avx512.cvt.packed.f32_to_bf16 %{{.*}} : vector<16xf32> -> vector<16xbf16>
// CHECK: x86vector.avx512.dot
// CHECK-NOT: cvt.packed
// CHECK: arith.shrui
// CHECK: tegula.return
sched.kernel @rounded(in %x: memref<?xf32>) target "x86-64-v4+avx512bf16" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %w = sched.alloc : !wide
    %p = sched.alloc : !near
    %r = sched.alloc : !near
    %b = sched.alloc : !panel
    %s = sched.alloc : !wide
    sched.map domain [8, 32] ins(%a = %w : !wide) outs(%p : !near) {
      %t = arith.truncf %a : tensor<8x32xf32> to tensor<8x32xbf16>
      sched.yield %t : tensor<8x32xbf16>
    }
    sched.mma %p, %b into %s : !near, !panel, !wide
    sched.map domain [8, 32] ins(%a = %s : !wide) outs(%r : !near) {
      %t = arith.truncf %a : tensor<8x32xf32> to tensor<8x32xbf16>
      sched.yield %t : tensor<8x32xbf16>
    }
    sched.map domain [8, 32] ins(%a = %r : !near) outs(%w : !wide) {
      %e = arith.extf %a : tensor<8x32xbf16> to tensor<8x32xf32>
      sched.yield %e : tensor<8x32xf32>
    }
    tegula.yield
  }
  tegula.return
}
