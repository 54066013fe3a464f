//===- EventProgram.cpp - What the roles of a kernel do -------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Analysis/Schedule/EventProgram.h"

using namespace llvm;
using namespace tegula::sched::proof;

std::optional<unsigned> EventProgram::findTrips(VariableId variable) const {
  for (unsigned index = 0; index < trips.size(); ++index)
    if (trips[index].variable == variable)
      return index;
  return std::nullopt;
}

void tegula::sched::proof::walk(const Block &block, function_ref<void(const Stmt &)> visit) {
  for (const Stmt &stmt : block) {
    visit(stmt);
    if (auto *loop = stmt.getIf<Loop>())
      walk(loop->body, visit);
    if (auto *guard = stmt.getIf<If>()) {
      walk(guard->yes, visit);
      walk(guard->no, visit);
    }
  }
}

void tegula::sched::proof::walk(Block &block, function_ref<void(Stmt &)> visit) {
  for (Stmt &stmt : block) {
    visit(stmt);
    if (auto *loop = stmt.getIf<Loop>())
      walk(loop->body, visit);
    if (auto *guard = stmt.getIf<If>()) {
      walk(guard->yes, visit);
      walk(guard->no, visit);
    }
  }
}

bool tegula::sched::proof::synchronises(const Block &block) {
  bool found = false;
  walk(block, [&](const Stmt &stmt) {
    auto *product = stmt.getIf<Product>();
    found |= stmt.getIf<Acquire>() || stmt.getIf<Commit>() || stmt.getIf<Wait>() ||
             stmt.getIf<Release>() || stmt.getIf<Drain>() || stmt.getIf<ProductWait>() ||
             stmt.getIf<Turn>() || stmt.getIf<Pass>() || (product && product->async);
  });
  return found;
}
