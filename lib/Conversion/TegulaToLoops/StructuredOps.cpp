//===- StructuredOps.cpp - Products of products as loops ------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::loops;

//===----------------------------------------------------------------------===//
// LowRankDotOp
//===----------------------------------------------------------------------===//

/// mid = lhs . rhs, rounded to the operands' type
static Value writeMiddle(Lowering &lowering, DotOperand lhs, DotOperand rhs, Type wide) {
  LoopBuilder &b = lowering.builder();
  auto lhsType = cast<MemRefType>(lhs.buffer.getType());
  auto rhsType = cast<MemRefType>(rhs.buffer.getType());
  int64_t rank = lhsType.getRank();
  auto elem = cast<FloatType>(lhsType.getElementType());
  SmallVector<int64_t> shape;
  for (int64_t axis = 0; axis < rank - 2; ++axis)
    shape.push_back(std::max(lhsType.getDimSize(axis), rhsType.getDimSize(axis)));
  shape.push_back(lhsType.getDimSize(lhs.trans ? rank - 1 : rank - 2));
  shape.push_back(rhsType.getDimSize(rhs.trans ? rank - 2 : rank - 1));
  Value middle = lowering.allocate(RankedTensorType::get(shape, elem));
  b.nest(shape, [&](ValueRange i) {
    Value sum = writeDotSum(b, lhs, rhs, b.number(wide, 0), i);
    b.store(b.convertFloat(sum, elem), middle, i);
  });
  return middle;
}

LogicalResult loops::lower(LowRankDotOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  RankedTensorType type = op.getResult().getType();
  Type wide = type.getElementType();
  DotOperand x{lowering.buffer(op.getX()), false}, u{lowering.buffer(op.getU()), op.getTransU()};
  DotOperand v{lowering.buffer(op.getV()), op.getTransV()};
  bool right = op.getAssociation() == Association::right;
  DotOperand middle{right ? writeMiddle(lowering, u, v, wide) : writeMiddle(lowering, x, u, wide),
                    false};
  DotOperand lhs = right ? x : middle, rhs = right ? middle : v;
  Value result = lowering.define(op.getResult()).front();
  b.nest(type.getShape(),
         [&](ValueRange i) { b.store(writeDotSum(b, lhs, rhs, b.number(wide, 0), i), result, i); });
  return success();
}

//===----------------------------------------------------------------------===//
// ButterflyOp
//===----------------------------------------------------------------------===//

namespace {

/// A complex number, or two buffers of them; no `im`: zero.
struct Complex {
  Value re, im;
};

/// The stages of one transform. Numbers lie in lines, [o][b][p]: what earlier digits
/// are, the digit of the stage, the digits behind it.
class Stages {
public:
  Stages(Lowering &lowering, ButterflyOp op)
      : lowering(lowering), b(lowering.builder()), op(op),
        elem(cast<FloatType>(op.getRe().getType().getElementType())),
        wide(cast<FloatType>(op.getResultRe().getType().getElementType())) {}

  void run();

private:
  Complex line(int64_t size);
  Complex table(int64_t rows, int64_t cols, int64_t period, double scale, FloatType type);
  Complex matrix(size_t stage);
  Complex rounded(Complex x);
  Complex times(Complex x, Complex y);
  Complex read(Complex from, ValueRange at);
  void write(Complex x, Complex to, ValueRange at);
  Complex stage(size_t number, Complex from, int64_t count);

  Lowering &lowering;
  LoopBuilder &b;
  ButterflyOp op;
  FloatType elem, wide; ///< of operands of products, of sums
};

} // namespace

static int64_t product(ArrayRef<int64_t> numbers) {
  int64_t result = 1;
  for (int64_t number : numbers)
    result *= number;
  return result;
}

/// A line of scratch memory.
Complex Stages::line(int64_t size) {
  auto type = RankedTensorType::get({size}, wide);
  return {lowering.allocate(type), lowering.allocate(type)};
}

/// scale * exp(-+ 2 pi i row col / period), computed where the instance begins.
Complex Stages::table(int64_t rows, int64_t cols, int64_t period, double scale, FloatType type) {
  auto tile = RankedTensorType::get({rows, cols}, type);
  Complex result{lowering.allocate(tile), lowering.allocate(tile)};
  double turn = 2 * 3.14159265358979323846 / static_cast<double>(period);
  lowering.atEntry([&] {
    b.nest({rows, cols}, [&](ValueRange i) {
      Value step = arith::RemUIOp::create(b, b.mul(i[0], i[1]), b.index(period));
      Value number = arith::SIToFPOp::create(b, b.getF64Type(),
                                             arith::IndexCastOp::create(b, b.getI64Type(), step));
      Value angle = b.mul(number, b.constant(b.getF64FloatAttr(turn)));
      Value re = b.mul(math::CosOp::create(b, angle), b.constant(b.getF64FloatAttr(scale)));
      double sign = op.getInverse() ? scale : -scale;
      Value im = b.mul(math::SinOp::create(b, angle), b.constant(b.getF64FloatAttr(sign)));
      b.store(b.convertFloat(re, type), result.re, i);
      b.store(b.convertFloat(im, type), result.im, i);
    });
  });
  return result;
}

Complex Stages::matrix(size_t stage) {
  if (!op.getBy().empty())
    return {lowering.buffer(op.getBy()[2 * stage]), lowering.buffer(op.getBy()[2 * stage + 1])};
  int64_t n = op.getDft()[stage];
  return table(n, n, n, 1 / std::sqrt(static_cast<double>(n)), elem);
}

/// As an operand of a product.
Complex Stages::rounded(Complex x) {
  auto round = [&](Value value) -> Value {
    return value ? b.convertFloat(b.convertFloat(value, elem), wide) : value;
  };
  return {round(x.re), round(x.im)};
}

Complex Stages::times(Complex x, Complex y) {
  if (!x.im)
    return {b.mul(x.re, y.re), b.mul(x.re, y.im)};
  return {b.sub(b.mul(x.re, y.re), b.mul(x.im, y.im)), b.add(b.mul(x.re, y.im), b.mul(x.im, y.re))};
}

Complex Stages::read(Complex from, ValueRange at) {
  return {b.convertFloat(b.load(from.re, at), wide),
          from.im ? b.convertFloat(b.load(from.im, at), wide) : Value()};
}

void Stages::write(Complex x, Complex to, ValueRange at) {
  b.store(x.re, to.re, at);
  b.store(x.im, to.im, at);
}

/// The digit of stage `number` of `count` lines of the other digits: in, b; out, a.
Complex Stages::stage(size_t number, Complex from, int64_t count) {
  int64_t rows = number == 0 ? op.getRows() : op.getDft()[number];
  int64_t kept = op.getKeep()[number], width = product(op.getDft().drop_front(number + 1));
  bool last = number + 1 == op.getDft().size(), inverse = op.getInverse();
  int64_t in = inverse ? kept : rows, out = inverse ? rows : kept;
  Complex to = line(count * out * width), factors = matrix(number), twiddles;
  if (!last)
    twiddles = table(kept, width, op.getDft()[number] * width, 1, wide);
  auto position = [&](Value o, Value digit, int64_t digits, Value p) -> Value {
    Value line = b.add(b.mul(o, b.index(digits)), digit);
    return b.add(b.mul(line, b.index(width)), p);
  };
  b.nest({count, out, width}, [&](ValueRange i) {
    Value o = i[0], a = i[1], p = i[2], zero = b.number(wide, 0);
    // re.re, im.im, re.im, im.re
    SmallVector<Value> sums =
        b.fold(in, SmallVector<Value>(4, zero), [&](Value digit, ValueRange partial) {
          Complex x = read(from, position(o, digit, in, p));
          if (inverse && !last)
            x = times(x, read(twiddles, {digit, p}));
          x = rounded(x);
          SmallVector<Value> at{a, digit};
          if (last)
            std::swap(at[0], at[1]);
          Complex factor = read(factors, at);
          SmallVector<Value> next(partial);
          next[0] = b.add(next[0], b.mul(x.re, factor.re));
          next[2] = b.add(next[2], b.mul(x.re, factor.im));
          if (x.im) {
            next[1] = b.add(next[1], b.mul(x.im, factor.im));
            next[3] = b.add(next[3], b.mul(x.im, factor.re));
          }
          return next;
        });
    Complex y{b.sub(sums[0], sums[1]), b.add(sums[2], sums[3])};
    if (!inverse && !last)
      y = times(y, read(twiddles, {a, p}));
    write(y, to, position(o, a, out, p));
  });
  return to;
}

void Stages::run() {
  int64_t signals = op.getRe().getType().getDimSize(0);
  int64_t before = op.getRe().getType().getDimSize(1);
  int64_t after = op.getResultRe().getType().getDimSize(1);
  Complex tile{lowering.buffer(op.getRe()), op.getIm() ? lowering.buffer(op.getIm()) : Value()};
  Complex x = line(signals * before);
  if (!tile.im)
    x.im = nullptr;
  b.nest({signals, before}, [&](ValueRange i) {
    Value at = b.add(b.mul(i[0], b.index(before)), i[1]);
    Complex number = read(tile, i);
    b.store(number.re, x.re, at);
    if (number.im)
      b.store(number.im, x.im, at);
  });
  size_t stages = op.getDft().size();
  for (size_t i = 0; i < stages; ++i) {
    size_t number = op.getInverse() ? stages - 1 - i : i;
    x = stage(number, x, signals * product(op.getKeep().take_front(number)));
  }
  Complex result{lowering.define(op.getResultRe()).front(),
                 lowering.define(op.getResultIm()).front()};
  b.nest({signals, after}, [&](ValueRange i) {
    write(read(x, b.add(b.mul(i[0], b.index(after)), i[1])), result, i);
  });
}

LogicalResult loops::lower(ButterflyOp op, Lowering &lowering) {
  Stages(lowering, op).run();
  return success();
}
