//===- Indices.h - Index arithmetic as expressions ------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_ANALYSIS_SCHEDULEDKERNEL_INDICES_H
#define TEGULA_LIB_ANALYSIS_SCHEDULEDKERNEL_INDICES_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Value.h"
#include "tegula/Analysis/Schedule/EventProgram.h"
#include "llvm/ADT/DenseMap.h"

namespace tegula::sched {

/// Turns scalars of the IR into expressions. What it does not understand is a variable
/// without a value: known at launch only.
class Indices {
public:
  explicit Indices(proof::EventProgram &program) : program(program) {}

  proof::ExprId get(mlir::Value value);

  /// A fresh variable that stands for the value from now on.
  proof::VariableId bind(mlir::Value value);

  /// From now on `value` is another name for `other`.
  void alias(mlir::Value value, mlir::Value other) {
    proof::ExprId expr = get(other);
    known[value] = expr;
  }

private:
  proof::ExprId build(mlir::Value value);
  std::optional<proof::ExprId> buildArith(mlir::Operation *op);
  std::optional<proof::ExprId> buildAffine(mlir::Operation *op);
  proof::ExprId buildAffine(mlir::AffineExpr expr, unsigned dims, mlir::ValueRange operands);

  proof::EventProgram &program;
  llvm::DenseMap<mlir::Value, proof::ExprId> known;
};

} // namespace tegula::sched

#endif // TEGULA_LIB_ANALYSIS_SCHEDULEDKERNEL_INDICES_H
