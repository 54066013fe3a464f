//===- StreamMaterializer.cpp - Streams into loops over trips -------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RoleMaterializer.h"
#include "StreamTiming.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace tegula;
using layout::Layout;
using sched::BufType;

namespace tegula {

/// Writes one stream: prologue, loop, drains.
class StreamMaterializer {
public:
  StreamMaterializer(RoleMaterializer &parent, StreamOp stream, StreamTiming timing)
      : parent(parent), stream(stream), timing(std::move(timing)), builder(stream),
        loc(stream.getLoc()) {}

  LogicalResult run();

private:
  LogicalResult findTrips();
  LogicalResult makeRings();
  BufType getBufType(const Ring &ring, LoadOp load);
  bool isStoredTurned(LoadOp load) const;
  Value getPosition(Value trip);
  Value getAhead(Value trip, int64_t lead);
  FailureOr<IRMapping> cloneCoordinates(LoadOp load, Value trip, int64_t lead);
  FailureOr<Value> fetch(LoadOp load, Value trip, int64_t lead, Value on);
  LogicalResult fill(Ring &ring, Value trip, int64_t lead, Value on);
  LogicalResult runPrologue();
  LogicalResult runTrip(scf::ForOp loop);
  LogicalResult compute(Operation *op, Block *into);
  void waitFor(Ring &ring);
  Value makeIndex(int64_t value) {
    return parent.createOutside<arith::ConstantIndexOp>(loc, value);
  }

  RoleMaterializer &parent;
  StreamOp stream;
  StreamTiming timing;
  OpBuilder builder;
  Location loc;
  Value trips;
  /// Tiles fetched and not yet put, by load: of this trip, and of the one before.
  DenseMap<Operation *, Value> fetched, fetchedBefore;
  /// Loads whose fetched tile waits over one trip, in the order of their loop values.
  SmallVector<LoadOp> waiting;
  DenseMap<Value, Value> slots;
  /// Loads whose fragments have been read from this trip's slots.
  llvm::SmallPtrSet<Operation *, 4> loaded;
  /// The ops of the stream's body, in the order of the text, wherever they stand now.
  SmallVector<Operation *> body;
  llvm::SmallPtrSet<Operation *, 16> isInBody;
};

} // namespace tegula

//===----------------------------------------------------------------------===//
// Trips and positions
//===----------------------------------------------------------------------===//

/// Whether `value` is known before the role starts.
static bool isOutside(Value value, Operation *role) {
  return !role->isAncestor(value.getParentRegion()->getParentOp());
}

LogicalResult StreamMaterializer::findTrips() {
  Value lo = stream.getLo(), hi = stream.getHi();
  if (isOutside(lo, parent.role) && isOutside(hi, parent.role)) {
    trips = parent.createOutside<sched::TripsOp>(loc, lo, hi, makeIndex(stream.getStep()),
                                                 /*ssa_name=*/StringAttr());
    return success();
  }
  if (!timing.rings.empty())
    return stream.emitOpError("has rings, but bounds that are known only inside the instance");
  // max(0, ceil((hi - lo) / step)), by members that all agree.
  Value span = arith::SubIOp::create(builder, loc, hi, lo);
  Value count = arith::CeilDivSIOp::create(builder, loc, span, makeIndex(stream.getStep()));
  trips = arith::MaxSIOp::create(builder, loc, count, makeIndex(0));
  return success();
}

/// Start of the span of a trip.
Value StreamMaterializer::getPosition(Value trip) {
  if (stream.getOrder() == StreamOrder::down) {
    Value last = arith::SubIOp::create(builder, loc, trips, makeIndex(1));
    trip = arith::SubIOp::create(builder, loc, last, trip);
  }
  Value offset = arith::MulIOp::create(builder, loc, trip, makeIndex(stream.getStep()));
  return arith::AddIOp::create(builder, loc, stream.getLo(), offset);
}

Value StreamMaterializer::getAhead(Value trip, int64_t lead) {
  return lead ? arith::AddIOp::create(builder, loc, trip, makeIndex(lead)).getResult() : trip;
}

//===----------------------------------------------------------------------===//
// Rings
//===----------------------------------------------------------------------===//

/// A tile that goes through registers is stored so that its readers find the axis that a
/// product sums over contiguous, where no instruction turns it for them.
bool StreamMaterializer::isStoredTurned(LoadOp load) const {
  if (parent.gpu.findSharedPhase(SharedAccess::MatrixLoad, 16))
    return false;
  return llvm::all_of(load.getTile().getUses(), [&](OpOperand &use) {
    auto dot = dyn_cast<DotOp>(use.getOwner());
    if (!dot || use.get() == dot.getAcc() || parent.layouts.readsShared(dot))
      return false;
    return use.getOperandNumber() == 1 ? !dot.getTransB() : dot.getTransA();
  });
}

BufType StreamMaterializer::getBufType(const Ring &ring, LoadOp load) {
  RankedTensorType tile = load.getTile().getType();
  SmallVector<int64_t> shape(tile.getShape());
  if (ring.throughRegisters && isStoredTurned(load))
    std::swap(shape[shape.size() - 2], shape.back());
  // Whole spans of 128 bytes have the pattern that hardware knows; other rows their own.
  int64_t swizzle = BufType::autoSwizzle;
  if (!ring.throughRegisters && shape.back() * tile.getElementTypeBitWidth() % (128 * 8) == 0)
    swizzle = 128;
  return BufType::get(tile.clone(shape), sched::Space::shared, /*panel=*/0, /*transposed=*/false,
                      ring.attr.getDepth(), swizzle);
}

LogicalResult StreamMaterializer::makeRings() {
  for (Ring &ring : timing.rings) {
    SmallVector<Value> buffers;
    for (auto [label, load] : llvm::zip(ring.attr.getLabels(), ring.loads))
      buffers.push_back(parent.createOutside<sched::AllocOp>(loc, getBufType(ring, load),
                                                             load.getLabelAttr().getValue()));
    auto kind = *sched::symbolizeCompletion(stringifyRingKind(ring.attr.getKind()));
    ring.channel = parent.createOutside<sched::ChannelOp>(
        loc, buffers, kind, builder.getStringAttr(ring.attr.getName()));
  }
  return success();
}

/// The scalars that `load` reads, for the trip that is `lead` ahead of `trip`.
FailureOr<IRMapping> StreamMaterializer::cloneCoordinates(LoadOp load, Value trip, int64_t lead) {
  IRMapping mapping;
  mapping.map(stream.getPosition(), getPosition(getAhead(trip, lead)));
  llvm::SmallPtrSet<Operation *, 8> seen;
  SmallVector<Value> work(load->getOperands());
  while (!work.empty()) {
    Value value = work.pop_back_val();
    if (llvm::is_contained(stream.getCarried(), value))
      return load.emitOpError("has coordinates that the stream carries, so it cannot run ahead");
    Operation *def = value.getDefiningOp();
    if (!def || !isInBody.contains(def) || !seen.insert(def).second)
      continue;
    if (!isPure(def) || def->getNumRegions() ||
        llvm::any_of(def->getOperandTypes(), [](Type t) { return isa<RankedTensorType>(t); }))
      return load.emitOpError("has coordinates that come from a tile, so it cannot run ahead yet");
    llvm::append_range(work, def->getOperands());
  }
  for (Operation *op : body)
    if (seen.contains(op))
      builder.clone(*op, mapping);
  return mapping;
}

static SmallVector<Value> lookup(const IRMapping &mapping, ValueRange values) {
  return llvm::map_to_vector(values, [&](Value v) { return mapping.lookupOrDefault(v); });
}

/// Loads a tile into registers; where `on` is false, nothing is read.
FailureOr<Value> StreamMaterializer::fetch(LoadOp load, Value trip, int64_t lead, Value on) {
  FailureOr<IRMapping> at = cloneCoordinates(load, trip, lead);
  if (failed(at))
    return failure();
  RankedTensorType tile = load.getTile().getType();
  Layout pieces = parent.layouts.getPieces(tile.getShape(), tile.getElementTypeBitWidth() / 8);
  return sched::LoadOp::create(builder, load.getLoc(), parent.getFragType(tile, pieces),
                               load.getView(), lookup(*at, load.getAt()), /*by=*/Value(),
                               /*axis=*/IntegerAttr(), lookup(*at, load.getUpto()),
                               load.getPad() ? at->lookupOrDefault(load.getPad()) : Value(),
                               /*trans=*/false, /*ahead=*/IntegerAttr(), on, load.getLabelAttr(),
                               /*ssa_name=*/StringAttr())
      .getResult();
}

/// Fills a slot: copies of the trip that is `lead` ahead, or what was fetched.
LogicalResult StreamMaterializer::fill(Ring &ring, Value trip, int64_t lead, Value on) {
  Value slot = sched::AcquireOp::create(builder, loc, ring.channel, /*ssa_name=*/StringAttr());
  for (auto [i, load] : llvm::enumerate(ring.loads)) {
    Value part = sched::PartOp::create(builder, loc, slot, builder.getI64IntegerAttr(i),
                                       /*ssa_name=*/StringAttr());
    if (ring.throughRegisters) {
      bool before = llvm::is_contained(waiting, load);
      Value fragment = (before ? fetchedBefore : fetched).lookup(load);
      sched::StoreOp::create(builder, load.getLoc(), fragment, part, ValueRange(), ValueRange(),
                             isStoredTurned(load), /*where=*/Value(), ring.attr.getLabels()[i]);
      continue;
    }
    FailureOr<IRMapping> at = cloneCoordinates(load, trip, lead);
    if (failed(at))
      return failure();
    ScheduleRowAttr row = findRow(stream.getScheduleAttr(), ring.attr.getLabels()[i]);
    sched::Engine engine =
        row.has(ScheduleFlag::direct) ? sched::Engine::direct : sched::Engine::async;
    sched::CopyOp::create(builder, load.getLoc(),
                          sched::EngineAttr::get(builder.getContext(), engine), load.getView(),
                          lookup(*at, load.getAt()), /*by=*/Value(), lookup(*at, load.getUpto()),
                          load.getPad() ? at->lookupOrDefault(load.getPad()) : Value(), part, on,
                          load.getLabelAttr());
  }
  sched::CommitOp::create(builder, loc, slot);
  return success();
}

/// Waits for the slot of this trip and gives its readers their fragments.
void StreamMaterializer::waitFor(Ring &ring) {
  Value slot =
      sched::WaitOp::create(builder, loc, ring.channel, builder.getI64IntegerAttr(ring.inflight),
                            /*ssa_name=*/StringAttr());
  slots[ring.channel] = slot;
}

//===----------------------------------------------------------------------===//
// The loop
//===----------------------------------------------------------------------===//

/// Trips -prologue … -1: what runs ahead of trip 0.
LogicalResult StreamMaterializer::runPrologue() {
  for (int64_t trip = -timing.prologue; trip < 0; ++trip) {
    for (const Step &step : timing.steps) {
      int64_t target = trip + step.lead;
      if (step.kind == Step::Kind::Compute || target < 0)
        continue;
      Value index = makeIndex(target);
      Value on = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, index, trips);
      if (step.kind == Step::Kind::Fill) {
        if (failed(fill(timing.rings[step.ring], index, /*lead=*/0, on)))
          return failure();
        continue;
      }
      FailureOr<Value> tile = fetch(cast<LoadOp>(step.op), index, /*lead=*/0, on);
      if (failed(tile))
        return failure();
      fetched[step.op] = *tile;
    }
    fetchedBefore = fetched;
  }
  return success();
}

/// How many steps ahead of its product an operand is loaded, as the product's row says.
static IntegerAttr getAheadSteps(StreamOp stream, LoadOp load) {
  ScheduleAttr schedule = stream.getScheduleAttr();
  for (Operation *user : load.getTile().getUsers()) {
    auto dot = dyn_cast<DotOp>(user);
    if (!schedule || !dot || !dot.getLabelAttr())
      continue;
    ScheduleRowAttr row = findRow(schedule, dot.getLabelAttr());
    if (std::optional<int64_t> ahead = row ? row.getAmount(ScheduleFlag::ahead) : std::nullopt)
      return Builder(stream).getI64IntegerAttr(*ahead);
  }
  return nullptr;
}

static bool readsTile(Operation *op, Value tile) {
  bool reads = false;
  op->walk([&](Operation *inner) { reads |= llvm::is_contained(inner->getOperands(), tile); });
  return reads;
}

/// One op of the body, behind the fragments that it is the first to read from slots.
LogicalResult StreamMaterializer::compute(Operation *op, Block *into) {
  for (Ring &ring : timing.rings)
    for (auto [i, load] : llvm::enumerate(ring.loads)) {
      if (!readsTile(op, load.getTile()) || !loaded.insert(load).second)
        continue;
      Value part = sched::PartOp::create(builder, loc, slots.lookup(ring.channel),
                                         builder.getI64IntegerAttr(i), /*ssa_name=*/StringAttr());
      parent.stored[load.getTile()] = {part, ring.throughRegisters && isStoredTurned(load)};
      parent.loadUses(builder, load, part, ring.throughRegisters && isStoredTurned(load),
                      getAheadSteps(stream, load));
    }
  op->moveBefore(into, into->end());
  if (failed(parent.convert(op)))
    return failure();
  builder.setInsertionPointToEnd(into);
  return success();
}

LogicalResult StreamMaterializer::runTrip(scf::ForOp loop) {
  Value trip = loop.getInductionVar();
  builder.setInsertionPointToEnd(loop.getBody());
  for (size_t at = 0; at <= timing.steps.size(); ++at) {
    for (Ring &ring : timing.rings)
      if (ring.waitBefore == at)
        waitFor(ring);
    if (at == timing.steps.size())
      break;
    const Step &step = timing.steps[at];
    Value on;
    if (step.lead)
      on = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, getAhead(trip, step.lead),
                                 trips);
    switch (step.kind) {
    case Step::Kind::Compute:
      if (failed(compute(step.op, loop.getBody())))
        return failure();
      break;
    case Step::Kind::Fill:
      if (failed(fill(timing.rings[step.ring], trip, step.lead, on)))
        return failure();
      break;
    case Step::Kind::Fetch:
      FailureOr<Value> tile = fetch(cast<LoadOp>(step.op), trip, step.lead, on);
      if (failed(tile))
        return failure();
      fetched[step.op] = *tile;
    }
    for (Ring &ring : timing.rings)
      if (ring.releaseAfter == at)
        sched::ReleaseOp::create(builder, loc, slots.lookup(ring.channel));
  }
  return success();
}

LogicalResult StreamMaterializer::run() {
  for (Operation &op : stream.getBody().front().without_terminator()) {
    body.push_back(&op);
    isInBody.insert(&op);
  }
  if (failed(findTrips()) || failed(makeRings()))
    return failure();
  for (const Step &step : timing.steps)
    if (step.kind == Step::Kind::Fetch && step.lead > timing.rings[step.ring].lead)
      waiting.push_back(cast<LoadOp>(step.op));
  if (failed(runPrologue()))
    return failure();

  SmallVector<Value> inits;
  for (auto [init, result] : llvm::zip(stream.getInitArgs(), stream.getResults()))
    inits.push_back(isa<RankedTensorType>(init.getType())
                        ? parent.getFragment(init, parent.layouts.get(result))
                        : init);
  for (LoadOp load : waiting)
    inits.push_back(fetchedBefore.lookup(load));
  auto loop = scf::ForOp::create(builder, loc, makeIndex(0), trips, makeIndex(1), inits);
  if (!loop.getBody()->empty())
    loop.getBody()->back().erase();
  for (auto [carried, value] : llvm::zip(stream.getCarried(), loop.getRegionIterArgs()))
    if (isa<RankedTensorType>(carried.getType()))
      parent.hold(carried, value);
  for (auto [load, value] :
       llvm::zip(waiting, loop.getRegionIterArgs().drop_front(stream.getInitArgs().size())))
    fetchedBefore[load] = value;
  builder.setInsertionPointToStart(loop.getBody());
  Value position = getPosition(loop.getInductionVar());
  if (failed(runTrip(loop)))
    return failure();

  SmallVector<Value> yields;
  for (auto [value, result] : llvm::zip(stream.getYield().getValues(), stream.getResults()))
    yields.push_back(isa<RankedTensorType>(value.getType())
                         ? parent.getFragment(value, parent.layouts.get(result))
                         : value);
  for (LoadOp load : waiting)
    yields.push_back(fetched.lookup(load));
  scf::YieldOp::create(builder, loc, yields);
  builder.setInsertionPointAfter(loop);
  for (Ring &ring : timing.rings)
    sched::DrainOp::create(builder, loc, ring.channel);
  // The body speaks of the stream's own arguments until all of it has moved.
  stream.getPosition().replaceAllUsesWith(position);
  for (auto [carried, value] : llvm::zip(stream.getCarried(), loop.getRegionIterArgs()))
    if (!isa<RankedTensorType>(carried.getType()))
      carried.replaceAllUsesWith(value);
  for (auto [result, value] : llvm::zip(stream.getResults(), loop.getResults())) {
    if (isa<RankedTensorType>(result.getType()))
      parent.hold(result, value);
    else
      result.replaceAllUsesWith(value);
  }
  return success();
}

LogicalResult RoleMaterializer::convert(StreamOp op) {
  FailureOr<StreamTiming> timing = StreamTiming::get(op);
  if (failed(timing))
    return failure();
  return StreamMaterializer(*this, op, std::move(*timing)).run();
}
