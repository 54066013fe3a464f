//===- Requirements.h - What a launch has been checked for ----*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A `tegula.require` is checked before the first instance runs, so inside a grid its
// condition holds. Two kinds of conditions are facts here, and conjunctions of them:
//
//   require(n == m)         n and m are one number, as are all sizes along axes of one name
//   require(n % 64 == 0)    64 divides n, and whatever is equal to it
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_ANALYSIS_REQUIREMENTS_H
#define TEGULA_ANALYSIS_REQUIREMENTS_H

#include "mlir/IR/Value.h"

namespace tegula {

/// One value for all that are required to be equal to `value`, and for all readings of
/// the same size of a view; `value` itself where there is none.
mlir::Value getRepresentative(mlir::Value value);

/// A number that the requirements say divides `value`, at least 1.
int64_t getRequiredDivisor(mlir::Value value);

/// Whether the tile of `extent` elements from `at` certainly ends within axis `axis` of
/// `view`, and within `limit` where there is one.
bool endsWithinView(mlir::Value view, int64_t axis, mlir::Value at, mlir::Value limit,
                    int64_t extent);

} // namespace tegula

#endif // TEGULA_ANALYSIS_REQUIREMENTS_H
