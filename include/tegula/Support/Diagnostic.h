//===- Diagnostic.h - Messages as values -------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SUPPORT_DIAGNOSTIC_H
#define TEGULA_SUPPORT_DIAGNOSTIC_H

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tegula {

/// A range of source text. Lines and columns count from 1, the end is exclusive;
/// a location without a range ends where it begins.
struct Position {
  std::string file;
  uint32_t line = 0, column = 0, endLine = 0, endColumn = 0;
};

enum class Severity : uint8_t { Note, Remark, Warning, Error };

/// One message: the place and then its call sites, innermost first, and notes.
struct Diagnostic {
  Severity severity = Severity::Error;
  std::string message;
  std::vector<Position> sites;
  std::vector<Diagnostic> notes;
};

using Diagnostics = std::vector<Diagnostic>;

/// An error without a place.
inline Diagnostic makeError(std::string message, std::vector<Position> sites = {}) {
  return {Severity::Error, std::move(message), std::move(sites), {}};
}

} // namespace tegula

#endif // TEGULA_SUPPORT_DIAGNOSTIC_H
