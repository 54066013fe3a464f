//===- RoleMaterializer.h - Tile programs into roles and fragments --------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One kernel of tiles becomes a scheduled kernel of one role (SCHED.md 2). Tiles become
// fragments, in the layouts that `FragmentLayouts` decides. Where a stream's schedule
// puts loads into rings, their copies run ahead by the distance between their stage and
// the last one; everything else keeps its place. Conversions stand where a value is
// made, so that they dominate its uses.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_TEGULATOSCHED_ROLEMATERIALIZER_H
#define TEGULA_LIB_CONVERSION_TEGULATOSCHED_ROLEMATERIALIZER_H

#include "FragmentLayouts.h"

#include "tegula/Dialect/Tegula/IR/Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace tegula {

class RoleMaterializer {
public:
  RoleMaterializer(KernelOp kernel, mlir::StringRef targetName, const GpuInfo &gpu,
                   ScheduleRoleAttr role);

  mlir::FailureOr<sched::KernelOp> run();

private:
  friend class StreamMaterializer;

  /// A fragment of a tile, in one layout.
  struct Held {
    layout::Layout layout;
    mlir::Value fragment;
  };

  // Types and values.
  sched::FragType getFragType(mlir::RankedTensorType tile, const layout::Layout &layout);
  sched::FragType getFragType(mlir::Value tile);
  void hold(mlir::Value tile, mlir::Value fragment);
  void hold(mlir::Value tile, const layout::Layout &layout, mlir::Value fragment);
  mlir::Value getFragment(mlir::Value tile);
  mlir::Value getFragment(mlir::Value tile, const layout::Layout &wanted);
  mlir::Value getIndices(mlir::Value indices, mlir::Value tile, int64_t axis);
  mlir::Value convertLayout(mlir::Value fragment, const layout::Layout &from,
                            const layout::Layout &to);
  layout::Layout getDomainLayout(sched::MapOp map);

  // What a load becomes: a fragment for each layout that its users want.
  struct Use {
    layout::Layout layout;
    /// The fragment is of the transposed tile.
    bool turned;
    bool operator==(const Use &other) const {
      return layout == other.layout && turned == other.turned;
    }
  };
  std::vector<Use> getUses(mlir::Value tile);
  std::optional<Use> getOperandUse(DotOp dot, bool right);
  std::pair<mlir::Value, bool> getOperand(DotOp dot, bool right);
  /// A tile in shared memory, as it is or transposed.
  struct Stored {
    mlir::Value buffer;
    bool turned;
  };
  Stored getStored(mlir::Value tile);
  mlir::Value fillOne(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType tile,
                      sched::Completion kind, llvm::function_ref<void(mlir::Value)> fill);
  mlir::Value putShared(mlir::Value tile);
  bool copyShared(LoadOp load);
  void releasePut();
  void loadUses(mlir::OpBuilder &builder, LoadOp load, mlir::Value buffer, bool storedTurned,
                mlir::IntegerAttr ahead);

  // Ops.
  mlir::LogicalResult convertBlock(mlir::Block &block);
  mlir::LogicalResult convert(mlir::Operation *op);
  mlir::LogicalResult convert(LoadOp op);
  mlir::LogicalResult convert(StoreOp op);
  mlir::LogicalResult convert(DotOp op);
  mlir::LogicalResult convert(GatherOp op);
  mlir::LogicalResult convert(ScatterOp op);
  mlir::LogicalResult convert(ReduceStoreOp op);
  mlir::LogicalResult convert(SegmentSumOp op);
  mlir::LogicalResult convert(TransposeOp op);
  mlir::LogicalResult convert(mlir::tensor::ExtractSliceOp op);
  mlir::LogicalResult convert(mlir::tensor::ExtractOp op);
  mlir::LogicalResult convert(ConcatOp op);
  mlir::LogicalResult convert(ReshapeOp op);
  mlir::LogicalResult convert(ScanOp op);
  mlir::LogicalResult convert(ArgMaxOp op);
  mlir::LogicalResult convert(mlir::arith::ConstantOp op);
  mlir::LogicalResult convert(sched::MapOp op);
  mlir::LogicalResult convert(sched::DiffersOp op);
  mlir::LogicalResult convert(StreamOp op);
  mlir::LogicalResult convert(mlir::scf::IfOp op);

  mlir::Block *makeRole(mlir::Block &block);
  /// An op outside the role, at the end of what stands there.
  template <typename Op, typename... Args> Op createOutside(mlir::Location loc, Args &&...args) {
    mlir::OpBuilder builder(role);
    return Op::create(builder, loc, std::forward<Args>(args)...);
  }

  KernelOp kernel;
  mlir::StringRef targetName;
  const GpuInfo &gpu;
  ScheduleRoleAttr roleAttr;
  FragmentLayouts layouts;
  mlir::Operation *role = nullptr;
  llvm::DenseMap<mlir::Value, std::vector<Held>> fragments;
  /// Fragments of transposed tiles that loads made for products.
  llvm::DenseMap<mlir::Value, std::vector<Held>> turned;
  /// Tiles that products read from shared memory.
  llvm::DenseMap<mlir::Value, Stored> stored;
  /// Slots of tiles that were put there from registers.
  llvm::SmallVector<mlir::Value> put;
  /// Ops whose scheduled form is written, erased at the end.
  llvm::SmallVector<mlir::Operation *> done;
};

} // namespace tegula

#endif // TEGULA_LIB_CONVERSION_TEGULATOSCHED_ROLEMATERIALIZER_H
