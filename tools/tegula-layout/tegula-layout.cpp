//===- tegula-layout.cpp - Questions about layouts ------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prints who holds which element, what a conversion takes, and how a tile lies in
// shared memory. include/tegula/Support/Layout/Print.h has the questions.
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/Layout/Print.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace tegula::layout;

static constexpr llvm::StringLiteral usage = R"(usage: tegula-layout QUESTION

  table LAYOUT                                   who holds which element
  atom NAME                                      a row of the table of atoms
  convert LAYOUT to LAYOUT [bits N]              class and plan of a conversion
  units RxC of BYTES [swizzle SPAN | key N...]   16-byte units of a stored tile
  solve RxC of BYTES read LAYOUT [, LAYOUT]...   the best swizzle, and its cycles

  LAYOUT: ATOM [rows, cols] [warps [rows, cols]] [by [rows, cols]] [tile [rows, cols]]
  example: tegula-layout convert 'm16n8k16.D [2, 8] to m16n8k16.A [2, 4]'
)";

int main(int argc, char **argv) {
  llvm::ArrayRef<char *> words(argv + 1, argc - 1);
  if (words.empty() || llvm::StringRef(words[0]) == "--help") {
    llvm::outs() << usage;
    return words.empty();
  }
  llvm::Expected<std::string> text = answer(llvm::join(words, " "));
  if (!text) {
    llvm::errs() << "tegula-layout: error: " << llvm::toString(text.takeError()) << '\n';
    return 1;
  }
  llvm::outs() << *text;
  return 0;
}
