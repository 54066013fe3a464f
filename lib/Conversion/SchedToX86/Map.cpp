//===- Map.cpp - Fused elementwise work as strips of vectors --------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   for a few rows at a time                  for rows without the reduced axis
//     per-row values                            for strips of the last axis
//     for strips of the last axis      or         for the reduced axis
//       body, one vector of one row at a time       body
//       one partial result per vector               one partial result per vector
//     partial results of the rows into one        store them
//       vector, a lane for each; store it
//
// The body is evaluated on demand, from what is yielded backwards: a value is
// asked for at one vector of one strip, under a map that says which axes of the
// domain its own axes follow. What does not follow the last axis is computed
// once per row, and what does not follow the rows once for all of them.
//
// A block is rows x vectors. Sums need a few in flight to hide the latency of an
// addition, and rows serve that as well as neighbours in a row do; beyond that,
// and where an element costs much, wide blocks only take registers and code: the
// processor overlaps the trips of a loop on its own.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "MapBody.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

namespace {

/// The loops of one map.
class MapNest {
public:
  MapNest(x86::Context &context, x86::Emitter &emit, MapOp op)
      : context(context), emit(emit), op(op), domain(op.getDomain()), body(context, emit, op) {
    for (auto [i, value, out] : llvm::enumerate(op.getYield().getValues(), op.getOuts())) {
      auto reduce = value.getDefiningOp<ReduceOp>();
      context.arena.restore(out);
      Value place = context.arena.get(out);
      if (sched::StoreOp store = x86::findStoreInPlace(context, op, i))
        place = x86::writeInPlace(context, emit, store), inOrder = true;
      (reduce ? reductions : stores).push_back({value, place, reduce, findUnrounded(value, out)});
      if (reduce)
        axis = reduce.getAxis();
    }
    rank = domain.size();
    extent = rank == 0 ? 1 : domain.back();
    for (Value in : op.getIns())
      if (cast<BufType>(in.getType()).getShape() == domain)
        inOrder |= context.arena.isFirstRead(in);
  }

  LogicalResult run();

private:
  /// A yielded tile and where it goes.
  struct Output {
    Value value, memref;
    ReduceOp reduce;
    Value unrounded; ///< what `value` is bf16 of, if the machine may round as it does; or null
  };
  Value findUnrounded(Value value, Value out);
  Value getStored(const Output &output, int64_t row);

  /// What is evaluated in one trip.
  struct Block {
    int64_t rows, vectors;
    /// Whether the rows are visited one after another all the same: memory that no
    /// cache holds is best read in its order.
    bool inOrder;
    /// Whether the rows' results wait for each other. Rows are often a power of two
    /// apart, and a load waits for a store before it to the same place in a page.
    bool storesLast;
  };

  Block chooseBlock();
  void emitRows(ArrayRef<x86::Values> rows);
  void emitRowsInOrder(ArrayRef<x86::Values> rows);
  x86::Values emitStrips(ArrayRef<x86::Values> rows);
  void emitColumns(ValueRange outer);
  void emitStrip(ArrayRef<x86::Values> rows, Value first, int64_t vectors, int64_t lastValid,
                 x86::Values &partials);
  x86::Values initialPartials(int64_t count);
  x86::Values combinePartials(ValueRange partials);
  void finishRows(ValueRange first, ValueRange results);
  Type accumulatorType(ReduceOp reduce);
  Value finishResult(ReduceOp reduce, Value value);

  x86::Context &context;
  x86::Emitter &emit;
  MapOp op;
  ArrayRef<int64_t> domain;
  x86::MapBody body;
  SmallVector<Output> reductions, stores;
  int64_t axis = -1, rank, extent;
  bool inOrder = false; ///< reads a tile in memory that no cache holds yet
  Block block;
};

} // namespace

/// The machine's conversion to bf16 takes subnormal numbers for 0. So do its products
/// of bf16: a tile that nothing else reads may be rounded by it.
Value MapNest::findUnrounded(Value value, Value out) {
  auto round = value.getDefiningOp<arith::TruncFOp>();
  auto buf = cast<BufType>(out.getType());
  if (!round || !context.target.hasPairDots(buf.getElem()) || buf.isPacked() ||
      !getElementTypeOrSelf(round.getIn().getType()).isF32())
    return nullptr;
  bool onlyProducts = llvm::all_of(out.getUsers(), [&](Operation *user) {
    if (user == op.getOperation())
      return !llvm::is_contained(op.getIns(), out);
    auto mma = dyn_cast<MmaOp>(user);
    return mma && mma.getA() == out && mma.getC() != out;
  });
  return onlyProducts ? round.getIn() : Value();
}

Value MapNest::getStored(const Output &output, int64_t row) {
  // The conversion has forms of 8 and 16 lanes; a short row may be fewer.
  if (!output.unrounded || body.getLanes() < 8)
    return emit.toStorage(body.get(output.value, row));
  Value wide = body.get(output.unrounded, row);
  return x86vector::CvtPackedF32ToBF16Op::create(
      emit.builder, emit.loc, x86::Emitter::withElement(wide.getType(), emit.builder.getBF16Type()),
      wide);
}

/// The most vectors up to `most` that divide the axis, or `most` where that is far
/// fewer.
static int64_t chooseVectors(int64_t count, int64_t most) {
  most = std::min(most, count);
  for (int64_t vectors = most; vectors > 1 && 2 * vectors >= most; --vectors)
    if (count % vectors == 0)
      return vectors;
  return std::max<int64_t>(most, 1);
}

/// Rows and vectors of a block, so that what stays in registers all along a strip
/// (partial results, per-row values) leaves room for what is computed.
MapNest::Block MapNest::chooseBlock() {
  x86::MapBody::Cost cost = body.getCost();
  const TargetInfo &target = context.target;
  int64_t count = llvm::divideCeil(extent, body.getLanes());
  bool along = axis >= 0 && axis == rank - 1, down = axis >= 0 && !along;
  int64_t partials = reductions.size();

  // Enough sums to hide the latency of one, and else a few dozen instructions. Long
  // bodies have many constants, of which some should stay in registers as well.
  constexpr int64_t inFlight = 4, instructions = 32;
  int64_t registers = target.getNumRegisters();
  int64_t workspace = 5 + std::min(cost.instructions / 2, registers / 2);
  int64_t wanted = std::clamp<int64_t>(instructions / std::max<int64_t>(cost.instructions, 1), 1,
                                       target.getStripVectors());
  int64_t rows = 1;
  if (rank >= 2 && !down && (along || cost.sharesRows)) {
    rows = along ? inFlight : wanted;
    auto fits = [&] { return rows * (partials + cost.rowValues) + workspace <= registers; };
    while (rows > 1 && (rows > domain[rank - 2] || !fits()))
      rows /= 2;
  }
  bool rowByRow = inOrder && rows > 1;
  int64_t together = rowByRow ? 1 : rows;
  // A long body hides the latency of the one addition in it.
  int64_t sums = cost.instructions >= 12 ? 1 : inFlight;
  int64_t vectors = axis >= 0 ? std::max(wanted, sums) / together : wanted / together;
  while (vectors > 1 && together * (vectors * partials + cost.rowValues) + workspace > registers)
    vectors /= 2;
  int64_t stored = stores.size();
  bool storesLast = together * (partials + cost.rowValues + stored) + workspace <= registers;
  return {rows, chooseVectors(count, std::max<int64_t>(vectors, 1)), rowByRow, storesLast};
}

Type MapNest::accumulatorType(ReduceOp reduce) {
  return body.getVectorType(reduce.getX().getType().getElementType());
}

x86::Values MapNest::initialPartials(int64_t count) {
  x86::Values partials;
  for (Output &output : reductions)
    partials.append(count, emit.neutral(output.reduce.getKind(), accumulatorType(output.reduce)));
  return partials;
}

/// A reduction's result as it is stored. Sums of 16-bit floats are formed in f32 and
/// rounded once.
Value MapNest::finishResult(ReduceOp reduce, Value value) {
  Type elem = reduce.getX().getType().getElementType();
  if (reduce.getKind() == Combine::add && (elem.isF16() || elem.isBF16()))
    return emit.round(value, elem);
  return emit.toStorage(value);
}

/// Evaluates `vectors` vectors from `first` on in each row, stores what has the
/// domain's shape, and combines the reduced tiles into `partials`: for each reduction
/// and row, one per vector. `lastValid`: lanes of the last vector that lie on the
/// axis; the others are kept out of partial results.
void MapNest::emitStrip(ArrayRef<x86::Values> rows, Value first, int64_t vectors, int64_t lastValid,
                        x86::Values &partials) {
  int64_t lanes = body.getLanes(), count = rows.size();
  int64_t perRow = reductions.empty() ? 0 : partials.size() / reductions.size() / count;
  SmallVector<std::function<void()>> waiting;
  auto storeWaiting = [&] {
    for (auto &store : waiting)
      store();
    waiting.clear();
  };
  for (int64_t v = 0; v < vectors; ++v) {
    Value position = emit.add(first, v * lanes);
    body.enterVector(position);
    for (int64_t r = 0; r < count; ++r) {
      // Everything is read before anything is written: buffers may be the same.
      x86::Values stored, reduced;
      for (Output &output : stores)
        stored.push_back(getStored(output, r));
      for (Output &output : reductions)
        reduced.push_back(body.get(output.reduce.getX(), r));
      for (auto [output, value] : llvm::zip(stores, stored))
        waiting.push_back(
            [&emit = emit, &row = rows[r], position, value = value, memref = output.memref] {
              x86::Values at(row);
              at.push_back(position);
              emit.store(value, memref, at);
            });
      if (!block.storesLast)
        storeWaiting();
      for (auto [i, output] : llvm::enumerate(reductions)) {
        Value x = reduced[i];
        Combine kind = output.reduce.getKind();
        if (v == vectors - 1 && lastValid < lanes)
          x = arith::SelectOp::create(emit.builder, emit.loc, emit.prefixMask(lastValid, lanes), x,
                                      emit.neutral(kind, x.getType()));
        Value &partial = partials[(i * count + r) * perRow + v % perRow];
        partial = emit.combine(kind, partial, x);
      }
    }
    storeWaiting();
  }
}

/// The last axis, for a few positions of the others: the partial results of each
/// reduction and row.
x86::Values MapNest::emitStrips(ArrayRef<x86::Values> rows) {
  int64_t lanes = body.getLanes(), count = llvm::divideCeil(extent, lanes);
  int64_t vectors = block.vectors;
  // Lanes beyond the axis only matter to reductions; buffers hold whole vectors.
  int64_t lastValid = reductions.empty() ? lanes : extent - (count - 1) * lanes;
  // The strip with the partial vector, and a shorter one, stand behind the loop.
  int64_t looped = count / vectors;
  if (looped * vectors == count && lastValid < lanes)
    --looped;
  x86::Values partials = initialPartials(rows.size() * vectors);
  body.enterRows(rows);
  partials = emit.loop(emit.index(0), emit.index(looped * vectors * lanes), vectors * lanes,
                       partials, [&](Value first, ValueRange carried) {
                         x86::Values next(carried);
                         emitStrip(rows, first, vectors, lanes, next);
                         return next;
                       });
  if (int64_t done = looped * vectors; done < count)
    emitStrip(rows, emit.index(done * lanes), count - done, lastValid, partials);
  return partials;
}

/// The partial results of each reduction and row into one.
x86::Values MapNest::combinePartials(ValueRange partials) {
  x86::Values results;
  size_t perReduction = reductions.empty() ? 1 : partials.size() / reductions.size();
  for (; !partials.empty(); partials = partials.drop_front(block.vectors)) {
    Combine kind = reductions[(results.size() * block.vectors) / perReduction].reduce.getKind();
    x86::Values parts(partials.take_front(block.vectors));
    for (; parts.size() > 1; parts.resize(llvm::divideCeil(parts.size(), 2)))
      for (size_t half = llvm::divideCeil(parts.size(), 2), j = half; j < parts.size(); ++j)
        parts[j - half] = emit.combine(kind, parts[j - half], parts[j]);
    results.push_back(parts.front());
  }
  return results;
}

void MapNest::emitRows(ArrayRef<x86::Values> rows) {
  finishRows(rows.front(), combinePartials(emitStrips(rows)));
}

/// One row after another. The vector that is left of each reduction is carried on,
/// in a queue that ends with all rows in their order.
void MapNest::emitRowsInOrder(ArrayRef<x86::Values> rows) {
  int64_t count = rows.size();
  Value first = rows.front().back(), end = emit.add(first, count);
  x86::Values queues = initialPartials(count);
  queues = emit.loop(first, end, 1, queues, [&](Value position, ValueRange carried) {
    x86::Values row(rows.front()), next;
    row.back() = position;
    x86::Values results = combinePartials(emitStrips(row));
    for (auto [i, result] : llvm::enumerate(results)) {
      next.append(x86::Values(carried.slice(i * count + 1, count - 1)));
      next.push_back(result);
    }
    return next;
  });
  finishRows(rows.front(), queues);
}

/// For each reduction a vector for each row: these become the lanes of one vector, so
/// that nothing is computed or stored one by one. `first`: the first row's position.
void MapNest::finishRows(ValueRange first, ValueRange results) {
  size_t count = reductions.empty() ? 0 : results.size() / reductions.size();
  for (auto [i, output] : llvm::enumerate(reductions)) {
    Combine kind = output.reduce.getKind();
    ValueRange rows = results.slice(i * count, count);
    Value result =
        count == 1 ? emit.combineLanes(kind, rows.front()) : emit.combineRows(kind, rows);
    x86::Values position(first);
    if (position.empty())
      position.push_back(emit.index(0));
    emit.store(finishResult(output.reduce, result), output.memref, position);
  }
}

/// The last axis and the reduced one, for one position of the others: a strip of
/// columns at a time, down the reduced axis.
void MapNest::emitColumns(ValueRange outer) {
  int64_t lanes = body.getLanes(), count = llvm::divideCeil(extent, lanes);
  auto emitStripOfColumns = [&](Value first, int64_t vectors) {
    x86::Values partials = initialPartials(vectors);
    partials = emit.loop(emit.index(0), emit.index(domain[axis]), 1, partials,
                         [&](Value down, ValueRange carried) {
                           x86::Values row(outer), next(carried);
                           row.insert(row.begin() + axis, down);
                           body.enterRows(row);
                           emitStrip(row, first, vectors, lanes, next);
                           return next;
                         });
    for (auto [i, output] : llvm::enumerate(reductions))
      for (int64_t v = 0; v < vectors; ++v) {
        x86::Values position(outer);
        position.push_back(emit.add(first, v * lanes));
        emit.store(finishResult(output.reduce, partials[i * vectors + v]), output.memref, position);
      }
  };
  int64_t looped = count / block.vectors * block.vectors;
  emit.loop(emit.index(0), emit.index(looped * lanes), block.vectors * lanes,
            [&](Value first) { emitStripOfColumns(first, block.vectors); });
  if (looped < count)
    emitStripOfColumns(emit.index(looped * lanes), count - looped);
}

LogicalResult MapNest::run() {
  if (failed(body.prepare()))
    return failure();
  block = chooseBlock();
  SmallVector<int64_t> outer(domain.drop_back(rank > 0));
  if (axis >= 0 && axis != rank - 1) {
    outer.erase(outer.begin() + axis);
    emit.nest(outer, [&](ValueRange position) { emitColumns(position); });
    return success();
  }
  if (outer.empty()) {
    emitRows(x86::Values{});
    return success();
  }
  int64_t extent = outer.pop_back_val(), looped = extent / block.rows * block.rows;
  emit.nest(outer, [&](ValueRange position) {
    auto emitGroup = [&](Value first, int64_t count) {
      SmallVector<x86::Values> rows;
      for (int64_t r = 0; r < count; ++r) {
        rows.emplace_back(position);
        rows.back().push_back(emit.add(first, r));
      }
      if (block.inOrder && count > 1)
        emitRowsInOrder(rows);
      else
        emitRows(rows);
    };
    emit.loop(emit.index(0), emit.index(looped), block.rows,
              [&](Value first) { emitGroup(first, block.rows); });
    if (looped < extent)
      emitGroup(emit.index(looped), extent - looped);
  });
  return success();
}

LogicalResult x86::lowerMap(Context &context, Emitter &emit, MapOp op) {
  if (!op.getResults().empty())
    return op.emitOpError("still yields values: its tiles have no buffers yet");
  return MapNest(context, emit, op).run();
}
