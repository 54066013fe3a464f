// RUN: tegula-opt --convert-kernel-to-func %s | FileCheck %s

// One launch part, one grid of two axes: three functions and an entry.

// CHECK-LABEL: func.func @scale.bind(
// CHECK-SAME:    %[[ARGS:.*]]: !llvm.ptr, %[[COUNTS:.*]]: !llvm.ptr) -> i32
// The first size is word 1 of the block: byte 8.
// CHECK:         llvm.getelementptr %[[ARGS]][8]
// CHECK:         memref.dim
// CHECK:         %[[OK:.*]] = arith.cmpi sgt
// CHECK:         %[[ONE:.*]] = arith.constant 1 : i32
// CHECK:         cf.cond_br %[[OK]], ^[[GOOD:.*]], ^[[BAD:.*]](%[[ONE]] : i32)
// CHECK:       ^[[GOOD]]:
// CHECK:         arith.maxsi
// CHECK:         arith.divsi
// CHECK:         llvm.store %{{.*}}, %{{.*}} : i64, !llvm.ptr
// CHECK:         llvm.getelementptr %[[COUNTS]][1]
// CHECK:         return
// CHECK:       ^[[BAD]](%[[N:.*]]: i32):
// CHECK:         return %[[N]] : i32

// CHECK-LABEL: func.func @scale.run(
// CHECK-SAME:    %[[RARGS:.*]]: !llvm.ptr, %[[ARENA:.*]]: !llvm.ptr, %[[FIRST:.*]]: i64, %[[LAST:.*]]: i64) -> i32
// CHECK:         cf.br ^[[HEAD:.*]](%[[FIRST]] : i64)
// CHECK:       ^[[HEAD]](%[[I:.*]]: i64):
// CHECK:         arith.cmpi slt, %[[I]], %[[LAST]] : i64
// CHECK:         %[[STATUS:.*]] = call @scale.instance(%[[RARGS]], %[[ARENA]],
// CHECK:         arith.cmpi eq, %[[STATUS]]

// CHECK-LABEL: func.func private @scale.instance(
// CHECK-SAME:    %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: index, %{{.*}}: index) -> i32
// %y begins behind %x: 1 + 2 * 2 words. The static size and strides are not read.
// CHECK:         llvm.insertvalue
// CHECK:         builtin.unrealized_conversion_cast %{{.*}} to memref<?x4xf32, strided<[4, 1]>>
// CHECK:         cf.assert %{{.*}}, "never"
// CHECK:         scf.for
// CHECK:         return

// CHECK:       tegula.entry "scale" bind @scale.bind run @scale.run instance @scale.instance
// CHECK-SAME:    args [#tegula.arg<in "x">, #tegula.arg<out "y" align 16>, #tegula.arg<value "f">]
// CHECK-SAME:    types [memref<?x4xf32, strided<[4, 1]>>,
// CHECK-SAME:    steps [8, 1]
// CHECK-SAME:    requirements [#tegula.message<"x is empty", #loc{{[0-9]*}}>]
// CHECK-SAME:    checks [#tegula.message<"never", #loc{{[0-9]*}}>] arena 0

tegula.kernel @scale(in %x: memref<?x4xf32, strided<[4, 1]>>, out %y: memref<?x4xf32, strided<[4, 1]>> align 16,
                     %f: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %n = memref.dim %x, %c0 : memref<?x4xf32, strided<[4, 1]>>
  %some = arith.cmpi sgt, %n, %c0 : index
  tegula.require %some, "x is empty"
  tegula.grid (%i, %j) to (%n, %c4) step (8, 1) {
    %c8 = arith.constant 8 : index
    %hi = arith.addi %i, %c8 : index
    %end = arith.minsi %hi, %n : index
    %ok = arith.cmpi sle, %end, %n : index
    tegula.check %ok, "never"
    scf.for %r = %i to %end step %c1 {
      %v = memref.load %x[%r, %j] : memref<?x4xf32, strided<[4, 1]>>
      %w = arith.mulf %v, %f : f32
      memref.store %w, %y[%r, %j] : memref<?x4xf32, strided<[4, 1]>>
    }
    tegula.yield
  }
  tegula.return
}

// The order hints permute the line of instances.

// CHECK-LABEL: func.func @grouped.run(
// CHECK:         %[[GROUP:.*]] = arith.constant 2 : i64
// CHECK:         arith.minsi %{{.*}}, %[[GROUP]]
tegula.kernel @grouped(%m: index, %n: index) {
  tegula.grid (%i, %j) to (%m, %n) step (1, 1) order grouped 2 {
    tegula.yield
  }
  tegula.return
}

// CHECK-LABEL: func.func @heavy.run(
// CHECK:         %[[TOTAL:.*]] = arith.muli
// CHECK:         arith.subi %[[TOTAL]]
tegula.kernel @heavy(%m: index, %n: index) {
  tegula.grid (%i, %j) to (%m, %n) step (1, 1) order heavy_first {
    tegula.yield
  }
  tegula.return
}

// Instances that must run in order are one for the launcher, which runs them all.

// CHECK-LABEL: func.func @in_order.bind(
// CHECK:         %[[N:.*]] = arith.muli %{{.*}}, %{{.*}} : i64
// CHECK:         %[[ANY:.*]] = arith.minsi %[[N]], %c1
// CHECK:         llvm.store %[[ANY]]
// CHECK-LABEL: func.func @in_order.run(
// CHECK-SAME:      %[[FIRST:[a-z0-9]*]]: i64, %[[LAST:[a-z0-9]*]]: i64)
// CHECK:         %[[TOTAL:.*]] = arith.muli
// CHECK:         %[[FROM:.*]] = arith.muli %[[FIRST]], %[[TOTAL]]
// CHECK:         %[[TO:.*]] = arith.muli %[[LAST]], %[[TOTAL]]
// CHECK:         cf.br ^{{.*}}(%[[FROM]] : i64)
tegula.kernel @in_order(%m: index, %n: index) {
  tegula.grid (%i, %j) to (%m, %n) step (1, 1) order sequential {
    tegula.yield
  }
  tegula.return
}
