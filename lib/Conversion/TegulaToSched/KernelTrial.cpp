//===- KernelTrial.cpp - What a schedule would need -----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelTrial.h"

#include "tegula/Analysis/ScheduledKernel.h"
#include "tegula/Conversion/Passes.h"
#include "tegula/Support/Layout/Layout.h"
#include "tegula/Transforms/Passes.h"

#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;
using sched::FragType;

void tegula::buildRoleMaterializationPipeline(OpPassManager &pm, StringRef target) {
  pm.addPass(createSchedOrderAnchorsPass());
  SchedFormMapsPassOptions maps;
  maps.rescale = false;
  pm.addPass(createSchedFormMapsPass(maps));
  SchedMaterializeRolesPassOptions materialize;
  materialize.target = target.str();
  pm.addPass(createSchedMaterializeRolesPass(materialize));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

static std::string getTileName(Type type) {
  std::string name;
  llvm::raw_string_ostream os(name);
  if (auto fragment = dyn_cast<FragType>(type)) {
    for (int64_t extent : fragment.getShape())
      os << extent << "x";
    os << fragment.getElem();
  } else {
    os << type;
  }
  return name;
}

//===----------------------------------------------------------------------===//
// Scratch of the lowering
//===----------------------------------------------------------------------===//

static int64_t getBytes(Type type) {
  auto fragment = dyn_cast<FragType>(type);
  if (!fragment)
    return 0;
  int64_t elements = 1;
  for (int64_t extent : fragment.getShape())
    elements *= extent;
  int64_t bits = std::max<int64_t>(8, fragment.getElem().getIntOrFloatBitWidth());
  return llvm::alignTo(elements * bits / 8, 16);
}

static int64_t getBytes(Operation *op) {
  int64_t bytes = 0;
  for (Type type : op->getOperandTypes())
    bytes += getBytes(type);
  for (Type type : op->getResultTypes())
    bytes += getBytes(type);
  return bytes;
}

/// The layout of a fragment's matrix, or nothing.
static std::optional<layout::Layout> getLayout(FragType type) {
  if (!type || !type.getLayout())
    return std::nullopt;
  llvm::Expected<layout::Layout> found = type.getLayout().getLayout(type.getMatrix());
  if (found)
    return std::move(*found);
  llvm::consumeError(found.takeError());
  return std::nullopt;
}

/// Tiles of the domain's shape stay in registers. So do lines that lie as the domain does,
/// unless several warps have a part of what a line's element is reduced from.
static int64_t getScratchBound(sched::MapOp map, int64_t warps) {
  bool indexes = map.walk([](sched::TakeOp) { return WalkResult::interrupt(); }).wasInterrupted();
  ArrayRef<int64_t> domain = map.getDomain();
  if (indexes || domain.size() > 2)
    return 3 * getBytes(map);
  std::optional<layout::Layout> whole;
  for (Type type : llvm::concat<Type>(llvm::to_vector(map->getOperandTypes()),
                                      llvm::to_vector(map->getResultTypes())))
    if (auto fragment = dyn_cast<FragType>(type);
        fragment && fragment.getShape() == domain && !whole)
      whole = getLayout(fragment);
  auto isLikeDomain = [&](FragType line) {
    std::optional<layout::Layout> layout = getLayout(line);
    if (!whole || !layout)
      return false;
    for (unsigned axis : {0, 1})
      if (domain.size() == 2 && line.getShape() == domain.drop_front(1 - axis).take_front() &&
          whole->getWarpCounts()[axis] == 1 && whole->dropAxis(axis) == *layout)
        return true;
    return false;
  };
  int64_t bytes = 0;
  for (Type type : llvm::concat<Type>(llvm::to_vector(map->getOperandTypes()),
                                      llvm::to_vector(map->getResultTypes()))) {
    auto fragment = dyn_cast<FragType>(type);
    if (!fragment)
      continue;
    if (fragment.getShape() != domain)
      bytes += isLikeDomain(fragment) ? 0 : getBytes(type) * (warps + 1) * 2;
    else if (std::optional<layout::Layout> layout = getLayout(fragment);
             !layout || !(*layout == *whole))
      bytes += getBytes(type);
  }
  return bytes;
}

/// No less than the lowering takes for `op`.
static int64_t getScratchBound(Operation *op, int64_t warps) {
  return llvm::TypeSwitch<Operation *, int64_t>(op)
      .Case([&](sched::MapOp map) { return getScratchBound(map, warps); })
      .Case([](sched::ConvertOp convert) {
        bool isFree = convert.getScratch() || convert.getCost() == sched::Conversion::free;
        return isFree ? 0 : getBytes(convert.getSource().getType());
      })
      .Case([](sched::LoadOp load) { return load.getBy() ? getBytes(load) : 0; })
      .Case<sched::MmaOp, sched::SplatOp>([](Operation *) { return 0; })
      .Case([](sched::StoreOp) { return 0; })
      .Default([](Operation *op) {
        bool moves = op->getNumRegions() == 0 && !op->hasTrait<OpTrait::IsTerminator>();
        return moves ? getBytes(op) : 0;
      });
}

/// What the lowering itself says, or nothing if it has no code for something.
static std::optional<int64_t> lowerAndRead(ModuleOp copy, const GpuInfo &gpu, RunPipeline run) {
  OpPassManager pm(ModuleOp::getOperationName());
  pm.addPass(gpu.getBackend() == GpuBackend::NVPTX ? createConvertSchedToNVVMPass()
                                                   : createConvertSchedToROCDLPass());
  // A kernel that needs too much has an entry too.
  (void)run(pm, copy);
  for (DeviceEntryOp entry : copy.getOps<DeviceEntryOp>())
    return entry.getShared();
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Trials
//===----------------------------------------------------------------------===//

std::optional<KernelTrial> tegula::tryKernel(ModuleOp module, KernelOp kernel, const GpuInfo &gpu,
                                             RunPipeline run) {
  // What goes wrong in a copy goes wrong again in the kernel itself, and is said there.
  std::string message;
  ScopedDiagnosticHandler silence(kernel.getContext(), [&](Diagnostic &diagnostic) {
    if (message.empty() && diagnostic.getSeverity() == DiagnosticSeverity::Error)
      message = diagnostic.str();
    return success();
  });
  OpBuilder builder(module.getBodyRegion());
  builder.setInsertionPointToEnd(module.getBody());
  auto copy = ModuleOp::create(builder, kernel.getLoc());
  llvm::scope_exit erase([&] { copy.erase(); });
  copy.getBody()->push_back(kernel->clone());
  OpPassManager pm(ModuleOp::getOperationName());
  buildRoleMaterializationPipeline(pm, gpu.getName());
  if (failed(run(pm, copy)))
    return std::nullopt;
  sched::KernelOp scheduled = *copy.getOps<sched::KernelOp>().begin();
  FailureOr<sched::KernelNeeds> needs = sched::measureKernel(scheduled);
  if (failed(needs))
    return std::nullopt;

  KernelTrial trial;
  sched::ProofOptions proof;
  proof.checkRegisters = proof.checkMemory = false;
  message.clear();
  if (failed(sched::proveKernel(scheduled, proof)))
    trial.refusal = message;
  trial.heldBytes = needs->heldBytes;
  trial.sharedBytes = needs->heldBytes + needs->scratchBytes;
  trial.registers = needs->registers;
  trial.budget = needs->budget;
  for (auto [value, registers] : needs->live)
    trial.live.push_back({value.getLoc(), getTileName(value.getType()), registers});
  int64_t warps = 1, scratch = 0;
  scheduled.walk([&](sched::RoleOp role) { warps = std::max<int64_t>(warps, role.getCount()); });
  scheduled.walk([&](Operation *op) {
    if (op->getParentOfType<sched::RoleOp>() && !op->getParentOfType<sched::MapOp>())
      scratch = std::max(scratch, getScratchBound(op, warps));
  });
  if (trial.budget == 0) // the schedule says nothing: what the launch can have
    trial.budget = gpu.getEntryRegisters(warps * gpu.getWarpSize());
  int64_t most = std::max<int64_t>(trial.sharedBytes, llvm::alignTo(trial.heldBytes, 16) + scratch);
  if (trial.refusal.empty() && most > gpu.getSharedPerBlock() &&
      trial.sharedBytes <= gpu.getSharedPerBlock())
    most = lowerAndRead(copy, gpu, run).value_or(trial.sharedBytes);
  trial.sharedBytes = std::max(most, trial.sharedBytes);
  return trial;
}
