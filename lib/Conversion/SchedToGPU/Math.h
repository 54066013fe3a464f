//===- Math.h - Elementary functions of one thread --------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_SCHEDTOGPU_MATH_H
#define TEGULA_LIB_CONVERSION_SCHEDTOGPU_MATH_H

#include "../VectorMath/Expansions.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace tegula::gpu {

/// Replaces elementary functions by arithmetic, of f32 by that of lib/Conversion/VectorMath:
/// a GPU has no library to call.
llvm::LogicalResult expandMath(mlir::LLVM::LLVMFuncOp function);

/// The f64 function that `op` is, or null.
mlir::Value expandDouble(vectormath::Emitter &e, mlir::Operation *op);

} // namespace tegula::gpu

#endif // TEGULA_LIB_CONVERSION_SCHEDTOGPU_MATH_H
