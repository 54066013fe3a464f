//===- ArgumentBlock.h - The argument block of the host ABI ------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_KERNELTOFUNC_ARGUMENTBLOCK_H
#define TEGULA_LIB_CONVERSION_KERNELTOFUNC_ARGUMENTBLOCK_H

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace tegula {

/// Bytes that an element takes in memory.
int64_t getElementBytes(mlir::Type type);

/// Reads and writes arguments in the line of words that `block` points to, at the
/// builder's insertion point.
class ArgumentBlock {
public:
  ArgumentBlock(mlir::OpBuilder &builder, const mlir::LLVMTypeConverter &converter,
                mlir::Value block)
      : builder(builder), converter(converter), block(block) {}

  /// Words that an argument of `type` takes.
  static size_t words(mlir::Type type);

  /// The argument that begins at word `word`; advances it past the argument.
  mlir::Value read(mlir::Location loc, mlir::Type type, size_t &word);

  /// Writes `value` as the argument that begins at word `word`; advances it.
  void write(mlir::Location loc, mlir::Value value, size_t &word);

private:
  mlir::Value address(mlir::Location loc, size_t word);
  mlir::Value load(mlir::Location loc, mlir::Type type, size_t word);
  mlir::Value readScalar(mlir::Location loc, mlir::Type type, size_t word);
  mlir::Value readView(mlir::Location loc, mlir::MemRefType type, size_t &word);
  mlir::Value toWord(mlir::Location loc, mlir::Value value);

  mlir::OpBuilder &builder;
  const mlir::LLVMTypeConverter &converter;
  mlir::Value block;
};

} // namespace tegula

#endif // TEGULA_LIB_CONVERSION_KERNELTOFUNC_ARGUMENTBLOCK_H
