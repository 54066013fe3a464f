//===- Expansions.h - Functions as vector arithmetic -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_CONVERSION_VECTORMATH_EXPANSIONS_H
#define TEGULA_CONVERSION_VECTORMATH_EXPANSIONS_H

#include "Emitter.h"
#include "Ranges.h"

namespace tegula::vectormath {

//===----------------------------------------------------------------------===//
// f32 functions, over the whole range: subnormals, infinities, NaN
//===----------------------------------------------------------------------===//
//
// Each has one path for all elements: no branch, no table. docs/math.md has the
// measured errors. Where the argument's range is known, ops that only serve
// arguments outside it are left out; results are the same bits.

mlir::Value expandExp(Emitter &e, mlir::Value x, Interval range = {});
mlir::Value expandExp2(Emitter &e, mlir::Value x);
mlir::Value expandExpM1(Emitter &e, mlir::Value x);
mlir::Value expandTanh(Emitter &e, mlir::Value x);
mlir::Value expandErf(Emitter &e, mlir::Value x);
mlir::Value expandLog(Emitter &e, mlir::Value x, Interval range = {});
mlir::Value expandLog2(Emitter &e, mlir::Value x);
mlir::Value expandLog1p(Emitter &e, mlir::Value x);
mlir::Value expandSin(Emitter &e, mlir::Value x);
mlir::Value expandCos(Emitter &e, mlir::Value x);

/// 2^x by a polynomial of `degree` (3 to 7), for weights that are summed: results
/// below 2^-126.5 are 0, those from 2^127.5 are infinite. Four ops less.
mlir::Value expandFastExp2(Emitter &e, mlir::Value x, int64_t degree, Interval range = {});

//===----------------------------------------------------------------------===//
// Any float type
//===----------------------------------------------------------------------===//

/// Larger or smaller of two; NaN if either is. Zeros of both signs are equal.
mlir::Value expandMaximum(Emitter &e, mlir::Value a, mlir::Value b);
mlir::Value expandMinimum(Emitter &e, mlir::Value a, mlir::Value b);

/// Larger or smaller of two; the other one where one is NaN.
mlir::Value expandMaxNum(Emitter &e, mlir::Value a, mlir::Value b);
mlir::Value expandMinNum(Emitter &e, mlir::Value a, mlir::Value b);

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

/// The bits of an f32, rounded to nearest even at bit 16: the bf16 in the upper
/// half (the lower half is arbitrary). NaN stays NaN, and becomes quiet.
mlir::Value roundToBF16Bits(Emitter &e, mlir::Value x);

/// f64 to f32 by rounding to odd: rounding the result once more, to a type with at
/// most 22 bits, gives what rounding `x` directly would.
mlir::Value roundToOddF32(Emitter &e, mlir::Value x);

/// An integer of any width as f64, such that rounding the result to a 16-bit float
/// gives what rounding the integer directly would.
mlir::Value integerToF64(Emitter &e, mlir::Value x, bool isSigned);

} // namespace tegula::vectormath

#endif // TEGULA_CONVERSION_VECTORMATH_EXPANSIONS_H
