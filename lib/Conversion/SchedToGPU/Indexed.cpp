//===- Indexed.cpp - Rows by index, and sums into device memory -----------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Access.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::gpu;

namespace {

/// The indices of rows, where every thread can read them.
class Indices {
public:
  static FailureOr<Indices> get(Emitter &e, Lowering &lowering, Value by) {
    if (isa<sched::BufType>(by.getType())) {
      FailureOr<Buffer> buffer = lowering.buffer(by);
      if (failed(buffer))
        return failure();
      return Indices(*buffer);
    }
    Fragment &fragment = lowering.fragment(by);
    int64_t used = 0;
    Buffer tile = lowering.scratch(e, fragment.regs.rows, fragment.regs.cols,
                                   fragment.type.getElem(), used);
    lowering.vendor.barrier(e);
    lowering.spill(e, fragment.regs, lowering.elements(e, fragment), tile);
    lowering.vendor.barrier(e);
    return Indices(tile);
  }

  /// The index at a position; -1 where `inside` does not hold.
  Value read(Emitter &e, const Coordinate &at, Value inside) {
    bool isColumn = buffer.storage.cols == 1;
    Value address = buffer.storage.address(e, buffer.base, isColumn ? at : Coordinate(),
                                           isColumn ? Coordinate() : at);
    if (inside)
      address = e.select(inside, address, buffer.base);
    Value index = e.load(address, e.builder.getI32Type(), 1, 4).front();
    return inside ? e.select(inside, index, e.i32(-1)) : index;
  }

private:
  explicit Indices(Buffer buffer) : buffer(std::move(buffer)) {}
  Buffer buffer;
};

} // namespace

/// A position of the tile, with the coordinate along `axis` replaced by the index there.
static SmallVector<Coordinate> lookUp(Emitter &e, Lowering &lowering, Indices &indices,
                                      const TileAccess &access, const Registers &regs,
                                      Position place, int64_t axis) {
  Coordinate row = lowering.rowOf(e, regs).plus(place.row);
  Coordinate col = lowering.colOf(e, regs).plus(place.col);
  SmallVector<Coordinate> at = access.split(e, row, col);
  Value index = indices.read(e, at[axis], lowering.isInTile(e, regs, place));
  at[axis] = {index, ~uint64_t(0), 0};
  return at;
}

LogicalResult gpu::lowerGather(sched::LoadOp op, Lowering &lowering) {
  Emitter e = lowering.at(op.getLoc());
  sched::FragType type = op.getFragment().getType();
  FailureOr<View> view = lowering.view(op.getSource());
  FailureOr<Registers> regs = Registers::get(type, op.getLoc());
  if (failed(view) || failed(regs))
    return failure();
  FailureOr<Indices> indices = Indices::get(e, lowering, op.getBy());
  if (failed(indices))
    return failure();
  if (op.getTrans())
    return lowering.refuse(op, "goes by index and transposes at once");
  Type elem = type.getElem();
  int64_t axis = op.getAxis().value_or(0);
  Value pad = op.getPad() ? lowering.scalar(op.getPad()) : e.number(elem, 0);
  auto load = [&]() -> Values {
    TileAccess access(e, lowering, *view, type.getShape(), {op.getAt(), op.getUpto(), {}},
                      /*trans=*/false, axis);
    Values elements;
    for (Position place : regs->regs) {
      auto at = lookUp(e, lowering, *indices, access, *regs, place, axis);
      Value inside = e.both(access.isInside(e, at), lowering.isInTile(e, *regs, place));
      Value address = e.select(inside, access.address(e, at), lowering.zeros(e));
      Value element = e.load(address, elem, 1, bytesOf(elem)).front();
      elements.push_back(op.getPad() ? e.select(inside, element, pad) : element);
    }
    return elements;
  };
  Value where = op.getWhere() ? lowering.scalar(op.getWhere()) : Value();
  return lowering.define(op.getFragment(),
                         e.choose(where, load, [&] { return Values(regs->size(), pad); }));
}

LogicalResult gpu::lower(sched::ScatterOp op, Lowering &lowering) {
  Emitter e = lowering.at(op.getLoc());
  auto type = dyn_cast<sched::FragType>(op.getSource().getType());
  FailureOr<View> view = lowering.view(op.getView());
  if (!type)
    return lowering.refuse(op, "is of a buffer");
  if (failed(view))
    return failure();
  FailureOr<Indices> indices = Indices::get(e, lowering, op.getBy());
  if (failed(indices))
    return failure();
  Fragment &source = lowering.fragment(op.getSource());
  Values elements = lowering.elements(e, source);
  int64_t axis = op.getAxis();
  e.when(lowering.isFirstHolder(e, source.regs), [&] {
    TileAccess access(e, lowering, *view, type.getShape(), {op.getAt(), op.getUpto(), {}},
                      /*trans=*/false, axis);
    for (auto [place, element] : llvm::zip(source.regs.regs, elements)) {
      auto at = lookUp(e, lowering, *indices, access, source.regs, place, axis);
      Value inside = e.both(access.isInside(e, at), lowering.isInTile(e, source.regs, place));
      Value value = element;
      e.when(inside, [&] {
        e.store(value, access.address(e, at), bytesOf(type.getElem()));
      });
    }
  });
  return success();
}

static LLVM::AtomicBinOp atomicOf(Combine kind, bool real) {
  switch (kind) {
  case Combine::add:
    return real ? LLVM::AtomicBinOp::fadd : LLVM::AtomicBinOp::add;
  case Combine::max:
    return real ? LLVM::AtomicBinOp::fmaximum : LLVM::AtomicBinOp::max;
  case Combine::min:
    return real ? LLVM::AtomicBinOp::fminimum : LLVM::AtomicBinOp::min;
  }
  llvm_unreachable("unknown combination");
}

LogicalResult gpu::lower(sched::ReduceStoreOp op, Lowering &lowering) {
  Emitter e = lowering.at(op.getLoc());
  auto type = dyn_cast<sched::FragType>(op.getSource().getType());
  FailureOr<View> view = lowering.view(op.getView());
  if (!type)
    return lowering.refuse(op, "is of a buffer");
  if (failed(view))
    return failure();
  Fragment &source = lowering.fragment(op.getSource());
  Values elements = lowering.elements(e, source);
  Type elem = type.getElem();
  int64_t bytes = bytesOf(elem);
  // In a sequential grid what the instance before has stored is known here.
  e.when(lowering.isFirstHolder(e, source.regs), [&] {
    TileAccess access(e, lowering, *view, type.getShape(), {op.getAt(), op.getUpto(), {}}, false);
    Coordinate row = lowering.rowOf(e, source.regs), col = lowering.colOf(e, source.regs);
    for (auto [place, element] : llvm::zip(source.regs.regs, elements)) {
      auto at = access.split(e, row.plus(place.row), col.plus(place.col));
      Value inside = e.both(access.isInside(e, at), lowering.isInTile(e, source.regs, place));
      Value value = element;
      e.when(inside, [&] {
        Value address = access.address(e, at);
        if (op.getAtomic()) {
          LLVM::AtomicRMWOp::create(e.builder, e.loc,
                                    atomicOf(op.getKind(), isa<FloatType>(elem)), address, value,
                                    LLVM::AtomicOrdering::monotonic,
                                    lowering.vendor.getDeviceScope(), bytes);
        } else {
          Value old = e.load(address, elem, 1, bytes).front();
          e.store(e.combine(op.getKind(), old, value), address, bytes);
        }
      });
    }
  });
  return success();
}
