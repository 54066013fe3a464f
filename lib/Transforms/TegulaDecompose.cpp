//===- TegulaDecompose.cpp - Structured ops into plain tile ops -----------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/DialectConversion.h"

namespace tegula {
#define GEN_PASS_DEF_TEGULADECOMPOSEPASS
#include "tegula/Transforms/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;

static SmallVector<Value> flatten(ArrayRef<ValueRange> lists) {
  SmallVector<Value> flat;
  for (ValueRange values : lists)
    llvm::append_range(flat, values);
  return flat;
}

/// The ops that take their softmax states apart.
static LogicalResult verifyStates(Operation *root) {
  auto visit = [](Operation *op) -> WalkResult {
    if (auto parts = dyn_cast<SoftmaxPartsOp>(op)) {
      llvm::SetVector<Operation *> updates;
      collectUpdates(parts.getState(), updates);
      for (Operation *update : updates)
        if (cast<SoftmaxUpdateOp>(update).getLag()) {
          InFlightDiagnostic error =
              parts.emitOpError("gives the exact maximum; its state may lag");
          error.attachNote(update->getLoc()) << "this update lets it";
          return error;
        }
    }
    if (isa<DecomposableOpInterface, StreamOp, YieldOp, scf::IfOp, scf::ForOp, scf::WhileOp,
            scf::ConditionOp, scf::YieldOp>(op))
      return WalkResult::advance();
    SmallVector<Type> types(op->getOperandTypes());
    llvm::append_range(types, op->getResultTypes());
    for (Region &region : op->getRegions())
      for (Block &block : region)
        llvm::append_range(types, block.getArgumentTypes());
    if (llvm::none_of(types, llvm::IsaPred<SoftmaxType>))
      return WalkResult::advance();
    op->emitOpError("knows nothing of the softmax state that it takes or gives: use "
                    "tegula.softmax_parts");
    return WalkResult::interrupt();
  };
  return failure(root->walk(visit).wasInterrupted());
}

namespace {

/// %s1 = softmax_update %s0, ..  ->  its meaning, on the parts of %s0
struct DecomposeOp : OpInterfaceConversionPattern<DecomposableOpInterface> {
  using OpInterfaceConversionPattern::OpInterfaceConversionPattern;

  LogicalResult matchAndRewrite(DecomposableOpInterface op, ArrayRef<ValueRange> operands,
                                ConversionPatternRewriter &rewriter) const override {
    SmallVector<SmallVector<Value>> results;
    if (failed(op.decompose(rewriter, operands, results)))
      return rewriter.notifyMatchFailure(op, "has no decomposition");
    rewriter.replaceOpWithMultiple(op, std::move(results));
    return success();
  }
};

/// stream iter_args(%s = %s0) of states  ->  stream of their parts
struct ConvertStream : OpConversionPattern<StreamOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(StreamOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    const TypeConverter *converter = getTypeConverter();
    SmallVector<Type> types;
    SmallVector<unsigned> counts;
    for (Type type : op.getResultTypes()) {
      size_t before = types.size();
      if (failed(converter->convertType(type, types)))
        return rewriter.notifyMatchFailure(op, "carries a value of unknown type");
      counts.push_back(types.size() - before);
    }
    auto stream = StreamOp::create(rewriter, op.getLoc(), types, op.getLo(), op.getHi(),
                                   op.getStep(), op.getOrder(), op.getLabelAttr(),
                                   op.getScheduleAttr(), flatten(adaptor.getInitArgs()));
    rewriter.inlineRegionBefore(op.getBody(), stream.getBody(), stream.getBody().end());
    if (failed(rewriter.convertRegionTypes(&stream.getBody(), *converter)))
      return rewriter.notifyMatchFailure(op, "cannot convert the block arguments");
    SmallVector<ValueRange> results;
    unsigned offset = 0;
    for (unsigned count : counts) {
      results.push_back(stream.getResults().slice(offset, count));
      offset += count;
    }
    rewriter.replaceOpWithMultiple(op, results);
    return success();
  }
};

struct ConvertYield : OpConversionPattern<YieldOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(YieldOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<YieldOp>(op, flatten(adaptor.getValues()));
    return success();
  }
};

struct TegulaDecompose : tegula::impl::TegulaDecomposePassBase<TegulaDecompose> {
  void runOnOperation() override {
    if (failed(verifyStates(getOperation())))
      return signalPassFailure();
    // `any` permits one fixed order, and below this level a carried value may be
    // updated by other ops than those that the verifier knows as associative.
    getOperation()->walk([](StreamOp stream) {
      if (stream.getOrder() == StreamOrder::any)
        stream.setOrder(StreamOrder::up);
    });
    MLIRContext *context = &getContext();
    TypeConverter converter;
    converter.addConversion([](Type type) { return type; });
    converter.addConversion([](SoftmaxType type, SmallVectorImpl<Type> &parts) {
      llvm::append_range(parts, type.getPartTypes());
      return success();
    });
    ConversionTarget target(*context);
    target.markUnknownOpDynamicallyLegal(
        [&](Operation *op) { return !isa<DecomposableOpInterface>(op); });
    target.addDynamicallyLegalOp<StreamOp>([&](StreamOp op) {
      return converter.isLegal(op.getResultTypes());
    });
    target.addDynamicallyLegalOp<YieldOp>(
        [&](YieldOp op) { return converter.isLegal(op.getOperandTypes()); });
    RewritePatternSet patterns(context);
    patterns.add<DecomposeOp, ConvertStream, ConvertYield>(converter, context);
    scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns, target);
    if (failed(applyFullConversion(getOperation(), target, std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
