//===- Layouts.h - Rule 11 ------------------------------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_ANALYSIS_SCHEDULEDKERNEL_LAYOUTS_H
#define TEGULA_LIB_ANALYSIS_SCHEDULEDKERNEL_LAYOUTS_H

#include "tegula/Analysis/Schedule/Machine.h"
#include "tegula/Dialect/Sched/IR/Sched.h"

namespace tegula::sched {

/// Operands and results of products are laid out as one matrix unit has them, and changes
/// of layout cost what they say. Roles without layouts have none to check yet.
mlir::LogicalResult checkLayouts(RoleOp role, const proof::Machine &machine);

} // namespace tegula::sched

#endif // TEGULA_LIB_ANALYSIS_SCHEDULEDKERNEL_LAYOUTS_H
