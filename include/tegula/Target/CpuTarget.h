//===- CpuTarget.h - Which CPU code is made for ------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TARGET_CPUTARGET_H
#define TEGULA_TARGET_CPUTARGET_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace tegula {

/// A CPU that code is made for, as data. Equal targets give equal code.
struct CpuTarget {
  /// Canonical name: a level and further features, such as "x86-64-v4+avx512bf16".
  std::string name;
  /// The row of the table of machines (`TargetInfo`) that passes ask.
  std::string row;
  std::string triple;
  /// LLVM's names of the CPU and of the CPU whose timings are assumed.
  std::string cpu, tune;
  /// Every feature that the code may use: what a machine must have to run it.
  std::vector<std::string> features;

  /// LLVM's form of `features`: "+avx2,+fma".
  std::string featureString() const;
};

/// The target named `name`: a level ("x86-64-v3", "x86-64-v4"), a level with
/// features ("x86-64-v4+avx512bf16"), or "native", which is the best row of the table
/// of machines that this one meets.
llvm::Expected<CpuTarget> resolveCpuTarget(llvm::StringRef name);

/// Those of `features` that this machine lacks.
std::vector<std::string> missingHostFeatures(llvm::ArrayRef<std::string> features);

/// What LLVM needs to make code for `target`.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(const CpuTarget &target);

/// Makes a plain store of each masked store whose constant mask has one lane of 8 or
/// 16 bits: LLVM 22 writes 32 bits there (test/Regression/narrow-masked-store.mlir).
void expandNarrowMaskedStores(llvm::Module &module);

} // namespace tegula

#endif // TEGULA_TARGET_CPUTARGET_H
