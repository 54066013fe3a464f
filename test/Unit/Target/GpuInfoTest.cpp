//===- GpuInfoTest.cpp - The table of GPUs, against known figures ------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Target/GpuInfo.h"
#include "tegula/Target/TargetInfo.h"

#include "gtest/gtest.h"

using namespace tegula;

static const GpuInfo &gpu(llvm::StringRef name) {
  const GpuInfo *info = GpuInfo::lookup(name);
  EXPECT_NE(info, nullptr) << name.str();
  return *info;
}

TEST(GpuInfo, OneLookupFindsBothKinds) {
  EXPECT_TRUE(llvm::isa<const GpuInfo *>(lookupTarget("sm_80")));
  EXPECT_TRUE(llvm::isa<const TargetInfo *>(lookupTarget("x86-64-v4")));
  EXPECT_TRUE(lookupTarget("sm_81").isNull());
  EXPECT_EQ(getTargetNames(), "x86-64-v3, x86-64-v4, x86-64-v4+avx512bf16, sm_80, sm_86, sm_89, "
                              "sm_90a, sm_120a, gfx90a, gfx942");
}

TEST(GpuInfo, NamesForCodeGenerators) {
  EXPECT_EQ(gpu("sm_90a").getComputeCapability(), 90);
  EXPECT_EQ(gpu("sm_120a").getComputeCapability(), 120);
  EXPECT_EQ(gpu("gfx942").getComputeCapability(), 0);
  EXPECT_EQ(gpu("sm_80").getTriple(), "nvptx64-nvidia-cuda");
  EXPECT_NE(gpu("sm_80").getDataLayout().find("i128:128"), std::string::npos);
  EXPECT_NE(gpu("gfx942").getDataLayout().find("A5"), std::string::npos);
}

TEST(GpuInfo, RowOfADevice) {
  auto row = [](int32_t capability) {
    const GpuInfo *info = GpuInfo::lookupCapability(capability);
    return info ? info->getName() : "none";
  };
  EXPECT_EQ(row(75), "none");
  EXPECT_EQ(row(80), "sm_80");
  EXPECT_EQ(row(87), "sm_86");
  EXPECT_EQ(row(90), "sm_90a");
  EXPECT_EQ(row(100), "sm_89") << "as PTX";
  EXPECT_EQ(row(120), "sm_120a");
}

// The registers at entry of the kernels of research/nvidia.md, section 1.
TEST(GpuInfo, EntryRegisters) {
  EXPECT_EQ(gpu("sm_90a").getEntryRegisters(256), 255);
  EXPECT_EQ(gpu("sm_90a").getEntryRegisters(384), 168);
  EXPECT_EQ(gpu("sm_90a").getEntryRegisters(512), 128);
  EXPECT_EQ(gpu("gfx942").getEntryRegisters(256), 256);
  EXPECT_EQ(gpu("gfx942").getEntryRegisters(512), 256);
  EXPECT_EQ(gpu("gfx942").getEntryRegisters(1024), 128);
}

// The occupancies of SCHED.md, section 5, and of research/amd.md, section 1.
TEST(GpuInfo, ResidentBlocks) {
  EXPECT_EQ(gpu("sm_80").getResidentBlocks(128, 226, 48 << 10), 2);
  EXPECT_EQ(gpu("sm_80").getResidentBlocks(128, 64, 100 << 10), 1);
  EXPECT_EQ(gpu("gfx942").getResidentBlocks(256, 144, 16 << 10), 3);
  EXPECT_EQ(gpu("gfx942").getResidentBlocks(256, 144, 32 << 10), 2);
  EXPECT_EQ(gpu("gfx942").getResidentBlocks(256, 176, 64 << 10), 1);
  EXPECT_EQ(gpu("gfx942").getResidentBlocks(512, 220, 64 << 10), 1);
}

TEST(GpuInfo, MatrixUnits) {
  EXPECT_EQ(gpu("sm_80").findMatrixUnit(Element::BF16)->atom, "m16n8k16");
  EXPECT_EQ(gpu("sm_80").findMatrixUnit(Element::F64), nullptr);
  EXPECT_EQ(gpu("sm_80").findMatrixUnit(Element::BF16, /*async=*/true), nullptr);
  EXPECT_EQ(gpu("sm_90a").findMatrixUnit(Element::BF16, /*async=*/true)->atom, "wgmma");
  EXPECT_TRUE(gpu("sm_90a").hasAsyncProducts());
  EXPECT_FALSE(gpu("gfx942").hasAsyncProducts());
  // Attention's 128x64 tile at d 64: 1024 cycles of products on both (SCHED.md, section 5).
  double warp = gpu("sm_80").findMatrixUnit("m16n8k16", Element::BF16)->cyclesPerIssue();
  EXPECT_EQ(warp * (128 / 16) * (64 / 8) * (64 / 16) * 2, 1024);
  double wave = gpu("gfx942").findMatrixUnit("mfma32", Element::BF16)->cyclesPerIssue();
  EXPECT_EQ(wave * 4, 32) << "each of the four SIMDs is busy for 32 cycles";
}

// A matrix unit is never faster than the vendor says the part is.
TEST(GpuInfo, PeaksOfReferenceParts) {
  auto peak = [](llvm::StringRef name, Element element, bool async = false) {
    const ReferencePart &part = gpu(name).getReferencePart();
    return 2e-6 * part.cores * part.megahertz *
           gpu(name).findMatrixUnit(element, async)->macsPerCycle;
  };
  EXPECT_NEAR(peak("sm_80", Element::BF16), 312, 2);
  EXPECT_NEAR(peak("sm_86", Element::BF16), 149.7, 1);
  EXPECT_NEAR(peak("sm_89", Element::BF16), 362, 6);
  EXPECT_NEAR(peak("sm_90a", Element::BF16, true), 989, 2);
  EXPECT_NEAR(peak("sm_120a", Element::BF16), 504, 2);
  EXPECT_NEAR(peak("gfx90a", Element::BF16), 383 / 2., 1);
  EXPECT_NEAR(peak("gfx942", Element::BF16), 1307, 2);
}

TEST(GpuInfo, CopiesAndCompletions) {
  EXPECT_EQ(gpu("sm_80").findCopy(CopyEngine::Bulk), nullptr);
  EXPECT_FALSE(gpu("sm_80").hasCompletion(Completion::Tx));
  EXPECT_TRUE(gpu("sm_90a").hasCompletion(Completion::Tx));
  EXPECT_TRUE(gpu("sm_80").findCopy(CopyEngine::Async)->completesAs(Completion::Fifo));
  EXPECT_TRUE(gpu("gfx942").findCopy(CopyEngine::Registers)->completesAs(Completion::Sync));
  EXPECT_EQ(gpu("gfx942").findCopy(CopyEngine::Async), nullptr);
  EXPECT_EQ(stringify(CopyEngine::Registers), "registers");
  EXPECT_EQ(stringify(Completion::Sync), "sync");
}

// A quarter where multiply-adds start 8 times as fast as exponentials (FlashAttention-4's
// share), none where they start 4 times as fast.
TEST(GpuInfo, SharesOfAMix) {
  EXPECT_EQ(gpu("sm_80").getPolynomialPeriod(), 0);
  EXPECT_EQ(gpu("sm_90a").getPolynomialPeriod(), 4);
  EXPECT_EQ(gpu("gfx942").getPolynomialPeriod(), 4);
}

// Every phase moves at most what the banks can give in a cycle.
TEST(GpuInfo, PhasesFillTheBanks) {
  for (const GpuInfo &info : GpuInfo::getAll())
    for (const SharedPhase &phase : info.getSharedPhases())
      EXPECT_EQ((1 << phase.basis.size()) * phase.bytes, info.getNumBanks() * info.getBankBytes())
          << info.getName().str() << ", " << phase.bytes << " bytes";
  EXPECT_EQ(gpu("gfx942").findSharedPhase(SharedAccess::Load, 16)->basis.back(), 20);
  EXPECT_EQ(gpu("gfx942").findSharedPhase(SharedAccess::MatrixLoad, 16), nullptr);
  EXPECT_EQ(gpu("sm_80").findSharedPhase(SharedAccess::MatrixStore, 16), nullptr);
}
