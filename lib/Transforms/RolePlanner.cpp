//===- RolePlanner.cpp - Default schedules for targets with warps ---------===//
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

using namespace mlir;
using namespace tegula;

/// Bytes of one instruction of a copy that runs beside the program.
static constexpr int64_t pieceBytes = 16;

RolePlanner::RolePlanner(KernelOp kernel, const GpuInfo &gpu)
    : kernel(kernel), grid(*kernel.getBody().getOps<GridOp>().begin()), gpu(gpu),
      freeBytes(gpu.getSharedPerBlock()) {}

ScheduleRoleAttr RolePlanner::planRole() {
  // Four warps, and as many more as it takes to hold what a trip keeps at once (the
  // carried tiles, and the largest result of a product beside them) in five eighths of
  // a lane's registers; operands and addresses want the rest.
  auto words = [](Value value) -> int64_t {
    auto tile = dyn_cast<RankedTensorType>(value.getType());
    return tile ? tile.getNumElements() * llvm::divideCeil(tile.getElementTypeBitWidth(), 32) : 0;
  };
  int64_t most = 0;
  kernel->walk([&](StreamOp stream) {
    int64_t carried = 0, result = 0;
    for (Value init : stream.getInitArgs())
      carried += words(init);
    for (DotOp dot : stream.getBody().getOps<DotOp>())
      if (!dot.getAcc())
        result = std::max(result, words(dot.getResult()));
    most = std::max(most, carried + result);
  });
  int64_t warps = 4;
  while (warps < 16 && (warps * 2) * gpu.getWarpSize() <= gpu.getThreadsPerBlock() &&
         most / (warps * gpu.getWarpSize()) > gpu.getRegistersPerLane() * 5 / 8)
    warps *= 2;
  int64_t regs = std::min(gpu.getRegistersPerLane(),
                          gpu.getEntryRegisters(static_cast<int32_t>(warps) * gpu.getWarpSize()));
  return ScheduleRoleAttr::get(kernel.getContext(), "all", /*groups=*/false, warps, regs);
}

//===----------------------------------------------------------------------===//
// What may run ahead
//===----------------------------------------------------------------------===//

/// Index arithmetic on what the launch and the grid know.
bool RolePlanner::isKnownBefore(Value value) const {
  Operation *def = value.getDefiningOp();
  if (!def)
    return !isa<StreamOp>(value.getParentBlock()->getParentOp());
  if (!isPure(def) || def->getNumRegions())
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
// Schedules
//===----------------------------------------------------------------------===//

static int64_t getBytes(LoadOp load) {
  RankedTensorType tile = load.getTile().getType();
  return tile.getNumElements() * tile.getElementTypeBitWidth() / 8;
}

/// Loads of one product that stand side by side share a ring: one wait for both.
static SmallVector<SmallVector<LoadOp>> groupByReader(ArrayRef<LoadOp> loads) {
  SmallVector<SmallVector<LoadOp>> groups;
  Operation *reader = nullptr;
  for (LoadOp load : loads) {
    Operation *first = nullptr;
    for (Operation *user : load.getTile().getUsers())
      if (!first || user->isBeforeInBlock(first))
        first = user;
    if (groups.empty() || first != reader)
      groups.emplace_back();
    groups.back().push_back(load);
    reader = first;
  }
  return groups;
}

ScheduleAttr RolePlanner::plan(StreamOp stream) {
  MLIRContext *context = stream.getContext();
  SmallVector<LoadOp> loads;
  // Every thread must know how often a ring is filled: nothing around may hang on data.
  bool known = isKnownBefore(stream.getLo()) && isKnownBefore(stream.getHi());
  for (Operation *outer = stream->getParentOp(); outer != grid.getOperation();
       outer = outer->getParentOp()) {
    if (auto around = dyn_cast<StreamOp>(outer))
      known &= isKnownBefore(around.getLo()) && isKnownBefore(around.getHi());
    else if (auto branch = dyn_cast<scf::IfOp>(outer))
      known &= isKnownBefore(branch.getCondition());
  }
  if (known)
    loads = getOperandLoads(stream);
  const Copying *engine = gpu.findCopy(CopyEngine::Async);
  bool beside = engine && engine->mostBytes >= pieceBytes &&
                engine->completesAs(Completion::Fifo) &&
                llvm::all_of(loads, [&](LoadOp load) {
                  // Elements that are pieces themselves need no promise.
                  int64_t bytes = load.getTile().getType().getElementTypeBitWidth() / 8;
                  return bytes >= engine->leastBytes || hasAlignedRows(load);
                });
  SmallVector<SmallVector<LoadOp>> groups = groupByReader(loads);
  // Through registers, all loads of a trip share a ring: one barrier for all.
  if (!beside && groups.size() > 1)
    groups = {loads};

  int64_t bytes = 0;
  for (LoadOp load : loads)
    bytes += getBytes(load);
  // A copy beside the program is one slot longer than its lead; more than two trips
  // ahead hide no more latency.
  int64_t lead = loads.empty() ? 0 : beside && groups.size() == 1 ? 2 : 1;
  int64_t depth = beside ? lead + 1 : 2;
  while (depth > 1 && depth * bytes > freeBytes) {
    --depth;
    if (beside)
      --lead;
  }
  if (loads.empty() || depth * bytes > freeBytes || (beside && lead == 0)) {
    groups.clear();
    lead = 0;
  } else {
    freeBytes -= depth * bytes;
  }

  DenseMap<Operation *, size_t> groupOf;
  SmallVector<ScheduleRingAttr> rings;
  for (auto [i, group] : llvm::enumerate(groups)) {
    SmallVector<StringAttr> labels;
    for (LoadOp load : group) {
      groupOf[load] = i;
      StringAttr label = load.getLabelAttr();
      labels.push_back(beside ? label : StringAttr::get(context, label.getValue() + ".put"));
    }
    rings.push_back(ScheduleRingAttr::get(context, "ring" + std::to_string(ringCount++),
                                          beside ? RingKind::fifo : RingKind::sync, depth, labels));
  }

  SmallVector<ScheduleRowAttr> rows;
  SmallVector<StringAttr> elementwise;
  auto addRow = [&](ArrayRef<StringAttr> labels, int64_t stage,
                    std::optional<ScheduleFlag> flag = std::nullopt, int64_t amount = 0) {
    SmallVector<ScheduleFlag, 1> flags;
    if (flag)
      flags.push_back(*flag);
    rows.push_back(ScheduleRowAttr::get(context, "all", stage, labels, flags,
                                        SmallVector<int64_t, 1>(flags.size(), amount),
                                        /*phase=*/nullptr));
  };
  auto flush = [&] {
    if (!elementwise.empty())
      addRow(elementwise, lead);
    elementwise.clear();
  };
  if (!beside)
    for (auto &group : groups)
      for (LoadOp load : group)
        addRow(load.getLabelAttr(), /*stage=*/0);
  llvm::SmallDenseSet<size_t> issued;
  for (Anchor anchor : getAnchors(stream)) {
    if (groupOf.contains(anchor.op))
      continue;
    if (auto dot = dyn_cast<DotOp>(anchor.op)) {
      flush();
      bool fromRing = false;
      for (Value operand : {dot.getA(), dot.getB()}) {
        auto found = groupOf.find(operand.getDefiningOp());
        if (found == groupOf.end())
          continue;
        fromRing = true;
        // A ring is filled right above its first reader: the wait comes before both.
        if (beside && issued.insert(found->second).second)
          for (LoadOp load : groups[found->second])
            addRow(load.getLabelAttr(), /*stage=*/0);
      }
      addRow(anchor.label, lead, fromRing ? std::optional(ScheduleFlag::ahead) : std::nullopt,
             fromRing);
    } else if (isa<LoadOp, StoreOp, GatherOp, ScatterOp, ReduceStoreOp, SegmentSumOp>(anchor.op)) {
      flush();
      addRow(anchor.label, lead);
    } else {
      elementwise.push_back(anchor.label);
    }
  }
  flush();
  if (!beside)
    for (ScheduleRingAttr ring : rings)
      for (StringAttr label : ring.getLabels())
        addRow(label, /*stage=*/0);
  return ScheduleAttr::get(context, rows, rings);
}
