//===- Move.cpp - Boxes and reshapes --------------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

/// Moves `count` neighbouring elements, and touches no others.
static void moveRun(x86::Emitter &emit, Value source, ValueRange from, Value dest, ValueRange to,
                    int64_t count) {
  Type elem = cast<MemRefType>(source.getType()).getElementType();
  int64_t lanes = emit.target.getLanes(elem);
  auto shifted = [&](ValueRange at, Value by) {
    x86::Values position(at);
    position.back() = emit.add(position.back(), by);
    return position;
  };
  bool masks = elem.getIntOrFloatBitWidth() >= 32 || emit.target.hasNarrowMasks();
  emit.strips(count, lanes, emit.target.getStripVectors(), [&](Value offset, int64_t valid) {
    if (valid == lanes) {
      emit.store(emit.load(source, shifted(from, offset), lanes), dest, shifted(to, offset));
    } else if (masks && valid > 1) {
      Value mask = emit.prefixMask(valid, lanes);
      VectorType type = emit.vectorOf(elem, lanes);
      Value value =
          vector::MaskedLoadOp::create(emit.builder, emit.loc, type, source, shifted(from, offset),
                                       mask, emit.neutral(Combine::add, type));
      vector::MaskedStoreOp::create(emit.builder, emit.loc, dest, shifted(to, offset), mask, value);
    } else {
      for (int64_t i = 0; i < valid; ++i) {
        Value at = emit.add(offset, i);
        Value value = emit.loadElement(source, shifted(from, at));
        emit.store(value, dest, shifted(to, at));
      }
    }
  });
}

/// The two last axes of the box change places: whole squares in registers, what is
/// left one by one.
static void moveTransposed(x86::Emitter &emit, Value source, ValueRange from, int64_t rowAxis,
                           Value dest, ValueRange to, int64_t rows, int64_t columns) {
  Type elem = cast<MemRefType>(source.getType()).getElementType();
  int64_t lanes = emit.target.getLanes(elem);
  size_t last = from.size() - 1;
  // Element (i, j) of the box: source axis `rowAxis` advances with j, the last with i.
  auto sourceAt = [&](Value i, Value j) {
    x86::Values position(from);
    position[rowAxis] = emit.add(position[rowAxis], j);
    position[last] = emit.add(position[last], i);
    return position;
  };
  auto destAt = [&](Value i, Value j) {
    x86::Values position(to);
    position[last - 1] = emit.add(position[last - 1], i);
    position[last] = emit.add(position[last], j);
    return position;
  };
  auto moveOne = [&](Value i, Value j) {
    Value value = emit.loadElement(source, sourceAt(i, j));
    emit.store(value, dest, destAt(i, j));
  };
  int64_t rowSquares = rows / lanes * lanes, columnSquares = columns / lanes * lanes;
  emit.loop(emit.index(0), emit.index(rowSquares), lanes, [&](Value i) {
    emit.loop(emit.index(0), emit.index(columnSquares), lanes, [&](Value j) {
      x86::Values square;
      for (int64_t r = 0; r < lanes; ++r)
        square.push_back(emit.load(source, sourceAt(i, emit.add(j, r)), lanes));
      square = emit.transpose(square);
      for (int64_t r = 0; r < lanes; ++r)
        emit.store(square[r], dest, destAt(emit.add(i, r), j));
    });
  });
  Value zero = emit.index(0), rowEnd = emit.index(rows), columnEnd = emit.index(columns);
  Value rowSplit = emit.index(rowSquares), columnSplit = emit.index(columnSquares);
  emit.nest({zero, columnSplit}, {rowSplit, columnEnd},
            [&](ValueRange at) { moveOne(at[0], at[1]); });
  emit.nest({rowSplit, zero}, {rowEnd, columnEnd}, [&](ValueRange at) { moveOne(at[0], at[1]); });
}

LogicalResult x86::lowerMove(Context &context, Emitter &emit, MoveOp op) {
  Value source = context.arena.get(op.getSource()), dest = context.arena.get(op.getDest());
  ArrayRef<int64_t> sizes = op.getSizes(), perm = op.getPerm();
  int64_t rank = sizes.size();
  if (rank == 0) {
    Value zero = emit.index(0);
    moveRun(emit, source, zero, dest, zero, 1);
    return success();
  }
  // Positions of both boxes at `iv` of the outer axes of the destination's box.
  auto corner = [&](ValueRange iv, x86::Values &from, x86::Values &to) {
    for (int64_t axis = 0; axis < rank; ++axis) {
      from.push_back(emit.index(op.getFrom()[axis]));
      to.push_back(emit.index(op.getTo()[axis]));
    }
    for (auto [axis, offset] : llvm::enumerate(iv)) {
      to[axis] = emit.add(to[axis], offset);
      from[perm[axis]] = emit.add(from[perm[axis]], offset);
    }
  };
  bool straight = perm[rank - 1] == rank - 1;
  bool swapped = rank >= 2 && perm[rank - 2] == rank - 1;
  ArrayRef<int64_t> outer = sizes.drop_back(straight ? 1 : swapped ? 2 : 0);
  emit.nest(outer, [&](ValueRange iv) {
    x86::Values from, to;
    corner(iv, from, to);
    if (straight)
      return moveRun(emit, source, from, dest, to, sizes.back());
    if (swapped)
      return moveTransposed(emit, source, from, perm[rank - 1], dest, to, sizes[rank - 2],
                            sizes[rank - 1]);
    emit.store(emit.loadElement(source, from), dest, to);
  });
  return success();
}

/// Both storages as rows of padded length; runs of elements that are neighbours on
/// both sides move together.
LogicalResult x86::lowerReshape(Context &context, Emitter &emit, sched::ReshapeOp op) {
  BufType from = cast<BufType>(op.getSource().getType()), to = op.getDest().getType();
  auto inner = [](BufType buf) { return buf.getRank() == 0 ? 1 : buf.getShape().back(); };
  auto rows = [&](Value buffer) {
    auto type = cast<MemRefType>(context.arena.get(buffer).getType());
    int64_t width = type.getShape().back();
    return context.arena.get(buffer, {type.getNumElements() / width, width});
  };
  Value source = rows(op.getSource()), dest = rows(op.getDest());
  if (!source || !dest)
    return op.emitOpError("takes a slice, whose rows do not follow each other");
  int64_t run = std::gcd(inner(from), inner(to));
  int64_t fromRuns = inner(from) / run, toRuns = inner(to) / run;
  int64_t total = from.getTile().getNumElements() / run;
  emit.loop(emit.index(0), emit.index(total), 1, [&](Value i) {
    Values fromAt{emit.div(i, fromRuns), emit.mul(emit.rem(i, fromRuns), run)};
    Values toAt{emit.div(i, toRuns), emit.mul(emit.rem(i, toRuns), run)};
    moveRun(emit, source, fromAt, dest, toAt, run);
  });
  return success();
}

/// The element as it is stored, in the element type of the buffer.
LogicalResult x86::lowerScalar(Context &context, Emitter &emit, sched::ScalarOp op) {
  Values at(op.getAt());
  if (at.empty())
    at.push_back(emit.index(0));
  Value value = emit.loadElement(context.arena.get(op.getSource()), at);
  Type elem = op.getValue().getType();
  if (value.getType() != elem) {
    if (isa<FloatType>(elem))
      value = arith::TruncFOp::create(emit.builder, emit.loc, elem, value);
    else if (elem.isInteger(1))
      value = arith::CmpIOp::create(emit.builder, emit.loc, arith::CmpIPredicate::ne, value,
                                    emit.constant(value.getType(), int64_t(0)));
    else
      value = arith::TruncIOp::create(emit.builder, emit.loc, elem, value);
  }
  op.getValue().replaceAllUsesWith(value);
  return success();
}
