//===- FragmentLayouts.h - Layouts of the tiles of a kernel ---------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which layout each tile of a kernel has when it becomes a fragment, decided once for
// the whole kernel. Tiles that meet in elementwise work, in a loop's carried value or in
// an accumulator form a *class*, which has one layout: that of a product's result where
// one is among them, else that of the operand they become, else pieces of 16 bytes as
// memory has them. Tiles of rows or columns take the layout of a class that they are
// broadcast into or reduced from, with one axis dropped: both cost no exchange then.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_TEGULATOSCHED_FRAGMENTLAYOUTS_H
#define TEGULA_LIB_CONVERSION_TEGULATOSCHED_FRAGMENTLAYOUTS_H

#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Support/Layout/Layout.h"
#include "tegula/Target/GpuInfo.h"

#include "llvm/ADT/IntEqClasses.h"

#include <vector>

namespace tegula {

/// A tile as a matrix: leading axes flattened into rows. A tile of rank 1 is a row.
layout::Extents getMatrixExtents(llvm::ArrayRef<int64_t> shape);
inline layout::Extents getMatrixExtents(mlir::RankedTensorType tile) {
  return getMatrixExtents(tile.getShape());
}

class FragmentLayouts {
public:
  FragmentLayouts(const GpuInfo &gpu, int64_t warps) : gpu(gpu), warps(warps) {}

  /// Fails with a diagnostic at an op that has no form on fragments.
  mlir::LogicalResult assign(KernelOp kernel);

  /// The layout of a tile.
  const layout::Layout &get(mlir::Value tile) const;
  /// What a product wants of its operands; of the tiles as the op names them.
  layout::Layout getA(DotOp dot) const;
  layout::Layout getB(DotOp dot) const;
  /// What it gives. Its class may have that of another product, by another unit.
  layout::Layout getD(DotOp dot) const;
  /// Whether the product reads its operands from shared memory, wherever its lanes need
  /// them: multiply-adds do, for then each lane needs all the depth of its rows and columns.
  bool readsShared(DotOp dot) const { return products.find(dot)->second.unit == nullptr; }
  /// Pieces of 16 bytes of a tile of elements of so many bytes, as copies of rows move them.
  layout::Layout getPieces(llvm::ArrayRef<int64_t> shape, unsigned elementBytes = 4) const;
  layout::Layout getEverywhere() const;

private:
  struct Product {
    /// The instruction; null: multiply-adds.
    const MatrixUnit *unit;
    /// Atoms of the product: `atoms`.A, `atoms`.B, `atoms`.D, of multiply-adds D alone.
    std::string atoms;
    layout::Warps warps;
    /// The instruction computes the transposed result.
    bool transposed;
  };

  unsigned getClass(mlir::Value tile);
  void join(mlir::Value a, mlir::Value b);
  mlir::LogicalResult collect(KernelOp kernel);
  mlir::LogicalResult collect(sched::MapOp map);
  mlir::FailureOr<Product> choose(DotOp dot) const;
  layout::Layout cover(const layout::Atom &atom, layout::Extents tile,
                       std::optional<layout::Warps> deal = std::nullopt) const;
  layout::Layout cover(const Product &product, char part, layout::Extents tile, bool turn) const;

  const GpuInfo &gpu;
  int64_t warps;
  /// Tiles by number, and the number of each.
  llvm::SmallVector<mlir::Value> tiles;
  llvm::DenseMap<mlir::Value, unsigned> numbers;
  llvm::SmallVector<std::pair<unsigned, unsigned>> joined;
  llvm::IntEqClasses classes;
  std::vector<std::optional<layout::Layout>> layouts;
  llvm::DenseMap<mlir::Operation *, Product> products;
  /// A tile of rank 1, one that it is broadcast into or reduced from, and the axis that
  /// it lacks.
  struct Relation {
    unsigned line, matrix, axis;
  };
  llvm::SmallVector<Relation> relations;
};

} // namespace tegula

#endif // TEGULA_LIB_CONVERSION_TEGULATOSCHED_FRAGMENTLAYOUTS_H
