//===- Narrowing.cpp - 16-bit floats -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Expander.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::vectormath;
using arith::CmpFPredicate;

//===----------------------------------------------------------------------===//
// Rounding to 16-bit floats
//===----------------------------------------------------------------------===//

/// Half of the last kept place, less one where that place is even: a tie then stays.
Value vectormath::roundToBF16Bits(Emitter &e, Value x) {
  Value bits = e.bits(x);
  Value odd = e.andI(e.shiftRight(bits, 16), 1);
  Value rounded = e.addI(e.addI(bits, 0x7FFF), odd);
  return e.select(e.isNaN(x), e.orI(bits, 0x400000), rounded);
}

/// Cut towards zero, then set the last bit if anything was cut off: no later rounding
/// to fewer bits takes that for a tie.
Value vectormath::roundToOddF32(Emitter &e, Value x) {
  Type i32 = e.getI32Type();
  Value nearest = e.cast<arith::TruncFOp>(x, e.getF32Type());
  Value back = e.cast<arith::ExtFOp>(nearest, e.getF64Type());
  Value isInexact = e.compare(CmpFPredicate::ONE, back, x);
  Value isBeyond = e.compare(CmpFPredicate::OGT, e.abs(back), e.abs(x));
  Value bits = e.subI(e.bits(nearest), e.cast<arith::ExtUIOp>(isBeyond, i32));
  return e.fromBits(e.orI(bits, e.cast<arith::ExtUIOp>(isInexact, i32)));
}

/// Up to 53 bits fit. Of a larger number the last 11 bits are cut off and, if any was
/// set, leave a mark in bit 11, far below the last place of any 16-bit float.
Value vectormath::integerToF64(Emitter &e, Value x, bool isSigned) {
  unsigned width = getElementTypeOrSelf(x.getType()).getIntOrFloatBitWidth();
  auto convert = [&](Value integer) -> Value {
    if (isSigned)
      return e.cast<arith::SIToFPOp>(integer, e.getF64Type());
    return e.cast<arith::UIToFPOp>(integer, e.getF64Type());
  };
  if (width <= 53)
    return convert(x);

  constexpr int64_t cut = (1 << 11) - 1, mark = 1 << 11;
  Value hasRest = e.andI(e.addI(e.andI(x, cut), cut), mark);
  Value coarse = e.orI(e.andI(x, ~cut), hasRest);
  // Small numbers are exact as they are: |x| < 2^53, by the unsigned trick for both.
  Value shifted = isSigned ? e.addI(x, int64_t(1) << 53) : x;
  Value isSmall = arith::CmpIOp::create(
      e, arith::CmpIPredicate::ult, shifted,
      e.integer(getElementTypeOrSelf(x.getType()), int64_t(1) << (isSigned ? 54 : 53)));
  return convert(e.select(isSmall, x, coarse));
}

bool vectormath::isNarrow(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isBF16() || element.isF16();
}

//===----------------------------------------------------------------------===//
// Ops of 16-bit floats
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

SmallVector<Value> Expander::getWideOperands(Operation *op) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    Emitter e(op, operand.getType());
    operands.push_back(isNarrow(operand.getType()) ? widen(e, operand) : operand);
  }
  return operands;
}

/// fptosi bf16, fptoui bf16, cmpf bf16, ..  ->  the same of f32
LogicalResult Expander::widenOperands(Operation *op) {
  SmallVector<Value> operands = getWideOperands(op);
  rewriter.modifyOpInPlace(op, [&] { op->setOperands(operands); });
  return success();
}

/// The type that holds the bits of bf16 elements as i16.
static Type getBitsType(Type type) {
  Type i16 = IntegerType::get(type.getContext(), 16);
  if (auto shaped = dyn_cast<ShapedType>(type))
    return shaped.clone(i16);
  return i16;
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
      operands.push_back(
          UnrealizedConversionCastOp::create(rewriter, op->getLoc(), getBitsType(type), operand)
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
