//===- ScheduledKernel.h - The proof of a sched.kernel --------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Between the IR and the proof (Schedule/Proof.h), which knows no IR. What a proof
// finds out beyond yes and no, the lowering needs: which acquires must be given a
// barrier, and where buffers lie.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_ANALYSIS_SCHEDULEDKERNEL_H
#define TEGULA_ANALYSIS_SCHEDULEDKERNEL_H

#include "tegula/Analysis/Schedule/Proof.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "llvm/ADT/DenseSet.h"

namespace tegula::sched {

/// The events of a kernel, and the ops that they are.
struct ExtractedKernel {
  proof::EventProgram program;
  std::vector<mlir::Operation *> sites; ///< by `proof::Site`
  /// For each role, the values that its ids stand for.
  std::vector<std::vector<mlir::Value>> values;
};

/// Reads off what the roles of a kernel do, on warps of so many lanes. Fails, with a diagnostic,
/// where channel ops stand inside an op that is neither a counted loop, a guard, nor a phase.
mlir::FailureOr<ExtractedKernel> extractEvents(KernelOp kernel, unsigned lanes);

/// What was proved of a kernel, for those who lower it.
struct ScheduleFacts {
  /// Acquires of same-role rings that need a barrier of the role in front of them.
  llvm::DenseSet<mlir::Operation *> acquireBarriers;
  /// Bytes from the start of the buffer's memory space.
  llvm::DenseMap<mlir::Operation *, int64_t> bufferOffsets;
  /// Where a channel's barrier objects lie in shared memory: per stage, 8 bytes for full
  /// slots, then 8 for empty ones. Only channels of kind `tx` and `arrive` have some.
  llvm::DenseMap<mlir::Operation *, int64_t> barrierOffsets;
  /// Bytes of shared memory of a block, and those of them that are held throughout: behind
  /// these lies scratch, which ops take in turn.
  int64_t sharedBytes = 0, heldBytes = 0;
  /// Streams up to this length were run.
  int64_t bound = 0;

  bool needsBarrier(AcquireOp acquire) const { return acquireBarriers.contains(acquire); }
};

/// What a scheduled kernel takes of its core, counted as the proof counts.
struct KernelNeeds {
  /// Of shared memory: what is held throughout, and the most scratch of one conversion.
  int64_t heldBytes = 0, scratchBytes = 0;
  /// Registers of a lane, with what the target's products need beside their fragments; of
  /// the role that needs most of its budget.
  int64_t registers = 0, budget = 0;
  /// The fragments that are live at the peak, and their registers, the greatest first.
  std::vector<std::pair<mlir::Value, double>> live;
};
mlir::FailureOr<KernelNeeds> measureKernel(KernelOp kernel);

/// What to check, and what to say.
struct ProofOptions {
  bool emitRemarks = false; ///< on what is right and slow
  /// Refuse roles whose fragments are estimated to need more registers than their budget (rule
  /// 13). Such a kernel spills: slow and not wrong, so a lowering may go on.
  bool checkRegisters = true;
  /// Refuse kernels whose buffers do not fit (rule 12).
  bool checkMemory = true;
};

/// Checks every rule of `sched-verify`; errors are diagnostics at the ops that they are
/// about. A kernel without roles has nothing to prove.
mlir::FailureOr<ScheduleFacts> proveKernel(KernelOp kernel, ProofOptions options = {});

} // namespace tegula::sched

#endif // TEGULA_ANALYSIS_SCHEDULEDKERNEL_H
