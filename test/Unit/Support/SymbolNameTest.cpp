//===- SymbolNameTest.cpp - Tests of what kernels are called in code ------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/SymbolName.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>

using tegula::getCodeName;

TEST(SymbolName, IdentifiersStayAsTheyAre) {
  for (const char *name : {"f", "_f", "attention_fwd", "x86", "exp", "main", "llvm_"})
    EXPECT_EQ(getCodeName(name), name);
}

TEST(SymbolName, OthersBecomeIdentifiers) {
  EXPECT_EQ(getCodeName(""), "$_");
  EXPECT_EQ(getCodeName("2d"), "$_2d");
  EXPECT_EQ(getCodeName("llvm"), "$_llvm");
  EXPECT_EQ(getCodeName("llvm.exp.f32"), "llvm$2Eexp$2Ef32");
  EXPECT_EQ(getCodeName("WARP_SZ"), "$_WARP_SZ");
  EXPECT_EQ(getCodeName("__dso_handle"), "$___dso_handle");
  EXPECT_EQ(getCodeName("_DYNAMIC"), "$__DYNAMIC");
  EXPECT_EQ(getCodeName("a b"), "a$20b");
  EXPECT_EQ(getCodeName("a$20b"), "a$2420b");
  EXPECT_EQ(getCodeName("\xC3\xB6"), "$C3$B6");
}

/// All words of up to three of these characters: distinct, no part of another, and of
/// what an assembler reads as a name.
TEST(SymbolName, DifferentNamesStayDifferent) {
  std::string alphabet = "bL2_$. \xC3";
  std::set<std::string> words = {""}, seen;
  for (int length = 0; length < 3; ++length)
    for (std::string word : std::set<std::string>(words))
      for (char c : alphabet)
        words.insert(word + c);
  for (const std::string &word : words) {
    std::string name = getCodeName(word);
    EXPECT_TRUE(std::all_of(name.begin(), name.end(), [](unsigned char c) {
      return std::isalnum(c) || c == '_' || c == '$';
    })) << name;
    EXPECT_FALSE(std::isdigit(static_cast<unsigned char>(name.front())));
    for (const char *part : {"", ".bind", "$shared", "$table2"})
      EXPECT_TRUE(seen.insert(name + part).second) << name << part;
  }
}
