//===- tegula-sim.cpp - Runs a GPU kernel on this CPU --------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Simulator/LaunchFile.h"
#include "tegula/Simulator/Simulator.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/IRReader/IRReader.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

#include <ctime>

using namespace llvm;
using namespace tegula::sim;

static cl::opt<std::string> input(cl::Positional, cl::desc("<kernel.ll>"), cl::Required);
static cl::opt<std::string> launchName("launch", cl::desc("Launch file (JSON)"), cl::Required);
static cl::opt<uint64_t> seed("seed", cl::desc("First seed"), cl::init(1));
static cl::opt<unsigned> seeds("seeds", cl::desc("Number of seeds, one run each"), cl::init(1));
static cl::opt<Landing>
    landing("landing", cl::desc("When asynchronous copies land"), cl::init(Landing::Seeded),
            cl::values(clEnumValN(Landing::Seeded, "seeded", "as the seed says"),
                       clEnumValN(Landing::Early, "early", "at once"),
                       clEnumValN(Landing::Late, "late", "when a wait demands it"),
                       clEnumValN(Landing::Random, "random", "piece by piece, in any order")));
static cl::opt<unsigned> resident("resident", cl::desc("Blocks that run side by side"),
                                  cl::init(2));
static cl::opt<unsigned> maxReports("max-reports", cl::desc("Reports after which a run ends"),
                                    cl::init(8));
static cl::opt<uint64_t> maxInstructions("max-instructions",
                                         cl::desc("Warp instructions after which a run ends"),
                                         cl::init(uint64_t(1) << 32));
static cl::opt<bool> races("races", cl::desc("Look for data races"), cl::init(true));
static cl::opt<bool> narrowHost("narrow-host", cl::desc("Use only what every supported CPU has"),
                                cl::init(false));
static cl::opt<bool> asJSON("json", cl::desc("Print reports and counters as JSON"));
static cl::opt<bool> counters("counters", cl::desc("Print the counters of the last run"));
static cl::opt<bool> timing("time", cl::desc("Print the processor time of decoding and of each run"));
static cl::list<std::string> prints("print", cl::desc("Print a buffer after the last run"));
static cl::list<std::string> dumps("dump", cl::desc("BUFFER=FILE: write a buffer's bytes"));

/// Milliseconds of this process's processor time: the simulator has one thread, and other work on
/// the machine does not count.
static double now() { return 1000.0 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

static int fail(const Twine &message) {
  errs() << "tegula-sim: " << message << "\n";
  return 2;
}

static int findBuffer(const Launch &launch, StringRef name) {
  for (size_t i = 0; i < launch.buffers.size(); ++i)
    if (launch.buffers[i].name == name)
      return static_cast<int>(i);
  return -1;
}

/// Rows of the last axis, one per line.
static void printBuffer(const LaunchFile &file, unsigned index) {
  const Buffer &buffer = file.launch().buffers[index];
  size_t count = buffer.bytes.size() / buffer.elementBytes;
  size_t row = buffer.shape.empty() ? count : std::max<int64_t>(buffer.shape.back(), 1);
  for (size_t i = 0; i < count; ++i) {
    outs() << (i % row ? " " : i ? "\n" + buffer.name + ":" : buffer.name + ":");
    if (i % row == 0)
      outs() << " ";
    outs() << formatv("{0:f6}",
                      readElement(file.type(index), &buffer.bytes[i * buffer.elementBytes]));
  }
  outs() << "\n";
}

/// Exit status: 0 if nothing was found, 1 if something was, 2 if nothing could be run.
int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv, "runs a GPU kernel on this CPU, checked\n");
  LLVMContext context;
  SMDiagnostic diagnostic;
  double start = now();
  std::unique_ptr<Module> module = parseIRFile(input, diagnostic, context);
  if (!module) {
    diagnostic.print("tegula-sim", errs());
    return 2;
  }
  double parsed = now();
  auto text = MemoryBuffer::getFileOrSTDIN(launchName);
  if (!text)
    return fail("cannot read '" + launchName + "': " + text.getError().message());
  Expected<LaunchFile> file =
      LaunchFile::parse((*text)->getBuffer(), sys::path::parent_path(launchName));
  if (!file)
    return fail(toString(file.takeError()));

  Result result;
  double decoding = now();
  std::unique_ptr<Kernel> kernel = Kernel::decode(*module, file->launch().kernel, result.reports);
  double decoded = now();
  bool differs = false;
  for (unsigned i = 0; kernel && i < seeds; ++i) {
    Options options;
    options.seed = seed + i;
    options.landing = landing;
    options.residentBlocks = resident;
    options.maxReports = maxReports;
    options.maxInstructions = maxInstructions;
    options.races = races;
    options.narrowHost = narrowHost;
    file->reset();
    double before = now();
    result = kernel->run(file->launch(), options);
    if (timing)
      errs() << formatv("seed {0}: {1:f3} ms\n", options.seed, now() - before);
    if (result.succeeded())
      for (const std::string &line : file->mismatches()) {
        differs = true;
        errs() << "error: result: " << line << " (seed " << options.seed << ")\n";
      }
    if (!result.succeeded() || differs) {
      if (seeds > 1)
        errs() << "seed " << options.seed << ":\n";
      break;
    }
  }
  if (timing)
    errs() << formatv("parse {0:f3} ms, decode {1:f3} ms\n", parsed - start, decoded - decoding);
  if (asJSON)
    outs() << formatv("{0:2}", result.toJSON()) << "\n";
  else
    result.printText(errs());
  if (counters && !asJSON)
    printCounters(result.counters, outs());
  for (const std::string &name : prints) {
    int index = findBuffer(file->launch(), name);
    if (index < 0)
      return fail("there is no buffer '" + name + "' to print");
    printBuffer(*file, index);
  }
  for (StringRef dump : dumps) {
    auto [name, path] = dump.split('=');
    int index = findBuffer(file->launch(), name);
    if (index < 0 || path.empty())
      return fail("expected BUFFER=FILE, got '" + dump + "'");
    std::error_code error;
    raw_fd_ostream os(path, error);
    if (error)
      return fail("cannot write '" + path + "': " + error.message());
    ArrayRef<uint8_t> bytes = file->launch().buffers[index].bytes;
    os.write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  }
  return result.succeeded() && !differs ? 0 : 1;
}
