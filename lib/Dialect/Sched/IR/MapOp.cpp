//===- MapOp.cpp - Regions of elementwise work -===//
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

sched::YieldOp MapOp::getYield() { return cast<sched::YieldOp>(getBody().front().getTerminator()); }

bool MapOp::isOnFragments() {
  auto isFragment = [](Type type) { return isa<FragType>(type); };
  return llvm::any_of(getIns().getTypes(), isFragment) ||
         llvm::any_of(getResultTypes(), isFragment);
}

/// The tile that an operand or result of any form stands for.
static RankedTensorType getTileType(Type type) {
  if (auto buf = dyn_cast<BufType>(type))
    return buf.getTile();
  if (auto frag = dyn_cast<FragType>(type))
    return frag.getTile();
  return cast<RankedTensorType>(type);
}

//===----------------------------------------------------------------------===//
// Syntax
//===----------------------------------------------------------------------===//

ParseResult MapOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &builder = parser.getBuilder();
  auto &properties = result.getOrAddProperties<Properties>();
  SmallVector<int64_t> domain;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> ins, outs, when;
  SmallVector<Type> inTypes, outTypes;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.getNumResults() != 0)
    if (StringRef name = parser.getResultName(0).first; !name.empty() && !llvm::isDigit(name[0]))
      properties.ssa_name = builder.getStringAttr(name);
  if (parser.parseKeyword("domain") ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                     [&] { return parser.parseInteger(domain.emplace_back()); }))
    return failure();
  properties.domain = builder.getDenseI64ArrayAttr(domain);
  if (succeeded(parser.parseOptionalKeyword("along"))) {
    int64_t along;
    if (parser.parseInteger(along))
      return failure();
    properties.along = builder.getI64IntegerAttr(along);
  }
  if (succeeded(parser.parseOptionalKeyword("ins"))) {
    auto parseOne = [&]() -> ParseResult {
      return failure(parser.parseArgument(arguments.emplace_back()) || parser.parseEqual() ||
                     parser.parseOperand(ins.emplace_back()));
    };
    if (parser.parseLParen() || parser.parseCommaSeparatedList(parseOne) ||
        parser.parseColonTypeList(inTypes) || parser.parseRParen())
      return failure();
  }
  if (succeeded(parser.parseOptionalKeyword("outs"))) {
    auto parseOne = [&]() -> ParseResult { return parser.parseOperand(outs.emplace_back()); };
    if (parser.parseLParen() || parser.parseCommaSeparatedList(parseOne) ||
        parser.parseColonTypeList(outTypes) || parser.parseRParen())
      return failure();
  }
  if (succeeded(parser.parseOptionalKeyword("when")) && parser.parseOperand(when.emplace_back()))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("label"))) {
    std::string label;
    if (parser.parseString(&label))
      return failure();
    properties.label = builder.getStringAttr(label);
  }
  if (parser.parseOptionalArrowTypeList(result.types) ||
      parser.resolveOperands(ins, inTypes, loc, result.operands) ||
      parser.resolveOperands(outs, outTypes, loc, result.operands) ||
      parser.resolveOperands(when, builder.getI1Type(), result.operands))
    return failure();
  for (auto [argument, type] : llvm::zip(arguments, inTypes)) {
    if (!isa<BufType, FragType, RankedTensorType>(type))
      return parser.emitError(loc, "takes tiles, buffers or fragments, got ") << type;
    argument.type = getTileType(type);
  }
  properties.operandSegmentSizes = {static_cast<int32_t>(ins.size()),
                                    static_cast<int32_t>(outs.size()),
                                    static_cast<int32_t>(when.size())};
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  return parser.parseRegion(*result.addRegion(), arguments);
}

void MapOp::print(OpAsmPrinter &printer) {
  printer << " domain [";
  llvm::interleaveComma(getDomain(), printer);
  printer << "]";
  if (getAlong())
    printer << " along " << static_cast<int64_t>(*getAlong());
  if (!getIns().empty()) {
    printer << " ins(";
    llvm::interleaveComma(llvm::zip(getBody().getArguments(), getIns()), printer, [&](auto pair) {
      printer << std::get<0>(pair) << " = " << std::get<1>(pair);
    });
    printer << " : " << getIns().getTypes() << ")";
  }
  if (!getOuts().empty())
    printer << " outs(" << getOuts() << " : " << getOuts().getTypes() << ")";
  if (getWhen())
    printer << " when " << getWhen();
  if (getLabelAttr())
    printer << " label " << getLabelAttr();
  printer.printOptionalArrowTypeList(getResultTypes());
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(), {"domain", "along", "label", "ssa_name", "operandSegmentSizes"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

void MapOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  for (BlockArgument argument : region.getArguments())
    setName(argument, "x");
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

LogicalResult MapOp::verify() {
  Block &block = getBody().front();
  if (block.getNumArguments() != getIns().size()) // C1
    return emitOpError() << "has " << getIns().size() << " operands but " << block.getNumArguments()
                         << " block arguments";
  for (auto [i, operand, argument] : llvm::enumerate(getIns(), block.getArguments()))
    if (getTileType(operand.getType()) != argument.getType())
      return emitOpError() << "operand " << i << " is " << operand.getType()
                           << " but the body takes " << argument.getType();
  if (getAlong() && *getAlong() >= getDomain().size()) // C6
    return emitOpError() << "along " << static_cast<int64_t>(*getAlong())
                         << " names no axis of its domain";
  if (getWhen()) // C7
    for (auto [i, type] : llvm::enumerate(getResultTypes()))
      if (i >= getIns().size() || getIns()[i].getType() != type)
        return emitOpError() << "with 'when' needs an operand " << i << " of type " << type
                             << " to give instead of its result";
  return success();
}

/// C2 without `along`, for x86's maps and what becomes of them: what is yielded has the
/// domain's shape or is a reduction of it.
static LogicalResult verifyYielded(MapOp op, Value value, unsigned number,
                                   std::optional<int64_t> &axis) {
  auto type = cast<RankedTensorType>(value.getType());
  if (auto reduce = value.getDefiningOp<ReduceOp>()) {
    if (reduce.getX().getType().getShape() != op.getDomain())
      return op.emitOpError() << "reduces a tile that has not the domain's shape";
    if (axis && *axis != static_cast<int64_t>(reduce.getAxis()))
      return op.emitOpError() << "reduces axis " << *axis << " and axis " << reduce.getAxis();
    axis = reduce.getAxis();
    return success();
  }
  if (type.getShape() != op.getDomain())
    return op.emitOpError() << "yields " << type << " as value " << number
                            << ", which has not the domain's shape";
  return success();
}

/// C2 with `along`: the domain's shape, with or without that axis.
static LogicalResult verifyYieldedAlong(MapOp op, RankedTensorType type, unsigned number) {
  SmallVector<int64_t> rows(op.getDomain());
  rows.erase(rows.begin() + *op.getAlong());
  if (type.getShape() != op.getDomain() && type.getShape() != ArrayRef<int64_t>(rows))
    return op.emitOpError() << "yields " << type << " as value " << number
                            << ", which has not the domain's shape, with or without axis "
                            << static_cast<int64_t>(*op.getAlong());
  return success();
}

/// C5 and C6, and where reductions may be used.
static LogicalResult verifyBody(MapOp op, sched::YieldOp yield) {
  for (Operation &inner : op.getBody().front().without_terminator()) {
    if (!isMemoryEffectFree(&inner) || inner.getNumRegions() != 0)
      return inner.emitOpError("is not allowed in a map");
    auto reduce = dyn_cast<ReduceOp>(inner);
    if (!reduce)
      continue;
    if (!op.getAlong()) {
      for (Operation *user : reduce->getUsers())
        if (user != yield)
          return user->emitOpError("uses a reduction inside the map that forms it");
    } else if (reduce.getX().getType().getRank() == static_cast<int64_t>(op.getDomain().size()) &&
               reduce.getAxis() != *op.getAlong()) {
      return inner.emitOpError() << "reduces axis " << reduce.getAxis() << " in a map along axis "
                                 << static_cast<int64_t>(*op.getAlong());
    }
  }
  return success();
}

/// C3 and C4: the yielded tiles are the results and the outs, in this order.
static LogicalResult verifyTargets(MapOp op, ValueRange yielded) {
  size_t results = op.getNumResults(), outs = op.getOuts().size();
  bool fragments = op.isOnFragments();
  if (results != 0 && outs != 0 && !fragments)
    return op.emitOpError("has both results and outs");
  if (results == 0 && outs != yielded.size())
    return op.emitOpError() << "yields " << yielded.size() << " tiles into " << outs << " buffers";
  auto resultTiles =
      llvm::map_to_vector(op.getResultTypes(), [](Type type) -> Type { return getTileType(type); });
  if (results + outs != yielded.size() ||
      TypeRange(yielded.take_front(results)) != TypeRange(resultTiles))
    return op.emitOpError() << "yields (" << yielded.getTypes() << ") as (" << op.getResultTypes()
                            << ")";
  for (Type type : op.getResultTypes())
    if (fragments && !isa<FragType>(type))
      return op.emitOpError() << "on fragments gives " << type;
  for (Type type : op.getIns().getTypes())
    if (fragments && isa<RankedTensorType>(type))
      return op.emitOpError() << "on fragments takes " << type;
  for (auto [out, value] : llvm::zip(op.getOuts(), yielded.drop_front(results))) {
    auto buf = cast<BufType>(out.getType());
    if (buf.getTile() != value.getType() || buf.isPacked())
      return op.emitOpError() << "yields " << value.getType() << " into " << buf;
  }
  return success();
}

LogicalResult MapOp::verifyRegions() {
  auto yield = dyn_cast<sched::YieldOp>(getBody().front().getTerminator());
  if (!yield)
    return emitOpError("body must end with sched.yield");
  std::optional<int64_t> axis;
  for (auto [i, value] : llvm::enumerate(yield.getValues())) { // C2
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type)
      return emitOpError() << "yields " << value.getType() << " as value " << i
                           << ", which is no tile";
    if (failed(getAlong() ? verifyYieldedAlong(*this, type, i)
                          : verifyYielded(*this, value, i, axis)))
      return failure();
  }
  if (failed(verifyBody(*this, yield)))
    return failure();
  return verifyTargets(*this, yield.getValues());
}
