//===- Simulator.h - Runs GPU kernels on this CPU, checked ------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The simulator executes a kernel of an LLVM module for a GPU, the very module
// that is handed to the backend, on this CPU and without any GPU. It interprets
// whole warps: one decoded instruction acts on all lanes of a warp at once.
//
//   Module --decode--> Program --run(launch, seed)--> Result: reports, counters
//
// A run is deterministic: the same module, launch and options give the same
// reports, the same counters and the same bytes in the buffers. What a GPU
// leaves open (the order of blocks, which warp runs next, when an asynchronous
// copy lands) is drawn from the seed; so several seeds are several runs that a
// GPU may produce.
//
//   Expected<std::unique_ptr<Kernel>> kernel = Kernel::decode(module, "saxpy");
//   Result result = (*kernel)->run(launch, options);
//   if (!result.succeeded()) result.printText(errs());
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SIMULATOR_SIMULATOR_H
#define TEGULA_SIMULATOR_SIMULATOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class Module;
class raw_ostream;
namespace json {
class Value;
} // namespace json
} // namespace llvm

namespace tegula::sim {

//===----------------------------------------------------------------------===//
// What is launched
//===----------------------------------------------------------------------===//

/// A piece of global memory with a name. The simulator works on the caller's
/// bytes in place; accesses outside them are found, however far away.
struct Buffer {
  std::string name;
  /// The caller's memory.
  llvm::MutableArrayRef<uint8_t> bytes;
  /// Bytes of an element and the sizes of the tensor, row-major: for messages, which
  /// say `x[3, 5]`. No sizes: a flat array.
  unsigned elementBytes = 4;
  std::vector<int64_t> shape;
  /// A store to it is an error.
  bool readOnly = false;
  /// Whether its bytes hold values at launch. Reading what neither the launch nor the
  /// kernel has written is an error where it matters.
  bool initialised = true;
};

/// An argument of a kernel: a scalar's bits, or a place in a buffer.
struct Argument {
  /// Index into Launch::buffers, or -1 for a scalar.
  int buffer = -1;
  /// The scalar's bits, or an offset in bytes into the buffer.
  uint64_t bits = 0;

  static Argument scalar(uint64_t bits) { return {-1, bits}; }
  static Argument pointer(unsigned buffer, uint64_t offset = 0) {
    return {static_cast<int>(buffer), offset};
  }
};

/// Everything that a launch of a kernel needs to know.
struct Launch {
  std::string kernel;
  std::array<uint32_t, 3> grid = {1, 1, 1};
  std::array<uint32_t, 3> block = {32, 1, 1};
  /// Bytes of shared memory beyond what the module declares.
  uint64_t dynamicShared = 0;
  std::vector<Buffer> buffers;
  std::vector<Argument> arguments;
};

/// When asynchronous copies land.
enum class Landing {
  /// Drawn from the seed: one of the others.
  Seeded,
  /// At once.
  Early,
  /// Only when a wait demands it.
  Late,
  /// Each piece at any time in between.
  Random,
};

struct Options {
  uint64_t seed = 1;
  Landing landing = Landing::Seeded;
  /// Blocks that run side by side.
  unsigned residentBlocks = 2;
  /// A run ends after this many reports.
  unsigned maxReports = 8;
  /// A run ends after this many warp instructions: a kernel that spins forever.
  uint64_t maxInstructions = uint64_t(1) << 32;
  /// Looks for data races as well.
  bool races = true;
  /// Uses only instructions that every supported CPU has, to test that code.
  bool narrowHost = false;
};

//===----------------------------------------------------------------------===//
// What comes back
//===----------------------------------------------------------------------===//

/// What a report is about. The names of the command line and of JSON are those of
/// `kindName`.
enum class ReportKind {
  /// The launch does not fit the kernel.
  Launch,
  /// An instruction that the simulator does not model.
  Unsupported,
  OutOfBounds,
  Misaligned,
  /// A value that nothing has defined reaches a branch, an address or memory.
  Uninitialised,
  /// A store to a read-only buffer.
  ReadOnly,
  /// Warps wait, and nothing can wake them.
  Deadlock,
  /// Too many instructions.
  Livelock,
  /// An instruction for all lanes of a warp is executed by some of them.
  Convergence,
  /// A rule of an instruction is broken.
  Misuse,
  /// Asynchronous work is alive at the kernel's end.
  AsyncAtExit,
  /// `trap`, `unreachable` or a failed assertion.
  Trap,
  /// Two accesses, at least one a store, with nothing that orders them.
  Race,
  /// As Race; one of them is an asynchronous copy.
  RaceAsync,
  /// As Race, between lanes of one warp.
  RaceLane,
  /// As Race, between blocks.
  RaceBlock,
};

/// "out-of-bounds" and so on.
llvm::StringRef kindName(ReportKind kind);

/// A place in somebody's source.
struct Site {
  std::string file;
  unsigned line = 0;
  unsigned column = 0;
};

struct Note {
  std::string message;
  std::vector<Site> sites;
};

/// Something that the kernel does wrong.
struct Report {
  ReportKind kind;
  std::string message;
  /// Where: the author's line, then its call sites. Empty without debug locations.
  std::vector<Site> sites;
  /// The LLVM instruction, as text; empty where there is none.
  std::string instruction;
  std::string function;
  /// Who: block and warp, and the lanes that did it. `warp` is -1 for the launch.
  std::array<uint32_t, 3> block = {0, 0, 0};
  int64_t warp = -1;
  uint64_t lanes = 0;
  std::vector<Note> notes;
};

/// Traffic of one buffer. Bytes are those that active lanes ask for; a sector is an
/// aligned piece of 32 bytes that an instruction touches, counted once each time.
struct Traffic {
  std::string name;
  uint64_t bytesLoaded = 0;
  uint64_t bytesStored = 0;
  uint64_t bytesAtomic = 0;
  uint64_t sectorsLoaded = 0;
  uint64_t sectorsStored = 0;
};

struct Counters {
  /// In the order of Launch::buffers.
  std::vector<Traffic> buffers;
  uint64_t warpInstructions = 0;
  /// Shared memory: bytes, instructions, and the phases (turns of all banks) that these
  /// take; `sharedPhasesMin` is what they would take without bank conflicts.
  uint64_t sharedBytesLoaded = 0;
  uint64_t sharedBytesStored = 0;
  uint64_t sharedAccesses = 0;
  uint64_t sharedPhases = 0;
  uint64_t sharedPhasesMin = 0;
  uint64_t localBytes = 0;
  /// Lanes that computed an exponential with the hardware's unit.
  uint64_t exponentials = 0;
  /// Warps that passed a barrier.
  uint64_t barriers = 0;
  /// Bytes that asynchronous copies moved.
  uint64_t asyncBytes = 0;
  /// Matrix operations of warps by name, "m16n8k16.bf16" and so on.
  std::map<std::string, uint64_t> matrixOps;
};

struct Result {
  std::vector<Report> reports;
  Counters counters;

  bool succeeded() const { return reports.empty(); }
  /// Messages as a compiler prints them: place, kind, what; then notes.
  void printText(llvm::raw_ostream &os) const;
  llvm::json::Value toJSON() const;
};

/// `<name> <number>` lines.
void printCounters(const Counters &counters, llvm::raw_ostream &os);

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

struct Program;

/// A kernel, decoded once and run as often as wanted. The module must outlive it.
class Kernel {
public:
  ~Kernel();
  /// Decodes the kernel `name` of the module; the target triple says which machine.
  /// Calls to functions that the module defines are inlined, which changes the module.
  /// On failure `reports` says why: every instruction that is not modelled.
  static std::unique_ptr<Kernel> decode(llvm::Module &module, llvm::StringRef name,
                                        std::vector<Report> &reports);
  Result run(const Launch &launch, const Options &options) const;

private:
  explicit Kernel(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program;
};

/// Decodes and runs once.
Result run(llvm::Module &module, const Launch &launch, const Options &options = {});

} // namespace tegula::sim

#endif // TEGULA_SIMULATOR_SIMULATOR_H
