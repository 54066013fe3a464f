//===- IndexedOps.cpp - Gathers and scatters of local buffers -------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Sched/IR/Sched.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

/// The tile of a buffer or fragment; null for a packed buffer.
static RankedTensorType getRows(Type type) {
  if (auto frag = dyn_cast<FragType>(type))
    return frag.getTile();
  auto buf = cast<BufType>(type);
  return buf.isPacked() ? RankedTensorType() : buf.getTile();
}

/// Indices are `count` numbers of i32 in rows.
static LogicalResult verifyIndices(Operation *op, Type by, int64_t count) {
  RankedTensorType tile = getRows(by);
  if (!tile || tile.getRank() != 1 || !tile.getElementType().isInteger(32) ||
      tile.getDimSize(0) != count)
    return op->emitOpError() << "needs " << count << " indices of i32, got " << by;
  return success();
}

/// C1 and C2 of gathers and scatters.
static LogicalResult verifyIndexed(Operation *op, MemRefType view, Type buf, Type by, int64_t axis,
                                   ValueRange at, ValueRange upto) {
  int64_t rank = view.getRank();
  if (axis < 0 || axis >= rank) // C1
    return op->emitOpError() << "axis " << axis << " is no axis of a view of rank " << rank;
  if (static_cast<int64_t>(at.size()) != rank - 1 || (!upto.empty() && upto.size() != at.size()))
    return op->emitOpError() << "has " << at.size() << " offsets and " << upto.size()
                             << " limits beside one axis by index of a view of rank " << rank;
  RankedTensorType tile = getRows(buf);
  if (!tile || tile.getRank() != rank || isa<FragType>(buf) != isa<FragType>(by)) // C2
    return op->emitOpError() << "takes a row buffer of rank " << rank << ", got " << buf;
  if (tile.getElementType() != view.getElementType())
    return op->emitOpError() << "moves elements between " << view.getElementType() << " and "
                             << tile.getElementType();
  return verifyIndices(op, by, tile.getDimSize(axis));
}

LogicalResult sched::GatherOp::verify() {
  BufType dest = getDest().getType();
  if (failed(verifyIndexed(*this, cast<MemRefType>(getView().getType()), dest, getBy().getType(),
                           getAxis(), getAt(), getUpto())))
    return failure();
  if (getPad() && getPad().getType() != dest.getElem()) // C3
    return emitOpError() << "pads with " << getPad().getType() << " but the buffer holds "
                         << dest.getElem();
  return success();
}

LogicalResult sched::ScatterOp::verify() {
  return verifyIndexed(*this, cast<MemRefType>(getView().getType()), getSource().getType(),
                       getBy().getType(), getAxis(), getAt(), getUpto());
}
