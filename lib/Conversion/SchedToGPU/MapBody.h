//===- MapBody.h - The body of a map, one register at a time ----*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A map's body computes on tiles. Here it is evaluated backwards from what it yields,
// once for each register of the domain's layout: elementwise ops become scalar ops, an
// `iota` the register's position, and a broadcast of row statistics the register that
// its lanes hold already. A tile of another shape than the domain is asked for under an
// axis map: for each of its axes the axis of the domain that it follows, or -1 where it
// stays at 0. What does not change along an axis is computed once for all of it.
//
// A reduction combines a thread's registers, then lanes that hold different elements of
// the axis, then warps through scratch. An operand whose layout does not follow the
// domain's is read through scratch too.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_SCHEDTOGPU_MAPBODY_H
#define TEGULA_LIB_CONVERSION_SCHEDTOGPU_MAPBODY_H

#include "Lowering.h"

#include <map>

namespace tegula::gpu {

/// Evaluates the body of one map.
class MapBody {
public:
  MapBody(Lowering &lowering, sched::MapOp op)
      : lowering(lowering), op(op), e(lowering.at(op.getLoc())), domain(op.getDomain()) {}

  /// Defines the map's results.
  llvm::LogicalResult run();

private:
  /// For each axis of a tile the axis of the domain that it follows, or -1.
  using AxisMap = std::vector<int64_t>;
  /// A tile, under an axis map, at the part of a register's position that it follows.
  using Key = std::tuple<void *, AxisMap, int64_t, int64_t>;

  llvm::LogicalResult chooseLayout();
  llvm::LogicalResult placeOperands();
  llvm::LogicalResult defineResult(mlir::Value result, mlir::Value yielded);
  llvm::LogicalResult defineResultsWhen(mlir::Value condition);

  bool follows(const AxisMap &map, bool rows) const;
  Key keyOf(mlir::Value tile, const AxisMap &map, int64_t reg) const;
  AxisMap identity(int64_t rank) const;
  /// A layout, and whether it has the rows and columns of the domain's.
  struct Under {
    layout::Layout layout;
    bool rows, cols;
  };
  std::optional<Under> layoutUnder(const AxisMap &map) const;
  Coordinate coordinate(int64_t axis, int64_t reg);

  llvm::FailureOr<mlir::Value> evaluate(mlir::Value tile, const AxisMap &map, int64_t reg);
  llvm::FailureOr<mlir::Value> compute(mlir::Value tile, const AxisMap &map, int64_t reg);
  llvm::FailureOr<mlir::Value> readOperand(mlir::BlockArgument tile, const AxisMap &map,
                                           int64_t reg);
  mlir::Value readBuffer(const Buffer &from, llvm::ArrayRef<int64_t> shape, const AxisMap &map,
                         int64_t reg);
  llvm::FailureOr<mlir::Value> computeConstant(mlir::arith::ConstantOp constant,
                                               const AxisMap &map, int64_t reg);
  mlir::Value computeIota(IotaOp iota, const AxisMap &map, int64_t reg);
  llvm::FailureOr<mlir::Value> computeElementwise(mlir::Operation *tileOp, const AxisMap &map,
                                                  int64_t reg);
  mlir::Value computeDivision(mlir::Operation *tileOp, Values operands);
  mlir::Value cloneOn(mlir::Operation *tileOp, mlir::ValueRange operands, mlir::Type type);
  llvm::FailureOr<mlir::Value> computeTake(sched::TakeOp take, const Buffer &from,
                                           const AxisMap &map, int64_t reg);
  bool isHardware(ExpPolicy policy, int64_t reg) const;
  bool reducesColumns(ReduceOp reduction) const;
  llvm::LogicalResult reduce(ReduceOp reduction);
  llvm::LogicalResult reduceInScratch(ReduceOp reduction);
  void combineWarps(Combine kind, mlir::Type elem, bool cols,
                    std::map<Position, mlir::Value> &partial);
  mlir::Value scalar(mlir::Value value);

  Lowering &lowering;
  sched::MapOp op;
  Emitter e;
  llvm::ArrayRef<int64_t> domain;
  std::optional<Registers> regs; ///< of the domain
  std::map<Key, mlir::Value> known;
  /// Reductions: results by the position that is left.
  llvm::DenseMap<mlir::Operation *, std::map<Position, mlir::Value>> reduced;
  /// Reductions whose results lie in scratch.
  llvm::DenseMap<mlir::Operation *, Buffer> reducedInScratch;
  /// Operands that lie in scratch.
  llvm::DenseMap<mlir::Value, Buffer> spilled;
  int64_t scratchUsed = 0;
  /// Registers of operands by position, for each map under which they are read.
  std::map<std::pair<void *, AxisMap>, std::map<Position, unsigned>> renames;
  mlir::IRMapping inner; ///< scalars computed in the body
};

} // namespace tegula::gpu

#endif // TEGULA_LIB_CONVERSION_SCHEDTOGPU_MAPBODY_H
