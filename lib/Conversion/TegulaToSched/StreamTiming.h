//===- StreamTiming.h - When a scheduled stream's steps happen ------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rows of a schedule as a list of *steps*, one trip of one role: what is issued, in
// which order, and how far each runs ahead of the trip. Everything that a schedule does
// not say follows from it: prologue, waits and how many commits may still fly.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_TEGULATOSCHED_STREAMTIMING_H
#define TEGULA_LIB_CONVERSION_TEGULATOSCHED_STREAMTIMING_H

#include "tegula/Dialect/Tegula/IR/Schedule.h"

namespace tegula {

/// A ring of a stream while it is materialised.
struct Ring {
  ScheduleRingAttr attr;
  /// The loads whose tiles its buffers hold, in the order of its labels.
  llvm::SmallVector<LoadOp> loads;
  /// Whether they go through registers: labels end in `.put`.
  bool throughRegisters = false;
  /// Trips that filling a slot runs ahead of reading it.
  int64_t lead = 0;
  /// Commits that may still fly at its wait; the waits stand before step `waitBefore`.
  int64_t inflight = 0;
  size_t waitBefore = 0;
  /// After this step nobody reads the slot.
  size_t releaseAfter = 0;

  mlir::Value channel;
};

/// One step of a trip.
struct Step {
  enum class Kind {
    Fill,    ///< acquire a slot of `ring`, copy or put into it, commit
    Fetch,   ///< a load into registers, whose tile a later `Fill` puts into a ring
    Compute, ///< one op
  };
  Kind kind;
  size_t ring = 0;
  mlir::Operation *op = nullptr;
  /// Trips ahead of the current one. Only loads run ahead.
  int64_t lead = 0;
};

struct StreamTiming {
  llvm::SmallVector<Ring> rings;
  llvm::SmallVector<Step> steps;
  /// The longest lead: trips of the prologue.
  int64_t prologue = 0;

  /// Reads off the schedule of `stream`, whose body is in the order of its rows. Fails
  /// with a diagnostic where the schedule asks for what one role cannot do.
  static mlir::FailureOr<StreamTiming> get(StreamOp stream);

private:
  mlir::LogicalResult collectSteps(StreamOp stream);
  mlir::LogicalResult placeWaits(StreamOp stream);
  void countInflight();
};

/// The rows by label: position in issue order.
llvm::StringMap<size_t> getRowNumbers(ScheduleAttr schedule);

} // namespace tegula

#endif // TEGULA_LIB_CONVERSION_TEGULATOSCHED_STREAMTIMING_H
