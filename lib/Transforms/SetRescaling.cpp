//===- SetRescaling.cpp - When accumulators of a softmax are rescaled -----===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Transforms/Passes.h"

namespace tegula {
#define GEN_PASS_DEF_SETRESCALINGPASS
#include "tegula/Transforms/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;

namespace {

struct SetRescaling : tegula::impl::SetRescalingPassBase<SetRescaling> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) override {
    if (!(threshold >= 0))
      return emitError(UnknownLoc::get(context))
             << "threshold of --tegula-set-rescaling is negative: " << threshold.getValue();
    return success();
  }

  void runOnOperation() override {
    llvm::SetVector<Operation *> exact;
    getOperation()->walk(
        [&](SoftmaxPartsOp parts) { collectUpdates(parts.getState(), exact); });
    FloatAttr lag = Builder(&getContext()).getF32FloatAttr(static_cast<float>(threshold));
    getOperation()->walk([&](SoftmaxUpdateOp update) {
      auto elem = cast<FloatType>(update.getV().getType().getElementType());
      if (!update.getLag() && !exact.contains(update) && threshold < getLagLimit(elem))
        update.setLagAttr(lag);
    });
  }
};

} // namespace
