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

/// Indices are `count` numbers of i32 in rows.
static LogicalResult verifyIndices(Operation *op, BufType by, int64_t count) {
  if (by.getRank() != 1 || !by.getElem().isInteger(32) || by.isPacked() ||
      by.getDimSize(0) != count)
    return op->emitOpError() << "needs " << count << " indices of i32, got " << by;
  return success();
}

/// C1 and C2 of gathers and scatters.
static LogicalResult verifyIndexed(Operation *op, MemRefType view, BufType buf, BufType by,
                                   int64_t axis, ValueRange at, ValueRange upto) {
  int64_t rank = view.getRank();
  if (axis < 0 || axis >= rank) // C1
    return op->emitOpError() << "axis " << axis << " is no axis of a view of rank " << rank;
  if (static_cast<int64_t>(at.size()) != rank - 1 || (!upto.empty() && upto.size() != at.size()))
    return op->emitOpError() << "has " << at.size() << " offsets and " << upto.size()
                             << " limits beside one axis by index of a view of rank " << rank;
  if (buf.getRank() != rank || buf.isPacked()) // C2
    return op->emitOpError() << "takes a row buffer of rank " << rank << ", got " << buf;
  if (buf.getElem() != view.getElementType())
    return op->emitOpError() << "moves elements between " << view.getElementType() << " and "
                             << buf.getElem();
  return verifyIndices(op, by, buf.getDimSize(axis));
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
