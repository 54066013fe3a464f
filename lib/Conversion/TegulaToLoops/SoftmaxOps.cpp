//===- SoftmaxOps.cpp - The running softmax as loops over rows -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Written from the definitions (Milakov and Gimelshein 2018), row by row, and not
// from the ops' decomposition: the two are compared in tests.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::loops;

static FloatType getElem(SoftmaxType type) { return cast<FloatType>(type.getElem()); }

/// exp(m - base) with base the maximum over both sides, where -inf on both sides
/// means that nothing was seen: 0 then, and not the NaN of (-inf) - (-inf).
static Value weight(LoopBuilder &b, Value m, Value base) { return b.exp(b.sub(m, base)); }

/// The maximum, or 0 where it is -inf: so that (-inf) - base is -inf.
static Value finiteBase(LoopBuilder &b, Value m) {
  auto elem = cast<FloatType>(m.getType());
  return b.select(b.isEqual(m, b.minusInfinity(elem)), b.number(elem, 0), m);
}

LogicalResult loops::lower(SoftmaxInitOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  SoftmaxType type = op.getState().getType();
  ArrayRef<Value> state = lowering.define(op.getState());
  b.loop(type.getRows(), [&](Value r) {
    b.store(b.minusInfinity(getElem(type)), state[0], r);
    b.store(b.number(getElem(type), 0), state[1], r);
    b.loop(type.getCols(), [&](Value c) { b.store(b.number(getElem(type), 0), state[2], {r, c}); });
  });
  return success();
}

/// for r: m' = max(m, max_n scale x[n]); a = exp(m - m'); l' = a l; acc' = a acc
///        for n: p = exp(scale x[n] - m') mult[n]; l' += p
///               for c: acc'[c] += round(p) v[n, c]
LogicalResult loops::lower(SoftmaxUpdateOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  SoftmaxType type = op.getResult().getType();
  FloatType elem = getElem(type);
  auto vElem = cast<FloatType>(op.getV().getType().getElementType());
  int64_t keys = op.getX().getType().getDimSize(1);
  Value x = lowering.buffer(op.getX()), v = lowering.buffer(op.getV());
  Value mult = op.getMult() ? lowering.buffer(op.getMult()) : Value();
  SmallVector<Value> before(lowering.buffers(op.getState()));
  SmallVector<Value> after(lowering.define(op.getResult()));
  auto logWeight = [&](Value r, Value n) {
    Value w = b.load(x, {r, n});
    return op.getScale() ? b.mul(w, op.getScale()) : w;
  };
  b.loop(type.getRows(), [&](Value r) {
    Value old = b.load(before[0], r);
    Value top = b.fold(keys, old, [&](Value n, ValueRange partial) {
      return SmallVector<Value>{b.maximum(partial[0], logWeight(r, n))};
    })[0];
    Value base = finiteBase(b, top);
    Value shrink = weight(b, old, base);
    b.loop(type.getCols(),
           [&](Value c) { b.store(b.mul(b.load(before[2], {r, c}), shrink), after[2], {r, c}); });
    Value start = b.mul(b.load(before[1], r), shrink);
    Value sum = b.fold(keys, start, [&](Value n, ValueRange partial) {
      Value p = weight(b, logWeight(r, n), base);
      if (mult)
        p = b.mul(p, b.load(mult, {r, n}));
      Value rounded = b.convertFloat(b.convertFloat(p, vElem), elem);
      b.loop(type.getCols(), [&](Value c) {
        Value term = b.mul(rounded, b.convertFloat(b.load(v, {n, c}), elem));
        b.store(b.add(b.load(after[2], {r, c}), term), after[2], {r, c});
      });
      return SmallVector<Value>{b.add(partial[0], p)};
    })[0];
    b.store(top, after[0], r);
    b.store(sum, after[1], r);
  });
  return success();
}

/// for r: m = max(m1, m2); l = l1 exp(m1 - m) + l2 exp(m2 - m), acc alike
LogicalResult loops::lower(SoftmaxMergeOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  SoftmaxType type = op.getResult().getType();
  SmallVector<Value> lhs(lowering.buffers(op.getA())), rhs(lowering.buffers(op.getB()));
  SmallVector<Value> result(lowering.define(op.getResult()));
  b.loop(type.getRows(), [&](Value r) {
    Value m1 = b.load(lhs[0], r), m2 = b.load(rhs[0], r);
    Value top = b.maximum(m1, m2), base = finiteBase(b, top);
    Value w1 = weight(b, m1, base), w2 = weight(b, m2, base);
    auto mix = [&](Value one, Value two) { return b.add(b.mul(one, w1), b.mul(two, w2)); };
    b.store(top, result[0], r);
    b.store(mix(b.load(lhs[1], r), b.load(rhs[1], r)), result[1], r);
    b.loop(type.getCols(), [&](Value c) {
      b.store(mix(b.load(lhs[2], {r, c}), b.load(rhs[2], {r, c})), result[2], {r, c});
    });
  });
  return success();
}

LogicalResult loops::lower(SoftmaxStateOp op, Lowering &lowering) {
  lowering.alias(op.getState(), {lowering.buffer(op.getM()), lowering.buffer(op.getL()),
                                 lowering.buffer(op.getAcc())});
  return success();
}

/// The maximum never lags on this path.
LogicalResult loops::lower(SoftmaxPartsOp op, Lowering &lowering) {
  SmallVector<Value> state(lowering.buffers(op.getState()));
  for (auto [part, buffer] : llvm::zip(op.getResults(), state))
    lowering.alias(part, buffer);
  return success();
}

/// for r: out = acc / l, lse = m + ln l; 0 and -inf where l is 0
LogicalResult loops::lower(SoftmaxFinishOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  SoftmaxType type = op.getState().getType();
  FloatType elem = getElem(type);
  SmallVector<Value> state(lowering.buffers(op.getState()));
  Value out = lowering.define(op.getOut()).front(), lse = lowering.define(op.getLse()).front();
  b.loop(type.getRows(), [&](Value r) {
    Value m = b.load(state[0], r), l = b.load(state[1], r);
    Value empty = b.isEqual(l, b.number(elem, 0));
    Value log = math::LogOp::create(b, l);
    b.store(b.select(empty, b.minusInfinity(elem), b.add(m, log)), lse, r);
    b.loop(type.getCols(), [&](Value c) {
      Value mean = arith::DivFOp::create(b, b.load(state[2], {r, c}), l);
      b.store(b.select(empty, b.number(elem, 0), mean), out, {r, c});
    });
  });
  return success();
}
