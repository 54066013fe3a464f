//===- Storage.h - How buffers lie in the arena -----------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows: the tile's shape with the last axis padded to whole vectors, so that
// strips and register blocks need no tails. A tile of rank 0 is a row of one.
//
//   buf<3x40xbf16>   ->  memref<3x48xf32>
//
// Packed: [batch..][panels][K][panel]; `transposed` only says which axis of the
// tile is K.
//
//   buf<256x40xf32, pack n32>    ->  memref<2x256x32xf32>
//   buf<256x40xf32, pack n32t>   ->  memref<8x40x32xf32>
//
// Where the target sums pairs along K (bf16), two neighbours of K lie side by side,
// and an odd K is padded with zeros: [batch..][panels][K/2][2 panel].
//
//   buf<256x40xbf16, pack n32>   ->  memref<2x128x64xbf16>
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_SCHEDTOX86_STORAGE_H
#define TEGULA_LIB_CONVERSION_SCHEDTOX86_STORAGE_H

#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Target/TargetInfo.h"

namespace tegula::x86 {

/// The memref that holds a buffer; the element must have a storage type.
mlir::MemRefType getStorage(sched::BufType buf, const TargetInfo &target);

/// Whether the storage of `buf` holds pairs of neighbours along K.
bool isPaired(sched::BufType buf, const TargetInfo &target);

/// Bytes of `getStorage`.
int64_t getStorageBytes(sched::BufType buf, const TargetInfo &target);

/// The target of a kernel, or null with a diagnostic.
const TargetInfo *getTarget(sched::KernelOp kernel);

/// Refuses a buffer that the target cannot hold.
mlir::LogicalResult verifyStorage(sched::AllocOp alloc, const TargetInfo &target);

} // namespace tegula::x86

#endif // TEGULA_LIB_CONVERSION_SCHEDTOX86_STORAGE_H
