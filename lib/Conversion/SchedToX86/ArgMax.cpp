//===- ArgMax.cpp - Positions of maxima -----------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Elements become signed integers in the same order, NaN the largest and both
// zeros alike; then the best (key, position) is kept, the larger key or, among
// equals, the smaller position.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

namespace {

/// The best element so far, in each lane.
struct Best {
  Value key, position;
};

/// One search.
class ArgMaxSearch {
public:
  ArgMaxSearch(x86::Context &context, x86::Emitter &emit, sched::ArgMaxOp op)
      : emit(emit), op(op), source(context.arena.get(op.getSource())),
        dest(context.arena.get(op.getDest())),
        shape(cast<BufType>(op.getSource().getType()).getShape()) {
    Type elem = context.target.getRegisterType(cast<BufType>(op.getSource().getType()).getElem());
    lanes = context.target.getLanes(elem);
    keyType = emit.vectorOf(
        emit.builder.getIntegerType(elem.getIntOrFloatBitWidth() == 64 ? 64 : 32), lanes);
    positionType = emit.vectorOf(emit.builder.getI32Type(), lanes);
  }

  void emitDown();
  void emitAlong();

private:
  Best none();
  Value keyOf(Value x);
  Best better(Best a, Best b);
  Best acrossLanes(Best best);

  x86::Emitter &emit;
  sched::ArgMaxOp op;
  Value source, dest;
  ArrayRef<int64_t> shape;
  int64_t lanes;
  VectorType keyType, positionType;
};

} // namespace

/// Worse than any element: the smallest key, beyond every position.
Best ArgMaxSearch::none() {
  return {emit.neutral(Combine::max, keyType), emit.neutral(Combine::min, positionType)};
}

Value ArgMaxSearch::keyOf(Value x) {
  OpBuilder &builder = emit.builder;
  Type elem = getElementTypeOrSelf(x.getType());
  if (!isa<FloatType>(elem)) {
    if (x.getType() == keyType)
      return x;
    if (cast<BufType>(op.getSource().getType()).getElem().isInteger(1))
      return arith::ExtUIOp::create(builder, emit.loc, keyType, x);
    return arith::ExtSIOp::create(builder, emit.loc, keyType, x);
  }
  // x + 0 turns -0 into 0. A negative number's magnitude bits count downwards.
  Value sum = arith::AddFOp::create(builder, emit.loc, x, emit.constant(x.getType(), 0.0));
  Value bits = arith::BitcastOp::create(builder, emit.loc, keyType, sum);
  unsigned width = keyType.getElementTypeBitWidth();
  Value sign =
      arith::ShRSIOp::create(builder, emit.loc, bits, emit.constant(keyType, int64_t(width - 1)));
  Value largest = emit.neutral(Combine::min, keyType);
  Value flip = arith::AndIOp::create(builder, emit.loc, sign, largest);
  Value key = arith::XOrIOp::create(builder, emit.loc, bits, flip);
  Value nan = arith::CmpFOp::create(builder, emit.loc, arith::CmpFPredicate::UNO, x, x);
  return arith::SelectOp::create(builder, emit.loc, nan, largest, key);
}

Best ArgMaxSearch::better(Best a, Best b) {
  OpBuilder &builder = emit.builder;
  auto compare = [&](arith::CmpIPredicate predicate, Value x, Value y) -> Value {
    return arith::CmpIOp::create(builder, emit.loc, predicate, x, y);
  };
  Value larger = compare(arith::CmpIPredicate::sgt, b.key, a.key);
  Value equal = compare(arith::CmpIPredicate::eq, b.key, a.key);
  Value earlier = compare(arith::CmpIPredicate::slt, b.position, a.position);
  Value tie = arith::AndIOp::create(builder, emit.loc, equal, earlier);
  Value take = arith::OrIOp::create(builder, emit.loc, larger, tie);
  return {arith::SelectOp::create(builder, emit.loc, take, b.key, a.key),
          arith::SelectOp::create(builder, emit.loc, take, b.position, a.position)};
}

Best ArgMaxSearch::acrossLanes(Best best) {
  for (int64_t distance = lanes / 2; distance > 0; distance /= 2) {
    SmallVector<int64_t> turned;
    for (int64_t lane = 0; lane < lanes; ++lane)
      turned.push_back((lane + distance) % lanes);
    best = better(best, {emit.shuffle(best.key, best.key, turned),
                         emit.shuffle(best.position, best.position, turned)});
  }
  return best;
}

void ArgMaxSearch::emitAlong() {
  int64_t extent = shape.back(), full = extent / lanes * lanes;
  SmallVector<Attribute> numbers;
  for (int64_t lane = 0; lane < lanes; ++lane)
    numbers.push_back(emit.builder.getI32IntegerAttr(lane));
  Value steps = arith::ConstantOp::create(emit.builder, emit.loc,
                                          DenseElementsAttr::get(positionType, numbers));
  emit.nest(shape.drop_back(), [&](ValueRange outer) {
    auto visit = [&](Value at, Best best, int64_t valid) {
      x86::Values place(outer);
      place.push_back(at);
      Value first =
          arith::IndexCastOp::create(emit.builder, emit.loc, emit.builder.getI32Type(), at);
      Best here{keyOf(emit.load(source, place, lanes)),
                emit.combine(Combine::add, emit.splat(first, lanes), steps)};
      if (valid < lanes) {
        Value mask = emit.prefixMask(valid, lanes);
        Best nothing = none();
        here = {
            arith::SelectOp::create(emit.builder, emit.loc, mask, here.key, nothing.key),
            arith::SelectOp::create(emit.builder, emit.loc, mask, here.position, nothing.position)};
      }
      return better(best, here);
    };
    Best start = none();
    x86::Values carried = emit.loop(emit.index(0), emit.index(full), lanes,
                                    {start.key, start.position}, [&](Value at, ValueRange best) {
                                      Best next = visit(at, {best[0], best[1]}, lanes);
                                      return x86::Values{next.key, next.position};
                                    });
    Best best{carried[0], carried[1]};
    if (full < extent)
      best = visit(emit.index(full), best, extent - full);
    x86::Values place(outer);
    if (place.empty())
      place.push_back(emit.index(0));
    Value result = vector::ExtractOp::create(emit.builder, emit.loc, acrossLanes(best).position, 0);
    emit.store(result, dest, place);
  });
}

void ArgMaxSearch::emitDown() {
  int64_t axis = op.getAxis();
  SmallVector<int64_t> outer(shape.drop_back());
  outer.erase(outer.begin() + axis);
  emit.nest(outer, [&](ValueRange iv) {
    emit.strips(shape.back(), lanes, 1, [&](Value column, int64_t) {
      Best start = none();
      x86::Values best = emit.loop(
          emit.index(0), emit.index(shape[axis]), 1, {start.key, start.position},
          [&](Value i, ValueRange best) {
            x86::Values place(iv);
            place.insert(place.begin() + axis, i);
            place.push_back(column);
            Value number =
                arith::IndexCastOp::create(emit.builder, emit.loc, emit.builder.getI32Type(), i);
            Best next = better({best[0], best[1]},
                               {keyOf(emit.load(source, place, lanes)), emit.splat(number, lanes)});
            return x86::Values{next.key, next.position};
          });
      x86::Values place(iv);
      place.push_back(column);
      emit.store(best[1], dest, place);
    });
  });
}

LogicalResult x86::lowerArgMax(Context &context, Emitter &emit, sched::ArgMaxOp op) {
  ArgMaxSearch search(context, emit, op);
  if (op.getAxis() + 1 == cast<BufType>(op.getSource().getType()).getShape().size())
    search.emitAlong();
  else
    search.emitDown();
  return success();
}
