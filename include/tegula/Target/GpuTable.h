//===- GpuTable.h - The table of GPUs as text ----------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TARGET_GPUTABLE_H
#define TEGULA_TARGET_GPUTABLE_H

#include <string>

namespace tegula {

/// All rows of GpuInfo.h's table as a JSON list, for documents and tools.
std::string printGpuTable();

} // namespace tegula

#endif // TEGULA_TARGET_GPUTABLE_H
