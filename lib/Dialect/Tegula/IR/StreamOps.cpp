//===- StreamOps.cpp - Streams over spans -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Schedule.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace tegula;

YieldOp StreamOp::getYield() { return cast<YieldOp>(getBody().front().getTerminator()); }

//===----------------------------------------------------------------------===//
// Syntax
//===----------------------------------------------------------------------===//

ParseResult StreamOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &builder = parser.getBuilder();
  auto &properties = result.getOrAddProperties<Properties>();
  SmallVector<OpAsmParser::Argument> arguments(1);
  SmallVector<OpAsmParser::UnresolvedOperand> bounds(2), inits;
  int64_t step = 0;
  arguments[0].type = builder.getIndexType();
  if (parser.parseArgument(arguments[0]) || parser.parseEqual() ||
      parser.parseOperand(bounds[0]) || parser.parseKeyword("to") ||
      parser.parseOperand(bounds[1]) || parser.parseKeyword("step") || parser.parseInteger(step) ||
      parser.resolveOperands(bounds, builder.getIndexType(), result.operands))
    return failure();
  properties.step = builder.getI64IntegerAttr(step);
  if (succeeded(parser.parseOptionalKeyword("order"))) {
    StringRef word;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&word))
      return failure();
    std::optional<StreamOrder> order = symbolizeStreamOrder(word);
    if (!order)
      return parser.emitError(loc, "unknown stream order '") << word << "'";
    properties.order = StreamOrderAttr::get(builder.getContext(), *order);
  }
  if (succeeded(parser.parseOptionalKeyword("label"))) {
    std::string label;
    if (parser.parseString(&label))
      return failure();
    properties.label = builder.getStringAttr(label);
  }
  if (succeeded(parser.parseOptionalKeyword("iter_args"))) {
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseAssignmentList(arguments, inits))
      return failure();
    if (parser.parseArrowTypeList(result.types))
      return failure();
    if (result.types.size() != inits.size())
      return parser.emitError(loc, "has ") << inits.size() << " initial values but "
                                           << result.types.size() << " types";
    for (auto [argument, type] : llvm::zip(llvm::drop_begin(arguments), result.types))
      argument.type = type;
    if (parser.resolveOperands(inits, result.types, loc, result.operands))
      return failure();
  }
  if (succeeded(parser.parseOptionalKeyword("schedule"))) {
    auto schedule = dyn_cast_or_null<ScheduleAttr>(ScheduleAttr::parse(parser, {}));
    if (!schedule)
      return failure();
    properties.schedule = schedule;
  }
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  return parser.parseRegion(*result.addRegion(), arguments);
}

void StreamOp::print(OpAsmPrinter &printer) {
  printer << " " << getPosition() << " = " << getLo() << " to " << getHi() << " step "
          << getStep();
  if (getOrder() != StreamOrder::up)
    printer << " order " << stringifyStreamOrder(getOrder());
  if (getLabelAttr())
    printer << " label " << getLabelAttr();
  if (!getInitArgs().empty()) {
    printer << " iter_args(";
    llvm::interleaveComma(llvm::zip(getCarried(), getInitArgs()), printer, [&](auto pair) {
      printer << std::get<0>(pair) << " = " << std::get<1>(pair);
    });
    printer << ") -> (" << getResultTypes() << ")";
  }
  if (getScheduleAttr()) {
    printer << " schedule";
    getScheduleAttr().print(printer);
  }
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {"step", "order", "label", "schedule"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

void StreamOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  if (region.getNumArguments() != 0)
    setName(region.getArgument(0), getLabel().value_or("pos"));
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

LogicalResult StreamOp::verify() {
  if (static_cast<int64_t>(getStep()) < 1) // C1
    return emitOpError() << "needs a positive step, got " << static_cast<int64_t>(getStep());
  Block &block = getBody().front();
  if (block.getNumArguments() != 1 + getInitArgs().size() || !block.getArgument(0).getType().isIndex())
    return emitOpError("needs an index block argument and one per carried value");
  if (getNumResults() != getInitArgs().size())
    return emitOpError() << "carries " << getInitArgs().size() << " values but has "
                         << getNumResults() << " results";
  for (auto [i, init, carried, res] :
       llvm::enumerate(getInitArgs(), getCarried(), getResults())) // C2
    if (init.getType() != carried.getType() || init.getType() != res.getType())
      return emitOpError() << "carried value " << i << " changes type: " << init.getType()
                           << " before, " << carried.getType() << " inside, " << res.getType()
                           << " after";
  return success();
}

/// True where `op` takes `carried` only as the value that an associative update
/// accumulates into, and combines nothing else with it.
static bool isAssociativeUpdate(Operation *op, Value carried) {
  int64_t uses = llvm::count(op->getOperands(), carried);
  if (uses != 1)
    return false;
  if (auto dot = dyn_cast<DotOp>(op))
    return dot.getAcc() == carried;
  if (auto update = dyn_cast<SoftmaxUpdateOp>(op))
    return update.getState() == carried;
  return isa<SoftmaxMergeOp, arith::AddFOp, arith::AddIOp, arith::MaximumFOp, arith::MinimumFOp,
             arith::MaxSIOp, arith::MinSIOp>(op);
}

LogicalResult StreamOp::verifyRegions() {
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  if (!yield)
    return emitOpError("body must end with tegula.yield");
  if (yield.getValues().getTypes() != TypeRange(getResultTypes())) // C2
    return yield.emitOpError() << "yields (" << yield.getValues().getTypes()
                               << ") but the stream carries (" << getResultTypes() << ")";
  if (failed(verifySchedule(*this))) // C4
    return failure();
  if (getOrder() != StreamOrder::any)
    return success();
  // C3: follow each carried value through its chain of updates to the yield.
  for (auto [i, carried, yielded] : llvm::enumerate(getCarried(), yield.getValues())) {
    Value value = carried;
    while (value != yielded) {
      if (!value.hasOneUse())
        break;
      Operation *user = *value.user_begin();
      if (user->getBlock() != &getBody().front() || user->getNumResults() != 1 ||
          !isAssociativeUpdate(user, value))
        break;
      value = user->getResult(0);
    }
    bool onlyYielded = value == yielded && value.hasOneUse();
    if (!onlyYielded)
      return emitOpError() << "of order any uses carried value " << i
                           << " other than to update it by an associative op";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// LoopLikeOpInterface
//===----------------------------------------------------------------------===//

SmallVector<Region *> StreamOp::getLoopRegions() { return {&getBody()}; }

std::optional<SmallVector<Value>> StreamOp::getLoopInductionVars() {
  return SmallVector<Value>{getPosition()};
}

std::optional<SmallVector<OpFoldResult>> StreamOp::getLoopLowerBounds() {
  return SmallVector<OpFoldResult>{OpFoldResult(getLo())};
}

std::optional<SmallVector<OpFoldResult>> StreamOp::getLoopUpperBounds() {
  return SmallVector<OpFoldResult>{OpFoldResult(getHi())};
}

std::optional<SmallVector<OpFoldResult>> StreamOp::getLoopSteps() {
  Builder builder(getContext());
  return SmallVector<OpFoldResult>{OpFoldResult(builder.getIndexAttr(getStep()))};
}

MutableArrayRef<OpOperand> StreamOp::getInitsMutable() {
  return MutableArrayRef<OpOperand>(getInitArgsMutable());
}

Block::BlockArgListType StreamOp::getRegionIterArgs() { return getCarried(); }

std::optional<MutableArrayRef<OpOperand>> StreamOp::getYieldedValuesMutable() {
  return MutableArrayRef<OpOperand>(getYield().getValuesMutable());
}

std::optional<ResultRange> StreamOp::getLoopResults() { return getResults(); }

//===----------------------------------------------------------------------===//
// Canonicalisation
//===----------------------------------------------------------------------===//

namespace {

/// stream with constant lo >= hi  ->  its initial values
/// stream with exactly one trip   ->  its body, inlined at lo
struct InlineShortStream : OpRewritePattern<StreamOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(StreamOp op, PatternRewriter &rewriter) const override {
    std::optional<int64_t> lo = getConstantIntValue(op.getLo());
    std::optional<int64_t> hi = getConstantIntValue(op.getHi());
    if (!lo || !hi)
      return rewriter.notifyMatchFailure(op, "bounds are not constant");
    if (*lo >= *hi) {
      rewriter.replaceOp(op, op.getInitArgs());
      return success();
    }
    if (*hi - *lo > static_cast<int64_t>(op.getStep()))
      return rewriter.notifyMatchFailure(op, "has more than one trip");
    YieldOp yield = op.getYield();
    SmallVector<Value> results(yield.getValues());
    SmallVector<Value> replacements{op.getLo()};
    llvm::append_range(replacements, op.getInitArgs());
    rewriter.inlineBlockBefore(&op.getBody().front(), op, replacements);
    results.assign(yield.getValues().begin(), yield.getValues().end());
    rewriter.eraseOp(yield);
    rewriter.replaceOp(op, results);
    return success();
  }
};

} // namespace

void StreamOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<InlineShortStream>(context);
}
