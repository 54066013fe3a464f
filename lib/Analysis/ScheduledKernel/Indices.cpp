//===- Indices.cpp - Index arithmetic as expressions ----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Indices.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tegula::sched;
using namespace tegula::sched::proof;

VariableId Indices::bind(mlir::Value value) {
  VariableId variable = program.addVariable();
  known[value] = program.expressions.variable(variable);
  return variable;
}

ExprId Indices::get(mlir::Value value) {
  auto found = known.find(value);
  if (found != known.end())
    return found->second;
  ExprId expr = build(value);
  known[value] = expr;
  return expr;
}

ExprId Indices::build(mlir::Value value) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)) && constant.getSignificantBits() <= 64)
    return program.expressions.constant(value.getType().isInteger(1) ? constant.getZExtValue()
                                                                     : constant.getSExtValue());
  if (Operation *op = value.getDefiningOp()) {
    if (std::optional<ExprId> expr = buildArith(op))
      return *expr;
    if (std::optional<ExprId> expr = buildAffine(op))
      return *expr;
  }
  return program.expressions.variable(program.addVariable());
}

/// A comparison as `a < b`, `a <= b`, `a == b` or `a != b`, its operands exchanged or not.
/// Sizes and positions are never negative, so signed and unsigned comparisons agree.
static std::pair<Expressions::Kind, bool> getComparison(arith::CmpIPredicate predicate) {
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return {Expressions::Kind::Equal, false};
  case arith::CmpIPredicate::ne:
    return {Expressions::Kind::NotEqual, false};
  case arith::CmpIPredicate::slt:
  case arith::CmpIPredicate::ult:
    return {Expressions::Kind::Less, false};
  case arith::CmpIPredicate::sle:
  case arith::CmpIPredicate::ule:
    return {Expressions::Kind::LessOrEqual, false};
  case arith::CmpIPredicate::sgt:
  case arith::CmpIPredicate::ugt:
    return {Expressions::Kind::Less, true};
  case arith::CmpIPredicate::sge:
  case arith::CmpIPredicate::uge:
    return {Expressions::Kind::LessOrEqual, true};
  }
  llvm_unreachable("every predicate is a comparison");
}

std::optional<ExprId> Indices::buildArith(Operation *op) {
  using Kind = Expressions::Kind;
  auto binary = [&](Kind kind) -> std::optional<ExprId> {
    ExprId a = get(op->getOperand(0));
    return program.expressions.binary(kind, a, get(op->getOperand(1)));
  };
  return llvm::TypeSwitch<Operation *, std::optional<ExprId>>(op)
      .Case<arith::AddIOp>([&](auto) { return binary(Kind::Add); })
      .Case<arith::SubIOp>([&](auto) { return binary(Kind::Subtract); })
      .Case<arith::MulIOp>([&](auto) { return binary(Kind::Multiply); })
      .Case<arith::FloorDivSIOp, arith::DivSIOp, arith::DivUIOp>(
          [&](auto) { return binary(Kind::FloorDivide); })
      .Case<arith::CeilDivSIOp, arith::CeilDivUIOp>([&](auto) { return binary(Kind::CeilDivide); })
      .Case<arith::RemSIOp, arith::RemUIOp>([&](auto) { return binary(Kind::Modulo); })
      .Case<arith::MinSIOp, arith::MinUIOp>([&](auto) { return binary(Kind::Minimum); })
      .Case<arith::MaxSIOp, arith::MaxUIOp>([&](auto) { return binary(Kind::Maximum); })
      .Case<arith::AndIOp, arith::OrIOp>([&](auto logic) -> std::optional<ExprId> {
        if (!logic.getType().isInteger(1))
          return std::nullopt;
        return binary(isa<arith::AndIOp>(op) ? Kind::And : Kind::Or);
      })
      .Case([&](arith::XOrIOp logic) -> std::optional<ExprId> {
        return logic.getType().isInteger(1) ? binary(Kind::NotEqual) : std::nullopt;
      })
      .Case([&](arith::CmpIOp compare) -> std::optional<ExprId> {
        auto [kind, exchanged] = getComparison(compare.getPredicate());
        ExprId a = get(compare.getLhs()), b = get(compare.getRhs());
        return program.expressions.binary(kind, exchanged ? b : a, exchanged ? a : b);
      })
      .Case([&](arith::SelectOp select) -> std::optional<ExprId> {
        ExprId condition = get(select.getCondition()), yes = get(select.getTrueValue());
        return program.expressions.select(condition, yes, get(select.getFalseValue()));
      })
      .Case<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp, arith::ExtUIOp,
            arith::TruncIOp>([&](auto cast) -> std::optional<ExprId> { return get(cast.getIn()); })
      .Default([](Operation *) { return std::nullopt; });
}

ExprId Indices::buildAffine(AffineExpr expr, unsigned dims, ValueRange operands) {
  using Kind = Expressions::Kind;
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return program.expressions.constant(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return get(operands[dim.getPosition()]);
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return get(operands[dims + symbol.getPosition()]);
  auto binary = cast<AffineBinaryOpExpr>(expr);
  ExprId a = buildAffine(binary.getLHS(), dims, operands);
  ExprId b = buildAffine(binary.getRHS(), dims, operands);
  Kind kind = Kind::Add;
  if (expr.getKind() == AffineExprKind::Mul)
    kind = Kind::Multiply;
  if (expr.getKind() == AffineExprKind::Mod)
    kind = Kind::Modulo;
  if (expr.getKind() == AffineExprKind::FloorDiv)
    kind = Kind::FloorDivide;
  if (expr.getKind() == AffineExprKind::CeilDiv)
    kind = Kind::CeilDivide;
  return program.expressions.binary(kind, a, b);
}

std::optional<ExprId> Indices::buildAffine(Operation *op) {
  AffineMap map;
  auto kind = Expressions::Kind::Add;
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op))
    map = apply.getAffineMap();
  else if (auto min = dyn_cast<affine::AffineMinOp>(op))
    map = min.getAffineMap(), kind = Expressions::Kind::Minimum;
  else if (auto max = dyn_cast<affine::AffineMaxOp>(op))
    map = max.getAffineMap(), kind = Expressions::Kind::Maximum;
  else
    return std::nullopt;
  std::optional<ExprId> all;
  for (AffineExpr result : map.getResults()) {
    ExprId each = buildAffine(result, map.getNumDims(), op->getOperands());
    all = all ? program.expressions.binary(kind, *all, each) : each;
  }
  return all;
}
