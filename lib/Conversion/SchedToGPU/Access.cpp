//===- Access.cpp - Elements of a tile in device memory -------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Access.h"

#include <numeric>

using namespace mlir;
using namespace tegula;
using namespace tegula::gpu;

TileAccess::TileAccess(Emitter &e, Lowering &lowering, const View &view, ArrayRef<int64_t> shape,
                       const Window &window, bool trans, int64_t by)
    : view(view), shape(shape), trans(trans), by(by), base(view.pointer), align(view.align) {
  int64_t bytes = bytesOf(view.elem);
  size_t next = 0;
  for (int64_t axis = 0; axis < view.getRank(); ++axis) {
    if (axis == by) {
      align = std::gcd(align, view.multiples[axis] * bytes);
      limits.push_back(e.toI32(e.min(view.sizes[axis], e.i64(INT32_MAX))));
      lows.push_back(e.i32(0));
      continue;
    }
    size_t number = next++;
    Value at = window.at.empty() ? e.i64(0) : e.toI64(lowering.scalar(window.at[number]));
    int64_t divisor = window.at.empty() ? int64_t(1) << 20 : getDivisor(window.at[number]);
    base = e.move(base, e.mul(e.mul(at, view.strides[axis]), bytes));
    bool isLast = axis == view.getRank() - 1;
    align = std::gcd(align, divisor * view.multiples[axis] * bytes);
    if (isLast)
      lastDivisor = divisor;
    if (!isLast && shape[axis] > 1)
      align = std::gcd(align, view.multiples[axis] * bytes);

    Value extent = e.i64(shape[axis]), end = view.sizes[axis];
    if (!window.upto.empty())
      end = e.min(end, e.toI64(lowering.scalar(window.upto[number])));
    Value limit = e.max(e.min(e.sub(end, at), extent), e.i64(0));
    limits.push_back(e.toI32(limit));
    Value low;
    if (!window.at.empty() && !isNonNegative(window.at[number]))
      low = e.toI32(e.max(e.min(e.sub(e.i64(0), at), extent), e.i64(0)));
    lows.push_back(low);
  }
}

SmallVector<Coordinate> TileAccess::split(Emitter &e, const Coordinate &row,
                                          const Coordinate &col) const {
  size_t rank = shape.size();
  if (rank == 0)
    return {};
  // A column or a row: the other coordinate is 0 wherever it is inside.
  if (rank == 1)
    return {Coordinate::sum(e, row, col)};
  if (rank == 2)
    return trans ? SmallVector<Coordinate>{col, row} : SmallVector<Coordinate>{row, col};
  SmallVector<Coordinate> result(rank);
  result.back() = trans ? row : col;
  Coordinate rest = trans ? col : row;
  // Axes of extent 1 are at 0; if one axis is left it has the whole coordinate.
  SmallVector<size_t> axes;
  for (size_t axis = 0; axis + 1 < rank; ++axis)
    if (shape[axis] != 1)
      axes.push_back(axis);
  if (axes.size() <= 1) {
    if (!axes.empty())
      result[axes.front()] = rest;
    return result;
  }
  if (!rest.value) {
    int64_t number = rest.constant;
    for (size_t axis : llvm::reverse(axes)) {
      result[axis] = {Value(), 0, number % shape[axis]};
      number /= shape[axis];
    }
    return result;
  }
  Value number = rest.get(e);
  for (size_t axis : llvm::reverse(axes)) {
    bool isFirst = axis == axes.front();
    result[axis] = {isFirst ? number : e.rem(number, shape[axis]), ~uint64_t(0), 0};
    if (!isFirst)
      number = e.div(number, shape[axis]);
  }
  return result;
}

/// A step from the address before, where only constants differ: multiples of a stride
/// would all stay in registers through a loop, the step takes one.
Value TileAccess::address(Emitter &e, ArrayRef<Coordinate> at) {
  int64_t bytes = bytesOf(view.elem);
  bool isStep = last.pointer && last.block == e.builder.getInsertionBlock() &&
                last.at.size() == at.size() && llvm::all_of(llvm::zip(last.at, at), [](auto pair) {
                  return std::get<0>(pair).value == std::get<1>(pair).value;
                });
  Value pointer = isStep ? last.pointer : base;
  Value fixed = e.i64(0), dynamic;
  for (auto [axis, place] : llvm::enumerate(at)) {
    Value stride = e.mul(view.strides[axis], bytes);
    int64_t constant = place.constant - (isStep ? last.at[axis].constant : 0);
    if (place.value && !isStep) { // not negative
      Value wide = arith::ExtUIOp::create(e.builder, e.loc, e.builder.getI64Type(), place.value);
      std::optional<int64_t> known = constantOf(stride);
      Value part = known ? e.mul(wide, *known) : e.mul(wide, stride);
      dynamic = dynamic ? e.add(dynamic, part) : part;
    }
    if (constant)
      fixed = e.add(fixed, e.mul(stride, e.i64(constant)));
  }
  if (dynamic)
    pointer = e.move(pointer, dynamic);
  pointer = e.move(pointer, fixed);
  last = {pointer, SmallVector<Coordinate>(at), e.builder.getInsertionBlock()};
  return pointer;
}

bool TileAccess::isBelow(size_t axis) const {
  return static_cast<int64_t>(axis) != by && constantOf(limits[axis]) == shape[axis];
}

Value TileAccess::isInside(Emitter &e, ArrayRef<Coordinate> at, int64_t but) const {
  Value inside;
  for (auto [axis, place] : llvm::enumerate(at)) {
    if (static_cast<int64_t>(axis) == but)
      continue;
    if (!isBelow(axis)) {
      // place.value + constant < limit
      Value value = place.value ? place.value : e.i32(0);
      Value bound = e.add(limits[axis], -place.constant);
      inside = e.both(inside, e.less(value, bound));
    }
    if (lows[axis])
      inside = e.both(inside, e.less(e.add(lows[axis], -1), place.get(e)));
  }
  return inside;
}

Value TileAccess::isWholeInside(Emitter &e) const {
  Value inside;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (!isBelow(axis))
      inside = e.both(inside, e.equal(limits[axis], e.i32(shape[axis])));
    if (lows[axis])
      inside = e.both(inside, e.equal(lows[axis], e.i32(0)));
  }
  return inside;
}

bool TileAccess::isLastBounded() const {
  return !isBelow(shape.size() - 1) || lows.back();
}

int64_t TileAccess::getWidth(int64_t most) const {
  if (shape.empty() || trans || by == getRank() - 1 || constantOf(view.strides.back()) != 1)
    return 1;
  int64_t width = 1;
  while (width * 2 <= most && lastDivisor % (width * 2) == 0 && shape.back() % (width * 2) == 0)
    width *= 2;
  return width;
}

Value TileAccess::isAligned(Emitter &e, int64_t bytes) const {
  if (align % bytes == 0)
    return {};
  Value bits = LLVM::PtrToIntOp::create(e.builder, e.loc, e.builder.getI64Type(), view.pointer);
  for (int64_t axis = 0; axis + 1 < view.getRank(); ++axis)
    bits =
        arith::OrIOp::create(e.builder, e.loc, bits, e.mul(view.strides[axis], bytesOf(view.elem)));
  return e.equal(e.bitAnd(bits, bytes - 1), e.i64(0));
}
