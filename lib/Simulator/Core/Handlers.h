//===- Handlers.h - The tables of handlers ------------------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SIMULATOR_CORE_HANDLERS_H
#define TEGULA_SIMULATOR_CORE_HANDLERS_H

#include "Program.h"

namespace tegula::sim {

/// A handler for each op; null where a machine has no such op.
using HandlerTable = std::array<Handler, numOps>;

/// Each file of handlers adds its own to the table of one warp width.
#define SIM_DECLARE_HANDLERS(Host)                                                                 \
  namespace Host {                                                                                 \
  template <int W> void addIntHandlers(HandlerTable &table);                                       \
  template <int W> void addFloatHandlers(HandlerTable &table);                                     \
  template <int W> void addMemoryHandlers(HandlerTable &table);                                    \
  template <int W> void addControlHandlers(HandlerTable &table);                                   \
  void addBufferHandlers(HandlerTable &table);                                                     \
  void addMfmaHandlers(HandlerTable &table);                                                       \
  void addWaveHandlers(HandlerTable &table);                                                       \
  void addNVVMHandlers(HandlerTable &table);                                                       \
  void addNVVMMatrixHandlers(HandlerTable &table);                                                 \
  }
SIM_DECLARE_HANDLERS(wide)
SIM_DECLARE_HANDLERS(narrow)
#undef SIM_DECLARE_HANDLERS

/// Whether this CPU runs the handlers for wide hosts.
bool hasWideHost();

} // namespace tegula::sim

#endif // TEGULA_SIMULATOR_CORE_HANDLERS_H
