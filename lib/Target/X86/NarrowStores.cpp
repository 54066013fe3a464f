//===- NarrowStores.cpp - Masked stores of one narrow element -------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Target/CpuTarget.h"

#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"

using namespace llvm;

/// The only set lane of a constant mask, or nothing.
static std::optional<unsigned> getOnlyLane(Value *mask) {
  auto *constant = dyn_cast<Constant>(mask);
  auto *type = dyn_cast<FixedVectorType>(mask->getType());
  if (!constant || !type)
    return std::nullopt;
  std::optional<unsigned> only;
  for (unsigned lane = 0; lane < type->getNumElements(); ++lane) {
    Constant *bit = constant->getAggregateElement(lane);
    if (!bit || !isa<ConstantInt>(bit))
      return std::nullopt;
    if (bit->isZeroValue())
      continue;
    if (only)
      return std::nullopt;
    only = lane;
  }
  return only;
}

void tegula::expandNarrowMaskedStores(Module &module) {
  SmallVector<std::pair<IntrinsicInst *, unsigned>> found;
  for (Function &function : module)
    for (BasicBlock &block : function)
      for (Instruction &instruction : block) {
        auto *call = dyn_cast<IntrinsicInst>(&instruction);
        if (!call || call->getIntrinsicID() != Intrinsic::masked_store)
          continue;
        if (call->getArgOperand(0)->getType()->getScalarSizeInBits() >= 32)
          continue;
        if (std::optional<unsigned> lane = getOnlyLane(call->getArgOperand(2)))
          found.emplace_back(call, *lane);
      }
  for (auto [call, lane] : found) {
    IRBuilder<> builder(call);
    Value *element = builder.CreateExtractElement(call->getArgOperand(0), lane);
    Type *type = element->getType();
    Value *address =
        builder.CreateConstGEP1_64(type, call->getArgOperand(1), lane);
    builder.CreateAlignedStore(element, address, Align(type->getScalarSizeInBits() / 8));
    call->eraseFromParent();
  }
}
