//===- ComputeOps.cpp - Products and conversions --------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Sched/IR/Sched.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

/// The tile of a buffer, fragment or flight.
static RankedTensorType getTile(Type type) {
  if (auto buf = dyn_cast<BufType>(type))
    return buf.getTile();
  if (auto frag = dyn_cast<FragType>(type))
    return frag.getTile();
  return cast<FlightType>(type).getTile();
}

//===----------------------------------------------------------------------===//
// MmaOp
//===----------------------------------------------------------------------===//

/// (trans)? %a
static ParseResult parseFactor(OpAsmParser &parser, UnitAttr &trans,
                               OpAsmParser::UnresolvedOperand &operand) {
  if (succeeded(parser.parseOptionalKeyword("trans")))
    trans = parser.getBuilder().getUnitAttr();
  return parser.parseOperand(operand);
}

static ParseResult parseLabel(OpAsmParser &parser, StringAttr &label) {
  if (failed(parser.parseOptionalKeyword("label")))
    return success();
  std::string text;
  if (parser.parseString(&text))
    return failure();
  label = parser.getBuilder().getStringAttr(text);
  return success();
}

static StringAttr getSsaNameOf(OpAsmParser &parser) {
  if (parser.getNumResults() == 0)
    return {};
  StringRef text = parser.getResultName(0).first;
  bool named = !text.empty() && !llvm::isDigit(text.front());
  return named ? parser.getBuilder().getStringAttr(text) : StringAttr();
}

// (async)? factor, factor ((into | onto) %c)? (scale %s : T)? (acc %d (of T)?)?
// (panel n)? (label "s")? attrs : A, B (, C)? (-> R)?
ParseResult MmaOp::parse(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<Properties>();
  Builder &builder = parser.getBuilder();
  using Operands = SmallVector<OpAsmParser::UnresolvedOperand, 1>;
  Operands a(1), b(1), c, scale, acc;
  Type aType, bType, cType, scaleType, accType, resultType;
  int64_t panel;
  properties.ssa_name = getSsaNameOf(parser);
  if (succeeded(parser.parseOptionalKeyword("async")))
    properties.is_async = builder.getUnitAttr();
  if (parseFactor(parser, properties.trans_a, a[0]) || parser.parseComma() ||
      parseFactor(parser, properties.trans_b, b[0]))
    return failure();
  bool onto = succeeded(parser.parseOptionalKeyword("onto"));
  if (onto)
    properties.accumulate = builder.getUnitAttr();
  if (onto || succeeded(parser.parseOptionalKeyword("into")))
    if (parser.parseOperand(c.emplace_back()))
      return failure();
  if (succeeded(parser.parseOptionalKeyword("scale")) &&
      (parser.parseOperand(scale.emplace_back()) || parser.parseColonType(scaleType)))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("acc")) && parser.parseOperand(acc.emplace_back()))
    return failure();
  // `acc %p of T` where T is not the result's type.
  SMLoc loc = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalKeyword("of")) && parser.parseType(accType))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("panel"))) {
    if (parser.parseInteger(panel))
      return failure();
    properties.panel = builder.getI64IntegerAttr(panel);
  }
  if (parseLabel(parser, properties.label) || parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(aType) || parser.parseComma() || parser.parseType(bType))
    return failure();
  if (!c.empty() && (parser.parseComma() || parser.parseType(cType)))
    return failure();
  if (succeeded(parser.parseOptionalArrow())) {
    if (parser.parseType(resultType))
      return failure();
    result.addTypes(resultType);
  }
  if (!acc.empty() && !accType && !resultType)
    return parser.emitError(loc, "'acc' is for products with a result");
  auto resolve = [&](Operands &operands, Type type) -> ParseResult {
    return operands.empty() ? success() : parser.resolveOperand(operands[0], type, result.operands);
  };
  properties.operandSegmentSizes = {1, 1, static_cast<int32_t>(c.size()),
                                    static_cast<int32_t>(scale.size()),
                                    static_cast<int32_t>(acc.size())};
  return failure(resolve(a, aType) || resolve(b, bType) || resolve(c, cType) ||
                 resolve(scale, scaleType) || resolve(acc, accType ? accType : resultType));
}

void MmaOp::print(OpAsmPrinter &printer) {
  printer << (getIsAsync() ? " async" : "") << (getTransA() ? " trans " : " ") << getA()
          << (getTransB() ? ", trans " : ", ") << getB();
  if (getC())
    printer << (getAccumulate() ? " onto " : " into ") << getC();
  if (getScale())
    printer << " scale " << getScale() << " : " << getScale().getType();
  if (getAcc()) {
    printer << " acc " << getAcc();
    if (!getResult() || getAcc().getType() != getResult().getType())
      printer << " of " << getAcc().getType();
  }
  if (getPanel())
    printer << " panel " << static_cast<int64_t>(*getPanel());
  if (getLabelAttr())
    printer << " label " << getLabelAttr();
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {"is_async", "trans_a", "trans_b", "accumulate", "panel", "label",
                                 "ssa_name", "operandSegmentSizes"});
  printer << " : " << getA().getType() << ", " << getB().getType();
  if (getC())
    printer << ", " << getC().getType();
  if (getResult())
    printer << " -> " << getResult().getType();
}

/// Registers have no effects; a product in flight is ordered with everything.
void MmaOp::getEffects(SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  for (OpOperand *factor : {&getAMutable(), &getBMutable()})
    if (isa<BufType>(factor->get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), factor);
  if (getScale() && isa<BufType>(getScale().getType()))
    effects.emplace_back(MemoryEffects::Read::get(), &*getScaleMutable().begin());
  if (getC()) {
    OpOperand *c = &*getCMutable().begin();
    effects.emplace_back(MemoryEffects::Read::get(), c);
    effects.emplace_back(MemoryEffects::Write::get(), c);
  }
  if (getIsAsync())
    effects.emplace_back(MemoryEffects::Write::get());
}

/// C1: `[.., M, K] . [.., K, N]`, batch axes equal to the result's or 1.
static LogicalResult verifyExtents(MmaOp op, RankedTensorType a, RankedTensorType b,
                                   RankedTensorType c) {
  int64_t rank = c.getRank();
  if (a.getRank() != rank || b.getRank() != rank || rank < 2)
    return op.emitOpError() << "needs operands of one rank, at least 2, got " << a.getRank() << ", "
                            << b.getRank() << " and " << rank;
  int64_t m = a.getDimSize(rank - 2), ka = a.getDimSize(rank - 1);
  int64_t kb = b.getDimSize(rank - 2), n = b.getDimSize(rank - 1);
  if (op.getTransA())
    std::swap(m, ka);
  if (op.getTransB())
    std::swap(kb, n);
  if (ka != kb || m != c.getDimSize(rank - 2) || n != c.getDimSize(rank - 1))
    return op.emitOpError() << "of " << m << "x" << ka << " and " << kb << "x" << n
                            << " does not give " << c.getDimSize(rank - 2) << "x"
                            << c.getDimSize(rank - 1);
  for (int64_t axis = 0; axis < rank - 2; ++axis)
    for (int64_t extent : {a.getDimSize(axis), b.getDimSize(axis)})
      if (extent != 1 && extent != c.getDimSize(axis))
        return op.emitOpError() << "stretches batch axis " << axis << " of extent " << extent
                                << " to " << c.getDimSize(axis);
  if (a.getElementType() != b.getElementType())
    return op.emitOpError() << "mixes " << a.getElementType() << " and " << b.getElementType();
  return success();
}

/// Storage and slots of a factor that is a buffer.
static LogicalResult verifyFactor(MmaOp op, Value factor) {
  auto buf = dyn_cast<BufType>(factor.getType());
  if (!buf)
    return success();
  if (buf.getStages() != 1)
    return op.emitOpError() << "reads one stage, not " << buf;
  Value slot = getSlot(factor);
  if (slot && cast<SlotType>(slot.getType()).getMode() != SlotMode::waited) // C7
    return op.emitOpError() << "'" << describe(slot)
                            << "' is acquired, not waited for: cannot read it";
  return success();
}

/// C3, C4 and C8: products into a buffer.
static LogicalResult verifyIntoBuffer(MmaOp op) {
  auto a = dyn_cast<BufType>(op.getA().getType()), b = dyn_cast<BufType>(op.getB().getType());
  BufType c = op.getBufC();
  if (!a || !b) // C8
    return op.emitOpError() << "into a buffer takes buffers, got " << op.getA().getType() << " and "
                            << op.getB().getType();
  if (a.isPacked() || c.isPacked()) // C2
    return op.emitOpError("takes a packed buffer on its right only");
  if (op.getScale()) { // C3
    RankedTensorType scale = getTile(op.getScale().getType());
    if (!op.getAccumulate())
      return op.emitOpError("scales a result that it overwrites");
    if (scale.getShape() != c.getShape().drop_back() || scale.getElementType() != c.getElem())
      return op.emitOpError() << "takes one scale per row of " << c << ", got "
                              << op.getScale().getType();
  }
  if (op.getPanel() && static_cast<int64_t>(*op.getPanel()) < 1) // C4
    return op.emitOpError() << "needs a positive panel, got "
                            << static_cast<int64_t>(*op.getPanel());
  return success();
}

/// C5 and C6: products with a result.
static LogicalResult verifyResult(MmaOp op) {
  Type type = op.getResult().getType();
  if (op.getScale() || op.getPanel() || op.getAccumulate()) // C5
    return op.emitOpError("with a result takes neither 'scale' nor 'panel'");
  if (op.getIsAsync() != isa<FlightType>(type)) // C6
    return op.emitOpError() << (op.getIsAsync() ? "in flight" : "not in flight") << " gives "
                            << type;
  if (auto a = dyn_cast<BufType>(op.getA().getType()); a && a.isPacked()) // C2
    return op.emitOpError("takes a packed buffer on its right only");
  if (!op.getAcc())
    return success();
  Type acc = op.getAcc().getType();
  auto getLayout = [](Type tile) {
    auto frag = dyn_cast<FragType>(tile);
    return frag ? frag.getLayout() : cast<FlightType>(tile).getLayout();
  };
  if (getTile(acc) != getTile(type) || getLayout(acc) != getLayout(type)) // C6
    return op.emitOpError() << "adds to " << acc << " and gives " << type;
  if (isa<FlightType>(acc) && !op.getIsAsync())
    return op.emitOpError() << "'" << describe(op.getAcc())
                            << "' is in flight: read the result of its mma_wait";
  return success();
}

LogicalResult MmaOp::verify() {
  if (bool(getC()) == bool(getResult())) // C5
    return emitOpError("goes either into a buffer or gives a result");
  if (getC() && (getAcc() || getIsAsync()))
    return emitOpError("into a buffer is neither 'async' nor takes 'acc'");
  RankedTensorType result = getTile(getC() ? getC().getType() : getResult().getType());
  if (failed(verifyExtents(*this, getTile(getA().getType()), getTile(getB().getType()), result)) ||
      failed(verifyFactor(*this, getA())) || failed(verifyFactor(*this, getB())) ||
      failed(getC() ? verifyIntoBuffer(*this) : verifyResult(*this)))
    return failure();
  auto b = dyn_cast<BufType>(getB().getType());
  if (b && b.isPacked() && b.getTransposed() != getTransB()) // C2
    return emitOpError() << "reads " << b << " the other way than it is packed";
  return success();
}

//===----------------------------------------------------------------------===//
// MmaWaitOp
//===----------------------------------------------------------------------===//

LogicalResult MmaWaitOp::inferReturnTypes(MLIRContext *context, std::optional<Location>,
                                          Adaptor adaptor, SmallVectorImpl<Type> &types) {
  for (Value flight : adaptor.getFlights()) {
    auto type = cast<FlightType>(flight.getType());
    types.push_back(FragType::get(context, type.getShape(), type.getElem(), type.getLayout()));
  }
  return success();
}

LogicalResult MmaWaitOp::verify() {
  if (static_cast<int64_t>(getInflight()) < 0) // C1
    return emitOpError() << "'inflight' is not negative, got "
                         << static_cast<int64_t>(getInflight());
  if (!(*this)->getParentOfType<RoleOp>()) // C2
    return emitOpError("stands outside roles: nobody would run it");
  return success();
}

//===----------------------------------------------------------------------===//
// DiffersOp
//===----------------------------------------------------------------------===//

LogicalResult DiffersOp::verify() {
  auto tile = dyn_cast<RankedTensorType>(getX().getType());
  Type elem = (tile ? tile : getTile(getX().getType())).getElementType();
  if (!isa<FloatAttr>(getValue()) || getValue().getType() != elem) // C1
    return emitOpError() << "compares elements of " << elem << " with " << getValue();
  for (Operation *user : getResult().getUsers()) { // C2
    auto map = dyn_cast<MapOp>(user);
    if (!map || map.getAlong())
      return (emitOpError("may differ between warps: it is 'when' of maps without 'along' alone"))
                 .attachNote(user->getLoc())
             << "used here";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// ConvertOp
//===----------------------------------------------------------------------===//

void ConvertOp::getEffects(SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  if (getScratch())
    effects.emplace_back(MemoryEffects::Write::get(), &*getScratchMutable().begin());
}

LogicalResult ConvertOp::verify() {
  if (getSource().getType().getTile() != getResult().getType().getTile()) // C1
    return emitOpError() << "of " << getSource().getType() << " does not give "
                         << getResult().getType();
  if ((getCost() == Conversion::shared) != bool(getScratch())) // C2
    return emitOpError() << "'" << stringifyConversion(getCost()) << "' takes "
                         << (getScratch() ? "no scratch buffer" : "a scratch buffer");
  return success();
}

//===----------------------------------------------------------------------===//
// SegmentSumOp, TakeOp
//===----------------------------------------------------------------------===//

// %x by %ids (onto %buf | acc %frag) (label "s")? attrs : X, I, D
ParseResult sched::SegmentSumOp::parse(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<Properties>();
  OpAsmParser::UnresolvedOperand source, by, other;
  Type sourceType, byType, otherType;
  properties.ssa_name = getSsaNameOf(parser);
  if (parser.parseOperand(source) || parser.parseKeyword("by") || parser.parseOperand(by))
    return failure();
  bool onto = succeeded(parser.parseOptionalKeyword("onto"));
  if ((!onto && parser.parseKeyword("acc")) || parser.parseOperand(other) ||
      parseLabel(parser, properties.label) || parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(sourceType) || parser.parseComma() || parser.parseType(byType) ||
      parser.parseComma() || parser.parseType(otherType))
    return failure();
  if (!onto)
    result.addTypes(otherType);
  properties.operandSegmentSizes = {1, 1, onto, !onto};
  return failure(parser.resolveOperand(source, sourceType, result.operands) ||
                 parser.resolveOperand(by, byType, result.operands) ||
                 parser.resolveOperand(other, otherType, result.operands));
}

void sched::SegmentSumOp::print(OpAsmPrinter &printer) {
  printer << " " << getSource() << " by " << getBy() << (getDest() ? " onto " : " acc ");
  Value other = getDest() ? Value(getDest()) : Value(getAcc());
  printer << other;
  if (getLabelAttr())
    printer << " label " << getLabelAttr();
  printer.printOptionalAttrDict((*this)->getAttrs(), {"label", "ssa_name", "operandSegmentSizes"});
  printer << " : " << getSource().getType() << ", " << getBy().getType() << ", " << other.getType();
}

LogicalResult sched::SegmentSumOp::verify() {
  bool fragments = isa<FragType>(getSource().getType());
  if (fragments != isa<FragType>(getBy().getType()) || fragments != bool(getAcc()) ||
      fragments != bool(getResult()) || fragments == bool(getDest()) ||
      (fragments && getAcc().getType() != getResult().getType())) // C3
    return emitOpError("takes buffers onto a buffer, or fragments to a fragment");
  Type destType = fragments ? Type(getAcc().getType()) : Type(getDest().getType());
  RankedTensorType source = getTile(getSource().getType()), dest = getTile(destType);
  auto isPacked = [](Type type) { return isa<BufType>(type) && cast<BufType>(type).isPacked(); };
  if (isPacked(getSource().getType()) || isPacked(destType) || source.getRank() < 1 ||
      source.getRank() != dest.getRank() || source.getElementType() != dest.getElementType() ||
      source.getShape().drop_front() != dest.getShape().drop_front()) // C1
    return emitOpError() << "cannot add rows of " << getSource().getType() << " to rows of "
                         << destType;
  RankedTensorType by = getTile(getBy().getType());
  if (by.getRank() != 1 || !by.getElementType().isInteger(32) || isPacked(getBy().getType()) ||
      by.getDimSize(0) != source.getDimSize(0)) // C2
    return emitOpError() << "needs " << source.getDimSize(0) << " indices of i32, got "
                         << getBy().getType();
  return success();
}

LogicalResult TakeOp::verify() {
  RankedTensorType source = getSource().getType(), result = getResult().getType();
  if (source.getRank() < 1 || source.getRank() != result.getRank() ||
      source.getElementType() != result.getElementType() ||
      source.getShape().drop_front() != result.getShape().drop_front()) // C1
    return emitOpError() << "cannot take rows of " << source << " as " << result;
  if (getBy().getType().getDimSize(0) != result.getDimSize(0)) // C2
    return emitOpError() << "needs " << result.getDimSize(0) << " indices of i32, got "
                         << getBy().getType();
  return success();
}
