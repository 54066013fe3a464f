//===- LaunchFile.h - A launch as JSON --------------------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   {
//     "kernel": "saxpy", "grid": [2], "block": [128], "dynamic_shared": 0,
//     "buffers": [
//       {"name": "x", "type": "f32", "shape": [256], "init": {"random": 7}, "access": "read"},
//       {"name": "y", "type": "f32", "shape": [256], "init": "undefined",
//        "expect": {"values": [1.0]}, "tolerance": 1e-6}
//     ],
//     "arguments": [{"buffer": "x"}, {"buffer": "y", "offset": 0}, {"f32": 2.0}, {"i64": 256}]
//   }
//
// `type`: f64 f32 bf16 f16 i64 i32 i16 i8 (also i1: a byte). `init`: "zero" (the default),
// "undefined", {"values": [...]} (repeated to fill), {"iota": [start, step]}, {"random": seed}
// (floats in [-1, 1), integers in [-8, 8)), {"file": "raw bytes, relative to the launch file"}.
// `expect` has the forms of `init`: what the buffer must hold afterwards, up to `tolerance`.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SIMULATOR_LAUNCHFILE_H
#define TEGULA_SIMULATOR_LAUNCHFILE_H

#include "tegula/Simulator/Simulator.h"

#include <optional>

namespace tegula::sim {

/// Types of elements in a launch file.
enum class ElementType { F64, F32, BF16, F16, I64, I32, I16, I8 };

/// "f32" and so on.
std::optional<ElementType> parseElementType(llvm::StringRef name);
unsigned elementBytes(ElementType type);
double readElement(ElementType type, const uint8_t *at);
/// Rounds to the nearest value of the type, ties to even.
void writeElement(ElementType type, uint8_t *at, double value);

/// A launch that owns its memory.
class LaunchFile {
public:
  /// Parses text; `folder` is what file names are relative to.
  static llvm::Expected<LaunchFile> parse(llvm::StringRef text, llvm::StringRef folder);

  /// Fills the buffers as the file says, whatever an earlier run left in them.
  void reset();
  /// The launch, pointing into this object's memory.
  const Launch &launch() const { return description; }
  /// Compares with what the file expects: a line for each buffer that differs.
  std::vector<std::string> mismatches() const;
  ElementType type(unsigned buffer) const { return memory[buffer].type; }

private:
  struct Memory {
    ElementType type = ElementType::F32;
    std::vector<uint8_t> initial;
    std::vector<uint8_t> bytes;
    std::vector<uint8_t> expected;
    bool hasExpected = false;
    double tolerance = 0;
  };
  Launch description;
  std::vector<Memory> memory;
};

} // namespace tegula::sim

#endif // TEGULA_SIMULATOR_LAUNCHFILE_H
