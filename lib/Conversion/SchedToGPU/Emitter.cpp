//===- Emitter.cpp - Scalar code of one GPU thread ------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitter.h"

#include "tegula/Conversion/Combine.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::gpu;

int64_t gpu::bytesOf(Type elem) { return llvm::divideCeil(elem.getIntOrFloatBitWidth(), 8); }

std::optional<int64_t> gpu::constantOf(Value value) {
  return value ? getConstantIntValue(value) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

Value Emitter::integer(Type type, int64_t value) {
  if (type.isIndex())
    return arith::ConstantIndexOp::create(builder, loc, value);
  return arith::ConstantIntOp::create(builder, loc, type, value);
}

Value Emitter::add(Value a, Value b) { return builder.createOrFold<arith::AddIOp>(loc, a, b); }
Value Emitter::add(Value a, int64_t b) { return b == 0 ? a : add(a, integer(a.getType(), b)); }
Value Emitter::sub(Value a, Value b) { return builder.createOrFold<arith::SubIOp>(loc, a, b); }
Value Emitter::mul(Value a, Value b) { return builder.createOrFold<arith::MulIOp>(loc, a, b); }

Value Emitter::mul(Value a, int64_t b) {
  if (b == 1)
    return a;
  if (llvm::isPowerOf2_64(b) && !constantOf(a))
    return shiftLeft(a, llvm::Log2_64(b));
  return mul(a, integer(a.getType(), b));
}

Value Emitter::bitAnd(Value a, int64_t b) {
  return builder.createOrFold<arith::AndIOp>(loc, a, integer(a.getType(), b));
}
Value Emitter::bitXor(Value a, Value b) { return builder.createOrFold<arith::XOrIOp>(loc, a, b); }

Value Emitter::shiftLeft(Value a, int64_t places) {
  return places == 0 ? a
                     : builder.createOrFold<arith::ShLIOp>(loc, a, integer(a.getType(), places));
}
Value Emitter::shiftRight(Value a, int64_t places) {
  return places == 0 ? a
                     : builder.createOrFold<arith::ShRUIOp>(loc, a, integer(a.getType(), places));
}

Value Emitter::div(Value a, int64_t b) {
  if (llvm::isPowerOf2_64(b))
    return shiftRight(a, llvm::Log2_64(b));
  return builder.createOrFold<arith::DivUIOp>(loc, a, integer(a.getType(), b));
}

Value Emitter::rem(Value a, int64_t b) {
  if (b == 1)
    return integer(a.getType(), 0);
  if (llvm::isPowerOf2_64(b))
    return bitAnd(a, b - 1);
  return builder.createOrFold<arith::RemUIOp>(loc, a, integer(a.getType(), b));
}

Value Emitter::min(Value a, Value b) { return builder.createOrFold<arith::MinSIOp>(loc, a, b); }
Value Emitter::max(Value a, Value b) { return builder.createOrFold<arith::MaxSIOp>(loc, a, b); }

Value Emitter::less(Value a, Value b) {
  return builder.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, a, b);
}
Value Emitter::equal(Value a, Value b) {
  return builder.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, a, b);
}

Value Emitter::both(Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  return builder.createOrFold<arith::AndIOp>(loc, a, b);
}

Value Emitter::select(Value condition, Value a, Value b) {
  return builder.createOrFold<arith::SelectOp>(loc, condition, a, b);
}

static Value castTo(Emitter &e, Value value, Type type) {
  Type from = value.getType();
  if (from == type)
    return value;
  if (std::optional<int64_t> known = constantOf(value))
    return e.integer(type, *known);
  if (from.isIndex() || type.isIndex())
    return e.builder.createOrFold<arith::IndexCastOp>(e.loc, type, value);
  if (from.getIntOrFloatBitWidth() < type.getIntOrFloatBitWidth())
    return e.builder.createOrFold<arith::ExtSIOp>(e.loc, type, value);
  return e.builder.createOrFold<arith::TruncIOp>(e.loc, type, value);
}

Value Emitter::toI32(Value value) { return castTo(*this, value, builder.getI32Type()); }
Value Emitter::toI64(Value value) { return castTo(*this, value, builder.getI64Type()); }
Value Emitter::toIndex(Value value) { return castTo(*this, value, builder.getIndexType()); }

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

Value Emitter::number(Type type, double value) {
  if (isa<FloatType>(type))
    return arith::ConstantOp::create(builder, loc, builder.getFloatAttr(type, value));
  return integer(type, static_cast<int64_t>(value));
}

Value Emitter::neutral(Combine kind, Type type) {
  return arith::ConstantOp::create(builder, loc, getNeutral(kind, type));
}

Value Emitter::combine(Combine kind, Value a, Value b) {
  return tegula::combine(builder, loc, kind, a, b);
}

Value Emitter::convertFloat(Value value, Type type) {
  unsigned from = value.getType().getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
  if (value.getType() == type)
    return value;
  if (from < to)
    return arith::ExtFOp::create(builder, loc, type, value);
  return arith::TruncFOp::create(builder, loc, type, value);
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

Value Emitter::pack(ValueRange elements) {
  int64_t count = elements.size();
  if (count == 1)
    return elements.front();
  auto type = VectorType::get({count}, elements.front().getType());
  // Taken apart just before?
  auto extract = elements.front().getDefiningOp<vector::ExtractOp>();
  if (extract && extract.getSource().getType() == type) {
    bool whole = true;
    for (auto [i, element] : llvm::enumerate(elements)) {
      auto part = element.getDefiningOp<vector::ExtractOp>();
      whole &= part && part.getSource() == extract.getSource() &&
               part.getStaticPosition() == ArrayRef<int64_t>{static_cast<int64_t>(i)};
    }
    if (whole)
      return extract.getSource();
  }
  // Rounded one by one: machines round pairs in one instruction.
  auto rounded = [](Value element) -> Value {
    auto trunc = element.getDefiningOp<arith::TruncFOp>();
    return trunc && trunc.getIn().getType().isF32() ? trunc.getIn() : Value();
  };
  if (type.getElementType().getIntOrFloatBitWidth() == 16 && llvm::all_of(elements, rounded)) {
    Values wide = llvm::map_to_vector(elements, rounded);
    Value vector = vector::FromElementsOp::create(
        builder, loc, VectorType::get({count}, builder.getF32Type()), wide);
    return arith::TruncFOp::create(builder, loc, type, vector);
  }
  return vector::FromElementsOp::create(builder, loc, type, elements);
}

Values Emitter::unpack(Value vector) {
  auto type = dyn_cast<VectorType>(vector.getType());
  if (!type)
    return {vector};
  Values elements;
  for (int64_t i = 0; i < type.getDimSize(0); ++i)
    elements.push_back(vector::ExtractOp::create(builder, loc, vector, i));
  return elements;
}

Value Emitter::bitcast(Value value, Type type) {
  if (value.getType() == type)
    return value;
  return LLVM::BitcastOp::create(builder, loc, type, value);
}

Values Emitter::toWords(ValueRange elements) {
  int64_t bits = elements.front().getType().getIntOrFloatBitWidth();
  Type i32 = builder.getI32Type();
  Values words;
  if (bits == 64) {
    for (Value element : elements)
      for (Value word : unpack(bitcast(element, VectorType::get({2}, i32))))
        words.push_back(word);
    return words;
  }
  int64_t perWord = 32 / bits;
  for (size_t i = 0; i < elements.size(); i += perWord) {
    Value word = pack(elements.slice(i, perWord));
    words.push_back(bitcast(word, i32));
  }
  return words;
}

Values Emitter::fromWords(ValueRange words, Type elem) {
  int64_t bits = elem.getIntOrFloatBitWidth();
  Values elements;
  if (bits == 64) {
    for (size_t i = 0; i < words.size(); i += 2)
      elements.push_back(bitcast(pack(words.slice(i, 2)), elem));
    return elements;
  }
  for (Value word : words) {
    if (bits == 32)
      elements.push_back(bitcast(word, elem));
    else
      elements.append(unpack(bitcast(word, VectorType::get({32 / bits}, elem))));
  }
  return elements;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value Emitter::move(Value pointer, Value bytes) {
  if (std::optional<int64_t> known = constantOf(bytes))
    return move(pointer, *known);
  return LLVM::GEPOp::create(builder, loc, pointer.getType(), builder.getI8Type(), pointer,
                             LLVM::GEPArg(bytes));
}

Value Emitter::move(Value pointer, int64_t bytes) {
  if (bytes == 0)
    return pointer;
  if (bytes != static_cast<int32_t>(bytes))
    return LLVM::GEPOp::create(builder, loc, pointer.getType(), builder.getI8Type(), pointer,
                               LLVM::GEPArg(i64(bytes)));
  return LLVM::GEPOp::create(builder, loc, pointer.getType(), builder.getI8Type(), pointer,
                             LLVM::GEPArg(static_cast<int32_t>(bytes)));
}

Values Emitter::load(Value pointer, Type elem, int64_t count, int64_t align) {
  bool isBit = elem.isInteger(1);
  Type held = isBit ? builder.getI8Type() : elem;
  Type type = count == 1 ? held : VectorType::get({count}, held);
  Values elements = unpack(LLVM::LoadOp::create(builder, loc, type, pointer, align));
  if (isBit)
    for (Value &element : elements)
      element = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, element,
                                      integer(held, 0));
  return elements;
}

void Emitter::store(ValueRange elements, Value pointer, int64_t align) {
  Values held(elements);
  if (held.front().getType().isInteger(1))
    for (Value &element : held)
      element = arith::ExtUIOp::create(builder, loc, builder.getI8Type(), element);
  LLVM::StoreOp::create(builder, loc, pack(held), pointer, align);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

void Emitter::when(Value condition, function_ref<void()> body) {
  if (!condition || constantOf(condition).value_or(0) != 0)
    return body();
  if (constantOf(condition))
    return;
  auto op = scf::IfOp::create(builder, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(op.thenBlock());
  body();
}

Values Emitter::choose(Value condition, function_ref<Values()> then,
                       function_ref<Values()> other) {
  if (!condition || constantOf(condition).value_or(0) != 0)
    return then();
  if (constantOf(condition))
    return other();
  return Values(scf::IfOp::create(
                    builder, loc, condition,
                    [&](OpBuilder &, Location) { scf::YieldOp::create(builder, loc, then()); },
                    [&](OpBuilder &, Location) { scf::YieldOp::create(builder, loc, other()); })
                    .getResults());
}

Values Emitter::loop(Value lo, Value hi, int64_t step, ValueRange init,
                     function_ref<Values(Value, ValueRange)> body) {
  std::optional<int64_t> first = constantOf(lo), last = constantOf(hi);
  if (first && last) {
    if (*first >= *last)
      return Values(init);
    if (*first + step >= *last)
      return body(lo, init);
  }
  auto loop = scf::ForOp::create(builder, loc, lo, hi, integer(lo.getType(), step), init,
                                 [&](OpBuilder &, Location, Value iv, ValueRange carried) {
                                   scf::YieldOp::create(builder, loc, body(iv, carried));
                                 });
  return Values(loop.getResults());
}
