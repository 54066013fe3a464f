//===- Emitter.cpp - Loops, vectors and index arithmetic ------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitter.h"

#include "tegula/Conversion/Combine.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::x86;

static bool isNarrowFloat(Type elem) { return elem.isF16() || elem.isBF16(); }

//===----------------------------------------------------------------------===//
// Index arithmetic
//===----------------------------------------------------------------------===//

Value Emitter::index(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }
Value Emitter::add(Value a, Value b) { return builder.createOrFold<arith::AddIOp>(loc, a, b); }
Value Emitter::add(Value a, int64_t b) { return b == 0 ? a : add(a, index(b)); }
Value Emitter::sub(Value a, Value b) { return builder.createOrFold<arith::SubIOp>(loc, a, b); }
Value Emitter::mul(Value a, int64_t b) {
  return b == 1 ? a : builder.createOrFold<arith::MulIOp>(loc, a, index(b));
}
Value Emitter::div(Value a, int64_t b) {
  return b == 1 ? a : builder.createOrFold<arith::DivUIOp>(loc, a, index(b));
}
Value Emitter::rem(Value a, int64_t b) {
  return b == 1 ? index(0) : builder.createOrFold<arith::RemUIOp>(loc, a, index(b));
}
Value Emitter::min(Value a, Value b) { return builder.createOrFold<arith::MinSIOp>(loc, a, b); }
Value Emitter::max(Value a, Value b) { return builder.createOrFold<arith::MaxSIOp>(loc, a, b); }

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

Values Emitter::loop(Value lo, Value hi, int64_t step, ValueRange init,
                     function_ref<Values(Value, ValueRange)> body) {
  std::optional<int64_t> first = getConstantIntValue(lo), last = getConstantIntValue(hi);
  if (first && last) {
    if (*first >= *last)
      return Values(init);
    if (*first + step >= *last)
      return body(lo, init);
  }
  auto loop = scf::ForOp::create(builder, loc, lo, hi, index(step), init,
                                 [&](OpBuilder &, Location, Value iv, ValueRange carried) {
                                   // The nested builder is `builder` itself, moved into the body.
                                   Values next = body(iv, carried);
                                   scf::YieldOp::create(builder, loc, next);
                                 });
  return Values(loop.getResults());
}

void Emitter::loop(Value lo, Value hi, int64_t step, function_ref<void(Value)> body) {
  loop(lo, hi, step, ValueRange{}, [&](Value iv, ValueRange) {
    body(iv);
    return Values{};
  });
}

void Emitter::nest(ValueRange lo, ValueRange hi, function_ref<void(ValueRange)> body) {
  Values position;
  std::function<void()> visit = [&] {
    size_t axis = position.size();
    if (axis == lo.size())
      return body(position);
    loop(lo[axis], hi[axis], 1, [&](Value iv) {
      position.push_back(iv);
      visit();
      position.pop_back();
    });
  };
  visit();
}

void Emitter::nest(ArrayRef<int64_t> extents, function_ref<void(ValueRange)> body) {
  Values lo, hi;
  for (int64_t extent : extents) {
    lo.push_back(index(0));
    hi.push_back(index(extent));
  }
  nest(lo, hi, body);
}

void Emitter::strips(int64_t extent, int64_t lanes, int64_t unroll,
                     function_ref<void(Value, int64_t)> body) {
  int64_t full = extent / lanes, looped = full / unroll * unroll;
  loop(index(0), index(looped * lanes), unroll * lanes, [&](Value position) {
    for (int64_t i = 0; i < unroll; ++i)
      body(add(position, i * lanes), lanes);
  });
  for (int64_t at = looped * lanes; at < extent; at += lanes)
    body(index(at), std::min(lanes, extent - at));
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

VectorType Emitter::vectorOf(Type elem, int64_t lanes) { return VectorType::get({lanes}, elem); }

Type Emitter::withElement(Type type, Type elem) {
  if (auto vector = dyn_cast<VectorType>(type))
    return VectorType::get(vector.getShape(), elem);
  return elem;
}

static Value constantOf(Emitter &emit, Type type, TypedAttr scalar) {
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(emit.builder, emit.loc,
                                     DenseElementsAttr::get(vector, Attribute(scalar)));
  return arith::ConstantOp::create(emit.builder, emit.loc, scalar);
}

Value Emitter::constant(Type type, int64_t value) {
  return constantOf(*this, type, builder.getIntegerAttr(getElementTypeOrSelf(type), value));
}

Value Emitter::constant(Type type, double value) {
  return constantOf(*this, type, builder.getFloatAttr(getElementTypeOrSelf(type), value));
}

Value Emitter::neutral(Combine kind, Type type) {
  return constantOf(*this, type, getNeutral(kind, getElementTypeOrSelf(type)));
}

Value Emitter::combine(Combine kind, Value a, Value b) {
  return tegula::combine(builder, loc, kind, a, b);
}

Value Emitter::combineLanes(Combine kind, Value vector) {
  auto type = cast<VectorType>(vector.getType());
  // Halve while the halves are whole registers of at least 128 bits; then turn
  // the lanes around, so that nothing is computed on scalars.
  int64_t lanes = type.getDimSize(0);
  int64_t least = std::max<int64_t>(2, 128 / type.getElementTypeBitWidth());
  for (; lanes > least; lanes /= 2) {
    SmallVector<int64_t> low = llvm::to_vector(llvm::seq<int64_t>(0, lanes / 2));
    SmallVector<int64_t> high = llvm::to_vector(llvm::seq<int64_t>(lanes / 2, lanes));
    vector = combine(kind, shuffle(vector, vector, low), shuffle(vector, vector, high));
  }
  for (int64_t distance = lanes / 2; distance > 0; distance /= 2) {
    SmallVector<int64_t> turned;
    for (int64_t lane = 0; lane < lanes; ++lane)
      turned.push_back((lane + distance) % lanes);
    vector = combine(kind, vector, shuffle(vector, vector, turned));
  }
  return vector::ExtractOp::create(builder, loc, vector, 0);
}

namespace {

/// A vector cut into equal segments, each with partial results of one row.
struct Segments {
  Value vector;
  SmallVector<int64_t> rows;
};

} // namespace

/// Two by two, halves of the segments of one vector and of the other are combined
/// into one vector, until one is left; then the rest of each segment within it.
Value Emitter::combineRows(Combine kind, ValueRange vectors) {
  auto type = cast<VectorType>(vectors.front().getType());
  int64_t lanes = type.getDimSize(0), count = vectors.size();
  SmallVector<Segments> parts;
  for (auto [row, vector] : llvm::enumerate(vectors))
    parts.push_back({vector, {static_cast<int64_t>(row)}});
  while (!llvm::isPowerOf2_64(parts.size()))
    parts.push_back(parts.front()); // its result is not looked at
  assert(static_cast<int64_t>(parts.size()) <= lanes && "more rows than lanes");

  int64_t segment = lanes;
  for (; parts.size() > 1; segment /= 2) {
    // Pieces of whole 16 bytes move freely; smaller ones stay within their 16 bytes,
    // where that takes one instruction.
    bool whole = segment / 2 * type.getElementTypeBitWidth() >= 128;
    SmallVector<Segments> next;
    for (size_t i = 0; i < parts.size(); i += 2) {
      Segments &a = parts[i], &b = parts[i + 1], both;
      SmallVector<int64_t> low, high;
      auto take = [&](const Segments &from, int64_t base, int64_t number) {
        for (int64_t lane = 0; lane < segment / 2; ++lane) {
          low.push_back(base + number * segment + lane);
          high.push_back(base + number * segment + segment / 2 + lane);
        }
        both.rows.push_back(from.rows[number]);
      };
      int64_t segments = a.rows.size();
      for (int64_t number = 0; number < segments; ++number) {
        take(a, 0, number);
        if (!whole)
          take(b, lanes, number);
      }
      for (int64_t number = 0; whole && number < segments; ++number)
        take(b, lanes, number);
      both.vector =
          combine(kind, shuffle(a.vector, b.vector, low), shuffle(a.vector, b.vector, high));
      next.push_back(std::move(both));
    }
    parts = std::move(next);
  }

  auto [vector, rows] = parts.front();
  for (; segment > 1; segment /= 2) {
    SmallVector<int64_t> turned;
    for (int64_t lane = 0; lane < lanes; ++lane)
      turned.push_back(lane ^ (segment / 2));
    vector = combine(kind, vector, shuffle(vector, vector, turned));
  }
  int64_t pitch = lanes / rows.size();
  SmallVector<int64_t> picks(count);
  for (auto [number, row] : llvm::enumerate(rows))
    if (row < count)
      picks[row] = number * pitch;
  return shuffle(vector, vector, picks);
}

Value Emitter::splat(Value scalar, int64_t lanes) {
  return vector::BroadcastOp::create(builder, loc, vectorOf(scalar.getType(), lanes), scalar);
}

Value Emitter::load(Value memref, ValueRange at, int64_t lanes) {
  Type elem = cast<MemRefType>(memref.getType()).getElementType();
  Value loaded = vector::LoadOp::create(builder, loc, vectorOf(elem, lanes), memref, at);
  return isNarrowFloat(elem) ? toStorage(loaded) : loaded;
}

Value Emitter::loadElement(Value memref, ValueRange at) {
  Value loaded = memref::LoadOp::create(builder, loc, memref, at);
  return isNarrowFloat(loaded.getType()) ? toStorage(loaded) : loaded;
}

void Emitter::store(Value value, Value memref, ValueRange at) {
  Type elem = cast<MemRefType>(memref.getType()).getElementType();
  if (isNarrowFloat(elem) && getElementTypeOrSelf(value.getType()) != elem)
    value = fromStorage(value, elem);
  if (isa<VectorType>(value.getType()))
    vector::StoreOp::create(builder, loc, value, memref, at);
  else
    memref::StoreOp::create(builder, loc, value, memref, at);
}

Value Emitter::prefixMask(int64_t valid, int64_t lanes) {
  SmallVector<bool> mask(lanes, false);
  std::fill_n(mask.begin(), valid, true);
  auto type = vectorOf(builder.getI1Type(), lanes);
  return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(type, mask));
}

Value Emitter::rangeMask(Value lo, Value hi, int64_t lanes) {
  auto type = vectorOf(builder.getI1Type(), lanes);
  Value mask = vector::CreateMaskOp::create(builder, loc, type, hi);
  if (!lo || isConstantIntValue(lo, 0))
    return mask;
  Value below = vector::CreateMaskOp::create(builder, loc, type, lo);
  Value above = arith::XOrIOp::create(builder, loc, below, prefixMask(lanes, lanes));
  return arith::AndIOp::create(builder, loc, mask, above);
}

Value Emitter::shuffle(Value a, Value b, ArrayRef<int64_t> picks) {
  return vector::ShuffleOp::create(builder, loc, a, b, picks);
}

/// Stage s of log2(n) swaps, between rows that differ in bit s, the lanes that
/// differ in bit s; after all of them row and lane have changed places.
Values Emitter::transpose(ValueRange rows) {
  Values current(rows);
  int64_t lanes = rows.size();
  for (int64_t bit = lanes / 2; bit >= 1; bit /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      low.push_back(lane & bit ? lanes + (lane ^ bit) : lane);
      high.push_back(lane & bit ? lanes + lane : lane | bit);
    }
    for (int64_t row = 0; row < lanes; ++row) {
      if (row & bit)
        continue;
      Value a = current[row], b = current[row | bit];
      current[row] = shuffle(a, b, low);
      current[row | bit] = shuffle(a, b, high);
    }
  }
  return current;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

Value Emitter::toStorage(Value value) {
  Type type = value.getType(), elem = getElementTypeOrSelf(type);
  Type f32 = withElement(type, builder.getF32Type());
  if (elem.isF16())
    return arith::ExtFOp::create(builder, loc, f32, value);
  if (elem.isBF16()) { // an f32 whose low half is zero
    Type i32 = withElement(type, builder.getI32Type());
    Value bits =
        arith::BitcastOp::create(builder, loc, withElement(type, builder.getI16Type()), value);
    Value wide = arith::ExtUIOp::create(builder, loc, i32, bits);
    Value high = arith::ShLIOp::create(builder, loc, wide, constant(i32, int64_t(16)));
    return arith::BitcastOp::create(builder, loc, f32, high);
  }
  if (elem.isInteger(1))
    return arith::ExtUIOp::create(builder, loc, withElement(type, builder.getI8Type()), value);
  return value;
}

Value Emitter::fromStorage(Value value, Type elem) {
  Type type = value.getType();
  if (getElementTypeOrSelf(type) == elem)
    return value;
  if (elem.isF16())
    return arith::TruncFOp::create(builder, loc, withElement(type, elem), value);
  if (elem.isBF16()) {
    Type i32 = withElement(type, builder.getI32Type());
    Value bits = arith::BitcastOp::create(builder, loc, i32, value);
    Value low = arith::ShRUIOp::create(builder, loc, bits, constant(i32, int64_t(16)));
    Value half =
        arith::TruncIOp::create(builder, loc, withElement(type, builder.getI16Type()), low);
    return arith::BitcastOp::create(builder, loc, withElement(type, elem), half);
  }
  if (elem.isInteger(1))
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, value,
                                 constant(type, int64_t(0)));
  return value;
}

/// The f32 next to an f64 value whose last bit is 1 unless the value is exact: a
/// second rounding to fewer bits then gives what one rounding would have given.
Value Emitter::roundToF32Odd(Value value) {
  Type f32 = withElement(value.getType(), builder.getF32Type());
  Type i32 = withElement(value.getType(), builder.getI32Type());
  Value near = arith::TruncFOp::create(builder, loc, f32, value);
  Value back = arith::ExtFOp::create(builder, loc, value.getType(), near);
  Value exact = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UEQ, back, value);
  Value far = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT,
                                    math::AbsFOp::create(builder, loc, back),
                                    math::AbsFOp::create(builder, loc, value));
  Value bits = arith::BitcastOp::create(builder, loc, i32, near);
  Value one = constant(i32, int64_t(1));
  Value inward = arith::SubIOp::create(builder, loc, bits, one);
  Value towardZero = arith::SelectOp::create(builder, loc, far, inward, bits);
  Value odd = arith::OrIOp::create(builder, loc, towardZero, one);
  Value result = arith::SelectOp::create(builder, loc, exact, bits, odd);
  return arith::BitcastOp::create(builder, loc, f32, result);
}

Value Emitter::round(Value value, Type elem) {
  if (getElementTypeOrSelf(value.getType()).isF64())
    value = roundToF32Odd(value);
  Type f32 = value.getType(), i32 = withElement(f32, builder.getI32Type());
  if (elem.isF16()) {
    Value half = arith::TruncFOp::create(builder, loc, withElement(f32, elem), value);
    return arith::ExtFOp::create(builder, loc, f32, half);
  }
  // Nearest even by adding half of the last kept bit, less one, plus that bit;
  // a NaN keeps its upper half and becomes quiet.
  Value bits = arith::BitcastOp::create(builder, loc, i32, value);
  Value shifted = arith::ShRUIOp::create(builder, loc, bits, constant(i32, int64_t(16)));
  Value last = arith::AndIOp::create(builder, loc, shifted, constant(i32, int64_t(1)));
  Value half = arith::AddIOp::create(builder, loc, last, constant(i32, int64_t(0x7fff)));
  Value up = arith::AddIOp::create(builder, loc, bits, half);
  Value quiet = arith::OrIOp::create(builder, loc, bits, constant(i32, int64_t(0x400000)));
  Value nan = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNO, value, value);
  Value chosen = arith::SelectOp::create(builder, loc, nan, quiet, up);
  Value kept =
      arith::AndIOp::create(builder, loc, chosen, constant(i32, static_cast<int64_t>(-65536)));
  return arith::BitcastOp::create(builder, loc, f32, kept);
}
