// RUN: tegula-opt %s --expand-vector-math --split-input-file | FileCheck %s

// Half of the last kept place is added, less one where that place is even; NaN
// instead becomes quiet.
// CHECK-LABEL: func @round
// CHECK-SAME: %[[X:.*]]: vector<16xf32>
// CHECK: %[[BITS:.*]] = arith.bitcast %[[X]] : vector<16xf32> to vector<16xi32>
// CHECK: %[[UPPER:.*]] = arith.shrui %[[BITS]], {{.*}} : vector<16xi32>
// CHECK: %[[ODD:.*]] = arith.andi %[[UPPER]],
// CHECK: %[[HALF:.*]] = arith.constant dense<32767> : vector<16xi32>
// CHECK: %[[UP:.*]] = arith.addi %[[BITS]], %[[HALF]]
// CHECK: %[[ROUNDED:.*]] = arith.addi %[[UP]], %[[ODD]]
// CHECK: %[[NAN:.*]] = arith.cmpf uno, %[[X]], %[[X]]
// CHECK: %[[QUIET:.*]] = arith.ori %[[BITS]],
// CHECK: %[[ANY:.*]] = arith.select %[[NAN]], %[[QUIET]], %[[ROUNDED]]
// CHECK: %[[KEPT:.*]] = arith.shrui %[[ANY]],
// CHECK: %[[I16:.*]] = arith.trunci %[[KEPT]] : vector<16xi32> to vector<16xi16>
// CHECK: arith.bitcast %[[I16]] : vector<16xi16> to vector<16xbf16>
func.func @round(%x: vector<16xf32>) -> vector<16xbf16> {
  %y = arith.truncf %x : vector<16xf32> to vector<16xbf16>
  return %y : vector<16xbf16>
}

// -----

// CHECK-LABEL: func @widen
// CHECK-SAME: %[[X:.*]]: bf16
// CHECK: %[[BITS:.*]] = arith.bitcast %[[X]] : bf16 to i16
// CHECK: %[[WIDE:.*]] = arith.extui %[[BITS]] : i16 to i32
// CHECK: %[[UP:.*]] = arith.shli %[[WIDE]],
// CHECK: arith.bitcast %[[UP]] : i32 to f32
// CHECK-NOT: arith.extf
func.func @widen(%x: bf16) -> f32 {
  %y = arith.extf %x : bf16 to f32
  return %y : f32
}

// -----

// Rounded and widened again: the lower half is cut, and no 16-bit form is made.
// CHECK-LABEL: func @chain
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK-NOT: arith.trunci
// CHECK: %[[MASK:.*]] = arith.constant dense<-65536> : vector<16xi32>
// CHECK-NEXT: %[[CUT:.*]] = arith.andi {{.*}}, %[[MASK]]
// CHECK-NEXT: arith.bitcast %[[CUT]] : vector<16xi32> to vector<16xf32>
// CHECK: arith.mulf {{.*}} : vector<16xf32>
// CHECK: arith.trunci
func.func @chain(%x: vector<16xbf16>) -> vector<16xbf16> {
  %s = arith.addf %x, %x : vector<16xbf16>
  %p = arith.mulf %s, %x : vector<16xbf16>
  return %p : vector<16xbf16>
}

// -----

// A maximum is one of its operands: it is not rounded.
// CHECK-LABEL: func @exact
// CHECK-NOT: arith.addi
// CHECK: return
func.func @exact(%x: vector<16xbf16>, %y: vector<16xbf16>) -> vector<16xbf16> {
  %m = arith.maximumf %x, %y : vector<16xbf16>
  %n = arith.negf %m : vector<16xbf16>
  return %n : vector<16xbf16>
}

// -----

// bf16 goes through memory as i16: LLVM must not see it.
// CHECK-LABEL: func @memory
// CHECK-SAME: %[[M:.*]]: memref<?xbf16, strided<[1], offset: ?>>
// CHECK: %[[BITS:.*]] = builtin.unrealized_conversion_cast %[[M]] : memref<?xbf16, {{.*}}> to memref<?xi16, {{.*}}>
// CHECK: vector.load %[[BITS]][%{{.*}}] : memref<?xi16, {{.*}}>, vector<8xi16>
// CHECK: vector.transfer_read {{.*}} : memref<?xi16, {{.*}}>, vector<8xi16>
// CHECK: vector.maskedstore {{.*}} : memref<?xi16, {{.*}}>, vector<8xi1>, vector<8xi16>
// CHECK-NOT: xbf16>, vector
func.func @memory(%m: memref<?xbf16, strided<[1], offset: ?>>, %i: index, %pad: bf16, %mask: vector<8xi1>) {
  %a = vector.load %m[%i] : memref<?xbf16, strided<[1], offset: ?>>, vector<8xbf16>
  %b = vector.transfer_read %m[%i], %pad {in_bounds = [false]} : memref<?xbf16, strided<[1], offset: ?>>, vector<8xbf16>
  %c = arith.addf %a, %b : vector<8xbf16>
  vector.maskedstore %m[%i], %mask, %c : memref<?xbf16, strided<[1], offset: ?>>, vector<8xi1>, vector<8xbf16>
  return
}

// -----

// f64 first to odd in f32: rounding that once more is rounding once.
// CHECK-LABEL: func @from_f64
// CHECK: %[[NEAR:.*]] = arith.truncf %{{.*}} : vector<8xf64> to vector<8xf32>
// CHECK: %[[BACK:.*]] = arith.extf %[[NEAR]] : vector<8xf32> to vector<8xf64>
// CHECK: arith.cmpf one, %[[BACK]],
// CHECK: arith.truncf %{{.*}} : vector<8xf32> to vector<8xf16>
// CHECK-NOT: vector<8xf64> to vector<8xf16>
func.func @from_f64(%x: vector<8xf64>) -> vector<8xf16> {
  %y = arith.truncf %x : vector<8xf64> to vector<8xf16>
  return %y : vector<8xf16>
}

// -----

// CHECK-LABEL: func @from_integers
// CHECK: arith.sitofp %{{.*}} : vector<8xi16> to vector<8xf32>
// CHECK: arith.uitofp %{{.*}} : vector<8xi64> to vector<8xf64>
// CHECK: arith.fptosi %{{.*}} : vector<8xf32> to vector<8xi32>
func.func @from_integers(%x: vector<8xi16>, %y: vector<8xi64>) -> (vector<8xbf16>, vector<8xf16>, vector<8xi32>) {
  %a = arith.sitofp %x : vector<8xi16> to vector<8xbf16>
  %b = arith.uitofp %y : vector<8xi64> to vector<8xf16>
  %c = arith.fptosi %a : vector<8xbf16> to vector<8xi32>
  return %a, %b, %c : vector<8xbf16>, vector<8xf16>, vector<8xi32>
}
