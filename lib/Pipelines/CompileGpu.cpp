//===- CompileGpu.cpp - From text to GPU code ----------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompileGpu.h"

#include "Session.h"

#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Support/SymbolName.h"
#include "tegula/Target/TargetInfo.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Bitcode/BitcodeWriter.h"

using namespace mlir;
using namespace tegula;

/// The levels of a backend, in order.
static llvm::ArrayRef<Level> getLevels(GpuBackend backend) {
  static constexpr Level nvptx[] = {Level::Tegula, Level::Sched, Level::NVVM, Level::LLVM,
                                    Level::PTX,    Level::Cubin, Level::Asm};
  static constexpr Level amdgpu[] = {Level::Tegula, Level::Sched, Level::ROCDL, Level::LLVM,
                                     Level::Asm,    Level::Obj,   Level::HSACO};
  return backend == GpuBackend::NVPTX ? llvm::ArrayRef<Level>(nvptx)
                                      : llvm::ArrayRef<Level>(amdgpu);
}

namespace {

/// Takes text as far as a level. Each step fails with a message in `diagnostics`.
class GpuCompilation : public Session {
public:
  GpuCompilation(const GpuInfo &gpu, const CompileOptions &options, Diagnostics &diagnostics,
                 ConfigurePassManager configure)
      : Session(options, diagnostics, configure), gpu(gpu) {}

  bool checkLevel(Level level);
  bool parse(StringRef text, StringRef fileName) { return parseText(text, fileName); }
  bool runPasses(Level level);
  /// LLVM IR with LLVM's passes run: what the simulator executes.
  bool translate();
  std::optional<std::string> emitCode(Level level);
  /// Adds what launchers of `kernels` must know, and takes the entries out.
  bool takeEntries(std::vector<KernelInfo> &kernels);
  /// What a driver loads: PTX only where there is no assembler to make a cubin of it.
  Level loadableLevel() const;
  std::string printStripped();
  std::vector<char> writeBitcode();

private:
  bool checkLowered();
  std::optional<std::string> finish(llvm::Expected<GpuCode> code);

  const GpuInfo &gpu;
};

} // namespace

bool GpuCompilation::checkLevel(Level level) {
  if (options.path == Path::Loops)
    return fail(("target '" + gpu.getName() + "' has no loops path: it is the CPU's").str());
  llvm::ArrayRef<Level> levels = getLevels(gpu.getBackend());
  if (llvm::is_contained(levels, level))
    return true;
  return fail(("target '" + gpu.getName() + "' has no level '" + stringifyLevel(level) +
               "': expected " + llvm::join(llvm::map_range(levels, stringifyLevel), ", "))
                  .str());
}

bool GpuCompilation::runPasses(Level level) {
  // Programs are the host's: they launch kernels by names that a device's code does not keep.
  if (level >= Level::Sched)
    for (ProgramOp program : llvm::make_early_inc_range(module->getOps<ProgramOp>()))
      program.erase();
  bool ran = run([&](OpPassManager &pm) {
    buildTilePipeline(pm);
    // A file may start at any level: what is scheduled or lowered already stays as it is.
    if (level >= Level::Sched && !module->getOps<KernelOp>().empty())
      buildTileToSchedPipeline(pm, gpu.getName(), options.sched);
    if (level > Level::Sched)
      buildSchedToGpuPipeline(pm, gpu);
  });
  return ran && (level <= Level::Sched || checkLowered());
}

/// Nothing but the LLVM dialect, the vendor's own and entries is left.
bool GpuCompilation::checkLowered() {
  Operation *other = nullptr;
  module->walk([&](Operation *op) {
    if (isa<ModuleOp, DeviceEntryOp>(op))
      return WalkResult::advance();
    StringRef dialect = op->getName().getDialectNamespace();
    bool isOwn = dialect == (gpu.getBackend() == GpuBackend::NVPTX ? "nvvm" : "rocdl");
    if (dialect == "llvm" || isOwn)
      return WalkResult::advance();
    other = op;
    return WalkResult::interrupt();
  });
  if (!other)
    return true;
  other->emitError() << "no code is made of '" << other->getName() << "' for target '"
                     << gpu.getName() << "'";
  return false;
}

bool GpuCompilation::translate() {
  auto made = createGpuTargetMachine(gpu);
  if (!made)
    return fail(made.takeError());
  machine = std::move(*made);
  // Entries are for launchers, not for LLVM.
  for (DeviceEntryOp entry : llvm::make_early_inc_range(module->getOps<DeviceEntryOp>()))
    entry.erase();
  if (!translateModule())
    return false;
  if (llvm::Error error = prepareForGpu(*llvmModule, gpu, *machine))
    return fail(std::move(error));
  return true;
}

/// Figures and complaints of an assembler as diagnostics; the image itself.
std::optional<std::string> GpuCompilation::finish(llvm::Expected<GpuCode> code) {
  if (!code) {
    fail(code.takeError());
    return std::nullopt;
  }
  for (const std::string &message : code->messages)
    diagnostics.push_back({Severity::Warning, message, {}, {}});
  code->messages.clear();
  if (options.reportResources)
    for (const KernelResources &kernel : code->kernels)
      diagnostics.push_back(
          {Severity::Remark, StringRef(formatResources({"", {kernel}, {}})).trim().str(), {}, {}});
  return std::move(code->image);
}

std::optional<std::string> GpuCompilation::emitCode(Level level) {
  std::vector<std::string> messages;
  bool wantsObject = level == Level::Obj || level == Level::HSACO;
  llvm::Expected<std::string> text = wantsObject ? emitObject(*llvmModule, *machine, messages)
                                                 : emitAssembly(*llvmModule, *machine, messages);
  for (const std::string &message : messages)
    diagnostics.push_back({Severity::Warning, message, {}, {}});
  if (!text) {
    fail(text.takeError());
    return std::nullopt;
  }
  if (level == Level::HSACO)
    return finish(linkHSACO(*text));
  bool isNV = gpu.getBackend() == GpuBackend::NVPTX;
  if (!isNV || level == Level::PTX)
    return std::move(*text);
  std::optional<std::string> cubin = finish(assemblePTX(*text, gpu, options.assembler));
  if (!cubin || level == Level::Cubin)
    return cubin;
  llvm::Expected<std::string> code = disassembleCubin(*cubin, options.assembler);
  if (code)
    return std::move(*code);
  fail(code.takeError());
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Artifacts
//===----------------------------------------------------------------------===//

/// For each parameter of the device function the word of the argument block that it is
/// (docs/gpu_abi.md).
static std::vector<uint32_t> getParameters(ArrayAttr types) {
  std::vector<uint32_t> parameters;
  uint32_t word = 0;
  for (Type type : types.getAsValueRange<TypeAttr>()) {
    parameters.push_back(word++);
    auto view = dyn_cast<MemRefType>(type);
    if (!view)
      continue;
    for (int64_t size : view.getShape()) {
      if (ShapedType::isDynamic(size))
        parameters.push_back(word);
      ++word;
    }
    SmallVector<int64_t> strides;
    int64_t offset = 0;
    (void)view.getStridesAndOffset(strides, offset); // strided: the verifier says so
    for (int64_t stride : strides) {
      if (ShapedType::isDynamic(stride) && !view.getLayout().isIdentity())
        parameters.push_back(word);
      ++word;
    }
  }
  return parameters;
}

bool GpuCompilation::takeEntries(std::vector<KernelInfo> &kernels) {
  for (KernelInfo &kernel : kernels) {
    DeviceEntryOp entry;
    for (DeviceEntryOp candidate : module->getOps<DeviceEntryOp>())
      if (candidate.getFunction() == getCodeName(kernel.name))
        entry = candidate;
    if (!entry)
      return fail("kernel '" + kernel.name + "' has become no function of target '" +
                  gpu.getName().str() + "'");
    kernel.threads = static_cast<uint32_t>(entry.getThreads());
    // AMD's code says itself what it needs.
    if (gpu.getBackend() == GpuBackend::NVPTX)
      kernel.sharedBytes = static_cast<uint32_t>(entry.getShared());
    kernel.parameters = getParameters(entry.getTypes());
    kernel.arenaBytes = 0;
    kernel.checks.clear();
    for (auto check : entry.getChecks().getAsRange<MessageAttr>())
      kernel.checks.push_back({check.getText().getValue().str(), getSites(check.getPlace())});
  }
  return true;
}

Level GpuCompilation::loadableLevel() const {
  if (gpu.getBackend() != GpuBackend::NVPTX)
    return Level::HSACO;
  // Without an assembler, the driver's own makes the code when it loads the program.
  llvm::Expected<std::string> assembler = findPTXAssembler(options.assembler);
  if (assembler)
    return Level::Cubin;
  llvm::consumeError(assembler.takeError());
  return Level::PTX;
}

/// The program with empty grids: its launch parts.
std::string GpuCompilation::printStripped() {
  OwningOpRef<ModuleOp> copy(module->clone());
  copy->walk([](GridOp grid) {
    // Instances that reduce in order are one block, as their schedule says later.
    bool inOrder = grid->walk([](ReduceStoreOp op) {
                         return op.getHow() == ReduceHow::atomic ? WalkResult::advance()
                                                                 : WalkResult::interrupt();
                       })
                       .wasInterrupted();
    if (inOrder)
      grid.setOrder(GridOrder::sequential);
    Block &body = grid->getRegion(0).front();
    while (Operation *last = body.getTerminator()->getPrevNode()) {
      last->dropAllUses();
      last->erase();
    }
  });
  std::string text;
  llvm::raw_string_ostream stream(text);
  copy->print(stream, OpPrintingFlags().enableDebugInfo());
  return text;
}

std::vector<char> GpuCompilation::writeBitcode() {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::WriteBitcodeToFile(*llvmModule, stream);
  return {bytes.begin(), bytes.end()};
}

const GpuInfo *tegula::parseSimulated(StringRef target, uint64_t &seed) {
  if (!target.consume_front("simulate:"))
    return nullptr;
  auto [name, number] = target.split(':');
  seed = 1;
  if (!number.empty() && number.getAsInteger(10, seed))
    return nullptr;
  return GpuInfo::lookup(name);
}

std::unique_ptr<Artifact> tegula::compileForGpu(StringRef text, StringRef fileName,
                                                const GpuInfo &gpu, std::optional<uint64_t> seed,
                                                const CompileOptions &options,
                                                Diagnostics &diagnostics,
                                                ConfigurePassManager configure) {
  GpuCompilation compilation(gpu, options, diagnostics, configure);
  if (!compilation.checkLevel(Level::LLVM) || !compilation.parse(text, fileName))
    return nullptr;
  // Conditions and grids are the host's work: they are compiled for the CPU, the least that
  // the table has, so that an artifact runs beside its GPU wherever that is.
  CompileOptions host;
  host.target = TargetInfo::getAll().front().getName().str();
  host.path = Path::Loops;
  std::unique_ptr<Artifact> artifact =
      compile(compilation.printStripped(), fileName, host, diagnostics, configure);
  if (!artifact)
    return nullptr;
  // The chip's name, so that schedules for it are found.
  artifact->target = gpu.getName().str();
  artifact->imageKind = seed                                    ? ImageKind::Simulated
                        : gpu.getBackend() == GpuBackend::NVPTX ? ImageKind::CUDA
                                                                : ImageKind::HIP;
  artifact->seed = seed.value_or(0);
  if (artifact->kernels.empty())
    return artifact;
  if (!compilation.runPasses(Level::LLVM) || !compilation.takeEntries(artifact->kernels) ||
      !compilation.translate())
    return nullptr;
  if (seed) {
    artifact->image = compilation.writeBitcode();
    return artifact;
  }
  std::optional<std::string> code = compilation.emitCode(compilation.loadableLevel());
  if (!code)
    return nullptr;
  artifact->image.assign(code->begin(), code->end());
  return artifact;
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

std::optional<std::string> tegula::emitForGpu(StringRef text, StringRef fileName, Level level,
                                              const GpuInfo &gpu, const CompileOptions &options,
                                              Diagnostics &diagnostics,
                                              ConfigurePassManager configure) {
  GpuCompilation compilation(gpu, options, diagnostics, configure);
  if (!compilation.checkLevel(level) || !compilation.parse(text, fileName) ||
      !compilation.runPasses(level))
    return std::nullopt;
  if (level < Level::LLVM)
    return compilation.print();
  if (!compilation.translate())
    return std::nullopt;
  return level == Level::LLVM ? compilation.printLLVM() : compilation.emitCode(level);
}
