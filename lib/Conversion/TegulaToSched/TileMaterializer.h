//===- TileMaterializer.h - Tiles into buffers ------------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile is an immutable value; a buffer is overwritten. Which buffer an op
// writes is decided op by op, in order: over an operand that dies there, else
// into a new one. Lifetimes are known from the text before it changes: `lastUse`
// holds, for each tile, the op of its own block after which nobody reads it. A
// tile from outside a loop never dies inside it.
//
// A slice or reshape that only shows a tile in another way shares its buffer: who
// reads the one reads the other. Such a buffer is never written over.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_TEGULATOSCHED_TILEMATERIALIZER_H
#define TEGULA_LIB_CONVERSION_TEGULATOSCHED_TILEMATERIALIZER_H

#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Dialect/Tegula/IR/Schedule.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Target/TargetInfo.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace tegula {

inline bool isTile(mlir::Type type) { return mlir::isa<mlir::RankedTensorType>(type); }
inline bool isTile(mlir::Value value) { return isTile(value.getType()); }

/// The buffer whose storage `buf` is a part of.
mlir::Value getRoot(mlir::Value buf);

/// Whether a tile has `buf` to itself, so that another may follow in it.
inline bool isOwned(mlir::Value buf) { return buf.getDefiningOp<sched::AllocOp>() != nullptr; }

/// Schedules one kernel.
class TileMaterializer {
public:
  TileMaterializer(KernelOp kernel, llvm::StringRef targetName, const TargetInfo &target)
      : kernel(kernel), targetName(targetName), target(target), allocs(kernel.getContext()) {}

  mlir::FailureOr<sched::KernelOp> run();

private:
  // Lifetimes.
  bool sharesStorage(mlir::Operation *op);
  mlir::Operation *findLastUse(mlir::Value tile, mlir::Block *block);
  void findLastUses();
  bool diesAt(mlir::Value tile, mlir::Operation *op) { return lastUse.lookup(tile) == op; }

  // Buffers.
  mlir::Value alloc(sched::BufType type, mlir::Location loc);
  mlir::Value allocTile(mlir::Type tile, mlir::Location loc) {
    return alloc(sched::BufType::get(mlir::cast<mlir::RankedTensorType>(tile)), loc);
  }
  mlir::Value buffer(mlir::Value tile);
  void place(mlir::Value tile, mlir::Value buf) {
    buffers[tile] = buf;
    tenants[buf] = tile;
  }
  mlir::Value chooseBuffer(mlir::Value result, mlir::Operation *op,
                           llvm::ArrayRef<mlir::Value> candidates);
  mlir::Value getPart(mlir::Value result, mlir::Operation *op);
  bool readsPairs(DotOp op) const;
  mlir::Value getLeftOperand(DotOp op);
  mlir::Value getRightOperand(DotOp op);
  ScheduleRowAttr getRow(AnchorOpInterface op);
  mlir::FailureOr<sched::BufType> getStorage(mlir::Value tile, AnchorOpInterface anchor);
  void copy(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value from, mlir::Value to);

  // Ops.
  mlir::LogicalResult convertBlock(mlir::Block &block);
  mlir::LogicalResult convert(mlir::Operation *op);
  mlir::LogicalResult convert(LoadOp op);
  mlir::LogicalResult convert(StoreOp op);
  mlir::LogicalResult convert(GatherOp op);
  mlir::LogicalResult convert(ScatterOp op);
  mlir::LogicalResult convert(ReduceStoreOp op);
  mlir::LogicalResult convert(SegmentSumOp op);
  mlir::LogicalResult convert(DotOp op);
  mlir::LogicalResult convert(sched::MapOp op);
  mlir::LogicalResult convert(TransposeOp op);
  mlir::LogicalResult convert(mlir::tensor::ExtractSliceOp op);
  mlir::LogicalResult convert(ConcatOp op);
  mlir::LogicalResult convert(ReshapeOp op);
  mlir::LogicalResult convert(ScanOp op);
  mlir::LogicalResult convert(ArgMaxOp op);
  mlir::LogicalResult convert(mlir::arith::ConstantOp op);
  mlir::LogicalResult convert(mlir::tensor::ExtractOp op);
  mlir::LogicalResult convert(StreamOp op);
  mlir::LogicalResult convert(mlir::scf::IfOp op);
  void store(mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange tiles,
             llvm::ArrayRef<mlir::Value> buffers);

  KernelOp kernel;
  llvm::StringRef targetName;
  const TargetInfo &target;
  mlir::OpBuilder allocs;
  mlir::Operation *lastAlloc = nullptr;
  /// Of the stream whose body is being converted, or null.
  ScheduleAttr schedule;
  llvm::DenseMap<mlir::Value, mlir::Operation *> lastUse;
  /// Buffer of each tile, and the tile that lives in each buffer now.
  llvm::DenseMap<mlir::Value, mlir::Value> buffers, tenants;
  /// Packed copies of right operands that are stored otherwise, plain and transposed.
  std::array<llvm::DenseMap<mlir::Value, mlir::Value>, 2> packedCopies;
  /// Buffer that a tile should end in: a carried tile's, for what is yielded.
  llvm::DenseMap<mlir::Value, mlir::Value> wanted;
  /// Ops whose scheduled form is written, erased at the end.
  llvm::SmallVector<mlir::Operation *> done;
};

} // namespace tegula

#endif // TEGULA_LIB_CONVERSION_TEGULATOSCHED_TILEMATERIALIZER_H
