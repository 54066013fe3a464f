//===- StreamCosts.h - What a trip of a stream costs on a GPU -------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A core has *pipes* that work side by side: copies from the cache, shared memory, matrix
// units, multiply-adds, other arithmetic, exponentials. A trip of a stream keeps each of
// them busy for some cycles, by the target table's rates. Three bounds follow:
//
//   resource    no trip can start sooner after the last than its busiest pipe allows,
//               however many instances share the core
//   recurrence  nor sooner than what is carried from trip to trip is computed: the largest
//               mean latency of a cycle through carried values
//   alone       one instance, whose warps run the ops in order: what is issued one behind
//               the other, copies that run ahead left out
//
// The first two are the bounds of modulo scheduling. Since the warps of one role run their
// program in order, only copies have a stage of their own: enough trips ahead that their
// latency has passed when their reader comes round.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_TEGULATOSCHED_STREAMCOSTS_H
#define TEGULA_LIB_CONVERSION_TEGULATOSCHED_STREAMCOSTS_H

#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Target/GpuInfo.h"

#include "llvm/ADT/DenseSet.h"

#include <array>

namespace tegula {

enum class Pipe : uint8_t { Copy, Shared, Matrix, Fma, Alu, Exp };
inline constexpr size_t numPipes = 6;
llvm::StringRef stringify(Pipe pipe);

/// Cycles of one trip of one instance.
struct TripCosts {
  std::array<double, numPipes> busy{};
  double recurrence = 0, alone = 0;

  Pipe getBusiest() const;
  double getResource() const { return busy[static_cast<size_t>(getBusiest())]; }
  /// `copy 256, shared 512, matrix 1024`: the pipes that have something to do.
  std::string str() const;
};

class StreamCosts {
public:
  StreamCosts(const GpuInfo &gpu, int64_t warps) : gpu(gpu), warps(warps) {}

  /// The body's own ops; streams inside have trips of their own. `ahead`: loads whose tiles
  /// lie in shared memory when the trip begins.
  TripCosts get(StreamOp stream, const llvm::DenseSet<mlir::Operation *> &ahead) const;
  /// Cycles from the first byte's request to the last byte's arrival.
  double getCopyLatency(int64_t bytes) const;
  /// Steps of a product that an operand from shared memory must be loaded ahead.
  int64_t getStepsAhead(DotOp dot) const;

private:
  using Busy = std::array<double, numPipes>;
  Busy getBusy(mlir::Operation *op, const llvm::DenseSet<mlir::Operation *> &ahead) const;
  double getLatency(mlir::Operation *op) const;
  double getRecurrence(StreamOp stream) const;
  const MatrixUnit *getUnit(DotOp dot) const;

  const GpuInfo &gpu;
  int64_t warps;
};

} // namespace tegula

#endif // TEGULA_LIB_CONVERSION_TEGULATOSCHED_STREAMCOSTS_H
