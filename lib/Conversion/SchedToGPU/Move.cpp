//===- Move.cpp - Fragments that change hands through scratch -------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ops after which other threads hold the elements than before: each fragment is written
// to scratch, dense and row-major as its tile is, and read from there. One barrier before
// the first write (scratch may still be read by what came before), one before the first
// read. Scans and the like run there, a thread to a line.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"

#include <map>

using namespace mlir;
using namespace tegula;
using namespace tegula::gpu;

namespace {

/// A tile in scratch, dense and row-major.
struct Dense {
  SmallVector<int64_t> shape;
  Type elem;
  Value base;

  int64_t size() const { return computeProduct(shape); }
};

/// Tiles of one op in scratch.
class Scratch {
public:
  Scratch(Emitter &e, Lowering &lowering) : e(e), lowering(lowering) {}

  void barrier() { lowering.vendor.barrier(e); }

  Dense get(ArrayRef<int64_t> shape, Type elem) {
    Buffer buffer = lowering.scratch(e, computeProduct(shape), 1, elem, used);
    return {SmallVector<int64_t>(shape), elem, buffer.base};
  }

  Dense spill(Value fragment) {
    auto type = cast<sched::FragType>(fragment.getType());
    Dense tile = get(type.getShape(), type.getElem());
    Fragment &source = lowering.fragment(fragment);
    lowering.spill(e, source.regs, lowering.elements(e, source), asMatrix(tile, source.regs));
    return tile;
  }

  /// Defines `result` as what lies in `tile`, of the same number of elements.
  LogicalResult fill(Value result, const Dense &tile) {
    FailureOr<Registers> regs = lowering.registersOf(result);
    if (failed(regs))
      return failure();
    return lowering.define(result, lowering.fill(e, *regs, asMatrix(tile, *regs)));
  }

  Value address(const Dense &tile, Value number) {
    return e.move(tile.base, e.mul(number, bytesOf(tile.elem)));
  }
  Value load(const Dense &tile, Value number) {
    return e.load(address(tile, number), tile.elem, 1, bytesOf(tile.elem)).front();
  }
  void store(Value value, const Dense &tile, Value number) {
    e.store(value, address(tile, number), bytesOf(tile.elem));
  }

  /// `body(number)` for each of `count` lines, dealt out over the threads.
  void deal(int64_t count, function_ref<void(Value)> body) {
    e.loop(lowering.thread, e.i32(count), lowering.threads(), {}, [&](Value number, ValueRange) {
      body(number);
      return Values();
    });
  }

  Buffer asMatrix(const Dense &tile, const Registers &regs) {
    return {{}, tile.base, Storage(regs.rows, regs.cols, tile.elem, /*swizzle=*/0), {}, {}};
  }

private:
  Emitter &e;
  Lowering &lowering;
  int64_t used = 0;
};

/// Lines of a tile along an axis: the element at `i` of line l is number
/// start(l) + i * step.
struct Lines {
  int64_t extent, step, count;

  Lines(const Dense &tile, int64_t axis)
      : extent(tile.shape[axis]), step(computeProduct(ArrayRef(tile.shape).drop_front(axis + 1))),
        count(tile.size() / extent) {}

  Value start(Emitter &e, Value line) const {
    if (step == 1)
      return e.mul(line, extent);
    return e.add(e.mul(e.div(line, step), extent * step), e.rem(line, step));
  }
};

} // namespace

/// The narrow floats of a running sum are added in f32.
static Type widened(Emitter &e, Type elem) {
  return elem.isF16() || elem.isBF16() ? Type(e.builder.getF32Type()) : elem;
}

LogicalResult gpu::lower(sched::ReshapeOp op, Lowering &lowering) {
  Emitter e = lowering.at(op.getLoc());
  if (!op.getResult())
    return lowering.refuse(op, "is of a buffer");
  FailureOr<Registers> to = lowering.registersOf(op.getResult());
  if (failed(to))
    return failure();
  // The same matrix, or the same line.
  Fragment &source = lowering.fragment(op.getSource());
  auto isLine = [](const Registers &regs) { return regs.rows == 1 || regs.cols == 1; };
  if (source.regs.cols == to->cols || (isLine(source.regs) && isLine(*to)))
    return lowering.define(
        op.getResult(),
        lowering.convert(e, source.regs, lowering.elements(e, source), *to, source.type.getElem()));
  Scratch scratch(e, lowering);
  scratch.barrier();
  Dense tile = scratch.spill(op.getSource());
  scratch.barrier();
  return scratch.fill(op.getResult(), tile);
}

/// Positions of a result as numbers of elements of a source: sum over axes of
/// (at + position) * stride.
static Values numbersOf(Emitter &e, Lowering &lowering, const Registers &regs,
                        ArrayRef<int64_t> shape, ArrayRef<int64_t> strides, int64_t first) {
  Coordinate row = lowering.rowOf(e, regs), col = lowering.colOf(e, regs);
  Values numbers;
  for (Position place : regs.regs) {
    Value r = row.plus(place.row).get(e), c = col.plus(place.col).get(e);
    Value number = e.i32(first);
    if (shape.size() == 1) {
      number = e.add(number, e.mul(regs.cols == 1 ? r : c, strides[0]));
    } else if (!shape.empty()) {
      number = e.add(number, e.mul(c, strides.back()));
      for (size_t axis = shape.size() - 1; axis-- > 0;) {
        Value at = axis == 0 ? r : e.rem(r, shape[axis]);
        number = e.add(number, e.mul(at, strides[axis]));
        if (axis != 0)
          r = e.div(r, shape[axis]);
      }
    }
    numbers.push_back(number);
  }
  return numbers;
}

LogicalResult gpu::lower(sched::CutOp op, Lowering &lowering) {
  Emitter e = lowering.at(op.getLoc());
  sched::FragType type = op.getResult().getType();
  FailureOr<Registers> regs = Registers::get(type, op.getLoc());
  if (failed(regs))
    return failure();
  // A whole matrix, transposed or not: other threads hold it, nothing is cut.
  Fragment &source = lowering.fragment(op.getSource());
  ArrayRef<int64_t> perm = op.getPerm(), shape = source.type.getShape();
  if (perm.size() == 2 && computeProduct(shape) == computeProduct(type.getShape())) {
    bool turns = perm.front() == 1;
    Values elements = lowering.elements(e, source);
    Registers from = source.regs;
    if (turns) {
      std::map<Position, Value> at;
      for (auto [place, element] : llvm::zip(source.regs.regs, elements))
        at[{place.col, place.row}] = element;
      from = Registers(source.regs.layout.getTransposed());
      elements = llvm::map_to_vector(from.regs, [&](Position place) { return at.at(place); });
    }
    return lowering.define(op.getResult(),
                           lowering.convert(e, from, elements, *regs, type.getElem()));
  }
  Scratch scratch(e, lowering);
  scratch.barrier();
  Dense tile = scratch.spill(op.getSource());
  scratch.barrier();
  SmallVector<int64_t> strides = computeSuffixProduct(tile.shape), mine;
  int64_t first = 0;
  for (auto [axis, from] : llvm::enumerate(op.getPerm())) {
    mine.push_back(strides[from]);
    first += op.getAt()[axis] * strides[axis];
  }
  Values numbers = numbersOf(e, lowering, *regs, type.getShape(), mine, first), elements;
  for (auto [place, number] : llvm::zip(regs->regs, numbers)) {
    Value inside = lowering.isInTile(e, *regs, place);
    elements.push_back(scratch.load(tile, inside ? e.select(inside, number, e.i32(0)) : number));
  }
  return lowering.define(op.getResult(), elements);
}

LogicalResult gpu::lower(sched::ConcatOp op, Lowering &lowering) {
  Emitter e = lowering.at(op.getLoc());
  sched::FragType type = op.getResult().getType();
  Scratch scratch(e, lowering);
  Dense tile = scratch.get(type.getShape(), type.getElem());
  SmallVector<int64_t> strides = computeSuffixProduct(tile.shape);
  scratch.barrier();
  int64_t first = 0, axis = op.getAxis();
  for (Value part : op.getParts()) {
    Fragment &source = lowering.fragment(part);
    ArrayRef<int64_t> shape = source.type.getShape();
    Values elements = lowering.elements(e, source);
    e.when(lowering.isFirstHolder(e, source.regs), [&] {
      Values numbers = numbersOf(e, lowering, source.regs, shape, strides, first * strides[axis]);
      for (auto [place, number, element] : llvm::zip(source.regs.regs, numbers, elements)) {
        Value at = number, value = element;
        e.when(lowering.isInTile(e, source.regs, place),
               [&] { scratch.store(value, tile, at); });
      }
    });
    first += shape[axis];
  }
  scratch.barrier();
  return scratch.fill(op.getResult(), tile);
}

LogicalResult gpu::lower(sched::ScanOp op, Lowering &lowering) {
  Emitter e = lowering.at(op.getLoc());
  if (!op.getResult())
    return lowering.refuse(op, "is of a buffer");
  Scratch scratch(e, lowering);
  scratch.barrier();
  Dense tile = scratch.spill(op.getSource());
  scratch.barrier();
  Lines lines(tile, op.getAxis());
  Type wide = widened(e, tile.elem);
  Combine kind = op.getKind();
  scratch.deal(lines.count, [&](Value line) {
    Value start = lines.start(e, line);
    e.loop(e.i32(0), e.i32(lines.extent), 1, e.neutral(kind, wide),
           [&](Value i, ValueRange carried) {
             Value at = op.getReverse() ? e.sub(e.i32(lines.extent - 1), i) : i;
             Value number = e.add(start, e.mul(at, lines.step));
             Value element = scratch.load(tile, number);
             if (wide != tile.elem)
               element = e.convertFloat(element, wide);
             Value sum = e.combine(kind, carried.front(), element);
             Value out = op.getExclusive() ? carried.front() : sum;
             if (wide != tile.elem)
               out = lowering.truncate(e, out, tile.elem);
             scratch.store(out, tile, number);
             return Values{sum};
           });
  });
  scratch.barrier();
  return scratch.fill(op.getResult(), tile);
}

/// The first of the largest; a NaN counts as larger than all.
LogicalResult gpu::lower(sched::ArgMaxOp op, Lowering &lowering) {
  Emitter e = lowering.at(op.getLoc());
  if (!op.getResult())
    return lowering.refuse(op, "is of a buffer");
  Scratch scratch(e, lowering);
  scratch.barrier();
  Dense tile = scratch.spill(op.getSource());
  Dense found = scratch.get(cast<sched::FragType>(op.getResult().getType()).getShape(),
                            e.builder.getI32Type());
  scratch.barrier();
  Lines lines(tile, op.getAxis());
  bool real = isa<FloatType>(tile.elem);
  auto isNaN = [&](Value x) -> Value {
    return arith::CmpFOp::create(e.builder, e.loc, arith::CmpFPredicate::UNO, x, x);
  };
  scratch.deal(lines.count, [&](Value line) {
    Value start = lines.start(e, line);
    Values best = {scratch.load(tile, start), e.i32(0)};
    best = e.loop(e.i32(1), e.i32(lines.extent), 1, best, [&](Value i, ValueRange carried) {
      Value element = scratch.load(tile, e.add(start, e.mul(i, lines.step)));
      Value larger;
      if (real) {
        larger = arith::CmpFOp::create(e.builder, e.loc, arith::CmpFPredicate::OGT, element,
                                       carried[0]);
        Value first = e.both(isNaN(element),
                             arith::CmpFOp::create(e.builder, e.loc, arith::CmpFPredicate::ORD,
                                                   carried[0], carried[0]));
        larger = arith::OrIOp::create(e.builder, e.loc, larger, first);
      } else {
        larger = e.less(carried[0], element);
      }
      return Values{e.select(larger, element, carried[0]), e.select(larger, i, carried[1])};
    });
    scratch.store(best[1], found, line);
  });
  scratch.barrier();
  return scratch.fill(op.getResult(), found);
}

/// A thread to each element of the result, which adds the rows of its segment in order.
LogicalResult gpu::lower(sched::SegmentSumOp op, Lowering &lowering) {
  Emitter e = lowering.at(op.getLoc());
  if (!op.getResult())
    return lowering.refuse(op, "is of buffers");
  Scratch scratch(e, lowering);
  scratch.barrier();
  Dense rows = scratch.spill(op.getSource()), ids = scratch.spill(op.getBy()),
        sums = scratch.spill(op.getAcc());
  scratch.barrier();
  int64_t width = computeProduct(ArrayRef(rows.shape).drop_front());
  scratch.deal(sums.size(), [&](Value number) {
    Value segment = e.div(number, width), column = e.rem(number, width);
    Values sum = e.loop(
        e.i32(0), e.i32(rows.shape[0]), 1, scratch.load(sums, number),
        [&](Value i, ValueRange carried) {
          Value mine = e.equal(scratch.load(ids, i), segment);
          Value element = scratch.load(rows, e.add(e.mul(i, width), column));
          Value more = e.combine(Combine::add, carried.front(), element);
          return Values{e.select(mine, more, carried.front())};
        });
    scratch.store(sum.front(), sums, number);
  });
  scratch.barrier();
  return scratch.fill(op.getResult(), sums);
}
