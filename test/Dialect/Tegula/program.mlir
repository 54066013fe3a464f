// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

tegula.kernel @copy(in %x: memref<?xf32>, out %y: memref<?xf32>, %n: index) {
  tegula.grid (%i) to (%n) step (64) {
    tegula.yield
  }
  tegula.return
}

// CHECK-LABEL: tegula.program @twice(in %x: memref<?xf32>, out %y: memref<?xf32> align 64, %fast: i1) {
tegula.program @twice(in %x: memref<?xf32>, out %y: memref<?xf32> align 64, %fast: i1) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %m = memref.dim %y, %c0 : memref<?xf32>
  %same = arith.cmpi eq, %n, %m : index
  // CHECK: tegula.require %{{.*}}, "x and y have one size"
  tegula.require %same, "x and y have one size"
  // CHECK: %[[W:.*]] = tegula.workspace(%{{.*}}) : memref<?xf32>
  %w = tegula.workspace(%n) : memref<?xf32>
  // CHECK: tegula.workspace() : memref<16xi32>
  %flags = tegula.workspace() : memref<16xi32>
  // CHECK: tegula.variant(%fast, %{{.*}}) {
  tegula.variant(%fast, %same) {
    // CHECK: tegula.launch @copy(%x, %y, %{{.*}}) : memref<?xf32>, memref<?xf32>, index
    tegula.launch @copy(%x, %y, %n) : memref<?xf32>, memref<?xf32>, index
    // CHECK: tegula.yield
    tegula.yield
  }
  // CHECK: tegula.variant {
  tegula.variant {
    %half = tegula.workspace(%n) : memref<?xf32>
    tegula.launch @copy(%x, %half, %n) : memref<?xf32>, memref<?xf32>, index
    tegula.launch @copy(%half, %y, %n) : memref<?xf32>, memref<?xf32>, index
    tegula.yield
  }
  // CHECK: tegula.return
  tegula.return
}

// Views of other static knowledge are handed over as memref.cast would.
// CHECK-LABEL: tegula.program @cast(
tegula.program @cast(in %x: memref<8xf32>, out %y: memref<?xf32, strided<[1]>>) {
  %c8 = arith.constant 8 : index
  // CHECK: tegula.launch @copy(%x, %y, %{{.*}}) : memref<8xf32>, memref<?xf32, strided<[1]>>, index
  tegula.launch @copy(%x, %y, %c8) : memref<8xf32>, memref<?xf32, strided<[1]>>, index
  tegula.return
}
