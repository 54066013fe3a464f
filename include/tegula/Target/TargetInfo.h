//===- TargetInfo.h - What a machine can do ------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TARGET_TARGETINFO_H
#define TEGULA_TARGET_TARGETINFO_H

#include "mlir/IR/Types.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace tegula {

/// The inner block of a product that is held in registers: rows, and vectors of
/// columns, so that rows * vectors + vectors + 1 registers suffice.
struct RegisterBlock {
  int64_t rows;
  int64_t vectors;
};

/// The cheapest polynomial for 2^x whose error drowns in the rounding of each
/// type that holds the result.
struct ExpDegrees {
  int64_t f32, f16, bf16;
};

/// What a CPU can do, as data: passes ask, and never name a chip.
class TargetInfo {
public:
  /// One row of a target's table.
  struct Row {
    llvm::StringLiteral name;                    ///< as `sched.kernel` names it
    llvm::StringLiteral cpu;                     ///< LLVM's name of the processor
    llvm::ArrayRef<llvm::StringLiteral> features; ///< what the processor must have
    bool pairDots;                               ///< sums of two products of bf16
    int64_t vectorBytes;                         ///< width of a vector register
    int64_t registers;                           ///< vector registers
    RegisterBlock block;                         ///< of a product
    int64_t stripVectors;                        ///< vectors in flight in elementwise work
    bool narrowMasks;                            ///< masked accesses of 8 and 16-bit elements
    int64_t l1Bytes, l2Bytes;                    ///< data caches of one core
    ExpDegrees expDegrees;
  };

  constexpr explicit TargetInfo(Row row) : row(row) {}

  /// The most demanding target that the target called `name` meets, or null. A name
  /// is a row's, or a row's with further features, as in "x86-64-v4+avx512bf16".
  static const TargetInfo *lookup(llvm::StringRef name);

  /// Every target, the least demanding first.
  static llvm::ArrayRef<TargetInfo> getAll();

  llvm::StringRef getName() const { return row.name; }
  llvm::StringRef getCPU() const { return row.cpu; }
  llvm::ArrayRef<llvm::StringLiteral> getFeatures() const { return row.features; }
  int64_t getVectorBytes() const { return row.vectorBytes; }
  int64_t getNumRegisters() const { return row.registers; }
  RegisterBlock getRegisterBlock() const { return row.block; }
  int64_t getStripVectors() const { return row.stripVectors; }
  bool hasNarrowMasks() const { return row.narrowMasks; }
  /// Whether products of `elem` sum two neighbours of K at a time, in f32.
  bool hasPairDots(mlir::Type elem) const { return row.pairDots && elem.isBF16(); }
  int64_t getL1Bytes() const { return row.l1Bytes; }
  int64_t getL2Bytes() const { return row.l2Bytes; }

  /// How a register holds an element of a tile, or null where it cannot: 16-bit
  /// floats as rounded f32 values, i1 as a byte.
  mlir::Type getRegisterType(mlir::Type elem) const;

  /// How a buffer holds an element: as registers do, but bf16 as it is where
  /// products read it so.
  mlir::Type getStorageType(mlir::Type elem) const;

  /// Elements of `type` (a register or storage type) that are worked on together: as many as
  /// fill a register, counting elements below 32 bits as 32 bits.
  int64_t getLanes(mlir::Type type) const;

  /// Columns of a panel of a packed right operand of element type `elem`.
  int64_t getPanelWidth(mlir::Type elem) const;

  /// The last axis of a tile is padded to a multiple of this many elements.
  int64_t getRowMultiple() const { return row.vectorBytes / 4; }

  /// Degree of the polynomial for 2^x where the result is held as `elem`.
  int64_t getExpDegree(mlir::Type elem) const;

private:
  Row row;
};

} // namespace tegula

#endif // TEGULA_TARGET_TARGETINFO_H
