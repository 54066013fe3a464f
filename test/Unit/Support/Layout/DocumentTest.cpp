//===- DocumentTest.cpp - What docs/layouts.md shows is what is printed ---===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/Layout/Print.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "gtest/gtest.h"

using namespace tegula::layout;
using llvm::SmallVector;
using llvm::StringRef;

namespace {

/// What the tool prints, errors included.
std::string run(StringRef question) {
  llvm::Expected<std::string> text = answer(question);
  return text ? *text : "tegula-layout: error: " + llvm::toString(text.takeError()) + "\n";
}

/// Equal line by line; a line `...` stands for any number of lines.
bool matches(llvm::ArrayRef<StringRef> want, llvm::ArrayRef<StringRef> got) {
  if (want.empty())
    return got.empty();
  if (want[0] != "...")
    return !got.empty() && got[0] == want[0] && matches(want.drop_front(), got.drop_front());
  for (size_t skip = 0; skip <= got.size(); ++skip)
    if (matches(want.drop_front(), got.drop_front(skip)))
      return true;
  return false;
}

TEST(DocumentTest, CommandsPrintWhatThePageSays) {
  auto file = llvm::MemoryBuffer::getFile(TEGULA_SOURCE_DIR "/docs/layouts.md");
  ASSERT_TRUE(bool(file)) << file.getError().message();
  SmallVector<StringRef> lines;
  (*file)->getBuffer().split(lines, '\n');
  constexpr llvm::StringLiteral prompt = "$ tegula-layout ";
  unsigned commands = 0;
  bool isInside = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].starts_with("```"))
      isInside = lines[i] == "```console";
    if (!isInside || !lines[i].starts_with(prompt))
      continue;
    StringRef question = lines[i].drop_front(prompt.size());
    SmallVector<StringRef> want, got;
    while (!lines[i + 1].starts_with(prompt) && !lines[i + 1].starts_with("```"))
      want.push_back(lines[++i]);
    std::string text = run(question);
    StringRef(text).rtrim().split(got, '\n');
    EXPECT_TRUE(matches(want, got)) << question.str() << "\n" << text;
    ++commands;
  }
  EXPECT_GE(commands, 10u);
}

TEST(DocumentTest, OtherPrintsAreNoticed) {
  EXPECT_TRUE(matches({"a", "...", "b"}, {"a", "1", "2", "b"}));
  EXPECT_FALSE(matches({"a", "...", "b"}, {"a", "1", "c"}));
  EXPECT_FALSE(matches({"a"}, {"a", "b"}));
}

TEST(QuestionTest, BadQuestionsAreRefused) {
  auto message = [](StringRef question) {
    llvm::Expected<std::string> text = answer(question);
    return text ? "answered " + *text : llvm::toString(text.takeError());
  };
  EXPECT_EQ(message("tabel x"), "expected table, atom, convert, units or solve, not 'tabel'");
  EXPECT_EQ(message("atom m1"), "unknown atom 'm1'");
  EXPECT_EQ(message("table m16n8k16.D"), "expected '[rows, columns]' after atom 'm16n8k16.D'");
  EXPECT_EQ(message("units 8x64"), "expected 'ROWSxCOLS of BYTES'");
  EXPECT_EQ(message("units 0x64 of 2"),
            "expected extents up to 4096 and elements of 1, 2, 4, 8 or 16 bytes");
  EXPECT_EQ(message("units 8x63 of 2"), "rows must be a multiple of 16 bytes");
  EXPECT_EQ(message("units 8x64 of 2 swizzle 100"), "expected 128, 64 or 32 after 'swizzle'");
  EXPECT_EQ(message("units 8x64 of 2 key 8"), "expected images below 8 after 'key'");
  EXPECT_EQ(message("units 8x64 of 2 lock"), "unexpected 'lock'");
  EXPECT_EQ(message("solve 64x64 of 2"), "expected 'read' and layouts");
  EXPECT_EQ(message("solve 64x64 of 2 read m16n8k16.A [1, 1]"),
            "layout m16n8k16.A [1, 1] is of another tile");
  EXPECT_EQ(message("convert m16n8k16.D [1, 2] to"),
            "unexpected 'to' in the layout 'm16n8k16.D [1, 2] to'");
  EXPECT_EQ(message("convert m16n8k16.D [1, 2] to m16n8k16.A [1, 1] bits 12"),
            "expected 8, 16, 32 or 64 after 'bits'");
}

} // namespace
