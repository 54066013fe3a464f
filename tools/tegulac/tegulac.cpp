//===- tegulac.cpp - The compiler on the command line ------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads a program (MLIR text, a Python file, or an artifact), writes it at a level,
// and runs it.
//
//===----------------------------------------------------------------------===//

#include "Run.h"

#include "tegula/Pipelines/Compile.h"
#include "tegula/Target/GpuTable.h"

#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/WithColor.h"

#include <unistd.h>

using namespace llvm;
using namespace tegula;

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

/// The line of `position` with a caret, if the file can be read.
static void printExcerpt(const Position &position, raw_ostream &stream) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> file = MemoryBuffer::getFile(position.file);
  if (!file || position.line == 0)
    return;
  StringRef rest = (*file)->getBuffer();
  for (uint32_t line = 1; line < position.line; ++line)
    rest = rest.split('\n').second;
  StringRef line = rest.split('\n').first;
  if (position.column == 0 || position.column > line.size() + 1)
    return;
  size_t width = 1;
  if (position.endLine == position.line && position.endColumn > position.column)
    width = position.endColumn - position.column;
  stream << line << "\n"
         << std::string(position.column - 1, ' ') << std::string(width, '^') << "\n";
}

static void print(const Diagnostic &diagnostic, raw_ostream &stream) {
  auto place = [&](const Position &position) {
    stream << position.file << ":" << position.line << ":" << position.column << ": ";
  };
  if (!diagnostic.sites.empty())
    place(diagnostic.sites.front());
  switch (diagnostic.severity) {
  case Severity::Error:
    WithColor::error(stream);
    break;
  case Severity::Warning:
    WithColor::warning(stream);
    break;
  case Severity::Remark:
    WithColor::remark(stream);
    break;
  case Severity::Note:
    WithColor::note(stream);
    break;
  }
  stream << diagnostic.message << "\n";
  if (!diagnostic.sites.empty())
    printExcerpt(diagnostic.sites.front(), stream);
  for (size_t i = 1; i < diagnostic.sites.size(); ++i) {
    place(diagnostic.sites[i]);
    stream << "called from here\n";
    printExcerpt(diagnostic.sites[i], stream);
  }
  for (const Diagnostic &note : diagnostic.notes)
    print(note, stream);
}

static int fail(const Twine &message) {
  WithColor::error(errs(), "tegulac") << message << "\n";
  return 1;
}

//===----------------------------------------------------------------------===//
// The command line
//===----------------------------------------------------------------------===//

namespace {

struct CommandLine {
  cl::OptionCategory category{"tegulac options"};
  cl::opt<std::string> input{cl::Positional, cl::desc("<program: .mlir, .py or an artifact>"),
                             cl::init("-"), cl::cat(category)};
  cl::opt<std::string> target{
      "target", cl::init("native"), cl::cat(category),
      cl::desc("native, a level of x86-64 with or without features (a+b), or a GPU of the "
               "table of targets, such as sm_80 or gfx942")};
  cl::opt<std::string> path{"path", cl::init("sched"), cl::cat(category),
                            cl::desc("sched (or x86): the fast path; loops: scalar loops")};
  cl::opt<bool> printSchedule{"print-schedule", cl::cat(category),
                              cl::desc("print the schedules of all streams as tables")};
  cl::opt<std::string> expPolicy{
      "exp-policy", cl::value_desc("unit"), cl::cat(category),
      cl::desc("what computes exponentials where the program says nothing: poly, hw or mix")};
  cl::opt<double> rescaleAbove{
      "rescale-above", cl::init(0), cl::value_desc("log2"), cl::cat(category),
      cl::desc("by how many powers of two the maximum of a softmax may lag before its "
               "accumulators are rescaled")};
  cl::opt<bool> remarks{"remarks", cl::cat(category),
                        cl::desc("say which pipes of a GPU each stream keeps busy")};
  cl::opt<std::string> level{
      "emit", cl::cat(category),
      cl::desc("tegula, sched, loops, llvm, asm, obj, shared or artifact, for GPUs also nvvm, "
               "ptx, cubin, rocdl and hsaco; the default is artifact, or nothing with --run")};
  cl::opt<std::string> ptxas{
      "ptxas", cl::value_desc("path"), cl::cat(category),
      cl::desc("NVIDIA's assembler, or the folder that holds it and nvdisasm; the default is "
               "the environment's TEGULA_PTXAS, then the PATH, then the checkout's .venv")};
  cl::opt<bool> resources{
      "print-resources", cl::cat(category),
      cl::desc("print what a GPU's assembler says of each kernel: registers, spills, memory")};
  cl::opt<bool> targets{
      "print-targets", cl::cat(category),
      cl::desc("print the GPUs of the table of targets as JSON, and nothing else")};
  cl::opt<std::string> output{"o", cl::init("-"), cl::desc("where to write the program"),
                              cl::value_desc("file"), cl::cat(category)};
  cl::opt<bool> run{"run", cl::desc("run a kernel of the program"), cl::cat(category)};
  cl::opt<std::string> kernel{
      "kernel", cl::desc("kernel or program to run, or kernel to take from a .py file"),
      cl::cat(category)};
  cl::list<std::string> bind{
      "bind", cl::CommaSeparated, cl::value_desc("name=value"), cl::cat(category),
      cl::desc("of an argument, sizes (q=2x64) or value (scale=0.5); for a .py file also a "
               "dtype (T=f32) or the size of a named axis (D=64). Sizes default to 64, float "
               "scalars to 1, others to 0")};
  cl::list<std::string> inputs{"input", cl::value_desc("name=file.npy"), cl::cat(category),
                               cl::desc("an argument's values; others are random, by --seed")};
  cl::list<std::string> outputs{"output", cl::value_desc("name=file.npy"), cl::cat(category),
                                cl::desc("where to write an argument's values after the run")};
  cl::opt<int> threads{"num-threads", cl::init(0), cl::cat(category),
                       cl::desc("threads of the run; 0: as many as the process may use")};
  cl::opt<uint64_t> seed{"seed", cl::init(0), cl::desc("seed of random inputs"), cl::cat(category)};
  cl::opt<std::string> python{"python", cl::desc("interpreter that reads .py files"),
                              cl::cat(category)};
};

} // namespace

/// `name=value` pairs into a map.
static bool readPairs(ArrayRef<std::string> pairs, StringRef flag, StringMap<std::string> &map) {
  for (StringRef pair : pairs) {
    auto [name, value] = pair.split('=');
    if (name.empty() || value.empty()) {
      fail("--" + flag + "=" + pair + ": expected name=value");
      return false;
    }
    map[name] = value.str();
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Other programs
//===----------------------------------------------------------------------===//

/// Root of the checkout that this tool was built in, or "": build/PRESET/bin/tegulac.
static SmallString<128> checkoutRoot(const char *argv0) {
  SmallString<128> path(sys::fs::getMainExecutable(argv0, reinterpret_cast<void *>(&checkoutRoot)));
  for (int i = 0; i < 4; ++i)
    sys::path::remove_filename(path);
  SmallString<128> package(path);
  sys::path::append(package, "python", "tegula");
  return sys::fs::is_directory(package) ? path : SmallString<128>();
}

/// MLIR text of a .py file, by `python -m tegula`, whose messages go to our error output.
static std::optional<std::string> readPython(const CommandLine &line, const char *argv0) {
  SmallString<128> root = checkoutRoot(argv0), interpreter(line.python.getValue());
  if (interpreter.empty() && !root.empty()) {
    interpreter = root;
    sys::path::append(interpreter, ".venv", "bin", "python");
    if (!sys::fs::can_execute(interpreter))
      interpreter.clear();
  }
  if (interpreter.empty())
    interpreter = "python3";
  ErrorOr<std::string> program = sys::findProgramByName(interpreter);
  if (!program) {
    fail("cannot find '" + interpreter + "': say --python");
    return std::nullopt;
  }
  SmallString<128> output;
  if (sys::fs::createTemporaryFile("tegulac", "mlir", output)) {
    fail("cannot make a temporary file");
    return std::nullopt;
  }
  FileRemover remove(output);
  SmallVector<StringRef> arguments = {*program, "-m", "tegula", line.input};
  if (!line.kernel.empty())
    arguments.append({"--kernel", line.kernel});
  for (const std::string &pair : line.bind)
    arguments.append({"--bind", pair});
  // The package of the checkout comes first, what the caller has stays.
  std::vector<std::string> environment;
  std::string paths = root.empty() ? "" : (root + "/python").str();
  for (char **entry = environ; *entry; ++entry) {
    StringRef text(*entry);
    if (text.consume_front("PYTHONPATH="))
      paths += (paths.empty() ? "" : ":") + text.str();
    else
      environment.push_back(*entry);
  }
  if (!paths.empty())
    environment.push_back("PYTHONPATH=" + paths);
  SmallVector<StringRef> environmentRefs(environment.begin(), environment.end());
  std::optional<StringRef> redirects[] = {std::nullopt, StringRef(output), std::nullopt};
  std::string error;
  int status = sys::ExecuteAndWait(*program, arguments, ArrayRef<StringRef>(environmentRefs),
                                   redirects, 0, 0, &error);
  if (status != 0) {
    if (!error.empty())
      fail(error);
    return std::nullopt;
  }
  ErrorOr<std::unique_ptr<MemoryBuffer>> text = MemoryBuffer::getFile(output);
  if (!text) {
    fail("cannot read what Python has written");
    return std::nullopt;
  }
  return (*text)->getBuffer().str();
}

/// Links an object into a shared library with the system's linker.
static int linkShared(StringRef object, StringRef output) {
  if (output == "-")
    return fail("--emit=shared needs a file: -o NAME.so");
  SmallString<128> file;
  if (sys::fs::createTemporaryFile("tegulac", "o", file))
    return fail("cannot make a temporary file");
  FileRemover remove(file);
  std::error_code code;
  {
    raw_fd_ostream stream(file, code);
    stream << object;
  }
  for (StringRef name : {"cc", "clang", "clang-22", "ld.lld-22", "ld.lld", "ld"}) {
    ErrorOr<std::string> program = sys::findProgramByName(name);
    if (!program)
      continue;
    SmallVector<StringRef> arguments = {*program, "-shared", "-o", output, file};
    if (!name.starts_with("ld"))
      arguments.push_back("-lm");
    std::string error;
    if (sys::ExecuteAndWait(*program, arguments, std::nullopt, {}, 0, 0, &error) == 0)
      return 0;
    return fail("linking with '" + *program + "' failed " + error);
  }
  return fail("found no linker (cc, ld.lld or ld) for --emit=shared");
}

//===----------------------------------------------------------------------===//
// main
//===----------------------------------------------------------------------===//

static int writeOutput(StringRef output, StringRef data, bool isBinary) {
  if (isBinary && output == "-" && outs().is_displayed())
    return fail("the output is binary: say -o FILE");
  std::error_code error;
  raw_fd_ostream stream(output, error);
  if (error)
    return fail(output + ": " + error.message());
  stream << data;
  return 0;
}

static bool isBinary(Level level) {
  return level == Level::Obj || level == Level::Cubin || level == Level::HSACO;
}

/// Where NVIDIA's assembler may be.
static AssemblerOptions findAssembler(const CommandLine &line, const char *argv0) {
  AssemblerOptions options;
  options.path = line.ptxas;
  if (options.path.empty())
    options.path = sys::Process::GetEnv("TEGULA_PTXAS").value_or("");
  SmallString<128> folder = checkoutRoot(argv0);
  if (folder.empty())
    return options;
  // `nvidia-cuda-nvcc` of the test requirements, whatever Python the environment has.
  sys::path::append(folder, ".venv", "lib");
  std::error_code error;
  for (sys::fs::directory_iterator it(folder, error), end; it != end && !error;
       it.increment(error)) {
    SmallString<128> tools(it->path());
    sys::path::append(tools, "site-packages", "nvidia", "cu13", "bin");
    options.fallbacks.push_back(tools.str().str());
  }
  return options;
}

/// Compiles, writes and runs; messages are collected in `diagnostics`.
static int process(const CommandLine &line, StringRef text, const CompileOptions &options,
                   const RunOptions &runOptions, ConfigurePassManager configure,
                   Diagnostics &diagnostics) {
  bool isArtifact = text.starts_with("TEGULA\n");
  std::string name = line.input == "-" ? "<stdin>" : line.input.getValue();
  // LLVM's linker, which makes some of the levels, forgets the options of its process.
  std::string level = line.level, output = line.output;
  bool run = line.run;
  if (level.empty() && !run)
    level = "artifact";
  if (isArtifact && !level.empty() && level != "artifact")
    return fail("an artifact holds machine code only: it cannot be written as '" + level + "'");
  if (!level.empty() && level != "artifact") {
    std::optional<Level> wanted = level == "shared" ? Level::Obj : symbolizeLevel(level);
    if (!wanted)
      return fail("unknown --emit '" + level +
                  "': expected tegula, sched, loops, nvvm, rocdl, llvm, asm, obj, ptx, cubin, "
                  "hsaco, shared or artifact");
    std::optional<std::string> made = emit(text, name, *wanted, options, diagnostics, configure);
    if (!made)
      return 1;
    if (int status = level == "shared" ? linkShared(*made, output)
                                       : writeOutput(output, *made, isBinary(*wanted)))
      return status;
  }
  if (!run && level != "artifact")
    return 0;
  std::shared_ptr<const Artifact> artifact;
  if (isArtifact)
    artifact = Artifact::deserialize(text.data(), text.size(), diagnostics);
  else
    artifact = compile(text, name, options, diagnostics, configure);
  if (!artifact)
    return 1;
  if (level == "artifact") {
    std::vector<char> bytes = artifact->serialize();
    if (int status = writeOutput(output, StringRef(bytes.data(), bytes.size()), true))
      return status;
  }
  if (run && (artifact->imageKind == ImageKind::CUDA || artifact->imageKind == ImageKind::HIP))
    return fail("--run works on this process's memory, and the program is for a device: say "
                "--target=simulate:" +
                artifact->target);
  if (run && !runKernel(artifact, runOptions, outs(), diagnostics))
    return 1;
  return 0;
}

/// Bindings that a .py file's text repeats for us: `// tegulac: q=2x64`.
static void readNotes(StringRef text, StringMap<std::string> &bindings) {
  while (text.consume_front("// tegulac: ")) {
    auto [line, rest] = text.split('\n');
    SmallVector<StringRef> pairs;
    line.split(pairs, ' ', -1, /*KeepEmpty=*/false);
    for (StringRef pair : pairs)
      bindings[pair.split('=').first] = pair.split('=').second.str();
    text = rest;
  }
}

/// Leaves `--help` to what is ours.
static void hideOtherOptions(const cl::OptionCategory &ours) {
  for (auto &[name, option] : cl::getRegisteredOptions())
    if (!is_contained(option->Categories, &ours) && !name.starts_with("help") && name != "version")
      option->setHiddenFlag(option->getOptionHiddenFlag() == cl::ReallyHidden ? cl::ReallyHidden
                                                                              : cl::Hidden);
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  CommandLine line;
  mlir::registerAsmPrinterCLOptions();
  mlir::registerMLIRContextCLOptions();
  mlir::registerPassManagerCLOptions();
  mlir::registerDefaultTimingManagerCLOptions();
  hideOtherOptions(line.category);
  cl::ParseCommandLineOptions(argc, argv,
                              "Tegula compiler. MLIR's and LLVM's own options, such as "
                              "--mlir-print-ir-after-all, are in --help-hidden.\n");
  if (line.targets) {
    outs() << printGpuTable() << "\n";
    return 0;
  }

  RunOptions runOptions;
  runOptions.kernel = line.kernel;
  runOptions.threads = line.threads;
  runOptions.seed = line.seed;
  if (!readPairs(line.bind, "bind", runOptions.bindings) ||
      !readPairs(line.inputs, "input", runOptions.inputs) ||
      !readPairs(line.outputs, "output", runOptions.outputs))
    return 1;
  CompileOptions options;
  options.target = line.target;
  std::optional<Path> path = symbolizePath(line.path);
  if (!path)
    return fail("unknown --path '" + line.path + "': expected sched, x86 or loops");
  options.path = *path;
  options.sched.printSchedule = line.printSchedule;
  options.sched.expPolicy = line.expPolicy;
  options.sched.rescaleAbove = line.rescaleAbove;
  if (std::string fault = options.sched.findFault(); !fault.empty())
    return fail(fault);
  options.sched.remarks = line.remarks;
  options.assembler = findAssembler(line, argv[0]);
  options.reportResources = line.resources;

  std::string text;
  if (StringRef(line.input).ends_with(".py")) {
    std::optional<std::string> read = readPython(line, argv[0]);
    if (!read)
      return 1;
    text = std::move(*read);
    runOptions.bindings.clear();
    readNotes(text, runOptions.bindings);
  } else {
    ErrorOr<std::unique_ptr<MemoryBuffer>> file = MemoryBuffer::getFileOrSTDIN(line.input);
    if (!file)
      return fail(line.input + ": " + file.getError().message());
    text = (*file)->getBuffer().str();
  }

  mlir::DefaultTimingManager timing;
  mlir::applyDefaultTimingManagerCLOptions(timing);
  mlir::TimingScope scope = timing.getRootScope();
  auto configure = [&](mlir::PassManager &pm) {
    pm.enableTiming(scope);
    return mlir::succeeded(mlir::applyPassManagerCLOptions(pm));
  };
  Diagnostics diagnostics;
  int status = process(line, text, options, runOptions, configure, diagnostics);
  for (const Diagnostic &diagnostic : diagnostics)
    print(diagnostic, errs());
  return status;
}
