//===- Print.h - Layouts, storage and plans as text -----------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For people: notes of diagnostics, documents, and the tool `tegula-layout`.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SUPPORT_LAYOUT_PRINT_H
#define TEGULA_SUPPORT_LAYOUT_PRINT_H

#include "tegula/Support/Layout/Conversion.h"

namespace llvm {
class raw_ostream;
} // namespace llvm

namespace tegula::layout {

/// The tile as a table: in each cell who holds the element, `lane.register`, with the
/// warp in front where warps deal, `1:13.2`, and the number of holders behind where they
/// replicate, `0.0 x4`. Rows and columns beyond `most` are left out.
void printTable(llvm::raw_ostream &os, const Layout &layout, Extents most = {16, 16});

/// A row of units for each row of the first panel: which unit of the row lies there.
void printUnits(llvm::raw_ostream &os, const Storage &storage, int64_t mostRows = 16);

/// A line per step.
void printPlan(llvm::raw_ostream &os, const ShufflePlan &plan);

/// The class, and what there is to do.
void printPlan(llvm::raw_ostream &os, const ConversionPlan &plan);

/// Answers a question in words:
///
///   table LAYOUT
///   atom NAME
///   convert LAYOUT to LAYOUT [bits N]
///   units ROWSxCOLS of BYTES [swizzle SPAN | key IMAGES...]
///   solve ROWSxCOLS of BYTES read LAYOUT [, LAYOUT]...
///
/// `solve` reads layouts as matrices of 16-bit elements where they fit, else as vectors
/// of 16 bytes, and writes rows by 16-byte copies, all on 32 banks of 4 bytes.
llvm::Expected<std::string> answer(llvm::StringRef question);

} // namespace tegula::layout

#endif // TEGULA_SUPPORT_LAYOUT_PRINT_H
