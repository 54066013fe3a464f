//===- Mma.cpp - Products as blocks held in registers ---------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   for column groups (outer: one panel of B stays in the first cache)
//     for row blocks
//       rows x vectors accumulators, from zero, in registers:
//       for k: load `vectors` of B; for each row: broadcast one element of A,
//              one multiply-add per accumulator
//       C <- accumulators, or scale * C + accumulators
//
// A long k is cut into blocks, around all of this: each block is a sum from zero, which
// is added to C. So the error grows as the number of blocks, not as k.
//
// Rows are dealt out evenly (20 rows at 8 are 7 + 7 + 6), so there are at most
// two heights; the columns' remainder is a narrower group.
//
// A block of rows and vectors that a mask takes out again is not computed (Clip.h).
//
// Where the target sums pairs (bf16), a step of k is two neighbours: 32 bits of a row
// of A, broadcast, and a vector of pairs of B. Both operands hold bf16; sums are f32.
//
//===----------------------------------------------------------------------===//

#include "Clip.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

namespace {

/// The right operand as vectors along its columns.
struct RightOperand {
  Value memref;
  Type elem;
  bool packed;
  int64_t panelVectors; ///< vectors of one packed panel
};

/// One product; the loops over batch axes have been entered.
class Product {
public:
  Product(x86::Context &context, x86::Emitter &emit, MmaOp op)
      : emit(emit), op(op), a(context.arena.get(op.getA())), c(context.arena.get(op.getC())),
        scale(op.getScale() ? context.arena.get(op.getScale()) : Value()),
        group(x86::isPaired(op.getBufB(), context.target) ? 2 : 1), clip(emit, op) {
    BufType left = op.getBufA(), result = op.getBufC();
    int64_t rank = result.getRank();
    rows = result.getDimSize(rank - 2);
    depth = left.getDimSize(op.getTransA() ? rank - 2 : rank - 1);
    elem = cast<MemRefType>(c.getType()).getElementType();
    lanes = context.target.getLanes(elem);
    columns = llvm::divideCeil(result.getDimSize(rank - 1), lanes);
    BufType right = op.getBufB();
    b = {context.arena.get(op.getB()), right.getElem(), right.isPacked(),
         right.isPacked() ? right.getPanel() / lanes : 1};
  }

  void emitBatch(ValueRange batch);

private:
  void emitDepth(Value from, int64_t count, bool first);
  int64_t chooseRows();
  int64_t chooseVectors(int64_t height) const;
  void emitRows(Value column, int64_t vectors, int64_t height, int64_t first, int64_t blocks);
  void emitBlock(Value row, Value column, int64_t height, int64_t vectors);
  x86::Values emitStep(Value step, Value row, Value column, int64_t height, int64_t vectors,
                       ValueRange sums);
  Value loadRight(Value step, Value column, int64_t vector, int64_t vectors);
  Value loadLeft(Value step, Value row);
  Value loadLeftPair(Value step, Value row);
  Value multiply(Value left, Value right, Value sum);
  Value multiplyAdd(Value x, Value y, Value sum);
  void emitResult(Value row, Value column, int64_t height, int64_t vectors, ValueRange sums);
  x86::Values at(ArrayRef<Value> batch, std::initializer_list<Value> inner) const {
    x86::Values position(batch);
    position.append(inner);
    return position;
  }

  static constexpr int64_t unroll = 4;
  /// A sum of more than `longChain` products is cut into blocks of about `chain`.
  static constexpr int64_t chain = 256, longChain = 512;

  x86::Emitter &emit;
  MmaOp op;
  Value a, c, scale;
  int64_t group; ///< neighbours along k that one step takes
  x86::Clip clip;
  RightOperand b;
  Type elem;                           ///< of sums
  int64_t rows, depth, columns, lanes; ///< columns: in vectors
  x86::Values batchA, batchB, batchC;
  /// The block of k that is being emitted: its first step, how many, and whether C has
  /// nothing of this product yet.
  Value begin;
  int64_t steps;
  bool isFirst;
};

} // namespace

/// Rows of a block: the schedule's panel as far as registers allow, else the target's.
int64_t Product::chooseRows() {
  RegisterBlock block = emit.target.getRegisterBlock();
  if (!op.getPanel())
    return block.rows;
  int64_t most = (emit.target.getNumRegisters() - 1) / block.vectors - 1;
  return std::clamp<int64_t>(*op.getPanel(), 1, most);
}

/// Vectors of columns in a block of `height` rows. Few rows take more vectors, so
/// that there are enough independent sums to hide the latency of a multiply-add.
int64_t Product::chooseVectors(int64_t height) const {
  RegisterBlock block = emit.target.getRegisterBlock();
  int64_t vectors = std::gcd(block.vectors, b.packed ? b.panelVectors : block.vectors);
  constexpr int64_t latency = 8; // 4 cycles in 2 units
  while (height * vectors < latency && 2 * vectors <= columns && 2 * vectors <= latency) {
    int64_t wider = 2 * vectors;
    bool fits = height * wider + wider + 1 <= emit.target.getNumRegisters();
    bool wholePanels = !b.packed || wider % b.panelVectors == 0 || b.panelVectors % wider == 0;
    if (!fits || !wholePanels)
      break;
    vectors = wider;
  }
  return vectors;
}

void Product::emitBatch(ValueRange batch) {
  auto stretch = [&](BufType type) {
    x86::Values position;
    for (auto [axis, iv] : llvm::enumerate(batch))
      position.push_back(type.getDimSize(axis) == 1 ? emit.index(0) : iv);
    return position;
  };
  batchA = stretch(op.getBufA());
  batchB = stretch(op.getBufB());
  batchC = x86::Values(batch);

  int64_t total = llvm::divideCeil(depth, group);
  if (!isa<FloatType>(elem) || total * group <= longChain)
    return emitDepth(emit.index(0), total, /*isFirst=*/true);
  int64_t size =
      llvm::alignTo(llvm::divideCeil(total, llvm::divideCeil(total * group, chain)), unroll);
  // What the loop below takes has no odd pair.
  int64_t whole = (depth % group ? total - 1 : total) / size * size;
  emitDepth(emit.index(0), size, /*isFirst=*/true);
  emit.loop(emit.index(size), emit.index(whole), size,
            [&](Value from) { emitDepth(from, size, /*isFirst=*/false); });
  if (whole < total)
    emitDepth(emit.index(whole), total - whole, /*isFirst=*/false);
}

/// All of C for `count` steps of k.
void Product::emitDepth(Value from, int64_t count, bool first) {
  begin = from;
  steps = count;
  isFirst = first;
  int64_t blocks = llvm::divideCeil(rows, chooseRows());
  int64_t low = rows / blocks, tall = rows % blocks;
  int64_t vectors = chooseVectors(tall ? low + 1 : low);
  auto emitColumns = [&](Value column, int64_t width) {
    if (tall)
      emitRows(column, width, low + 1, 0, tall);
    emitRows(column, width, low, tall * (low + 1), blocks - tall);
  };
  int64_t full = columns / vectors * vectors;
  emit.loop(emit.index(0), emit.index(full), vectors,
            [&](Value column) { emitColumns(column, vectors); });
  // What is left may still span several panels: one panel, or less, at a time.
  for (int64_t column = full; column < columns;) {
    int64_t width = columns - column;
    if (b.packed)
      width = std::min(width, b.panelVectors - column % b.panelVectors);
    emitColumns(emit.index(column), width);
    column += width;
  }
}

void Product::emitRows(Value column, int64_t vectors, int64_t height, int64_t first,
                       int64_t blocks) {
  emit.loop(emit.index(first), emit.index(first + blocks * height), height, [&](Value row) {
    clip.guard(emit, row, height, emit.mul(column, lanes), vectors * lanes,
               [&] { emitBlock(row, column, height, vectors); });
  });
}

void Product::emitBlock(Value row, Value column, int64_t height, int64_t vectors) {
  VectorType type = emit.vectorOf(elem, lanes);
  Value zero = emit.neutral(Combine::add, type);
  x86::Values sums(height * vectors, zero);
  // The last pair of an odd number is read by itself: not in the loop.
  bool hasOdd = depth % group != 0 && isConstantIntValue(begin, depth / group + 1 - steps);
  int64_t looped = (hasOdd ? steps - 1 : steps) / unroll * unroll;
  sums =
      emit.loop(begin, emit.add(begin, looped), unroll, sums, [&](Value step, ValueRange carried) {
        x86::Values next(carried);
        for (int64_t i = 0; i < unroll; ++i)
          next = emitStep(emit.add(step, i), row, column, height, vectors, next);
        return next;
      });
  for (int64_t step = looped; step < steps; ++step)
    sums = emitStep(emit.add(begin, step), row, column, height, vectors, sums);
  emitResult(row, column, height, vectors, sums);
}

x86::Values Product::emitStep(Value step, Value row, Value column, int64_t height, int64_t vectors,
                              ValueRange sums) {
  x86::Values right, next;
  for (int64_t v = 0; v < vectors; ++v)
    right.push_back(loadRight(step, column, v, vectors));
  for (int64_t r = 0; r < height; ++r) {
    Value line = emit.add(row, r),
          left = group == 2 ? loadLeftPair(step, line) : loadLeft(step, line);
    for (int64_t v = 0; v < vectors; ++v)
      next.push_back(multiply(left, right[v], sums[r * vectors + v]));
  }
  return next;
}

/// Vector `column + vector` of row (or pair of rows) `step` of B, for a block of `vectors` that
/// begins at `column`: a multiple of `vectors`, or a constant.
Value Product::loadRight(Value step, Value column, int64_t vector, int64_t vectors) {
  x86::Values position;
  if (!b.packed) {
    position = at(batchB, {step, emit.mul(emit.add(column, vector), lanes)});
  } else {
    // A block's width divides a panel or is made of whole ones, so `vector` counts
    // on from the block's first panel.
    Value panel = emit.add(emit.div(column, b.panelVectors), vector / b.panelVectors);
    bool wholePanels = vectors % b.panelVectors == 0;
    Value first = wholePanels ? emit.index(0) : emit.rem(column, b.panelVectors);
    Value inside = emit.add(first, vector % b.panelVectors);
    position = at(batchB, {panel, step, emit.mul(inside, group * lanes)});
  }
  if (group == 2) {
    VectorType type = emit.vectorOf(b.elem, group * lanes);
    return vector::LoadOp::create(emit.builder, emit.loc, type, b.memref, position);
  }
  Value loaded = emit.load(b.memref, position, lanes);
  if (loaded.getType() == emit.vectorOf(elem, lanes))
    return loaded;
  return arith::ExtSIOp::create(emit.builder, emit.loc, emit.vectorOf(elem, lanes), loaded);
}

Value Product::loadLeft(Value step, Value row) {
  x86::Values position = op.getTransA() ? at(batchA, {step, row}) : at(batchA, {row, step});
  Value loaded = emit.loadElement(a, position);
  if (loaded.getType() != elem)
    loaded = arith::ExtSIOp::create(emit.builder, emit.loc, elem, loaded);
  return emit.splat(loaded, lanes);
}

/// Two neighbours of a row of A in all lanes; the last of an odd number has a 0
/// beside it, since the storage holds anything there.
Value Product::loadLeftPair(Value step, Value row) {
  OpBuilder &builder = emit.builder;
  Value pair;
  if (depth % group != 0 && isConstantIntValue(step, depth / group)) {
    Value last =
        memref::LoadOp::create(builder, emit.loc, a, at(batchA, {row, emit.index(depth - 1)}));
    Value bits = arith::BitcastOp::create(builder, emit.loc, builder.getI16Type(), last);
    pair = arith::ExtUIOp::create(builder, emit.loc, builder.getI32Type(), bits);
  } else {
    Value both = vector::LoadOp::create(builder, emit.loc, emit.vectorOf(b.elem, group), a,
                                        at(batchA, {row, emit.mul(step, group)}));
    Value bits =
        vector::BitCastOp::create(builder, emit.loc, emit.vectorOf(builder.getI32Type(), 1), both);
    pair = vector::ExtractOp::create(builder, emit.loc, bits, 0);
  }
  return vector::BitCastOp::create(builder, emit.loc, emit.vectorOf(b.elem, group * lanes),
                                   emit.splat(pair, lanes));
}

Value Product::multiply(Value left, Value right, Value sum) {
  if (group == 2)
    return x86vector::DotBF16Op::create(emit.builder, emit.loc, sum.getType(), sum, left, right);
  return multiplyAdd(left, right, sum);
}

Value Product::multiplyAdd(Value x, Value y, Value sum) {
  if (isa<FloatType>(elem))
    return vector::FMAOp::create(emit.builder, emit.loc, x, y, sum);
  Value product = arith::MulIOp::create(emit.builder, emit.loc, x, y);
  return arith::AddIOp::create(emit.builder, emit.loc, sum, product);
}

void Product::emitResult(Value row, Value column, int64_t height, int64_t vectors,
                         ValueRange sums) {
  for (int64_t r = 0; r < height; ++r) {
    Value line = emit.add(row, r), factor;
    if (scale && isFirst) {
      Value number = memref::LoadOp::create(emit.builder, emit.loc, scale, at(batchC, {line}));
      factor = emit.splat(number, lanes);
    }
    for (int64_t v = 0; v < vectors; ++v) {
      Value sum = sums[r * vectors + v];
      x86::Values position = at(batchC, {line, emit.mul(emit.add(column, v), lanes)});
      if (op.getAccumulate() || !isFirst) {
        Value old = emit.load(c, position, lanes);
        sum = factor ? multiplyAdd(old, factor, sum) : emit.combine(Combine::add, old, sum);
      }
      emit.store(sum, c, position);
    }
  }
}

LogicalResult x86::lowerMma(Context &context, Emitter &emit, MmaOp op) {
  BufType left = op.getBufA(), right = op.getBufB(), result = op.getBufC();
  Type elem = context.target.getRegisterType(left.getElem());
  bool widens = elem.isInteger(8) && result.getElem().isInteger(32);
  if (elem != context.target.getRegisterType(result.getElem()) && !widens)
    return op.emitOpError() << "of " << left.getElem() << " into " << result.getElem()
                            << " has no form on " << context.target.getName();
  if (op.getTransB() && !right.isPacked())
    return op.emitOpError("needs a transposed right operand in panels (pack)");
  if (context.target.hasPairDots(left.getElem()) && (op.getTransA() || !right.isPacked()))
    return op.emitOpError() << "of bf16 needs rows of the left operand and panels (pack) of the "
                               "right one on "
                            << context.target.getName();
  if (result.getElem().isF16() || result.getElem().isBF16())
    return op.emitOpError() << "keeps sums in " << result.getElem() << ": they need f32";
  Product product(context, emit, op);
  emit.nest(result.getShape().drop_back(2), [&](ValueRange batch) { product.emitBatch(batch); });
  return success();
}
