//===- RolePlanner.cpp - Schedules for targets with warps -----------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RolePlanner.h"

#include "tegula/Analysis/IndexFacts.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

#include <cmath>

using namespace mlir;
using namespace tegula;

/// Bytes of one instruction of a copy that runs beside the program.
static constexpr int64_t pieceBytes = 16;

/// More trips ahead than this hide no latency that there is.
static constexpr int64_t mostLead = 3;

RolePlanner::RolePlanner(KernelOp kernel, const GpuInfo &gpu, int64_t warps)
    : kernel(kernel), gpu(gpu), warps(warps), costs(gpu, warps) {}

ScheduleRoleAttr RolePlanner::getRole() {
  int64_t regs = std::min(gpu.getRegistersPerLane(),
                          gpu.getEntryRegisters(static_cast<int32_t>(warps) * gpu.getWarpSize()));
  return ScheduleRoleAttr::get(kernel.getContext(), "all", /*groups=*/false, warps, regs);
}

std::string StreamForm::str() const {
  std::string ahead = lead == 0   ? "when their trip begins"
                      : lead == 1 ? "1 trip ahead"
                                  : std::to_string(lead) + " trips ahead";
  switch (path) {
  case Path::Plain:
    return "loaded where they are used";
  case Path::Beside:
    return "copied " + ahead + ", rings of " + std::to_string(getDepth());
  case Path::Joint:
    return "fetched " + ahead + ", a ring of " + std::to_string(getDepth());
  case Path::Split:
    return "fetched " + ahead + ", a ring of 1 for each product";
  }
  llvm_unreachable("every path has words");
}

llvm::DenseSet<Operation *> StreamLoads::getAll() const {
  llvm::DenseSet<Operation *> all;
  for (const auto &group : groups)
    for (LoadOp load : group)
      all.insert(load);
  return all;
}

//===----------------------------------------------------------------------===//
// What may run ahead
//===----------------------------------------------------------------------===//

/// Index arithmetic on what the launch and the grid know.
bool RolePlanner::isKnownBefore(Value value) const {
  Operation *def = value.getDefiningOp();
  if (!def)
    return !isa<StreamOp>(value.getParentBlock()->getParentOp());
  // A division may trap, and the launch part computes it all the same.
  if (!isMemoryEffectFree(def) || def->getNumRegions())
    return false;
  if (llvm::any_of(def->getOperandTypes(), [](Type t) { return isa<RankedTensorType>(t); }))
    return false;
  return llvm::all_of(def->getOperands(), [&](Value v) { return isKnownBefore(v); });
}

/// A load from an input whose coordinates hang on the position alone.
bool RolePlanner::canRunAhead(LoadOp load) const {
  if (!isUnorderedLoad(load))
    return false;
  auto stream = cast<StreamOp>(load->getParentOp());
  SmallVector<Value> work(load->getOperands());
  llvm::SmallPtrSet<Operation *, 8> seen;
  while (!work.empty()) {
    Value value = work.pop_back_val();
    if (llvm::is_contained(stream.getCarried(), value))
      return false;
    Operation *def = value.getDefiningOp();
    if (!def || def->getParentOp() != stream || !seen.insert(def).second)
      continue;
    if (!isPure(def) || def->getNumRegions() ||
        llvm::any_of(def->getOperandTypes(), [](Type t) { return isa<RankedTensorType>(t); }))
      return false;
    llvm::append_range(work, def->getOperands());
  }
  return true;
}

/// The view that a narrowing starts from, in the kernel's arguments.
static Value getRoot(Value view) {
  while (auto narrowed = view.getDefiningOp<memref::SubViewOp>())
    view = narrowed.getSource();
  return view;
}

/// Whether each row of the tile starts at a multiple of a copy's piece: promised of the
/// argument, and kept by the offsets along the last axis.
bool RolePlanner::hasAlignedRows(LoadOp load) {
  auto argument = dyn_cast<BlockArgument>(getRoot(load.getView()));
  if (!argument || argument.getOwner() != &kernel.getBody().front())
    return false;
  auto promise = cast<ArgAttr>(kernel.getArgs()[argument.getArgNumber()]);
  auto view = cast<MemRefType>(argument.getType());
  RankedTensorType tile = load.getTile().getType();
  int64_t bytes = tile.getElementTypeBitWidth() / 8;
  if (promise.getAlign() % pieceBytes || tile.getShape().back() * bytes % pieceBytes)
    return false;
  ArrayRef<int64_t> multiples = promise.getMultiples();
  if (static_cast<int64_t>(multiples.size()) != view.getRank() || view.getRank() == 0)
    return false;
  for (int64_t multiple : multiples.drop_back())
    if (multiple * bytes % pieceBytes)
      return false;
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(cast<MemRefType>(load.getView().getType()).getStridesAndOffset(strides, offset)) ||
      strides.back() != 1)
    return false;
  // Offsets along the last axis are whole pieces: steps of streams and grids are.
  auto isWhole = [&](Value value) { return getDivisor(value) * bytes % pieceBytes == 0; };
  if (!isWhole(load.getAt().back()))
    return false;
  for (Value view = load.getView(); auto narrowed = view.getDefiningOp<memref::SubViewOp>();
       view = narrowed.getSource()) {
    OpFoldResult last = narrowed.getMixedOffsets().back();
    if (auto value = dyn_cast<Value>(last); value && !isWhole(value))
      return false;
    if (auto fixed = getConstantIntValue(last); fixed && *fixed * bytes % pieceBytes)
      return false;
  }
  return true;
}

/// The loads of a stream that are nothing but operands of products of its own body.
SmallVector<LoadOp> RolePlanner::getOperandLoads(StreamOp stream) const {
  SmallVector<LoadOp> loads;
  for (LoadOp load : stream.getBody().getOps<LoadOp>()) {
    bool operand = !load.getTile().use_empty() && load.getTile().getType().getRank() == 2 &&
                   llvm::all_of(load.getTile().getUses(), [&](OpOperand &use) {
                     auto dot = dyn_cast<DotOp>(use.getOwner());
                     return dot && dot->getParentOp() == stream && use.get() != dot.getAcc();
                   });
    if (operand && canRunAhead(load))
      loads.push_back(load);
  }
  return loads;
}

//===----------------------------------------------------------------------===//
// Forms
//===----------------------------------------------------------------------===//

static int64_t getBytes(LoadOp load) {
  RankedTensorType tile = load.getTile().getType();
  return tile.getNumElements() * tile.getElementTypeBitWidth() / 8;
}

/// The product that reads `load` first, or last.
static Operation *getReader(LoadOp load, bool last = false) {
  Operation *reader = nullptr;
  for (Operation *user : load.getTile().getUsers())
    if (!reader || (last ? reader->isBeforeInBlock(user) : user->isBeforeInBlock(reader)))
      reader = user;
  return reader;
}

/// Loads of one product that stand side by side share a ring: one wait for both.
static SmallVector<SmallVector<LoadOp>> groupByReader(ArrayRef<LoadOp> loads) {
  SmallVector<SmallVector<LoadOp>> groups;
  Operation *reader = nullptr;
  for (LoadOp load : loads) {
    Operation *first = getReader(load);
    if (groups.empty() || first != reader)
      groups.emplace_back();
    groups.back().push_back(load);
    reader = first;
  }
  return groups;
}

StreamLoads RolePlanner::findLoads(StreamOp stream) {
  StreamLoads found;
  // Every thread must know how often a ring is filled: nothing around may hang on data.
  bool known = isKnownBefore(stream.getLo()) && isKnownBefore(stream.getHi());
  for (Operation *outer = stream->getParentOp(); !isa<GridOp>(outer);
       outer = outer->getParentOp()) {
    if (auto around = dyn_cast<StreamOp>(outer))
      known &= isKnownBefore(around.getLo()) && isKnownBefore(around.getHi());
    else if (auto branch = dyn_cast<scf::IfOp>(outer))
      known &= isKnownBefore(branch.getCondition());
  }
  if (!known)
    return found;
  SmallVector<LoadOp> loads = getOperandLoads(stream);
  const Copying *engine = gpu.findCopy(CopyEngine::Async);
  found.beside = engine && engine->mostBytes >= pieceBytes &&
                 engine->completesAs(Completion::Fifo) &&
                 llvm::all_of(loads, [&](LoadOp load) {
                   // Elements that are pieces themselves need no promise.
                   int64_t bytes = load.getTile().getType().getElementTypeBitWidth() / 8;
                   return bytes >= engine->leastBytes || hasAlignedRows(load);
                 });
  found.groups = groupByReader(loads);
  for (LoadOp load : loads)
    found.bytes += getBytes(load);
  return found;
}

/// A ring of one slot is filled while another product computes, so its readers must be done
/// by then.
static bool canSplit(const StreamLoads &loads) {
  size_t count = loads.groups.size();
  if (count < 2)
    return false;
  for (size_t i = 1; i < count; ++i)
    if (!getReader(loads.groups[i - 1].front())
             ->isBeforeInBlock(getReader(loads.groups[i].front())))
      return false;
  return llvm::all_of(loads.groups.front(), [&](LoadOp load) {
    return getReader(load, /*last=*/true)->isBeforeInBlock(getReader(loads.groups.back().front()));
  });
}

SmallVector<StreamForm> RolePlanner::getForms(const StreamLoads &loads,
                                              const TripCosts &trip) const {
  using Path = StreamForm::Path;
  SmallVector<StreamForm> forms;
  if (!loads.groups.empty() && loads.beside) {
    int64_t most = 0;
    for (const auto &group : loads.groups) {
      int64_t bytes = 0;
      for (LoadOp load : group)
        bytes += getBytes(load);
      most = std::max(most, bytes);
    }
    // The last twentieth of a trip is not worth a slot.
    int64_t lead = std::clamp<int64_t>(
        std::ceil(costs.getCopyLatency(most) / std::max(1.05 * trip.alone, 1.0)), 1, mostLead);
    for (; lead >= 0; --lead)
      forms.push_back({Path::Beside, lead});
  } else if (!loads.groups.empty()) {
    // A tile waits in registers for one trip at most.
    forms.push_back({Path::Joint, 1});
    if (canSplit(loads))
      forms.push_back({Path::Split, 1});
    forms.push_back({Path::Joint, 0});
  }
  forms.push_back({Path::Plain, 0});
  return forms;
}

//===----------------------------------------------------------------------===//
// Schedules
//===----------------------------------------------------------------------===//

namespace {

/// The rows of one stream, as they are written.
class Rows {
public:
  explicit Rows(MLIRContext *context) : context(context) {}

  void add(ArrayRef<StringAttr> labels, int64_t stage, int64_t ahead = 0) {
    SmallVector<ScheduleFlag, 1> flags;
    SmallVector<int64_t, 1> amounts;
    if (ahead) {
      flags.push_back(ScheduleFlag::ahead);
      amounts.push_back(ahead);
    }
    rows.push_back(ScheduleRowAttr::get(context, "all", stage, labels, flags, amounts,
                                        /*phase=*/nullptr));
  }
  void fetch(ArrayRef<LoadOp> group) {
    for (LoadOp load : group)
      add(load.getLabelAttr(), /*stage=*/0);
  }
  void put(ArrayRef<LoadOp> group, int64_t stage) {
    for (LoadOp load : group)
      add(getPut(load), stage);
  }
  StringAttr getPut(LoadOp load) const {
    return StringAttr::get(context, load.getLabelAttr().getValue() + ".put");
  }

  SmallVector<ScheduleRowAttr> rows;

private:
  MLIRContext *context;
};

} // namespace

ScheduleAttr RolePlanner::plan(StreamOp stream, const StreamLoads &loads, StreamForm form) {
  using Path = StreamForm::Path;
  MLIRContext *context = stream.getContext();
  Rows rows(context);
  SmallVector<SmallVector<LoadOp>> groups;
  if (form.path != Path::Plain)
    groups = loads.groups;
  if (form.path == Path::Joint && groups.size() > 1) {
    for (const auto &group : ArrayRef(groups).drop_front())
      groups.front().append(group);
    groups.truncate(1);
  }
  bool beside = form.path == Path::Beside;
  DenseMap<Operation *, size_t> groupOf;
  SmallVector<ScheduleRingAttr> rings;
  for (auto [i, group] : llvm::enumerate(groups)) {
    SmallVector<StringAttr> labels;
    for (LoadOp load : group) {
      groupOf[load] = i;
      labels.push_back(beside ? load.getLabelAttr() : rows.getPut(load));
    }
    rings.push_back(ScheduleRingAttr::get(context, "ring" + std::to_string(ringCount++),
                                          beside ? RingKind::fifo : RingKind::sync, form.getDepth(),
                                          labels));
  }

  // What fills rings stands right above the first reader of one: the wait comes before both,
  // and its barrier returns the credit.
  llvm::SmallDenseSet<size_t> issued;
  auto fillAt = [&](size_t i) {
    if (!issued.insert(i).second)
      return;
    if (beside) {
      rows.fetch(groups[i]);
    } else if (form.path == Path::Split) {
      // A tile of this trip is put where the product before its own computes.
      size_t next = (i + 1) % groups.size();
      rows.fetch(groups[i]);
      rows.put(groups[next], next == 0 ? 0 : form.lead);
    }
  };
  if (form.path == Path::Joint) {
    rows.fetch(groups.front());
    if (form.lead == 0)
      rows.put(groups.front(), /*stage=*/0);
  }
  SmallVector<StringAttr> elementwise;
  auto flush = [&] {
    if (!elementwise.empty())
      rows.add(elementwise, form.lead);
    elementwise.clear();
  };
  for (Anchor anchor : getAnchors(stream)) {
    if (groupOf.contains(anchor.op))
      continue;
    if (auto dot = dyn_cast<DotOp>(anchor.op)) {
      flush();
      bool fromRing = false;
      for (Value operand : {dot.getA(), dot.getB()})
        if (auto found = groupOf.find(operand.getDefiningOp()); found != groupOf.end()) {
          fromRing = true;
          fillAt(found->second);
        }
      rows.add(anchor.label, form.lead, fromRing ? costs.getStepsAhead(dot) : 0);
    } else if (isa<LoadOp, StoreOp, GatherOp, ScatterOp, ReduceStoreOp, SegmentSumOp>(anchor.op)) {
      flush();
      rows.add(anchor.label, form.lead);
    } else {
      elementwise.push_back(anchor.label);
    }
  }
  flush();
  if (form.path == Path::Joint && form.lead > 0)
    rows.put(groups.front(), /*stage=*/0);
  return ScheduleAttr::get(context, rows.rows, rings);
}
