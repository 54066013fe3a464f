//===- MapBody.h - The body of a map, one vector at a time ------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_SCHEDTOX86_MAPBODY_H
#define TEGULA_LIB_CONVERSION_SCHEDTOX86_MAPBODY_H

#include "Lowering.h"

#include "mlir/IR/IRMapping.h"

#include <map>
#include <set>

namespace tegula::x86 {

/// Evaluates tiles of a map at one vector of the domain's last axis, in each of a
/// few rows. A tile of another shape than the domain is asked for under an axis
/// map: for each of its axes the axis of the domain that it follows, or -1 where
/// it stays at 0. What no row changes is computed once for all of them.
///
/// Between tiles, i1 is a vector of i1 and a 16-bit float a vector of f32.
class MapBody {
public:
  MapBody(Context &context, Emitter &emit, sched::MapOp op)
      : context(context), emit(emit), op(op), rank(op.getDomain().size()) {
    for (mlir::Value buffer : op.getIns())
      ins.push_back(context.arena.get(buffer));
  }

  /// Checks that everything that is yielded can be evaluated, chooses the number
  /// of lanes, and writes what no axis changes. First of all.
  mlir::LogicalResult prepare();

  /// Lanes of every vector: what the widest element of the body allows.
  int64_t getLanes() const { return lanes; }
  /// The vector that stands for tiles of `elem`.
  mlir::VectorType getVectorType(mlir::Type elem);

  /// What the body costs, counted for one vector.
  struct Cost {
    int64_t instructions = 0;
    int64_t rowValues = 0;   ///< vectors that a row needs all along the last axis
    bool sharesRows = false; ///< reads along the last axis what no row changes
  };
  Cost getCost();

  /// From here on values belong to these positions of the outer axes, which differ
  /// in the last of them; what the last axis of the domain does not change is
  /// written where the builder stands now.
  void enterRows(llvm::ArrayRef<Values> rows);
  /// From here on `get` is about the vector at `position` of the last axis.
  void enterVector(mlir::Value position);
  /// The vector of a tile of the domain's shape, in one of the rows entered.
  mlir::Value get(mlir::Value tile, size_t row);

private:
  using AxisMap = std::vector<int64_t>;
  using Key = std::pair<void *, AxisMap>;
  using KnownValues = std::map<Key, mlir::Value>;

  // What can be evaluated.
  mlir::LogicalResult verify(mlir::Value tile);
  mlir::LogicalResult makeGlobal(mlir::Operation *constant, mlir::ElementsAttr value);

  // Evaluation.
  AxisMap identity() const;
  AxisMap through(BroadcastOp broadcast, const AxisMap &map) const;
  bool follows(mlir::Value tile, const AxisMap &map, int64_t axis);
  bool followsLast(mlir::Value tile, const AxisMap &map) { return follows(tile, map, rank - 1); }
  bool followsRow(mlir::Value tile, const AxisMap &map) { return follows(tile, map, rank - 2); }
  void addCost(mlir::Value tile, const AxisMap &map, Cost &cost, std::set<Key> &seen);
  mlir::Value evaluate(mlir::Value tile, const AxisMap &map);
  mlir::Value compute(mlir::Value tile, const AxisMap &map);
  mlir::Value loadTile(mlir::Value memref, mlir::RankedTensorType type, const AxisMap &map);
  mlir::Value computeIota(IotaOp iota, const AxisMap &map);
  mlir::Value computeConstant(mlir::arith::ConstantOp constant, const AxisMap &map);
  mlir::Value computeElementwise(mlir::Operation *tileOp, const AxisMap &map);
  mlir::Value computeDivision(mlir::Operation *tileOp, Values operands);
  mlir::Value computeCast(mlir::Operation *tileOp, mlir::Value x, bool &handled);
  mlir::Value cloneOn(mlir::Operation *tileOp, mlir::ValueRange operands, mlir::Type type);
  mlir::Value scalar(mlir::Value value);

  Context &context;
  Emitter &emit;
  sched::MapOp op;
  int64_t rank, lanes = 0;
  Values ins; ///< where the operands are
  mlir::IRMapping scalars;
  llvm::DenseMap<mlir::Operation *, mlir::Value> globals;
  llvm::DenseSet<mlir::Value> verified;

  mlir::OpBuilder::InsertPoint mapPoint, rowPoint;
  llvm::SmallVector<Values> rows;
  size_t row = 0; ///< the one of `rows` that is evaluated
  mlir::Value position;
  /// By whether they change along the last axis, and in the rows: of all rows, of each.
  KnownValues commonRowValues, commonVectorValues;
  llvm::SmallVector<KnownValues> rowValues, vectorValues;
  std::map<std::pair<Key, int64_t>, bool> followed;
};

} // namespace tegula::x86

#endif // TEGULA_LIB_CONVERSION_SCHEDTOX86_MAPBODY_H
