//===- Ranges.h - Between which numbers a value lies -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_CONVERSION_VECTORMATH_RANGES_H
#define TEGULA_CONVERSION_VECTORMATH_RANGES_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"

#include <limits>

namespace tegula::vectormath {

/// Holds every element of a value that is not NaN. Any element may be NaN besides.
struct Interval {
  double lo = -std::numeric_limits<double>::infinity();
  double hi = std::numeric_limits<double>::infinity();

  bool isWithin(double least, double most) const { return least <= lo && hi <= most; }
};

/// The range of a float scalar or vector, from the elementwise ops that made it. What
/// they round is allowed for. To be asked before the ops are expanded.
class Ranges {
public:
  Interval get(mlir::Value value) { return get(value, /*depth=*/0); }

private:
  Interval get(mlir::Value value, int depth);
  Interval compute(mlir::Operation *op, int depth);

  llvm::DenseMap<mlir::Value, Interval> known;
};

} // namespace tegula::vectormath

#endif // TEGULA_CONVERSION_VECTORMATH_RANGES_H
