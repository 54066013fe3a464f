// RUN: tegula-opt %s --sched-assign-arena --convert-sched-to-x86 --canonicalize --cse | FileCheck %s

// Copies and stores: a branch without masks for tiles that lie inside, a branch
// that fills and then moves what lies inside under masks.

!rows = memref<?x?xf32, strided<[?, 1], offset: ?>>
!columns = memref<?x?xf32, strided<[1, ?], offset: ?>>
!any = memref<?x?xf32, strided<[?, ?], offset: ?>>
!half = memref<?x?xbf16, strided<[?, 1], offset: ?>>
!bits = memref<?x?xi1, strided<[?, 1], offset: ?>>
!b = !sched.buf<16x40xf32, local>

// CHECK-LABEL: sched.kernel @straight
// CHECK: scf.if
// Whole: two vectors and a tail of 8 a row.
// CHECK-COUNT-2: vector.load %{{.*}} : memref<?x?xf32, strided<[?, 1], offset: ?>>, vector<16xf32>
// CHECK-NOT: vector.create_mask
// CHECK: vector.maskedload
// CHECK-NOT: vector.create_mask
// CHECK: } else {
// Part: the pad everywhere, then rows below the limit.
// CHECK: vector.store %{{.*}} : memref<768xf32>, vector<16xf32>
// CHECK: vector.create_mask
// CHECK: vector.maskedload
// CHECK-NOT: memref.load
// CHECK: }
sched.kernel @straight(in %x: !rows) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (16) {
    %b = sched.alloc : !b
    sched.copy %x[%g, %g] to %b : !rows, !b
    tegula.yield
  }
  tegula.return
}

// The view's other axis has the unit stride: squares of 16 by 16 in 64 shuffles.
!p = !sched.buf<16x32xf32, local, pack n32>
// CHECK-LABEL: sched.kernel @turned
// Each row that is read asks for the one 16 further on.
// CHECK: memref.transpose %x (d0, d1) -> (d1, d0)
// CHECK-COUNT-16: memref.prefetch
// CHECK-NOT: memref.prefetch
// CHECK-COUNT-64: vector.shuffle
// CHECK-NOT: vector.shuffle
// CHECK-COUNT-16: vector.store
// CHECK: } else {
// CHECK-COUNT-16: vector.maskedload
// CHECK-COUNT-64: vector.shuffle
sched.kernel @turned(in %x: !columns) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (16) {
    %b = sched.alloc : !p
    sched.copy %x[%g, %g] to %b : !columns, !p
    tegula.yield
  }
  tegula.return
}

// No unit stride: one element at a time, inside the bounds only.
// CHECK-LABEL: sched.kernel @scattered
// CHECK: memref.load %x
// CHECK: } else {
// CHECK: memref.load %x
// CHECK-NOT: vector.maskedload
// CHECK: tegula.return
sched.kernel @scattered(in %x: !any) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (16) {
    %b = sched.alloc : !b
    sched.copy %x[%g, %g] to %b : !any, !b
    tegula.yield
  }
  tegula.return
}

// bf16 becomes f32 by a shift and goes back by one; no conversion, no call.
!h = !sched.buf<16x32xbf16, local>
// CHECK-LABEL: sched.kernel @half
// CHECK: vector.load %{{.*}}, vector<16xbf16>
// CHECK: arith.shli %{{.*}} : vector<16xi32>
// CHECK: arith.shrui %{{.*}} : vector<16xi32>
// CHECK: arith.trunci %{{.*}} : vector<16xi32> to vector<16xi16>
// CHECK: vector.store %{{.*}}, vector<16xbf16>
// CHECK-NOT: arith.truncf
// CHECK: vector.maskedstore
// CHECK: tegula.return
sched.kernel @half(in %x: !half, out %y: !half) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (16) {
    %b = sched.alloc : !h
    sched.copy %x[%g, %g] to %b : !half, !h
    sched.store %b to %y[%g, %g] : !h, !half
    tegula.yield
  }
  tegula.return
}

// Without masked accesses of 16 bits, edges go one by one.
// CHECK-LABEL: sched.kernel @half_v3
// CHECK: vector.load %{{.*}}, vector<8xbf16>
// CHECK: } else {
// CHECK: memref.load %x
// CHECK-NOT: vector.masked
// CHECK: tegula.return
sched.kernel @half_v3(in %x: !half) target "x86-64-v3" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (16) {
    %b = sched.alloc : !h
    sched.copy %x[%g, %g] to %b : !half, !h
    tegula.yield
  }
  tegula.return
}

// A bit is a byte in memory and in the arena.
!m = !sched.buf<16x32xi1, local>
// CHECK-LABEL: sched.kernel @bits
// CHECK: memref.load %x{{.*}} : memref<?x?xi1, strided<[?, 1], offset: ?>>
// CHECK: arith.extui %{{.*}} : i1 to i8
sched.kernel @bits(in %x: !bits) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (16) {
    %b = sched.alloc : !m
    sched.copy %x[%g, %g] to %b : !bits, !m
    tegula.yield
  }
  tegula.return
}

// From rows to panels inside the arena: nothing to check at run time.
!pt = !sched.buf<16x40xf32, local, pack n32t>
// CHECK-LABEL: sched.kernel @repack
// CHECK-NOT: scf.if
// CHECK: memref.subview
// CHECK: vector.shuffle
// CHECK-NOT: scf.if
// CHECK: tegula.return
sched.kernel @repack(in %x: !rows) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (16) {
    %b = sched.alloc : !b
    %p = sched.alloc : !pt
    sched.copy %b to %p : !b, !pt
    tegula.yield
  }
  tegula.return
}

// Panels of pairs: two rows of the view, element by element in turn; the last of 5
// rows goes beside zeros. Every element stays 16 bits wide.
!pp = !sched.buf<5x32xbf16, local, pack n32>
// CHECK-LABEL: sched.kernel @paired
// CHECK: scf.if
// CHECK: scf.for %{{.*}} = %c0 to %c4 step %c2
// CHECK: %[[A:.*]] = vector.load %{{.*}}, vector<16xbf16>
// CHECK: %[[B:.*]] = vector.load %{{.*}}, vector<16xbf16>
// CHECK: %[[AB:.*]] = vector.interleave %[[A]], %[[B]]
// CHECK: vector.store %[[AB]], %{{.*}} : memref<1x3x64xbf16>, vector<32xbf16>
// CHECK: }
// CHECK: %[[LAST:.*]] = vector.load %{{.*}}, vector<16xbf16>
// CHECK: vector.interleave %[[LAST]], %cst
// CHECK: } else {
// CHECK: vector.maskedload {{.*}} vector<16xbf16>
sched.kernel @paired(in %x: !half) target "x86-64-v4+avx512bf16" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (16) {
    %b = sched.alloc : !pp
    sched.copy %x[%g, %g] to %b : !half, !pp
    tegula.yield
  }
  tegula.return
}

// Transposed, pairs are neighbours in memory: squares of 16 pairs by 16 rows. Of 40
// neighbours 8 are left, 4 pairs, under a mask: 20 shuffles make those.
!ps = !sched.buf<32x40xbf16, local, pack n32t>
// CHECK-LABEL: sched.kernel @paired_turned
// CHECK: scf.if
// CHECK-COUNT-16: vector.load %{{.*}}, vector<32xbf16>
// CHECK: vector.bitcast %{{.*}} : vector<32xbf16> to vector<16xi32>
// CHECK-COUNT-64: vector.shuffle %{{.*}} : vector<16xi32>, vector<16xi32>
// CHECK-NOT: vector.shuffle
// CHECK-COUNT-16: vector.store %{{.*}} : memref<1x20x64xbf16>, vector<32xbf16>
// CHECK-COUNT-16: vector.maskedload
// CHECK-COUNT-20: vector.shuffle
// CHECK-COUNT-4: vector.store
// CHECK: } else {
sched.kernel @paired_turned(in %x: !half) target "x86-64-v4+avx512bf16" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (16) {
    %b = sched.alloc : !ps
    sched.copy %x[%g, %g] to %b : !half, !ps
    tegula.yield
  }
  tegula.return
}

// With a pad, what no pair of the tile holds is still 0: it meets no NaN in a sum.
// CHECK-LABEL: sched.kernel @padded_pairs
// CHECK-DAG: %[[EVEN:.*]] = arith.constant dense<[true, false, true, false, {{.*}}]> : vector<32xi1>
// CHECK: arith.select %[[EVEN]], %{{.*}} : vector<32xi1>, vector<32xbf16>
sched.kernel @padded_pairs(in %x: !half, %p: bf16) target "x86-64-v4+avx512bf16" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (16) {
    %b = sched.alloc : !pp
    sched.copy %x[%g, %g] pad %p : bf16 to %b : !half, !pp
    tegula.yield
  }
  tegula.return
}
