//===- BuildersTest.cpp - Building tile programs from C++ -----------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace tegula;

namespace {

class BuildersTest : public ::testing::Test {
protected:
  BuildersTest() {
    context.loadDialect<TegulaDialect, memref::MemRefDialect, arith::ArithDialect,
                        tensor::TensorDialect>();
  }

  MLIRContext context;
};

TEST_F(BuildersTest, SoftmaxTypeIsUniquedAndNamesItsParts) {
  Type f32 = Float32Type::get(&context);
  auto type = SoftmaxType::get(&context, 8, 4, f32);
  EXPECT_EQ(type, SoftmaxType::get(&context, 8, 4, f32));
  SmallVector<Type, 3> parts = type.getPartTypes();
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0], RankedTensorType::get({8}, f32));
  EXPECT_EQ(parts[1], RankedTensorType::get({8}, f32));
  EXPECT_EQ(parts[2], RankedTensorType::get({8, 4}, f32));
}

TEST_F(BuildersTest, ScheduleRowsNameSomething) {
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  auto emit = [&] { return emitError(UnknownLoc::get(&context)); };
  EXPECT_TRUE(failed(ScheduleRowAttr::verify(emit, "all", 0, {}, {}, {}, StringAttr())));
  EXPECT_EQ(message, "a schedule row names at least one label");
}

TEST_F(BuildersTest, ViewAccessIsThatOfTheArgumentBehindSubviews) {
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(R"(
    tegula.kernel @k(in %x: memref<8x8xf32>, inout %y: memref<8x8xf32>) {
      %c1 = arith.constant 1 : index
      tegula.grid (%i) to (%c1) step (1) {
        %s = memref.subview %x[%i, 0] [1, 8] [1, 1]
               : memref<8x8xf32> to memref<8xf32, strided<[1], offset: ?>>
        tegula.yield
      }
      tegula.return
    })",
                                                             &context);
  ASSERT_TRUE(module);
  KernelOp kernel = *module->getOps<KernelOp>().begin();
  Block &block = kernel.getBody().front();
  EXPECT_EQ(getViewAccess(block.getArgument(0)), Access::In);
  EXPECT_EQ(getViewAccess(block.getArgument(1)), Access::InOut);
  module->walk([&](memref::SubViewOp subview) {
    EXPECT_EQ(getViewArgument(subview), block.getArgument(0));
    EXPECT_EQ(getViewAccess(subview), Access::In);
  });
}

} // namespace
