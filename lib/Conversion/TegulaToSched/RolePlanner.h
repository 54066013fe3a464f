//===- RolePlanner.h - Schedules for targets with warps -------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What can be done for a stream of one role of warps, as a list of *forms* from the best
// to the simplest, and the schedule that each of them is. Which form is taken is decided
// by KernelPlanner, who knows what the kernel as a whole needs.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_TEGULATOSCHED_ROLEPLANNER_H
#define TEGULA_LIB_CONVERSION_TEGULATOSCHED_ROLEPLANNER_H

#include "StreamCosts.h"

#include "tegula/Dialect/Tegula/IR/Schedule.h"
#include "tegula/Target/GpuInfo.h"

namespace tegula {

/// How the operands that a stream loads reach its products.
struct StreamForm {
  enum class Path : uint8_t {
    Plain,  ///< each product's fragments are loaded where it stands
    Beside, ///< copied beside the program, a ring for each product
    Joint,  ///< through registers, one ring for all: one barrier a trip
    Split,  ///< through registers, for each product a ring of one slot, which is filled
            ///< while another product computes: a barrier for each, half the memory
  };
  Path path = Path::Plain;
  /// Trips that copies run ahead.
  int64_t lead = 0;

  int64_t getDepth() const { return path == Path::Split ? 1 : lead + 1; }
  bool operator==(const StreamForm &other) const {
    return path == other.path && lead == other.lead;
  }
  /// `copied 2 trips ahead, rings of 3`.
  std::string str() const;
};

/// The loads of a stream that may run ahead, by the product that reads them first.
struct StreamLoads {
  llvm::SmallVector<llvm::SmallVector<LoadOp>> groups;
  /// Copies run beside the program: the target can, and rows are aligned.
  bool beside = false;
  /// A slot of each ring.
  int64_t bytes = 0;

  int64_t getRingBytes(StreamForm form) const {
    return form.path == StreamForm::Path::Plain ? 0 : form.getDepth() * bytes;
  }
  llvm::DenseSet<mlir::Operation *> getAll() const;
};

/// Plans the streams of a kernel for one role of so many warps.
class RolePlanner {
public:
  RolePlanner(KernelOp kernel, const GpuInfo &gpu, int64_t warps);

  ScheduleRoleAttr getRole();
  StreamLoads findLoads(StreamOp stream);
  /// What can be done, the best first, by the latency of copies and the time of a trip.
  llvm::SmallVector<StreamForm> getForms(const StreamLoads &loads, const TripCosts &costs) const;
  /// The schedule of a stream whose anchors have labels.
  ScheduleAttr plan(StreamOp stream, const StreamLoads &loads, StreamForm form);

  const StreamCosts &getCosts() const { return costs; }

private:
  bool isKnownBefore(mlir::Value value) const;
  bool canRunAhead(LoadOp load) const;
  bool hasAlignedRows(LoadOp load);
  llvm::SmallVector<LoadOp> getOperandLoads(StreamOp stream) const;

  KernelOp kernel;
  const GpuInfo &gpu;
  int64_t warps;
  StreamCosts costs;
  unsigned ringCount = 0;
};

} // namespace tegula

#endif // TEGULA_LIB_CONVERSION_TEGULATOSCHED_ROLEPLANNER_H
