//===- Lowering.h - Scheduled ops into loops over vectors -------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_SCHEDTOX86_LOWERING_H
#define TEGULA_LIB_CONVERSION_SCHEDTOX86_LOWERING_H

#include "Emitter.h"
#include "Storage.h"

namespace tegula::x86 {

/// The arena of one kernel and the buffers in it.
class Arena {
public:
  /// Replaces the placed allocations of `grid`; fails on one without a place.
  mlir::LogicalResult place(GridOp grid, const TargetInfo &target);
  /// Where a buffer's tile is: its storage, or where it has been redirected to.
  mlir::Value get(mlir::Value buffer) const {
    mlir::Value place = places.lookup(buffer);
    return place ? place : storage.lookup(buffer);
  }
  /// The storage of a buffer under another shape; null for a slice, whose rows do
  /// not follow each other.
  mlir::Value get(mlir::Value buffer, llvm::ArrayRef<int64_t> shape);
  /// Gives `buffer` a storage that is made elsewhere.
  void set(mlir::Value buffer, mlir::Value memref) { storage[buffer] = memref; }
  /// From here on the tile of `buffer` is read from `memref`, which has its shape.
  void redirect(mlir::Value buffer, mlir::Value memref) { places[buffer] = memref; }
  /// `buffer` is written: its tile is in its storage again.
  void restore(mlir::Value buffer) { places.erase(buffer); }
  /// Whether the tile of `buffer` has been redirected, and is asked for here for the
  /// first time since then: it comes from far away.
  bool isFirstRead(mlir::Value buffer) {
    return places.contains(buffer) && touched.insert(places.lookup(buffer)).second;
  }
  /// Erases the allocations, which nothing uses any more.
  void finish();

private:
  mlir::Value view(sched::AllocOp alloc, mlir::MemRefType type);

  mlir::Value arena;
  mlir::Operation *last = nullptr; ///< views are made behind this op
  llvm::DenseMap<mlir::Value, mlir::Value> storage, places;
  llvm::DenseSet<mlir::Value> touched;
  llvm::SmallVector<sched::AllocOp> allocs;
};

/// What the lowering of an op needs to know.
struct Context {
  Arena &arena;
  const TargetInfo &target;
  mlir::SymbolTable &symbols; ///< of the module, for constant tiles
  /// Constants that stand in memory already, by value and buffer type.
  llvm::DenseMap<std::pair<mlir::Attribute, mlir::Type>, mlir::memref::GlobalOp> constants{};
  /// Stores whose tile a map has written in place, if the whole of it lies inside:
  /// the condition, or null where that always holds.
  llvm::DenseMap<mlir::Operation *, mlir::Value> inPlace{};
};

/// Whether maps may read the tile of `op` in its view, where it is whole.
bool canReadInPlace(Context &context, sched::CopyOp op);
/// Writes what maps then read, instead of the copy's buffer.
mlir::Value readInPlace(Context &context, Emitter &emit, sched::CopyOp op);
/// The store of the tile that `map` yields as `number`, if the map may write it in
/// the view, where it is whole; or null. What the store reads is known at the map.
sched::StoreOp findStoreInPlace(Context &context, sched::MapOp map, unsigned number);
/// What the map then writes, and notes that the store is done where that is the view.
mlir::Value writeInPlace(Context &context, Emitter &emit, sched::StoreOp op);

/// The elements of `value` in memory, laid out as the storage of `buf`; fails on a
/// constant without data.
mlir::FailureOr<mlir::Value> makeConstant(Context &context, Emitter &emit, mlir::Operation *op,
                                          mlir::ElementsAttr value, sched::BufType buf);

// One per op; each writes in front of the op, which the caller erases.
mlir::LogicalResult lowerCopy(Context &context, Emitter &emit, sched::CopyOp op);
mlir::LogicalResult lowerStore(Context &context, Emitter &emit, sched::StoreOp op);
mlir::LogicalResult lowerGather(Context &context, Emitter &emit, sched::GatherOp op);
mlir::LogicalResult lowerScatter(Context &context, Emitter &emit, sched::ScatterOp op);
mlir::LogicalResult lowerReduceStore(Context &context, Emitter &emit, sched::ReduceStoreOp op);
mlir::LogicalResult lowerSegmentSum(Context &context, Emitter &emit, sched::SegmentSumOp op);
mlir::LogicalResult lowerMma(Context &context, Emitter &emit, sched::MmaOp op);
mlir::LogicalResult lowerMap(Context &context, Emitter &emit, sched::MapOp op);
mlir::LogicalResult lowerMove(Context &context, Emitter &emit, sched::MoveOp op);
mlir::LogicalResult lowerReshape(Context &context, Emitter &emit, sched::ReshapeOp op);
mlir::LogicalResult lowerConstant(Context &context, Emitter &emit, sched::ConstantOp op);
mlir::LogicalResult lowerSlice(Context &context, Emitter &emit, sched::SliceOp op);
mlir::LogicalResult lowerView(Context &context, Emitter &emit, sched::ViewOp op);
mlir::LogicalResult lowerScalar(Context &context, Emitter &emit, sched::ScalarOp op);
mlir::LogicalResult lowerScan(Context &context, Emitter &emit, sched::ScanOp op);
mlir::LogicalResult lowerArgMax(Context &context, Emitter &emit, sched::ArgMaxOp op);

} // namespace tegula::x86

#endif // TEGULA_LIB_CONVERSION_SCHEDTOX86_LOWERING_H
