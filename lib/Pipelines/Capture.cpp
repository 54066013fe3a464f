//===- Capture.cpp - MLIR's diagnostics as values ----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Capture.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

std::vector<tegula::Position> tegula::getSites(Location loc) {
  using Sites = std::vector<Position>;
  return TypeSwitch<LocationAttr, Sites>(loc)
      .Case([](FileLineColRange range) -> Sites {
        return {{range.getFilename().str(), range.getStartLine(), range.getStartColumn(),
                 range.getEndLine(), range.getEndColumn()}};
      })
      .Case([](CallSiteLoc call) {
        Sites sites = getSites(call.getCallee());
        for (Position &caller : getSites(call.getCaller()))
          sites.push_back(std::move(caller));
        return sites;
      })
      .Case([](NameLoc name) { return getSites(name.getChildLoc()); })
      .Case([](FusedLoc fused) -> Sites {
        for (Location part : fused.getLocations())
          if (Sites sites = getSites(part); !sites.empty())
            return sites;
        return {};
      })
      .Case([](OpaqueLoc opaque) { return getSites(opaque.getFallbackLocation()); })
      .Default([](LocationAttr) -> Sites { return {}; });
}

static tegula::Severity convertSeverity(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Note:
    return tegula::Severity::Note;
  case DiagnosticSeverity::Remark:
    return tegula::Severity::Remark;
  case DiagnosticSeverity::Warning:
    return tegula::Severity::Warning;
  case DiagnosticSeverity::Error:
    return tegula::Severity::Error;
  }
  llvm_unreachable("unknown severity");
}

static tegula::Diagnostic convert(Diagnostic &diagnostic) {
  tegula::Diagnostic result{convertSeverity(diagnostic.getSeverity()), diagnostic.str(),
                            tegula::getSites(diagnostic.getLocation()), {}};
  for (Diagnostic &note : diagnostic.getNotes())
    result.notes.push_back(convert(note));
  return result;
}

tegula::DiagnosticCapture::DiagnosticCapture(MLIRContext *context, Diagnostics &diagnostics)
    : handler(context, [&diagnostics](mlir::Diagnostic &diagnostic) {
        diagnostics.push_back(convert(diagnostic));
        return success();
      }) {}
