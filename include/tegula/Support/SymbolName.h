//===- SymbolName.h - What kernels are called in code ---------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel may have any name. What is made of it has symbols of its own, which must be
// names for an assembler and meet nothing else: other kernels and their parts, the C
// library, LLVM's intrinsics (`llvm.…`), words of PTX.
//
//   in code            f           the symbol of a GPU, which drivers look up
//   part of it         f.bind      functions of the host, `f$shared` on GPUs
//
// A name in code holds no '.', and every '$' in it is followed by '_', a digit or a
// capital; the words of parts begin with small letters, so no part is another name.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SUPPORT_SYMBOLNAME_H
#define TEGULA_SUPPORT_SYMBOLNAME_H

#include <string>
#include <string_view>

namespace tegula {

/// The name of kernel or program `name` in code: itself where it is an identifier that
/// nothing else has a use for. Other bytes become `$` and two digits of base 16, and a `$`
/// goes in front of what would be empty, a number or a word with a meaning. Different
/// names stay different.
inline std::string getCodeName(std::string_view name) {
  auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
  auto isLetter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  // `__x` and `_X` are kept for compilers and linkers, as in C (`_GLOBAL_OFFSET_TABLE_`);
  // `llvm.bind` would be an intrinsic; WARP_SZ is a constant of PTX.
  bool isKept =
      name.size() > 1 && name[0] == '_' && (name[1] == '_' || (name[1] >= 'A' && name[1] <= 'Z'));
  bool isTaken =
      name.empty() || isDigit(name.front()) || isKept || name == "llvm" || name == "WARP_SZ";
  std::string result = isTaken ? "$_" : "";
  for (char c : name) {
    if (isDigit(c) || isLetter(c)) {
      result += c;
      continue;
    }
    static constexpr char digits[] = "0123456789ABCDEF";
    auto byte = static_cast<unsigned char>(c);
    result += {'$', digits[byte >> 4], digits[byte & 15]};
  }
  return result;
}

} // namespace tegula

#endif // TEGULA_SUPPORT_SYMBOLNAME_H
