// RUN: tegula-opt --convert-program-to-func %s | FileCheck %s
// RUN: tegula-opt --convert-program-to-func --tegula-to-loops --tegula-loops-to-llvm %s | FileCheck %s --check-prefix=LLVM

tegula.kernel @copy(in %x: memref<?xf32>, out %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  tegula.grid (%i) to (%n) step (64) {
    %t = tegula.load %x[%i] upto [%n] : memref<?xf32> -> tensor<64xf32>
    tegula.store %t, %y[%i] upto [%n] : tensor<64xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}

// CHECK-LABEL: func.func @twice.program(
// CHECK-SAME:    %[[ARGS:.*]]: !llvm.ptr, %[[HOST:.*]]: !llvm.ptr) -> i32
// The blocks of the two launches and the byte that says whether a variant has run.
// CHECK-COUNT-2: llvm.alloca %{{.*}} x i64
// CHECK:         %[[TAKEN:.*]] = llvm.alloca %{{.*}} x i8
// The condition leaves with its number.
// CHECK:         %[[ONE:.*]] = arith.constant 1 : i32
// CHECK:         cf.cond_br %{{.*}}, ^{{.*}}, ^[[EXIT:.*]](%[[ONE]] : i32)
// Workspace comes from the host: the second pointer behind its context.
// CHECK:         llvm.getelementptr %[[HOST]][8]
// CHECK:         %[[MEMORY:.*]] = llvm.call %{{.*}}(%{{.*}}, %{{.*}}) : !llvm.ptr, (!llvm.ptr, i64) -> !llvm.ptr
// CHECK:         llvm.icmp "ne" %[[MEMORY]]
// A launch is a callback with the kernel's number; a failed one stops with -1.
// CHECK:         %[[NUMBER:.*]] = arith.constant 0 : i32
// CHECK:         llvm.getelementptr %[[HOST]][16]
// CHECK:         llvm.call %{{.*}}(%{{.*}}, %[[NUMBER]], %{{.*}}) : !llvm.ptr, (!llvm.ptr, i32, !llvm.ptr) -> i32
// CHECK:         %[[STOPPED:.*]] = arith.constant -1 : i32
// CHECK:         cf.cond_br %{{.*}}, ^{{.*}}, ^[[EXIT]](%[[STOPPED]] : i32)
// The variant runs where its guard holds and none has run.
// CHECK:         llvm.load %[[TAKEN]] : !llvm.ptr -> i8
// CHECK:         arith.andi
// CHECK:         llvm.store %{{.*}}, %[[TAKEN]] : i8, !llvm.ptr
// CHECK:         return

// CHECK:       tegula.program_entry "twice" run @twice.program
// CHECK-SAME:    args [#tegula.arg<in "x">, #tegula.arg<out "y">] types [memref<?xf32>, memref<?xf32>]
// CHECK-SAME:    "x and y differ"
// CHECK-SAME:    "no variant of program 'twice' fits this call"
// CHECK-SAME:    kernels ["copy"]
// CHECK-NOT:   tegula.program @

// LLVM-NOT:    unrealized_conversion_cast
// LLVM:        llvm.func @twice.program(
// LLVM-NOT:    unrealized_conversion_cast
tegula.program @twice(in %x: memref<?xf32>, out %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %m = memref.dim %y, %c0 : memref<?xf32>
  %same = arith.cmpi eq, %n, %m : index
  tegula.require %same, "x and y differ"
  %w = tegula.workspace(%n) : memref<?xf32>
  tegula.launch @copy(%x, %w) : memref<?xf32>, memref<?xf32>
  tegula.variant (%same) {
    tegula.launch @copy(%w, %y) : memref<?xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}
