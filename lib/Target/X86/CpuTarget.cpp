//===- CpuTarget.cpp - The levels of x86-64 ----------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Target/CpuTarget.h"
#include "tegula/Target/TargetInfo.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"

#include <mutex>

using namespace llvm;
using namespace tegula;

std::string CpuTarget::featureString() const {
  std::string text;
  for (const std::string &feature : features)
    text += (text.empty() ? "+" : ",+") + feature;
  return text;
}

std::vector<std::string> tegula::missingHostFeatures(ArrayRef<std::string> features) {
  StringMap<bool> host = sys::getHostCPUFeatures();
  std::vector<std::string> missing;
  for (const std::string &feature : features)
    if (!host.lookup(feature))
      missing.push_back(feature);
  return missing;
}

/// The row called `level` with further features, under the name of both.
static CpuTarget makeTarget(const TargetInfo &level, ArrayRef<StringRef> extras) {
  CpuTarget target;
  target.name = level.getName();
  target.triple = "x86_64-unknown-linux-gnu";
  target.cpu = target.tune = level.getCPU();
  target.features.assign(level.getFeatures().begin(), level.getFeatures().end());
  for (StringRef extra : extras) {
    if (is_contained(target.features, extra))
      continue;
    target.name += ("+" + extra).str();
    target.features.push_back(extra.str());
  }
  target.row = TargetInfo::lookup(target.name)->getName();
  return target;
}

static Expected<CpuTarget> nativeTarget() {
  StringMap<bool> host = sys::getHostCPUFeatures();
  for (const TargetInfo &row : llvm::reverse(TargetInfo::getAll())) {
    if (!all_of(row.getFeatures(), [&](StringRef feature) { return host.lookup(feature); }))
      continue;
    CpuTarget target = makeTarget(row, {});
    target.tune = sys::getHostCPUName().str();
    return target;
  }
  return createStringError("this CPU (" + sys::getHostCPUName() +
                           ") is below x86-64-v3, the least that code is made for");
}

/// Registers LLVM's code generator with LLVM's own registry, once.
static void initializeTargets() {
  // style: allow(static) the registry is LLVM's own, one per process, and only grows.
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
  });
}

/// Whether LLVM knows `feature`: it prints what it does not know, and goes on.
static bool isKnownFeature(const CpuTarget &target, StringRef feature) {
  initializeTargets();
  std::string error;
  Triple triple(target.triple);
  const Target *found = TargetRegistry::lookupTarget(triple, error);
  if (!found)
    return false;
  std::unique_ptr<MCSubtargetInfo> info(found->createMCSubtargetInfo(triple, target.cpu, ""));
  return info && any_of(info->getAllProcessorFeatures(), [&](const SubtargetFeatureKV &known) {
           return feature == known.Key;
         });
}

Expected<CpuTarget> tegula::resolveCpuTarget(StringRef name) {
  if (name == "native")
    return nativeTarget();
  SmallVector<StringRef> parts;
  name.split(parts, '+');
  for (const TargetInfo &level : TargetInfo::getAll()) {
    if (level.getName() != parts.front())
      continue;
    for (StringRef extra : ArrayRef(parts).drop_front())
      if (!isKnownFeature(makeTarget(level, {}), extra))
        return createStringError("target '" + name + "' has an unknown feature '" + extra + "'");
    return makeTarget(level, ArrayRef(parts).drop_front());
  }
  return createStringError("unknown target '" + name +
                           "': expected native, x86-64-v3 or x86-64-v4");
}

Expected<std::unique_ptr<TargetMachine>> tegula::createTargetMachine(const CpuTarget &target) {
  initializeTargets();
  Triple triple(target.triple);
  std::string error;
  const Target *found = TargetRegistry::lookupTarget(triple, error);
  if (!found)
    return createStringError(error);
  TargetOptions options;
  options.AllowFPOpFusion = FPOpFusion::Standard;
  std::unique_ptr<TargetMachine> machine(
      found->createTargetMachine(triple, target.cpu, target.featureString(), options,
                                 Reloc::PIC_, CodeModel::Small, CodeGenOptLevel::Default));
  if (!machine)
    return createStringError("LLVM makes no code for target '" + target.name + "'");
  return machine;
}
