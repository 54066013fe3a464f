//===- Emitter.h - Loops, vectors and index arithmetic ----------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the lowering of every scheduled op writes with: loops of static trip
// counts, vector accesses, and the change of an element between memory (16-bit
// floats, i1) and the form in which registers hold it (f32, i8). Buffers hold
// that form too, or bf16 where the target multiplies bf16.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_SCHEDTOX86_EMITTER_H
#define TEGULA_LIB_CONVERSION_SCHEDTOX86_EMITTER_H

#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Target/TargetInfo.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"

namespace tegula::x86 {

/// Values of one loop nest, or of one vector's lanes.
using Values = llvm::SmallVector<mlir::Value>;

/// Writes ops at a builder's insertion point.
class Emitter {
public:
  Emitter(mlir::OpBuilder &builder, mlir::Location loc, const TargetInfo &target)
      : builder(builder), loc(loc), target(target) {}

  mlir::OpBuilder &builder;
  mlir::Location loc;
  const TargetInfo &target;

  //===--------------------------------------------------------------------===//
  // Index arithmetic, folded where it can be
  //===--------------------------------------------------------------------===//

  mlir::Value index(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value add(mlir::Value a, int64_t b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, int64_t b);
  mlir::Value div(mlir::Value a, int64_t b);
  mlir::Value rem(mlir::Value a, int64_t b);
  mlir::Value min(mlir::Value a, mlir::Value b);
  mlir::Value max(mlir::Value a, mlir::Value b);

  //===--------------------------------------------------------------------===//
  // Loops. One known trip is no loop.
  //===--------------------------------------------------------------------===//

  void loop(mlir::Value lo, mlir::Value hi, int64_t step,
            llvm::function_ref<void(mlir::Value)> body);
  /// A loop that carries values.
  Values loop(mlir::Value lo, mlir::Value hi, int64_t step, mlir::ValueRange init,
              llvm::function_ref<Values(mlir::Value, mlir::ValueRange)> body);
  /// A nest over all positions of a box, the last axis innermost.
  void nest(mlir::ValueRange lo, mlir::ValueRange hi,
            llvm::function_ref<void(mlir::ValueRange)> body);
  void nest(llvm::ArrayRef<int64_t> extents, llvm::function_ref<void(mlir::ValueRange)> body);
  /// Visits an axis vector by vector, `unroll` of them per trip. `valid` is the
  /// number of lanes that lie on the axis: below `lanes` in the last vector only.
  void strips(int64_t extent, int64_t lanes, int64_t unroll,
              llvm::function_ref<void(mlir::Value position, int64_t valid)> body);

  //===--------------------------------------------------------------------===//
  // Vectors
  //===--------------------------------------------------------------------===//

  mlir::VectorType vectorOf(mlir::Type elem, int64_t lanes);
  /// `type` with other elements: a vector's, or the scalar itself.
  static mlir::Type withElement(mlir::Type type, mlir::Type elem);
  /// A constant of `type`, all elements alike.
  mlir::Value constant(mlir::Type type, int64_t value);
  mlir::Value constant(mlir::Type type, double value);
  /// The neutral element of `kind` in `type`.
  mlir::Value neutral(Combine kind, mlir::Type type);
  mlir::Value combine(Combine kind, mlir::Value a, mlir::Value b);
  /// All lanes combined into one, by halving.
  mlir::Value combineLanes(Combine kind, mlir::Value vector);
  /// All lanes of each vector combined: lane i of the result is vector i's.
  mlir::Value combineRows(Combine kind, mlir::ValueRange vectors);
  mlir::Value splat(mlir::Value scalar, int64_t lanes);
  /// Loads `lanes` elements; 16-bit floats arrive as registers hold them.
  mlir::Value load(mlir::Value memref, mlir::ValueRange at, int64_t lanes);
  /// The same of one element, as a scalar.
  mlir::Value loadElement(mlir::Value memref, mlir::ValueRange at);
  /// Stores a vector or scalar, in the form in which `memref` holds its elements.
  void store(mlir::Value value, mlir::Value memref, mlir::ValueRange at);
  /// The first `valid` of `lanes` lanes.
  mlir::Value prefixMask(int64_t valid, int64_t lanes);
  /// Lanes [lo, hi) of `lanes`, both unclamped; `lo` may be null for 0.
  mlir::Value rangeMask(mlir::Value lo, mlir::Value hi, int64_t lanes);
  /// The transpose of `rows.size()` vectors of as many lanes, a power of two.
  Values transpose(mlir::ValueRange rows);
  /// Lanes of `a` then of `b`, picked by position.
  mlir::Value shuffle(mlir::Value a, mlir::Value b, llvm::ArrayRef<int64_t> picks);

  //===--------------------------------------------------------------------===//
  // Elements: scalars or vectors
  //===--------------------------------------------------------------------===//

  /// An element as memory holds it -> as registers hold it.
  mlir::Value toStorage(mlir::Value value);
  /// An element as registers hold it -> as memory holds `elem`. 16-bit floats
  /// are rounded already, so the conversion is exact, and none where the value is an
  /// `elem` as it is.
  mlir::Value fromStorage(mlir::Value value, mlir::Type elem);
  /// An f32 or f64 value -> f32 holding the nearest value of a 16-bit type.
  mlir::Value round(mlir::Value value, mlir::Type elem);

private:
  mlir::Value roundToF32Odd(mlir::Value value);
};

} // namespace tegula::x86

#endif // TEGULA_LIB_CONVERSION_SCHEDTOX86_EMITTER_H
