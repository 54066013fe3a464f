//===- Fragments.h - Tiles of a role, in bytes and registers --*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_ANALYSIS_SCHEDULEDKERNEL_FRAGMENTS_H
#define TEGULA_LIB_ANALYSIS_SCHEDULEDKERNEL_FRAGMENTS_H

#include "tegula/Analysis/Schedule/Proof.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Support/Layout/Layout.h"

namespace tegula::sched {

/// Who holds the fragments of a role together.
struct RoleScope {
  unsigned lanes = 1; ///< of a warp
  unsigned warps = 1; ///< of a member
};
RoleScope getRoleScope(RoleOp role, unsigned lanes);

::tegula::Completion getCompletion(sched::Completion kind);
::tegula::CopyEngine getCopyEngine(Engine engine);

/// Bytes of a tile that is stored without gaps.
int64_t getTileBytes(llvm::ArrayRef<int64_t> shape, mlir::Type elem);

/// The layout attribute of a fragment or flight, or null.
LayoutAttr getLayoutAttr(mlir::Type type);

/// The layout of a fragment or flight; nothing where none is decided.
std::optional<layout::Layout> getLayout(mlir::Type type);

/// 32-bit registers of each thread that the value occupies: 0 for what is no fragment, and for
/// constants, which are made where they are used. A fragment that is loaded `ahead n` is never
/// there as a whole, but n + 1 steps of it.
double getRegisters(mlir::Value value, const RoleScope &scope);

} // namespace tegula::sched

#endif // TEGULA_LIB_ANALYSIS_SCHEDULEDKERNEL_FRAGMENTS_H
