//===- ExpandVectorMath.cpp - Elementary functions as vector arithmetic -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Expansions.h"
#include "tegula/Conversion/Passes.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include "llvm/ADT/TypeSwitch.h"

namespace tegula {
#define GEN_PASS_DEF_EXPANDVECTORMATHPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;
using namespace tegula::vectormath;
using vector::CombiningKind;

//===----------------------------------------------------------------------===//
// Which ops
//===----------------------------------------------------------------------===//

static bool isNarrow(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isBF16() || element.isF16();
}

/// Scalars and vectors are ours; a tile still stands for any number of either.
static bool isScalarOrVector(Type type) { return !isa<ShapedType>(type) || isa<VectorType>(type); }

static bool isOrdering(CombiningKind kind) {
  return kind == CombiningKind::MAXIMUMF || kind == CombiningKind::MINIMUMF ||
         kind == CombiningKind::MAXNUMF || kind == CombiningKind::MINNUMF;
}

/// Functions that machines have, or that their code generators expand without a call.
static bool isNativeMath(Operation *op) {
  return isa<math::AbsFOp, math::CeilOp, math::CopySignOp, math::FloorOp, math::FmaOp,
             math::RoundEvenOp, math::RoundOp, math::SqrtOp, math::TruncOp>(op);
}

/// Ops whose result is one of their operands or has no more bits than they: it needs
/// no rounding.
static bool isExact(Operation *op) {
  return isa<arith::NegFOp, arith::SelectOp, arith::MaximumFOp, arith::MinimumFOp,
             arith::MaxNumFOp, arith::MinNumFOp, math::AbsFOp, math::CeilOp, math::ClampFOp,
             math::CopySignOp, math::FloorOp, math::RoundEvenOp, math::RoundOp, math::TruncOp>(op);
}

/// Ops that only move elements about.
static bool isMovement(Operation *op) {
  return isa<memref::LoadOp, memref::StoreOp, vector::BroadcastOp, vector::DeinterleaveOp,
             vector::ExtractOp, vector::ExtractStridedSliceOp, vector::FromElementsOp,
             vector::GatherOp, vector::InsertOp, vector::InsertStridedSliceOp,
             vector::InterleaveOp, vector::LoadOp, vector::MaskedLoadOp, vector::MaskedStoreOp,
             vector::ScatterOp, vector::ShapeCastOp, vector::ShuffleOp, vector::StoreOp,
             vector::ToElementsOp, vector::TransferReadOp, vector::TransferWriteOp,
             vector::TransposeOp>(op);
}

/// The type that holds the bits of bf16 elements as i16.
static Type getBitsType(Type type) {
  Type i16 = IntegerType::get(type.getContext(), 16);
  if (auto shaped = dyn_cast<ShapedType>(type))
    return shaped.clone(i16);
  return i16;
}

static Value combine(Emitter &e, CombiningKind kind, Value a, Value b) {
  switch (kind) {
  case CombiningKind::MAXIMUMF:
    return expandMaximum(e, a, b);
  case CombiningKind::MINIMUMF:
    return expandMinimum(e, a, b);
  case CombiningKind::MAXNUMF:
    return expandMaxNum(e, a, b);
  case CombiningKind::MINNUMF:
    return expandMinNum(e, a, b);
  default:
    llvm_unreachable("not an ordering");
  }
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

namespace {

/// Rewrites one op after another, in program order. What is emitted is final: no op
/// is visited twice.
class Expander {
public:
  explicit Expander(MLIRContext *context) : rewriter(context) {}

  LogicalResult expand(Operation *op);

  /// Drops what was emitted for a rounded value that nobody took as 16 bits.
  void eraseUnused();

private:
  LogicalResult expandExtF(arith::ExtFOp op);
  LogicalResult expandTruncF(arith::TruncFOp op);
  LogicalResult expandIntegerToFloat(Operation *op);
  LogicalResult expandReduction(vector::ReductionOp op);
  LogicalResult expandElementwise(Operation *op);
  LogicalResult widenOperands(Operation *op);
  LogicalResult moveBits(Operation *op);

  /// `op` on f32 or f64 operands, expanded where no machine has it.
  FailureOr<Value> compute(Emitter &e, Operation *op, ValueRange operands);

  /// A 16-bit value as f32. Of a value that was just rounded, the 16-bit form is
  /// not needed: its bits are there already.
  Value widen(Emitter &e, Value x);
  /// An f32 as a 16-bit value; `exact` if it is known to fit.
  Value narrow(Emitter &e, Value x, Type element, bool exact);

  IRRewriter rewriter;
  /// bf16 value -> the i32 whose upper half holds its bits.
  llvm::MapVector<Value, Value> roundedBits;
};

} // namespace

//===----------------------------------------------------------------------===//
// Between 16-bit floats and f32
//===----------------------------------------------------------------------===//

Value Expander::widen(Emitter &e, Value x) {
  Type f32 = e.getF32Type();
  if (!getElementTypeOrSelf(x.getType()).isBF16())
    return e.cast<arith::ExtFOp>(x, f32);
  if (Value bits = roundedBits.lookup(x))
    return e.fromBits(e.andI(bits, -0x10000));
  Value bits = e.cast<arith::ExtUIOp>(e.bits(x), e.getI32Type());
  return e.fromBits(e.shiftLeft(bits, 16));
}

Value Expander::narrow(Emitter &e, Value x, Type element, bool exact) {
  if (!element.isBF16())
    return e.cast<arith::TruncFOp>(x, element);
  Value bits = exact ? e.bits(x) : roundToBF16Bits(e, x);
  Value upper = e.cast<arith::TruncIOp>(e.shiftRight(bits, 16), e.getIntegerType(16));
  Value result = e.fromBits(upper, element);
  roundedBits[result] = bits;
  return result;
}

void Expander::eraseUnused() {
  for (auto [result, bits] : llvm::reverse(roundedBits)) {
    // bits -> shrui -> trunci -> bitcast: the reverse of what `narrow` emits.
    Operation *op = result.getDefiningOp();
    while (op && op->use_empty() && op != bits.getDefiningOp()) {
      Operation *source = op->getOperand(0).getDefiningOp();
      rewriter.eraseOp(op);
      op = source;
    }
  }
}

LogicalResult Expander::expandExtF(arith::ExtFOp op) {
  Type element = getElementTypeOrSelf(op.getType());
  if (!isNarrow(op.getIn().getType()) || !(element.isF32() || element.isF64()))
    return success();
  if (element.isF32() && !getElementTypeOrSelf(op.getIn().getType()).isBF16())
    return success();
  Emitter e(op, op.getType());
  Value wide = widen(e, op.getIn());
  rewriter.replaceOp(op, element.isF64() ? e.cast<arith::ExtFOp>(wide, element) : wide);
  return success();
}

LogicalResult Expander::expandTruncF(arith::TruncFOp op) {
  Type from = getElementTypeOrSelf(op.getIn().getType()), to = getElementTypeOrSelf(op.getType());
  if (!isNarrow(to) || !(from.isF32() || from.isF64()) || (from.isF32() && to.isF16()))
    return success();
  if (op.getRoundingmode().value_or(arith::RoundingMode::to_nearest_even) !=
      arith::RoundingMode::to_nearest_even)
    return op.emitOpError() << "to " << to << " rounds to nearest even only";
  Emitter e(op, op.getType());
  Value x = from.isF64() ? roundToOddF32(e, op.getIn()) : op.getIn();
  rewriter.replaceOp(op, narrow(e, x, to, /*exact=*/false));
  return success();
}

LogicalResult Expander::expandIntegerToFloat(Operation *op) {
  Type to = getElementTypeOrSelf(op->getResult(0).getType());
  Value x = op->getOperand(0);
  if (!isNarrow(to))
    return success();
  unsigned width = getElementTypeOrSelf(x.getType()).getIntOrFloatBitWidth();
  if (width > 64)
    return op->emitOpError() << "from an integer of " << width << " bits (more than 64) to " << to
                             << " has no expansion";
  Emitter e(op, op->getResult(0).getType());
  Value wide;
  if (width > 24)
    wide = roundToOddF32(e, integerToF64(e, x, isa<arith::SIToFPOp>(op)));
  else if (isa<arith::SIToFPOp>(op))
    wide = e.cast<arith::SIToFPOp>(x, e.getF32Type());
  else
    wide = e.cast<arith::UIToFPOp>(x, e.getF32Type());
  rewriter.replaceOp(op, narrow(e, wide, to, /*exact=*/false));
  return success();
}

/// fptosi bf16, fptoui bf16, cmpf bf16, ..  ->  the same of f32
LogicalResult Expander::widenOperands(Operation *op) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    Emitter e(op, operand.getType());
    operands.push_back(isNarrow(operand.getType()) ? widen(e, operand) : operand);
  }
  rewriter.modifyOpInPlace(op, [&] { op->setOperands(operands); });
  return success();
}

/// vector.load .. memref<?xbf16>, vector<8xbf16>  ->  the same of i16
///
/// LLVM's code generators take bf16 values through f32, and back by a call, as soon
/// as they are more than loaded and stored; and its optimiser pulls a bitcast over a
/// `select` towards a load. So no bf16 is left to be seen.
LogicalResult Expander::moveBits(Operation *op) {
  auto isBF16 = [](Type type) { return getElementTypeOrSelf(type).isBF16(); };
  rewriter.setInsertionPoint(op);
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    Type type = operand.getType();
    if (!isBF16(type))
      operands.push_back(operand);
    else if (isa<MemRefType>(type))
      operands.push_back(UnrealizedConversionCastOp::create(rewriter, op->getLoc(),
                                                            getBitsType(type), operand)
                             .getResult(0));
    else
      operands.push_back(
          arith::BitcastOp::create(rewriter, op->getLoc(), getBitsType(type), operand));
  }
  SmallVector<Type> types;
  for (Type type : op->getResultTypes())
    types.push_back(isBF16(type) ? getBitsType(type) : type);
  Operation *moved = mlir::clone(rewriter, op, types, operands);
  SmallVector<Value> results;
  for (auto [type, bits] : llvm::zip(op->getResultTypes(), moved->getResults())) {
    Value result = bits;
    if (isBF16(type))
      result = arith::BitcastOp::create(rewriter, op->getLoc(), type, bits);
    results.push_back(result);
  }
  rewriter.replaceOp(op, results);
  return success();
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

/// Largest or smallest of one row by halves, which may overlap. NaN is not followed
/// through the halves, where it may be lost: one look at all elements decides.
static Value reduceOrdering(Operation *op, CombiningKind kind, Value row) {
  bool followNaN = kind == CombiningKind::MAXIMUMF || kind == CombiningKind::MINIMUMF;
  bool isMax = kind == CombiningKind::MAXIMUMF || kind == CombiningKind::MAXNUMF;
  auto type = cast<VectorType>(row.getType());
  Value rest = row;
  for (int64_t size = type.getNumElements(); size > 1;) {
    int64_t half = (size + 1) / 2;
    Emitter e(op, VectorType::get(half, type.getElementType()));
    auto low = llvm::to_vector(llvm::seq<int64_t>(0, half));
    auto high = llvm::to_vector(llvm::seq<int64_t>(size - half, size));
    Value a = vector::ShuffleOp::create(e, rest, rest, low);
    Value b = vector::ShuffleOp::create(e, rest, rest, high);
    if (followNaN)
      rest = e.select(
          e.compare(isMax ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT, a, b), a, b);
    else
      rest = combine(e, kind, a, b);
    size = half;
  }
  Emitter e(op, type);
  Value result = vector::ExtractOp::create(e, rest, ArrayRef<int64_t>{0});
  if (!followNaN)
    return result;
  Value anyNaN = vector::ReductionOp::create(e, CombiningKind::OR, e.isNaN(row));
  Emitter scalar(op, type.getElementType());
  Value nan = scalar.number(type.getElementType(), std::numeric_limits<double>::quiet_NaN());
  return scalar.select(anyNaN, nan, result);
}

LogicalResult Expander::expandReduction(vector::ReductionOp op) {
  VectorType type = op.getSourceVectorType();
  bool narrowed = isNarrow(type);
  if (isa<vector::MaskOp>(op->getParentOp()) || !isa<FloatType>(type.getElementType()) ||
      !(narrowed || isOrdering(op.getKind())))
    return success();
  if (type.isScalable())
    return op.emitOpError() << "of a vector of unknown length has no expansion";

  Emitter vectors(op, type), scalars(op, type.getElementType());
  Value row = narrowed ? widen(vectors, op.getVector()) : op.getVector();
  Value acc = op.getAcc();
  if (acc && narrowed)
    acc = widen(scalars, acc);
  Value result;
  if (isOrdering(op.getKind())) {
    result = reduceOrdering(op, op.getKind(), row);
    if (acc)
      result = combine(scalars, op.getKind(), result, acc);
  } else if (acc) {
    result = vector::ReductionOp::create(scalars, op.getKind(), row, acc, op.getFastmath());
  } else {
    result = vector::ReductionOp::create(scalars, op.getKind(), row, op.getFastmath());
  }
  if (narrowed)
    result = narrow(scalars, result, type.getElementType(), isOrdering(op.getKind()));
  rewriter.replaceOp(op, result);
  return success();
}

//===----------------------------------------------------------------------===//
// Elementwise ops
//===----------------------------------------------------------------------===//

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
    return expandRsqrt(e, operands[0]);
  if (isa<math::ClampFOp>(op))
    return e.atMost(operands[2], e.atLeast(operands[1], operands[0]));
  if (isa<vector::FMAOp>(op))
    return e.fma(operands[0], operands[1], operands[2]);

  bool isF32 = getElementTypeOrSelf(operands[0].getType()).isF32();
  if (auto exp2 = dyn_cast<Exp2Op>(op)) {
    if (isF32)
      return expandFastExp2(e, operands[0], getDegree(exp2));
    return math::Exp2Op::create(e, operands[0]).getResult();
  }
  auto unary = llvm::TypeSwitch<Operation *, Unary>(op)
                   .Case([](math::ExpOp) { return expandExp; })
                   .Case([](math::Exp2Op) { return expandExp2; })
                   .Case([](math::ExpM1Op) { return expandExpM1; })
                   .Case([](math::TanhOp) { return expandTanh; })
                   .Case([](math::ErfOp) { return expandErf; })
                   .Case([](math::LogOp) { return expandLog; })
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
  bool narrowed = llvm::any_of(op->getOperandTypes(), isNarrow);
  Type result = op->getResult(0).getType();
  SmallVector<Value> operands(op->getOperands());
  if (narrowed)
    for (Value &operand : operands)
      if (isNarrow(operand.getType())) {
        Emitter e(op, operand.getType());
        operand = widen(e, operand);
      }
  Emitter e(op, result);
  FailureOr<Value> value = compute(e, op, operands);
  if (failed(value))
    return failure();
  if (*value)
    rewriter.replaceOp(op, isNarrow(result) ? narrow(e, *value, getElementTypeOrSelf(result), isExact(op))
                                            : *value);
  return success();
}

LogicalResult Expander::expand(Operation *op) {
  auto isOurs = [](Type type) {
    return isScalarOrVector(type) && isa<FloatType>(getElementTypeOrSelf(type));
  };
  auto isBF16 = [](Type type) { return getElementTypeOrSelf(type).isBF16(); };
  if (!llvm::any_of(op->getOperandTypes(), isOurs) &&
      !llvm::any_of(op->getResultTypes(), isOurs))
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
  if (isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) || isa<Exp2Op, vector::FMAOp>(op))
    return expandElementwise(op);
  return success();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// multi_reduction <maximumf> and its like  ->  elementwise maxima and reductions of
/// rows, by upstream's patterns; sums are left to those who know the order they want.
static LogicalResult lowerMultiReductions(Operation *root) {
  SmallVector<Operation *> ops;
  root->walk([&](vector::MultiDimReductionOp op) {
    bool isMasked = isa<vector::MaskOp>(op->getParentOp());
    if (isOrdering(op.getKind()) && !isMasked && !op.getSourceVectorType().isScalable())
      ops.push_back(op);
  });
  if (ops.empty())
    return success();
  RewritePatternSet patterns(root->getContext());
  vector::populateVectorMultiReductionLoweringPatterns(
      patterns, vector::VectorMultiReductionLowering::InnerReduction);
  GreedyRewriteConfig config;
  config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
  return applyOpPatternsGreedily(ops, std::move(patterns), config);
}

namespace {

struct ExpandVectorMath : public tegula::impl::ExpandVectorMathPassBase<ExpandVectorMath> {
  void runOnOperation() override {
    if (failed(lowerMultiReductions(getOperation())))
      return signalPassFailure();
    SmallVector<Operation *> ops;
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) { ops.push_back(op); });
    Expander expander(&getContext());
    for (Operation *op : ops)
      if (failed(expander.expand(op)))
        return signalPassFailure();
    expander.eraseUnused();
  }
};

} // namespace
