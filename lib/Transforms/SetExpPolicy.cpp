//===- SetExpPolicy.cpp - Which unit computes exponentials ----------------===//
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
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace tegula {
#define GEN_PASS_DEF_SETEXPPOLICYPASS
#include "tegula/Transforms/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;

/// The type of a tile whose exponentials have a policy, or null: f32, or a
/// 16-bit float (computed in f32).
static RankedTensorType getPolicyTile(Type type) {
  auto tile = dyn_cast<RankedTensorType>(type);
  if (!tile || !tile.hasStaticShape())
    return nullptr;
  Type elem = tile.getElementType();
  return elem.isF32() || elem.isF16() || elem.isBF16() ? tile : nullptr;
}

namespace {

/// exp2 %x, exp %x  ->  tegula.exp2 (%x), tegula.exp2 (%x * log2 e), in f32
template <typename OpTy>
struct UsePolicy : OpRewritePattern<OpTy> {
  UsePolicy(MLIRContext *context, ExpPolicy policy, IntegerAttr degree)
      : OpRewritePattern<OpTy>(context), policy(policy), degree(degree) {}

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    RankedTensorType type = getPolicyTile(op.getType());
    if (!type)
      return rewriter.notifyMatchFailure(op, "is no tile of f32, f16 or bf16");
    constexpr bool isNatural = std::is_same_v<OpTy, math::ExpOp>;
    bool isExact = isNatural && type.getElementType().isF32() &&
                   !bitEnumContainsAny(op.getFastmath(), arith::FastMathFlags::afn);
    if (isExact)
      return rewriter.notifyMatchFailure(op, "the rounded product x * log2 e costs up to 50 ulp");
    Location loc = op.getLoc();
    auto wide = RankedTensorType::get(type.getShape(), rewriter.getF32Type());
    Value x = op.getOperand();
    if (type != wide)
      x = arith::ExtFOp::create(rewriter, loc, wide, x);
    if (isNatural) {
      auto log2e = DenseElementsAttr::get(wide, 1.44269504f);
      x = arith::MulFOp::create(rewriter, loc, x,
                                arith::ConstantOp::create(rewriter, loc, log2e));
    }
    Value result = Exp2Op::create(rewriter, loc, wide, x, policy, degree, /*label=*/nullptr);
    if (type != wide)
      result = arith::TruncFOp::create(rewriter, loc, type, result);
    rewriter.replaceOp(op, result);
    return success();
  }

  ExpPolicy policy;
  IntegerAttr degree;
};

struct SetExpPolicy : tegula::impl::SetExpPolicyPassBase<SetExpPolicy> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) override {
    if (degree != 0 && (degree < 3 || degree > 7))
      return emitError(UnknownLoc::get(context))
             << "degree of --tegula-set-exp-policy must be between 3 and 7, got " << degree.getValue();
    return success();
  }

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    auto attr = ExpPolicyAttr::get(context, policy);
    getOperation()->walk([&](Operation *op) {
      if (auto update = dyn_cast<SoftmaxUpdateOp>(op);
          update && !update.getPolicyAttr() && update.getState().getType().getElem().isF32())
        update.setPolicyAttr(attr);
      if (auto merge = dyn_cast<SoftmaxMergeOp>(op);
          merge && !merge.getPolicyAttr() && merge.getA().getType().getElem().isF32())
        merge.setPolicyAttr(attr);
    });
    IntegerAttr degreeAttr = degree == 0 ? nullptr : Builder(context).getI64IntegerAttr(degree);
    RewritePatternSet patterns(context);
    patterns.add<UsePolicy<math::ExpOp>, UsePolicy<math::Exp2Op>>(context, policy, degreeAttr);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace
