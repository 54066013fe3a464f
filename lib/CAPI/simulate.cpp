//===- simulate.cpp - The simulator in the C interface --------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Opaque.h"

#include "tegula/Simulator/Simulator.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/IRReader/IRReader.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace tegula;

static std::vector<Position> positions(llvm::ArrayRef<sim::Site> sites) {
  std::vector<Position> result;
  for (const sim::Site &site : sites) {
    Position position;
    position.file = site.file;
    position.line = position.endLine = site.line;
    position.column = site.column;
    position.endColumn = site.column + 1;
    result.push_back(std::move(position));
  }
  return result;
}

/// A report as an error whose notes say who did it and where in the module.
static Diagnostic toDiagnostic(const sim::Report &report) {
  Diagnostic error = makeError((sim::kindName(report.kind) + ": " + report.message).str(),
                               positions(report.sites));
  if (report.warp >= 0)
    error.notes.push_back(
        {Severity::Note,
         llvm::formatv("in block ({0}, {1}, {2}), warp {3} of '{4}'", report.block[0],
                       report.block[1], report.block[2], report.warp, report.function),
         {},
         {}});
  if (!report.instruction.empty())
    error.notes.push_back({Severity::Note, "at '" + report.instruction + "'", {}, {}});
  for (const sim::Note &note : report.notes)
    error.notes.push_back({Severity::Note, note.message, positions(note.sites), {}});
  return error;
}

/// The launch that the C structs describe.
static sim::Launch toLaunch(const tegula_simulation &simulation) {
  sim::Launch launch;
  launch.kernel = simulation.kernel ? simulation.kernel : "";
  for (int axis = 0; axis < 3; ++axis) {
    // An axis that nobody set has one block or thread.
    launch.grid[axis] = std::max<uint32_t>(simulation.grid[axis], 1);
    launch.block[axis] = std::max<uint32_t>(simulation.block[axis], 1);
  }
  launch.dynamicShared = simulation.shared_bytes;
  for (size_t i = 0; i < simulation.buffer_count; ++i) {
    const tegula_simulated_buffer &from = simulation.buffers[i];
    sim::Buffer buffer;
    buffer.name = from.name ? from.name : "buffer " + std::to_string(i);
    buffer.bytes = {static_cast<uint8_t *>(from.data), static_cast<size_t>(from.bytes)};
    buffer.elementBytes = std::max<uint32_t>(from.element_bytes, 1);
    buffer.shape.assign(from.sizes, from.sizes + from.rank);
    buffer.readOnly = from.read_only;
    buffer.initialised = !from.undefined;
    launch.buffers.push_back(std::move(buffer));
  }
  for (size_t i = 0; i < simulation.argument_count; ++i)
    launch.arguments.push_back({simulation.arguments[i].buffer, simulation.arguments[i].bits});
  return launch;
}

tegula_diagnostics *tegula_simulate(const char *text, size_t size, const char *file_name,
                                    const tegula_simulation *simulation, tegula_bytes **counters) {
  *counters = nullptr;
  llvm::LLVMContext context;
  llvm::SMDiagnostic problem;
  // Text is parsed to a NUL, which the caller's bytes need not end with.
  std::unique_ptr<llvm::MemoryBuffer> buffer = llvm::MemoryBuffer::getMemBufferCopy(
      llvm::StringRef(text, size), file_name ? file_name : "module");
  std::unique_ptr<llvm::Module> module = llvm::parseIR(buffer->getMemBufferRef(), problem, context);
  if (!module) {
    Position position;
    position.file = file_name ? file_name : "module";
    position.line = position.endLine = std::max(problem.getLineNo(), 1);
    position.column = static_cast<uint32_t>(std::max(problem.getColumnNo(), 0)) + 1;
    position.endColumn = position.column + 1;
    return new tegula_diagnostics{{makeError(problem.getMessage().str(), {position})}};
  }
  sim::Options options;
  options.seed = simulation->seed;
  options.races = !simulation->no_races;
  sim::Result result = sim::run(*module, toLaunch(*simulation), options);
  if (result.succeeded()) {
    const llvm::json::Value json = result.toJSON();
    *counters = new tegula_bytes{llvm::formatv("{0}", *json.getAsObject()->get("counters"))};
    return nullptr;
  }
  auto *diagnostics = new tegula_diagnostics;
  for (const sim::Report &report : result.reports)
    diagnostics->list.push_back(toDiagnostic(report));
  return diagnostics;
}
