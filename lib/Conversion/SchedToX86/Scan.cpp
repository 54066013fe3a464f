//===- Scan.cpp - Running combinations ------------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Along the last axis: within a vector by doubling distances, then the carry of
// the vectors before it. Along another axis: vectors of columns, carried down.
// 16-bit floats are carried in f32 and each result is rounded.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

namespace {

/// One scan.
class Scan {
public:
  Scan(x86::Context &context, x86::Emitter &emit, sched::ScanOp op)
      : emit(emit), op(op), source(context.arena.get(op.getSource())),
        dest(context.arena.get(op.getDest())), shape(op.getDest().getType().getShape()) {
    Type elem = context.target.getRegisterType(op.getDest().getType().getElem());
    lanes = context.target.getLanes(elem);
    neutral = emit.neutral(op.getKind(), emit.vectorOf(elem, lanes));
  }

  void emitDown();
  void emitAlong();

private:
  Value round(Value value) {
    Type elem = op.getDest().getType().getElem();
    bool narrow = elem.isF16() || elem.isBF16();
    return narrow && op.getKind() == Combine::add ? emit.round(value, elem) : value;
  }
  Value shifted(Value vector, Value filler, int64_t distance);
  Value scanVector(Value vector);
  Value emitVector(ValueRange position, Value carry, int64_t valid);

  x86::Emitter &emit;
  sched::ScanOp op;
  Value source, dest, neutral;
  ArrayRef<int64_t> shape;
  int64_t lanes;
};

} // namespace

/// Every lane takes the one `distance` before it, in the order of the scan; the
/// first lanes take the last ones (in that order) of `filler`.
Value Scan::shifted(Value vector, Value filler, int64_t distance) {
  SmallVector<int64_t> picks;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    int64_t from = op.getReverse() ? lane + distance : lane - distance;
    bool outside = from < 0 || from >= lanes;
    picks.push_back(outside ? lanes + (from + lanes) % lanes : from);
  }
  return emit.shuffle(vector, filler, picks);
}

Value Scan::scanVector(Value vector) {
  for (int64_t distance = 1; distance < lanes; distance *= 2)
    vector = emit.combine(op.getKind(), shifted(vector, neutral, distance), vector);
  return vector;
}

/// Scans the vector at `position`; `carry`, in all lanes, is what came before it.
/// Returns the new carry.
Value Scan::emitVector(ValueRange position, Value carry, int64_t valid) {
  Value x = emit.load(source, position, lanes);
  if (valid < lanes)
    x = arith::SelectOp::create(emit.builder, emit.loc, emit.prefixMask(valid, lanes), x, neutral);
  Value sums = emit.combine(op.getKind(), carry, scanVector(x));
  Value result = op.getExclusive() ? shifted(sums, carry, 1) : sums;
  emit.store(round(result), dest, position);
  SmallVector<int64_t> last(lanes, op.getReverse() ? 0 : lanes - 1);
  return emit.shuffle(sums, sums, last);
}

void Scan::emitAlong() {
  int64_t extent = shape.back(), count = llvm::divideCeil(extent, lanes);
  int64_t lastValid = extent - (count - 1) * lanes;
  emit.nest(shape.drop_back(), [&](ValueRange outer) {
    auto at = [&](Value vector) {
      x86::Values position(outer);
      position.push_back(emit.mul(vector, lanes));
      return position;
    };
    Value carry = neutral, end = emit.index(count - 1);
    if (op.getReverse())
      carry = emitVector(at(end), carry, lastValid);
    x86::Values carried = emit.loop(emit.index(0), end, 1, carry, [&](Value i, ValueRange carried) {
      Value vector = op.getReverse() ? emit.sub(emit.index(count - 2), i) : i;
      return x86::Values{emitVector(at(vector), carried.front(), lanes)};
    });
    if (!op.getReverse())
      emitVector(at(end), carried.front(), lastValid);
  });
}

void Scan::emitDown() {
  int64_t axis = op.getAxis(), length = shape[axis];
  SmallVector<int64_t> outer(shape.drop_back());
  outer.erase(outer.begin() + axis);
  emit.nest(outer, [&](ValueRange iv) {
    emit.strips(shape.back(), lanes, 1, [&](Value column, int64_t) {
      emit.loop(emit.index(0), emit.index(length), 1, neutral, [&](Value i, ValueRange carried) {
        x86::Values position(iv);
        position.insert(position.begin() + axis,
                        op.getReverse() ? emit.sub(emit.index(length - 1), i) : i);
        position.push_back(column);
        Value before = carried.front();
        Value sums = emit.combine(op.getKind(), before, emit.load(source, position, lanes));
        emit.store(round(op.getExclusive() ? before : sums), dest, position);
        return x86::Values{sums};
      });
    });
  });
}

LogicalResult x86::lowerScan(Context &context, Emitter &emit, sched::ScanOp op) {
  if (op.getDest().getType().getElem().isInteger(1))
    return op.emitOpError("combines single bits");
  Scan scan(context, emit, op);
  if (op.getAxis() + 1 == op.getDest().getType().getShape().size())
    scan.emitAlong();
  else
    scan.emitDown();
  return success();
}
