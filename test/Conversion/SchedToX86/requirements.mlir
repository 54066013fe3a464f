// RUN: split-file %s %t
// RUN: tegulac %t/divides.mlir --target=x86-64-v4 --emit=loops | FileCheck %s --check-prefix=WHOLE
// RUN: tegulac %t/equal.mlir --target=x86-64-v4 --emit=loops | FileCheck %s --check-prefix=WHOLE
// RUN: tegulac %t/start.mlir --target=x86-64-v4 --emit=loops | FileCheck %s --check-prefix=WHOLE
// RUN: tegulac %t/other-size.mlir --target=x86-64-v4 --emit=loops | FileCheck %s --check-prefix=PART
// RUN: tegulac %t/other-number.mlir --target=x86-64-v4 --emit=loops | FileCheck %s --check-prefix=PART
// RUN: tegulac %t/either.mlir --target=x86-64-v4 --emit=loops | FileCheck %s --check-prefix=PART
// RUN: tegulac %t/from-one.mlir --target=x86-64-v4 --emit=loops | FileCheck %s --check-prefix=PART

// What a launch has been checked for needs no check in its instances: a tile of 48 that
// begins at a multiple of 48, within a size that 48 divides, ends within it.

// WHOLE:      tegula.grid
// WHOLE-NOT:  scf.if
// WHOLE-NOT:  vector.maskedstore
// WHOLE:      tegula.yield

// PART:       tegula.grid
// PART:       scf.if

//--- divides.mlir
tegula.kernel @divides(in %x: memref<?xf32>, out %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c96 = arith.constant 96 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %m = memref.dim %y, %c0 : memref<?xf32>
  %same = arith.cmpi eq, %n, %m : index
  tegula.require %same, "N differs between 'x' and 'y'"
  %rest = arith.remui %m, %c96 : index
  %whole = arith.cmpi eq, %rest, %c0 : index
  tegula.require %whole, "N is no multiple of 96"
  tegula.grid (%i) to (%n) step (48) {
    %t = tegula.load %x[%i] : memref<?xf32> -> tensor<48xf32>
    tegula.store %t, %y[%i] : tensor<48xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}

// Conjunctions, and a chain of equations that begins at another view.
//--- equal.mlir
tegula.kernel @equal(in %x: memref<?xf32>, in %z: memref<?xf32>, out %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %k = memref.dim %z, %c0 : memref<?xf32>
  %m = memref.dim %y, %c0 : memref<?xf32>
  %xz = arith.cmpi eq, %n, %k : index
  %zy = arith.cmpi eq, %m, %k : index
  %rest = arith.remsi %k, %c64 : index
  %whole = arith.cmpi eq, %rest, %c0 : index
  %sizes = arith.andi %xz, %zy : i1
  %all = arith.andi %sizes, %whole : i1
  tegula.require %all, "sizes"
  tegula.grid (%i) to (%n) step (64) {
    %t = tegula.load %x[%i] upto [%k] : memref<?xf32> -> tensor<64xf32>
    tegula.store %t, %y[%i] : tensor<64xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}

// A number of the launch, and a stream.
//--- start.mlir
tegula.kernel @start(in %x: memref<?xf32>, out %y: memref<64xf32>, %from: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %nr = arith.remui %n, %c64 : index
  %nw = arith.cmpi eq, %nr, %c0 : index
  tegula.require %nw, "N"
  %fr = arith.remsi %from, %c64 : index
  %fw = arith.cmpi eq, %fr, %c0 : index
  tegula.require %fw, "from"
  %start = arith.maxsi %from, %c0 : index
  tegula.grid (%i) to (%c1) step (1) {
    %zero = arith.constant dense<0.0> : tensor<64xf32>
    %sum = tegula.stream %k = %start to %n step 64 iter_args(%s = %zero) -> (tensor<64xf32>) {
      %t = tegula.load %x[%k] : memref<?xf32> -> tensor<64xf32>
      %a = arith.addf %s, %t : tensor<64xf32>
      tegula.yield %a : tensor<64xf32>
    }
    tegula.store %sum, %y[%c0] : tensor<64xf32>, memref<64xf32>
    tegula.yield
  }
  tegula.return
}

// 64 divides another view's size, which nothing says is the same.
//--- other-size.mlir
tegula.kernel @other_size(in %x: memref<?xf32>, out %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %m = memref.dim %y, %c0 : memref<?xf32>
  %rest = arith.remui %n, %c64 : index
  %whole = arith.cmpi eq, %rest, %c0 : index
  tegula.require %whole, "N"
  tegula.grid (%i) to (%n) step (64) {
    %t = tegula.load %x[%i] : memref<?xf32> -> tensor<64xf32>
    tegula.store %t, %y[%i] : tensor<64xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}

// 32 divides the size, the tile has 64.
//--- other-number.mlir
tegula.kernel @other_number(in %x: memref<?xf32>, out %y: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %rest = arith.remui %n, %c32 : index
  %whole = arith.cmpi eq, %rest, %c0 : index
  tegula.require %whole, "N"
  tegula.grid (%i) to (%n) step (64) {
    %t = tegula.load %x[%i] : memref<?xf32> -> tensor<64xf32>
    tegula.store %t, %y[%c0] : tensor<64xf32>, memref<64xf32>
    tegula.yield
  }
  tegula.return
}

// Either of two conditions is neither of them.
//--- either.mlir
tegula.kernel @either(in %x: memref<?xf32>, out %y: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c7 = arith.constant 7 : index
  %c64 = arith.constant 64 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %rest = arith.remui %n, %c64 : index
  %whole = arith.cmpi eq, %rest, %c0 : index
  %seven = arith.cmpi eq, %n, %c7 : index
  %any = arith.ori %whole, %seven : i1
  tegula.require %any, "N"
  tegula.grid (%i) to (%n) step (64) {
    %t = tegula.load %x[%i] : memref<?xf32> -> tensor<64xf32>
    tegula.store %t, %y[%c0] : tensor<64xf32>, memref<64xf32>
    tegula.yield
  }
  tegula.return
}

// The remainder is 1.
//--- from-one.mlir
tegula.kernel @from_one(in %x: memref<?xf32>, out %y: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %rest = arith.remui %n, %c64 : index
  %whole = arith.cmpi eq, %rest, %c1 : index
  tegula.require %whole, "N"
  tegula.grid (%i) to (%n) step (64) {
    %t = tegula.load %x[%i] : memref<?xf32> -> tensor<64xf32>
    tegula.store %t, %y[%c0] : tensor<64xf32>, memref<64xf32>
    tegula.yield
  }
  tegula.return
}
