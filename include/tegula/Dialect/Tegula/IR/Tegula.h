//===----------------------------------------------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_TEGULA_IR_TEGULA_H
#define TEGULA_DIALECT_TEGULA_IR_TEGULA_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace tegula {

/// True for the shapes that tiles may have: every extent at least 1, no encoding.
bool isTileType(mlir::RankedTensorType type);

/// True for element types of views and tiles.
bool isElementType(mlir::Type type);

} // namespace tegula

#include "tegula/Dialect/Tegula/IR/TegulaDialect.h.inc"
#include "tegula/Dialect/Tegula/IR/TegulaEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "tegula/Dialect/Tegula/IR/TegulaAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "tegula/Dialect/Tegula/IR/TegulaTypes.h.inc"
#include "tegula/Dialect/Tegula/IR/TegulaInterfaces.h.inc"
#define GET_OP_CLASSES
#include "tegula/Dialect/Tegula/IR/TegulaOps.h.inc"

namespace tegula {

/// Access of the kernel argument that `view` is, or is narrowed from; nothing
/// where the origin is no kernel argument (workspace, a value of another op).
std::optional<Access> getViewAccess(mlir::Value view);

/// The block argument that `view` is narrowed from, through subviews and casts,
/// or null.
mlir::BlockArgument getViewOrigin(mlir::Value view);

/// The same where it is an argument of a kernel, or null.
mlir::BlockArgument getViewArgument(mlir::Value view);

/// What that kernel says of the argument, or null.
ArgAttr getViewArgAttr(mlir::Value view);

/// True where `limit` is provably no tighter than the size of axis `axis` of `view`.
bool isRedundantLimit(mlir::Value limit, mlir::Value view, int64_t axis);

/// True where a tile of that extent, placed at the constant `at`, ends at or below
/// the constant `limit`.
bool isWithinLimit(mlir::Value at, mlir::Value limit, int64_t extent);

/// True for ops that only load a tile from an `in` view: they have no order, and
/// may be moved and repeated.
bool isUnorderedLoad(mlir::Operation *op);

/// The power of two that the `lag` of a softmax whose values are of `elem` stays below: that
/// of the type's largest number, since weights reach 2^lag.
double getLagLimit(mlir::FloatType elem);

/// Adds the `softmax_update` ops that the softmax state `state` may come from.
void collectUpdates(mlir::Value state, llvm::SetVector<mlir::Operation *> &updates);

} // namespace tegula

#endif // TEGULA_DIALECT_TEGULA_IR_TEGULA_H
