//===- KernelPlanner.h - A schedule that fits its kernel's core -----------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Chooses the number of warps and the form of each stream. It begins with the best of each
// and tries it (KernelTrial): where shared memory does not hold what the trial needs, rings
// become shallower; where a lane's registers do not, the tiles are dealt to more warps.
// What is given up is said at the author's line, and what does not fit at all is refused
// there, before anything is lowered.
//
// Among forms that fit, time decides: a trip takes its busiest pipe, or the time of one
// instance alone divided by the instances that share a core. A ring less deep may pay by
// letting one more instance in.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_TEGULATOSCHED_KERNELPLANNER_H
#define TEGULA_LIB_CONVERSION_TEGULATOSCHED_KERNELPLANNER_H

#include "KernelTrial.h"
#include "RolePlanner.h"

namespace tegula {

/// A stream, its loads, and what can be done with them.
struct PlannedStream {
  StreamOp stream;
  StreamLoads loads;
  TripCosts costs;
  llvm::SmallVector<StreamForm> forms;
  /// Which of the forms is taken, and which was to be.
  size_t form = 0, wanted = 0;

  StreamForm getForm() const { return forms[form]; }
  int64_t getRingBytes() const { return loads.getRingBytes(getForm()); }
};

class KernelPlanner {
public:
  KernelPlanner(mlir::ModuleOp module, KernelOp kernel, const GpuInfo &gpu, RunPipeline run)
      : module(module), kernel(kernel), grid(*kernel.getBody().getOps<GridOp>().begin()), gpu(gpu),
        run(run) {}

  /// Writes the roles of the grid, and the schedules of streams that have none. Fails, with
  /// a diagnostic, where nothing fits.
  mlir::LogicalResult plan();

  /// What is known of the plan, in lines for the table of the schedule.
  void printNeeds(llvm::raw_ostream &os);
  /// Remarks on the pipes of each stream.
  void remarkPipes();

private:
  struct Plan {
    int64_t warps = 0;
    llvm::SmallVector<PlannedStream> streams;
    std::optional<KernelTrial> trial;
    /// What the proof said against a form that was wanted.
    std::string refusal;
  };

  llvm::SmallVector<int64_t> getWarpCounts();
  Plan makePlan(int64_t warps);
  void write(const Plan &plan);
  void attempt(Plan &plan);
  bool fit(Plan &plan);
  void tradeForInstances(Plan &plan);
  double getTime(const PlannedStream &planned, StreamForm form, int64_t instances);
  int64_t getInstances(const Plan &plan, int64_t sharedBytes);
  void remark(const Plan &plan, const Plan &first);
  mlir::LogicalResult refuse(const Plan &plan);
  mlir::LogicalResult checkRegisters(const Plan &plan);

  mlir::ModuleOp module;
  KernelOp kernel;
  GridOp grid;
  const GpuInfo &gpu;
  RunPipeline run;
  /// The author's roles, or null.
  mlir::ArrayAttr roles;
  Plan chosen;
};

} // namespace tegula

#endif // TEGULA_LIB_CONVERSION_TEGULATOSCHED_KERNELPLANNER_H
