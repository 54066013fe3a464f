//===- LoadedCode.cpp - Linking an object into this process ------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Runtime/Module.h"

#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/Core.h"
#include "llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"
#include "llvm/ExecutionEngine/Orc/SelfExecutorProcessControl.h"
#include "llvm/Support/MemoryBuffer.h"

#include <dlfcn.h>

#include <algorithm>

using namespace llvm;
using namespace llvm::orc;
using namespace tegula;

bool tegula::isKnownExternal(std::string_view name) {
  static constexpr std::string_view memory[] = {"memcpy", "memmove", "memset", "malloc",
                                                "free",   "aligned_alloc"};
  static constexpr std::string_view mathematics[] = {
      "acos",   "acosh", "asin", "asinh", "atan",  "atan2",     "atanh",
      "cbrt",   "ceil",  "cos",  "cosh",  "erf",   "erfc",      "exp",
      "exp2",   "expm1", "fabs", "floor", "fma",   "fmod",      "log",
      "log10",  "log1p", "log2", "pow",   "round", "roundeven", "sin",
      "sincos", "sinh",  "sqrt", "tan",   "tanh",  "trunc"};
  if (std::find(std::begin(memory), std::end(memory), name) != std::end(memory))
    return true;
  auto isFunction = [](std::string_view base) {
    return std::find(std::begin(mathematics), std::end(mathematics), base) !=
           std::end(mathematics);
  };
  if (isFunction(name))
    return true;
  // The float forms: only the plain loops path calls them.
  return !name.empty() && name.back() == 'f' && isFunction(name.substr(0, name.size() - 1));
}

namespace {

/// Resolves the C library's functions that compiled code may call.
class KnownExternals : public DefinitionGenerator {
public:
  Error tryToGenerate(LookupState &, LookupKind, JITDylib &dylib, JITDylibLookupFlags,
                      const SymbolLookupSet &symbols) override {
    SymbolMap found;
    for (auto &[name, flags] : symbols) {
      StringRef text = *name;
      if (!isKnownExternal(std::string_view(text.data(), text.size())))
        continue;
      if (void *address = dlsym(RTLD_DEFAULT, text.str().c_str()))
        found[name] = {ExecutorAddr::fromPtr(address), JITSymbolFlags::Exported};
    }
    if (found.empty())
      return Error::success();
    return dylib.define(absoluteSymbols(std::move(found)));
  }
};

/// Code behind LLVM's JITLink.
class LinkedCode : public LoadedCode {
public:
  explicit LinkedCode(std::unique_ptr<ExecutorProcessControl> control)
      : session(std::move(control)), layer(session) {
    session.setErrorReporter([this](Error error) { report(std::move(error)); });
  }
  ~LinkedCode() override {
    if (Error error = session.endSession())
      consumeError(std::move(error));
  }

  Error add(const std::vector<char> &object) {
    dylib = &session.createBareJITDylib("program");
    dylib->addGenerator(std::make_unique<KnownExternals>());
    return layer.add(*dylib, MemoryBuffer::getMemBuffer(StringRef(object.data(), object.size()),
                                                        "program", false));
  }

  void *lookup(const std::string &name, Diagnostics &diagnostics) override {
    Expected<ExecutorSymbolDef> symbol = session.lookup({dylib}, session.intern(name));
    if (symbol)
      return symbol->getAddress().toPtr<void *>();
    std::string why = toString(symbol.takeError());
    for (const std::string &earlier : reported)
      why = earlier + "; " + why;
    diagnostics.push_back(makeError("cannot link the program: " + why));
    return nullptr;
  }

private:
  void report(Error error) { reported.push_back(toString(std::move(error))); }

  std::vector<std::string> reported;
  ExecutionSession session;
  ObjectLinkingLayer layer;
  JITDylib *dylib = nullptr;
};

} // namespace

std::unique_ptr<LoadedCode> LoadedCode::load(const std::vector<char> &object,
                                             Diagnostics &diagnostics) {
  auto control = SelfExecutorProcessControl::Create();
  if (!control) {
    diagnostics.push_back(makeError("cannot load the program: " + toString(control.takeError())));
    return nullptr;
  }
  auto code = std::make_unique<LinkedCode>(std::move(*control));
  if (Error error = code->add(object)) {
    diagnostics.push_back(makeError("cannot load the program: " + toString(std::move(error))));
    return nullptr;
  }
  return code;
}
