// RUN: tegula-opt %s --tegula-to-loops | FileCheck %s

// 16-bit floats are computed in f32 and rounded after each op, bf16 in integers:
// no call of the compiler's runtime library remains.

// CHECK-LABEL: tegula.kernel @bf16
// CHECK:       scf.for
// CHECK:         %[[BITS:.*]] = arith.bitcast %{{.*}} : bf16 to i16
// CHECK-NEXT:    %[[WORD:.*]] = arith.extui %[[BITS]] : i16 to i32
// CHECK-NEXT:    %[[HIGH:.*]] = arith.shli %[[WORD]], %c16_i32
// CHECK-NEXT:    %[[X:.*]] = arith.bitcast %[[HIGH]] : i32 to f32
// CHECK:         %[[SUM:.*]] = arith.addf %[[X]], %{{.*}} : f32
// CHECK-NEXT:    %[[S:.*]] = arith.bitcast %[[SUM]] : f32 to i32
// CHECK-NEXT:    %[[TOP:.*]] = arith.shrui %[[S]], %c16_i32
// CHECK-NEXT:    %[[ODD:.*]] = arith.andi %[[TOP]], %c1_i32
// CHECK-NEXT:    %[[HALF:.*]] = arith.addi %[[ODD]], %c32767_i32
// CHECK-NEXT:    %[[R:.*]] = arith.addi %[[S]], %[[HALF]]
// CHECK-NEXT:    arith.shrui %[[R]], %c16_i32
// CHECK-NEXT:    arith.ori %[[TOP]], %c64_i32
// CHECK-NEXT:    arith.cmpf uno, %[[SUM]], %[[SUM]] : f32
// CHECK-NEXT:    arith.select
// CHECK-NEXT:    arith.trunci %{{.*}} : i32 to i16
// CHECK-NEXT:    arith.bitcast %{{.*}} : i16 to bf16
// CHECK-NOT:   arith.{{.*}} : bf16{{$}}
tegula.kernel @bf16(in %x: memref<?xbf16>, out %y: memref<?xbf16>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xbf16>
  tegula.grid (%i) to (%n) step (4) {
    %a = tegula.load %x[%i] : memref<?xbf16> -> tensor<4xbf16>
    %b = arith.addf %a, %a : tensor<4xbf16>
    tegula.store %b, %y[%i] : tensor<4xbf16>, memref<?xbf16>
    tegula.yield
  }
  tegula.return
}

// Scalars round in the same way; f16 has instructions for it.

// CHECK-LABEL: tegula.kernel @scalar_f16
// CHECK:       %[[V:.*]] = arith.extf %v : f16 to f32
// CHECK:       %[[P:.*]] = arith.mulf %[[V]], %{{.*}} fastmath<contract> : f32
// CHECK:       arith.truncf %[[P]] : f32 to f16
tegula.kernel @scalar_f16(out %y: memref<?xf16>, %v: f16) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %p = arith.mulf %v, %v fastmath<contract> : f16
    memref.store %p, %y[%c0] : memref<?xf16>
    tegula.yield
  }
  tegula.return
}

// From f64 to 16 bits in one rounding: f32 with an odd last place where inexact.

// CHECK-LABEL: tegula.kernel @f64_to_f16
// CHECK:       %[[NEAR:.*]] = arith.truncf %v : f64 to f32
// CHECK:       %[[BACK:.*]] = arith.extf %[[NEAR]] : f32 to f64
// CHECK:       %[[INEXACT:.*]] = arith.cmpf one, %[[BACK]], %v
// CHECK:       %[[EVEN:.*]] = arith.cmpi eq
// CHECK:       %[[MOVE:.*]] = arith.andi %[[INEXACT]], %[[EVEN]]
// CHECK:       arith.select %[[MOVE]]
// CHECK:       arith.truncf %{{.*}} : f32 to f16
tegula.kernel @f64_to_f16(out %y: memref<?xf16>, %v: f64) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    %p = arith.truncf %v : f64 to f16
    memref.store %p, %y[%c0] : memref<?xf16>
    tegula.yield
  }
  tegula.return
}

// Any elementwise op, with scalar operands beside tiles.

// CHECK-LABEL: tegula.kernel @elementwise
// CHECK:       scf.for
// CHECK:         %[[L:.*]] = memref.load %alloc
// CHECK-NEXT:    %[[E:.*]] = math.tanh %[[L]] : f64
// CHECK:       scf.for
// CHECK:         arith.cmpf ult, %{{.*}}, %{{.*}} : f64
// CHECK-NEXT:    memref.store %{{.*}} : memref<4xi1>
// CHECK:       scf.for
// CHECK:         arith.select %flag, %{{.*}}, %{{.*}} : f64
tegula.kernel @elementwise(in %x: memref<?xf64>, out %y: memref<?xf64>, out %z: memref<?xi1>, %flag: i1) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf64>
  tegula.grid (%i) to (%n) step (4) {
    %a = tegula.load %x[%i] : memref<?xf64> -> tensor<4xf64>
    %b = math.tanh %a : tensor<4xf64>
    %c = arith.cmpf ult, %a, %b : tensor<4xf64>
    %d = arith.select %flag, %a, %b : tensor<4xf64>
    tegula.store %d, %y[%i] : tensor<4xf64>, memref<?xf64>
    tegula.store %c, %z[%i] : tensor<4xi1>, memref<?xi1>
    tegula.yield
  }
  tegula.return
}

// Division cannot trap, in the launch part either; a safe constant divisor is left.

// CHECK-LABEL: tegula.kernel @division
// CHECK:       %[[ZERO:.*]] = arith.cmpi eq, %k, %c0
// CHECK-NEXT:  %[[SAFE:.*]] = arith.select %[[ZERO]], %c1{{.*}}, %k
// CHECK-NEXT:  %[[Q:.*]] = arith.divui %n, %[[SAFE]]
// CHECK-NEXT:  %[[R:.*]] = arith.select %[[ZERO]], %c0{{.*}}, %[[Q]]
// CHECK-NEXT:  arith.divui %[[R]], %c4
// CHECK-NEXT:  tegula.grid
// CHECK:         arith.cmpi eq, %i, %c-2147483648_i32
// CHECK:         arith.cmpi eq, %j, %c-1_i32
// CHECK:         arith.floordivsi %i
tegula.kernel @division(out %y: memref<?xi32>, %n: index, %k: index, %i: i32, %j: i32) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %q = arith.divui %n, %k : index
  %r = arith.divui %q, %c4 : index
  tegula.grid (%g) to (%r) step (1) {
    %d = arith.floordivsi %i, %j : i32
    memref.store %d, %y[%g] : memref<?xi32>
    tegula.yield
  }
  tegula.return
}
