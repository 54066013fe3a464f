//===- Array.h - Arrays of the command line ----------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TOOLS_TEGULAC_ARRAY_H
#define TEGULA_TOOLS_TEGULAC_ARRAY_H

#include "tegula/Runtime/Artifact.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace tegula {

/// An array in memory of its own, aligned to 64 bytes.
class Array {
public:
  Array() = default;
  /// Zeros. Strides count elements.
  Array(DType dtype, std::vector<int64_t> sizes, std::vector<int64_t> strides);
  Array(DType dtype, std::vector<int64_t> sizes);

  /// Reads a .npy file of numbers.
  static llvm::Expected<Array> readNpy(llvm::StringRef path);
  /// Writes a .npy file; 16- and 8-bit floats without a NumPy type are written as f32.
  llvm::Error writeNpy(llvm::StringRef path) const;

  /// Calls `visit(offset)` for each element in row-major order.
  template <typename Visit> void forEach(Visit visit) const {
    std::vector<int64_t> index(sizes.size());
    for (int64_t i = 0, n = count(); i < n; ++i) {
      int64_t offset = 0;
      for (size_t axis = 0; axis < sizes.size(); ++axis)
        offset += index[axis] * strides[axis];
      visit(offset);
      for (size_t axis = sizes.size(); axis-- > 0 && ++index[axis] == sizes[axis];)
        index[axis] = 0;
    }
  }

  /// Element at an offset, as a number that holds every type but the ends of i64.
  double get(int64_t offset) const;
  /// Rounds to nearest even.
  void set(int64_t offset, double value);
  /// Whole numbers, exactly.
  int64_t getInteger(int64_t offset) const;
  void setInteger(int64_t offset, int64_t value);

  int64_t count() const;
  char *data() { return memory.data() + skip; }
  const char *data() const { return memory.data() + skip; }
  /// "128x64xf32".
  std::string typeName() const;

  DType dtype = DType::F32;
  std::vector<int64_t> sizes, strides;

private:
  std::vector<char> memory;
  size_t skip = 0;
};

/// Whether elements of `dtype` are whole numbers.
bool isInteger(DType dtype);

/// The bits of `value` as a scalar of `dtype`, for an 8-byte word of a launch.
uint64_t scalarWord(DType dtype, double value);

} // namespace tegula

#endif // TEGULA_TOOLS_TEGULAC_ARRAY_H
