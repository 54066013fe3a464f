//===- Expression.h - Index arithmetic of a schedule ----------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loop bounds, guards and coordinates of a scheduled kernel, as far as a proof
// needs them: sums and comparisons of trip counts, induction variables, the
// number of a member, and scalars that nobody knows before the launch.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_ANALYSIS_SCHEDULE_EXPRESSION_H
#define TEGULA_ANALYSIS_SCHEDULE_EXPRESSION_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <cstdint>
#include <optional>
#include <vector>

namespace tegula::sched::proof {

/// A variable of an expression; its value stands in an `Environment`.
using VariableId = unsigned;

/// One expression of an `Expressions` table.
using ExprId = unsigned;

/// Values of variables; nothing for a scalar that is known at launch only.
using Environment = std::vector<std::optional<int64_t>>;

/// Expressions as a table of nodes, so that copying a program copies them.
class Expressions {
public:
  enum class Kind : uint8_t {
    Constant,
    Variable,
    Add,
    Subtract,
    Multiply,
    FloorDivide,
    CeilDivide,
    Modulo,
    Minimum,
    Maximum,
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    And,
    Or,
    Select, ///< of the condition in `a`: the first or second of the pair in `b`
    Pair,
  };

  ExprId constant(int64_t value);
  ExprId variable(VariableId variable);
  ExprId binary(Kind kind, ExprId a, ExprId b);
  ExprId select(ExprId condition, ExprId yes, ExprId no);

  /// The value, or nothing where it depends on a variable without one.
  std::optional<int64_t> evaluate(ExprId expr, const Environment &env) const;

  /// The value where variables without one stand for fixed large numbers, so that
  /// sums of them can be compared.
  int64_t evaluateSymbolically(ExprId expr, const Environment &env) const;

  /// Calls `visit` for each variable that occurs.
  void forEachVariable(ExprId expr, llvm::function_ref<void(VariableId)> visit) const;

  /// The greatest magnitude of a constant that is added or compared in `expr`.
  int64_t getGreatestShift(ExprId expr) const;

private:
  struct Node {
    Kind kind;
    int64_t a; ///< the constant, the variable, or the first operand
    ExprId b;
  };
  using Lookup = llvm::function_ref<std::optional<int64_t>(VariableId)>;
  std::optional<int64_t> evaluate(ExprId expr, Lookup lookup) const;

  std::vector<Node> nodes;
};

} // namespace tegula::sched::proof

#endif // TEGULA_ANALYSIS_SCHEDULE_EXPRESSION_H
