//===- ButterflyOp.cpp - Transforms by factors ----------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/Support/MathExtras.h"

#include <complex>

using namespace mlir;
using namespace tegula;

/// More and larger factors than a transform in one tile has any use for: matrices
/// are dense, and the twiddles of a stage are as many as its positions.
static constexpr size_t maxFactors = 10;
static constexpr int64_t maxFactor = 1024, maxPositions = int64_t(1) << 20;

/// The product, or 0 above `maxPositions`.
static int64_t getProduct(ArrayRef<int64_t> numbers) {
  int64_t product = 1;
  for (int64_t number : numbers) {
    if (number > maxPositions / product)
      return 0;
    product *= number;
  }
  return product;
}

LogicalResult ButterflyOp::verify() {
  ArrayRef<int64_t> factors = getDft(), keep = getKeep();
  if (factors.empty() || factors.size() > maxFactors) // C1
    return emitOpError() << "takes 1 to " << maxFactors << " factors, got " << factors.size();
  if (keep.size() != factors.size())
    return emitOpError() << "keeps digits of " << keep.size() << " factors, has " << factors.size();
  for (auto [factor, kept] : llvm::zip(factors, keep)) {
    if (factor < 1 || factor > maxFactor)
      return emitOpError() << "takes factors between 1 and " << maxFactor << ", got " << factor;
    if (kept < 1 || kept > factor)
      return emitOpError() << "keeps " << kept << " of a factor of " << factor;
  }
  int64_t rows = getRows();
  if (rows < 1 || rows > factors.front())
    return emitOpError() << "has " << rows << " rows of a first factor of " << factors.front();
  if (getProduct(factors) == 0)
    return emitOpError() << "has more than " << maxPositions << " positions";
  RankedTensorType from = getRe().getType(), to = getResultRe().getType();
  int64_t signal = rows * getProduct(factors.drop_front()), spectrum = getProduct(keep);
  int64_t before = getInverse() ? spectrum : signal, after = getInverse() ? signal : spectrum;
  if (from.getRank() != 2 || from.getDimSize(1) != before) // C2
    return emitOpError() << "takes rows of " << before << " numbers, got " << from;
  if (to.getShape() != ArrayRef<int64_t>({from.getDimSize(0), after}))
    return emitOpError() << "gives " << from.getDimSize(0) << " rows of " << after
                         << " numbers, not " << to;
  Type elem = from.getElementType();
  Type expected = elem.isF64() ? elem : Type(Float32Type::get(getContext()));
  if (to.getElementType() != expected) // C3
    return emitOpError() << "of " << elem << " gives " << expected << ", not "
                         << to.getElementType();
  if (!getBy().empty() && getBy().size() != 2 * factors.size()) // C4
    return emitOpError() << "takes two tiles for each of " << factors.size() << " factors, got "
                         << getBy().size();
  for (auto [i, tile] : llvm::enumerate(getBy())) {
    int64_t n = factors[i / 2];
    auto matrix = RankedTensorType::get({n, n}, elem);
    if (tile.getType() != matrix)
      return emitOpError() << "takes " << matrix << " for factor " << i / 2 << ", got "
                           << tile.getType();
  }
  return success();
}

ArrayRef<StringRef> ButterflyOp::getInnerLabels() {
  static constexpr StringRef labels[maxFactors] = {".stage0", ".stage1", ".stage2", ".stage3",
                                                   ".stage4", ".stage5", ".stage6", ".stage7",
                                                   ".stage8", ".stage9"};
  return ArrayRef<StringRef>(labels).take_front(getDft().size());
}

//===----------------------------------------------------------------------===//
// Decomposition
//===----------------------------------------------------------------------===//

namespace {

/// A complex tile; no `im`: its numbers are real.
struct Complex {
  Value re, im;
};

/// Writes the stages of one transform.
class StageBuilder : public ImplicitLocOpBuilder {
public:
  StageBuilder(OpBuilder &builder, ButterflyOp op, ValueRange matrices)
      : ImplicitLocOpBuilder(op.getLoc(), builder), op(op), matrices(matrices),
        elem(op.getRe().getType().getElementType()),
        wide(op.getResultRe().getType().getElementType()) {}

  Complex forward(Complex x);
  Complex inverse(Complex x);

private:
  int64_t factor(size_t stage) { return op.getDft()[stage]; }
  /// Positions of one digit of `stage`.
  int64_t width(size_t stage) { return getProduct(op.getDft().drop_front(stage + 1)); }
  bool isLast(size_t stage) { return stage + 1 == op.getDft().size(); }

  Value constant(Type type, ArrayRef<int64_t> shape,
                 llvm::function_ref<double(int64_t, int64_t)> value);
  Complex matrix(size_t stage, int64_t rows, int64_t cols);
  Complex narrowed(Complex x);
  Complex reshaped(Complex x, ArrayRef<int64_t> shape);
  Complex twiddled(Complex x, size_t stage);
  Value dot(Value lhs, Value rhs, StringAttr label);
  Complex dot(Complex lhs, Complex rhs, size_t stage);

  ButterflyOp op;
  ValueRange matrices;
  Type elem, wide; ///< of operands, of sums
};

} // namespace

/// exp(2 pi i k / n), with k reduced first so that the angle is exact.
static std::complex<double> root(int64_t k, int64_t n) {
  constexpr double pi = 3.14159265358979323846;
  double angle = 2 * pi * static_cast<double>(k % n) / static_cast<double>(n);
  return {std::cos(angle), std::sin(angle)};
}

static RankedTensorType typeOf(Value tile) { return cast<RankedTensorType>(tile.getType()); }

Value StageBuilder::constant(Type type, ArrayRef<int64_t> shape,
                             llvm::function_ref<double(int64_t, int64_t)> value) {
  auto real = cast<FloatType>(type);
  SmallVector<APFloat> numbers;
  for (int64_t i = 0; i < shape[0]; ++i)
    for (int64_t j = 0; j < shape[1]; ++j) {
      APFloat number(value(i, j));
      bool inexact;
      number.convert(real.getFloatSemantics(), APFloat::rmNearestTiesToEven, &inexact);
      numbers.push_back(number);
    }
  auto tile = RankedTensorType::get(shape, type);
  return arith::ConstantOp::create(*this, DenseElementsAttr::get(tile, numbers));
}

/// The first rows and columns of the matrix of a stage.
Complex StageBuilder::matrix(size_t stage, int64_t rows, int64_t cols) {
  int64_t n = factor(stage);
  if (matrices.empty()) {
    double scale = 1 / std::sqrt(static_cast<double>(n));
    double sign = op.getInverse() ? 1 : -1;
    return {constant(elem, {rows, cols},
                     [&](int64_t i, int64_t j) { return scale * root(i * j, n).real(); }),
            constant(elem, {rows, cols},
                     [&](int64_t i, int64_t j) { return scale * sign * root(i * j, n).imag(); })};
  }
  auto cut = [&](Value whole) -> Value {
    if (rows == n && cols == n)
      return whole;
    SmallVector<OpFoldResult> zeros(2, getIndexAttr(0)), ones(2, getIndexAttr(1));
    SmallVector<OpFoldResult> sizes{getIndexAttr(rows), getIndexAttr(cols)};
    return tensor::ExtractSliceOp::create(*this, whole, zeros, sizes, ones);
  };
  return {cut(matrices[2 * stage]), cut(matrices[2 * stage + 1])};
}

/// Operands of products have the operands' type.
Complex StageBuilder::narrowed(Complex x) {
  auto narrow = [&](Value tile) -> Value {
    if (!tile || typeOf(tile).getElementType() == elem)
      return tile;
    return arith::TruncFOp::create(*this, typeOf(tile).clone(elem), tile);
  };
  return {narrow(x.re), narrow(x.im)};
}

Complex StageBuilder::reshaped(Complex x, ArrayRef<int64_t> shape) {
  auto reshape = [&](Value tile) -> Value {
    if (!tile || typeOf(tile).getShape() == shape)
      return tile;
    return ReshapeOp::create(*this, RankedTensorType::get(shape, typeOf(tile).getElementType()),
                             tile);
  };
  return {reshape(x.re), reshape(x.im)};
}

/// Number (r, a, p) times exp(-+ 2 pi i a p / (n w)).
Complex StageBuilder::twiddled(Complex x, size_t stage) {
  RankedTensorType type = typeOf(x.re);
  int64_t period = factor(stage) * width(stage);
  double sign = op.getInverse() ? 1 : -1;
  auto factors = [&](llvm::function_ref<double(int64_t, int64_t)> value) -> Value {
    Value plane = constant(wide, type.getShape().drop_front(), value);
    return BroadcastOp::create(*this, type, plane, ArrayRef<int64_t>{1, 2});
  };
  Value re = factors([&](int64_t a, int64_t p) { return root(a * p, period).real(); });
  Value im = factors([&](int64_t a, int64_t p) { return sign * root(a * p, period).imag(); });
  auto mul = [&](Value a, Value b) -> Value { return arith::MulFOp::create(*this, a, b); };
  return {arith::SubFOp::create(*this, mul(x.re, re), mul(x.im, im)),
          arith::AddFOp::create(*this, mul(x.re, im), mul(x.im, re))};
}

Value StageBuilder::dot(Value lhs, Value rhs, StringAttr label) {
  RankedTensorType a = typeOf(lhs), b = typeOf(rhs);
  SmallVector<int64_t> shape;
  for (int64_t axis = 0; axis < a.getRank() - 2; ++axis)
    shape.push_back(std::max(a.getDimSize(axis), b.getDimSize(axis)));
  shape.append({a.getDimSize(a.getRank() - 2), b.getDimSize(b.getRank() - 1)});
  return DotOp::create(*this, RankedTensorType::get(shape, wide), lhs, rhs, /*acc=*/Value(),
                       /*trans_a=*/false, /*trans_b=*/false, Precision::ieee, label);
}

/// Four real products, or two where one side is real. The first one is the stage's
/// anchor.
Complex StageBuilder::dot(Complex lhs, Complex rhs, size_t stage) {
  StringAttr label;
  if (op.getLabelAttr())
    label = getStringAttr(*op.getLabel() + op.getInnerLabels()[stage]);
  Value re = dot(lhs.re, rhs.re, label);
  if (!lhs.im)
    return {re, dot(lhs.re, rhs.im, nullptr)};
  if (!rhs.im)
    return {re, dot(lhs.im, rhs.re, nullptr)};
  return {arith::SubFOp::create(*this, re, dot(lhs.im, rhs.im, nullptr)),
          arith::AddFOp::create(*this, dot(lhs.re, rhs.im, nullptr), dot(lhs.im, rhs.re, nullptr))};
}

/// [R, rows * w0] -> [R, k0, w0] -> [R * k0, k1, w1] -> ... -> [R, k0 * k1 * ...]
Complex StageBuilder::forward(Complex x) {
  int64_t signals = typeOf(x.re).getDimSize(0), count = signals;
  for (size_t stage = 0; stage < op.getDft().size(); ++stage) {
    int64_t rows = stage == 0 ? op.getRows() : factor(stage), kept = op.getKeep()[stage];
    x = narrowed(x);
    if (isLast(stage)) {
      x = dot(reshaped(x, {count, rows}), matrix(stage, rows, kept), stage);
    } else {
      x = reshaped(x, {count, rows, width(stage)});
      Complex left = reshaped(matrix(stage, kept, rows), {1, kept, rows});
      x = twiddled(dot(left, x, stage), stage);
    }
    count *= kept;
  }
  return reshaped(x, {signals, count / signals});
}

/// The same stages, last one first.
Complex StageBuilder::inverse(Complex x) {
  int64_t signals = typeOf(x.re).getDimSize(0);
  for (size_t stage = op.getDft().size(); stage-- > 0;) {
    int64_t rows = stage == 0 ? op.getRows() : factor(stage), kept = op.getKeep()[stage];
    int64_t count = signals * getProduct(op.getKeep().take_front(stage));
    if (isLast(stage)) {
      x = narrowed(reshaped(x, {count, kept}));
      x = dot(x, matrix(stage, kept, rows), stage);
    } else {
      x = narrowed(twiddled(reshaped(x, {count, kept, width(stage)}), stage));
      Complex left = reshaped(matrix(stage, rows, kept), {1, rows, kept});
      x = dot(left, x, stage);
    }
  }
  return reshaped(x, {signals, static_cast<int64_t>(op.getRows()) * width(0)});
}

LogicalResult ButterflyOp::decompose(OpBuilder &builder, ArrayRef<ValueRange> operands,
                                     SmallVectorImpl<SmallVector<Value>> &results) {
  SmallVector<Value> flat;
  for (ValueRange values : operands)
    flat.push_back(values.front());
  Complex x{flat[0], getIm() ? flat[1] : Value()};
  StageBuilder stages(builder, *this, ValueRange(flat).drop_front(getIm() ? 2 : 1));
  Complex y = getInverse() ? stages.inverse(x) : stages.forward(x);
  results.push_back({y.re});
  results.push_back({y.im});
  return success();
}
