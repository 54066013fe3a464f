// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: tegula.kernel @args(
// CHECK-SAME:    in %q: memref<?x?xbf16, strided<[?, 1], offset: ?>> align 16 multiples [8, 1],
// CHECK-SAME:    out %o: memref<4xf32>, inout %z: memref<?xi1> align 64, %scale: f64, %n: index) attributes {note = "kept"} {
tegula.kernel @args(in %q: memref<?x?xbf16, strided<[?, 1], offset: ?>> align 16 multiples [8, 1],
                    out %o: memref<4xf32>, inout %z: memref<?xi1> align 64, %scale: f64, %n: index) attributes {note = "kept"} {
  // CHECK: tegula.require %{{.*}}, "n is even"
  %c2 = arith.constant 2 : index
  %rem = arith.remui %n, %c2 : index
  %c0 = arith.constant 0 : index
  %even = arith.cmpi eq, %rem, %c0 : index
  tegula.require %even, "n is even"
  // CHECK: tegula.grid (%{{.*}}) to (%n) step (2) {
  tegula.grid (%i) to (%n) step (2) {
    // CHECK: tegula.check %{{.*}}, "inside"
    tegula.check %even, "inside"
    // CHECK: tegula.yield
    tegula.yield
  }
  // CHECK: tegula.return
  tegula.return
}

// CHECK-LABEL: tegula.kernel @grids() {
tegula.kernel @grids() {
  %c8 = arith.constant 8 : index
  // CHECK: tegula.grid (%[[A:.*]], %[[B:.*]]) to (%{{.*}}, %{{.*}}) step (1, 4) order grouped 8 resident {
  tegula.grid (%i, %j) to (%c8, %c8) step (1, 4) order grouped 8 resident {
    // CHECK: arith.addi %[[A]], %[[B]]
    %k = arith.addi %i, %j : index
    tegula.yield
  }
  tegula.return
}

// CHECK-LABEL: tegula.kernel @heavy() {
tegula.kernel @heavy() {
  %c8 = arith.constant 8 : index
  // CHECK: step (4) order heavy_first attributes {note = 1 : i64} {
  tegula.grid (%i) to (%c8) step (4) order heavy_first attributes {note = 1} {
    tegula.yield
  }
  tegula.return
}

// CHECK-LABEL: tegula.kernel @roles
tegula.kernel @roles(%n: index) {
  // CHECK: tegula.grid (%{{.*}}) to (%{{.*}}) step (4) roles [<load warps 1 regs 24>, <mma groups 2>] {
  tegula.grid (%i) to (%n) step (4) roles [<load warps 1 regs 24>, <mma groups 2>] {
    tegula.yield
  }
  tegula.return
}
