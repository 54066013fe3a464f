//===- Extract.cpp - The events of a kernel -------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "Indices.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/AsmState.h"
#include "tegula/Analysis/ScheduledKernel.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tegula::sched;

namespace {

/// Values that a proof follows: slots and their buffers, products, fragments, tiles.
bool isTracked(mlir::Value value) {
  return isa<SlotType, FlightType, FragType, BufType, RankedTensorType>(value.getType());
}

/// Builds the event program of one kernel.
class Extractor {
public:
  Extractor(KernelOp kernel, unsigned lanes) : kernel(kernel), lanes(lanes), indices(out.program) {}

  FailureOr<ExtractedKernel> run();

private:
  void addBuffer(AllocOp op);
  void addChannel(ChannelOp op);
  void addTrips(TripsOp op);
  LogicalResult addRole(RoleOp op);

  LogicalResult extract(Block &from, proof::Block &to);
  LogicalResult extract(scf::ForOp op, proof::Block &to);
  LogicalResult extract(scf::IfOp op, proof::Block &to);
  LogicalResult extract(PhaseOp op, proof::Block &to);
  /// The events of an op without channel ops inside.
  void extractLeaf(Operation *op, proof::Block &to);
  proof::StmtOp getEvent(Operation *op);
  proof::StmtOp getCopy(CopyOp op);
  proof::StmtOp getLoad(LoadOp op);
  proof::StmtOp getStore(StoreOp op);
  proof::StmtOp getProduct(MmaOp op);
  proof::StmtOp getCompute(Operation *op);

  proof::Site getSite(Operation *op);
  proof::ValueId getId(mlir::Value value);
  SmallVector<proof::ValueId, 4> getIds(ValueRange values);
  std::string getName(mlir::Value value);
  std::optional<proof::ExprId> getWhere(mlir::Value where);
  template <typename OpTy> proof::Origin getOrigin(OpTy op);

  KernelOp kernel;
  unsigned lanes; ///< of a warp
  ExtractedKernel out;
  Indices indices;
  std::unique_ptr<AsmState> asmState; ///< made when a value has no name of its own
  DenseMap<mlir::Value, unsigned> channels, batons;
  DenseMap<mlir::Value, proof::ValueId> ids; ///< of the current role
  RoleScope scope;
};

} // namespace

//===----------------------------------------------------------------------===//
// Names and numbers
//===----------------------------------------------------------------------===//

proof::Site Extractor::getSite(Operation *op) {
  out.sites.push_back(op);
  return out.sites.size() - 1;
}

std::string Extractor::getName(mlir::Value value) {
  // A carried value is known by what it begins as.
  while (auto argument = dyn_cast<BlockArgument>(value)) {
    auto loop = dyn_cast_or_null<scf::ForOp>(argument.getOwner()->getParentOp());
    if (!loop || argument == loop.getInductionVar())
      break;
    value = loop.getTiedLoopInit(argument)->get();
  }
  std::string own;
  if (auto named = value.getDefiningOp<OpAsmOpInterface>())
    named.getAsmResultNames([&](mlir::Value result, StringRef name) {
      if (result == value)
        own = "%" + name.str();
    });
  if (!own.empty())
    return own;
  if (!asmState)
    asmState =
        std::make_unique<AsmState>(kernel, OpPrintingFlags().useLocalScope().assumeVerified());
  std::string name;
  llvm::raw_string_ostream os(name);
  value.printAsOperand(os, *asmState);
  return name;
}

proof::ValueId Extractor::getId(mlir::Value value) {
  auto [entry, inserted] = ids.try_emplace(value, ids.size());
  if (inserted) {
    out.program.roles.back().values.push_back({getName(value), getRegisters(value, scope)});
    out.values.back().push_back(value);
  }
  return entry->second;
}

SmallVector<proof::ValueId, 4> Extractor::getIds(ValueRange values) {
  SmallVector<proof::ValueId, 4> found;
  for (mlir::Value value : values)
    if (isTracked(value))
      found.push_back(getId(value));
  return found;
}

std::optional<proof::ExprId> Extractor::getWhere(mlir::Value where) {
  return where ? std::optional(indices.get(where)) : std::nullopt;
}

template <typename OpTy> proof::Origin Extractor::getOrigin(OpTy op) {
  proof::Origin origin;
  if (op.getLabel())
    origin.label = op.getLabel()->str();
  for (mlir::Value at : op.getAt())
    origin.coordinates.push_back(indices.get(at));
  return origin;
}

//===----------------------------------------------------------------------===//
// What stands around the roles
//===----------------------------------------------------------------------===//

void Extractor::addBuffer(AllocOp op) {
  BufType type = op.getType();
  proof::Buffer buffer;
  buffer.name = getName(op.getBuffer());
  buffer.space = stringifySpace(type.getSpace());
  buffer.stages = type.getStages();
  // Stages begin where the widest accesses may.
  buffer.stageBytes = llvm::alignTo(getTileBytes(type.getShape(), type.getElem()), 16);
  // Hardware that permutes the pieces of 8 rows of 128 bytes takes the pattern from the
  // address, so such a buffer begins at a multiple of the pattern.
  buffer.alignment = type.isSwizzled() ? 1024 : 128;
  buffer.site = getSite(op);
  for (Operation *user : op->getUsers()) {
    buffer.scratch |= isa<ConvertOp>(user);
    if (auto channel = dyn_cast<ChannelOp>(user))
      if (auto found = channels.find(channel.getChannel()); found != channels.end())
        buffer.channel = found->second;
  }
  out.program.buffers.push_back(std::move(buffer));
}

void Extractor::addChannel(ChannelOp op) {
  ChanType type = op.getType();
  channels[op.getChannel()] = out.program.channels.size();
  out.program.channels.push_back({getName(op.getChannel()), getCompletion(type.getKind()),
                                  unsigned(type.getDepth()), unsigned(type.getBuffers().size()),
                                  getSite(op)});
}

void Extractor::addTrips(TripsOp op) {
  std::string name = getName(op.getCount());
  out.program.trips.push_back({StringRef(name).drop_front().str(), indices.bind(op.getCount())});
}

LogicalResult Extractor::addRole(RoleOp op) {
  scope = getRoleScope(op, lanes);
  proof::Role role;
  role.name = op.getSymName().str();
  bool groups = op.getMembers() == Members::groups;
  role.members = groups ? op.getCount() : 1;
  role.warps = groups ? scope.warps * op.getCount() : op.getCount();
  role.registers = op.getRegs().value_or(0);
  role.site = getSite(op);
  if (groups && op.getMember())
    role.member = indices.bind(op.getMember());
  out.program.roles.push_back(std::move(role));
  out.values.emplace_back();
  ids.clear();
  proof::Block body;
  if (failed(extract(op.getBody().front(), body)))
    return failure();
  out.program.roles.back().body = std::move(body);
  return success();
}

FailureOr<ExtractedKernel> Extractor::run() {
  out.program.name = kernel.getSymName().str();
  out.program.site = getSite(kernel);
  kernel.walk([&](ChannelOp op) { addChannel(op); });
  kernel.walk([&](AllocOp op) { addBuffer(op); });
  // Equal trip counts have equal values, however often they are written.
  DenseMap<std::pair<mlir::Value, std::pair<mlir::Value, mlir::Value>>, TripsOp> counts;
  kernel.walk([&](TripsOp op) {
    auto [entry, inserted] = counts.try_emplace({op.getLo(), {op.getHi(), op.getStep()}}, op);
    if (inserted)
      addTrips(op);
    else
      indices.alias(op.getCount(), entry->second.getCount());
  });
  kernel.walk([&](BatonOp op) {
    batons[op.getBaton()] = out.program.batons.size();
    out.program.batons.push_back({getName(op.getBaton()), unsigned(op.getMembers()), getSite(op)});
  });
  LogicalResult result = success();
  kernel.walk([&](RoleOp op) {
    result = addRole(op);
    return succeeded(result) ? WalkResult::skip() : WalkResult::interrupt();
  });
  if (failed(result))
    return failure();
  return std::move(out);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

/// Ops that other members notice, or that wait.
static bool synchronises(Operation *op) {
  return op
      ->walk([](Operation *inner) {
        auto product = dyn_cast<MmaOp>(inner);
        bool found =
            isa<AcquireOp, CommitOp, WaitOp, ReleaseOp, DrainOp, MmaWaitOp, TurnOp, PassOp>(
                inner) ||
            (product && product.getIsAsync());
        return found ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

LogicalResult Extractor::extract(Block &from, proof::Block &to) {
  for (Operation &op : from.without_terminator()) {
    LogicalResult result = success();
    if (auto loop = dyn_cast<scf::ForOp>(op))
      result = extract(loop, to);
    else if (auto guard = dyn_cast<scf::IfOp>(op))
      result = extract(guard, to);
    else if (auto phase = dyn_cast<PhaseOp>(op))
      result = extract(phase, to);
    else if (op.getNumRegions() && synchronises(&op) && !isa<MapOp>(op))
      return op.emitError() << "channel ops inside '" << op.getName()
                            << "': only counted loops, guards and phases may hold them";
    else
      extractLeaf(&op, to);
    if (failed(result))
      return failure();
  }
  return success();
}

LogicalResult Extractor::extract(scf::ForOp op, proof::Block &to) {
  proof::Loop loop;
  proof::Site site = getSite(op);
  loop.lower = indices.get(op.getLowerBound());
  loop.upper = indices.get(op.getUpperBound());
  loop.step = indices.get(op.getStep());
  loop.induction = indices.bind(op.getInductionVar());
  loop.inits = getIds(op.getInitArgs());
  loop.arguments = getIds(op.getRegionIterArgs());
  if (failed(extract(*op.getBody(), loop.body)))
    return failure();
  loop.yields = getIds(op.getBody()->getTerminator()->getOperands());
  loop.results = getIds(op.getResults());
  to.push_back({site, std::move(loop)});
  return success();
}

LogicalResult Extractor::extract(scf::IfOp op, proof::Block &to) {
  proof::If guard;
  proof::Site site = getSite(op);
  guard.condition = indices.get(op.getCondition());
  if (failed(extract(*op.thenBlock(), guard.yes)))
    return failure();
  guard.yesYields = getIds(op.thenBlock()->getTerminator()->getOperands());
  if (op.elseBlock()) {
    if (failed(extract(*op.elseBlock(), guard.no)))
      return failure();
    guard.noYields = getIds(op.elseBlock()->getTerminator()->getOperands());
  }
  guard.results = getIds(op.getResults());
  to.push_back({site, std::move(guard)});
  return success();
}

/// A phase promises an order and is no boundary: its ops are those of the block around.
LogicalResult Extractor::extract(PhaseOp op, proof::Block &to) {
  Block &body = op.getBody().front();
  if (failed(extract(body, to)))
    return failure();
  for (auto [result, yielded] : llvm::zip(op.getResults(), body.getTerminator()->getOperands()))
    if (isTracked(result))
      to.push_back({getSite(op), proof::Alias{getId(result), {getId(yielded)}}});
    else
      indices.alias(result, yielded);
  return success();
}

//===----------------------------------------------------------------------===//
// Single ops
//===----------------------------------------------------------------------===//

void Extractor::extractLeaf(Operation *op, proof::Block &to) {
  bool tracked =
      llvm::any_of(op->getOperands(), isTracked) || llvm::any_of(op->getResults(), isTracked) ||
      op->getNumRegions() ||
      isa<AcquireOp, CommitOp, WaitOp, ReleaseOp, DrainOp, MmaWaitOp, TurnOp, PassOp>(op);
  if (!tracked)
    return;
  proof::StmtOp event = getEvent(op);
  to.push_back({getSite(op), std::move(event)});
}

proof::StmtOp Extractor::getEvent(Operation *op) {
  using proof::StmtOp;
  return llvm::TypeSwitch<Operation *, StmtOp>(op)
      .Case([&](AcquireOp acquire) -> StmtOp {
        return proof::Acquire{channels.at(acquire.getChannel()), getId(acquire.getSlot())};
      })
      .Case([&](CommitOp commit) -> StmtOp { return proof::Commit{getId(commit.getSlot())}; })
      .Case([&](WaitOp wait) -> StmtOp {
        std::optional<unsigned> inflight;
        if (wait.getInflight())
          inflight = wait.getInflight();
        return proof::Wait{channels.at(wait.getChannel()), inflight, getId(wait.getSlot())};
      })
      .Case([&](ReleaseOp release) -> StmtOp { return proof::Release{getId(release.getSlot())}; })
      .Case([&](DrainOp drain) -> StmtOp { return proof::Drain{channels.at(drain.getChannel())}; })
      .Case([&](TurnOp turn) -> StmtOp { return proof::Turn{batons.at(turn.getBaton())}; })
      .Case([&](PassOp pass) -> StmtOp { return proof::Pass{batons.at(pass.getBaton())}; })
      .Case([&](FinishOp) -> StmtOp { return proof::Finish{}; })
      .Case([&](PartOp part) -> StmtOp {
        proof::ValueId slot = getId(part.getSlot());
        return proof::Alias{getId(part.getBuffer()), {slot, unsigned(part.getNumber())}};
      })
      .Case<SliceOp, ViewOp>([&](auto box) -> StmtOp {
        if (!isTracked(box.getSource()))
          return getCompute(op); // a box of a view
        proof::ValueId source = getId(box.getSource());
        return proof::Alias{getId(box.getBuffer()), {source}};
      })
      .Case([&](CopyOp copy) -> StmtOp { return getCopy(copy); })
      .Case([&](LoadOp load) -> StmtOp { return getLoad(load); })
      .Case([&](StoreOp store) -> StmtOp { return getStore(store); })
      .Case([&](MmaOp product) -> StmtOp { return getProduct(product); })
      .Case([&](MmaWaitOp wait) -> StmtOp {
        proof::ProductWait event;
        event.inflight = wait.getInflight();
        event.products = getIds(wait.getFlights());
        event.retire = getIds(wait.getRetired());
        event.results = getIds(wait.getFragments());
        return event;
      })
      .Default([&](Operation *other) { return getCompute(other); });
}

proof::StmtOp Extractor::getCopy(CopyOp op) {
  if (!op.getEngine())
    return getCompute(op);
  proof::Copy copy;
  copy.engine = getCopyEngine(*op.getEngine());
  if (isTracked(op.getSource()))
    copy.source = proof::Operand{getId(op.getSource())};
  if (op.getBy())
    copy.rows = proof::Operand{getId(op.getBy())};
  copy.dest = {getId(op.getDest())};
  copy.where = getWhere(op.getWhere());
  copy.origin = getOrigin(op);
  return copy;
}

proof::StmtOp Extractor::getLoad(LoadOp op) {
  if (isTracked(op.getSource()))
    return getCompute(op);
  return proof::Fetch{getId(op.getFragment()), getWhere(op.getWhere()), getOrigin(op)};
}

proof::StmtOp Extractor::getStore(StoreOp op) {
  if (!isTracked(op.getDest()) || !isa<FragType>(op.getSource().getType()))
    return getCompute(op);
  proof::Copy copy;
  copy.engine = ::tegula::CopyEngine::Registers;
  copy.source = proof::Operand{getId(op.getSource())};
  copy.dest = {getId(op.getDest())};
  copy.where = getWhere(op.getWhere());
  copy.origin = getOrigin(op);
  return copy;
}

proof::StmtOp Extractor::getProduct(MmaOp op) {
  if (!op.getResult())
    return getCompute(op);
  proof::Product product;
  product.async = op.getIsAsync();
  for (mlir::Value operand : {op.getA(), op.getB()})
    product.operands.push_back({getId(operand)});
  if (op.getAcc())
    product.accumulator = proof::Operand{getId(op.getAcc())};
  product.result = getId(op.getResult());
  return product;
}

proof::StmtOp Extractor::getCompute(Operation *op) {
  proof::Compute compute;
  if (isa<MapOp>(op))
    compute.kind = proof::Compute::Kind::Map;
  else if (isa<SplatOp>(op))
    compute.kind = proof::Compute::Kind::Constant;
  else if (isa<StoreOp, ScatterOp, ReduceStoreOp>(op))
    compute.kind = proof::Compute::Kind::Output;
  SetVector<mlir::Value> operands;
  op->walk([&](Operation *inner) {
    for (mlir::Value operand : inner->getOperands())
      if (isTracked(operand) && !op->isAncestor(operand.getParentBlock()->getParentOp()))
        operands.insert(operand);
  });
  for (mlir::Value operand : operands)
    compute.operands.push_back({getId(operand)});
  for (mlir::Value result : op->getResults())
    if (isTracked(result))
      compute.results.push_back(getId(result));
  return compute;
}

FailureOr<ExtractedKernel> tegula::sched::extractEvents(KernelOp kernel, unsigned lanes) {
  return Extractor(kernel, lanes).run();
}
