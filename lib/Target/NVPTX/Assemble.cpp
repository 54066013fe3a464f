//===- Assemble.cpp - PTX to cubin by the vendor's assembler -------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Target/GpuCode.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace tegula;

//===----------------------------------------------------------------------===//
// External programs
//===----------------------------------------------------------------------===//

/// `program` as `options` say (beside the one that they name, if it is another), or an
/// error that tells how to install `package`.
static Expected<std::string> findTool(StringRef program, StringRef otherProgram, StringRef package,
                                      const AssemblerOptions &options) {
  if (!options.path.empty()) {
    SmallString<128> path(options.path);
    bool isFolder = sys::fs::is_directory(path);
    if (!isFolder && sys::path::filename(path) == otherProgram) {
      sys::path::remove_filename(path);
      isFolder = true;
    }
    if (isFolder)
      sys::path::append(path, program);
    if (!sys::fs::can_execute(path))
      return createStringError("'" + path + "', which should be " + program + ", cannot be run");
    return path.str().str();
  }
  if (ErrorOr<std::string> found = sys::findProgramByName(program))
    return *found;
  for (StringRef folder : options.fallbacks) {
    SmallString<128> path(folder);
    sys::path::append(path, program);
    if (sys::fs::can_execute(path))
      return path.str().str();
  }
  return createStringError("found no '" + program + "': install " + package +
                           " from PyPI, put the program on the PATH, or name its folder with "
                           "TEGULA_PTXAS");
}

static Expected<std::string> readWhole(StringRef path) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer = MemoryBuffer::getFile(path);
  if (!buffer)
    return createStringError(path + ": " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

namespace {

/// A temporary file that goes when it is out of scope.
struct Scratch {
  SmallString<128> path;
  FileRemover remover;

  Error create(StringRef suffix, StringRef content = "") {
    int descriptor;
    if (std::error_code code = sys::fs::createTemporaryFile("tegula", suffix, descriptor, path))
      return createStringError("cannot make a temporary file: " + code.message());
    remover.setFile(path);
    raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
    stream << content;
    stream.close();
    if (!stream.has_error())
      return Error::success();
    std::string text = stream.error().message();
    stream.clear_error();
    return createStringError("cannot write " + path + ": " + text);
  }
};

/// What a program wrote and how it ended.
struct Outcome {
  int status;
  std::string output, errors;
};

} // namespace

/// The most that an assembler may take, in seconds: it is there to end a hang.
static constexpr unsigned timeLimit = 600;

static Expected<Outcome> runTool(ArrayRef<StringRef> arguments) {
  Scratch output, errors;
  if (Error error = joinErrors(output.create("out"), errors.create("err")))
    return error;
  std::optional<StringRef> redirects[] = {StringRef(""), StringRef(output.path),
                                          StringRef(errors.path)};
  std::string problem;
  int status = sys::ExecuteAndWait(arguments.front(), arguments, std::nullopt, redirects, timeLimit,
                                   0, &problem);
  Expected<std::string> written = readWhole(output.path), said = readWhole(errors.path);
  if (!written || !said)
    return joinErrors(written.takeError(), said.takeError());
  if (status < 0)
    *said += problem;
  return Outcome{status, std::move(*written), std::move(*said)};
}

/// The first lines of `text`: an assembler repeats itself for every use.
static std::string firstLines(StringRef text, size_t count) {
  SmallVector<StringRef> lines;
  text.trim().split(lines, '\n');
  if (lines.size() <= count)
    return text.trim().str();
  size_t more = lines.size() - count;
  lines.truncate(count);
  return join(lines, "\n") + "\n(and " + std::to_string(more) + " more lines)";
}

//===----------------------------------------------------------------------===//
// Reading the report
//===----------------------------------------------------------------------===//

/// Reads "NUMBER WORDS" out of a comma-separated line, as in "212 registers".
static int64_t readFigure(StringRef line, StringRef words) {
  SmallVector<StringRef> parts;
  line.split(parts, ',');
  for (StringRef part : parts) {
    part = part.trim();
    part.consume_front("Used ");
    part.consume_front("used ");
    int64_t value;
    if (!part.consumeInteger(10, value) && part.trim().starts_with(words))
      return value;
  }
  return 0;
}

/// What the assembler says with -v: per kernel a block that starts with its name.
static void readReport(StringRef report, GpuCode &code) {
  static constexpr StringLiteral entry = "Compiling entry function '";
  SmallVector<StringRef> lines;
  report.split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (StringRef line : lines) {
    StringRef text = line.trim();
    text.consume_front("ptxas info");
    text = text.ltrim(" :");
    if (text.starts_with(entry)) {
      code.kernels.emplace_back();
      code.kernels.back().kernel = text.drop_front(entry.size()).split('\'').first.str();
      code.kernels.back().warpSize = 32;
      continue;
    }
    bool isFigures = text.contains("bytes gmem") || text.starts_with("Function properties") ||
                     text.starts_with("Compile time") ||
                     (!code.kernels.empty() &&
                      (text.contains("bytes stack frame") || text.starts_with("Used ")));
    if (!isFigures) {
      code.messages.push_back(line.trim().str());
      continue;
    }
    if (text.contains("bytes stack frame")) {
      KernelResources &kernel = code.kernels.back();
      kernel.stackBytes += readFigure(text, "bytes stack frame");
      kernel.spills +=
          readFigure(text, "bytes spill stores") + readFigure(text, "bytes spill loads");
    } else if (text.starts_with("Used ")) {
      KernelResources &kernel = code.kernels.back();
      kernel.registers = readFigure(text, "registers");
      kernel.barriers = readFigure(text, "barriers");
      kernel.sharedBytes = readFigure(text, "bytes smem");
    }
  }
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

Expected<std::string> tegula::findPTXAssembler(const AssemblerOptions &options) {
  return findTool("ptxas", "nvdisasm", "nvidia-cuda-nvcc", options);
}

Expected<GpuCode> tegula::assemblePTX(StringRef ptx, const GpuInfo &gpu,
                                      const AssemblerOptions &options) {
  Expected<std::string> program = findPTXAssembler(options);
  if (!program)
    return program.takeError();
  Scratch input, image;
  if (Error error = joinErrors(input.create("ptx", ptx), image.create("cubin")))
    return error;
  std::string arch = ("-arch=" + gpu.getName()).str();
  SmallVector<StringRef> arguments = {*program, arch, "-v", input.path, "-o", image.path};
  if (options.lines)
    arguments.push_back("-lineinfo");
  Expected<Outcome> outcome = runTool(arguments);
  if (!outcome)
    return outcome.takeError();
  if (outcome->status != 0)
    return createStringError("'" + *program + "' refuses the PTX of target '" + gpu.getName() +
                             "': " + firstLines(outcome->errors + outcome->output, 4));
  Expected<std::string> bytes = readWhole(image.path);
  if (!bytes)
    return bytes.takeError();
  GpuCode code;
  code.image = std::move(*bytes);
  readReport(outcome->errors + outcome->output, code);
  return code;
}

Expected<std::string> tegula::disassembleCubin(StringRef cubin, const AssemblerOptions &options) {
  Expected<std::string> program = findTool("nvdisasm", "ptxas", "nvidia-cuda-nvdisasm", options);
  if (!program)
    return program.takeError();
  Scratch input;
  if (Error error = input.create("cubin", cubin))
    return error;
  Expected<Outcome> outcome = runTool({*program, "-c", input.path});
  if (!outcome)
    return outcome.takeError();
  if (outcome->status != 0)
    return createStringError("'" + *program + "' failed: " + firstLines(outcome->errors, 4));
  return std::move(outcome->output);
}
