//===- SchedPlan.cpp - Chooses a schedule for each stream -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelPlanner.h"

#include "tegula/Conversion/Passes.h"
#include "tegula/Dialect/Tegula/IR/Schedule.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Target/TargetInfo.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringSet.h"

namespace tegula {
#define GEN_PASS_DEF_SCHEDPLANPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;

/// What an unlabelled anchor is called in the table.
static StringRef getKindName(Operation *op) {
  return llvm::TypeSwitch<Operation *, StringRef>(op)
      .Case([](LoadOp) { return "load"; })
      .Case([](StoreOp) { return "store"; })
      .Case([](GatherOp) { return "gather"; })
      .Case([](ScatterOp) { return "scatter"; })
      .Case([](ReduceStoreOp) { return "reduce_store"; })
      .Case([](SegmentSumOp) { return "segment_sum"; })
      .Case([](DotOp) { return "dot"; })
      .Default([](Operation *) { return "op"; });
}

/// Labels the anchors of `stream` that have none, and tells equal labels apart
/// by `.1`, `.2`, in the order of the text. Elementwise ops without a label stay so: they
/// go with what they are fused with, and a pass may have made them, so that nobody could
/// name them in a schedule.
static void labelAnchors(StreamOp stream) {
  llvm::StringSet<> taken;
  llvm::StringMap<unsigned> next;
  stream.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<StreamOp>(op))
      return WalkResult::skip();
    auto anchor = dyn_cast<AnchorOpInterface>(op);
    if (!anchor || (!anchor.getAnchorLabel() && isa<Exp2Op, ReduceOp>(op)))
      return WalkResult::advance();
    StringRef base = anchor.getAnchorLabel() ? anchor.getAnchorLabel().getValue() : getKindName(op);
    std::string label = base.str();
    while (!taken.insert(label).second)
      label = base.str() + "." + std::to_string(++next[base]);
    anchor.setAnchorLabel(StringAttr::get(op->getContext(), label));
    return WalkResult::advance();
  });
}

/// One role, one stage, the order of the text: a CPU thread runs ahead by itself.
/// What is left to decide is how operands are stored and how tall a block is.
static ScheduleAttr plan(StreamOp stream, const TargetInfo &target) {
  MLIRContext *context = stream.getContext();
  SmallVector<ScheduleRowAttr> rows;
  SmallVector<StringAttr> elementwise;
  auto addRow = [&](ArrayRef<StringAttr> labels, std::optional<ScheduleFlag> flag, int64_t amount) {
    SmallVector<ScheduleFlag, 1> flags;
    if (flag)
      flags.push_back(*flag);
    rows.push_back(ScheduleRowAttr::get(context, "all", /*stage=*/0, labels, flags,
                                        SmallVector<int64_t, 1>(flags.size(), amount),
                                        /*phase=*/nullptr));
  };
  auto flush = [&] {
    if (!elementwise.empty())
      addRow(elementwise, ScheduleFlag::in_place, 0);
    elementwise.clear();
  };
  for (Anchor anchor : getAnchors(stream)) {
    if (auto load = dyn_cast<LoadOp>(anchor.op)) {
      flush();
      std::optional<bool> side = getRightOperandSide(load.getTile());
      int64_t width = target.getPanelWidth(load.getTile().getType().getElementType());
      if (side)
        addRow(anchor.label, *side ? ScheduleFlag::pack_t : ScheduleFlag::pack, width);
      else
        addRow(anchor.label, std::nullopt, 0);
    } else if (isa<DotOp>(anchor.op)) {
      flush();
      addRow(anchor.label, ScheduleFlag::panel, target.getRegisterBlock().rows);
    } else if (isa<StoreOp, GatherOp, ScatterOp, ReduceStoreOp, SegmentSumOp>(anchor.op)) {
      flush();
      addRow(anchor.label, std::nullopt, 0);
    } else {
      elementwise.push_back(anchor.label);
    }
  }
  flush();
  return ScheduleAttr::get(context, rows);
}

/// One CPU thread runs an instance.
static void planThread(KernelOp kernel, const TargetInfo &target) {
  kernel->walk([&](StreamOp stream) {
    if (stream.getScheduleAttr())
      return;
    labelAnchors(stream);
    stream.setScheduleAttr(plan(stream, target));
  });
}

namespace {

struct SchedPlan : tegula::impl::SchedPlanPassBase<SchedPlan> {
  using SchedPlanPassBase::SchedPlanPassBase;

  void runOnOperation() override {
    auto info = lookupTarget(target);
    if (!info) {
      getOperation()->emitError() << "unknown target '" << target << "'";
      return signalPassFailure();
    }
    SmallVector<KernelOp> kernels;
    getOperation().walk([&](KernelOp kernel) { kernels.push_back(kernel); });
    for (KernelOp kernel : kernels) {
      if (auto *gpu = dyn_cast<const GpuInfo *>(info)) {
        if (failed(planRoles(kernel, *gpu)))
          return signalPassFailure();
        continue;
      }
      planThread(kernel, *cast<const TargetInfo *>(info));
      if (print)
        printSchedule(llvm::outs(), kernel, target);
    }
  }

  /// A role of warps runs an instance.
  LogicalResult planRoles(KernelOp kernel, const GpuInfo &gpu) {
    kernel->walk([](StreamOp stream) {
      if (!stream.getScheduleAttr())
        labelAnchors(stream);
    });
    auto run = [&](OpPassManager &pm, Operation *op) { return runPipeline(pm, op); };
    KernelPlanner planner(getOperation(), kernel, gpu, run);
    if (failed(planner.plan()))
      return failure();
    if (remarks)
      planner.remarkPipes();
    if (print) {
      printSchedule(llvm::outs(), kernel, target);
      planner.printNeeds(llvm::outs());
    }
    return success();
  }
};

} // namespace
