//===- Math.cpp - Elementary functions of one thread ----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Math.h"

#include "../VectorMath/Expansions.h"
#include "Emitter.h"
#include "Lowering.h"
#include "Vendor.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tegula;

/// The degree whose error a consumer of this type does not see.
static int64_t degreeOf(Exp2Op op) {
  if (op.getDegree())
    return *op.getDegree();
  int64_t degree = op.getResult().use_empty() ? 6 : 3;
  for (Operation *user : op.getResult().getUsers()) {
    Type type = isa<arith::TruncFOp>(user) ? user->getResult(0).getType() : op.getType();
    degree = std::max<int64_t>(degree, type.isBF16() ? 3 : type.isF16() ? 4 : 6);
  }
  return degree;
}

/// Each warp asks its own lanes. Elements beyond the tile may only make it a yes.
LogicalResult gpu::lower(sched::DiffersOp op, Lowering &lowering) {
  Emitter e = lowering.at(op.getLoc());
  Value number = arith::ConstantOp::create(e.builder, e.loc, op.getValue()), some;
  Values elements = lowering.elements(e, lowering.fragment(op.getX()));
  for (Value element : elements) {
    Value other =
        arith::CmpFOp::create(e.builder, e.loc, arith::CmpFPredicate::UNE, element, number);
    some = some ? arith::OrIOp::create(e.builder, e.loc, some, other) : other;
  }
  lowering.setScalar(op.getResult(), lowering.vendor.any(e, some));
  return success();
}

LogicalResult gpu::expandMath(LLVM::LLVMFuncOp function) {
  using Unary = Value (*)(vectormath::Emitter &, Value);
  SmallVector<Operation *> ops;
  function.walk([&](Operation *op) {
    if (isa<Exp2Op>(op) || isa<math::MathDialect>(op->getDialect()))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    Value x = op->getOperand(0);
    Type type = op->getResult(0).getType();
    vectormath::Emitter e(op, type);
    Value result;
    if (isa<math::AbsFOp, math::CeilOp, math::CopySignOp, math::FloorOp, math::FmaOp,
            math::RoundEvenOp, math::RoundOp, math::SqrtOp, math::TruncOp, math::AbsIOp>(op))
      continue;
    if (auto exp2 = dyn_cast<Exp2Op>(op); exp2 && type.isF32()) {
      result = vectormath::expandFastExp2(e, x, degreeOf(exp2));
    } else if (isa<math::RsqrtOp>(op)) {
      result = e.div(e.number(type, 1), math::SqrtOp::create(e, x));
    } else if (isa<math::ClampFOp>(op)) {
      result = e.atMost(op->getOperand(2), e.atLeast(op->getOperand(1), x));
    } else if (type.isF32()) {
      auto unary = llvm::TypeSwitch<Operation *, Unary>(op)
                       .Case([](math::ExpOp) -> Unary {
                         return [](vectormath::Emitter &m, Value v) {
                           return vectormath::expandExp(m, v);
                         };
                       })
                       .Case([](math::Exp2Op) { return vectormath::expandExp2; })
                       .Case([](math::ExpM1Op) { return vectormath::expandExpM1; })
                       .Case([](math::TanhOp) { return vectormath::expandTanh; })
                       .Case([](math::ErfOp) { return vectormath::expandErf; })
                       .Case([](math::LogOp) -> Unary {
                         return [](vectormath::Emitter &m, Value v) {
                           return vectormath::expandLog(m, v);
                         };
                       })
                       .Case([](math::Log2Op) { return vectormath::expandLog2; })
                       .Case([](math::Log1pOp) { return vectormath::expandLog1p; })
                       .Case([](math::SinOp) { return vectormath::expandSin; })
                       .Case([](math::CosOp) { return vectormath::expandCos; })
                       .Default(Unary(nullptr));
      if (unary)
        result = unary(e, x);
    }
    if (!result && type.isF64())
      result = expandDouble(e, op);
    if (!result)
      return op->emitOpError() << "of " << type << " has no code on a GPU";
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  }
  return success();
}
