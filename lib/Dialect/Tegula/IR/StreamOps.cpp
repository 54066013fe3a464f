//===- StreamOps.cpp - Streams over spans ---------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Schedule.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/CheckedArithmetic.h"

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

/// The operation by which `op` updates `carried`, where it only does that: one id
/// for each associative operation (sums of products and of tiles are one).
static std::optional<TypeID> getAssociativeUpdate(Operation *op, Value carried) {
  if (llvm::count(op->getOperands(), carried) != 1 || op->getNumResults() != 1)
    return std::nullopt;
  if (auto dot = dyn_cast<DotOp>(op); dot && dot.getAcc() != carried)
    return std::nullopt;
  if (auto update = dyn_cast<SoftmaxUpdateOp>(op); update && update.getState() != carried)
    return std::nullopt;
  if (isa<DotOp, arith::AddFOp, arith::AddIOp>(op))
    return TypeID::get<arith::AddFOp>();
  if (isa<SoftmaxUpdateOp, SoftmaxMergeOp>(op))
    return TypeID::get<SoftmaxMergeOp>();
  if (isa<arith::MaximumFOp, arith::MinimumFOp, arith::MaxSIOp, arith::MinSIOp>(op))
    return op->getName().getTypeID();
  return std::nullopt;
}

/// True where every use of `carried` leads, by updates of one kind, to `yielded`.
static bool isOnlyUpdated(Value carried, Value yielded, Block *body) {
  std::optional<TypeID> kind;
  Value value = carried;
  while (value != yielded) {
    if (!value.hasOneUse())
      return false;
    Operation *user = *value.user_begin();
    std::optional<TypeID> update = getAssociativeUpdate(user, value);
    if (user->getBlock() != body || !update || (kind && *kind != *update))
      return false;
    kind = update;
    value = user->getResult(0);
  }
  return value.hasOneUse();
}

LogicalResult StreamOp::verifyRegions() {
  Block &body = getBody().front();
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  if (!yield) // C5
    return emitOpError("must end with tegula.yield");
  if (yield.getValues().getTypes() != TypeRange(getResultTypes())) // C2
    return yield.emitOpError() << "yields (" << yield.getValues().getTypes()
                               << ") but the stream carries (" << getResultTypes() << ")";
  if (getOrder() == StreamOrder::any)
    for (auto [i, carried, yielded] : llvm::enumerate(getCarried(), yield.getValues()))
      if (!isOnlyUpdated(carried, yielded, &body)) // C3
        return emitOpError() << "of order any uses carried value " << i
                             << " other than to update it by one associative operation";
  return verifySchedule(*this); // C4
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
  // Asked for while the body is not verified yet.
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  if (!yield)
    return std::nullopt;
  return MutableArrayRef<OpOperand>(yield.getValuesMutable());
}

std::optional<ResultRange> StreamOp::getLoopResults() { return getResults(); }

//===----------------------------------------------------------------------===//
// Canonicalisation
//===----------------------------------------------------------------------===//

/// hi - lo where it is known: both constant, one value, or hi = lo + constant.
static std::optional<int64_t> getKnownLength(StreamOp op) {
  if (op.getLo() == op.getHi())
    return 0;
  std::optional<int64_t> lo = getConstantIntValue(op.getLo());
  std::optional<int64_t> hi = getConstantIntValue(op.getHi());
  if (lo && hi)
    return llvm::checkedSub(*hi, *lo);
  auto sum = op.getHi().getDefiningOp<arith::AddIOp>();
  if (!sum)
    return std::nullopt;
  if (sum.getLhs() == op.getLo())
    return getConstantIntValue(sum.getRhs());
  if (sum.getRhs() == op.getLo())
    return getConstantIntValue(sum.getLhs());
  return std::nullopt;
}

namespace {

/// stream of no trip   ->  its initial values
/// stream of one trip  ->  its body, inlined at lo
struct InlineShortStream : OpRewritePattern<StreamOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(StreamOp op, PatternRewriter &rewriter) const override {
    std::optional<int64_t> length = getKnownLength(op);
    if (!length)
      return rewriter.notifyMatchFailure(op, "its length is not known");
    if (*length <= 0) {
      rewriter.replaceOp(op, op.getInitArgs());
      return success();
    }
    if (*length > static_cast<int64_t>(op.getStep()))
      return rewriter.notifyMatchFailure(op, "has more than one trip");
    auto outer = op->getParentOfType<StreamOp>();
    if (outer && outer.getScheduleAttr())
      return rewriter.notifyMatchFailure(op, "the schedule around it has no rows for its anchors");
    YieldOp yield = op.getYield();
    SmallVector<Value> replacements{op.getLo()};
    llvm::append_range(replacements, op.getInitArgs());
    rewriter.inlineBlockBefore(&op.getBody().front(), op, replacements);
    SmallVector<Value> results(yield.getValues());
    rewriter.eraseOp(yield);
    rewriter.replaceOp(op, results);
    return success();
  }
};

/// A carried value that no trip changes, or that nobody reads:
///   %r = stream .. iter_args(%a = %x) { .. yield %a }   ->  %x for %a and %r
///   stream .. iter_args(%a = %x) { %b = f(%a) ; yield %b }, %b, %r unused  ->  stream .. { }
struct DropCarried : OpRewritePattern<StreamOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(StreamOp op, PatternRewriter &rewriter) const override {
    YieldOp yield = op.getYield();
    SmallVector<unsigned> kept;
    bool changed = false;
    for (auto [i, carried, init, yielded, result] :
         llvm::enumerate(op.getCarried(), op.getInitArgs(), yield.getValues(), op.getResults())) {
      bool isUnchanged = yielded == carried || yielded == init;
      bool isUnread = result.use_empty() && (carried.use_empty() || isOnlyRead(carried, yielded));
      if (!isUnchanged && (!isUnread || op.getScheduleAttr())) {
        kept.push_back(i);
        continue;
      }
      changed = true;
      rewriter.replaceAllUsesWith(carried, init);
      rewriter.replaceAllUsesWith(result, init);
    }
    if (!changed)
      return rewriter.notifyMatchFailure(op, "every carried value changes and is read");
    rebuild(op, kept, rewriter);
    return success();
  }

private:
  /// True where the one op that reads `carried` makes nothing but `yielded`.
  static bool isOnlyRead(BlockArgument carried, Value yielded) {
    if (!carried.hasOneUse() || !yielded.hasOneUse())
      return false;
    Operation *user = *carried.user_begin();
    return user == yielded.getDefiningOp() && user->getNumResults() == 1 && isPure(user);
  }

  /// The stream with the carried values of `kept` only.
  static void rebuild(StreamOp op, ArrayRef<unsigned> kept, PatternRewriter &rewriter) {
    auto pick = [&](ValueRange values) {
      return llvm::map_to_vector(kept, [&](unsigned i) -> Value { return values[i]; });
    };
    SmallVector<Value> inits = pick(op.getInitArgs());
    auto stream = StreamOp::create(rewriter, op.getLoc(), TypeRange(ValueRange(inits)),
                                   op.getLo(), op.getHi(), op.getStep(), op.getOrder(),
                                   op.getLabelAttr(), op.getScheduleAttr(), inits);
    stream->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    YieldOp yield = op.getYield();
    SmallVector<Value> yielded = pick(yield.getValues());
    rewriter.modifyOpInPlace(yield, [&] { yield.getValuesMutable().assign(yielded); });
    Block *body = &op.getBody().front();
    llvm::BitVector dropped(body->getNumArguments());
    for (unsigned i = 0; i < op.getInitArgs().size(); ++i)
      if (!llvm::is_contained(kept, i)) {
        rewriter.replaceAllUsesWith(body->getArgument(1 + i), op.getInitArgs()[i]);
        dropped.set(1 + i);
      }
    body->eraseArguments(dropped);
    rewriter.inlineRegionBefore(op.getBody(), stream.getBody(), stream.getBody().end());
    SmallVector<Value> results(op.getInitArgs());
    for (auto [result, i] : llvm::zip_equal(stream.getResults(), kept))
      results[i] = result;
    rewriter.replaceOp(op, results);
  }
};

} // namespace

void StreamOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<InlineShortStream, DropCarried>(context);
}
