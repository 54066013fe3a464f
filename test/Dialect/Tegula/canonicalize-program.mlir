// RUN: tegula-opt %s -canonicalize | FileCheck %s

// Conditions that are known to hold are not tested.
// CHECK-LABEL: tegula.kernel @known
tegula.kernel @known(%n: index) {
  %true = arith.constant true
  %false = arith.constant false
  // CHECK-NOT: tegula.require %{{.*}}, "holds"
  tegula.require %true, "holds"
  // CHECK: tegula.require %{{.*}}, "does not"
  tegula.require %false, "does not"
  // CHECK: tegula.grid
  tegula.grid (%i) to (%n) step (8) {
    // CHECK-NOT: tegula.check %{{.*}}, "holds"
    tegula.check %true, "holds"
    // CHECK: tegula.check %{{.*}}, "does not"
    tegula.check %false, "does not"
    tegula.yield
  }
  tegula.return
}

tegula.kernel @k(%n: index) {
  tegula.grid (%i) to (%n) step (8) {
    tegula.yield
  }
  tegula.return
}

// CHECK-LABEL: tegula.program @variants
tegula.program @variants(%a: i1, %n: index) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %true = arith.constant true
  %false = arith.constant false
  // CHECK-NOT: tegula.launch @k(%c1)
  tegula.variant(%a, %false) {
    tegula.launch @k(%c1) : index
    tegula.yield
  }
  // CHECK: tegula.variant(%a) {
  // CHECK:   tegula.launch @k(%c2)
  tegula.variant(%true, %a) {
    tegula.launch @k(%c2) : index
    tegula.yield
  }
  // CHECK: tegula.variant {
  // CHECK:   tegula.launch @k(%c3)
  tegula.variant(%true) {
    tegula.launch @k(%c3) : index
    tegula.yield
  }
  // CHECK-NOT: tegula.variant
  tegula.variant(%a) {
    tegula.launch @k(%c4) : index
    tegula.yield
  }
  // An unused buffer is not asked for.
  // CHECK-NOT: tegula.workspace
  %w = tegula.workspace(%n) : memref<?xf32>
  tegula.return
}
