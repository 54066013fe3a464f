//===- Storage.cpp - Where a shared buffer keeps its elements -------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Storage.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::gpu;

//===----------------------------------------------------------------------===//
// Coordinates
//===----------------------------------------------------------------------===//

Coordinate Coordinate::sum(Emitter &e, const Coordinate &a, const Coordinate &b) {
  Coordinate result{a.value, a.bits, a.constant + b.constant};
  if (!b.value)
    return result;
  if (!a.value) {
    result.value = b.value;
    result.bits = b.bits;
    return result;
  }
  result.value = e.add(a.value, b.value);
  // With no bit in common there is no carry; else any bit above the lowest may be set.
  uint64_t both = a.bits | b.bits;
  result.bits = a.bits & b.bits ? ~uint64_t(0) << llvm::countr_zero(both) : both;
  return result;
}

Value Coordinate::get(Emitter &e) const {
  return value ? e.add(value, constant) : e.i32(constant);
}

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

static int64_t productOf(ArrayRef<int64_t> extents) {
  int64_t product = 1;
  for (int64_t extent : extents)
    product *= extent;
  return product;
}

/// The largest swizzle of at most `wanted` bytes that cuts rows evenly, and whose
/// pattern of rows the tile holds whole.
static int64_t chooseSwizzle(int64_t wanted, int64_t rowBytes, int64_t rows) {
  if (wanted == 0)
    return 0;
  int64_t most = wanted == sched::BufType::autoSwizzle ? 128 : wanted;
  for (int64_t swizzle = most; swizzle >= 32; swizzle /= 2)
    if (rowBytes % swizzle == 0 && rows % 8 == 0)
      return swizzle;
  return 0;
}

Storage::Storage(sched::BufType type)
    : Storage(productOf(type.getShape().drop_back()),
              type.getShape().empty() ? 1 : type.getShape().back(), type.getElem(),
              type.getSwizzle()) {}

Storage::Storage(int64_t rows, int64_t cols, Type elem, int64_t wanted)
    : rows(rows), cols(cols), elem(elem), elemBytes(bytesOf(elem)), rowBytes(cols * elemBytes),
      swizzle(chooseSwizzle(wanted, rowBytes, rows)),
      bytes(llvm::alignTo(rows * rowBytes, 16)),
      rowPitch(wanted == sched::BufType::autoSwizzle ? rowBytes : swizzle),
      piecePitch(wanted == sched::BufType::autoSwizzle ? swizzle : swizzle * rows) {}

int64_t Storage::getUnit() const {
  int64_t unit = 16;
  while (rowBytes % unit != 0)
    unit /= 2;
  return std::max<int64_t>(1, unit / elemBytes);
}

/// Splits a coordinate at `size`, a power of two: what lies below and, in units of
/// `size`, above. Null where the parts would carry into each other.
static bool splitsAt(const Coordinate &x, int64_t size) {
  uint64_t below = size - 1;
  return (x.bits & below & x.constant) == 0;
}

Value Storage::address(Emitter &e, Value base, const Coordinate &row,
                       const Coordinate &col) const {
  auto scaled = [&](const Coordinate &x, int64_t by) -> Value {
    return x.value ? e.mul(x.value, by) : Value();
  };
  auto plus = [&](Value a, Value b) { return a && b ? e.add(a, b) : a ? a : b; };
  auto finish = [&](Value dynamic, int64_t constant) {
    return e.move(dynamic ? e.move(base, dynamic) : base, constant);
  };
  if (!swizzle)
    return finish(plus(scaled(row, rowBytes), scaled(col, elemBytes)),
                  row.constant * rowBytes + col.constant * elemBytes);

  int64_t perRow = 128 / swizzle, keys = swizzle / 16, colsPerPiece = swizzle / elemBytes;
  Coordinate r = row, c = col;
  // Where a sum carries, it becomes one value.
  if (!splitsAt(r, 8))
    r = {r.get(e), ~uint64_t(0), 0};
  if (!splitsAt(c, colsPerPiece))
    c = {c.get(e), ~uint64_t(0), 0};

  // Of a row or of the bits that it may have, which may be all 64.
  auto keyOf = [&](uint64_t x) -> int64_t { return x / perRow % keys; };
  int64_t inside = (c.constant % colsPerPiece * elemBytes) ^ (keyOf(r.constant) * 16);
  int64_t constant = c.constant / colsPerPiece * piecePitch + r.constant * rowPitch;
  uint64_t insideBits = (c.bits & (colsPerPiece - 1)) * elemBytes | keyOf(r.bits) * 16;
  Value dynamic;
  if (c.value && (c.bits & (colsPerPiece - 1)) != 0)
    dynamic = e.mul(e.bitAnd(c.value, colsPerPiece - 1), elemBytes);
  if (r.value && keyOf(r.bits) != 0) {
    Value key = e.bitAnd(e.div(r.value, perRow), keys - 1);
    key = e.shiftLeft(key, 4);
    dynamic = dynamic ? e.bitXor(dynamic, key) : key;
  }
  if (dynamic && (inside & insideBits) != 0)
    dynamic = e.bitXor(dynamic, e.i32(inside & insideBits));
  else if (!dynamic)
    insideBits = 0;
  constant += inside & ~insideBits;
  dynamic = plus(dynamic, scaled(r, rowPitch));
  if (c.value && (c.bits & ~uint64_t(colsPerPiece - 1)) != 0)
    dynamic = plus(dynamic, e.mul(e.div(c.value, colsPerPiece), piecePitch));
  return finish(dynamic, constant);
}
