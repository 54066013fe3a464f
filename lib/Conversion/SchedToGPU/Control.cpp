//===- Control.cpp - Loops, branches, rings, scalars ----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "tegula/Target/GpuInfo.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/TypeSwitch.h"
#include <map>
#include <numeric>

using namespace mlir;
using namespace tegula;
using namespace tegula::gpu;

LogicalResult Lowering::lowerBlock(Block &block) {
  for (Operation &op : block)
    if (!op.hasTrait<OpTrait::IsTerminator>() && failed(lower(&op)))
      return failure();
  return success();
}

LogicalResult Lowering::lower(Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<sched::AllocOp, sched::ChannelOp, sched::PartOp, sched::SliceOp, sched::FinishOp>(
          [](auto) { return success(); }) // read where they are used
      .Case([&](sched::RoleOp inner) { return lowerBlock(inner.getBody().front()); })
      .Case([&](sched::PhaseOp inner) { return lowerPhase(inner); })
      .Case([&](scf::ForOp inner) { return lowerFor(inner); })
      .Case([&](scf::IfOp inner) { return lowerIf(inner); })
      .Case([&](memref::SubViewOp inner) { return lowerSubView(inner); })
      .Case([&](memref::DimOp inner) { return lowerDim(inner); })
      .Case([&](sched::ConstantOp inner) { return lowerConstant(inner); })
      .Case([&](memref::LoadOp inner) {
        return lowerElement(inner.getMemRef(), inner.getIndices(), inner.getResult());
      })
      .Case([&](CheckOp inner) {
        lowerCheck(inner);
        return success();
      })
      .Case([&](sched::TripsOp inner) {
        lowerTrips(inner);
        return success();
      })
      .Case([&](sched::AcquireOp inner) {
        lowerAcquire(inner);
        return success();
      })
      .Case([&](sched::CommitOp inner) {
        Emitter e = at(inner.getLoc());
        if (cast<sched::SlotType>(inner.getSlot().getType()).getChan().getKind() ==
            sched::Completion::fifo)
          vendor.commitAsync(e);
        return success();
      })
      .Case([&](sched::WaitOp inner) {
        lowerWait(inner);
        return success();
      })
      .Case([](sched::ReleaseOp) { return success(); }) // a barrier on the way gives the credit
      .Case([&](sched::DrainOp inner) {
        lowerDrain(inner);
        return success();
      })
      .Case<sched::CopyOp, sched::LoadOp, sched::StoreOp, sched::SplatOp, sched::DiffersOp,
            sched::ScalarOp, sched::ConvertOp, sched::MapOp, sched::MmaOp, sched::ReshapeOp,
            sched::CutOp, sched::ConcatOp, sched::ScanOp, sched::ArgMaxOp, sched::SegmentSumOp,
            sched::ScatterOp, sched::ReduceStoreOp>(
          [&](auto inner) { return gpu::lower(inner, *this); })
      .Default([&](Operation *other) -> LogicalResult {
        if (isa<sched::SchedDialect, TegulaDialect>(other->getDialect()) ||
            other->getNumRegions() != 0 ||
            llvm::any_of(other->getOperandTypes(), llvm::IsaPred<MemRefType>))
          return refuse(other, "is an op that it does not know");
        return cloneScalar(other);
      });
}

//===----------------------------------------------------------------------===//
// Scalars and views
//===----------------------------------------------------------------------===//

LogicalResult Lowering::cloneScalar(Operation *op) {
  builder.clone(*op, scalars);
  return success();
}

/// The instance goes on; its caller sees the number of a check that failed.
void Lowering::lowerCheck(CheckOp op) {
  Emitter e = at(op.getLoc());
  auto message = MessageAttr::get(op.getContext(), op.getMessageAttr(), LocationAttr(op.getLoc()));
  auto found = llvm::find(checks, message);
  int64_t number = found - checks.begin() + 1;
  if (found == checks.end())
    checks.push_back(message);
  Value good = scalar(op.getCondition());
  Value bad = arith::XOrIOp::create(builder, e.loc, good, e.integer(good.getType(), 1));
  e.when(e.both(bad, e.equal(thread, e.i32(0))), [&] {
    LLVM::AtomicRMWOp::create(builder, e.loc, LLVM::AtomicBinOp::umax, status, e.i32(number),
                              LLVM::AtomicOrdering::monotonic, vendor.getDeviceScope(), 4);
  });
}

/// A tile that is known when the kernel is compiled lies in device memory.
LogicalResult Lowering::lowerConstant(sched::ConstantOp op) {
  Emitter e = at(op.getLoc());
  FailureOr<Value> table = constantTable(e, op.getValue());
  if (failed(table))
    return refuse(op, "is no dense tile");
  sched::BufType type = op.getBuffer().getType();
  buffers.insert_or_assign(op.getBuffer(), Buffer{type, *table, Storage(type), {}, {}});
  return success();
}

LogicalResult Lowering::lowerElement(Value from, ValueRange at, Value result) {
  Emitter e = this->at(result.getLoc());
  FailureOr<View> source = view(from);
  if (failed(source))
    return failure();
  Value address = source->pointer;
  int64_t bytes = bytesOf(source->elem);
  for (auto [place, stride] : llvm::zip(at, source->strides))
    address = e.move(address, e.mul(e.mul(e.toI64(scalar(place)), stride), bytes));
  scalars.map(result, e.load(address, source->elem, 1, bytes).front());
  return success();
}

LogicalResult Lowering::lowerDim(memref::DimOp op) {
  Emitter e = at(op.getLoc());
  FailureOr<View> source = view(op.getSource());
  std::optional<int64_t> axis = op.getConstantIndex();
  if (failed(source))
    return failure();
  if (!axis)
    return refuse(op, "asks for the size of an axis that is known only at run time");
  scalars.map(op.getResult(), e.toIndex(source->sizes[*axis]));
  return success();
}

/// view[offsets] [sizes] [strides], dropped axes left out
LogicalResult Lowering::lowerSubView(memref::SubViewOp op) {
  Emitter e = at(op.getLoc());
  FailureOr<View> source = view(op.getSource());
  if (failed(source))
    return failure();
  View result;
  result.elem = source->elem;
  result.pointer = source->pointer;
  result.align = source->align;
  llvm::SmallBitVector dropped = op.getDroppedDims();
  int64_t bytes = bytesOf(source->elem);
  auto number = [&](OpFoldResult x) -> Value {
    if (std::optional<int64_t> known = getConstantIntValue(x))
      return e.i64(*known);
    return e.toI64(scalar(cast<Value>(x)));
  };
  auto divisor = [&](OpFoldResult x) {
    if (std::optional<int64_t> known = getConstantIntValue(x))
      return *known == 0 ? int64_t(1) << 20 : std::gcd(*known, int64_t(1) << 20);
    return getDivisor(cast<Value>(x));
  };
  for (int64_t axis = 0; axis < source->getRank(); ++axis) {
    OpFoldResult offset = op.getMixedOffsets()[axis], size = op.getMixedSizes()[axis],
                 stride = op.getMixedStrides()[axis];
    Value moved = e.mul(e.mul(number(offset), source->strides[axis]), bytes);
    result.pointer = e.move(result.pointer, moved);
    result.align = std::gcd(result.align, divisor(offset) * source->multiples[axis] * bytes);
    if (dropped[axis])
      continue;
    result.sizes.push_back(number(size));
    result.strides.push_back(e.mul(source->strides[axis], number(stride)));
    result.multiples.push_back(source->multiples[axis] * getConstantIntValue(stride).value_or(1));
  }
  views.insert_or_assign(op.getResult(), std::move(result));
  return success();
}

void Lowering::lowerTrips(sched::TripsOp op) {
  Emitter e = at(op.getLoc());
  Value lo = scalar(op.getLo()), hi = scalar(op.getHi()), step = scalar(op.getStep());
  Value count;
  if (std::optional<int64_t> known = constantOf(step)) {
    Value length = e.max(e.sub(hi, lo), e.index(0));
    count = e.div(e.add(length, *known - 1), *known);
  } else {
    count = builder.createOrFold<arith::CeilDivSIOp>(e.loc, e.max(e.sub(hi, lo), e.index(0)), step);
  }
  scalars.map(op.getCount(), count);
}

//===----------------------------------------------------------------------===//
// Values that loops carry
//===----------------------------------------------------------------------===//

/// 16-bit and 8-bit elements travel two or four to a word.
static bool travelsInWords(Type elem, int64_t count) {
  int64_t bits = elem.getIntOrFloatBitWidth();
  return (bits == 16 && count % 2 == 0) || (bits == 8 && count % 4 == 0);
}

Values Lowering::flatten(Emitter &e, Value value) {
  if (auto type = dyn_cast<sched::FragType>(value.getType())) {
    Values elements = this->elements(e, fragment(value));
    return travelsInWords(type.getElem(), elements.size()) ? e.toWords(elements) : elements;
  }
  if (isa<sched::SlotType>(value.getType()))
    return {slots.lookup(value)};
  return {scalar(value)};
}

LogicalResult Lowering::bindFlat(Emitter &e, Value value, Value like, ValueRange &flat) {
  if (auto type = dyn_cast<sched::FragType>(value.getType())) {
    FailureOr<Registers> regs = registersOf(value);
    if (failed(regs))
      return failure();
    int64_t count = regs->size();
    bool words = travelsInWords(type.getElem(), count);
    int64_t width = words ? count * type.getElem().getIntOrFloatBitWidth() / 32 : count;
    ValueRange mine = flat.take_front(width);
    flat = flat.drop_front(width);
    return define(value, words ? e.fromWords(mine, type.getElem()) : Values(mine));
  }
  if (isa<sched::SlotType>(value.getType())) {
    slots[value] = flat.front();
    ringOf[value] = ringOf.lookup(like);
  } else {
    scalars.map(value, flat.front());
  }
  flat = flat.drop_front();
  return success();
}

Values Lowering::ringState() {
  Values state;
  for (Ring &ring : rings)
    state.append({ring.acquire, ring.wait});
  return state;
}

void Lowering::setRingState(ValueRange state) {
  for (auto [i, ring] : llvm::enumerate(rings)) {
    ring.acquire = state[2 * i];
    ring.wait = state[2 * i + 1];
  }
}

//===----------------------------------------------------------------------===//
// Loops and branches
//===----------------------------------------------------------------------===//

/// The loop's values as a later op sees them.
LogicalResult Lowering::bindAll(Emitter &e, ValueRange values, ValueRange like, ValueRange flat) {
  for (auto [value, first] : llvm::zip(values, like))
    if (failed(bindFlat(e, value, first, flat)))
      return failure();
  setRingState(flat);
  return success();
}

Values Lowering::flattenAll(Emitter &e, ValueRange values) {
  Values flat;
  for (Value value : values)
    flat.append(flatten(e, value));
  flat.append(ringState());
  return flat;
}

LogicalResult Lowering::lowerFor(scf::ForOp op) {
  Emitter e = at(op.getLoc());
  if (std::optional<int64_t> trips = getUnrolledTrips(op)) {
    int64_t lo = *getConstantIntValue(op.getLowerBound()),
            step = *getConstantIntValue(op.getStep());
    Values flat = flattenAll(e, op.getInitArgs());
    for (int64_t i = 0; i < *trips; ++i) {
      scalars.map(op.getInductionVar(), e.index(lo + i * step));
      if (failed(bindAll(e, op.getRegionIterArgs(), op.getInitArgs(), flat)) ||
          failed(lowerBlock(*op.getBody())))
        return failure();
      flat = flattenAll(e, op.getYieldedValues());
    }
    return bindAll(e, op.getResults(), op.getInitArgs(), flat);
  }

  Values init = flattenAll(e, op.getInitArgs());
  // Waits inside a loop would be for these at every trip.
  bool multiplies = op.walk([](sched::MmaOp) { return WalkResult::interrupt(); }).wasInterrupted();
  if (multiplies)
    vendor.settle(e);
  auto loop = scf::ForOp::create(builder, op.getLoc(), scalar(op.getLowerBound()),
                                 scalar(op.getUpperBound()), scalar(op.getStep()), init);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    scalars.map(op.getInductionVar(), loop.getInductionVar());
    if (failed(bindAll(e, op.getRegionIterArgs(), op.getInitArgs(), loop.getRegionIterArgs())) ||
        failed(lowerBlock(*op.getBody())))
      return failure();
    Values next = flattenAll(e, op.getYieldedValues());
    if (Operation *terminator = loop.getBody()->empty() ? nullptr : &loop.getBody()->back();
        terminator && isa<scf::YieldOp>(terminator))
      terminator->erase();
    builder.setInsertionPointToEnd(loop.getBody());
    scf::YieldOp::create(builder, op.getLoc(), next);
  }
  return bindAll(e, op.getResults(), op.getInitArgs(), loop.getResults());
}

LogicalResult Lowering::lowerIf(scf::IfOp op) {
  Emitter e = at(op.getLoc());
  Values before = ringState();
  // What a branch gives is known when it is written; its types are those of the other.
  auto choice = scf::IfOp::create(builder, op.getLoc(), scalar(op.getCondition()),
                                  /*withElseRegion=*/true);
  auto branch = [&](Block *from, Block *to, Values &flat) -> LogicalResult {
    OpBuilder::InsertionGuard guard(builder);
    if (!to->empty())
      to->back().erase();
    builder.setInsertionPointToStart(to);
    setRingState(before);
    if (from && failed(lowerBlock(*from)))
      return failure();
    flat = flattenAll(e, from ? ValueRange(from->getTerminator()->getOperands()) : ValueRange());
    scf::YieldOp::create(builder, op.getLoc(), flat);
    return success();
  };
  Values then, other;
  if (failed(branch(op.thenBlock(), choice.thenBlock(), then)) ||
      failed(branch(op.elseBlock(), choice.elseBlock(), other)))
    return failure();
  auto typed =
      scf::IfOp::create(builder, op.getLoc(), ValueRange(then).getTypes(), choice.getCondition());
  typed.getThenRegion().takeBody(choice.getThenRegion());
  typed.getElseRegion().takeBody(choice.getElseRegion());
  choice.erase();
  ValueRange like = op->getNumResults() ? ValueRange(op.thenYield().getOperands()) : ValueRange();
  return bindAll(e, op.getResults(), like, typed.getResults());
}

/// The order of instructions from `first` on. A fragment that is loaded `ahead` steps
/// before its product is written just above it; a step is the products between two loads.
static SmallVector<IssueRun> getOrder(Vendor &vendor, Block::iterator first, Block::iterator last,
                                      int64_t ahead) {
  // Loads from shared memory that products read, by the number of products above them.
  SmallVector<Issue> kinds;
  for (Operation &op : llvm::make_range(first, last))
    if (std::optional<Issue> kind = vendor.classify(&op))
      kinds.push_back(*kind);
  int64_t products = llvm::count(kinds, Issue::Product), above = 0;
  SmallVector<int64_t> steps;       // products above each step's loads
  std::map<int64_t, int64_t> loads; // issued above so many products
  for (Issue kind : kinds) {
    above += kind == Issue::Product;
    if (kind != Issue::SharedLoad || above == products)
      continue;
    if (steps.empty() || steps.back() != above)
      steps.push_back(above);
    int64_t step = static_cast<int64_t>(steps.size()) - 1 - ahead;
    ++loads[step < 0 ? 0 : steps[step]];
  }
  SmallVector<IssueRun> runs;
  auto add = [&](Issue kind, int64_t count) {
    if (count == 0)
      return;
    if (!runs.empty() && runs.back().kind == kind)
      runs.back().count += count;
    else
      runs.push_back({kind, count});
  };
  above = 0;
  bool started = false; // what stands above the first load or product comes first
  for (Issue kind : kinds) {
    bool isLoad = kind == Issue::SharedLoad && above < products;
    if (!started && (isLoad || kind == Issue::Product)) {
      started = true;
      add(Issue::SharedLoad, loads[0]);
    }
    if (isLoad)
      continue;
    add(kind, 1);
    if (kind == Issue::Product && ++above < products)
      if (auto found = loads.find(above); found != loads.end())
        add(Issue::SharedLoad, found->second);
  }
  return runs;
}

LogicalResult Lowering::lowerPhase(sched::PhaseOp op) {
  Emitter e = at(op.getLoc());
  vendor.fence(e);
  if (failed(lowerBlock(op.getBody().front())))
    return failure();
  // Groups order what stands in one block: behind the last branch, or all since the fence.
  int64_t ahead = 0;
  op.getBody().walk(
      [&](sched::LoadOp load) { ahead = std::max<int64_t>(ahead, load.getAhead().value_or(0)); });
  Block *block = builder.getInsertionBlock();
  Block::iterator last = builder.getInsertionPoint(), first = last;
  while (first != block->begin() && std::prev(first)->getNumRegions() == 0 &&
         !vendor.isFence(&*std::prev(first)))
    --first;
  vendor.order(e, getOrder(vendor, first, last, ahead));
  vendor.fence(e);
  ValueRange yielded = op.getBody().front().getTerminator()->getOperands();
  for (auto [result, value] : llvm::zip(op.getResults(), yielded)) {
    if (isa<sched::FragType>(value.getType())) {
      Fragment same = fragment(value);
      fragments.erase(result);
      fragments.try_emplace(result, std::move(same));
    } else if (isa<sched::SlotType>(value.getType())) {
      slots[result] = slots.lookup(value);
      ringOf[result] = ringOf.lookup(value);
    } else {
      scalars.map(result, scalar(value));
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Rings
//===----------------------------------------------------------------------===//

/// The stage behind `stage`.
static Value advance(Emitter &e, Value stage, int64_t depth) {
  if (depth == 1)
    return stage;
  Value next = e.add(stage, 1);
  if (llvm::isPowerOf2_64(depth))
    return e.bitAnd(next, depth - 1);
  return e.select(e.equal(next, e.i32(depth)), e.i32(0), next);
}

void Lowering::lowerAcquire(sched::AcquireOp op) {
  Emitter e = at(op.getLoc());
  size_t number = ringOf.lookup(op.getChannel());
  Ring &ring = rings[number];
  if (facts.needsBarrier(op)) {
    op.emitRemark("acquire costs a barrier of its own");
    vendor.barrier(e);
  }
  // What fills the slot through registers comes below what stands here.
  if (ring.type.getKind() == sched::Completion::sync)
    vendor.pin(e, Issue::SharedStore);
  slots[op.getSlot()] = ring.acquire;
  ringOf[op.getSlot()] = number;
  ring.acquire = advance(e, ring.acquire, ring.type.getDepth());
}

void Lowering::lowerWait(sched::WaitOp op) {
  Emitter e = at(op.getLoc());
  size_t number = ringOf.lookup(op.getChannel());
  Ring &ring = rings[number];
  if (ring.type.getKind() == sched::Completion::fifo)
    vendor.waitAsync(e, op.getInflight());
  vendor.barrier(e);
  slots[op.getSlot()] = ring.wait;
  ringOf[op.getSlot()] = number;
  ring.wait = advance(e, ring.wait, ring.type.getDepth());
}

/// What was acquired and never waited for is given up: the next wait is for what is
/// acquired next.
void Lowering::lowerDrain(sched::DrainOp op) {
  Emitter e = at(op.getLoc());
  Ring &ring = rings[ringOf.lookup(op.getChannel())];
  if (ring.type.getKind() == sched::Completion::fifo)
    vendor.waitAsync(e, 0);
  vendor.barrier(e);
  ring.wait = ring.acquire;
}
