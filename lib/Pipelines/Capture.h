//===- Capture.h - MLIR's diagnostics as values ------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_LIB_PIPELINES_CAPTURE_H
#define TEGULA_LIB_PIPELINES_CAPTURE_H

#include "tegula/Support/Diagnostic.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"

namespace tegula {

/// The places of `loc`: where it is and, of a call site, who called, innermost first.
/// Of a fused location the first part that has a place speaks for all.
std::vector<Position> getSites(mlir::Location loc);

/// Collects what the context has to say, while it lives. Nothing is printed.
class DiagnosticCapture {
public:
  DiagnosticCapture(mlir::MLIRContext *context, Diagnostics &diagnostics);

private:
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace tegula

#endif // TEGULA_LIB_PIPELINES_CAPTURE_H
