//===- ExpandVectorMath.cpp - Elementary functions as vector arithmetic -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Expander.h"
#include "tegula/Conversion/Passes.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

#include "llvm/ADT/TypeSwitch.h"

namespace tegula {
#define GEN_PASS_DEF_EXPANDVECTORMATHPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;
using namespace tegula::vectormath;

//===----------------------------------------------------------------------===//
// Which ops
//===----------------------------------------------------------------------===//

/// Ops that only move elements about.
static bool isMovement(Operation *op) {
  return isa<memref::LoadOp, memref::StoreOp, vector::BroadcastOp, vector::DeinterleaveOp,
             vector::ExtractOp, vector::ExtractStridedSliceOp, vector::FromElementsOp,
             vector::GatherOp, vector::InsertOp, vector::InsertStridedSliceOp, vector::InterleaveOp,
             vector::LoadOp, vector::MaskedLoadOp, vector::MaskedStoreOp, vector::ScatterOp,
             vector::ShapeCastOp, vector::ShuffleOp, vector::StoreOp, vector::ToElementsOp,
             vector::TransferReadOp, vector::TransferWriteOp, vector::TransposeOp>(op);
}

/// Scalars and vectors are ours; a tile still stands for any number of either.
static bool isScalarOrVector(Type type) { return !isa<ShapedType>(type) || isa<VectorType>(type); }

/// Functions that machines have, or that their code generators expand without a call.
static bool isNativeMath(Operation *op) {
  return isa<math::AbsFOp, math::CeilOp, math::CopySignOp, math::FloorOp, math::FmaOp,
             math::RoundEvenOp, math::RoundOp, math::SqrtOp, math::TruncOp>(op);
}

/// Ops whose result is one of their operands or has no more bits than they: it needs
/// no rounding.
static bool isExact(Operation *op) {
  return isa<arith::NegFOp, arith::SelectOp, arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp,
             arith::MinNumFOp, math::AbsFOp, math::CeilOp, math::ClampFOp, math::CopySignOp,
             math::FloorOp, math::RoundEvenOp, math::RoundOp, math::TruncOp>(op);
}

/// The degree whose error a consumer of this many bits does not see. Where every use
/// narrows the result at once, the narrower type is the consumer.
static int64_t getDegree(Exp2Op op) {
  if (op.getDegree())
    return *op.getDegree();
  Value result = op.getResult();
  auto consumed = [&](Operation *user) {
    bool narrows = isa<arith::TruncFOp>(user);
    return getElementTypeOrSelf((narrows ? user->getResult(0) : result).getType());
  };
  int64_t degree = result.use_empty() ? 6 : 3;
  for (Operation *user : result.getUsers()) {
    Type type = consumed(user);
    degree = std::max<int64_t>(degree, type.isBF16() ? 3 : type.isF16() ? 4 : 6);
  }
  return degree;
}

//===----------------------------------------------------------------------===//
// Elementwise ops
//===----------------------------------------------------------------------===//

void Expander::noteRange(Operation *op) {
  if (isa<math::ExpOp, math::LogOp, Exp2Op>(op))
    argumentRanges[op] = ranges.get(op->getOperand(0));
}

FailureOr<Value> Expander::compute(Emitter &e, Operation *op, ValueRange operands) {
  using Unary = Value (*)(Emitter &, Value);
  using Binary = Value (*)(Emitter &, Value, Value);

  auto binary = llvm::TypeSwitch<Operation *, Binary>(op)
                    .Case([](arith::MaximumFOp) { return expandMaximum; })
                    .Case([](arith::MinimumFOp) { return expandMinimum; })
                    .Case([](arith::MaxNumFOp) { return expandMaxNum; })
                    .Case([](arith::MinNumFOp) { return expandMinNum; })
                    .Default(Binary(nullptr));
  if (binary)
    return binary(e, operands[0], operands[1]);
  if (isa<math::RsqrtOp>(op))
    return e.div(e.number(getElementTypeOrSelf(operands[0].getType()), 1),
                 math::SqrtOp::create(e, operands[0]));
  if (isa<math::ClampFOp>(op))
    return e.atMost(operands[2], e.atLeast(operands[1], operands[0]));
  if (isa<vector::FMAOp>(op))
    return e.fma(operands[0], operands[1], operands[2]);

  bool isF32 = getElementTypeOrSelf(operands[0].getType()).isF32();
  if (auto exp2 = dyn_cast<Exp2Op>(op)) {
    if (isF32)
      return expandFastExp2(e, operands[0], getDegree(exp2), argumentRanges.lookup(op));
    return math::Exp2Op::create(e, operands[0]).getResult();
  }
  if (isa<math::ExpOp, math::LogOp>(op) && isF32)
    return (isa<math::ExpOp>(op) ? expandExp : expandLog)(e, operands[0],
                                                          argumentRanges.lookup(op));
  auto unary = llvm::TypeSwitch<Operation *, Unary>(op)
                   .Case([](math::Exp2Op) { return expandExp2; })
                   .Case([](math::ExpM1Op) { return expandExpM1; })
                   .Case([](math::TanhOp) { return expandTanh; })
                   .Case([](math::ErfOp) { return expandErf; })
                   .Case([](math::Log2Op) { return expandLog2; })
                   .Case([](math::Log1pOp) { return expandLog1p; })
                   .Case([](math::SinOp) { return expandSin; })
                   .Case([](math::CosOp) { return expandCos; })
                   .Default(Unary(nullptr));
  if (unary && isF32)
    return unary(e, operands[0]);
  bool isMath = isa<math::MathDialect>(op->getDialect());
  if (isF32 && ((isMath && !isNativeMath(op)) || isa<arith::RemFOp>(op)))
    return op->emitOpError() << "has no expansion into f32 arithmetic";

  // A machine has it, or it is f64: as it stands, on these operands.
  if (op->getOperands() == operands)
    return Value();
  SmallVector<Type> types;
  for (Type type : op->getResultTypes())
    types.push_back(isNarrow(type) ? e.like(e.getF32Type()) : type);
  return mlir::clone(e, op, types, operands)->getResult(0);
}

LogicalResult Expander::expandElementwise(Operation *op) {
  Type result = op->getResult(0).getType();
  SmallVector<Value> operands = getWideOperands(op);
  Emitter e(op, result);
  FailureOr<Value> value = compute(e, op, operands);
  if (failed(value))
    return failure();
  if (!*value)
    return success();
  if (isNarrow(result))
    value = narrow(e, *value, getElementTypeOrSelf(result), isExact(op));
  rewriter.replaceOp(op, *value);
  return success();
}

LogicalResult Expander::expand(Operation *op) {
  auto isOurs = [](Type type) {
    return isScalarOrVector(type) && isa<FloatType>(getElementTypeOrSelf(type));
  };
  auto isBF16 = [](Type type) { return getElementTypeOrSelf(type).isBF16(); };
  if (!llvm::any_of(op->getOperandTypes(), isOurs) && !llvm::any_of(op->getResultTypes(), isOurs))
    return success();
  if (auto extf = dyn_cast<arith::ExtFOp>(op))
    return expandExtF(extf);
  if (auto truncf = dyn_cast<arith::TruncFOp>(op))
    return expandTruncF(truncf);
  if (isa<arith::SIToFPOp, arith::UIToFPOp>(op))
    return expandIntegerToFloat(op);
  if (isa<arith::FPToSIOp, arith::FPToUIOp, arith::CmpFOp>(op))
    return llvm::any_of(op->getOperandTypes(), isNarrow) ? widenOperands(op) : success();
  if (auto reduction = dyn_cast<vector::ReductionOp>(op))
    return expandReduction(reduction);

  if (isMovement(op)) {
    bool hasTile = llvm::any_of(op->getOperandTypes(), llvm::IsaPred<TensorType>);
    bool hasBF16 =
        llvm::any_of(op->getOperandTypes(), isBF16) || llvm::any_of(op->getResultTypes(), isBF16);
    bool isMasked = isa<vector::MaskOp>(op->getParentOp());
    return hasBF16 && !hasTile && !isMasked ? moveBits(op) : success();
  }

  // Casts of bits, constants and tests of a float's class need no arithmetic.
  if (isa<arith::ConstantOp, arith::BitcastOp, math::IsFiniteOp, math::IsInfOp, math::IsNaNOp,
          math::IsNormalOp>(op) ||
      op->getNumResults() != 1)
    return success();
  if (isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) ||
      isa<Exp2Op, vector::FMAOp>(op))
    return expandElementwise(op);
  return success();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

struct ExpandVectorMath : public tegula::impl::ExpandVectorMathPassBase<ExpandVectorMath> {
  void runOnOperation() override {
    if (failed(lowerOrderingMultiReductions(getOperation())))
      return signalPassFailure();
    SmallVector<Operation *> ops;
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) { ops.push_back(op); });
    Expander expander(&getContext());
    for (Operation *op : ops)
      expander.noteRange(op);
    for (Operation *op : ops)
      if (failed(expander.expand(op)))
        return signalPassFailure();
    expander.eraseUnused();
  }
};

} // namespace
