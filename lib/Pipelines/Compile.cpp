//===- Compile.cpp - From text to machine code -------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Pipelines/Compile.h"

#include "CompileGpu.h"
#include "Session.h"

#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Runtime/Module.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Passes/PassBuilder.h"

using namespace mlir;
using namespace tegula;

std::optional<Level> tegula::symbolizeLevel(StringRef name) {
  return llvm::StringSwitch<std::optional<Level>>(name)
      .Case("tegula", Level::Tegula)
      .Case("sched", Level::Sched)
      .Case("loops", Level::Loops)
      .Case("nvvm", Level::NVVM)
      .Case("rocdl", Level::ROCDL)
      .Case("llvm", Level::LLVM)
      .Case("asm", Level::Asm)
      .Case("obj", Level::Obj)
      .Case("ptx", Level::PTX)
      .Case("cubin", Level::Cubin)
      .Case("hsaco", Level::HSACO)
      .Default(std::nullopt);
}

StringRef tegula::stringifyLevel(Level level) {
  static constexpr llvm::StringLiteral names[] = {
      "tegula", "sched", "loops", "nvvm", "rocdl", "llvm", "asm", "obj", "ptx", "cubin", "hsaco"};
  return names[static_cast<size_t>(level)];
}

std::optional<Path> tegula::symbolizePath(StringRef name) {
  return llvm::StringSwitch<std::optional<Path>>(name)
      .Case("loops", Path::Loops)
      .Cases({"sched", "x86"}, Path::Sched)
      .Default(std::nullopt);
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

static DType getDType(Type type) {
  return llvm::TypeSwitch<Type, DType>(type)
      .Case([](Float64Type) { return DType::F64; })
      .Case([](Float32Type) { return DType::F32; })
      .Case([](Float16Type) { return DType::F16; })
      .Case([](BFloat16Type) { return DType::BF16; })
      .Case([](Float8E4M3FNType) { return DType::F8E4M3FN; })
      .Case([](Float8E5M2Type) { return DType::F8E5M2; })
      .Case([](IndexType) { return DType::Index; })
      .Case([](IntegerType integer) {
        switch (integer.getWidth()) {
        case 1:
          return DType::I1;
        case 8:
          return DType::I8;
        case 32:
          return DType::I32;
        default:
          return DType::I64;
        }
      })
      .DefaultUnreachable("the dialect has no further element types");
}

static ArgumentInfo getArgument(ArgAttr arg, Type type) {
  ArgumentInfo info;
  info.name = arg.getName().str();
  info.access = static_cast<ArgumentAccess>(arg.getAccess());
  info.align = arg.getAlign();
  info.multiples.assign(arg.getMultiples().begin(), arg.getMultiples().end());
  auto view = dyn_cast<MemRefType>(type);
  info.dtype = getDType(view ? view.getElementType() : type);
  if (!view)
    return info;
  info.sizes.assign(view.getShape().begin(), view.getShape().end());
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  (void)view.getStridesAndOffset(strides, offset); // strided: the verifier says so
  info.strides.assign(strides.begin(), strides.end());
  static_assert(ShapedType::kDynamic == dynamicExtent);
  return info;
}

static std::vector<MessageInfo> getMessages(ArrayAttr attrs) {
  std::vector<MessageInfo> messages;
  for (auto message : attrs.getAsRange<MessageAttr>())
    messages.push_back({message.getText().getValue().str(), getSites(message.getPlace())});
  return messages;
}

/// Takes the entries out of `module`: no code is made of them.
static std::vector<KernelInfo> takeEntries(ModuleOp module) {
  std::vector<KernelInfo> kernels;
  for (EntryOp entry : llvm::make_early_inc_range(module.getOps<EntryOp>())) {
    KernelInfo &kernel = kernels.emplace_back();
    kernel.name = entry.getKernel().str();
    for (auto [arg, type] : llvm::zip(entry.getArgs(), entry.getTypes()))
      kernel.arguments.push_back(getArgument(cast<ArgAttr>(arg), cast<TypeAttr>(type).getValue()));
    kernel.requirements = getMessages(entry.getRequirements());
    kernel.checks = getMessages(entry.getChecks());
    kernel.steps.assign(entry.getSteps().begin(), entry.getSteps().end());
    kernel.arenaBytes = entry.getArena();
    entry.erase();
  }
  return kernels;
}

static std::vector<ProgramInfo> takePrograms(ModuleOp module) {
  std::vector<ProgramInfo> programs;
  for (ProgramEntryOp entry : llvm::make_early_inc_range(module.getOps<ProgramEntryOp>())) {
    ProgramInfo &program = programs.emplace_back();
    program.name = entry.getProgram().str();
    for (auto [arg, type] : llvm::zip(entry.getArgs(), entry.getTypes()))
      program.arguments.push_back(getArgument(cast<ArgAttr>(arg), cast<TypeAttr>(type).getValue()));
    program.requirements = getMessages(entry.getRequirements());
    for (StringRef kernel : entry.getKernels().getAsValueRange<StringAttr>())
      program.kernels.push_back(kernel.str());
    entry.erase();
  }
  return programs;
}

//===----------------------------------------------------------------------===//
// One compilation
//===----------------------------------------------------------------------===//

namespace {

/// Takes text as far as a level; keeps what a caller may want of it.
class Compilation : public Session {
public:
  using Session::Session;

  bool parse(StringRef text, StringRef fileName);
  /// MLIR's passes up to `level`.
  bool runPasses(Level level);
  /// LLVM IR, with LLVM's passes run.
  bool translate();
  bool generate(llvm::CodeGenFileType type, llvm::SmallVectorImpl<char> &output);
  bool checkExternals(StringRef object);

  CpuTarget target;
  std::vector<KernelInfo> kernels;
  std::vector<ProgramInfo> programs;
};

} // namespace

bool Compilation::parse(StringRef text, StringRef fileName) {
  llvm::Expected<CpuTarget> resolved = resolveCpuTarget(options.target);
  if (!resolved)
    return fail(resolved.takeError());
  target = std::move(*resolved);
  return parseText(text, fileName);
}

bool Compilation::runPasses(Level level) {
  return run([&](OpPassManager &pm) {
    buildTilePipeline(pm);
    if (level >= Level::Sched && options.path == Path::Sched)
      buildTileToSchedPipeline(pm, target.row, options.sched);
    if (level >= Level::Loops) {
      if (options.path == Path::Sched)
        buildSchedToLoopsPipeline(pm, target);
      else
        buildTileToLoopsPipeline(pm);
    }
    if (level >= Level::LLVM)
      buildLoopsToLLVMPipeline(pm, /*callsLibm=*/options.path == Path::Loops);
  });
}

/// LLVM's passes. The code is right by construction, so the list is short: it gives
/// the speed of -O3 at a fifth of its time. No loop vectoriser, no unroller.
static constexpr const char *llvmPasses =
    "function(early-cse<memssa>,simplifycfg,instcombine<no-verify-fixpoint>,loop(loop-rotate),"
    "loop-mssa(licm),instcombine<no-verify-fixpoint>,early-cse<memssa>)";

bool Compilation::translate() {
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> made = createTargetMachine(target);
  if (!made)
    return fail(made.takeError());
  machine = std::move(*made);
  kernels = takeEntries(*module);
  programs = takePrograms(*module);
  llvmContext.setDiagnosticHandlerCallBack(
      [](const llvm::DiagnosticInfo *info, void *self) {
        if (info->getSeverity() != llvm::DS_Error)
          return;
        std::string text;
        llvm::raw_string_ostream stream(text);
        llvm::DiagnosticPrinterRawOStream printer(stream);
        info->print(printer);
        static_cast<Compilation *>(self)->fail(text);
      },
      this);
  if (!translateModule())
    return false;
  llvmModule->setTargetTriple(machine->getTargetTriple());
  llvmModule->setDataLayout(machine->createDataLayout());
  for (llvm::Function &function : *llvmModule) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target.cpu);
    function.addFnAttr("target-features", target.featureString());
    function.addFnAttr("tune-cpu", target.tune);
    function.setDoesNotThrow();
  }

  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(machine.get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  llvm::ModulePassManager passes;
  if (llvm::Error error = builder.parsePassPipeline(passes, llvmPasses))
    return fail(std::move(error));
  passes.run(*llvmModule, modules);
  expandNarrowMaskedStores(*llvmModule);
  return true;
}

bool Compilation::generate(llvm::CodeGenFileType type, llvm::SmallVectorImpl<char> &output) {
  llvm::raw_svector_ostream stream(output);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, type, /*DisableVerify=*/true))
    return fail("LLVM cannot make code for target '" + target.name + "'");
  size_t before = diagnostics.size();
  passes.run(*llvmModule);
  return diagnostics.size() == before;
}

/// Code that calls what no loader of ours resolves is refused here, not at load.
bool Compilation::checkExternals(StringRef object) {
  auto file = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(object, "program"));
  if (!file)
    return fail(file.takeError());
  for (const llvm::object::SymbolRef &symbol : (*file)->symbols()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    llvm::Expected<StringRef> name = symbol.getName();
    if (!flags || !name)
      return fail("cannot read the symbols of the program");
    if (!(*flags & llvm::object::SymbolRef::SF_Undefined) || name->empty() ||
        isKnownExternal(std::string_view(name->data(), name->size())))
      continue;
    return fail(
        ("the program calls '" + *name + "', which has no code for target '" + target.name + "'")
            .str());
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

std::unique_ptr<Artifact> tegula::compile(StringRef text, StringRef fileName,
                                          const CompileOptions &options, Diagnostics &diagnostics,
                                          ConfigurePassManager configure) {
  uint64_t seed = 0;
  if (const GpuInfo *gpu = parseSimulated(options.target, seed))
    return compileForGpu(text, fileName, *gpu, seed, options, diagnostics, configure);
  if (const GpuInfo *gpu = GpuInfo::lookup(options.target))
    return compileForGpu(text, fileName, *gpu, std::nullopt, options, diagnostics, configure);
  Compilation compilation(options, diagnostics, configure);
  llvm::SmallVector<char, 0> object;
  if (!compilation.parse(text, fileName) || !compilation.runPasses(Level::Obj) ||
      !compilation.translate() ||
      !compilation.generate(llvm::CodeGenFileType::ObjectFile, object) ||
      !compilation.checkExternals(StringRef(object.data(), object.size())))
    return nullptr;
  auto artifact = std::make_unique<Artifact>();
  artifact->target = compilation.target.name;
  artifact->features = compilation.target.features;
  artifact->kernels = std::move(compilation.kernels);
  artifact->programs = std::move(compilation.programs);
  artifact->object.assign(object.begin(), object.end());
  return artifact;
}

std::optional<std::string> tegula::emit(StringRef text, StringRef fileName, Level level,
                                        const CompileOptions &options, Diagnostics &diagnostics,
                                        ConfigurePassManager configure) {
  uint64_t seed = 0;
  const GpuInfo *gpu = parseSimulated(options.target, seed);
  if (gpu || (gpu = GpuInfo::lookup(options.target)))
    return emitForGpu(text, fileName, level, *gpu, options, diagnostics, configure);
  if (level == Level::NVVM || level == Level::ROCDL || level > Level::Obj) {
    diagnostics.push_back(makeError(
        ("target '" + options.target + "' has no level '" + stringifyLevel(level) + "'").str()));
    return std::nullopt;
  }
  if (level == Level::Sched && options.path == Path::Loops) {
    diagnostics.push_back(makeError("the loops path has no scheduled level"));
    return std::nullopt;
  }
  Compilation compilation(options, diagnostics, configure);
  if (!compilation.parse(text, fileName) || !compilation.runPasses(level))
    return std::nullopt;
  if (level < Level::LLVM)
    return compilation.print();
  if (!compilation.translate())
    return std::nullopt;
  if (level == Level::LLVM)
    return compilation.printLLVM();
  llvm::SmallVector<char, 0> output;
  if (!compilation.generate(level == Level::Asm ? llvm::CodeGenFileType::AssemblyFile
                                                : llvm::CodeGenFileType::ObjectFile,
                            output))
    return std::nullopt;
  return std::string(output.data(), output.size());
}
