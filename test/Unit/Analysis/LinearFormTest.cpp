//===- LinearFormTest.cpp - Integers as sums of symbols -------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Analysis/LinearForm.h"

#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace tegula;

namespace {

/// A function of three indices and an i32, whose returned values are the subject.
class LinearFormTest : public ::testing::Test {
protected:
  LinearFormTest() {
    context.loadDialect<TegulaDialect, memref::MemRefDialect, arith::ArithDialect,
                        tensor::TensorDialect, func::FuncDialect>();
  }

  /// Parses the body of the function; `results` is the operand list of its return.
  ValueRange parse(StringRef body, StringRef results) {
    std::string text = ("func.func @f(%n: index, %m: index, %h: index, %k: i32, %v: memref<?xf32>) {\n" +
                        body + "\n\"test.results\"(" + results.split(':').first + ") : (" +
                        results.split(':').second + ") -> ()\nreturn\n}")
                           .str();
    context.allowUnregisteredDialects();
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    func = *module->getOps<func::FuncOp>().begin();
    Operation *op = func.getBody().front().getTerminator()->getPrevNode();
    return op->getOperands();
  }
  Value argument(unsigned i) { return func.getArgument(i); }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  func::FuncOp func;
};

TEST_F(LinearFormTest, ScalarsAreSumsOfSymbols) {
  ValueRange values = parse(R"(
    %c3 = arith.constant 3 : index
    %a = arith.addi %n, %m : index
    %b = arith.subi %a, %c3 : index
    %c = arith.muli %b, %c3 : index
    %d = arith.subi %c, %m : index
    %e = arith.muli %n, %m : index)",
                            "%d, %e : index, index");
  LinearForm form = *getLinearForm(values[0]);
  EXPECT_EQ(form.getCoefficient(argument(0)), 3);
  EXPECT_EQ(form.getCoefficient(argument(1)), 2);
  EXPECT_EQ(form.getCoefficient(argument(2)), 0);
  EXPECT_EQ(form.constant, -9);
  // A product of symbols is a symbol.
  EXPECT_EQ(getLinearForm(values[1])->getCoefficient(values[1]), 1);
}

TEST_F(LinearFormTest, SymbolsThatCancelAreGone) {
  ValueRange values = parse(R"(
    %a = arith.addi %n, %m : index
    %b = arith.subi %a, %n : index
    %c = arith.subi %b, %m : index)",
                            "%c : index");
  EXPECT_TRUE(getLinearForm(values[0])->isConstant());
}

TEST_F(LinearFormTest, TilesAreLinearInTheirAxes) {
  ValueRange values = parse(R"(
    %j = tegula.iota %n : tensor<8xi32>
    %i = tegula.iota %m : tensor<4xi32>
    %jb = tegula.broadcast %j dims [1] : tensor<8xi32> -> tensor<4x8xi32>
    %i1 = tegula.reshape %i : tensor<4xi32> -> tensor<4x1xi32>
    %ib = tegula.broadcast %i1 dims [0, 1] : tensor<4x1xi32> -> tensor<4x8xi32>
    %ks = tensor.splat %k : tensor<4x8xi32>
    %a = arith.subi %jb, %ib : tensor<4x8xi32>
    %b = arith.addi %a, %ks : tensor<4x8xi32>
    %t = tegula.transpose %b perm [1, 0] : tensor<4x8xi32> -> tensor<8x4xi32>
    %s = tensor.extract_slice %b[1, 2] [1, 3] [1, 2] : tensor<4x8xi32> to tensor<3xi32>)",
                            "%b, %t, %s : tensor<4x8xi32>, tensor<8x4xi32>, tensor<3xi32>");
  LinearForm form = *getLinearForm(values[0]);
  EXPECT_EQ(form.axes, (SmallVector<int64_t, 4>{-1, 1}));
  EXPECT_EQ(form.getCoefficient(argument(0)), 1);
  EXPECT_EQ(form.getCoefficient(argument(1)), -1);
  EXPECT_EQ(form.getCoefficient(argument(3)), 1);
  EXPECT_EQ(*form.getAxisRange({4, 8}), std::make_pair(int64_t(-3), int64_t(7)));
  EXPECT_EQ(getLinearForm(values[1])->axes, (SmallVector<int64_t, 4>{1, -1}));
  LinearForm slice = *getLinearForm(values[2]);
  EXPECT_EQ(slice.axes, (SmallVector<int64_t, 4>{2}));
  EXPECT_EQ(slice.constant, 1);
}

TEST_F(LinearFormTest, LoadedTilesAndNarrowIntegersHaveNoForm) {
  ValueRange values = parse(R"(
    %one = arith.constant dense<1> : tensor<4xi8>
    %two = arith.addi %one, %one : tensor<4xi8>
    %c0 = arith.constant 0 : index
    %e = tensor.empty() : tensor<4xi32>
    %j = tegula.iota %n : tensor<4xi32>
    %p = arith.muli %j, %j : tensor<4xi32>)",
                            "%two, %e, %p : tensor<4xi8>, tensor<4xi32>, tensor<4xi32>");
  for (Value value : values)
    EXPECT_FALSE(getLinearForm(value));
}

TEST_F(LinearFormTest, OverflowGivesNoForm) {
  ValueRange values = parse(R"(
    %big = arith.constant dense<9223372036854775807> : tensor<4xi64>
    %j = tegula.iota %n : tensor<4xi64>
    %a = arith.addi %j, %big : tensor<4xi64>
    %b = arith.addi %a, %big : tensor<4xi64>)",
                            "%a, %b : tensor<4xi64>, tensor<4xi64>");
  EXPECT_TRUE(getLinearForm(values[0]));
  EXPECT_FALSE(getLinearForm(values[1]));
  LinearForm form(std::numeric_limits<int64_t>::min());
  EXPECT_FALSE(form.add(-1));
}

TEST_F(LinearFormTest, ProofsUseSizesMinimaAndMaxima) {
  ValueRange values = parse(R"(
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %size = memref.dim %v, %c0 : memref<?xf32>
    %half = arith.divui %size, %c2 : index
    %lo = arith.maxsi %n, %c0 : index
    %hi = arith.minsi %n, %size : index
    %d0 = arith.subi %size, %hi : index
    %d1 = arith.subi %lo, %n : index
    %d2 = arith.subi %lo, %hi : index
    %d3 = arith.subi %hi, %lo : index
    %d4 = arith.subi %size, %c1 : index
    %d5 = arith.addi %half, %lo : index)",
                            "%size, %d0, %d1, %d2, %d5, %n, %hi, %d3, %d4 : index, index, index, "
                            "index, index, index, index, index, index");
  for (auto [i, value] : llvm::enumerate(values))
    EXPECT_EQ(isProvablyNonNegative(*getLinearForm(value)), i < 5) << "value " << i;
}

} // namespace
