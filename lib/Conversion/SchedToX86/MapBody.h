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

namespace tegula::x86 {

/// Evaluates tiles of a map at one vector of the domain's last axis. A tile of
/// another shape than the domain is asked for under an axis map: for each of its
/// axes the axis of the domain that it follows, or -1 where it stays at 0.
///
/// Between tiles, i1 is a vector of i1 and a 16-bit float a vector of f32.
class MapBody {
public:
  MapBody(Context &context, Emitter &emit, sched::MapOp op)
      : context(context), emit(emit), op(op), rank(op.getDomain().size()) {}

  /// Checks that everything that is yielded can be evaluated, chooses the number
  /// of lanes, and writes what no axis changes. First of all.
  mlir::LogicalResult prepare();

  /// Lanes of every vector: what the widest element of the body allows.
  int64_t getLanes() const { return lanes; }
  /// The vector that stands for tiles of `elem`.
  mlir::VectorType getVectorType(mlir::Type elem);

  /// From here on values belong to another position of the outer axes; what the
  /// last axis does not change is written where the builder stands now.
  void enterRow();
  /// From here on `get` is about the vector at `position` of the last axis.
  void enterVector(mlir::ValueRange row, mlir::Value position);
  /// The vector of a tile of the domain's shape.
  mlir::Value get(mlir::Value tile);

private:
  using AxisMap = std::vector<int64_t>;
  using Key = std::pair<void *, AxisMap>;

  // What can be evaluated.
  mlir::LogicalResult verify(mlir::Value tile);
  mlir::LogicalResult makeGlobal(mlir::Operation *constant, mlir::ElementsAttr value);

  // Evaluation.
  AxisMap identity() const;
  AxisMap through(BroadcastOp broadcast, const AxisMap &map) const;
  bool followsLast(mlir::Value tile, const AxisMap &map);
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
  mlir::IRMapping scalars;
  llvm::DenseMap<mlir::Operation *, mlir::Value> globals;
  llvm::DenseSet<mlir::Value> verified;

  mlir::OpBuilder::InsertPoint mapPoint, rowPoint;
  Values row;
  mlir::Value position;
  std::map<Key, mlir::Value> rowValues, vectorValues;
  std::map<Key, bool> follows;
};

} // namespace tegula::x86

#endif // TEGULA_LIB_CONVERSION_SCHEDTOX86_MAPBODY_H
