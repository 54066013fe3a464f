//===- ScalarArithmetic.cpp - Loops and scalars with exact rounding -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a tile program promises about one element: 16-bit floats are computed in
// f32 and rounded after each op; every rounding is to nearest even and happens
// once; integer division never traps.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::loops;

static bool is16Bit(Type type) { return isa<BFloat16Type, Float16Type>(type); }

Type loops::getAccumulator(Type type) {
  return is16Bit(type) ? Type(Float32Type::get(type.getContext())) : type;
}

LoopBuilder::LoopBuilder(Location loc, Block *constants)
    : ImplicitLocOpBuilder(loc, constants, constants->begin()), constants(constants) {}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

Value LoopBuilder::constant(TypedAttr value) {
  Value &slot = known[value];
  if (!slot) {
    InsertionGuard guard(*this);
    setInsertionPointToStart(constants);
    slot = arith::ConstantOp::create(*this, value);
  }
  return slot;
}

Value LoopBuilder::index(int64_t value) { return constant(getIndexAttr(value)); }

Value LoopBuilder::number(Type type, int64_t value) {
  if (isa<FloatType>(type))
    return constant(getFloatAttr(type, static_cast<double>(value)));
  return constant(getIntegerAttr(type, value));
}

Value LoopBuilder::minusInfinity(FloatType type) {
  return constant(
      FloatAttr::get(type, APFloat::getInf(type.getFloatSemantics(), /*Negative=*/true)));
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

void LoopBuilder::loop(int64_t extent, llvm::function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(*this, index(0), index(extent), index(1));
  InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void LoopBuilder::nest(ArrayRef<int64_t> shape, llvm::function_ref<void(Indices)> body) {
  SmallVector<Value> at;
  InsertionGuard guard(*this);
  for (int64_t extent : shape) {
    auto loop = scf::ForOp::create(*this, index(0), index(extent), index(1));
    at.push_back(loop.getInductionVar());
    setInsertionPointToStart(loop.getBody());
  }
  body(at);
}

SmallVector<Value>
LoopBuilder::fold(int64_t extent, ValueRange start,
                  llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(*this, index(0), index(extent), index(1), start);
  InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(*this, body(loop.getInductionVar(), loop.getRegionIterArgs()));
  return SmallVector<Value>(loop.getResults());
}

void LoopBuilder::when(Value condition, llvm::function_ref<void()> body) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  body();
}

Value LoopBuilder::load(Value buffer, Indices at) {
  return memref::LoadOp::create(*this, buffer, at);
}

void LoopBuilder::store(Value value, Value buffer, Indices at) {
  memref::StoreOp::create(*this, value, buffer, at);
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

Value LoopBuilder::widen(Value value) {
  if (isa<Float16Type>(value.getType()))
    return arith::ExtFOp::create(*this, getF32Type(), value);
  if (!isa<BFloat16Type>(value.getType()))
    return value;
  Value bits = arith::BitcastOp::create(*this, getI16Type(), value);
  Value high = arith::ExtUIOp::create(*this, getI32Type(), bits);
  high = arith::ShLIOp::create(*this, high, number(getI32Type(), 16));
  return arith::BitcastOp::create(*this, getF32Type(), high);
}

/// f32 -> bf16 in integers: add half of the last kept place, less one where that
/// place is even, and cut. A NaN keeps its upper bits and becomes quiet.
Value LoopBuilder::narrowToBF16(Value value) {
  Type i32 = getI32Type();
  Value bits = arith::BitcastOp::create(*this, i32, value);
  Value high = arith::ShRUIOp::create(*this, bits, number(i32, 16));
  Value odd = arith::AndIOp::create(*this, high, number(i32, 1));
  Value half = arith::AddIOp::create(*this, odd, number(i32, 0x7fff));
  Value rounded = arith::AddIOp::create(*this, bits, half);
  rounded = arith::ShRUIOp::create(*this, rounded, number(i32, 16));
  Value quiet = arith::OrIOp::create(*this, high, number(i32, 0x40));
  Value isNan = arith::CmpFOp::create(*this, arith::CmpFPredicate::UNO, value, value);
  Value kept = arith::TruncIOp::create(*this, getI16Type(), select(isNan, quiet, rounded));
  return arith::BitcastOp::create(*this, getBF16Type(), kept);
}

/// f64 -> f32, and where that is inexact the neighbour with an odd last place. A
/// second rounding, to 16 bits, then gives what one rounding would have given: the
/// odd place tells that something lies beyond it (Boldo and Melquiond 2008).
Value LoopBuilder::narrowToOddF32(Value value) {
  Type i32 = getI32Type();
  Value nearest = arith::TruncFOp::create(*this, getF32Type(), value);
  Value back = arith::ExtFOp::create(*this, getF64Type(), nearest);
  Value bits = arith::BitcastOp::create(*this, i32, nearest);
  Value inexact = arith::CmpFOp::create(*this, arith::CmpFPredicate::ONE, back, value);
  Value last = arith::AndIOp::create(*this, bits, number(i32, 1));
  Value even = isEqual(last, number(i32, 0));
  Value magnitude = math::AbsFOp::create(*this, value);
  Value tooLarge = arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT,
                                         math::AbsFOp::create(*this, back), magnitude);
  Value step = select(tooLarge, number(i32, -1), number(i32, 1));
  Value move = arith::AndIOp::create(*this, inexact, even);
  Value odd = add(bits, select(move, step, number(i32, 0)));
  return arith::BitcastOp::create(*this, getF32Type(), odd);
}

Value LoopBuilder::convertFloat(Value value, FloatType type) {
  if (value.getType() == type)
    return value;
  value = widen(value);
  if (value.getType() == type)
    return value;
  if (type.isF64())
    return arith::ExtFOp::create(*this, type, value);
  if (type.isF32())
    return arith::TruncFOp::create(*this, type, value);
  if (value.getType().isF64())
    value = narrowToOddF32(value);
  if (type.isBF16())
    return narrowToBF16(value);
  return arith::TruncFOp::create(*this, type, value);
}

Value LoopBuilder::convertInteger(Value value, FloatType type, bool isSigned) {
  auto direct = [&](FloatType to) -> Value {
    if (isSigned)
      return arith::SIToFPOp::create(*this, to, value);
    return arith::UIToFPOp::create(*this, to, value);
  };
  if (!is16Bit(type))
    return direct(type);
  // Up to 32 bits are exact in f64. More are not: where they do not fit into the
  // 53 bits, the lowest twelve become one sticky place, far below any 16-bit float's.
  Type i64 = value.getType();
  if (cast<IntegerType>(i64).getWidth() > 32) {
    Value low = arith::AndIOp::create(*this, value, number(i64, 0xfff));
    Value exact = isEqual(low, number(i64, 0));
    Value sticky = select(exact, number(i64, 0), number(i64, 0x800));
    Value folded = arith::OrIOp::create(*this, sub(value, low), sticky);
    int64_t limit = int64_t(1) << 53;
    Value offset = isSigned ? add(value, number(i64, limit)) : value;
    Value fits = arith::CmpIOp::create(*this, arith::CmpIPredicate::ult, offset,
                                       number(i64, isSigned ? 2 * limit : limit));
    value = select(fits, value, folded);
  }
  return convertFloat(direct(getF64Type()), type);
}

//===----------------------------------------------------------------------===//
// One elementwise op
//===----------------------------------------------------------------------===//

/// `op` on other operands, with `convert`ed scalar result types.
Operation *LoopBuilder::recreate(Operation *op, ValueRange operands,
                                 llvm::function_ref<Type(Type)> convert) {
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  for (Type type : op->getResultTypes())
    state.addTypes(convert(getElementTypeOrSelf(type)));
  state.addAttributes(op->getAttrs());
  return create(state);
}

/// Integer division that cannot trap: x / 0 and x % 0 are 0, and the least integer
/// divided by -1 wraps.
SmallVector<Value> LoopBuilder::divide(Operation *op, Value lhs, Value rhs) {
  Type type = rhs.getType();
  auto same = [](Type t) { return t; };
  std::optional<int64_t> divisor = getConstantIntValue(rhs);
  if (divisor && *divisor != 0 && *divisor != -1)
    return recreate(op, {lhs, rhs}, same)->getResults();
  Value zero = number(type, 0), one = number(type, 1);
  Value isZero = isEqual(rhs, zero);
  Value unsafe = isZero;
  if (isa<arith::DivSIOp, arith::RemSIOp, arith::FloorDivSIOp, arith::CeilDivSIOp>(op)) {
    unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
    Value least = constant(IntegerAttr::get(type, APInt::getSignedMinValue(width)));
    Value wraps = arith::AndIOp::create(*this, isEqual(lhs, least), isEqual(rhs, number(type, -1)));
    unsafe = arith::OrIOp::create(*this, unsafe, wraps);
  }
  Operation *safe = recreate(op, {lhs, select(unsafe, one, rhs)}, same);
  return {select(isZero, zero, safe->getResult(0))};
}

SmallVector<Value> LoopBuilder::apply(Operation *op, ValueRange operands) {
  Type result = getElementTypeOrSelf(op->getResult(0).getType());
  if (isa<arith::ExtFOp, arith::TruncFOp>(op))
    return {convertFloat(operands[0], cast<FloatType>(result))};
  if (isa<arith::SIToFPOp, arith::UIToFPOp>(op))
    return {convertInteger(operands[0], cast<FloatType>(result), isa<arith::SIToFPOp>(op))};
  if (isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, arith::FloorDivSIOp,
          arith::CeilDivSIOp, arith::CeilDivUIOp>(op))
    return divide(op, operands[0], operands[1]);
  // The C library's functions, which the rest of `math` becomes, know no integers.
  if (isa<math::AbsIOp>(op))
    return {maximum(operands[0], sub(number(result, 0), operands[0]))};
  // These move bits and compute nothing.
  bool moves = isa<arith::SelectOp, arith::BitcastOp>(op);
  auto wide = [&](Type type) { return moves ? type : getAccumulator(type); };
  SmallVector<Value> inputs(operands);
  if (!moves)
    for (Value &input : inputs)
      input = widen(input);
  Operation *scalar = recreate(op, inputs, wide);
  SmallVector<Value> results;
  for (auto [value, type] : llvm::zip(scalar->getResults(), op->getResultTypes())) {
    auto narrow = dyn_cast<FloatType>(getElementTypeOrSelf(type));
    results.push_back(narrow && !moves ? convertFloat(value, narrow) : value);
  }
  return results;
}

//===----------------------------------------------------------------------===//
// Arithmetic of our own loops
//===----------------------------------------------------------------------===//

Value LoopBuilder::add(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return arith::AddFOp::create(*this, a, b);
  return arith::AddIOp::create(*this, a, b);
}

Value LoopBuilder::sub(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return arith::SubFOp::create(*this, a, b);
  return arith::SubIOp::create(*this, a, b);
}

Value LoopBuilder::mul(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return arith::MulFOp::create(*this, a, b);
  return arith::MulIOp::create(*this, a, b);
}

Value LoopBuilder::maximum(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return arith::MaximumFOp::create(*this, a, b);
  return arith::MaxSIOp::create(*this, a, b);
}

Value LoopBuilder::minimum(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return arith::MinimumFOp::create(*this, a, b);
  return arith::MinSIOp::create(*this, a, b);
}

Value LoopBuilder::combine(Combine kind, Value a, Value b) {
  switch (kind) {
  case Combine::add:
    return add(a, b);
  case Combine::max:
    return maximum(a, b);
  case Combine::min:
    return minimum(a, b);
  }
  llvm_unreachable("all kinds are handled");
}

Value LoopBuilder::neutral(Combine kind, Type type) {
  if (kind == Combine::add)
    return number(type, 0);
  bool isMax = kind == Combine::max;
  if (auto elem = dyn_cast<FloatType>(type))
    return constant(
        FloatAttr::get(elem, APFloat::getInf(elem.getFloatSemantics(), /*Negative=*/isMax)));
  unsigned width = type.getIntOrFloatBitWidth();
  return constant(IntegerAttr::get(type, isMax ? APInt::getSignedMinValue(width)
                                               : APInt::getSignedMaxValue(width)));
}

Value LoopBuilder::exp(Value x) { return math::ExpOp::create(*this, x); }

Value LoopBuilder::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(*this, condition, a, b);
}

Value LoopBuilder::isEqual(Value a, Value b) {
  if (isa<FloatType>(a.getType()))
    return arith::CmpFOp::create(*this, arith::CmpFPredicate::OEQ, a, b);
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, a, b);
}
