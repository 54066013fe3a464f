//===- IndexFacts.h - What is known of index arithmetic ------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_ANALYSIS_INDEXFACTS_H
#define TEGULA_ANALYSIS_INDEXFACTS_H

#include "mlir/IR/Value.h"

namespace tegula {

/// A number that divides the integer, at most 2^20: by the steps of grids, streams and
/// loops, by the arithmetic on their positions, and by what launches require.
int64_t getDivisor(mlir::Value value);

/// Whether the integer is certainly not negative.
bool isNonNegative(mlir::Value value);

} // namespace tegula

#endif // TEGULA_ANALYSIS_INDEXFACTS_H
