//===- ListingsTest.cpp - Listings of kernels as event programs -----------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Slips.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Parser/Parser.h"
#include "tegula/Analysis/ScheduledKernel.h"
#include "gtest/gtest.h"

using namespace tegula::sched;
using namespace tegula::sched::proof;

namespace {

/// A listing of test/Dialect/Sched/listings, read and extracted.
class Listings : public ::testing::TestWithParam<const char *> {
protected:
  Listings() {
    context.loadDialect<tegula::TegulaDialect, SchedDialect, mlir::affine::AffineDialect,
                        mlir::arith::ArithDialect, mlir::math::MathDialect,
                        mlir::memref::MemRefDialect, mlir::scf::SCFDialect,
                        mlir::tensor::TensorDialect>();
    std::string path =
        std::string(TEGULA_SOURCE_DIR "/test/Dialect/Sched/listings/") + GetParam() + ".mlir";
    module = mlir::parseSourceFile<mlir::ModuleOp>(path, &context);
    if (!module)
      return;
    kernel = *module->getOps<KernelOp>().begin();
    machine = *Machine::lookup(kernel.getTarget());
    extracted = *extractEvents(kernel, machine.lanes);
  }

  void SetUp() override { ASSERT_TRUE(module); }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  KernelOp kernel;
  Machine machine;
  ExtractedKernel extracted;
};

TEST_P(Listings, NothingToSayAtAnyBound) {
  for (unsigned stretch : {1, 3}) {
    Proof proof = prove(extracted.program, machine, stretch);
    for (const Finding &finding : proof.findings.get())
      ADD_FAILURE() << finding.message;
    // No listing pays for a barrier; on one thread there is none.
    if (machine.lanes > 1)
      EXPECT_TRUE(proof.acquireBarriers.empty());
  }
}

TEST_P(Listings, TheLoweringGetsPlacesForBuffers) {
  mlir::FailureOr<ScheduleFacts> facts = proveKernel(kernel);
  ASSERT_TRUE(mlir::succeeded(facts));
  kernel.walk([&](AllocOp alloc) { EXPECT_TRUE(facts->bufferOffsets.contains(alloc)); });
  kernel.walk([&](ChannelOp channel) {
    bool objects = channel.getType().getKind() == tegula::sched::Completion::tx ||
                   channel.getType().getKind() == tegula::sched::Completion::arrive;
    EXPECT_EQ(facts->barrierOffsets.contains(channel), objects);
  });
  kernel.walk([&](AcquireOp acquire) {
    if (machine.lanes > 1)
      EXPECT_FALSE(facts->needsBarrier(acquire));
  });
}

TEST_P(Listings, EveryInterleavingStoresTheSame) {
  std::mt19937 random(7);
  for (int64_t n : {0, 1, 2, 5}) {
    std::vector<int64_t> trips(extracted.program.trips.size(), n);
    Outcome right = execute(extracted.program, machine, trips, {}, Landing::Early, 1);
    EXPECT_EQ(right.fault, "");
    for (unsigned i = 0; i < 12; ++i)
      for (Landing landing : {Landing::Early, Landing::Late, Landing::Random})
        EXPECT_TRUE(execute(extracted.program, machine, trips, {}, landing, random()) == right)
            << "n = " << n;
  }
}

TEST_P(Listings, SlipsThatAreAcceptedRunRight) {
  Tally tally = trySlips(extracted.program, machine, 50, 5);
  EXPECT_EQ(tally.accepted + tally.refused, 50u);
  EXPECT_TRUE(tally.holes.empty()) << ::testing::PrintToString(tally.holes);
  RecordProperty("accepted", int(tally.accepted));
  RecordProperty("refused", int(tally.refused));
  RecordProperty("refused and run", int(tally.refusedRun));
  RecordProperty("refused and wrong", int(tally.refusedWrong));
}

INSTANTIATE_TEST_SUITE_P(All, Listings,
                         ::testing::Values("matmul_x86", "attention_x86", "matmul_sm80",
                                           "attention_sm80", "matmul_gfx942", "attention_gfx942",
                                           "matmul_sm90", "attention_sm90", "cfconv_sm90",
                                           "low_rank_ffn_sm80"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
