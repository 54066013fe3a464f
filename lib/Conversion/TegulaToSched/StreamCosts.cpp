//===- StreamCosts.cpp - What a trip of a stream costs on a GPU -----------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StreamCosts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace tegula;

/// Multiply-adds of an exponential that is computed by a polynomial.
static constexpr double polynomialSteps = 8;
/// Exchanges between the lanes that hold a row of a product's result.
static constexpr double exchangesOfRow = 2;

static RankedTensorType getTile(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }

static double getBytes(Value tile) {
  RankedTensorType type = getTile(tile);
  return double(type.getNumElements()) * type.getElementTypeBitWidth() / 8;
}

StringRef tegula::stringify(Pipe pipe) {
  static constexpr llvm::StringLiteral names[] = {"copy", "shared", "matrix", "fma", "alu", "exp"};
  return names[static_cast<size_t>(pipe)];
}

Pipe TripCosts::getBusiest() const {
  return static_cast<Pipe>(std::max_element(busy.begin(), busy.end()) - busy.begin());
}

std::string TripCosts::str() const {
  std::string text;
  for (auto [number, cycles] : llvm::enumerate(busy))
    if (long rounded = std::lround(cycles))
      text += (text.empty() ? "" : ", ") + stringify(static_cast<Pipe>(number)).str() + " " +
              std::to_string(rounded);
  return text.empty() ? "nothing" : text;
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

const MatrixUnit *StreamCosts::getUnit(DotOp dot) const {
  std::optional<Element> element =
      getElement(cast<RankedTensorType>(dot.getA().getType()).getElementType());
  return element ? gpu.findMatrixUnit(*element) : nullptr;
}

namespace {
/// Extents of a product; leading axes are rows.
struct ProductExtents {
  int64_t m, n, k;

  explicit ProductExtents(DotOp dot) {
    auto a = cast<RankedTensorType>(dot.getA().getType());
    n = dot.getType().getShape().back();
    m = dot.getType().getNumElements() / n;
    k = a.getShape()[a.getRank() - (dot.getTransA() ? 2 : 1)];
  }
};
} // namespace

/// The pipe of an elementwise op, and how often each element passes it; nothing for what
/// is made where it is used.
static std::optional<std::pair<Pipe, double>> getWork(Operation *op) {
  using Work = std::optional<std::pair<Pipe, double>>;
  return llvm::TypeSwitch<Operation *, Work>(op)
      .Case<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::NegFOp, math::FmaOp>(
          [](Operation *) { return std::pair(Pipe::Fma, 1.0); })
      .Case([](Exp2Op exp) {
        return exp.getPolicy() == ExpPolicy::poly ? std::pair(Pipe::Fma, polynomialSteps)
                                                  : std::pair(Pipe::Exp, 1.0);
      })
      .Case<math::ExpOp, math::Exp2Op, math::LogOp, math::Log2Op, math::RsqrtOp, math::SqrtOp,
            math::SinOp, math::CosOp, math::TanhOp, math::ErfOp, arith::DivFOp>(
          [](Operation *) { return std::pair(Pipe::Exp, 1.0); })
      .Case([](ReduceOp reduce) {
        return std::pair(reduce.getKind() == Combine::add ? Pipe::Fma : Pipe::Alu, 1.0);
      })
      .Case<BroadcastOp, arith::ConstantOp, StreamOp, DotOp, LoadOp, StoreOp, GatherOp, ScatterOp,
            ReduceStoreOp>([](Operation *) { return Work(); })
      .Default([](Operation *) { return std::pair(Pipe::Alu, 1.0); });
}

StreamCosts::Busy StreamCosts::getBusy(Operation *op,
                                       const llvm::DenseSet<Operation *> &ahead) const {
  Busy busy{};
  auto at = [&](Pipe pipe) -> double & { return busy[static_cast<size_t>(pipe)]; };
  const IssueRates &rates = gpu.getRates();
  if (auto dot = dyn_cast<DotOp>(op)) {
    ProductExtents size(dot);
    const MatrixUnit *unit = getUnit(dot);
    int64_t rowWarps = std::min<int64_t>(warps, llvm::divideCeil(size.m, unit ? unit->m : 16));
    if (unit)
      at(Pipe::Matrix) = double(llvm::alignTo(size.m, unit->m)) * llvm::alignTo(size.n, unit->n) *
                         llvm::alignTo(size.k, unit->k) / unit->macsPerCycle;
    else
      at(Pipe::Fma) = double(size.m) * size.n * size.k /
                      (dot.getType().getElementType().isF64() ? rates.fma64 : rates.fma);
    // Warps that own different rows read all of B, and the other way round.
    if (ahead.contains(dot.getA().getDefiningOp()))
      at(Pipe::Shared) += getBytes(dot.getA()) * (warps / rowWarps) / rates.sharedBytes;
    if (ahead.contains(dot.getB().getDefiningOp()))
      at(Pipe::Shared) += getBytes(dot.getB()) * rowWarps / rates.sharedBytes;
    return busy;
  }
  auto move = [&](Value tile) { at(Pipe::Copy) += getBytes(tile) / rates.cacheBytes; };
  if (isa<LoadOp, GatherOp>(op)) {
    move(op->getResult(0));
    if (ahead.contains(op))
      at(Pipe::Shared) += getBytes(op->getResult(0)) / rates.sharedBytes;
    return busy;
  }
  if (isa<StoreOp, ScatterOp, ReduceStoreOp>(op)) {
    for (Value operand : op->getOperands())
      if (getTile(operand))
        move(operand);
    return busy;
  }
  if (op->getNumResults() == 0 || !getTile(op->getResult(0)))
    return busy;
  auto work = getWork(op);
  if (!work)
    return busy;
  double elements = getTile(op->getResult(0)).getNumElements();
  if (isa<ReduceOp>(op))
    elements = getTile(op->getOperand(0)).getNumElements();
  auto [pipe, times] = *work;
  bool wide = getTile(op->getResult(0)).getElementTypeBitWidth() == 64;
  double rate = pipe == Pipe::Exp   ? rates.exp
                : pipe == Pipe::Alu ? rates.alu
                : wide              ? rates.fma64
                                    : rates.packedFma;
  at(pipe) = elements * times / rate;
  return busy;
}

/// Cycles from an op's operands to its result, for one element.
double StreamCosts::getLatency(Operation *op) const {
  const Latencies &latencies = gpu.getLatencies();
  if (auto dot = dyn_cast<DotOp>(op)) {
    ProductExtents size(dot);
    if (const MatrixUnit *unit = getUnit(dot))
      return double(unit->latency) * llvm::divideCeil(size.k, unit->k);
    return double(latencies.fma) * size.k;
  }
  if (op->getNumResults() == 0 || !getTile(op->getResult(0)))
    return 0;
  if (isa<ReduceOp>(op))
    return exchangesOfRow * latencies.shuffle;
  if (isa<LoadOp, GatherOp>(op))
    return latencies.cache;
  auto work = getWork(op);
  if (!work)
    return 0;
  return work->first == Pipe::Exp ? latencies.exp : latencies.fma * work->second;
}

double StreamCosts::getCopyLatency(int64_t bytes) const {
  return gpu.getLatencies().memory + double(bytes) / gpu.getRates().cacheBytes;
}

/// A step is what one instruction's depth takes: the cycles in which a warp's part of the
/// core computes it must cover a read of shared memory.
int64_t StreamCosts::getStepsAhead(DotOp dot) const {
  const MatrixUnit *unit = getUnit(dot);
  if (!unit)
    return 1;
  ProductExtents size(dot);
  double products =
      double(llvm::divideCeil(size.m, unit->m)) * llvm::divideCeil(size.n, unit->n) / warps;
  double cycles = std::max(1.0, products) * unit->cyclesPerIssue() * std::min<int64_t>(warps, 4);
  return std::max<int64_t>(1, std::ceil(gpu.getLatencies().shared / cycles));
}

//===----------------------------------------------------------------------===//
// Trips
//===----------------------------------------------------------------------===//

/// The largest mean latency of a cycle through carried values. Every simple cycle has at
/// most as many trips as there are carried values.
double StreamCosts::getRecurrence(StreamOp stream) const {
  size_t count = stream.getCarried().size();
  constexpr double none = -1;
  using Matrix = std::vector<std::vector<double>>;
  Matrix step(count, std::vector<double>(count, none));
  for (size_t from = 0; from < count; ++from) {
    // Longest paths from one carried value; ops stand in the order of their uses.
    DenseMap<Value, double> reached;
    reached[stream.getCarried()[from]] = 0;
    auto find = [&](Value value) {
      auto found = reached.find(value);
      return found == reached.end() ? none : found->second;
    };
    for (Operation &op : stream.getBody().front().without_terminator()) {
      double start = none;
      op.walk([&](Operation *inner) {
        for (Value operand : inner->getOperands())
          start = std::max(start, find(operand));
      });
      if (start != none)
        for (Value result : op.getResults())
          reached[result] = start + getLatency(&op);
    }
    for (auto [to, value] : llvm::enumerate(stream.getYield().getValues()))
      step[from][to] = find(value);
  }
  Matrix walk = step;
  double most = 0;
  for (size_t length = 1; length <= count; ++length) {
    for (size_t i = 0; i < count; ++i)
      most = std::max(most, walk[i][i] / double(length));
    Matrix longer(count, std::vector<double>(count, none));
    for (size_t i = 0; i < count; ++i)
      for (size_t j = 0; j < count; ++j)
        for (size_t k = 0; k < count; ++k)
          if (walk[i][k] != none && step[k][j] != none)
            longer[i][j] = std::max(longer[i][j], walk[i][k] + step[k][j]);
    walk = std::move(longer);
  }
  return most;
}

TripCosts StreamCosts::get(StreamOp stream, const llvm::DenseSet<Operation *> &ahead) const {
  TripCosts costs;
  stream.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<StreamOp>(op))
      return WalkResult::skip();
    Busy busy = getBusy(op, ahead);
    double sum = 0, most = 0;
    for (auto [total, cycles] : llvm::zip(costs.busy, busy)) {
      total += cycles;
      sum += cycles;
      most = std::max(most, cycles);
    }
    // Operands are read beside the steps of their product; a load that nothing runs ahead
    // of is waited for.
    if (isa<DotOp>(op))
      costs.alone += most;
    else if (isa<LoadOp, GatherOp>(op))
      costs.alone += ahead.contains(op) ? 0 : gpu.getLatencies().memory + sum;
    else
      costs.alone += sum;
    return WalkResult::advance();
  });
  if (!ahead.empty())
    costs.alone += gpu.getLatencies().barrier;
  costs.recurrence = getRecurrence(stream);
  costs.alone = std::max({costs.alone, costs.getResource(), costs.recurrence});
  return costs;
}
