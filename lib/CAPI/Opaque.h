//===- Opaque.h - Objects of the C interface --------------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What more than one file of the interface looks into.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_CAPI_OPAQUE_H
#define TEGULA_CAPI_OPAQUE_H

#include "tegula-c/tegula.h"
#include "tegula/Support/Diagnostic.h"

struct tegula_diagnostic : tegula::Diagnostic {};
struct tegula_diagnostics {
  tegula::Diagnostics list;
};
struct tegula_bytes {
  std::string data;
};

#endif // TEGULA_CAPI_OPAQUE_H
