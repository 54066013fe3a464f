//===- Session.h - What every compilation has ----------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_PIPELINES_SESSION_H
#define TEGULA_LIB_PIPELINES_SESSION_H

#include "Capture.h"

#include "tegula/Pipelines/Compile.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace tegula {

/// One compilation, whatever it is for: the text on its way, and what is said about it.
/// Steps that fail leave a message in `diagnostics`.
class Session {
public:
  Session(const CompileOptions &options, Diagnostics &diagnostics, ConfigurePassManager configure);

  std::string print();
  std::string printLLVM();

protected:
  bool fail(std::string message);
  bool fail(llvm::Error error) { return fail(llvm::toString(std::move(error))); }
  bool parseText(llvm::StringRef text, llvm::StringRef fileName);
  /// Runs the passes that `build` adds.
  bool run(llvm::function_ref<void(mlir::OpPassManager &)> build);
  /// The module in LLVM IR, no pass run yet.
  bool translateModule();

  const CompileOptions &options;
  Diagnostics &diagnostics;
  ConfigurePassManager configure;
  mlir::MLIRContext context;
  DiagnosticCapture capture;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<llvm::TargetMachine> machine;
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> llvmModule;
};

} // namespace tegula

#endif // TEGULA_LIB_PIPELINES_SESSION_H
