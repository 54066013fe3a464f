//===- SoftmaxOps.cpp - The running softmax -------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/APFloat.h"

#include <cmath>

using namespace mlir;
using namespace tegula;

//===----------------------------------------------------------------------===//
// Verification and syntax
//===----------------------------------------------------------------------===//

/// The three parts must have the types of `state`.
static LogicalResult verifyParts(Operation *op, SoftmaxType state, TypeRange parts) {
  static constexpr StringRef names[] = {"m", "l", "acc"};
  for (auto [name, expected, part] : llvm::zip(names, state.getPartTypes(), parts))
    if (expected != part)
      return op->emitOpError() << "part '" << name << "' of " << state << " is " << expected
                               << ", not " << part;
  return success();
}

LogicalResult SoftmaxUpdateOp::verify() {
  SoftmaxType state = getState().getType();
  RankedTensorType x = getX().getType(), v = getV().getType();
  if (x.getRank() != 2 || v.getRank() != 2)
    return emitOpError() << "takes weights and values of rank 2, got ranks " << x.getRank()
                         << " and " << v.getRank();
  if (x.getDimSize(0) != state.getRows() || v.getDimSize(1) != state.getCols()) // C1
    return emitOpError() << "of " << x << " weights and " << v << " values does not fit " << state;
  if (x.getDimSize(1) != v.getDimSize(0))
    return emitOpError() << "has weights of " << x.getDimSize(1) << " keys and values of "
                         << v.getDimSize(0);
  if (x.getElementType() != state.getElem())
    return emitOpError() << "takes log-weights of the state's type " << state.getElem()
                         << ", got " << x.getElementType();
  if (getScale() && getScale().getType() != state.getElem()) // C2
    return emitOpError() << "takes a scale of the state's type " << state.getElem() << ", got "
                         << getScale().getType();
  if (getMult() && getMult().getType() != x) // C3
    return emitOpError() << "takes a multiplier of type " << x << ", got "
                         << getMult().getType();
  if (state.getElem().isF64() != v.getElementType().isF64()) // C4
    return emitOpError() << "with a state of " << state.getElem() << " cannot take values of "
                         << v.getElementType();
  if (getLag()) { // C5
    auto elem = cast<FloatType>(v.getElementType());
    double lag = getLag()->convertToDouble();
    if (!(lag >= 0))
      return emitOpError() << "has a negative lag";
    if (double limit = getLagLimit(elem); lag >= limit)
      return emitOpError() << "lets weights reach 2 to the power of its lag, and " << elem
                           << " ends before 2 to the " << static_cast<int64_t>(std::ceil(limit));
  }
  return success();
}

double tegula::getLagLimit(FloatType elem) {
  return std::log2(APFloat::getLargest(elem.getFloatSemantics()).convertToDouble());
}

void tegula::collectUpdates(Value state, llvm::SetVector<Operation *> &updates) {
  llvm::SetVector<Value> seen;
  auto add = [&](ValueRange values) {
    for (Value value : values)
      if (isa<SoftmaxType>(value.getType()))
        seen.insert(value);
  };
  add(state);
  for (unsigned i = 0; i < seen.size(); ++i) {
    auto argument = dyn_cast<BlockArgument>(seen[i]);
    Operation *op = argument ? argument.getOwner()->getParentOp() : seen[i].getDefiningOp();
    if (isa<SoftmaxUpdateOp>(op))
      updates.insert(op);
    add(op->getOperands());
    for (Region &region : op->getRegions())
      for (Block &block : region)
        add(block.getTerminator()->getOperands());
  }
}

ArrayRef<StringRef> SoftmaxUpdateOp::getInnerLabels() {
  static constexpr StringRef labels[] = {".max", ".exp", ".sum", ".dot"};
  return labels;
}

ParseResult SoftmaxStateOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::UnresolvedOperand, 3> parts;
  SoftmaxType type;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOperandList(parts, 3) || parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type) ||
      parser.resolveOperands(parts, type.getPartTypes(), loc, result.operands))
    return failure();
  result.addTypes(type);
  return success();
}

void SoftmaxStateOp::print(OpAsmPrinter &printer) {
  printer << " " << getOperands();
  printer.printOptionalAttrDict((*this)->getAttrs());
  printer << " : " << getState().getType();
}

LogicalResult SoftmaxStateOp::verify() {
  return verifyParts(*this, getState().getType(), getOperandTypes());
}

ParseResult SoftmaxPartsOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand state;
  SoftmaxType type;
  if (parser.parseOperand(state) || parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type) || parser.resolveOperand(state, type, result.operands))
    return failure();
  result.addTypes(type.getPartTypes());
  return success();
}

void SoftmaxPartsOp::print(OpAsmPrinter &printer) {
  printer << " " << getState();
  printer.printOptionalAttrDict((*this)->getAttrs());
  printer << " : " << getState().getType();
}

LogicalResult SoftmaxPartsOp::verify() {
  return verifyParts(*this, getState().getType(), getResultTypes());
}

LogicalResult SoftmaxFinishOp::verify() {
  SmallVector<Type, 3> parts = getState().getType().getPartTypes();
  if (getOut().getType() != parts[2] || getLse().getType() != parts[1]) // C1
    return emitOpError() << "of " << getState().getType() << " gives " << parts[2] << " and "
                         << parts[1] << ", not " << getOut().getType() << " and "
                         << getLse().getType();
  return success();
}

//===----------------------------------------------------------------------===//
// Folds and canonicalisation
//===----------------------------------------------------------------------===//

OpFoldResult SoftmaxUpdateOp::fold(FoldAdaptor) {
  // Weights of -inf change nothing.
  if (matchPattern(getX(), m_NegInfFloat()) && !getMult())
    return getState();
  return {};
}

namespace {

/// softmax_update .. scale 1 mult 1  ->  softmax_update ..
struct DropUnitFactors : OpRewritePattern<SoftmaxUpdateOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(SoftmaxUpdateOp op, PatternRewriter &rewriter) const override {
    bool hasUnitScale = op.getScale() && matchPattern(op.getScale(), m_OneFloat());
    bool hasUnitMult = op.getMult() && matchPattern(op.getMult(), m_OneFloat());
    if (!hasUnitScale && !hasUnitMult)
      return rewriter.notifyMatchFailure(op, "no factor is 1");
    rewriter.modifyOpInPlace(op, [&] {
      if (hasUnitScale)
        op.getScaleMutable().clear();
      if (hasUnitMult)
        op.getMultMutable().clear();
    });
    return success();
  }
};

} // namespace

void SoftmaxUpdateOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                                  MLIRContext *context) {
  patterns.add<DropUnitFactors>(context);
}

OpFoldResult SoftmaxMergeOp::fold(FoldAdaptor) {
  if (getA().getDefiningOp<SoftmaxInitOp>())
    return getB();
  if (getB().getDefiningOp<SoftmaxInitOp>())
    return getA();
  return {};
}

OpFoldResult SoftmaxStateOp::fold(FoldAdaptor) {
  auto parts = getM().getDefiningOp<SoftmaxPartsOp>();
  if (parts && parts.getState().getType() == getType() &&
      ValueRange(parts.getResults()) == ValueRange(getOperands()))
    return parts.getState();
  return {};
}

LogicalResult SoftmaxPartsOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &results) {
  auto state = getState().getDefiningOp<SoftmaxStateOp>();
  if (!state)
    return failure();
  llvm::append_range(results, state.getOperands());
  return success();
}

//===----------------------------------------------------------------------===//
// Decomposition
//===----------------------------------------------------------------------===//

namespace {

/// Writes elementwise expressions over tiles of one element type.
struct TileBuilder : ImplicitLocOpBuilder {
  TileBuilder(OpBuilder &builder, Location loc, FloatType elem)
      : ImplicitLocOpBuilder(loc, builder), elem(elem) {}

  RankedTensorType like(Value tile) { return cast<RankedTensorType>(tile.getType()); }

  Value constant(RankedTensorType type, const APFloat &value) {
    return arith::ConstantOp::create(*this, DenseElementsAttr::get(type, value));
  }
  Value constant(RankedTensorType type, double value) {
    APFloat number(value);
    bool lossy;
    number.convert(elem.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lossy);
    return constant(type, number);
  }
  Value minusInfinity(RankedTensorType type) {
    return constant(type, APFloat::getInf(elem.getFloatSemantics(), /*Negative=*/true));
  }
  Value mul(Value a, Value b) { return arith::MulFOp::create(*this, a, b); }
  Value add(Value a, Value b) { return arith::AddFOp::create(*this, a, b); }
  Value sub(Value a, Value b) { return arith::SubFOp::create(*this, a, b); }
  Value maximum(Value a, Value b) { return arith::MaximumFOp::create(*this, a, b); }
  Value isEqual(Value a, Value b) {
    return arith::CmpFOp::create(*this, arith::CmpFPredicate::OEQ, a, b);
  }
  Value isAtMost(Value a, Value b) {
    return arith::CmpFOp::create(*this, arith::CmpFPredicate::OLE, a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return arith::SelectOp::create(*this, condition, a, b);
  }
  /// One number per row, stretched over the columns of `type`.
  Value rows(Value tile, RankedTensorType type) {
    return BroadcastOp::create(*this, type, tile, ArrayRef<int64_t>{0});
  }
  /// exp(x), as 2^(x log2 e) with the policy.
  Value exp(Value x, ExpPolicyAttr policy, StringAttr label) {
    if (!policy)
      return math::ExpOp::create(*this, x);
    Value scaled = mul(x, constant(like(x), 1.4426950408889634));
    return Exp2Op::create(*this, scaled.getType(), scaled, policy, nullptr, label);
  }
  /// m, or 0 where m is -inf: so that (-inf) - m is -inf and not NaN.
  Value finiteOrZero(Value m) {
    Value none = isEqual(m, minusInfinity(like(m)));
    return select(none, constant(like(m), 0.0), m);
  }

  FloatType elem;
};

} // namespace

static StringAttr innerLabel(StringAttr label, StringRef suffix) {
  return label ? StringAttr::get(label.getContext(), label.getValue() + suffix) : nullptr;
}

LogicalResult SoftmaxInitOp::decompose(OpBuilder &builder, ArrayRef<ValueRange> operands,
                                       SmallVectorImpl<SmallVector<Value>> &results) {
  SoftmaxType type = getState().getType();
  TileBuilder b(builder, getLoc(), cast<FloatType>(type.getElem()));
  SmallVector<Type, 3> parts = type.getPartTypes();
  results.push_back({b.minusInfinity(cast<RankedTensorType>(parts[0])),
                     b.constant(cast<RankedTensorType>(parts[1]), 0.0),
                     b.constant(cast<RankedTensorType>(parts[2]), 0.0)});
  return success();
}

LogicalResult SoftmaxUpdateOp::decompose(OpBuilder &builder, ArrayRef<ValueRange> operands,
                                         SmallVectorImpl<SmallVector<Value>> &results) {
  SoftmaxType type = getState().getType();
  TileBuilder b(builder, getLoc(), cast<FloatType>(type.getElem()));
  ValueRange state = operands[0];
  Value m = state[0], l = state[1], acc = state[2];
  Value w = operands[1].front(), v = operands[2].front();
  auto wType = cast<RankedTensorType>(w.getType());
  unsigned next = 3;
  if (getScale())
    w = b.mul(w, tensor::SplatOp::create(b, wType, operands[next++].front()));

  StringAttr label = getLabelAttr();
  ExpPolicyAttr policy = getPolicyAttr();
  Value rowMax = ReduceOp::create(b, m.getType(), Combine::max, w, 1, innerLabel(label, ".max"));
  Value newMax = b.maximum(m, rowMax);
  Value near;
  if (getLag()) {
    // -inf and NaN are never near.
    Value most = b.constant(b.like(m), getLag()->convertToDouble() * 0.69314718055994531);
    near = b.isAtMost(b.sub(newMax, m), most);
    newMax = b.select(near, m, newMax);
  }
  Value base = b.finiteOrZero(newMax);
  Value alpha = b.exp(b.sub(m, base), policy, nullptr);
  if (near) // exactly, so that what a 1 scales may be left as it is
    alpha = b.select(near, b.constant(b.like(m), 1.0), alpha);
  Value p = b.exp(b.sub(w, b.rows(base, wType)), policy, innerLabel(label, ".exp"));
  if (getMult())
    p = b.mul(p, operands[next].front());
  Value rowSum = ReduceOp::create(b, l.getType(), Combine::add, p, 1, innerLabel(label, ".sum"));
  Value newSum = b.add(b.mul(l, alpha), rowSum);
  Type vElem = cast<RankedTensorType>(v.getType()).getElementType();
  if (vElem != type.getElem())
    p = arith::TruncFOp::create(b, wType.clone(vElem), p);
  Value rescaled = b.mul(acc, b.rows(alpha, b.like(acc)));
  Value newAcc = DotOp::create(b, acc.getType(), p, v, rescaled, /*trans_a=*/false,
                               /*trans_b=*/false, Precision::ieee, innerLabel(label, ".dot"));
  results.push_back({newMax, newSum, newAcc});
  return success();
}

LogicalResult SoftmaxMergeOp::decompose(OpBuilder &builder, ArrayRef<ValueRange> operands,
                                        SmallVectorImpl<SmallVector<Value>> &results) {
  SoftmaxType type = getResult().getType();
  TileBuilder b(builder, getLoc(), cast<FloatType>(type.getElem()));
  ValueRange lhs = operands[0], rhs = operands[1];
  Value m = b.maximum(lhs[0], rhs[0]);
  Value base = b.finiteOrZero(m);
  SmallVector<Value> sums, accs;
  for (ValueRange side : {lhs, rhs}) {
    Value weight = b.exp(b.sub(side[0], base), getPolicyAttr(), nullptr);
    sums.push_back(b.mul(side[1], weight));
    accs.push_back(b.mul(side[2], b.rows(weight, b.like(side[2]))));
  }
  results.push_back({m, b.add(sums[0], sums[1]), b.add(accs[0], accs[1])});
  return success();
}

LogicalResult SoftmaxStateOp::decompose(OpBuilder &builder, ArrayRef<ValueRange> operands,
                                        SmallVectorImpl<SmallVector<Value>> &results) {
  results.push_back({operands[0].front(), operands[1].front(), operands[2].front()});
  return success();
}

LogicalResult SoftmaxPartsOp::decompose(OpBuilder &builder, ArrayRef<ValueRange> operands,
                                        SmallVectorImpl<SmallVector<Value>> &results) {
  for (Value part : operands[0])
    results.push_back({part});
  return success();
}

LogicalResult SoftmaxFinishOp::decompose(OpBuilder &builder, ArrayRef<ValueRange> operands,
                                         SmallVectorImpl<SmallVector<Value>> &results) {
  SoftmaxType type = getState().getType();
  TileBuilder b(builder, getLoc(), cast<FloatType>(type.getElem()));
  ValueRange state = operands[0];
  Value m = state[0], l = state[1], acc = state[2];
  Value empty = b.isEqual(l, b.constant(b.like(l), 0.0));
  Value divisor = b.select(empty, b.constant(b.like(l), 1.0), l);
  Value mean = arith::DivFOp::create(b, acc, b.rows(divisor, b.like(acc)));
  // The sum is 0 exactly where every weight was; acc may still hold signed multiples.
  Value none = BroadcastOp::create(b, b.like(acc).clone(b.getI1Type()), empty,
                                   ArrayRef<int64_t>{0});
  Value out = b.select(none, b.constant(b.like(acc), 0.0), mean);
  Value sum = b.add(m, math::LogOp::create(b, divisor));
  Value lse = b.select(empty, b.minusInfinity(b.like(l)), sum);
  results.push_back({out});
  results.push_back({lse});
  return success();
}
