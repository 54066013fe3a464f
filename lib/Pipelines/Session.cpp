//===- Session.cpp - What every compilation has --------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Session.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Export.h"

#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace tegula;

static DialectRegistry makeRegistry() {
  DialectRegistry registry;
  registerCompilerDialects(registry);
  return registry;
}

Session::Session(const CompileOptions &options, Diagnostics &diagnostics,
                 ConfigurePassManager configure)
    : options(options), diagnostics(diagnostics), configure(configure),
      context(makeRegistry(), MLIRContext::Threading::DISABLED), capture(&context, diagnostics) {
  // A whole kernel in a note helps a compiler engineer; the flag of tools turns it on.
  if (!configure)
    context.printOpOnDiagnostic(false);
}

bool Session::fail(std::string message) {
  diagnostics.push_back(makeError(std::move(message)));
  return false;
}

bool Session::parseText(StringRef text, StringRef fileName) {
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, fileName), SMLoc());
  module = parseSourceFile<ModuleOp>(sources, &context);
  return static_cast<bool>(module);
}

bool Session::run(function_ref<void(OpPassManager &)> build) {
  PassManager pm(&context, ModuleOp::getOperationName(), PassManager::Nesting::Implicit);
  if (configure && !configure(pm))
    return false;
  build(pm);
  size_t before = diagnostics.size();
  if (succeeded(pm.run(*module)))
    return true;
  // A pass that fails without a word would leave the caller with none.
  return diagnostics.size() > before ? false : fail("a pass failed without a message");
}

bool Session::translateModule() {
  size_t before = diagnostics.size();
  llvmModule = translateModuleToLLVMIR(*module, llvmContext, "program");
  if (llvmModule)
    return true;
  return diagnostics.size() > before ? false : fail("cannot translate the program to LLVM IR");
}

std::string Session::print() {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream);
  return text;
}

std::string Session::printLLVM() {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvmModule->print(stream, nullptr);
  return text;
}
