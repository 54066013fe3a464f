//===- SimulatedKernel.cpp - Kernels of a GPU, run by the simulator ------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A launch works on the caller's memory in place: each view is a buffer of its own in the
// simulator, as long as the view reaches. What is read only, and what is undefined until
// the kernel writes it, follows from what the kernel says of its arguments.
//
//===----------------------------------------------------------------------===//

#include "tegula/Runtime/Module.h"
#include "tegula/Simulator/Simulator.h"
#include "tegula/Support/SymbolName.h"

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace tegula;

namespace {

/// Code that all kernels of an artifact share.
struct Code {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
};

class SimulatedKernel : public DeviceKernel {
public:
  SimulatedKernel(std::shared_ptr<Code> code, std::unique_ptr<sim::Kernel> kernel,
                  const KernelInfo &info, const Artifact &artifact)
      : code(std::move(code)), kernel(std::move(kernel)), info(info), artifact(artifact) {}

  std::optional<Diagnostic> launch(const uint64_t *block, int64_t instances,
                                   const LaunchOptions &how) override;

private:
  void addView(const ArgumentInfo &argument, const uint64_t *words, sim::Launch &launch,
               std::vector<int64_t> &starts) const;

  std::shared_ptr<Code> code;
  std::unique_ptr<sim::Kernel> kernel;
  const KernelInfo &info;
  const Artifact &artifact;
  /// Launches so far: each has a seed of its own.
  std::atomic<uint64_t> launches{0};
};

} // namespace

/// A report as a message at the author's line.
static Diagnostic fromReport(const sim::Report &report, const std::string &target) {
  auto positions = [](const std::vector<sim::Site> &sites) {
    std::vector<Position> list;
    for (const sim::Site &site : sites)
      list.push_back({site.file, site.line, site.column, site.line, site.column});
    return list;
  };
  Diagnostic diagnostic = makeError("in the simulator of " + target + ": " +
                                        sim::kindName(report.kind).str() + ": " + report.message,
                                    positions(report.sites));
  for (const sim::Note &note : report.notes)
    diagnostic.notes.push_back({Severity::Note, note.message, positions(note.sites), {}});
  return diagnostic;
}

/// Adds the buffer that a view reaches, and where in it element 0 is.
void SimulatedKernel::addView(const ArgumentInfo &argument, const uint64_t *words,
                              sim::Launch &launch, std::vector<int64_t> &starts) const {
  size_t rank = argument.sizes.size();
  int64_t bytes = static_cast<int64_t>(dtypeBytes(argument.dtype)), low = 0, high = bytes;
  sim::Buffer buffer;
  bool isContiguous = true;
  int64_t expected = 1;
  for (size_t axis = rank; axis-- > 0;) {
    auto size = static_cast<int64_t>(words[1 + axis]);
    auto stride = static_cast<int64_t>(words[1 + rank + axis]);
    buffer.shape.insert(buffer.shape.begin(), size);
    isContiguous &= size <= 1 || stride == expected;
    expected *= size;
    if (size > 0)
      (stride < 0 ? low : high) += (size - 1) * stride * bytes;
  }
  if (expected == 0)
    low = high = 0;
  if (!isContiguous)
    buffer.shape.clear();
  buffer.name = argument.name;
  buffer.elementBytes = static_cast<unsigned>(bytes);
  buffer.bytes = {reinterpret_cast<uint8_t *>(words[0]) + low, static_cast<size_t>(high - low)};
  buffer.readOnly = !argument.isWritten();
  buffer.initialised = argument.access != ArgumentAccess::Out;
  launch.buffers.push_back(std::move(buffer));
  starts.push_back(-low);
}

std::optional<Diagnostic> SimulatedKernel::launch(const uint64_t *block, int64_t instances,
                                                  const LaunchOptions &how) {
  if (instances > INT32_MAX)
    return makeError("kernel '" + info.name + "' has more instances than a grid of a GPU");
  sim::Launch launch;
  launch.kernel = getCodeName(info.name);
  launch.grid = {static_cast<uint32_t>(instances), 1, 1};
  launch.block = {info.threads, 1, 1};
  launch.dynamicShared = info.sharedBytes;
  // The buffer of each word that is an address.
  std::map<uint32_t, std::pair<unsigned, int64_t>> addresses;
  std::vector<int64_t> starts;
  uint32_t word = 0;
  for (const ArgumentInfo &argument : info.arguments) {
    if (argument.isView()) {
      addView(argument, block + word, launch, starts);
      addresses[word] = {static_cast<unsigned>(starts.size()) - 1, starts.back()};
    }
    word += argument.isView() ? host::viewWords(argument.sizes.size()) : 1;
  }
  for (uint32_t parameter : info.parameters) {
    auto found = addresses.find(parameter);
    launch.arguments.push_back(
        found == addresses.end()
            ? sim::Argument::scalar(block[parameter])
            : sim::Argument::pointer(found->second.first,
                                     static_cast<uint64_t>(found->second.second)));
  }
  int32_t failedCheck = 0;
  if (!info.checks.empty()) {
    sim::Buffer flag;
    flag.name = "failed check";
    flag.bytes = {reinterpret_cast<uint8_t *>(&failedCheck), sizeof(failedCheck)};
    launch.arguments.push_back(sim::Argument::pointer(launch.buffers.size()));
    launch.buffers.push_back(std::move(flag));
  }
  sim::Options options;
  options.seed =
      how.seed ? *how.seed : artifact.seed + launches.fetch_add(1, std::memory_order_relaxed);
  options.races = how.races;
  sim::Result result = kernel->run(launch, options);
  if (!result.succeeded())
    return fromReport(result.reports.front(), artifact.target);
  if (failedCheck)
    return fromMessage(info.checks, failedCheck);
  return std::nullopt;
}

std::vector<std::unique_ptr<DeviceKernel>> tegula::loadSimulatedKernels(const Artifact &artifact,
                                                                        Diagnostics &diagnostics) {
  auto code = std::make_shared<Code>();
  llvm::MemoryBufferRef bitcode(llvm::StringRef(artifact.image.data(), artifact.image.size()),
                                artifact.target);
  if (artifact.kernels.empty())
    return {};
  llvm::Expected<std::unique_ptr<llvm::Module>> read =
      llvm::parseBitcodeFile(bitcode, code->context);
  if (!read) {
    diagnostics.push_back(
        makeError("the artifact's code cannot be read: " + llvm::toString(read.takeError())));
    return {};
  }
  code->module = std::move(*read);
  std::vector<std::unique_ptr<DeviceKernel>> kernels;
  for (const KernelInfo &info : artifact.kernels) {
    std::vector<sim::Report> reports;
    std::unique_ptr<sim::Kernel> kernel =
        sim::Kernel::decode(*code->module, getCodeName(info.name), reports);
    if (!kernel) {
      for (const sim::Report &report : reports)
        diagnostics.push_back(fromReport(report, artifact.target));
      return {};
    }
    kernels.push_back(std::make_unique<SimulatedKernel>(code, std::move(kernel), info, artifact));
  }
  return kernels;
}
