//===- Vendor.h - What GPU vendors do differently ---------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// SchedToGPU lowers every scheduled op to code of one thread. What it cannot say in
// terms that all GPUs share it asks of a Vendor: who a thread is, how threads wait for
// each other and for their copies, what a matrix instruction takes, how lanes exchange
// words. A leaf folder implements this class and nothing else.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_SCHEDTOGPU_VENDOR_H
#define TEGULA_LIB_CONVERSION_SCHEDTOGPU_VENDOR_H

#include "Registers.h"
#include "Storage.h"

namespace tegula {
class GpuInfo;
}

namespace tegula::gpu {

/// One stage of a buffer in shared memory, or a box of it.
struct Buffer {
  sched::BufType type; ///< of the box
  mlir::Value base;    ///< pointer to the stage
  Storage storage;     ///< of the whole stage
  Coordinate row, col; ///< where the box begins
};

/// A product of one matrix instruction: names of the atoms of its operands and result.
struct MatrixProduct {
  llvm::StringRef a, b, d;
  mlir::Type operand, result;
};

/// Instructions whose order a phase declares.
enum class Issue : uint8_t { GlobalLoad, GlobalStore, SharedLoad, SharedStore, Product };

/// So many of one kind in a row.
struct IssueRun {
  Issue kind;
  int64_t count;
};

/// What differs between vendors. All methods write at the emitter's insertion point.
class Vendor {
public:
  virtual ~Vendor() = default;

  /// The row of the table of targets.
  virtual const GpuInfo &getInfo() const = 0;

  //===--------------------------------------------------------------------===//
  // The kernel
  //===--------------------------------------------------------------------===//

  /// Marks `function` as a kernel of `threads` threads.
  virtual void finishKernel(mlir::LLVM::LLVMFuncOp function, int64_t threads) = 0;
  /// Whether shared memory is asked for at the launch, not by the kernel itself.
  virtual bool isSharedDynamic() const = 0;
  /// The thread's number in its block, and the block's in the grid: i32.
  virtual mlir::Value threadId(Emitter &e) = 0;
  virtual mlir::Value blockId(Emitter &e) = 0;
  /// `value`, which all lanes of a warp agree on, where a register of the warp keeps it.
  virtual mlir::Value uniform(Emitter &e, mlir::Value value) = 0;

  //===--------------------------------------------------------------------===//
  // Threads
  //===--------------------------------------------------------------------===//

  /// LLVM's name of the threads of one device.
  virtual llvm::StringRef getDeviceScope() const = 0;
  /// All threads of the block: what each has stored in shared memory is seen by all.
  virtual void barrier(Emitter &e) = 0;
  /// Whether `bit` holds in some lane of the warp.
  virtual mlir::Value any(Emitter &e, mlir::Value bit) = 0;
  /// The same, and what each has stored in device memory is seen by all as well.
  virtual void globalBarrier(Emitter &e) { barrier(e); }
  /// The i32 `word` of the lane whose number differs by the bits of `mask`.
  virtual mlir::Value exchange(Emitter &e, mlir::Value word, int64_t mask) = 0;
  /// The i32 `word` of lane `lane`, i32; each lane may read another.
  virtual mlir::Value readLane(Emitter &e, mlir::Value word, mlir::Value lane) = 0;

  //===--------------------------------------------------------------------===//
  // Copies from global to shared memory beside the program
  //===--------------------------------------------------------------------===//

  /// Whether one lane can copy pieces of `bytes`.
  virtual bool canCopyAsync(int64_t bytes) const = 0;
  /// Copies one piece; of it `valid` bytes (i32; null: all) come from `source`, and the
  /// rest become 0.
  virtual void copyAsync(Emitter &e, mlir::Value dest, mlir::Value source, int64_t bytes,
                         mlir::Value valid) = 0;
  /// Ends a group of copies of this thread.
  virtual void commitAsync(Emitter &e) = 0;
  /// Waits until only the `inflight` youngest groups of this thread may fly.
  virtual void waitAsync(Emitter &e, int64_t inflight) = 0;

  //===--------------------------------------------------------------------===//
  // Products
  //===--------------------------------------------------------------------===//

  /// Whether one instruction forms this product.
  virtual bool hasProduct(const MatrixProduct &product) const = 0;
  /// d = a * b + c of one atom: the registers of a thread, in the atoms' order.
  virtual Values multiply(Emitter &e, const MatrixProduct &product, mlir::ValueRange a,
                          mlir::ValueRange b, mlir::ValueRange c) = 0;
  /// Registers of a fragment from `first` on that one instruction loads from a buffer
  /// (`trans`: whose axes are the fragment's exchanged); none where no instruction does
  /// and each thread loads its own elements.
  virtual Values loadMatrices(Emitter &e, const Buffer &buffer, const Registers &regs,
                              bool trans, int64_t first, mlir::Value lane,
                              const Coordinate &warpRow, const Coordinate &warpCol) = 0;

  //===--------------------------------------------------------------------===//
  // Arithmetic
  //===--------------------------------------------------------------------===//

  /// 2^x of an f32 by the special-function unit.
  virtual mlir::Value exp2(Emitter &e, mlir::Value x) = 0;

  //===--------------------------------------------------------------------===//
  // Order
  //===--------------------------------------------------------------------===//

  /// Nothing moves across this point (a phase begins or ends).
  virtual void fence(Emitter &e) {}
  virtual bool isFence(mlir::Operation *op) { return false; }
  /// What an op that this class wrote, or a load or store, becomes; none if its place
  /// does not matter.
  virtual std::optional<Issue> classify(mlir::Operation *op) { return std::nullopt; }
  /// Instructions of this kind do not move across this point; others may.
  virtual void pin(Emitter &e, Issue kind) {}
  /// Loads from device memory have landed here: a loop begins that need not wait for them.
  virtual void settle(Emitter &e) {}
  /// The instructions since the last fence or branch are issued in this order.
  virtual void order(Emitter &e, llvm::ArrayRef<IssueRun> runs) {}
};

} // namespace tegula::gpu

#endif // TEGULA_LIB_CONVERSION_SCHEDTOGPU_VENDOR_H
