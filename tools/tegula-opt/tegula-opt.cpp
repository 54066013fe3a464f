//===----------------------------------------------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// tegula-opt: runs passes, upstream ones and ours, on MLIR text.

#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "tegula/Conversion/Passes.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Pipelines/Pipelines.h"
#include "tegula/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<tegula::TegulaDialect, tegula::sched::SchedDialect>();

  mlir::registerAllPasses();
  tegula::registerPasses();
  tegula::registerConversionPasses();
  tegula::registerPipelines();

  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Tegula optimizer driver\n", registry));
}
