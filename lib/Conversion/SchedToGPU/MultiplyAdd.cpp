//===- MultiplyAdd.cpp - Products without a matrix unit ------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// D = A . B + C where both operands lie in shared memory and a lane owns some rows and
// columns of D, all combinations of them:
//
//   for k in 0 ... depth step 4:               16 bytes of depth, if that is contiguous
//     a[rows][4] = vectors of A
//     for some columns:
//       b[4][columns] = vectors of B
//       d[rows][columns] += a . b              k ascending: the order of each sum
//
// The loop stays one, so that the code is short whatever the depth. Lanes beyond the tile
// read its last row or column, and nobody stores what they sum.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::gpu;

/// Multiply-adds that the body of the loop is written out to, at most.
static constexpr int64_t bodySize = 512;
/// Registers of operands that it may have in flight at once: more would only push out sums.
static constexpr int64_t operandWords = 64;
/// Depth of one step at most.
static constexpr int64_t mostStep = 4;

namespace {

/// One operand as lines along the depth: rows of A, columns of B.
struct Operand {
  Buffer buffer;
  bool depthIsCols; ///< of the buffer
  Coordinate lane;  ///< what lane and warp add to a line's number
  llvm::SmallVector<int64_t> lines = {};
  int64_t extent = 0;    ///< lines of the tile
  bool clamped = false;  ///< some lanes have lines beyond it
  int64_t lineWidth = 1; ///< neighbouring lines that one access reads; 1 where depth is contiguous

  int64_t depth() const {
    ArrayRef<int64_t> shape = buffer.type.getShape();
    return shape[depthIsCols ? shape.size() - 1 : 0];
  }
};

class MultiplyAdd {
public:
  MultiplyAdd(sched::MmaOp op, Lowering &lowering)
      : op(op), lowering(lowering), e(lowering.at(op.getLoc())) {}

  LogicalResult run();

private:
  FailureOr<Operand> place(Value buffer, bool depthIsCols, const Registers &d, bool isRows);
  Values read(const Operand &operand, size_t first, const Coordinate &k, int64_t width);
  void step(const Coordinate &k, int64_t depth, MutableArrayRef<Value> sums);
  Value widened(Value x);

  sched::MmaOp op;
  Lowering &lowering;
  Emitter e;
  std::optional<Operand> a, b;
  Type elem;
  /// Registers of D by number of row and column.
  llvm::SmallVector<llvm::SmallVector<int64_t>> at;
};

} // namespace

/// How many elements of a row, from multiples of their number, one access may read.
static int64_t getRowWidth(const Buffer &buffer, int64_t most) {
  int64_t width = std::min(most, buffer.storage.getUnit());
  width = std::min<int64_t>(width, 16 / bytesOf(buffer.storage.elem));
  while (width > 1 && ((buffer.col.constant | buffer.col.bits) & (width - 1)))
    width /= 2;
  return width;
}

FailureOr<Operand> MultiplyAdd::place(Value value, bool depthIsCols, const Registers &d,
                                      bool isRows) {
  FailureOr<Buffer> buffer = lowering.buffer(value);
  if (failed(buffer))
    return failure();
  Operand operand{*buffer, depthIsCols, isRows ? lowering.rowOf(e, d) : lowering.colOf(e, d)};
  operand.extent = isRows ? d.rows : d.cols;
  operand.clamped = d.layout.getCovered()[isRows ? 0 : 1] > operand.extent;
  std::set<int64_t> lines;
  for (Position reg : d.regs)
    if (int64_t line = isRows ? reg.row : reg.col; line < operand.extent)
      lines.insert(line);
  operand.lines.assign(lines.begin(), lines.end());
  if (depthIsCols || operand.clamped)
    return operand;
  // Runs of neighbouring lines, from multiples of their length.
  auto isRun = [&](int64_t width) {
    if (operand.lines.size() % width || (operand.lane.bits & (width - 1)))
      return false;
    for (auto [i, line] : llvm::enumerate(operand.lines))
      if (line % width != static_cast<int64_t>(i) % width ||
          line - line % width != operand.lines[i - i % width])
        return false;
    return true;
  };
  int64_t most = getRowWidth(*buffer, 16);
  while (operand.lineWidth * 2 <= most && isRun(operand.lineWidth * 2))
    operand.lineWidth *= 2;
  return operand;
}

/// `width` elements from line number `first` and depth `k` on: along the depth where that
/// is contiguous, else of neighbouring lines.
Values MultiplyAdd::read(const Operand &operand, size_t first, const Coordinate &k,
                         int64_t width) {
  Coordinate line = operand.lane.plus(operand.lines[first]);
  if (operand.clamped)
    line = {e.min(line.get(e), e.i32(operand.extent - 1)), ~uint64_t(0), 0};
  Coordinate row = operand.depthIsCols ? line : k, col = operand.depthIsCols ? k : line;
  const Buffer &from = operand.buffer;
  Value address = from.storage.address(e, from.base, Coordinate::sum(e, from.row, row),
                                       Coordinate::sum(e, from.col, col));
  return e.load(address, from.storage.elem, width, width * bytesOf(from.storage.elem));
}

Value MultiplyAdd::widened(Value x) {
  if (x.getType() == elem)
    return x;
  if (isa<FloatType>(elem))
    return e.convertFloat(x, elem);
  return arith::ExtSIOp::create(e.builder, e.loc, elem, x);
}

/// Adds `depth` products from depth `k` on to each sum.
void MultiplyAdd::step(const Coordinate &k, int64_t depth, MutableArrayRef<Value> sums) {
  // Of lines [first, first + count): element [i * depth + j] is line i at depth k + j.
  auto readLines = [&](const Operand &operand, size_t first, size_t count) {
    Values elements(count * depth);
    int64_t along = operand.depthIsCols ? getRowWidth(operand.buffer, depth) : 1;
    while (depth % along)
      along /= 2;
    for (size_t i = 0; i < count; i += operand.lineWidth)
      for (int64_t j = 0; j < depth; j += along) {
        Values loaded = read(operand, first + i, k.plus(j), along * operand.lineWidth);
        for (auto [n, element] : llvm::enumerate(loaded))
          elements[operand.depthIsCols ? i * depth + j + n : (i + n) * depth + j] =
              widened(element);
      }
    return elements;
  };
  Values left = readLines(*a, 0, a->lines.size());
  for (size_t first = 0; first < b->lines.size(); first += b->lineWidth) {
    Values right = readLines(*b, first, b->lineWidth);
    for (int64_t j = 0; j < depth; ++j)
      for (int64_t col = 0; col < b->lineWidth; ++col)
        for (size_t row = 0; row < a->lines.size(); ++row) {
          Value x = left[row * depth + j], y = right[col * depth + j];
          Value &sum = sums[at[row][first + col]];
          if (isa<FloatType>(elem))
            sum = LLVM::FMAOp::create(e.builder, e.loc, x, y, sum);
          else
            sum = e.add(sum, e.mul(x, y));
        }
  }
}

LogicalResult MultiplyAdd::run() {
  auto type = cast<sched::FragType>(op.getResult().getType());
  elem = type.getElem();
  FailureOr<Registers> d = Registers::get(type, op.getLoc());
  if (failed(d))
    return failure();
  FailureOr<Operand> left = place(op.getA(), !op.getTransA(), *d, /*isRows=*/true);
  FailureOr<Operand> right = place(op.getB(), op.getTransB(), *d, /*isRows=*/false);
  if (failed(left) || failed(right))
    return failure();
  a = *left;
  b = *right;

  std::map<Position, int64_t> registers;
  for (auto [i, place] : llvm::enumerate(d->regs))
    registers[place] = i;
  for (int64_t row : a->lines) {
    at.emplace_back();
    for (int64_t col : b->lines) {
      auto found = registers.find({row, col});
      if (found == registers.end())
        return lowering.refuse(op, "has a result of which a lane holds no whole block");
      at.back().push_back(found->second);
    }
  }

  Values sums = op.getAcc() ? lowering.elements(e, lowering.fragment(op.getAcc()))
                            : Values(d->size(), e.number(elem, 0));
  int64_t depth = a->depth();
  int64_t stepDepth = std::min<int64_t>(mostStep, 16 / bytesOf(a->buffer.storage.elem));
  int64_t whole = depth / stepDepth * stepDepth;
  int64_t block = a->lines.size() * b->lines.size();
  int64_t words = (a->lines.size() + b->lines.size()) * stepDepth *
                  llvm::divideCeil(bytesOf(a->buffer.storage.elem), 4);
  int64_t steps = 1;
  while (block * stepDepth * steps * 2 <= bodySize && words * steps * 2 <= operandWords &&
         whole % (stepDepth * steps * 2) == 0)
    steps *= 2;
  uint64_t bits = (llvm::PowerOf2Ceil(whole) - 1) & ~uint64_t(stepDepth * steps - 1);
  sums = e.loop(e.i32(0), e.i32(whole), stepDepth * steps, sums, [&](Value k, ValueRange carried) {
    Values inside(carried);
    for (int64_t i = 0; i < steps; ++i)
      step({k, bits, i * stepDepth}, stepDepth, inside);
    return inside;
  });
  for (int64_t k = whole; k < depth; ++k)
    step({Value(), 0, k}, 1, sums);
  return lowering.define(op.getResult(), sums);
}

LogicalResult gpu::lowerMultiplyAdd(sched::MmaOp op, Lowering &lowering) {
  return MultiplyAdd(op, lowering).run();
}
