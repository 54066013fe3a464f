//===- GpuCode.cpp - What both GPU backends need -------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Target/GpuCode.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/Intrinsics.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

#include <mutex>

// The two backends, by the names that LLVM's registry has for them.
extern "C" {
void LLVMInitializeNVPTXTargetInfo();
void LLVMInitializeNVPTXTarget();
void LLVMInitializeNVPTXTargetMC();
void LLVMInitializeNVPTXAsmPrinter();
void LLVMInitializeAMDGPUTargetInfo();
void LLVMInitializeAMDGPUTarget();
void LLVMInitializeAMDGPUTargetMC();
void LLVMInitializeAMDGPUAsmPrinter();
}

using namespace llvm;
using namespace tegula;

/// Registers both backends with LLVM's own registry, once.
static void initializeGpuTargets() {
  // style: allow(static) the registry is LLVM's own, one per process, and only grows.
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    LLVMInitializeAMDGPUTargetInfo();
    LLVMInitializeAMDGPUTarget();
    LLVMInitializeAMDGPUTargetMC();
    LLVMInitializeAMDGPUAsmPrinter();
  });
}

Expected<std::unique_ptr<TargetMachine>> tegula::createGpuTargetMachine(const GpuInfo &gpu) {
  initializeGpuTargets();
  Triple triple(gpu.getTriple());
  std::string error;
  const Target *found = TargetRegistry::lookupTarget(triple, error);
  if (!found)
    return createStringError(error);
  TargetOptions options;
  options.AllowFPOpFusion = FPOpFusion::Standard;
  // NVIDIA's assembler optimises once more; AMD's code is what LLVM makes.
  CodeGenOptLevel level = gpu.getBackend() == GpuBackend::NVPTX ? CodeGenOptLevel::Default
                                                                : CodeGenOptLevel::Aggressive;
  std::unique_ptr<TargetMachine> machine(found->createTargetMachine(
      triple, gpu.getCPU(), gpu.getFeatures(), options, Reloc::PIC_, std::nullopt, level));
  if (!machine)
    return createStringError("LLVM makes no code for target '" + gpu.getName() + "'");
  return machine;
}

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

namespace {

/// Collects what LLVM says about a module while it lives: errors and the rest.
class MessageScope {
public:
  explicit MessageScope(LLVMContext &context) : context(context) {
    context.setDiagnosticHandlerCallBack(&MessageScope::handle, this);
  }
  ~MessageScope() { context.setDiagnosticHandlerCallBack(nullptr, nullptr); }

  Error takeError() {
    return errors.empty() ? Error::success() : createStringError(join(errors, "\n"));
  }
  std::vector<std::string> errors, warnings;

private:
  static void handle(const DiagnosticInfo *info, void *self) {
    if (info->getSeverity() == DS_Remark || info->getSeverity() == DS_Note)
      return;
    std::string text;
    raw_string_ostream stream(text);
    DiagnosticPrinterRawOStream printer(stream);
    info->print(printer);
    auto *scope = static_cast<MessageScope *>(self);
    (info->getSeverity() == DS_Error ? scope->errors : scope->warnings).push_back(text);
  }

  LLVMContext &context;
};

} // namespace

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

static bool isKernel(const Function &function) {
  return function.getCallingConv() == CallingConv::PTX_Kernel ||
         function.getCallingConv() == CallingConv::AMDGPU_KERNEL;
}

/// Elementary functions for which a GPU has an instruction in f32; LLVM ends the
/// process over any other.
static bool hasInstruction(Intrinsic::ID id, Type *type, GpuBackend backend) {
  switch (id) {
  case Intrinsic::acos:
  case Intrinsic::asin:
  case Intrinsic::atan:
  case Intrinsic::atan2:
  case Intrinsic::cosh:
  case Intrinsic::pow:
  case Intrinsic::powi:
  case Intrinsic::sinh:
  case Intrinsic::tan:
    return false;
  case Intrinsic::tanh:
    return backend == GpuBackend::NVPTX && !type->getScalarType()->isDoubleTy();
  case Intrinsic::exp:
  case Intrinsic::exp10:
  case Intrinsic::log:
  case Intrinsic::log10:
    return backend == GpuBackend::AMDGPU && !type->getScalarType()->isDoubleTy();
  case Intrinsic::cos:
  case Intrinsic::exp2:
  case Intrinsic::log2:
  case Intrinsic::sin:
    return !type->getScalarType()->isDoubleTy();
  default:
    return true;
  }
}

/// Whether an intrinsic belongs to a machine, and not to this one.
static bool isForeign(StringRef name, GpuBackend backend) {
  StringRef own = backend == GpuBackend::NVPTX ? "nvvm" : "amdgcn";
  if (!name.consume_front("llvm."))
    return false;
  static constexpr StringLiteral machines[] = {"nvvm", "amdgcn", "r600", "x86", "aarch64", "arm"};
  StringRef head = name.split('.').first;
  return head != own && is_contained(machines, head);
}

static Error checkCalls(const Function &function, const GpuInfo &gpu) {
  for (const Instruction &instruction : instructions(function)) {
    const auto *call = dyn_cast<CallBase>(&instruction);
    if (!call || call->isInlineAsm())
      continue;
    const Function *callee = call->getCalledFunction();
    if (!callee)
      return createStringError("'" + function.getName() +
                               "' calls through a pointer, which has "
                               "no code for target '" +
                               gpu.getName() + "'");
    bool isCode = callee->isIntrinsic() ? !isForeign(callee->getName(), gpu.getBackend()) &&
                                              hasInstruction(callee->getIntrinsicID(),
                                                             call->getType(), gpu.getBackend())
                                        : !callee->isDeclaration();
    if (!isCode)
      return createStringError("'" + function.getName() + "' calls '" + callee->getName() +
                               "', which has no code for target '" + gpu.getName() + "'");
  }
  return Error::success();
}

/// Without it, registers are handed out as if a block had 1024 threads.
static bool statesBlockSize(const Function &function) {
  if (function.getCallingConv() == CallingConv::PTX_Kernel)
    return function.hasFnAttribute("nvvm.reqntid") || function.hasFnAttribute("nvvm.maxntid");
  // MLIR writes "1,256" where nothing is known: only equal ends say something.
  StringRef sizes = function.getFnAttribute("amdgpu-flat-work-group-size").getValueAsString();
  auto [least, most] = sizes.split(',');
  return !least.empty() && least == most;
}

static Error checkKernels(const Module &module, const GpuInfo &gpu) {
  bool any = false;
  for (const Function &function : module) {
    if (function.isDeclaration())
      continue;
    if (Error error = checkCalls(function, gpu))
      return error;
    if (!isKernel(function))
      continue;
    any = true;
    bool isNV = gpu.getBackend() == GpuBackend::NVPTX;
    if ((function.getCallingConv() == CallingConv::PTX_Kernel) != isNV)
      return createStringError("kernel '" + function.getName() +
                               "' is of another vendor than target '" + gpu.getName() + "'");
    if (!statesBlockSize(function))
      return createStringError("kernel '" + function.getName() +
                               "' does not say how many threads a block has");
  }
  return any ? Error::success()
             : createStringError("the module has no kernel for target '" + gpu.getName() + "'");
}

//===----------------------------------------------------------------------===//
// Preparing
//===----------------------------------------------------------------------===//

/// LLVM's passes for code that NVIDIA's assembler optimises again. No induction
/// variables, no sinking, no unrolling: they move work over waits.
static constexpr const char *nvptxPasses =
    "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg,"
    "loop-mssa(licm),gvn,dce)";

/// AMD's code is what LLVM makes: everything, the backend's own passes included.
static constexpr const char *amdgpuPasses = "default<O3>";

/// What the AMDGPU backend wants to be told of every kernel.
static void addAMDGPUFacts(Module &module) {
  // Version 5: what loaders of ROCm 5 and later take.
  if (!module.getModuleFlag("amdhsa_code_object_version"))
    module.addModuleFlag(Module::Error, "amdhsa_code_object_version", 500);
  for (Function &function : module) {
    if (function.isDeclaration() || !isKernel(function))
      continue;
    // Blocks are full, and accumulators stay in ordinary registers.
    for (auto [name, value] :
         {std::pair("uniform-work-group-size", "true"), std::pair("amdgpu-agpr-alloc", "0")})
      if (!function.hasFnAttribute(name))
        function.addFnAttr(name, value);
  }
}

/// Assembly by hand may hold a barrier: LLVM must not make it depend on the lane.
static void makeAssemblyConvergent(Module &module) {
  for (Function &function : module)
    for (Instruction &instruction : instructions(function))
      if (auto *call = dyn_cast<CallBase>(&instruction); call && call->isInlineAsm())
        call->setConvergent();
}

Error tegula::prepareForGpu(Module &module, const GpuInfo &gpu, TargetMachine &machine) {
  module.setTargetTriple(machine.getTargetTriple());
  module.setDataLayout(machine.createDataLayout());
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.setDoesNotThrow();
    function.addFnAttr("target-cpu", gpu.getCPU());
    if (!gpu.getFeatures().empty())
      function.addFnAttr("target-features", gpu.getFeatures());
  }
  if (gpu.getBackend() == GpuBackend::AMDGPU)
    addAMDGPUFacts(module);
  makeAssemblyConvergent(module);
  std::string problem;
  raw_string_ostream stream(problem);
  if (verifyModule(module, &stream))
    return createStringError("the module is not valid LLVM IR: " + problem);
  if (Error error = checkKernels(module, gpu))
    return error;

  MessageScope messages(module.getContext());
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager graphs;
  ModuleAnalysisManager modules;
  PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  ModulePassManager passes;
  if (Error error = builder.parsePassPipeline(
          passes, gpu.getBackend() == GpuBackend::NVPTX ? nvptxPasses : amdgpuPasses))
    return error;
  passes.run(module, modules);
  return messages.takeError();
}

//===----------------------------------------------------------------------===//
// Emitting
//===----------------------------------------------------------------------===//

static Expected<std::string> generate(Module &module, TargetMachine &machine, CodeGenFileType type,
                                      std::vector<std::string> &messages) {
  MessageScope scope(module.getContext());
  SmallVector<char, 0> output;
  raw_svector_ostream stream(output);
  legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type, /*DisableVerify=*/true))
    return createStringError("LLVM cannot write this kind of file for " +
                             machine.getTargetTriple().str());
  passes.run(module);
  append_range(messages, scope.warnings);
  if (Error error = scope.takeError())
    return error;
  return std::string(output.data(), output.size());
}

Expected<std::string> tegula::emitAssembly(Module &module, TargetMachine &machine,
                                           std::vector<std::string> &messages) {
  return generate(module, machine, CodeGenFileType::AssemblyFile, messages);
}

Expected<std::string> tegula::emitObject(Module &module, TargetMachine &machine,
                                         std::vector<std::string> &messages) {
  return generate(module, machine, CodeGenFileType::ObjectFile, messages);
}

std::string tegula::formatResources(const GpuCode &code) {
  std::string text;
  raw_string_ostream stream(text);
  for (const KernelResources &kernel : code.kernels) {
    stream << formatv("kernel {0}: registers {1} ({2} accumulators, {3} scalar), spills {4}, "
                      "stack {5}, shared {6}, arguments {7}, barriers {8}",
                      kernel.kernel, kernel.registers, kernel.accumulators, kernel.scalarRegisters,
                      kernel.spills, kernel.stackBytes, kernel.sharedBytes, kernel.argumentBytes,
                      kernel.barriers);
    if (kernel.threads)
      stream << ", threads " << kernel.threads;
    stream << "\n";
  }
  for (const std::string &message : code.messages)
    stream << "message: " << message << "\n";
  return text;
}
