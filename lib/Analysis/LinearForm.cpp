//===- LinearForm.cpp - Integers as sums of symbols -----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Analysis/LinearForm.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "tegula/Analysis/IndexFacts.h"
#include "tegula/Analysis/Requirements.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/CheckedArithmetic.h"
#include <numeric>

using namespace mlir;
using namespace tegula;

//===----------------------------------------------------------------------===//
// Arithmetic of forms
//===----------------------------------------------------------------------===//

LinearForm LinearForm::symbol(Value value) {
  LinearForm form;
  form.symbols[value] = 1;
  return form;
}

bool LinearForm::add(const LinearForm &other, int64_t factor) {
  std::optional<int64_t> sum = llvm::checkedMulAdd(other.constant, factor, constant);
  if (!sum)
    return false;
  constant = *sum;
  for (auto [symbol, coefficient] : other.symbols) {
    sum = llvm::checkedMulAdd(coefficient, factor, getCoefficient(symbol));
    if (!sum)
      return false;
    symbols[symbol] = *sum;
  }
  symbols.remove_if([](const auto &entry) { return entry.second == 0; });
  axes.resize(std::max(axes.size(), other.axes.size()), 0);
  for (auto [axis, coefficient] : llvm::enumerate(other.axes)) {
    sum = llvm::checkedMulAdd(coefficient, factor, axes[axis]);
    if (!sum)
      return false;
    axes[axis] = *sum;
  }
  return true;
}

bool LinearForm::add(int64_t number) { return add(LinearForm(number)); }

int64_t LinearForm::getCoefficient(Value symbol) const {
  auto it = symbols.find(symbol);
  return it == symbols.end() ? 0 : it->second;
}

std::optional<std::pair<int64_t, int64_t>>
LinearForm::getAxisRange(ArrayRef<int64_t> shape) const {
  int64_t least = 0, greatest = 0;
  for (auto [coefficient, extent] : llvm::zip_equal(axes, shape)) {
    int64_t &end = coefficient < 0 ? least : greatest;
    std::optional<int64_t> sum = llvm::checkedMulAdd(coefficient, extent - 1, end);
    if (!sum)
      return std::nullopt;
    end = *sum;
  }
  return std::make_pair(least, greatest);
}

bool LinearForm::isConstant() const {
  return symbols.empty() && llvm::all_of(axes, [](int64_t axis) { return axis == 0; });
}

Value LinearForm::materialize(OpBuilder &builder, Location loc) const {
  Value sum;
  for (auto [symbol, coefficient] : symbols) {
    Value term = symbol;
    if (!term.getType().isIndex())
      term = builder.createOrFold<arith::IndexCastOp>(loc, builder.getIndexType(), term);
    int64_t size = coefficient;
    // a - b reads better than a + -1 * b, and is one operation less.
    bool negative = sum && coefficient == -1;
    if (negative)
      size = 1;
    if (size != 1) {
      Value factor = arith::ConstantIndexOp::create(builder, loc, size);
      term = builder.createOrFold<arith::MulIOp>(loc, term, factor);
    }
    if (!sum)
      sum = term;
    else if (negative)
      sum = builder.createOrFold<arith::SubIOp>(loc, sum, term);
    else
      sum = builder.createOrFold<arith::AddIOp>(loc, sum, term);
  }
  if (sum && constant == 0)
    return sum;
  Value number = arith::ConstantIndexOp::create(builder, loc, constant);
  return sum ? builder.createOrFold<arith::AddIOp>(loc, sum, number) : number;
}

//===----------------------------------------------------------------------===//
// Forms of values
//===----------------------------------------------------------------------===//

/// A chain of sums longer than this is cut, and its rest taken as a symbol.
static constexpr unsigned maxDepth = 24;

static std::optional<LinearForm> formOf(Value value, unsigned depth);

/// a + factor * b
static std::optional<LinearForm> sumOf(Value a, Value b, int64_t factor, unsigned depth) {
  std::optional<LinearForm> lhs = formOf(a, depth), rhs = formOf(b, depth);
  if (!lhs || !rhs || !lhs->add(*rhs, factor))
    return std::nullopt;
  return lhs;
}

/// a * b, where one of them is a constant
static std::optional<LinearForm> productOf(Value a, Value b, unsigned depth) {
  std::optional<LinearForm> lhs = formOf(a, depth), rhs = formOf(b, depth);
  if (!lhs || !rhs)
    return std::nullopt;
  if (lhs->isConstant())
    std::swap(lhs, rhs);
  LinearForm product(0, lhs->axes.size());
  if (!rhs->isConstant() || !product.add(*lhs, rhs->constant))
    return std::nullopt;
  return product;
}

/// Axis coefficients under another shape of the same elements, where the two
/// differ by axes of extent 1 only.
static std::optional<LinearForm> reshaped(LinearForm form, ArrayRef<int64_t> from,
                                          ArrayRef<int64_t> to) {
  SmallVector<int64_t, 4> axes(to.size(), 0);
  size_t source = 0;
  for (auto [axis, extent] : llvm::enumerate(to)) {
    if (extent == 1)
      continue;
    while (source < from.size() && from[source] == 1)
      ++source;
    if (source == from.size() || from[source] != extent)
      return std::nullopt;
    axes[axis] = form.axes[source++];
  }
  form.axes = axes;
  return form;
}

static std::optional<LinearForm> slicedBy(LinearForm form, tensor::ExtractSliceOp slice) {
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  SmallVector<int64_t, 4> axes;
  for (auto [axis, offset, stride] :
       llvm::enumerate(slice.getStaticOffsets(), slice.getStaticStrides())) {
    if (ShapedType::isDynamic(offset) || ShapedType::isDynamic(stride))
      return std::nullopt;
    std::optional<int64_t> shifted =
        llvm::checkedMulAdd(form.axes[axis], offset, form.constant);
    std::optional<int64_t> scaled = llvm::checkedMul(form.axes[axis], stride);
    if (!shifted || !scaled)
      return std::nullopt;
    form.constant = *shifted;
    if (!dropped.test(axis))
      axes.push_back(*scaled);
  }
  form.axes = axes;
  return form;
}

/// The form of what `op` makes, or nothing where it is not linear.
static std::optional<LinearForm> formOfResult(Operation *op, unsigned depth) {
  using Result = std::optional<LinearForm>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](arith::AddIOp add) { return sumOf(add.getLhs(), add.getRhs(), 1, depth); })
      .Case([&](arith::SubIOp sub) { return sumOf(sub.getLhs(), sub.getRhs(), -1, depth); })
      .Case([&](arith::MulIOp mul) { return productOf(mul.getLhs(), mul.getRhs(), depth); })
      .Case<arith::IndexCastOp, arith::ExtSIOp>(
          [&](auto cast) { return formOf(cast.getIn(), depth); })
      .Case([&](tensor::SplatOp splat) -> Result {
        Result form = formOf(splat.getInput(), depth);
        if (form)
          form->axes.assign(splat.getType().getRank(), 0);
        return form;
      })
      .Case([&](IotaOp iota) -> Result {
        Result form = formOf(iota.getStart(), depth);
        if (form)
          form->axes.assign(1, 1);
        return form;
      })
      .Case([&](BroadcastOp broadcast) -> Result {
        Result form = formOf(broadcast.getX(), depth);
        if (!form)
          return form;
        SmallVector<int64_t, 4> axes(broadcast.getType().getRank(), 0);
        for (auto [coefficient, extent, dim] :
             llvm::zip_equal(form->axes, broadcast.getX().getType().getShape(),
                             broadcast.getDims()))
          axes[dim] = extent == 1 ? 0 : coefficient;
        form->axes = axes;
        return form;
      })
      .Case([&](ReshapeOp reshape) -> Result {
        Result form = formOf(reshape.getX(), depth);
        return form ? reshaped(*form, reshape.getX().getType().getShape(),
                               reshape.getType().getShape())
                    : form;
      })
      .Case([&](TransposeOp transpose) -> Result {
        Result form = formOf(transpose.getX(), depth);
        if (!form)
          return form;
        SmallVector<int64_t, 4> axes = llvm::map_to_vector<4>(
            transpose.getPerm(), [&](int64_t axis) { return form->axes[axis]; });
        form->axes = axes;
        return form;
      })
      .Case([&](tensor::ExtractSliceOp slice) -> Result {
        Result form = formOf(slice.getSource(), depth);
        return form ? slicedBy(*form, slice) : form;
      })
      .Default([](Operation *) -> Result { return std::nullopt; });
}

static std::optional<LinearForm> formOf(Value value, unsigned depth) {
  auto tile = dyn_cast<RankedTensorType>(value.getType());
  Type elem = tile ? tile.getElementType() : value.getType();
  // Sums of narrower integers do wrap.
  if (!elem.isIndex() && !elem.isInteger(32) && !elem.isInteger(64))
    return std::nullopt;
  APInt number;
  if (matchPattern(value, m_ConstantInt(&number)))
    return LinearForm(number.getSExtValue(), tile ? tile.getRank() : 0);
  Operation *op = value.getDefiningOp();
  if (op && depth != 0)
    if (std::optional<LinearForm> form = formOfResult(op, depth - 1))
      return form;
  if (tile)
    return std::nullopt;
  return LinearForm::symbol(getRepresentative(value));
}

std::optional<LinearForm> tegula::getLinearForm(Value value) { return formOf(value, maxDepth); }

std::optional<LinearForm> tegula::getSlack(arith::CmpIOp cmp) {
  std::optional<LinearForm> lhs = getLinearForm(cmp.getLhs()), rhs = getLinearForm(cmp.getRhs());
  if (!lhs || !rhs)
    return std::nullopt;
  using Predicate = arith::CmpIPredicate;
  Predicate predicate = cmp.getPredicate();
  if (predicate == Predicate::slt || predicate == Predicate::sle)
    std::swap(lhs, rhs);
  else if (predicate != Predicate::sgt && predicate != Predicate::sge)
    return std::nullopt;
  bool strict = predicate == Predicate::slt || predicate == Predicate::sgt;
  if (!lhs->add(*rhs, -1) || !lhs->add(strict ? -1 : 0))
    return std::nullopt;
  return lhs;
}

//===----------------------------------------------------------------------===//
// Provable bounds
//===----------------------------------------------------------------------===//

/// How many replacements of a symbol by a bound one proof may make.
static constexpr unsigned maxSteps = 8;

static bool prove(const LinearForm &form, unsigned steps);

/// Proves the form with `symbol` replaced by `bound + shift`.
static bool proveWith(LinearForm form, Value symbol, Value bound, int64_t shift, unsigned steps) {
  int64_t coefficient = form.getCoefficient(symbol);
  std::optional<LinearForm> replacement = getLinearForm(bound);
  return replacement && replacement->add(shift) &&
         form.add(LinearForm::symbol(symbol), -coefficient) &&
         form.add(*replacement, coefficient) && prove(form, steps);
}

/// True for values that count something.
static bool isNeverNegative(Value symbol) {
  Operation *op = symbol.getDefiningOp();
  if (!op) {
    auto argument = cast<BlockArgument>(symbol);
    return isa_and_nonnull<GridOp>(argument.getOwner()->getParentOp());
  }
  if (isa<memref::DimOp, tensor::DimOp>(op))
    return true;
  // Unsigned division and remainder are used on sizes only (language rule), whose
  // quotients are sizes.
  if (isa<arith::DivUIOp, arith::RemUIOp>(op))
    return llvm::all_of(op->getOperands(), [](Value operand) {
      std::optional<LinearForm> form = getLinearForm(operand);
      return form && prove(*form, maxSteps / 2);
    });
  return false;
}

/// Proves the form by replacing `symbol`, a `min` or `max`, by its operands:
/// `max` is at least each of them (one proof is enough), `min` is one of them
/// (both are needed); the other way round under a negative coefficient.
static bool proveByOperands(const LinearForm &form, Value symbol, Operation *op, bool isMax,
                            unsigned steps) {
  auto holds = [&](Value operand) { return proveWith(form, symbol, operand, 0, steps); };
  return isMax == (form.getCoefficient(symbol) > 0) ? llvm::any_of(op->getOperands(), holds)
                                                    : llvm::all_of(op->getOperands(), holds);
}

/// Proves the form by replacing `symbol`, a position, by the bound that makes
/// the form least: lo <= position <= hi - 1.
static bool proveByBounds(const LinearForm &form, BlockArgument symbol, unsigned steps) {
  Operation *parent = symbol.getOwner()->getParentOp();
  bool up = form.getCoefficient(symbol) > 0;
  if (auto stream = dyn_cast_or_null<StreamOp>(parent))
    return symbol.getArgNumber() == 0 &&
           (up ? proveWith(form, symbol, stream.getLo(), 0, steps)
               : proveWith(form, symbol, stream.getHi(), -1, steps));
  if (auto loop = dyn_cast_or_null<scf::ForOp>(parent))
    return symbol == loop.getInductionVar() &&
           (up ? proveWith(form, symbol, loop.getLowerBound(), 0, steps)
               : proveWith(form, symbol, loop.getUpperBound(), -1, steps));
  if (auto grid = dyn_cast_or_null<GridOp>(parent); grid && !up)
    return proveWith(form, symbol, grid.getExtents()[symbol.getArgNumber()], -1, steps);
  return false;
}

static bool prove(const LinearForm &form, unsigned steps) {
  bool trivial = form.constant >= 0 && llvm::all_of(form.symbols, [](const auto &entry) {
    return entry.second > 0 && isNeverNegative(entry.first);
  });
  if (trivial)
    return true;
  if (steps == 0)
    return false;
  for (auto [symbol, coefficient] : form.symbols) {
    Operation *op = symbol.getDefiningOp();
    if (!op && proveByBounds(form, cast<BlockArgument>(symbol), steps - 1))
      return true;
    if (isa_and_nonnull<arith::MaxSIOp, arith::MinSIOp>(op) &&
        proveByOperands(form, symbol, op, isa<arith::MaxSIOp>(op), steps - 1))
      return true;
  }
  return false;
}

/// What divides every term of the form.
static int64_t getDivisor(const LinearForm &form) {
  int64_t divisor = form.constant;
  for (auto [symbol, coefficient] : form.symbols)
    divisor = std::gcd(divisor, llvm::checkedMul(coefficient, getDivisor(symbol)).value_or(1));
  return divisor;
}

/// A multiple of 64 that is at least -63 is at least 0: a tile of 64 that begins within
/// a size that 64 divides ends within it.
bool tegula::isProvablyNonNegative(const LinearForm &form) {
  LinearForm atLeast = form;
  int64_t divisor = ::getDivisor(form);
  return prove(divisor > 1 && atLeast.add(divisor - 1) ? atLeast : form, maxSteps);
}
