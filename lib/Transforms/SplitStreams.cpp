//===- SplitStreams.cpp - Masked and unmasked parts of streams ------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A *condition* is a comparison of tiles, or a limit of a load or store, that is
// linear in the position n of the stream. It holds for the whole tile where
//
//   slack(n) = (+1 or -1) n + (what does not depend on n)  >=  0,
//
// which is n >= T (a lower threshold) or n < T (an upper one). Between the
// greatest lower and the least upper threshold every condition holds:
//
//   lo          first          last            hi
//   |  masked   |  unmasked    |  masked       |
//
// `first` and `last` are the least positions that the stream visits at or above
// the thresholds, so that every part visits what the whole stream would. Where
// `last` lies below `first` the middle is empty, and the last part begins at
// `first`: conditions with a lower threshold hold in it in any case.
//
//===----------------------------------------------------------------------===//

#include "tegula/Analysis/LinearForm.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"

namespace tegula {
#define GEN_PASS_DEF_SPLITSTREAMSPASS
#include "tegula/Transforms/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;

namespace {

/// n >= bound, or n < bound.
struct Threshold {
  LinearForm bound;
  bool isLower;
};

/// A comparison (`axis` is none) or the limit of one axis of a load or store,
/// and the positions where it holds for the whole tile, or fails for all of it.
struct Condition {
  Operation *op;
  std::optional<unsigned> axis;
  /// What the comparison is where it does not matter: true, or false for one
  /// that leads to a `not`.
  bool wanted;
  Threshold threshold;
};

/// What is known of conditions in one part of a stream.
struct Facts {
  void learn(const Condition &condition) {
    if (condition.axis)
      limits[condition.op].push_back(*condition.axis);
    else
      comparisons[condition.op] = condition.wanted;
  }

  DenseMap<Operation *, bool> comparisons;
  DenseMap<Operation *, SmallVector<unsigned>> limits;
};

/// The bounds of one part, and what is known inside it.
struct Part {
  Value lo, hi;
  const Facts *facts;
};

} // namespace

//===----------------------------------------------------------------------===//
// Conditions
//===----------------------------------------------------------------------===//

/// The least and the greatest slack of a comparison over its tile: it holds for
/// an element where that element's slack is at least 0. Nothing where it is not
/// linear.
static std::optional<std::pair<LinearForm, LinearForm>> getSlacks(arith::CmpIOp cmp) {
  auto tile = dyn_cast<RankedTensorType>(cmp.getLhs().getType());
  std::optional<LinearForm> slack = tile ? getSlack(cmp) : std::nullopt;
  if (!slack)
    return std::nullopt;
  std::optional<std::pair<int64_t, int64_t>> range = slack->getAxisRange(tile.getShape());
  if (!range)
    return std::nullopt;
  LinearForm least = *slack, greatest = *slack;
  if (!least.add(range->first) || !greatest.add(range->second))
    return std::nullopt;
  return std::make_pair(least, greatest);
}

/// -1 - form: at least 0 where the form is below 0.
static std::optional<LinearForm> negated(const LinearForm &form) {
  LinearForm result(-1);
  if (!result.add(form, -1))
    return std::nullopt;
  return result;
}

/// Slack of the limit of one axis: limit - (offset + extent).
static std::optional<LinearForm> getSlack(Value at, Value limit, int64_t extent) {
  std::optional<LinearForm> slack = getLinearForm(limit), offset = getLinearForm(at);
  if (!slack || !offset || !slack->add(*offset, -1) || !slack->add(-extent))
    return std::nullopt;
  return slack;
}

/// Where `slack` is at least 0 as a threshold on the position of the stream.
static std::optional<Threshold> getThreshold(const LinearForm &slack, StreamOp stream) {
  Value n = stream.getPosition();
  int64_t coefficient = slack.getCoefficient(n);
  if (coefficient != 1 && coefficient != -1)
    return std::nullopt;
  // n + rest >= 0  <=>  n >= -rest;  -n + rest >= 0  <=>  n < rest + 1.
  LinearForm bound(coefficient == 1 ? 0 : 1);
  LinearForm rest = slack;
  rest.axes.clear();
  if (!rest.add(LinearForm::symbol(n), -coefficient) || !bound.add(rest, -coefficient))
    return std::nullopt;
  for (auto [symbol, factor] : bound.symbols)
    if (!stream.isDefinedOutsideOfLoop(symbol))
      return std::nullopt;
  return Threshold{bound, coefficient == 1};
}

static bool isFill(Value value) {
  return matchPattern(value, m_Constant()) || value.getDefiningOp<tensor::SplatOp>();
}

/// True where `mask` being `wanted` everywhere makes a select drop its fill:
/// `select(.. and mask and .., x, fill)` for true, the mirror for false.
static bool isWanted(Value mask, bool wanted) {
  return llvm::any_of(mask.getUsers(), [&](Operation *user) {
    if (auto select = dyn_cast<arith::SelectOp>(user))
      return select.getCondition() == mask &&
             isFill(wanted ? select.getFalseValue() : select.getTrueValue());
    if (isa<BroadcastOp, ReshapeOp, TransposeOp>(user) ||
        (wanted ? isa<arith::AndIOp>(user) : isa<arith::OrIOp>(user)))
      return isWanted(user->getResult(0), wanted);
    auto flip = dyn_cast<arith::XOrIOp>(user);
    return flip && matchPattern(flip.getRhs(), m_One()) && isWanted(flip, !wanted);
  });
}

/// Offsets, limits and tile shape of a load or store with limits.
static std::optional<std::tuple<ValueRange, ValueRange, ArrayRef<int64_t>>>
getLimits(Operation *op) {
  if (auto load = dyn_cast<LoadOp>(op); load && !load.getUpto().empty())
    return std::make_tuple(ValueRange(load.getAt()), ValueRange(load.getUpto()),
                           load.getTile().getType().getShape());
  if (auto store = dyn_cast<StoreOp>(op); store && !store.getUpto().empty())
    return std::make_tuple(ValueRange(store.getAt()), ValueRange(store.getUpto()),
                           store.getTile().getType().getShape());
  return std::nullopt;
}

/// Sorts the conditions of a body into those that always hold (or never) and
/// those that hold from or up to a threshold.
static void collectConditions(StreamOp stream, Facts &always,
                              SmallVectorImpl<Condition> &conditions) {
  for (Operation &op : stream.getBody().front()) {
    if (auto cmp = dyn_cast<arith::CmpIOp>(op)) {
      auto slack = getSlacks(cmp);
      if (!slack)
        continue;
      std::optional<LinearForm> never = negated(slack->second);
      if (isProvablyNonNegative(slack->first)) {
        always.comparisons[cmp] = true;
        continue;
      }
      if (never && isProvablyNonNegative(*never)) {
        always.comparisons[cmp] = false;
        continue;
      }
      for (bool wanted : {true, false}) {
        std::optional<LinearForm> form = wanted ? slack->first : never;
        std::optional<Threshold> threshold =
            form ? getThreshold(*form, stream) : std::nullopt;
        if (threshold && isWanted(cmp, wanted)) {
          conditions.push_back({cmp, std::nullopt, wanted, *threshold});
          break;
        }
      }
      continue;
    }
    auto limits = getLimits(&op);
    if (!limits)
      continue;
    auto [offsets, uppers, shape] = *limits;
    for (auto [axis, at, limit, extent] : llvm::enumerate(offsets, uppers, shape)) {
      std::optional<LinearForm> slack = getSlack(at, limit, extent);
      if (!slack)
        continue;
      if (isProvablyNonNegative(*slack))
        always.limits[&op].push_back(axis);
      else if (std::optional<Threshold> threshold = getThreshold(*slack, stream))
        conditions.push_back({&op, axis, true, *threshold});
    }
  }
}

//===----------------------------------------------------------------------===//
// Use of facts
//===----------------------------------------------------------------------===//

/// Drops the limits of `axes`, which hold: all of them where the others are
/// those of the view, else one by one.
template <typename OpTy>
static void dropLimits(OpBuilder &builder, OpTy op, ArrayRef<unsigned> axes) {
  auto isKept = [&](auto pair) {
    unsigned axis = pair.index();
    return !llvm::is_contained(axes, axis) &&
           !isRedundantLimit(pair.value(), op.getView(), axis);
  };
  if (llvm::none_of(llvm::enumerate(op.getUpto()), isKept)) {
    op.getUptoMutable().clear();
    return;
  }
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(op);
  Value none = arith::ConstantIndexOp::create(builder, op.getLoc(),
                                              std::numeric_limits<int64_t>::max());
  for (unsigned axis : axes)
    if (!isRedundantLimit(op.getUpto()[axis], op.getView(), axis))
      op.getUptoMutable()[axis].set(none);
}

/// Copies the ops of `from` to the builder's place, with what is known put in
/// and folded: a mask that holds makes `select` and `and` go away.
static void copyWithFacts(OpBuilder &builder, Block &from, IRMapping &mapping,
                          const Facts &facts) {
  DenseSet<Value> simplified;
  for (Operation &op : from) {
    if (auto known = facts.comparisons.find(&op); known != facts.comparisons.end()) {
      auto type = cast<RankedTensorType>(op.getResult(0).getType());
      Value constant = arith::ConstantOp::create(
          builder, op.getLoc(), DenseElementsAttr::get(type, known->second));
      mapping.map(op.getResult(0), constant);
      simplified.insert(constant);
      continue;
    }
    Operation *copy = builder.clone(op, mapping);
    if (auto known = facts.limits.find(&op); known != facts.limits.end()) {
      if (auto load = dyn_cast<LoadOp>(copy))
        dropLimits(builder, load, known->second);
      else
        dropLimits(builder, cast<StoreOp>(copy), known->second);
    }
    bool canFold = llvm::any_of(copy->getOperands(),
                                [&](Value operand) { return simplified.contains(operand); });
    SmallVector<Value> results;
    if (!canFold || failed(builder.tryFold(copy, results)) || results.empty())
      continue;
    for (auto [result, folded] : llvm::zip_equal(op.getResults(), results)) {
      mapping.map(result, folded);
      simplified.insert(folded);
    }
    copy->erase();
  }
}

/// One part of `stream` over [lo, hi), from `inits`.
static StreamOp createPart(OpBuilder &builder, StreamOp stream, Value lo, Value hi,
                           ValueRange inits, const Facts &facts) {
  auto part = StreamOp::create(builder, stream.getLoc(), stream.getResultTypes(), lo, hi,
                               stream.getStep(), stream.getOrder(), stream.getLabelAttr(),
                               stream.getScheduleAttr(), inits);
  part->setDiscardableAttrs(stream->getDiscardableAttrDictionary());
  Block &body = stream.getBody().front();
  IRMapping mapping;
  Block *block = builder.createBlock(&part.getBody());
  for (BlockArgument argument : body.getArguments())
    mapping.map(argument, block->addArgument(argument.getType(), argument.getLoc()));
  copyWithFacts(builder, body, mapping, facts);
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*block)))
    if (isOpTriviallyDead(&op))
      op.erase();
  builder.setInsertionPointAfter(part);
  return part;
}

//===----------------------------------------------------------------------===//
// Empty parts
//===----------------------------------------------------------------------===//

/// The comparisons whose conjunction is `mask`, through changes of shape.
static void collectConjuncts(Value mask, llvm::SetVector<Operation *> &conjuncts) {
  Operation *op = mask.getDefiningOp();
  if (!op)
    return;
  conjuncts.insert(op);
  if (isa<arith::AndIOp, BroadcastOp, ReshapeOp, TransposeOp>(op))
    for (Value operand : op->getOperands())
      collectConjuncts(operand, conjuncts);
}

/// The comparisons that, false for a whole tile, make a trip change nothing:
/// every carried value is a softmax state that takes in weights of
/// `select(comparison and .., x, -inf)`, and the trip has no other effect.
static llvm::SetVector<Operation *> getGuards(StreamOp stream) {
  llvm::SetVector<Operation *> guards;
  for (Operation &op : stream.getBody().front())
    if (!isMemoryEffectFree(&op) && !isa<LoadOp, GatherOp>(op))
      return {};
  for (auto [i, carried, yielded] :
       llvm::enumerate(stream.getCarried(), stream.getYield().getValues())) {
    auto update = yielded.getDefiningOp<SoftmaxUpdateOp>();
    if (!update || update.getState() != carried || update.getMult())
      return {};
    auto select = update.getX().getDefiningOp<arith::SelectOp>();
    if (!select || !matchPattern(select.getFalseValue(), m_NegInfFloat()))
      return {};
    llvm::SetVector<Operation *> conjuncts;
    collectConjuncts(select.getCondition(), conjuncts);
    if (i == 0)
      guards = conjuncts;
    else
      guards.remove_if([&](Operation *op) { return !conjuncts.contains(op); });
  }
  return guards;
}

/// The least position that the stream visits, or would visit behind its end, at
/// or above `bound`: lo + ceil(max(bound - lo, 0) / step) * step.
static Value createFirstAtLeast(OpBuilder &builder, Location loc, Value lo, int64_t step,
                                Value bound) {
  auto number = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  Value distance = builder.createOrFold<arith::SubIOp>(loc, bound, lo);
  distance = builder.createOrFold<arith::MaxSIOp>(loc, distance, number(0));
  Value rounded = builder.createOrFold<arith::AddIOp>(loc, distance, number(step - 1));
  Value trips = builder.createOrFold<arith::DivUIOp>(loc, rounded, number(step));
  Value length = builder.createOrFold<arith::MulIOp>(loc, trips, number(step));
  return builder.createOrFold<arith::AddIOp>(loc, lo, length);
}

/// True where every position of the stream provably lies on the side of the
/// threshold where the condition holds.
static bool alwaysHolds(const Threshold &threshold, Value lo, Value hi) {
  std::optional<LinearForm> slack = getLinearForm(threshold.isLower ? lo : hi);
  if (!slack)
    return false;
  LinearForm bound = threshold.bound;
  return threshold.isLower ? slack->add(bound, -1) && isProvablyNonNegative(*slack)
                           : bound.add(*slack, -1) && isProvablyNonNegative(bound);
}

/// Moves the bounds past leading and trailing trips that change nothing.
static void dropEmptyTrips(OpBuilder &builder, StreamOp stream) {
  for (Operation *guard : getGuards(stream)) {
    auto cmp = dyn_cast<arith::CmpIOp>(guard);
    if (!cmp || cmp->getBlock() != &stream.getBody().front())
      continue;
    auto slack = getSlacks(cmp);
    // Some element holds where the greatest slack is at least 0.
    std::optional<Threshold> threshold =
        slack ? getThreshold(slack->second, stream) : std::nullopt;
    if (!threshold || alwaysHolds(*threshold, stream.getLo(), stream.getHi()))
      continue;
    Location loc = stream.getLoc();
    Value bound = threshold->bound.materialize(builder, loc);
    if (threshold->isLower)
      stream.getLoMutable().assign(createFirstAtLeast(
          builder, loc, stream.getLo(), static_cast<int64_t>(stream.getStep()), bound));
    else
      stream.getHiMutable().assign(
          builder.createOrFold<arith::MinSIOp>(loc, stream.getHi(), bound));
  }
}

//===----------------------------------------------------------------------===//
// Splitting
//===----------------------------------------------------------------------===//

/// The tightest of the thresholds of one side, or null where there is none.
static Value createBound(OpBuilder &builder, Location loc, ArrayRef<Condition> conditions,
                         bool isLower) {
  Value tightest;
  for (const Condition &condition : conditions) {
    if (condition.threshold.isLower != isLower)
      continue;
    Value bound = condition.threshold.bound.materialize(builder, loc);
    if (!tightest)
      tightest = bound;
    else if (isLower)
      tightest = builder.createOrFold<arith::MaxSIOp>(loc, tightest, bound);
    else
      tightest = builder.createOrFold<arith::MinSIOp>(loc, tightest, bound);
  }
  return tightest;
}

/// Conditions with one threshold give one bound.
static void eraseDuplicates(SmallVectorImpl<Condition> &conditions,
                            SmallVectorImpl<Condition> &distinct) {
  auto isSame = [](const Threshold &a, const Threshold &b) {
    LinearForm difference = a.bound;
    return a.isLower == b.isLower && difference.add(b.bound, -1) && difference.isConstant() &&
           difference.constant == 0;
  };
  for (const Condition &condition : conditions)
    if (llvm::none_of(distinct, [&](const Condition &other) {
          return isSame(condition.threshold, other.threshold);
        }))
      distinct.push_back(condition);
}

static void splitStream(OpBuilder &builder, StreamOp stream) {
  // Scalars that the thresholds need move in front of the stream.
  moveLoopInvariantCode(
      {&stream.getBody()},
      [&](Value value, Region *) { return stream.isDefinedOutsideOfLoop(value); },
      [&](Operation *op, Region *) {
        return isPure(op) && llvm::none_of(op->getResultTypes(), llvm::IsaPred<ShapedType>);
      },
      [&](Operation *op, Region *) { op->moveBefore(stream); });

  builder.setInsertionPoint(stream);
  dropEmptyTrips(builder, stream);
  Facts always;
  SmallVector<Condition> conditions, distinct;
  collectConditions(stream, always, conditions);
  if (conditions.empty() && always.comparisons.empty() && always.limits.empty())
    return;

  Facts unmasked = always, behind = always;
  for (const Condition &condition : conditions) {
    unmasked.learn(condition);
    if (condition.threshold.isLower)
      behind.learn(condition);
  }
  eraseDuplicates(conditions, distinct);

  Location loc = stream.getLoc();
  Value lo = stream.getLo(), hi = stream.getHi();
  int64_t step = static_cast<int64_t>(stream.getStep());
  Value lower = createBound(builder, loc, distinct, /*isLower=*/true);
  Value upper = createBound(builder, loc, distinct, /*isLower=*/false);
  Value first = lower ? createFirstAtLeast(builder, loc, lo, step, lower) : lo;
  Value last = upper ? createFirstAtLeast(builder, loc, lo, step, upper) : hi;
  SmallVector<Part, 3> parts;
  if (lower)
    parts.push_back({lo, builder.createOrFold<arith::MinSIOp>(loc, first, hi), &always});
  parts.push_back(
      {first, upper ? builder.createOrFold<arith::MinSIOp>(loc, last, hi) : hi, &unmasked});
  if (upper)
    parts.push_back({lower ? builder.createOrFold<arith::MaxSIOp>(loc, first, last) : last, hi,
                     &behind});
  if (stream.getOrder() == StreamOrder::down)
    std::reverse(parts.begin(), parts.end());

  SmallVector<Value> carried(stream.getInitArgs());
  for (const Part &part : parts) {
    StreamOp created = createPart(builder, stream, part.lo, part.hi, carried, *part.facts);
    carried.assign(created.result_begin(), created.result_end());
  }
  stream.replaceAllUsesWith(carried);
  stream.erase();
}

namespace {

struct SplitStreams : tegula::impl::SplitStreamsPassBase<SplitStreams> {
  void runOnOperation() override {
    SmallVector<StreamOp> streams; // inner ones first
    getOperation()->walk([&](StreamOp stream) { streams.push_back(stream); });
    OpBuilder builder(&getContext());
    for (StreamOp stream : streams)
      splitStream(builder, stream);
  }
};

} // namespace
