//===- Unroll.cpp - Loops that are written out ---------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace tegula;

std::optional<int64_t> gpu::getUnrolledTrips(scf::ForOp loop) {
  std::optional<int64_t> lo = getConstantIntValue(loop.getLowerBound()),
                         hi = getConstantIntValue(loop.getUpperBound()),
                         step = getConstantIntValue(loop.getStep());
  if (!lo || !hi || !step)
    return std::nullopt;
  int64_t trips = *hi > *lo ? llvm::divideCeil(*hi - *lo, *step) : 0;
  bool opensSlots = false;
  loop.walk([&](sched::AcquireOp) { opensSlots = true; });
  return trips <= 1 || (opensSlots && trips <= 8) ? std::optional(trips) : std::nullopt;
}
