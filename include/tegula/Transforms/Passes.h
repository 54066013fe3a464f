//===----------------------------------------------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TRANSFORMS_PASSES_H
#define TEGULA_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"

namespace tegula {

#define GEN_PASS_DECL
#include "tegula/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "tegula/Transforms/Passes.h.inc"

} // namespace tegula

#endif // TEGULA_TRANSFORMS_PASSES_H
