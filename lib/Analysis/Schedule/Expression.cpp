//===- Expression.cpp - Index arithmetic of a schedule --------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Analysis/Schedule/Expression.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace tegula::sched::proof;

ExprId Expressions::constant(int64_t value) {
  nodes.push_back({Kind::Constant, value, 0});
  return nodes.size() - 1;
}

ExprId Expressions::variable(VariableId variable) {
  nodes.push_back({Kind::Variable, variable, 0});
  return nodes.size() - 1;
}

ExprId Expressions::binary(Kind kind, ExprId a, ExprId b) {
  nodes.push_back({kind, a, b});
  return nodes.size() - 1;
}

ExprId Expressions::select(ExprId condition, ExprId yes, ExprId no) {
  ExprId pair = binary(Kind::Pair, yes, no);
  return binary(Kind::Select, condition, pair);
}

/// Sums that wrap: coordinates are compared, never used as addresses.
static int64_t wrapping(Expressions::Kind kind, int64_t a, int64_t b) {
  uint64_t x = a, y = b;
  if (kind == Expressions::Kind::Add)
    return x + y;
  if (kind == Expressions::Kind::Subtract)
    return x - y;
  return x * y;
}

static std::optional<int64_t> divide(Expressions::Kind kind, int64_t a, int64_t b) {
  if (b <= 0)
    return std::nullopt;
  if (kind == Expressions::Kind::CeilDivide)
    return llvm::divideCeilSigned(a, b);
  int64_t quotient = llvm::divideFloorSigned(a, b);
  return kind == Expressions::Kind::FloorDivide ? quotient : a - quotient * b;
}

std::optional<int64_t> Expressions::evaluate(ExprId expr, Lookup lookup) const {
  const Node &node = nodes[expr];
  if (node.kind == Kind::Constant)
    return node.a;
  if (node.kind == Kind::Variable)
    return lookup(node.a);
  std::optional<int64_t> a = evaluate(node.a, lookup);
  if (node.kind == Kind::Select) {
    if (!a)
      return std::nullopt;
    const Node &pair = nodes[node.b];
    return evaluate(*a ? ExprId(pair.a) : pair.b, lookup);
  }
  std::optional<int64_t> b = evaluate(node.b, lookup);
  // A conjunction with one false side is false whatever the other is.
  if (node.kind == Kind::And && ((a && !*a) || (b && !*b)))
    return 0;
  if (node.kind == Kind::Or && ((a && *a) || (b && *b)))
    return 1;
  if (!a || !b)
    return std::nullopt;
  switch (node.kind) {
  case Kind::Add:
  case Kind::Subtract:
  case Kind::Multiply:
    return wrapping(node.kind, *a, *b);
  case Kind::FloorDivide:
  case Kind::CeilDivide:
  case Kind::Modulo:
    return divide(node.kind, *a, *b);
  case Kind::Minimum:
    return std::min(*a, *b);
  case Kind::Maximum:
    return std::max(*a, *b);
  case Kind::Less:
    return *a < *b;
  case Kind::LessOrEqual:
    return *a <= *b;
  case Kind::Equal:
    return *a == *b;
  case Kind::NotEqual:
    return *a != *b;
  case Kind::And:
    return *a && *b;
  case Kind::Or:
    return *a || *b;
  case Kind::Constant:
  case Kind::Variable:
  case Kind::Select:
  case Kind::Pair:
    break;
  }
  return std::nullopt;
}

std::optional<int64_t> Expressions::evaluate(ExprId expr, const Environment &env) const {
  return evaluate(expr, [&](VariableId variable) -> std::optional<int64_t> {
    return variable < env.size() ? env[variable] : std::nullopt;
  });
}

int64_t Expressions::evaluateSymbolically(ExprId expr, const Environment &env) const {
  auto standIn = [](VariableId variable) -> int64_t {
    return 1000003 * (1 + int64_t(variable) * 7919 % 10007);
  };
  std::optional<int64_t> value = evaluate(expr, [&](VariableId variable) -> std::optional<int64_t> {
    if (variable < env.size() && env[variable])
      return env[variable];
    return standIn(variable);
  });
  return value.value_or(0);
}

void Expressions::forEachVariable(ExprId expr, llvm::function_ref<void(VariableId)> visit) const {
  const Node &node = nodes[expr];
  if (node.kind == Kind::Constant)
    return;
  if (node.kind == Kind::Variable)
    return visit(node.a);
  forEachVariable(node.a, visit);
  forEachVariable(node.b, visit);
}

int64_t Expressions::getGreatestShift(ExprId expr) const {
  const Node &node = nodes[expr];
  if (node.kind == Kind::Constant)
    return node.a < 0 ? -node.a : node.a;
  if (node.kind == Kind::Variable)
    return 0;
  return std::max(getGreatestShift(node.a), getGreatestShift(node.b));
}
