// RUN: tegula-opt %s --sched-assign-arena --convert-sched-to-x86 --canonicalize --cse --loop-invariant-code-motion | FileCheck %s

// Products: blocks in registers, sums from zero, C touched once.

!q = !sched.buf<16x64xf32, local>
!k = !sched.buf<64x64xf32, local, pack n32t>
!s = !sched.buf<16x64xf32, local>
!v = memref<?xf32>

// CHECK-LABEL: sched.kernel @v4
// CHECK: %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : vector<16xf32>
// Two panels of 32 columns, then two blocks of 8 rows, then k by 4: 16 sums.
// CHECK: scf.for %{{.*}} = %c0 to %c4 step %c2
// CHECK: scf.for %{{.*}} = %c0 to %c16 step %c8
// CHECK: scf.for %{{.*}} = %c0 to %c64 step %c4 iter_args(%{{.*}} = %[[ZERO]], {{.*}}) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>) {
// CHECK-COUNT-64: vector.fma
// CHECK-NOT: vector.fma
// CHECK: scf.yield
// CHECK-COUNT-16: vector.store
// CHECK-NOT: vector.store
// CHECK: tegula.return
sched.kernel @v4(in %x: !v) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %q = sched.alloc : !q
    %k = sched.alloc : !k
    %s = sched.alloc : !s
    sched.mma %q, trans %k into %s : !q, !k, !s
    tegula.yield
  }
  tegula.return
}

// C <- scale * C + sums: one multiply-add per vector of C. 14 rows at 6 are dealt
// out as 5, 5 and 4; 20 columns are two vectors and one; k = 6 is 4 and 2.
!a3 = !sched.buf<14x6xf32, local>
!b3 = !sched.buf<6x20xf32, local>
!c3 = !sched.buf<14x20xf32, local>
!f3 = !sched.buf<14xf32, local>

// CHECK-LABEL: sched.kernel @v3
// CHECK: scf.for %[[ROW:.*]] = %c0 to %c10 step %c5
// CHECK-COUNT-60: vector.fma
// CHECK: memref.load %{{.*}} : memref<16xf32>
// CHECK-COUNT-10: vector.store
// CHECK-NOT: scf.for
// CHECK-COUNT-48: vector.fma
// CHECK-COUNT-8: vector.store
// CHECK: scf.for %{{.*}} = %c0 to %c10 step %c5
// CHECK-COUNT-30: vector.fma
// CHECK-COUNT-5: vector.store
// CHECK: tegula.return
sched.kernel @v3(in %x: !v) target "x86-64-v3" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !a3
    %b = sched.alloc : !b3
    %c = sched.alloc : !c3
    %f = sched.alloc : !f3
    sched.mma %a, %b onto %c scale %f : !f3 : !a3, !b3, !c3
    tegula.yield
  }
  tegula.return
}

// Bytes are widened on the way in; batch axes of extent 1 stretch.
!a8 = !sched.buf<2x4x4xi8, local>
!b8 = !sched.buf<1x4x16xi8, local>
!c8 = !sched.buf<2x4x16xi32, local>

// CHECK-LABEL: sched.kernel @bytes
// CHECK: scf.for %[[BATCH:.*]] = %c0 to %c2 step %c1
// CHECK: vector.load %{{.*}}[%c0, %{{.*}}, %{{.*}}] : memref<1x4x16xi8>, vector<16xi8>
// CHECK: arith.extsi %{{.*}} : vector<16xi8> to vector<16xi32>
// CHECK: memref.load %{{.*}}[%[[BATCH]], %{{.*}}] : memref<2x4x16xi8>
// CHECK: arith.muli
// CHECK: arith.addi
sched.kernel @bytes(in %x: !v) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !a8
    %b = sched.alloc : !b8
    %c = sched.alloc : !c8
    sched.mma %a, %b into %c : !a8, !b8, !c8
    tegula.yield
  }
  tegula.return
}

// One row takes 8 vectors of columns, so that 8 sums hide the latency.
!a1 = !sched.buf<1x64xf32, local>
!b1 = !sched.buf<64x256xf32, local, pack n32>
!c1 = !sched.buf<1x256xf32, local>

// CHECK-LABEL: sched.kernel @row
// CHECK: scf.for %{{.*}} = %c0 to %c16 step %c8
// CHECK-COUNT-32: vector.fma
// CHECK-NOT: vector.fma
// CHECK: tegula.return
sched.kernel @row(in %x: !v) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !a1
    %b = sched.alloc : !b1
    %c = sched.alloc : !c1
    sched.mma %a, %b into %c : !a1, !b1, !c1
    tegula.yield
  }
  tegula.return
}

// Where the target sums pairs of bf16, a step is two neighbours of K: 32 bits of a
// row of A in all lanes, a vector of pairs of B. 8 rows x 2 vectors, K by 4 pairs.
!ap = !sched.buf<8x64xbf16, local>
!bp = !sched.buf<64x32xbf16, local, pack n32>
!cp = !sched.buf<8x32xf32, local>

// CHECK-LABEL: sched.kernel @pairs
// CHECK: scf.for %[[STEP:.*]] = %c0 to %c32 step %c4 iter_args({{.*}}) -> (vector<16xf32>
// CHECK: vector.load %{{.*}}[%c0, %[[STEP]], %c0] : memref<1x32x64xbf16>, vector<32xbf16>
// CHECK: %[[BOTH:.*]] = vector.load %{{.*}} : memref<8x64xbf16>, vector<2xbf16>
// CHECK: %[[BITS:.*]] = vector.bitcast %[[BOTH]] : vector<2xbf16> to vector<1xi32>
// CHECK: %[[PAIR:.*]] = vector.extract %[[BITS]][0]
// CHECK: %[[SPLAT:.*]] = vector.broadcast %[[PAIR]] : i32 to vector<16xi32>
// CHECK: vector.bitcast %[[SPLAT]] : vector<16xi32> to vector<32xbf16>
// CHECK-COUNT-64: x86vector.avx512.dot
// CHECK-NOT: x86vector.avx512.dot
// CHECK-NOT: vector.fma
// CHECK: tegula.return
sched.kernel @pairs(in %x: !v) target "x86-64-v4+avx512vnni+avx512bf16" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !ap
    %b = sched.alloc : !bp
    %c = sched.alloc : !cp
    sched.mma %a, %b into %c : !ap, !bp, !cp
    tegula.yield
  }
  tegula.return
}

// The last of 7 neighbours has a 0 beside it, whatever the storage holds there. The
// rescaling of C stays in f32.
!ao = !sched.buf<3x7xbf16, local>
!bo = !sched.buf<16x7xbf16, local, pack n32t>
!co = !sched.buf<3x16xf32, local>
!fo = !sched.buf<3xf32, local>

// CHECK-LABEL: sched.kernel @odd
// CHECK: vector.load %{{.*}}[%c0, %c4] : memref<3x16xbf16>, vector<2xbf16>
// CHECK: %[[LAST:.*]] = memref.load %{{.*}}[%c0, %c6] : memref<3x16xbf16>
// CHECK: %[[BITS:.*]] = arith.bitcast %[[LAST]] : bf16 to i16
// CHECK: arith.extui %[[BITS]] : i16 to i32
// CHECK: vector.fma {{.*}} : vector<16xf32>
sched.kernel @odd(in %x: !v) target "x86-64-v4+avx512bf16" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !ao
    %b = sched.alloc : !bo
    %c = sched.alloc : !co
    %f = sched.alloc : !fo
    sched.mma %a, trans %b onto %c scale %f : !fo : !ao, !bo, !co
    tegula.yield
  }
  tegula.return
}

// Without pairs bf16 is multiplied as the f32 values that buffers hold.
// CHECK-LABEL: sched.kernel @widened
// CHECK: vector.load %{{.*}} : memref<1x64x32xf32>, vector<16xf32>
// CHECK: vector.fma
// CHECK-NOT: x86vector
sched.kernel @widened(in %x: !v) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  tegula.grid (%g) to (%c1) step (1) {
    %a = sched.alloc : !ap
    %b = sched.alloc : !bp
    %c = sched.alloc : !cp
    sched.mma %a, %b into %c : !ap, !bp, !cp
    tegula.yield
  }
  tegula.return
}
