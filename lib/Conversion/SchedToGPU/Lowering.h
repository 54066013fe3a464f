//===- Lowering.h - Scheduled kernels into code of one thread ---*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   sched.kernel                         llvm.func @k(pointers, sizes, strides, scalars)
//     launch part                 ->       its arithmetic, again
//     tegula.grid (%i) {                   i = position of the block
//       sched.role warps 4 { ... }         code of one thread
//
// A fragment becomes one SSA scalar per register; a slot the number of its stage; a
// view its pointer, sizes and strides. Loops carry all three, and the stage at which
// each ring stands.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_CONVERSION_SCHEDTOGPU_LOWERING_H
#define TEGULA_LIB_CONVERSION_SCHEDTOGPU_LOWERING_H

#include "Vendor.h"
#include "tegula/Analysis/IndexFacts.h"
#include "tegula/Analysis/ScheduledKernel.h"
#include "tegula/Support/Layout/Conversion.h"
#include "tegula/Support/SymbolName.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace tegula::gpu {

/// A view of device memory.
struct View {
  mlir::Type elem;
  mlir::Value pointer;     ///< to element 0
  Values sizes, strides;   ///< i64; strides count elements
  int64_t align = 1;       ///< bytes that divide the pointer
  llvm::SmallVector<int64_t> multiples; ///< elements that divide each stride

  int64_t getRank() const { return sizes.size(); }
};

/// A tile in the registers of the threads.
struct Fragment {
  sched::FragType type;
  Registers regs;
  /// One scalar per register. A null one is loaded from `source` when it is asked for.
  Values elements;
  std::optional<Buffer> source;
  bool trans = false;
};

/// A ring: where its buffers lie and the stages that come next.
struct Ring {
  sched::ChanType type;
  llvm::SmallVector<int64_t> offsets; ///< of each buffer in shared memory
  mlir::Value acquire, wait;          ///< i32, the next stage for each
};

/// The box of a view that a tile comes from or goes to.
struct Window {
  mlir::ValueRange at, upto; ///< of the kernel's text
  mlir::Value where;         ///< i1 of the kernel's text; null: always
};

/// Lowers one kernel.
class Lowering {
public:
  Lowering(sched::KernelOp kernel, Vendor &vendor);
  llvm::LogicalResult run();

  //===--------------------------------------------------------------------===//
  // What ops mean here
  //===--------------------------------------------------------------------===//

  Emitter at(mlir::Location loc) { return Emitter(builder, loc); }
  /// An error: the target has no code for what `op` does (or is, or reads ...).
  llvm::LogicalResult refuse(mlir::Operation *op, const llvm::Twine &what) const;
  /// A scalar of the kernel's text.
  mlir::Value scalar(mlir::Value value);
  void setScalar(mlir::Value value, mlir::Value here) { scalars.map(value, here); }
  /// `result` is one element of a view.
  llvm::LogicalResult lowerElement(mlir::Value from, mlir::ValueRange at, mlir::Value result);
  llvm::FailureOr<View> view(mlir::Value value);
  llvm::FailureOr<Buffer> buffer(mlir::Value value);
  Fragment &fragment(mlir::Value value);
  llvm::LogicalResult define(mlir::Value value, Values elements);
  /// The registers of a fragment: as its layout says or, without one, as the map that
  /// reads it wants a row or column of its domain.
  llvm::FailureOr<Registers> registersOf(mlir::Value fragment) const;
  /// Elements of the registers [first, first + count), loaded now where they were not.
  llvm::ArrayRef<mlir::Value> elements(Emitter &e, Fragment &fragment, int64_t first,
                                       int64_t count);
  Values elements(Emitter &e, Fragment &fragment);

  //===--------------------------------------------------------------------===//
  // Where a thread stands
  //===--------------------------------------------------------------------===//

  /// What lane and warp add to positions.
  Coordinate rowOf(Emitter &e, const Registers &regs);
  Coordinate colOf(Emitter &e, const Registers &regs);
  Coordinate warpRowOf(Emitter &e, const Registers &regs);
  Coordinate warpColOf(Emitter &e, const Registers &regs);
  /// Whether this lane is the first of those that agree in rows, in columns, or in both;
  /// null where each is.
  mlir::Value isFirstLane(Emitter &e, const Registers &regs, bool rows, bool cols);
  /// Whether this warp is the first of those that hold its block; null where each is.
  mlir::Value isFirstWarp(Emitter &e, const Registers &regs);
  /// Whether this thread is the first of those that hold copies of its elements.
  mlir::Value isFirstHolder(Emitter &e, const Registers &regs);
  /// Whether a register's element is part of the tile; null where it always is.
  mlir::Value isInTile(Emitter &e, const Registers &regs, Position reg);

  //===--------------------------------------------------------------------===//
  // Scratch: shared memory that one op uses between two barriers
  //===--------------------------------------------------------------------===//

  /// A tile in scratch, behind what this use has asked for already.
  Buffer scratch(Emitter &e, int64_t rows, int64_t cols, mlir::Type elem, int64_t &used);
  /// Each element once, by the first of its holders.
  void spill(Emitter &e, const Registers &regs, mlir::ValueRange elements, const Buffer &to,
             bool trans = false);
  /// Registers `regs` of what lies in `from`.
  Values fill(Emitter &e, const Registers &regs, const Buffer &from, bool trans = false);
  /// The same values in another layout: registers renamed, exchanged within warps, or
  /// through scratch, of which so much is in use.
  Values convert(Emitter &e, const Registers &from, mlir::ValueRange elements, const Registers &to,
                 mlir::Type elem, int64_t used = 0);
  /// The same through memory: `tile` is between two barriers its own.
  Values convertThrough(Emitter &e, const Registers &from, mlir::ValueRange elements,
                        const Registers &to, const Buffer &tile);
  /// Registers of the result of an exchange within warps.
  Values exchange(Emitter &e, const layout::ShufflePlan &plan, mlir::ValueRange elements,
                  mlir::Type elem);
  /// A value of at most 64 bits as another lane has it: the one whose number differs by
  /// the bits of `mask`, or that `source` says.
  mlir::Value shuffle(Emitter &e, mlir::Value value, int64_t mask);
  mlir::Value shuffle(Emitter &e, mlir::Value value, const layout::LaneFunction &source);
  /// A float rounded once to a narrower type.
  mlir::Value truncate(Emitter &e, mlir::Value value, mlir::Type type);
  /// The elements of a compile-time tile in device memory, row-major.
  llvm::FailureOr<mlir::Value> constantTable(Emitter &e, mlir::ElementsAttr value);
  /// Device memory that holds 16 bytes of zeros.
  mlir::Value zeros(Emitter &e);

  Vendor &vendor;
  sched::KernelOp kernel;
  mlir::OpBuilder builder;
  int64_t warps = 1;
  mlir::Value thread, lane, warp, shared;
  int64_t threads() const;

private:
  // The frame.
  llvm::LogicalResult readRoles();
  llvm::LogicalResult placeBuffers();
  void createFunction();
  mlir::Location getModuleLoc();
  void bindArguments();
  void bindPosition();
  llvm::LogicalResult finish();

  // Ops.
  llvm::LogicalResult lowerBlock(mlir::Block &block);
  llvm::LogicalResult lower(mlir::Operation *op);
  llvm::LogicalResult lowerFor(mlir::scf::ForOp op);
  llvm::LogicalResult lowerIf(mlir::scf::IfOp op);
  llvm::LogicalResult lowerPhase(sched::PhaseOp op);
  llvm::LogicalResult lowerSubView(mlir::memref::SubViewOp op);
  llvm::LogicalResult lowerDim(mlir::memref::DimOp op);
  void lowerTrips(sched::TripsOp op);
  llvm::LogicalResult cloneScalar(mlir::Operation *op);
  void lowerCheck(CheckOp op);
  llvm::LogicalResult lowerConstant(sched::ConstantOp op);
  void lowerAcquire(sched::AcquireOp op);
  void lowerWait(sched::WaitOp op);
  void lowerDrain(sched::DrainOp op);

  // Values that loops carry.
  Values flatten(Emitter &e, mlir::Value value);
  Values flattenAll(Emitter &e, mlir::ValueRange values);
  llvm::LogicalResult bindFlat(Emitter &e, mlir::Value value, mlir::Value like,
                               mlir::ValueRange &flat);
  llvm::LogicalResult bindAll(Emitter &e, mlir::ValueRange values, mlir::ValueRange like,
                              mlir::ValueRange flat);
  Values ringState();
  void setRingState(mlir::ValueRange state);

  GridOp grid;
  sched::RoleOp role;
  mlir::LLVM::LLVMFuncOp function;
  mlir::IRMapping scalars;
  llvm::DenseMap<mlir::Value, View> views;
  llvm::DenseMap<mlir::Value, Fragment> fragments;
  llvm::DenseMap<mlir::Value, Buffer> buffers;
  llvm::DenseMap<mlir::Value, mlir::Value> slots; ///< number of the stage
  llvm::DenseMap<mlir::Value, size_t> ringOf;
  llvm::SmallVector<Ring> rings;
  sched::ScheduleFacts facts; ///< what the proof of the schedule says
  mlir::LLVM::GlobalOp zeroGlobal;
  mlir::Value status; ///< where failed checks leave their numbers
  llvm::SmallVector<mlir::Attribute> checks;
  mlir::scf::ForOp inOrder; ///< over the instances of a sequential grid
  llvm::DenseMap<mlir::Attribute, mlir::LLVM::GlobalOp> tables;
  int64_t sharedBytes = 0, scratchBytes = 0, sharedAlign = 16;
};

//===----------------------------------------------------------------------===//
// What is known of the kernel's text
//===----------------------------------------------------------------------===//

/// Trips of a loop that is written out: prologues that fill a ring, so that their stages
/// are constants, and single trips.
std::optional<int64_t> getUnrolledTrips(mlir::scf::ForOp loop);

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

llvm::LogicalResult lower(sched::CopyOp op, Lowering &lowering);
llvm::LogicalResult lower(sched::LoadOp op, Lowering &lowering);
llvm::LogicalResult lower(sched::StoreOp op, Lowering &lowering);
llvm::LogicalResult lower(sched::SplatOp op, Lowering &lowering);
llvm::LogicalResult lower(sched::DiffersOp op, Lowering &lowering);
llvm::LogicalResult lower(sched::ScalarOp op, Lowering &lowering);
llvm::LogicalResult lower(sched::ConvertOp op, Lowering &lowering);
llvm::LogicalResult lower(sched::MapOp op, Lowering &lowering);
llvm::LogicalResult lower(sched::MmaOp op, Lowering &lowering);
llvm::LogicalResult lower(sched::ReshapeOp op, Lowering &lowering);
llvm::LogicalResult lower(sched::CutOp op, Lowering &lowering);
llvm::LogicalResult lower(sched::ConcatOp op, Lowering &lowering);
llvm::LogicalResult lower(sched::ScanOp op, Lowering &lowering);
llvm::LogicalResult lower(sched::ArgMaxOp op, Lowering &lowering);
llvm::LogicalResult lower(sched::SegmentSumOp op, Lowering &lowering);
llvm::LogicalResult lower(sched::ScatterOp op, Lowering &lowering);
llvm::LogicalResult lower(sched::ReduceStoreOp op, Lowering &lowering);
/// A product of buffers into a fragment, by multiply-adds.
llvm::LogicalResult lowerMultiplyAdd(sched::MmaOp op, Lowering &lowering);
/// A load from a view whose rows go by index.
llvm::LogicalResult lowerGather(sched::LoadOp op, Lowering &lowering);

} // namespace tegula::gpu

#endif // TEGULA_LIB_CONVERSION_SCHEDTOGPU_LOWERING_H
