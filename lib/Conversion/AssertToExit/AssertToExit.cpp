//===- AssertToExit.cpp - Failed checks return their number ---------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Conversion/Passes.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tegula {
#define GEN_PASS_DEF_CONVERTASSERTTOEXITPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;

/// Number (from 1) of the check that `assertion` came from, 0 where there is none.
static int64_t findCheck(EntryOp entry, cf::AssertOp assertion) {
  int64_t sameText = 0;
  for (auto [i, attr] : llvm::enumerate(entry.getChecks())) {
    auto check = cast<MessageAttr>(attr);
    if (check.getText() != assertion.getMsgAttr())
      continue;
    if (check.getPlace() == LocationAttr(assertion.getLoc()))
      return i + 1;
    if (!sameText)
      sameText = i + 1;
  }
  return sameText;
}

/// assert %c, "m"  ->  cond_br %c, ^rest, ^exit(number);  one exit per function
static LogicalResult convertAssertion(EntryOp entry, func::FuncOp function, cf::AssertOp assertion,
                                      Block *&exit) {
  if (assertion->getParentOp() != function)
    return assertion.emitOpError() << "stands inside '" << assertion->getParentOp()->getName()
                                   << "', which no branch can leave: lower it first";
  int64_t number = findCheck(entry, assertion);
  if (!number)
    return assertion.emitOpError() << "is no check of kernel '" << entry.getKernel() << "'";
  OpBuilder builder(assertion);
  Location loc = assertion.getLoc();
  Type i32 = builder.getI32Type();
  if (!exit) {
    exit = builder.createBlock(&function.getBody(), function.getBody().end(), {i32}, {loc});
    func::ReturnOp::create(builder, loc, exit->getArguments());
    builder.setInsertionPoint(assertion);
  }
  Value result = arith::ConstantIntOp::create(builder, loc, number, 32);
  Block *block = assertion->getBlock();
  Block *rest = block->splitBlock(assertion);
  builder.setInsertionPointToEnd(block);
  cf::CondBranchOp::create(builder, loc, assertion.getArg(), rest, ValueRange{}, exit,
                           ValueRange{result});
  assertion.erase();
  return success();
}

namespace {

struct ConvertAssertToExit : tegula::impl::ConvertAssertToExitPassBase<ConvertAssertToExit> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (EntryOp entry : getOperation().getOps<EntryOp>()) {
      auto function = symbols.lookup<func::FuncOp>(entry.getInstance());
      if (!function)
        continue;
      SmallVector<cf::AssertOp> assertions;
      function.walk([&](cf::AssertOp assertion) { assertions.push_back(assertion); });
      Block *exit = nullptr;
      for (cf::AssertOp assertion : assertions)
        if (failed(convertAssertion(entry, function, assertion, exit)))
          return signalPassFailure();
    }
  }
};

} // namespace
