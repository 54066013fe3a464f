//===- SchedVerify.cpp - Proves scheduled kernels -------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Analysis/ScheduledKernel.h"
#include "tegula/Transforms/Passes.h"

namespace tegula {
#define GEN_PASS_DEF_SCHEDVERIFYPASS
#include "tegula/Transforms/Passes.h.inc"
} // namespace tegula

using namespace mlir;

namespace {

struct SchedVerify : tegula::impl::SchedVerifyPassBase<SchedVerify> {
  using SchedVerifyPassBase::SchedVerifyPassBase;

  void runOnOperation() override {
    bool good = true;
    getOperation()->walk([&](tegula::sched::KernelOp kernel) {
      good &= succeeded(tegula::sched::proveKernel(kernel, {remarks, registers}));
    });
    if (!good)
      return signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace
