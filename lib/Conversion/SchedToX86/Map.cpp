//===- Map.cpp - Fused elementwise work as strips of vectors --------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   for rows (all axes but the last)          for rows without the reduced axis
//     per-row values                            for strips of the last axis
//     for strips of a few vectors      or         for the reduced axis
//       body, one vector at a time                  body
//       one partial result per vector               one partial result per vector
//     partial results into one                    store them
//
// The body is evaluated on demand, from what is yielded backwards: a value is
// asked for at one vector of one strip, under a map that says which axes of the
// domain its own axes follow. What does not follow the last axis is computed
// once per row.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "MapBody.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
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
    for (auto [value, out] : llvm::zip(op.getYield().getValues(), op.getOuts())) {
      auto reduce = value.getDefiningOp<ReduceOp>();
      (reduce ? reductions : stores).push_back({value, context.arena.get(out), reduce});
      if (reduce)
        axis = reduce.getAxis();
    }
    rank = domain.size();
    extent = rank == 0 ? 1 : domain.back();
  }

  LogicalResult run();

private:
  /// A yielded tile and where it goes.
  struct Output {
    Value value, memref;
    ReduceOp reduce;
  };

  void emitRow(ValueRange row);
  void emitColumns(ValueRange outer);
  x86::Values emitStrip(ValueRange row, Value first, int64_t vectors, int64_t lastValid,
                        ValueRange partials, bool perLane);
  x86::Values initialPartials(int64_t count);
  void finishRow(ValueRange row, ValueRange partials, int64_t perReduction);
  int64_t chooseVectors(int64_t count) const;
  Type accumulatorType(ReduceOp reduce);
  Value finishResult(ReduceOp reduce, Value value);

  x86::Context &context;
  x86::Emitter &emit;
  MapOp op;
  ArrayRef<int64_t> domain;
  x86::MapBody body;
  SmallVector<Output> reductions, stores;
  int64_t axis = -1, rank, extent;
};

} // namespace

/// Vectors per trip: the target's number, or fewer where that divides the axis.
int64_t MapNest::chooseVectors(int64_t count) const {
  int64_t most = std::min(context.target.getStripVectors(), count);
  for (int64_t vectors = most; vectors > 1 && 2 * vectors >= most; --vectors)
    if (count % vectors == 0)
      return vectors;
  return most;
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

/// Evaluates `vectors` vectors from `first` on, stores what has the domain's
/// shape, and returns `partials` with the reduced tiles combined in: one partial
/// result per vector and reduction. `lastValid`: lanes of the last vector that lie
/// on the axis; the others are kept out of partial results unless `perLane`.
x86::Values MapNest::emitStrip(ValueRange row, Value first, int64_t vectors, int64_t lastValid,
                               ValueRange partials, bool perLane) {
  int64_t lanes = body.getLanes();
  int64_t perReduction = reductions.empty() ? 0 : partials.size() / reductions.size();
  x86::Values next(partials);
  SmallVector<x86::Values> results(stores.size());
  for (int64_t v = 0; v < vectors; ++v) {
    body.enterVector(row, emit.add(first, v * lanes));
    for (auto [i, output] : llvm::enumerate(stores))
      results[i].push_back(emit.toStorage(body.get(output.value)));
    for (auto [i, output] : llvm::enumerate(reductions)) {
      Value x = body.get(output.reduce.getX());
      Combine kind = output.reduce.getKind();
      if (v == vectors - 1 && lastValid < lanes && !perLane)
        x = arith::SelectOp::create(emit.builder, emit.loc, emit.prefixMask(lastValid, lanes), x,
                                    emit.neutral(kind, x.getType()));
      Value &partial = next[i * perReduction + v % perReduction];
      partial = emit.combine(kind, partial, x);
    }
  }
  for (auto [i, output] : llvm::enumerate(stores))
    for (int64_t v = 0; v < vectors; ++v) {
      x86::Values position(row);
      position.push_back(emit.add(first, v * lanes));
      emit.store(results[i][v], output.memref, position);
    }
  return next;
}

/// The last axis, for one position of the others.
void MapNest::emitRow(ValueRange row) {
  int64_t lanes = body.getLanes(), count = llvm::divideCeil(extent, lanes);
  int64_t vectors = chooseVectors(count);
  int64_t lastValid = extent - (count - 1) * lanes;
  // The strip with the partial vector, and a shorter one, stand behind the loop.
  int64_t looped = count / vectors;
  if (looped * vectors == count && lastValid < lanes)
    --looped;
  x86::Values partials = initialPartials(vectors);
  body.enterRow();
  partials = emit.loop(emit.index(0), emit.index(looped * vectors * lanes), vectors * lanes,
                       partials, [&](Value first, ValueRange carried) {
                         return emitStrip(row, first, vectors, lanes, carried,
                                          /*perLane=*/false);
                       });
  if (int64_t done = looped * vectors; done < count)
    partials = emitStrip(row, emit.index(done * lanes), count - done, lastValid, partials,
                         /*perLane=*/false);
  finishRow(row, partials, vectors);
}

void MapNest::finishRow(ValueRange row, ValueRange partials, int64_t perReduction) {
  for (auto [i, output] : llvm::enumerate(reductions)) {
    x86::Values parts(partials.slice(i * perReduction, perReduction));
    Combine kind = output.reduce.getKind();
    for (; parts.size() > 1; parts.resize(llvm::divideCeil(parts.size(), 2)))
      for (size_t half = llvm::divideCeil(parts.size(), 2), j = half; j < parts.size(); ++j)
        parts[j - half] = emit.combine(kind, parts[j - half], parts[j]);
    Value result = finishResult(output.reduce, emit.combineLanes(kind, parts.front()));
    x86::Values position(row);
    if (position.empty())
      position.push_back(emit.index(0));
    emit.store(result, output.memref, position);
  }
}

/// The last axis and the reduced one, for one position of the others: a strip of
/// columns at a time, down the reduced axis.
void MapNest::emitColumns(ValueRange outer) {
  int64_t lanes = body.getLanes(), count = llvm::divideCeil(extent, lanes);
  int64_t vectors = chooseVectors(count);
  auto emitStripOfColumns = [&](Value first, int64_t vectors) {
    x86::Values partials = initialPartials(vectors);
    body.enterRow();
    partials = emit.loop(emit.index(0), emit.index(domain[axis]), 1, partials,
                         [&](Value down, ValueRange carried) {
                           x86::Values row(outer);
                           row.insert(row.begin() + axis, down);
                           body.enterRow();
                           return emitStrip(row, first, vectors, lanes, carried, /*perLane=*/true);
                         });
    for (auto [i, output] : llvm::enumerate(reductions))
      for (int64_t v = 0; v < vectors; ++v) {
        x86::Values position(outer);
        position.push_back(emit.add(first, v * lanes));
        emit.store(finishResult(output.reduce, partials[i * vectors + v]), output.memref, position);
      }
  };
  int64_t looped = count / vectors * vectors;
  emit.loop(emit.index(0), emit.index(looped * lanes), vectors * lanes,
            [&](Value first) { emitStripOfColumns(first, vectors); });
  if (looped < count)
    emitStripOfColumns(emit.index(looped * lanes), count - looped);
}

LogicalResult MapNest::run() {
  if (failed(body.prepare()))
    return failure();
  SmallVector<int64_t> outer(domain.drop_back(rank > 0));
  bool vertical = axis >= 0 && axis != rank - 1;
  if (vertical)
    outer.erase(outer.begin() + axis);
  emit.nest(outer, [&](ValueRange position) {
    if (vertical)
      emitColumns(position);
    else
      emitRow(position);
  });
  return success();
}

LogicalResult x86::lowerMap(Context &context, Emitter &emit, MapOp op) {
  if (!op.getResults().empty())
    return op.emitOpError("still yields values: its tiles have no buffers yet");
  return MapNest(context, emit, op).run();
}
