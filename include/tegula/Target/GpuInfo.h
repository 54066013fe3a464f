//===- GpuInfo.h - What a GPU can do -------------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The GPU half of the table of targets, as data that passes ask without naming a
// chip or a vendor: `GpuInfo::lookup("…")` once, questions afterwards. Words used
// here, whatever a vendor calls them:
//
//   lane   one thread of a warp            warp  the lanes that run in lockstep
//   block  the warps that share memory     core  what blocks run on (an SM, a CU)
//
// All rates are per core and cycle, all latencies in cycles.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TARGET_GPUINFO_H
#define TEGULA_TARGET_GPUINFO_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/PointerUnion.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string>

namespace mlir {
class Type;
} // namespace mlir

namespace tegula {

class TargetInfo;

/// Element types of operands of matrix units. TF32 is f32 of which a product reads
/// the upper 19 bits.
enum class Element : uint8_t { F64, F32, TF32, F16, BF16 };

/// The element of this type, or nothing.
std::optional<Element> getElement(mlir::Type type);

/// What moves a tile between memories (SCHED.md, `copy`).
enum class CopyEngine : uint8_t {
  Async,     ///< global to shared, 16 bytes of each lane, beside the program
  Bulk,      ///< global to shared, whole boxes of a tensor map
  Direct,    ///< global to shared, contiguous per warp, beside the program
  Pack,      ///< a CPU's change of storage layout
  Registers, ///< loads and stores of the program itself
};

/// How a reader learns that a slot of a channel is full (SCHED.md, `channel`).
enum class Completion : uint8_t {
  Tx,     ///< bytes counted on a barrier object
  Arrive, ///< threads arrive on a barrier object
  Fifo,   ///< each thread counts its own commits, in order
  Sync,   ///< the writer's own stores, then a barrier
};

/// "async", "bulk", "direct", "pack", "registers"; as SCHED.md spells them.
llvm::StringRef stringify(CopyEngine engine);
/// "tx", "arrive", "fifo", "sync".
llvm::StringRef stringify(Completion kind);

/// Whose assembler makes the code.
enum class GpuBackend : uint8_t { NVPTX, AMDGPU };

/// Where a product may find an operand.
enum class OperandSource : uint8_t { Registers, Shared, Either };

/// One instruction of a matrix unit: D = A·B + D of f32 (f64 for F64) accumulators.
/// Its fragments are the atoms `atom`.A, `atom`.B, `atom`.D of the layout library.
struct MatrixUnit {
  llvm::StringLiteral atom;
  Element element; ///< of A and B
  int32_t m, n, k; ///< n is the least one where `nMost` is larger
  int32_t nMost;   ///< the instruction takes every multiple of n up to this
  int32_t warps;   ///< that execute it together
  OperandSource a, b;
  /// The result is readable only after a wait, and operands stay live until then.
  bool async;
  int32_t macsPerCycle; ///< multiply-adds
  int32_t latency;      ///< from issue to use of the result

  /// Cycles between two of these on one core that does nothing else.
  double cyclesPerIssue(int32_t nUsed = 0) const {
    return double(m) * (nUsed ? nUsed : n) * k / macsPerCycle;
  }
};

/// A way to copy: what completes it, and how many bytes one lane may move.
struct Copying {
  CopyEngine engine;
  llvm::ArrayRef<Completion> completions;
  int32_t leastBytes, mostBytes; ///< of a lane and instruction; powers of two between

  bool completesAs(Completion kind) const;
};

/// Instructions that touch shared memory, by how they group lanes.
enum class SharedAccess : uint8_t {
  Load,
  Store,
  MatrixLoad, ///< whole 8x8 matrices, a row of 16 bytes by each lane
  MatrixStore,
  Copy, ///< written by a copy engine
};

/// Lanes of one access to shared memory that are served in the same cycle: the span
/// (xor of subsets) of `basis`, and its shifts. Bank conflicts count inside one.
struct SharedPhase {
  SharedAccess access;
  int32_t bytes; ///< of a lane
  llvm::ArrayRef<int32_t> basis;
};

/// What a core starts per cycle, in lanes (operations) unless said.
struct IssueRates {
  int32_t fma, fma64, alu, exp;
  int32_t packedFma;   ///< with two f32 values in one instruction; fma if there is none
  int32_t sharedBytes; ///< bytes to or from shared memory
  int32_t cacheBytes;  ///< bytes from the last-level cache
};

struct Latencies {
  int32_t shared, cache, memory; ///< loads
  int32_t fma, exp, shuffle, barrier;
};

/// The part that a time is predicted for, when nothing else is known.
struct ReferencePart {
  llvm::StringLiteral name;
  int32_t cores, megahertz;
  int32_t gigabytesPerSecond; ///< of device memory
  int32_t cacheMegabytes;     ///< last level
};

/// What a GPU can do.
class GpuInfo {
public:
  /// One row of the table.
  struct Row {
    llvm::StringLiteral name; ///< as `sched.kernel` and the command line have it
    GpuBackend backend;
    /// LLVM's features; the processor is called as the row is.
    llvm::StringLiteral features;

    int32_t warpSize;
    int32_t threadsPerBlock, warpsPerCore, blocksPerCore;
    int32_t partitions; ///< of a core; a warp stays on one, which has its share of registers

    int32_t registersPerLane; ///< the most that a kernel may use without a loss
    int32_t registersPerCore; ///< of 32 bits
    int32_t registerGranule;  ///< a lane's count is rounded up to a multiple
    /// Registers that a product kernel needs beside its fragments (SCHED.md, rule 13).
    int32_t registerMargin;
    int32_t mostRoles; ///< 1: every warp runs the same program
    /// What a role may ask for where roles take registers from each other while they
    /// run, in granules; 0 where they cannot.
    int32_t roleRegistersLeast, roleRegistersMost;

    int32_t sharedPerBlock, sharedPerCore; ///< bytes
    int32_t sharedReserved;                ///< bytes of each block that are the driver's
    int32_t banks, bankBytes;

    llvm::ArrayRef<MatrixUnit> matrixUnits;
    llvm::ArrayRef<Copying> copies;
    llvm::ArrayRef<SharedPhase> phases;
    /// Warps that one warp-group instruction needs, or 1.
    int32_t warpsPerGroup;
    /// Named barriers of a block, the one of all threads included.
    int32_t barriers;
    /// Exchanges of lanes that ride on an arithmetic instruction: masks of an xor.
    llvm::ArrayRef<int32_t> freeXorMasks;
    /// The assembler moves a wait above arithmetic that does not depend on it, so that
    /// `finish` needs a data dependence.
    bool movesWaits;
    /// The order of ops that we print is the order that runs.
    bool keepsOrder;

    IssueRates rates;
    Latencies latencies;
    ReferencePart part;
  };

  constexpr explicit GpuInfo(const Row &row) : row(row) {}

  /// The row called `name`, or null.
  static const GpuInfo *lookup(llvm::StringRef name);
  static llvm::ArrayRef<GpuInfo> getAll();
  /// The row whose code a device of this compute capability (80 of 8.0) runs best: the
  /// latest of its generation, or as PTX the latest before it. Null: it is too old.
  static const GpuInfo *lookupCapability(int32_t capability);

  //===--------------------------------------------------------------------===//
  // Names for code generators
  //===--------------------------------------------------------------------===//

  llvm::StringRef getName() const { return row.name; }
  GpuBackend getBackend() const { return row.backend; }
  llvm::StringRef getTriple() const;
  llvm::StringRef getCPU() const { return row.name; }
  llvm::StringRef getFeatures() const { return row.features; }
  /// LLVM's data layout for the triple.
  std::string getDataLayout() const;
  /// The loader's generation: 80 of sm_80, 0 where chips are known by name only.
  int32_t getComputeCapability() const;

  //===--------------------------------------------------------------------===//
  // Threads and registers
  //===--------------------------------------------------------------------===//

  int32_t getWarpSize() const { return row.warpSize; }
  int32_t getThreadsPerBlock() const { return row.threadsPerBlock; }
  int32_t getWarpsPerCore() const { return row.warpsPerCore; }
  int32_t getBlocksPerCore() const { return row.blocksPerCore; }
  int32_t getWarpsPerGroup() const { return row.warpsPerGroup; }
  int32_t getNumBarriers() const { return row.barriers; }
  int32_t getMostRoles() const { return row.mostRoles; }
  /// Whether roles take registers from each other while they run.
  bool canMoveRegisters() const { return row.roleRegistersMost > 0; }
  int32_t getRoleRegistersLeast() const { return row.roleRegistersLeast; }
  int32_t getRoleRegistersMost() const { return row.roleRegistersMost; }
  int32_t getRegistersPerLane() const { return row.registersPerLane; }
  int32_t getRegistersPerCore() const { return row.registersPerCore; }
  int32_t getRegisterGranule() const { return row.registerGranule; }
  int32_t getRegisterMargin() const { return row.registerMargin; }
  /// The most registers that a lane of a block of `threads` can have.
  int32_t getEntryRegisters(int32_t threads) const;
  /// Blocks that fit one core at once, by registers, shared memory, warps and slots.
  int32_t getResidentBlocks(int32_t threads, int32_t registers, int32_t sharedBytes) const;

  //===--------------------------------------------------------------------===//
  // Memory
  //===--------------------------------------------------------------------===//

  int32_t getSharedPerBlock() const { return row.sharedPerBlock; }
  int32_t getSharedPerCore() const { return row.sharedPerCore; }
  int32_t getNumBanks() const { return row.banks; }
  int32_t getBankBytes() const { return row.bankBytes; }
  llvm::ArrayRef<SharedPhase> getSharedPhases() const { return row.phases; }
  /// How the lanes of an access of `bytes` each are grouped; null: no such instruction.
  const SharedPhase *findSharedPhase(SharedAccess access, int32_t bytes) const;

  llvm::ArrayRef<Copying> getCopies() const { return row.copies; }
  const Copying *findCopy(CopyEngine engine) const;
  bool hasCompletion(Completion kind) const;

  //===--------------------------------------------------------------------===//
  // Products and arithmetic
  //===--------------------------------------------------------------------===//

  llvm::ArrayRef<MatrixUnit> getMatrixUnits() const { return row.matrixUnits; }
  /// The unit of that atom and element, or null.
  const MatrixUnit *findMatrixUnit(llvm::StringRef atom, Element element) const;
  /// The fastest unit for `element`, `async` or not; null: use multiply-adds.
  const MatrixUnit *findMatrixUnit(Element element, bool async = false) const;
  bool hasAsyncProducts() const;
  /// Lanes exchange values at distance `mask` (xor) inside an arithmetic instruction.
  bool isFreeExchange(int32_t mask) const;
  bool doesMoveWaits() const { return row.movesWaits; }
  bool doesKeepOrder() const { return row.keepsOrder; }

  const IssueRates &getRates() const { return row.rates; }
  /// Of a mix of exponentials every how-many-th goes to the multiply-add units, so that
  /// these and the exponential unit are busy alike in a softmax; 0: none does.
  int32_t getPolynomialPeriod() const;
  const Latencies &getLatencies() const { return row.latencies; }
  const ReferencePart &getReferencePart() const { return row.part; }

private:
  Row row;
};

/// The one lookup of targets: a CPU, a GPU, or null.
llvm::PointerUnion<const TargetInfo *, const GpuInfo *> lookupTarget(llvm::StringRef name);

/// Names of all targets for a message, in the table's order: "x86-64-v3, …".
std::string getTargetNames();

} // namespace tegula

#endif // TEGULA_TARGET_GPUINFO_H
