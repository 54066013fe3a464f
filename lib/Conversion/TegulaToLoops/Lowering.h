//===- Lowering.h - Tiles as buffers, tile ops as loops -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_TEGULATOLOOPS_LOWERING_H
#define TEGULA_LIB_CONVERSION_TEGULATOLOOPS_LOWERING_H

#include "Rings.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace tegula::loops {

using mlir::ArrayRef;
using mlir::LogicalResult;
using mlir::Operation;
using mlir::SmallVector;
using mlir::SmallVectorImpl;
using mlir::Type;
using mlir::Value;
using mlir::ValueRange;

/// Memory of one tile-level value: one buffer for a tile, three (m, l, acc) for
/// a softmax state. A buffer belongs to one value. It is written where the value
/// is defined (again on every trip of a loop around it) and never in between.
using Buffers = SmallVector<Value, 3>;

/// True for what lives in buffers: tiles, softmax states, scheduled buffers, fragments
/// and products in flight. Of scheduled ones only the tile counts: space, padding,
/// packing and layout do not.
bool isTileLevel(Type type);

/// Types of the tiles that a tile-level value consists of.
SmallVector<mlir::RankedTensorType, 3> getTiles(Type type);

/// Writes loops and scalar arithmetic.
class LoopBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using Indices = ValueRange;

  /// Constants go to the front of `constants`, each once.
  LoopBuilder(mlir::Location loc, mlir::Block *constants);

  Value constant(mlir::TypedAttr value);
  Value index(int64_t value);
  /// The number `value` as a float, integer or index.
  Value number(Type type, int64_t value);
  Value minusInfinity(mlir::FloatType type);

  /// `body` for every i in [0, extent).
  void loop(int64_t extent, llvm::function_ref<void(Value)> body);
  /// `body` for every point of a box, last axis innermost.
  void nest(ArrayRef<int64_t> shape, llvm::function_ref<void(Indices)> body);
  /// A loop over [0, extent) that carries scalars: `body` returns the next ones.
  SmallVector<Value> fold(int64_t extent, ValueRange start,
                          llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body);
  /// `body` where `condition` holds.
  void when(Value condition, llvm::function_ref<void()> body);

  Value load(Value buffer, Indices at);
  void store(Value value, Value buffer, Indices at);

  /// The 32-bit float that a 16-bit one stands for; other values as they are.
  Value widen(Value value);
  /// `value` as a float of another type, rounded once, to nearest even.
  Value convertFloat(Value value, mlir::FloatType type);
  /// An integer as a float, rounded once, to nearest even.
  Value convertInteger(Value value, mlir::FloatType type, bool isSigned);
  /// The scalar results of one elementwise op on scalars.
  SmallVector<Value> apply(Operation *op, ValueRange operands);

  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  /// NaN-propagating on floats, signed on integers.
  Value maximum(Value a, Value b);
  Value minimum(Value a, Value b);
  Value combine(Combine kind, Value a, Value b);
  /// x with combine(kind, x, y) = y for every y.
  Value neutral(Combine kind, Type type);
  Value exp(Value x);
  Value select(Value condition, Value a, Value b);
  Value isEqual(Value a, Value b);

private:
  Value narrowToOddF32(Value value);
  Value narrowToBF16(Value value);
  SmallVector<Value> divide(Operation *op, Value lhs, Value rhs);
  Operation *recreate(Operation *op, ValueRange operands, llvm::function_ref<Type(Type)> convert);

  mlir::Block *constants;
  llvm::DenseMap<mlir::Attribute, Value> known;
};

/// Type that sums of `type` are kept in: f32 for 16-bit floats, else `type`.
Type getAccumulator(Type type);

/// Lowers one kernel in place. The functions `lower` below write the loops of one
/// op at the builder's insertion point; everything about regions is in here.
class Lowering {
public:
  explicit Lowering(KernelOpInterface kernel);

  /// Replaces every tile of the kernel by buffers.
  LogicalResult run();

  LoopBuilder &builder() { return b; }
  /// Buffers of a tile-level value that is already lowered.
  ArrayRef<Value> buffers(Value value) const;
  /// The buffer of a tile that is already lowered.
  Value buffer(Value tile) const { return buffers(tile).front(); }
  /// Gives a tile-level value new buffers.
  ArrayRef<Value> define(Value value);
  /// Gives a tile-level value the buffers of others, which are not written while
  /// `value` lives.
  void alias(Value value, ArrayRef<Value> existing);
  /// The insertion point where the instance begins: what is written there runs once.
  void atEntry(llvm::function_ref<void()> body);
  /// Copies all elements.
  void copy(Value from, Value to);
  /// A buffer of the instance that belongs to no value: scratch memory of one op.
  Value allocate(mlir::RankedTensorType type);
  /// Memory of as many tiles as `count` says, from here to the end of the instance.
  Value allocateHere(mlir::MemRefType type, Value count);
  Rings &getRings() { return rings; }
  /// Makes the grid run its instances one after the other.
  void runInOrder() { grid.setOrder(GridOrder::sequential); }

private:
  LogicalResult checkTypes();
  LogicalResult sinkLaunchTiles();
  LogicalResult lowerBlock(mlir::Block &block);
  LogicalResult lowerOp(Operation *op);
  LogicalResult lowerRegions(Operation *op);
  LogicalResult lowerElementwise(Operation *op);
  LogicalResult lowerStream(StreamOp op);
  LogicalResult lowerFor(mlir::scf::ForOp op);
  LogicalResult lowerIf(mlir::scf::IfOp op);
  LogicalResult lowerMap(sched::MapOp op);
  LogicalResult lowerRole(sched::RoleOp op);
  LogicalResult lowerPhase(sched::PhaseOp op);
  LogicalResult lowerLoopBody(Operation *op, mlir::Block &body, mlir::scf::ForOp loop,
                              Value position, ValueRange inits);
  void copyAll(ValueRange from, ArrayRef<Value> to);
  void freeBuffers();

  GridOp grid;
  mlir::Block *launch;
  LoopBuilder b;
  /// Marks where the instance begins: buffers are allocated before it.
  Operation *entry = nullptr;
  llvm::DenseMap<Value, Buffers> tiles;
  SmallVector<Value> allocated;
  /// Buffers that are allocated behind the beginning of the instance.
  SmallVector<Value> allocatedLate;
  Rings rings;
  /// Ops that are lowered; erased last to first, so that users go before them.
  SmallVector<Operation *> lowered;
};

//===----------------------------------------------------------------------===//
// Loops that both levels share
//===----------------------------------------------------------------------===//

/// Where a tile lies in a view: offsets, and limits or none. Coordinates along
/// `axis` come from the indices in the buffer `by`, where there is one; that axis
/// then has neither offset nor limit.
struct Window {
  ValueRange at, upto;
  Value by = nullptr;
  int64_t axis = -1;
};
void writeLoad(LoopBuilder &b, Value view, Window window, Value pad, Value tile);
void writeStore(LoopBuilder &b, Value tile, Value view, Window window);
/// Combines what is in bounds with what the view holds, `atomic` or not.
void writeReduceStore(LoopBuilder &b, Combine kind, bool atomic, Value tile, Value view,
                      Window window);

/// An operand of a product; `trans`: its last two axes are swapped in memory.
struct DotOperand {
  Value buffer;
  bool trans;
};
/// `start` plus the products that belong to element `at` of the result.
Value writeDotSum(LoopBuilder &b, DotOperand lhs, DotOperand rhs, Value start, ValueRange at);

struct Scan {
  Combine kind;
  int64_t axis;
  bool reverse, exclusive;
};
void writeScan(LoopBuilder &b, Scan scan, Value x, Value result);
void writeArgMax(LoopBuilder &b, Value x, Value result, int64_t axis);
void writeReshape(LoopBuilder &b, Value x, Value result);
/// Adds row e of `x` to row `by[e]` of `result`, in order.
void writeSegmentSum(LoopBuilder &b, Value x, Value by, Value result);
/// A global that holds `value`, in the symbol table around `from`.
mlir::memref::GlobalOp createGlobal(Operation *from, mlir::ElementsAttr value);

//===----------------------------------------------------------------------===//
// One op each
//===----------------------------------------------------------------------===//

LogicalResult lower(LoadOp op, Lowering &lowering);
LogicalResult lower(StoreOp op, Lowering &lowering);
LogicalResult lower(GatherOp op, Lowering &lowering);
LogicalResult lower(ScatterOp op, Lowering &lowering);
LogicalResult lower(ReduceStoreOp op, Lowering &lowering);
LogicalResult lower(LowRankDotOp op, Lowering &lowering);
LogicalResult lower(ButterflyOp op, Lowering &lowering);
LogicalResult lower(SegmentIdsOp op, Lowering &lowering);
LogicalResult lower(SegmentSumOp op, Lowering &lowering);
LogicalResult lower(DotOp op, Lowering &lowering);
LogicalResult lower(ReduceOp op, Lowering &lowering);
LogicalResult lower(ArgMaxOp op, Lowering &lowering);
LogicalResult lower(ScanOp op, Lowering &lowering);
LogicalResult lower(BroadcastOp op, Lowering &lowering);
LogicalResult lower(TransposeOp op, Lowering &lowering);
LogicalResult lower(ReshapeOp op, Lowering &lowering);
LogicalResult lower(ConcatOp op, Lowering &lowering);
LogicalResult lower(IotaOp op, Lowering &lowering);
LogicalResult lower(Exp2Op op, Lowering &lowering);
LogicalResult lower(mlir::arith::ConstantOp op, Lowering &lowering);
LogicalResult lower(mlir::tensor::SplatOp op, Lowering &lowering);
LogicalResult lower(mlir::tensor::FromElementsOp op, Lowering &lowering);
LogicalResult lower(mlir::tensor::ExtractOp op, Lowering &lowering);
LogicalResult lower(mlir::tensor::ExtractSliceOp op, Lowering &lowering);
LogicalResult lower(SoftmaxInitOp op, Lowering &lowering);
LogicalResult lower(SoftmaxUpdateOp op, Lowering &lowering);
LogicalResult lower(SoftmaxMergeOp op, Lowering &lowering);
LogicalResult lower(SoftmaxStateOp op, Lowering &lowering);
LogicalResult lower(SoftmaxPartsOp op, Lowering &lowering);
LogicalResult lower(SoftmaxFinishOp op, Lowering &lowering);
LogicalResult lower(sched::AllocOp op, Lowering &lowering);
LogicalResult lower(sched::ConstantOp op, Lowering &lowering);
LogicalResult lower(sched::SliceOp op, Lowering &lowering);
LogicalResult lower(sched::ViewOp op, Lowering &lowering);
LogicalResult lower(sched::CopyOp op, Lowering &lowering);
LogicalResult lower(sched::StoreOp op, Lowering &lowering);
LogicalResult lower(sched::GatherOp op, Lowering &lowering);
LogicalResult lower(sched::ScatterOp op, Lowering &lowering);
LogicalResult lower(sched::ReduceStoreOp op, Lowering &lowering);
LogicalResult lower(sched::SegmentSumOp op, Lowering &lowering);
LogicalResult lower(sched::MmaOp op, Lowering &lowering);
LogicalResult lower(sched::MoveOp op, Lowering &lowering);
LogicalResult lower(sched::ReshapeOp op, Lowering &lowering);
LogicalResult lower(sched::ScanOp op, Lowering &lowering);
LogicalResult lower(sched::ArgMaxOp op, Lowering &lowering);
LogicalResult lower(sched::ScalarOp op, Lowering &lowering);
LogicalResult lower(sched::DiffersOp op, Lowering &lowering);
LogicalResult lower(sched::TripsOp op, Lowering &lowering);
LogicalResult lower(sched::ChannelOp op, Lowering &lowering);
LogicalResult lower(sched::AcquireOp op, Lowering &lowering);
LogicalResult lower(sched::WaitOp op, Lowering &lowering);
LogicalResult lower(sched::DrainOp op, Lowering &lowering);
LogicalResult lower(sched::PartOp op, Lowering &lowering);
LogicalResult lower(sched::LoadOp op, Lowering &lowering);
LogicalResult lower(sched::FillOp op, Lowering &lowering);
LogicalResult lower(sched::SplatOp op, Lowering &lowering);
LogicalResult lower(sched::ConvertOp op, Lowering &lowering);
LogicalResult lower(sched::MmaWaitOp op, Lowering &lowering);
LogicalResult lower(sched::CutOp op, Lowering &lowering);
LogicalResult lower(sched::ConcatOp op, Lowering &lowering);
LogicalResult lower(sched::TakeOp op, Lowering &lowering);

/// Makes the memory of the rings between roles that `role` fills.
LogicalResult lowerRings(Lowering &lowering, sched::RoleOp role);

} // namespace tegula::loops

#endif // TEGULA_LIB_CONVERSION_TEGULATOLOOPS_LOWERING_H
