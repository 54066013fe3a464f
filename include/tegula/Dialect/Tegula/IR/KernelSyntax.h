//===- KernelSyntax.h - Syntax of ops with typed arguments -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_TEGULA_IR_KERNELSYNTAX_H
#define TEGULA_DIALECT_TEGULA_IR_KERNELSYNTAX_H

#include "tegula/Dialect/Tegula/IR/Tegula.h"

namespace tegula {

/// Parses `(in %q: type align 16 multiples [8, 1], %scale: f32)`: arguments of a
/// kernel or program, and one `#tegula.arg` for each.
mlir::ParseResult parseArguments(mlir::OpAsmParser &parser,
                                 llvm::SmallVectorImpl<mlir::OpAsmParser::Argument> &arguments,
                                 llvm::SmallVectorImpl<mlir::Attribute> &attrs);

/// Prints what `parseArguments` parses.
void printArguments(mlir::OpAsmPrinter &printer, mlir::Block &block, mlir::ArrayAttr attrs);

/// Names block arguments after their `#tegula.arg`.
void nameArguments(mlir::Region &region, mlir::ArrayAttr args,
                   mlir::OpAsmSetValueNameFn setName);

/// One `#tegula.arg` per block argument, distinct names, access fits the type.
mlir::LogicalResult verifyArguments(mlir::Operation *op, mlir::Block &block,
                                    mlir::ArrayAttr args);

/// Launch part, then one grid, then the terminator.
mlir::LogicalResult verifyKernelBody(mlir::Operation *op, mlir::Block &block,
                                     llvm::StringRef name);

} // namespace tegula

#endif // TEGULA_DIALECT_TEGULA_IR_KERNELSYNTAX_H
