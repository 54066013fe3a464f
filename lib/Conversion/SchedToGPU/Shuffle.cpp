//===- Shuffle.cpp - Fragments that change hands within a warp ------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where every warp has what its lanes need, lanes read each other's registers, by the
// straight-line program that `tegula/Support/Layout/Conversion.h` plans: no scratch, no
// barrier. All lanes of a warp are here together, as everywhere outside of conditions of
// one thread.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::gpu;

/// constant ^ sum over the lane's bits of what each changes: runs of bits that double
/// move together.
static Value sourceLane(Emitter &e, Value lane, const layout::LaneFunction &source) {
  Value number = e.i32(source.constant);
  ArrayRef<unsigned> images = source.images;
  for (size_t bit = 0; bit < images.size();) {
    if (images[bit] == 0) {
      ++bit;
      continue;
    }
    // Several bits of the lane may change one bit of the number, so runs of images that
    // are powers of two alone are one shift.
    size_t end = bit + 1;
    while (end < images.size() && llvm::isPowerOf2_64(images[bit]) &&
           images[end] == images[end - 1] * 2)
      ++end;
    int64_t mask = (int64_t(1) << (end - bit)) - 1;
    Value part = e.mul(e.bitAnd(e.shiftRight(lane, bit), mask), images[bit]);
    number = e.bitXor(number, part);
    bit = end;
  }
  return number;
}

/// Moves a value by words of 32 bits; a narrower one is widened.
static Value moveWords(Emitter &e, Value value, function_ref<Value(Value)> move) {
  Type type = value.getType();
  int64_t bits = type.getIntOrFloatBitWidth();
  if (bits >= 32) {
    Values words = e.toWords(value);
    for (Value &word : words)
      word = move(word);
    return e.fromWords(words, type).front();
  }
  Value narrow = e.bitcast(value, e.builder.getIntegerType(bits));
  Value word = move(arith::ExtUIOp::create(e.builder, e.loc, e.builder.getI32Type(), narrow));
  return e.bitcast(arith::TruncIOp::create(e.builder, e.loc, narrow.getType(), word), type);
}

Value Lowering::shuffle(Emitter &e, Value value, int64_t mask) {
  return moveWords(e, value, [&](Value word) { return vendor.exchange(e, word, mask); });
}

Value Lowering::shuffle(Emitter &e, Value value, const layout::LaneFunction &source) {
  if (source.isXor())
    return shuffle(e, value, static_cast<int64_t>(source.constant));
  Value from = sourceLane(e, lane, source);
  return moveWords(e, value, [&](Value word) { return vendor.readLane(e, word, from); });
}

/// Whether the lane has an odd number of the bits of `mask`.
static Value isOdd(Emitter &e, Value lane, unsigned mask) {
  Value bits = e.bitAnd(lane, mask);
  if (!llvm::isPowerOf2_32(mask))
    bits = e.bitAnd(LLVM::CtPopOp::create(e.builder, e.loc, bits), 1);
  return arith::CmpIOp::create(e.builder, e.loc, arith::CmpIPredicate::ne, bits, e.i32(0));
}

Values Lowering::exchange(Emitter &e, const layout::ShufflePlan &plan, ValueRange elements,
                          Type elem) {
  using Kind = layout::ShuffleStep::Kind;
  Values values(elements);
  std::map<unsigned, Value> parities;
  auto valueOf = [&](unsigned number) {
    return number == layout::noRegister ? e.number(elem, 0) : values[number];
  };
  for (const layout::ShuffleStep &step : plan.steps) {
    switch (step.kind) {
    case Kind::Pack:
      values.push_back(e.toWords(llvm::map_to_vector(step.operands, valueOf)).front());
      break;
    case Kind::Unpack:
      values.push_back(e.fromWords(values[step.operands.front()], elem)[step.index]);
      break;
    case Kind::Select: {
      Value &odd = parities[step.mask];
      if (!odd)
        odd = isOdd(e, lane, step.mask);
      values.push_back(e.select(odd, values[step.operands[1]], values[step.operands[0]]));
      break;
    }
    case Kind::Shuffle:
      values.push_back(shuffle(e, values[step.operands.front()], step.source));
      break;
    }
  }
  return llvm::map_to_vector(plan.results, valueOf);
}
