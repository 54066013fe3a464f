//===- Ptx.h - Inline assembly of NVIDIA ------------------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SIMULATOR_NVVM_PTX_H
#define TEGULA_SIMULATOR_NVVM_PTX_H

#include "../Decode/Decoder.h"

namespace tegula::sim {

/// Decodes a call to inline PTX by parsing it; every instruction of it must be one of a
/// closed list. Reports and returns false otherwise.
bool decodePtx(Decoder &decoder, const llvm::CallInst &call);

} // namespace tegula::sim

#endif // TEGULA_SIMULATOR_NVVM_PTX_H
