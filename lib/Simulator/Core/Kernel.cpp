//===- Kernel.cpp - Decoding and running, as callers see it --------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Run.h"

#include "../Decode/Decoder.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/Module.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace llvm;
using namespace tegula::sim;

Kernel::Kernel(std::unique_ptr<Program> program) : program(std::move(program)) {}
Kernel::~Kernel() = default;

/// Inlines every call to a function of the module, so that a kernel is one function.
static void inlineCalls(Function &kernel) {
  for (unsigned round = 0; round < 2048; ++round) {
    CallInst *call = nullptr;
    for (BasicBlock &block : kernel)
      for (Instruction &inst : block) {
        auto *candidate = dyn_cast<CallInst>(&inst);
        const Function *callee = candidate ? candidate->getCalledFunction() : nullptr;
        if (callee && !callee->isDeclaration() && callee != &kernel) {
          call = candidate;
          break;
        }
      }
    InlineFunctionInfo info;
    if (!call || !InlineFunction(*call, info).isSuccess())
      return;
  }
}

/// Whether a kernel of AMD's machines is for waves of 32 lanes.
static bool isNarrowWave(const Function &function) {
  StringRef features = function.getFnAttribute("target-features").getValueAsString();
  StringRef chip = function.getFnAttribute("target-cpu").getValueAsString();
  // From the tenth generation on, 32 unless something else is asked for.
  bool isRDNA = chip.starts_with("gfx1");
  return features.contains("+wavefrontsize32") ||
         (isRDNA && !features.contains("+wavefrontsize64"));
}

/// "maxntid" and "reqntid" of NVIDIA's kernels: the product of up to three numbers. Of
/// AMD's the upper end of a range.
static uint64_t maxThreads(const Function &function) {
  uint64_t most = 0;
  StringRef range = function.getFnAttribute("amdgpu-flat-work-group-size").getValueAsString();
  if (!range.empty() && !range.split(',').second.trim().getAsInteger(10, most))
    return most;
  for (StringRef name : {"nvvm.maxntid", "nvvm.reqntid"}) {
    Attribute attribute = function.getFnAttribute(name);
    if (!attribute.isStringAttribute())
      continue;
    uint64_t product = 1;
    SmallVector<StringRef> parts;
    attribute.getValueAsString().split(parts, ',');
    for (StringRef part : parts) {
      uint64_t number = 1;
      if (!part.trim().getAsInteger(10, number))
        product *= number;
    }
    return product;
  }
  return 0;
}

std::unique_ptr<Kernel> Kernel::decode(Module &module, StringRef name,
                                       std::vector<Report> &reports) {
  auto fail = [&](const Twine &message) {
    Report report{ReportKind::Launch, message.str(), {}, {}, name.str(), {0, 0, 0}, -1, 0, {}};
    reports.push_back(std::move(report));
    return nullptr;
  };
  Function *function = module.getFunction(name);
  if (!function || function->isDeclaration())
    return fail("the module has no kernel '" + name + "'");
  auto program = std::make_unique<Program>();
  const Triple &triple = module.getTargetTriple();
  if (triple.isNVPTX()) {
    program->vendor = &nvvmVendor;
    program->width = 32;
  } else if (triple.isAMDGCN()) {
    if (isNarrowWave(*function))
      return fail("waves of 32 lanes are not simulated");
    program->vendor = &amdgpuVendor;
    program->width = 64;
  } else {
    return fail("the target '" + triple.str() + "' is not simulated");
  }
  program->name = name.str();
  program->function = function;
  program->maxThreads = maxThreads(*function);
  inlineCalls(*function);
  if (!Decoder(*function, *program, reports).run()) {
    if (reports.empty())
      return fail("'" + name + "' cannot be decoded");
    return nullptr;
  }
  return std::unique_ptr<Kernel>(new Kernel(std::move(program)));
}

Result Kernel::run(const Launch &launch, const Options &options) const {
  Machine machine(*program, launch, options);
  machine.run();
  return {std::move(machine.reports), std::move(machine.counters)};
}

Result tegula::sim::run(Module &module, const Launch &launch, const Options &options) {
  Result result;
  std::unique_ptr<Kernel> kernel = Kernel::decode(module, launch.kernel, result.reports);
  return kernel ? kernel->run(launch, options) : result;
}
