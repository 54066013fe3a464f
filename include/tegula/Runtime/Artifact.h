//===- Artifact.h - A compiled module as data - -------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_RUNTIME_ARTIFACT_H
#define TEGULA_RUNTIME_ARTIFACT_H

#include "tegula/Support/Diagnostic.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tegula {

/// Version of the library and of the compilers that it holds.
constexpr const char *libraryVersion = "0.1.0";

/// Element types, in the order of the C API.
enum class DType : uint8_t { F64, F32, F16, BF16, I1, I8, I32, I64, Index, F8E4M3FN, F8E5M2 };

/// Name as in MLIR: "f32".
const char *dtypeName(DType dtype);

/// Bytes that an element takes in memory.
size_t dtypeBytes(DType dtype);

/// What a kernel does with an argument.
enum class ArgumentAccess : uint8_t { Value, In, Out, InOut };

/// A size or stride that is known at launch only.
constexpr int64_t dynamicExtent = INT64_MIN;

/// One argument of a kernel: its type and its promises.
struct ArgumentInfo {
  std::string name;
  ArgumentAccess access = ArgumentAccess::Value;
  DType dtype = DType::F32;
  /// Of a view: one per axis, or `dynamicExtent`.
  std::vector<int64_t> sizes, strides;
  /// Of a view: the base is a multiple of so many bytes, stride i of so many elements.
  int64_t align = 1;
  std::vector<int64_t> multiples;

  bool isView() const { return access != ArgumentAccess::Value; }
  bool isWritten() const {
    return access == ArgumentAccess::Out || access == ArgumentAccess::InOut;
  }
};

/// A message of the author's program and where it stands.
struct MessageInfo {
  std::string text;
  std::vector<Position> sites;
};

/// What a launcher must know of a kernel.
struct KernelInfo {
  std::string name;
  std::vector<ArgumentInfo> arguments;
  /// Behind the numbers that NAME.bind and NAME.run return.
  std::vector<MessageInfo> requirements, checks;
  std::vector<int64_t> steps;
  /// Scratch memory of one worker.
  uint64_t arenaBytes = 0;
  /// Of a device function: threads of a block, bytes of shared memory, and for each
  /// parameter the word of the argument block (HostABI.h) that it is. Checks have one
  /// parameter more (docs/gpu_abi.md).
  uint32_t threads = 0, sharedBytes = 0;
  std::vector<uint32_t> parameters;
};

/// What the code of a device is.
enum class ImageKind : uint8_t {
  None,      ///< a CPU runs the object
  Simulated, ///< LLVM bitcode for the simulator
  CUDA,      ///< a cubin or PTX, which its driver loads
  HIP,       ///< an HSACO, which its driver loads
};

/// What a launcher must know of a program: launches of kernels in order.
struct ProgramInfo {
  std::string name;
  std::vector<ArgumentInfo> arguments;
  /// Behind the numbers that NAME.program returns.
  std::vector<MessageInfo> requirements;
  /// Behind the numbers that it launches.
  std::vector<std::string> kernels;
};

/// A compiled module: code for one target and what a launcher must know of it.
struct Artifact {
  /// Name of the target and every CPU feature that the code may use.
  std::string target;
  std::vector<std::string> features;
  std::vector<KernelInfo> kernels;
  std::vector<ProgramInfo> programs;
  /// A relocatable object, functions as in HostABI.h. Where a device runs the kernels,
  /// only their launch parts are of use.
  std::vector<char> object;
  ImageKind imageKind = ImageKind::None;
  /// The kernels of a device, and the seed of the first simulated launch.
  std::vector<char> image;
  uint64_t seed = 0;

  /// As bytes: magic, format, version, checksum, content.
  std::vector<char> serialize() const;

  /// Back from bytes. Anything but what `serialize` of the same version wrote is an
  /// error in `diagnostics`, and null.
  static std::unique_ptr<Artifact> deserialize(const char *data, size_t size,
                                               Diagnostics &diagnostics);
};

} // namespace tegula

#endif // TEGULA_RUNTIME_ARTIFACT_H
