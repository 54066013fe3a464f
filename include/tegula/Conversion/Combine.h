//===- Combine.h - Sums, maxima and minima in code -----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_CONVERSION_COMBINE_H
#define TEGULA_CONVERSION_COMBINE_H

#include "tegula/Dialect/Tegula/IR/Tegula.h"

namespace tegula {

/// `a` and `b` (numbers or vectors of one type) combined; maxima and minima keep NaN.
mlir::Value combine(mlir::OpBuilder &builder, mlir::Location loc, Combine kind, mlir::Value a,
                    mlir::Value b);

/// The number of type `elem` that changes nothing.
mlir::TypedAttr getNeutral(Combine kind, mlir::Type elem);

} // namespace tegula

#endif // TEGULA_CONVERSION_COMBINE_H
