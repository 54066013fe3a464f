//===- Emitter.h - Scalar code of one GPU thread ----------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the lowering of every scheduled op writes with. All code is that of one
// thread: positions in a tile are i32, sizes and strides of views i64. Arithmetic
// folds where it can, so that what is known when the kernel is compiled costs nothing.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_SCHEDTOGPU_EMITTER_H
#define TEGULA_LIB_CONVERSION_SCHEDTOGPU_EMITTER_H

#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"

namespace tegula::gpu {

/// Values that one thread holds, in order.
using Values = llvm::SmallVector<mlir::Value>;

/// Address spaces, the same for both vendors.
constexpr unsigned globalSpace = 1, sharedSpace = 3;

/// Writes ops at a builder's insertion point.
class Emitter {
public:
  Emitter(mlir::OpBuilder &builder, mlir::Location loc) : builder(builder), loc(loc) {}

  mlir::OpBuilder &builder;
  mlir::Location loc;

  //===--------------------------------------------------------------------===//
  // Integers: i32, i64 or index, both operands alike
  //===--------------------------------------------------------------------===//

  mlir::Value i32(int64_t value) { return integer(builder.getI32Type(), value); }
  mlir::Value i64(int64_t value) { return integer(builder.getI64Type(), value); }
  mlir::Value index(int64_t value) { return integer(builder.getIndexType(), value); }
  mlir::Value integer(mlir::Type type, int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value add(mlir::Value a, int64_t b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, int64_t b);
  mlir::Value bitAnd(mlir::Value a, int64_t b);
  mlir::Value bitXor(mlir::Value a, mlir::Value b);
  mlir::Value shiftLeft(mlir::Value a, int64_t places);
  mlir::Value shiftRight(mlir::Value a, int64_t places);
  /// Of a value that is not negative by a positive constant.
  mlir::Value div(mlir::Value a, int64_t b);
  mlir::Value rem(mlir::Value a, int64_t b);
  mlir::Value min(mlir::Value a, mlir::Value b);
  mlir::Value max(mlir::Value a, mlir::Value b);
  /// Signed a < b, a == b.
  mlir::Value less(mlir::Value a, mlir::Value b);
  mlir::Value equal(mlir::Value a, mlir::Value b);
  /// Conjunction of conditions, of which each may be null for true.
  mlir::Value both(mlir::Value a, mlir::Value b);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);
  /// The integer or index as i32, i64, index.
  mlir::Value toI32(mlir::Value value);
  mlir::Value toI64(mlir::Value value);
  mlir::Value toIndex(mlir::Value value);

  //===--------------------------------------------------------------------===//
  // Elements
  //===--------------------------------------------------------------------===//

  /// A number of an element type.
  mlir::Value number(mlir::Type type, double value);
  /// The neutral element of `kind`.
  mlir::Value neutral(Combine kind, mlir::Type type);
  /// `fast`: the maximum of numbers may drop a NaN.
  mlir::Value combine(Combine kind, mlir::Value a, mlir::Value b);
  /// An f32 or f64 as an element of `type`, rounded once.
  mlir::Value convertFloat(mlir::Value value, mlir::Type type);

  //===--------------------------------------------------------------------===//
  // Vectors: elements that one instruction moves
  //===--------------------------------------------------------------------===//

  /// The elements as one vector; what was taken apart is put together for free.
  mlir::Value pack(mlir::ValueRange elements);
  Values unpack(mlir::Value vector);
  /// The elements as 32-bit words, low element first, and back.
  Values toWords(mlir::ValueRange elements);
  Values fromWords(mlir::ValueRange words, mlir::Type elem);
  mlir::Value bitcast(mlir::Value value, mlir::Type type);

  //===--------------------------------------------------------------------===//
  // Memory
  //===--------------------------------------------------------------------===//

  /// `pointer` moved by bytes.
  mlir::Value move(mlir::Value pointer, mlir::Value bytes);
  mlir::Value move(mlir::Value pointer, int64_t bytes);
  /// `count` elements in a row; i1 takes a byte. `align` is in bytes.
  Values load(mlir::Value pointer, mlir::Type elem, int64_t count, int64_t align);
  void store(mlir::ValueRange elements, mlir::Value pointer, int64_t align);

  /// if (condition) { body() }, or body() alone where the condition is null.
  void when(mlir::Value condition, llvm::function_ref<void()> body);
  /// if (condition) { then } else { other }, both giving as many values.
  Values choose(mlir::Value condition, llvm::function_ref<Values()> then,
                llvm::function_ref<Values()> other);
  /// for (i32 i = lo; i < hi; i += step)
  Values loop(mlir::Value lo, mlir::Value hi, int64_t step, mlir::ValueRange init,
              llvm::function_ref<Values(mlir::Value, mlir::ValueRange)> body);
};

/// Bytes of an element in memory.
int64_t bytesOf(mlir::Type elem);

/// The constant that an integer value is.
std::optional<int64_t> constantOf(mlir::Value value);

} // namespace tegula::gpu

#endif // TEGULA_LIB_CONVERSION_SCHEDTOGPU_EMITTER_H
