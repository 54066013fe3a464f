//===- Run.cpp - Running kernels from the command line -----------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Run.h"

#include "Array.h"

#include "tegula/Runtime/Module.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

#include <cmath>

using namespace llvm;
using namespace tegula;

/// Size of an axis that nothing says anything about.
static constexpr int64_t defaultSize = 64;

/// As many elements are printed one by one.
static constexpr int64_t mostPrinted = 64;

namespace {

/// One run: arguments from files, bindings and a seeded generator.
class Runner {
public:
  Runner(const RunOptions &options, Diagnostics &diagnostics)
      : options(options), diagnostics(diagnostics), state(options.seed) {}

  bool run(std::shared_ptr<const Artifact> artifact, raw_ostream &output);

private:
  bool fail(const Twine &message) {
    diagnostics.push_back(makeError(message.str()));
    return false;
  }
  bool find(Module &module);
  bool checkNames(const std::vector<ArgumentInfo> &arguments);
  bool makeView(const ArgumentInfo &info, Array &array);
  bool findSizes(const ArgumentInfo &info, std::vector<int64_t> &sizes);
  bool makeScalar(const ArgumentInfo &info, uint64_t &word);
  void fill(Array &array);
  void print(StringRef name, const Array &array, raw_ostream &output);

  /// splitmix64: the same numbers everywhere.
  uint64_t random() {
    uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  const RunOptions &options;
  Diagnostics &diagnostics;
  uint64_t state;
  /// One of the two is run.
  Kernel *kernel = nullptr;
  Program *program = nullptr;
};

} // namespace

/// Options that name no argument are mistakes.
bool Runner::checkNames(const std::vector<ArgumentInfo> &arguments) {
  std::string what = program ? "program '" + program->info.name : "kernel '" + kernel->info.name;
  auto check = [&](const StringMap<std::string> &map, StringRef flag) {
    for (StringRef name : map.keys())
      if (none_of(arguments, [&](const ArgumentInfo &a) { return a.name == name; }))
        return fail("--" + flag + ": " + what + "' has no argument '" + name + "'");
    return true;
  };
  return check(options.bindings, "bind") && check(options.inputs, "input") &&
         check(options.outputs, "output");
}

bool Runner::findSizes(const ArgumentInfo &info, std::vector<int64_t> &sizes) {
  sizes = info.sizes;
  auto bound = options.bindings.find(info.name);
  if (bound == options.bindings.end()) {
    for (int64_t &size : sizes)
      size = size == dynamicExtent ? defaultSize : size;
    return true;
  }
  SmallVector<StringRef> parts;
  StringRef(bound->second).split(parts, 'x', -1, /*KeepEmpty=*/false);
  if (parts.size() != sizes.size())
    return fail("--bind " + info.name + "=" + bound->second + ": the view has " +
                Twine(sizes.size()) + " axes");
  for (auto [part, size] : llvm::zip(parts, sizes)) {
    int64_t given;
    if (part.getAsInteger(10, given) || given < 0)
      return fail("--bind " + info.name + "=" + bound->second + ": expected sizes such as 2x64");
    size = given;
  }
  return true;
}

/// Strides that keep the kernel's static strides and promises, row-major otherwise.
static std::vector<int64_t> makeStrides(const ArgumentInfo &info,
                                        const std::vector<int64_t> &sizes) {
  std::vector<int64_t> strides(sizes.size());
  int64_t step = 1;
  for (size_t axis = sizes.size(); axis-- > 0;) {
    int64_t multiple = info.multiples.empty() ? 1 : info.multiples[axis];
    int64_t stride = (step + multiple - 1) / multiple * multiple;
    strides[axis] = info.strides[axis] == dynamicExtent ? stride : info.strides[axis];
    step = std::max(step, strides[axis] * std::max<int64_t>(sizes[axis], 1));
  }
  return strides;
}

bool Runner::makeView(const ArgumentInfo &info, Array &array) {
  auto input = options.inputs.find(info.name);
  if (input == options.inputs.end()) {
    std::vector<int64_t> sizes;
    if (!findSizes(info, sizes))
      return false;
    array = Array(info.dtype, sizes, makeStrides(info, sizes));
    if (info.access != ArgumentAccess::Out)
      fill(array);
    return true;
  }
  Expected<Array> read = Array::readNpy(input->second);
  if (!read)
    return fail(toString(read.takeError()));
  if (read->sizes.size() != info.sizes.size())
    return fail(input->second + ": argument '" + info.name + "' has " + Twine(info.sizes.size()) +
                " axes, the file " + Twine(read->sizes.size()));
  if (isInteger(read->dtype) != isInteger(info.dtype))
    return fail(input->second + ": argument '" + info.name + "' is " + dtypeName(info.dtype) +
                ", the file " + dtypeName(read->dtype));
  array = Array(info.dtype, read->sizes, makeStrides(info, read->sizes));
  std::vector<int64_t> from;
  read->forEach([&](int64_t offset) { from.push_back(offset); });
  size_t next = 0;
  array.forEach([&](int64_t offset) {
    if (isInteger(info.dtype))
      array.setInteger(offset, read->getInteger(from[next++]));
    else
      array.set(offset, read->get(from[next++]));
  });
  return true;
}

/// Floats in [-1, 1), whole numbers in [0, 4), truth values.
void Runner::fill(Array &array) {
  array.forEach([&](int64_t offset) {
    uint64_t bits = random();
    if (array.dtype == DType::I1)
      array.setInteger(offset, bits >> 63);
    else if (isInteger(array.dtype))
      array.setInteger(offset, bits >> 62);
    else
      array.set(offset, std::ldexp(static_cast<double>(bits >> 11), -52) - 1.0);
  });
}

/// The bound value, else 1 for a float and 0 for a whole number.
bool Runner::makeScalar(const ArgumentInfo &info, uint64_t &word) {
  auto bound = options.bindings.find(info.name);
  double value = isInteger(info.dtype) ? 0.0 : 1.0;
  if (bound != options.bindings.end() && StringRef(bound->second).getAsDouble(value))
    return fail("--bind " + info.name + "=" + bound->second + ": expected a number");
  if (isInteger(info.dtype) && value != std::floor(value))
    return fail("--bind " + info.name + "=" + bound->second + ": expected a whole number");
  word = scalarWord(info.dtype, value);
  return true;
}

void Runner::print(StringRef name, const Array &array, raw_ostream &output) {
  output << name << " : " << array.typeName();
  if (array.count() <= mostPrinted) {
    output << " = [";
    ListSeparator separator;
    array.forEach([&](int64_t offset) { output << separator << format("%g", array.get(offset)); });
    output << "]\n";
    return;
  }
  double least = INFINITY, most = -INFINITY, sum = 0;
  array.forEach([&](int64_t offset) {
    double value = array.get(offset);
    least = std::fmin(least, value);
    most = std::fmax(most, value);
    sum += value;
  });
  output << format(" min %g max %g mean %g\n", least, most,
                   sum / static_cast<double>(array.count()));
}

/// What `options.kernel` names; without a name the only program, else the only kernel.
bool Runner::find(Module &module) {
  const Artifact &artifact = module.artifact();
  if (!options.kernel.empty()) {
    kernel = module.find(options.kernel);
    program = module.findProgram(options.kernel);
  } else if (module.programCount() == 1) {
    program = &module.program(0);
  } else if (module.size() == 1) {
    kernel = &module.kernel(0);
  }
  if (kernel || program)
    return true;
  std::string names;
  for (const ProgramInfo &info : artifact.programs)
    names += (names.empty() ? "" : ", ") + info.name;
  for (const KernelInfo &info : artifact.kernels)
    names += (names.empty() ? "" : ", ") + info.name;
  return fail(options.kernel.empty()
                  ? "say which kernel to run with --kernel: " + names
                  : "there is no kernel '" + options.kernel + "', only: " + names);
}

bool Runner::run(std::shared_ptr<const Artifact> artifact, raw_ostream &output) {
  std::shared_ptr<Module> module = Module::load(artifact, diagnostics);
  if (!module || !find(*module))
    return false;
  const std::vector<ArgumentInfo> &arguments =
      program ? program->info.arguments : kernel->info.arguments;
  if (!checkNames(arguments))
    return false;
  std::vector<Array> arrays(arguments.size());
  std::vector<ArgumentLayout> layouts(arguments.size());
  SmallVector<uint64_t> words(arguments.size());
  for (auto [i, argument] : enumerate(arguments)) {
    layouts[i].dtype = argument.dtype;
    if (!argument.isView()) {
      if (!makeScalar(argument, words[i]))
        return false;
      continue;
    }
    if (!makeView(argument, arrays[i]))
      return false;
    layouts[i].sizes = arrays[i].sizes;
    layouts[i].strides = arrays[i].strides;
    words[i] = reinterpret_cast<uint64_t>(arrays[i].data());
  }
  std::unique_ptr<Launchable> record;
  if (program)
    record = ProgramRecord::prepare(module, *program, layouts, diagnostics);
  else
    record = Record::prepare(module, *kernel, layouts, diagnostics);
  if (!record)
    return false;
  if (std::optional<Diagnostic> failure = record->launch(words.data(), {options.threads})) {
    diagnostics.push_back(std::move(*failure));
    return false;
  }
  for (auto [argument, array] : llvm::zip(arguments, arrays)) {
    if (!argument.isWritten())
      continue;
    print(argument.name, array, output);
    auto file = options.outputs.find(argument.name);
    if (file == options.outputs.end())
      continue;
    if (Error error = array.writeNpy(file->second))
      return fail(toString(std::move(error)));
  }
  return true;
}

bool tegula::runKernel(std::shared_ptr<const Artifact> artifact, const RunOptions &options,
                       raw_ostream &output, Diagnostics &diagnostics) {
  return Runner(options, diagnostics).run(std::move(artifact), output);
}
