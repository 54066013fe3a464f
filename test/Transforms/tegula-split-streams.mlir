// RUN: tegula-opt %s -split-input-file -tegula-split-streams -cse | FileCheck %s

// A ragged end: the mask and the limit hold below hi - 7.
//   last = lo + ceil(max(hi - 7 - lo, 0) / 8) * 8

!st = !tegula.softmax<4x2xf32>
// CHECK-LABEL: @ragged
// CHECK-SAME:    %[[LO:[a-z]+]]: index, %[[HI:[a-z]+]]: index
tegula.kernel @ragged(in %k: memref<?x2xf32>, in %s: memref<4x8xf32>, out %y: memref<4x2xf32>, %lo: index, %hi: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  tegula.grid (%i) to (%c1) step (1) {
    %x = tegula.load %s[%c0, %c0] : memref<4x8xf32> -> tensor<4x8xf32>
    %s0 = tegula.softmax_init : !st
    // CHECK:      %[[CM7:.*]] = arith.constant -7 : index
    // CHECK-NEXT: %[[END:.*]] = arith.addi %[[HI]], %[[CM7]] : index
    // CHECK-NEXT: %[[D:.*]] = arith.subi %[[END]], %[[LO]] : index
    // CHECK:      %[[D0:.*]] = arith.maxsi %[[D]], %{{.*}} : index
    // CHECK:      %[[UP:.*]] = arith.addi %[[D0]], %{{.*}} : index
    // CHECK:      %[[TRIPS:.*]] = arith.divui %[[UP]], %{{.*}} : index
    // CHECK:      %[[LEN:.*]] = arith.muli %[[TRIPS]], %{{.*}} : index
    // CHECK:      %[[LAST:.*]] = arith.addi %[[LO]], %[[LEN]] : index
    // CHECK:      %[[STOP:.*]] = arith.minsi %[[LAST]], %[[HI]] : index
    // CHECK:      %[[HOT:.*]] = tegula.stream %[[N:.*]] = %[[LO]] to %[[STOP]] step 8 order any label "keys" iter_args(%[[S:.*]] = %{{.*}}) -> (!tegula.softmax<4x2xf32>) {
    // CHECK-NEXT:   %[[V:.*]] = tegula.load %k[%[[N]], %{{.*}}] : memref<?x2xf32> -> tensor<8x2xf32>
    // CHECK-NEXT:   %[[U:.*]] = tegula.softmax_update %[[S]], %{{.*}}, %[[V]]
    // CHECK-NEXT:   tegula.yield %[[U]]
    // CHECK:      %[[R:.*]] = tegula.stream %[[N:.*]] = %[[LAST]] to %[[HI]] step 8 order any label "keys" iter_args(%[[S:.*]] = %[[HOT]])
    // CHECK:        tegula.load %k[%[[N]], %{{.*}}] upto [%[[HI]], %{{.*}}]
    // CHECK:        arith.cmpi slt
    // CHECK:        arith.select
    // CHECK:      tegula.softmax_finish %[[R]]
    %r = tegula.stream %n = %lo to %hi step 8 order any label "keys" iter_args(%st = %s0) -> (!st) {
      %v = tegula.load %k[%n, %c0] upto [%hi, %c2] : memref<?x2xf32> -> tensor<8x2xf32>
      %j = tegula.iota %n : tensor<8xi32>
      %jb = tegula.broadcast %j dims [1] : tensor<8xi32> -> tensor<4x8xi32>
      %hi32 = arith.index_cast %hi : index to i32
      %his = tensor.splat %hi32 : tensor<4x8xi32>
      %in = arith.cmpi slt, %jb, %his : tensor<4x8xi32>
      %ninf = arith.constant dense<0xFF800000> : tensor<4x8xf32>
      %w = arith.select %in, %x, %ninf : tensor<4x8xi1>, tensor<4x8xf32>
      %u = tegula.softmax_update %st, %w, %v : !st, tensor<4x8xf32>, tensor<8x2xf32>
      tegula.yield %u : !st
    }
    %o, %l = tegula.softmax_finish %r : !st -> tensor<4x2xf32>, tensor<4xf32>
    tegula.store %o, %y[%c0, %c0] : tensor<4x2xf32>, memref<4x2xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// A window, on both sides: three parts, `down` in reverse. Row r sees keys with
// -left <= j - (m + r) <= right. With 4 rows and 8 keys:
//   every pair is inside  from n = m + 3 - left  below n = m + right - 6

// CHECK-LABEL: @window_down
tegula.kernel @window_down(in %s: memref<4x8xf32>, out %y: memref<4xf32>, %lo: index, %hi: index, %m: index, %left: index, %right: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %x = tegula.load %s[%c0, %c0] : memref<4x8xf32> -> tensor<4x8xf32>
    %a0 = arith.constant dense<0.0> : tensor<4xf32>
    // CHECK-DAG:  %[[C3:.*]] = arith.constant 3 : index
    // CHECK-DAG:  %[[CM6:.*]] = arith.constant -6 : index
    // CHECK-DAG:  %[[ML:.*]] = arith.subi %m, %left : index
    // CHECK-DAG:  arith.addi %[[ML]], %[[C3]] : index
    // CHECK-DAG:  %[[MR:.*]] = arith.addi %right, %m : index
    // CHECK-DAG:  arith.addi %[[MR]], %[[CM6]] : index
    // CHECK:      %[[FIRST:.*]] = arith.addi %lo,
    // CHECK:      %[[LAST:.*]] = arith.addi %lo,
    // CHECK:      %[[HEAD:.*]] = arith.minsi %[[FIRST]], %hi
    // CHECK:      %[[STOP:.*]] = arith.minsi %[[LAST]], %hi
    // CHECK:      %[[TAIL:.*]] = arith.maxsi %[[FIRST]], %[[LAST]]
    // What has a lower threshold holds behind `first` in any case.
    // CHECK:      %[[R0:.*]] = tegula.stream %{{.*}} = %[[TAIL]] to %hi step 8 order down iter_args
    // CHECK-NOT:    arith.andi
    // CHECK:        arith.select
    // CHECK:      %[[R1:.*]] = tegula.stream %{{.*}} = %[[FIRST]] to %[[STOP]] step 8 order down iter_args(%{{.*}} = %[[R0]])
    // CHECK-NOT:    arith.select
    // CHECK:      %[[R2:.*]] = tegula.stream %{{.*}} = %lo to %[[HEAD]] step 8 order down iter_args(%{{.*}} = %[[R1]])
    // CHECK:        arith.andi
    // CHECK:        arith.select
    // CHECK:      tegula.store %[[R2]]
    %r = tegula.stream %n = %lo to %hi step 8 order down iter_args(%a = %a0) -> (tensor<4xf32>) {
      %j = tegula.iota %n : tensor<8xi32>
      %row = tegula.iota %m : tensor<4xi32>
      %j1 = tegula.broadcast %j dims [1] : tensor<8xi32> -> tensor<1x8xi32>
      %jb = tegula.broadcast %j1 dims [0, 1] : tensor<1x8xi32> -> tensor<4x8xi32>
      %i1 = tegula.reshape %row : tensor<4xi32> -> tensor<4x1xi32>
      %ib = tegula.broadcast %i1 dims [0, 1] : tensor<4x1xi32> -> tensor<4x8xi32>
      %rel = arith.subi %jb, %ib : tensor<4x8xi32>
      %l32 = arith.index_cast %left : index to i32
      %minus = arith.constant 0 : i32
      %nl = arith.subi %minus, %l32 : i32
      %ls = tensor.splat %nl : tensor<4x8xi32>
      %r32 = arith.index_cast %right : index to i32
      %rs = tensor.splat %r32 : tensor<4x8xi32>
      %ge = arith.cmpi sge, %rel, %ls : tensor<4x8xi32>
      %le = arith.cmpi sge, %rs, %rel : tensor<4x8xi32>
      %keep = arith.andi %ge, %le : tensor<4x8xi1>
      %zero = arith.constant dense<0.0> : tensor<4x8xf32>
      %w = arith.select %keep, %x, %zero : tensor<4x8xi1>, tensor<4x8xf32>
      %sum = tegula.reduce add %w axis 1 : tensor<4x8xf32> -> tensor<4xf32>
      %u = arith.addf %a, %sum : tensor<4xf32>
      tegula.yield %u : tensor<4xf32>
    }
    tegula.store %r, %y[%c0] : tensor<4xf32>, memref<4xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// Comparisons that hold on every trip go, those that never do as well; nothing
// is split for them.

// CHECK-LABEL: @always
tegula.kernel @always(in %s: memref<?xf32>, out %y: memref<8xf32>, %from: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %size = memref.dim %s, %c0 : memref<?xf32>
  tegula.grid (%i) to (%size) step (8) {
    %a0 = arith.constant dense<0.0> : tensor<8xf32>
    %lo = arith.maxsi %from, %c0 : index
    %hi = arith.minsi %from, %size : index
    // CHECK:     tegula.stream %[[N:.*]] = %{{.*}} to %{{.*}} step 8 iter_args
    // CHECK-NOT:   arith.cmpi
    // CHECK-NOT:   upto
    // CHECK:     tegula.yield
    // CHECK-NOT: tegula.stream
    %r = tegula.stream %n = %lo to %hi step 8 iter_args(%a = %a0) -> (tensor<8xf32>) {
      // The limit of a tile of one element is met on every trip.
      %x = tegula.load %s[%n] upto [%hi] : memref<?xf32> -> tensor<1xf32>
      %j = tegula.iota %n : tensor<8xi32>
      %z = arith.constant dense<0> : tensor<8xi32>
      // n >= lo >= 0
      %pos = arith.cmpi sge, %j, %z : tensor<8xi32>
      // n < hi <= size, so n - 1 >= size never holds for the first element .. and
      // the ids of instances are not negative
      %ids = tegula.iota %i : tensor<8xi32>
      %neg = arith.cmpi slt, %ids, %z : tensor<8xi32>
      %m = arith.ori %neg, %pos : tensor<8xi1>
      %b = tegula.broadcast %x dims [0] : tensor<1xf32> -> tensor<8xf32>
      %f = arith.constant dense<1.0> : tensor<8xf32>
      %w = arith.select %m, %b, %f : tensor<8xi1>, tensor<8xf32>
      %u = arith.addf %a, %w : tensor<8xf32>
      tegula.yield %u : tensor<8xf32>
    }
    tegula.store %r, %y[%c0] : tensor<8xf32>, memref<8xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// Trips whose weights are all -inf are not made: the bounds are tightened where
// they are not tight already.

!st = !tegula.softmax<4x2xf32>
// CHECK-LABEL: @empty
tegula.kernel @empty(in %k: memref<?x2xf32>, in %s: memref<4x8xf32>, out %y: memref<4x2xf32>, %hi: index, %m: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  tegula.grid (%i) to (%c1) step (1) {
    %x = tegula.load %s[%c0, %c0] : memref<4x8xf32> -> tensor<4x8xf32>
    %s0 = tegula.softmax_init : !st
    // No row sees a key from m + 4 on.
    // CHECK-DAG:  %[[C4:.*]] = arith.constant 4 : index
    // CHECK-DAG:  %[[END:.*]] = arith.addi %m, %[[C4]] : index
    // CHECK:      %[[HI:.*]] = arith.minsi %hi, %[[END]] : index
    // CHECK:      tegula.stream {{.*}} to %{{.*}} step 8
    // CHECK-NOT:    arith.select
    // CHECK:      tegula.stream {{.*}} to %[[HI]] step 8
    // CHECK:        arith.select
    %r = tegula.stream %n = %c0 to %hi step 8 iter_args(%st = %s0) -> (!st) {
      %v = tegula.load %k[%n, %c0] : memref<?x2xf32> -> tensor<8x2xf32>
      %j = tegula.iota %n : tensor<8xi32>
      %jb = tegula.broadcast %j dims [1] : tensor<8xi32> -> tensor<4x8xi32>
      %row = tegula.iota %m : tensor<4xi32>
      %ib = tegula.broadcast %row dims [0] : tensor<4xi32> -> tensor<4x8xi32>
      %keep = arith.cmpi sle, %jb, %ib : tensor<4x8xi32>
      %ninf = arith.constant dense<0xFF800000> : tensor<4x8xf32>
      %w = arith.select %keep, %x, %ninf : tensor<4x8xi1>, tensor<4x8xf32>
      %u = tegula.softmax_update %st, %w, %v : !st, tensor<4x8xf32>, tensor<8x2xf32>
      tegula.yield %u : !st
    }
    %o, %l = tegula.softmax_finish %r : !st -> tensor<4x2xf32>, tensor<4xf32>
    tegula.store %o, %y[%c0, %c0] : tensor<4x2xf32>, memref<4x2xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// A mask that is not linear in the position stays as it is; so does one that
// leads to a disjunction, and one that feeds no select.

// CHECK-LABEL: @kept
tegula.kernel @kept(in %s: memref<?xi32>, out %y: memref<8xf32>, %hi: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %a0 = arith.constant dense<0.0> : tensor<8xf32>
    // CHECK:     tegula.stream %{{.*}} = %{{.*}} to %hi step 8
    // CHECK:       arith.cmpi slt
    // CHECK:       arith.cmpi eq
    // CHECK:       arith.cmpi slt
    // CHECK:       arith.ori
    // CHECK-NOT: tegula.stream
    %r = tegula.stream %n = %c0 to %hi step 8 iter_args(%a = %a0) -> (tensor<8xf32>) {
      %t = tegula.load %s[%n] : memref<?xi32> -> tensor<8xi32>
      %j = tegula.iota %n : tensor<8xi32>
      %loaded = arith.cmpi slt, %t, %j : tensor<8xi32>
      %equal = arith.cmpi eq, %j, %t : tensor<8xi32>
      %four = arith.constant dense<4> : tensor<8xi32>
      %sink = arith.cmpi slt, %j, %four : tensor<8xi32>
      %any = arith.ori %sink, %loaded : tensor<8xi1>
      %both = arith.andi %any, %equal : tensor<8xi1>
      %f = arith.constant dense<1.0> : tensor<8xf32>
      %w = arith.select %both, %f, %a0 : tensor<8xi1>, tensor<8xf32>
      %u = arith.addf %a, %w : tensor<8xf32>
      tegula.yield %u : tensor<8xf32>
    }
    tegula.store %r, %y[%c0] : tensor<8xf32>, memref<8xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// `where(outside, fill, x)`: here the comparison has to fail for the whole tile.
// Stores have limits as well.

// CHECK-LABEL: @outside
tegula.kernel @outside(in %s: memref<?xf32>, out %y: memref<?xf32>, %hi: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    // CHECK:      tegula.stream %[[N:.*]] = %{{.*}} to %{{.*}} step 8 {
    // CHECK-NEXT:   %[[X:.*]] = tegula.load %s[%[[N]]] : memref<?xf32>
    // CHECK-NEXT:   tegula.store %[[X]], %y[%[[N]]] : tensor<8xf32>
    // CHECK-NEXT:   tegula.yield
    // CHECK:      tegula.stream
    // CHECK:        arith.select
    // CHECK:        tegula.store {{.*}} upto [%hi]
    tegula.stream %n = %c0 to %hi step 8 {
      %x = tegula.load %s[%n] : memref<?xf32> -> tensor<8xf32>
      %j = tegula.iota %n : tensor<8xi32>
      %hi32 = arith.index_cast %hi : index to i32
      %his = tensor.splat %hi32 : tensor<8xi32>
      %out = arith.cmpi sge, %j, %his : tensor<8xi32>
      %fill = arith.constant dense<0.0> : tensor<8xf32>
      %w = arith.select %out, %fill, %x : tensor<8xi1>, tensor<8xf32>
      tegula.store %w, %y[%n] upto [%hi] : tensor<8xf32>, memref<?xf32>
      tegula.yield
    }
    tegula.yield
  }
  tegula.return
}
