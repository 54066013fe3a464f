//===- MapOp.cpp - Regions of elementwise work -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Sched/IR/Sched.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

sched::YieldOp MapOp::getYield() {
  return cast<sched::YieldOp>(getBody().front().getTerminator());
}

/// The tile that an operand of either form stands for.
static RankedTensorType getTileType(Type type) {
  if (auto buf = dyn_cast<BufType>(type))
    return buf.getTile();
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
  SmallVector<OpAsmParser::UnresolvedOperand> ins, outs;
  SmallVector<Type> inTypes, outTypes;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword("domain") ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
        return parser.parseInteger(domain.emplace_back());
      }))
    return failure();
  properties.domain = builder.getDenseI64ArrayAttr(domain);
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
  if (succeeded(parser.parseOptionalKeyword("label"))) {
    std::string label;
    if (parser.parseString(&label))
      return failure();
    properties.label = builder.getStringAttr(label);
  }
  if (parser.parseOptionalArrowTypeList(result.types) ||
      parser.resolveOperands(ins, inTypes, loc, result.operands) ||
      parser.resolveOperands(outs, outTypes, loc, result.operands))
    return failure();
  for (auto [argument, type] : llvm::zip(arguments, inTypes)) {
    if (!isa<BufType, RankedTensorType>(type))
      return parser.emitError(loc, "takes tiles or buffers, got ") << type;
    argument.type = getTileType(type);
  }
  properties.operandSegmentSizes = {static_cast<int32_t>(ins.size()),
                                    static_cast<int32_t>(outs.size())};
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  return parser.parseRegion(*result.addRegion(), arguments);
}

void MapOp::print(OpAsmPrinter &printer) {
  printer << " domain [";
  llvm::interleaveComma(getDomain(), printer);
  printer << "]";
  if (!getIns().empty()) {
    printer << " ins(";
    llvm::interleaveComma(
        llvm::zip(getBody().getArguments(), getIns()), printer,
        [&](auto pair) { printer << std::get<0>(pair) << " = " << std::get<1>(pair); });
    printer << " : " << getIns().getTypes() << ")";
  }
  if (!getOuts().empty())
    printer << " outs(" << getOuts() << " : " << getOuts().getTypes() << ")";
  if (getLabelAttr())
    printer << " label " << getLabelAttr();
  printer.printOptionalArrowTypeList(getResultTypes());
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {"domain", "label", "operandSegmentSizes"});
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
    return emitOpError() << "has " << getIns().size() << " operands but "
                         << block.getNumArguments() << " block arguments";
  for (auto [i, operand, argument] : llvm::enumerate(getIns(), block.getArguments()))
    if (getTileType(operand.getType()) != argument.getType())
      return emitOpError() << "operand " << i << " is " << operand.getType()
                           << " but the body takes " << argument.getType();
  return success();
}

LogicalResult MapOp::verifyRegions() {
  auto yield = dyn_cast<sched::YieldOp>(getBody().front().getTerminator());
  if (!yield)
    return emitOpError("body must end with sched.yield");
  std::optional<int64_t> axis;
  for (auto [i, value] : llvm::enumerate(yield.getValues())) { // C2
    auto type = cast<RankedTensorType>(value.getType());
    if (auto reduce = value.getDefiningOp<ReduceOp>()) {
      if (reduce.getX().getType().getShape() != getDomain())
        return emitOpError() << "reduces a tile that has not the domain's shape";
      if (axis && *axis != static_cast<int64_t>(reduce.getAxis()))
        return emitOpError() << "reduces axis " << *axis << " and axis " << reduce.getAxis();
      axis = reduce.getAxis();
      continue;
    }
    if (type.getShape() != getDomain())
      return emitOpError() << "yields " << type << " as value " << i
                           << ", which has not the domain's shape";
  }
  for (Operation &op : getBody().front().without_terminator()) { // C5
    if (!isMemoryEffectFree(&op) || op.getNumRegions() != 0)
      return op.emitOpError("is not allowed in a map");
    if (auto reduce = dyn_cast<ReduceOp>(op))
      for (Operation *user : reduce->getUsers())
        if (user != yield)
          return user->emitOpError("uses a reduction inside the map that forms it");
  }
  if (getResults().empty()) { // C3
    if (getOuts().size() != yield.getValues().size())
      return emitOpError() << "yields " << yield.getValues().size() << " tiles into "
                           << getOuts().size() << " buffers";
    for (auto [out, value] : llvm::zip(getOuts(), yield.getValues())) {
      auto buf = cast<BufType>(out.getType());
      if (buf.getTile() != value.getType() || buf.isPacked())
        return emitOpError() << "yields " << value.getType() << " into " << buf;
    }
    return success();
  }
  if (!getOuts().empty())
    return emitOpError("has both results and outs");
  if (getResultTypes() != TypeRange(yield.getValues().getTypes())) // C4
    return emitOpError() << "yields (" << yield.getValues().getTypes() << ") as ("
                         << getResultTypes() << ")";
  return success();
}
