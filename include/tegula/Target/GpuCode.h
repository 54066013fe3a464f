//===- GpuCode.h - From LLVM IR to GPU machine code ----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The last steps on the way to a GPU. `prepareForGpu` leaves the module that the
// simulator runs and the backend compiles; what follows is the vendor's business:
//
//   PTX:   emitAssembly -> assemblePTX (an external assembler) -> cubin
//   HSACO: emitObject   -> linkHSACO  (LLVM's linker, in process)
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TARGET_GPUCODE_H
#define TEGULA_TARGET_GPUCODE_H

#include "tegula/Target/GpuInfo.h"

#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace tegula {

/// What one kernel needs, as the assembler says: never our own estimate.
struct KernelResources {
  std::string kernel;
  int64_t registers = 0;       ///< of a lane, accumulation registers included
  int64_t accumulators = 0;    ///< of these, accumulation registers
  int64_t scalarRegisters = 0; ///< of a warp, where there are any
  /// Bytes (NVIDIA) or registers (AMD) that did not fit and went to memory.
  int64_t spills = 0;
  int64_t stackBytes = 0;    ///< private memory of a lane
  int64_t sharedBytes = 0;   ///< static shared memory of a block
  int64_t argumentBytes = 0; ///< where it is known
  int64_t barriers = 0;      ///< where it is known
  int64_t threads = 0;       ///< the most of a block; 0 where it is not known
  int64_t warpSize = 0;
};

/// Loadable code of one chip.
struct GpuCode {
  std::string image; ///< bytes of a cubin or HSACO
  std::vector<KernelResources> kernels;
  /// Everything that assembler and linker said beyond the figures above: each is a
  /// request ignored or code made slower.
  std::vector<std::string> messages;
};

/// A table for a person: one line per kernel, and the messages.
std::string formatResources(const GpuCode &code);

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createGpuTargetMachine(const GpuInfo &gpu);

/// Checks what the backend would die of (calls that nothing resolves, intrinsics of
/// another machine, kernels without a block size), sets what it expects of every
/// kernel, and runs LLVM's passes. Fails with a message that names the kernel.
llvm::Error prepareForGpu(llvm::Module &module, const GpuInfo &gpu, llvm::TargetMachine &machine);

/// PTX, or AMD's assembly. Whatever LLVM says on the way goes to `messages`.
llvm::Expected<std::string> emitAssembly(llvm::Module &module, llvm::TargetMachine &machine,
                                         std::vector<std::string> &messages);

/// A relocatable object; AMDGPU only.
llvm::Expected<std::string> emitObject(llvm::Module &module, llvm::TargetMachine &machine,
                                       std::vector<std::string> &messages);

/// How an external program is found and called.
struct AssemblerOptions {
  /// A program or a folder that must hold it; empty: the search path.
  std::string path;
  /// Folders to look into when the search path has none.
  std::vector<std::string> fallbacks;
  /// Keeps the author's lines in the code.
  bool lines = true;
};

/// The vendor's PTX assembler, or an error that says how to get one.
llvm::Expected<std::string> findPTXAssembler(const AssemblerOptions &options);

/// PTX to a cubin. What the assembler says when it fails is in the error.
llvm::Expected<GpuCode> assemblePTX(llvm::StringRef ptx, const GpuInfo &gpu,
                                    const AssemblerOptions &options);

/// The machine code of a cubin as text, by the vendor's disassembler.
llvm::Expected<std::string> disassembleCubin(llvm::StringRef cubin,
                                             const AssemblerOptions &options);

/// A relocatable object to a loadable HSACO.
llvm::Expected<GpuCode> linkHSACO(llvm::StringRef object);

/// What the metadata of an HSACO says of its kernels.
llvm::Expected<std::vector<KernelResources>> readHSACO(llvm::StringRef image);

} // namespace tegula

#endif // TEGULA_TARGET_GPUCODE_H
