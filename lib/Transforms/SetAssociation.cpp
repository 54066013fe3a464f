//===- SetAssociation.cpp - Which product of three comes first ------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Transforms/Passes.h"

namespace tegula {
#define GEN_PASS_DEF_SETASSOCIATIONPASS
#include "tegula/Transforms/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;

/// The streams that a pure op at `op` may leave, innermost first: those around it
/// with nothing else between.
static SmallVector<StreamOp> getStreams(Operation *op) {
  SmallVector<StreamOp> streams;
  while (auto stream = dyn_cast<StreamOp>(op->getParentOp())) {
    streams.push_back(stream);
    op = stream;
  }
  return streams;
}

namespace {

/// Multiplications on each level of streams, the innermost first. Compared in this
/// order.
class Cost {
public:
  explicit Cost(ArrayRef<StreamOp> streams) : streams(streams), levels(streams.size() + 1, 0) {}

  /// Adds a product whose operands come from `values`: it leaves every stream that
  /// none of them is made in.
  void add(ArrayRef<Value> values, double multiplications) {
    levels[getLevel(values)] += multiplications;
  }

  bool operator<(const Cost &other) const { return levels < other.levels; }

private:
  size_t getLevel(ArrayRef<Value> values) const {
    size_t level = 0;
    for (StreamOp stream : streams) {
      bool outside =
          llvm::all_of(values, [&](Value value) { return stream.isDefinedOutsideOfLoop(value); });
      if (!outside)
        return level;
      ++level;
    }
    return level;
  }

  ArrayRef<StreamOp> streams;
  std::vector<double> levels;
};

} // namespace

static Association choose(LowRankDotOp op) {
  SmallVector<StreamOp> streams = getStreams(op);
  RankedTensorType result = op.getResult().getType();
  double m = result.getDimSize(result.getRank() - 2), k = op.getDepth(), r = op.getInnerRank(),
         n = op.getColumns();
  auto batch = [](ArrayRef<Value> values) {
    auto type = cast<RankedTensorType>(values.front().getType());
    double count = 1;
    for (int64_t axis = 0; axis < type.getRank() - 2; ++axis) {
      int64_t extent = 1;
      for (Value value : values)
        extent = std::max(extent, cast<RankedTensorType>(value.getType()).getDimSize(axis));
      count *= extent;
    }
    return count;
  };
  Value x = op.getX(), u = op.getU(), v = op.getV();
  Cost left(streams), right(streams);
  left.add({x, u}, batch({x, u}) * m * k * r);
  left.add({x, u, v}, batch({x, u, v}) * m * r * n);
  right.add({u, v}, batch({u, v}) * k * r * n);
  right.add({x, u, v}, batch({x, u, v}) * m * k * n);
  return right < left ? Association::right : Association::left;
}

namespace {

struct SetAssociation : tegula::impl::SetAssociationPassBase<SetAssociation> {
  void runOnOperation() override {
    getOperation()->walk([](LowRankDotOp op) {
      if (!op.getAssociation())
        op.setAssociation(choose(op));
    });
  }
};

} // namespace
