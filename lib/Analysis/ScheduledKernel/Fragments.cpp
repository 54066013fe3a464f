//===- Fragments.cpp - Tiles of a role, in bytes and registers ------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula::sched;
namespace layout = tegula::layout;

/// Warps of a group, whose members act as one.
static constexpr unsigned warpsOfGroup = 4;

RoleScope tegula::sched::getRoleScope(RoleOp role, unsigned lanes) {
  bool groups = role.getMembers() == Members::groups;
  return {lanes, groups ? warpsOfGroup : unsigned(role.getCount())};
}

::tegula::Completion tegula::sched::getCompletion(sched::Completion kind) {
  switch (kind) {
  case sched::Completion::sync:
    return ::tegula::Completion::Sync;
  case sched::Completion::fifo:
    return ::tegula::Completion::Fifo;
  case sched::Completion::arrive:
    return ::tegula::Completion::Arrive;
  case sched::Completion::tx:
    return ::tegula::Completion::Tx;
  }
  llvm_unreachable("every kind of the dialect is one of the table");
}

::tegula::CopyEngine tegula::sched::getCopyEngine(Engine engine) {
  switch (engine) {
  case Engine::bulk:
    return ::tegula::CopyEngine::Bulk;
  case Engine::async:
    return ::tegula::CopyEngine::Async;
  case Engine::direct:
    return ::tegula::CopyEngine::Direct;
  case Engine::pack:
    return ::tegula::CopyEngine::Pack;
  }
  llvm_unreachable("every engine of the dialect is one of the table");
}

int64_t tegula::sched::getTileBytes(ArrayRef<int64_t> shape, Type elem) {
  int64_t elements = 1;
  for (int64_t extent : shape)
    elements *= extent;
  return llvm::divideCeil(elements * elem.getIntOrFloatBitWidth(), 8);
}

LayoutAttr tegula::sched::getLayoutAttr(Type type) {
  if (auto fragment = dyn_cast<FragType>(type))
    return fragment.getLayout();
  if (auto flight = dyn_cast<FlightType>(type))
    return flight.getLayout();
  return {};
}

std::optional<layout::Layout> tegula::sched::getLayout(Type type) {
  LayoutAttr attr = getLayoutAttr(type);
  if (!attr)
    return std::nullopt;
  layout::Extents tile =
      isa<FragType>(type) ? cast<FragType>(type).getMatrix() : cast<FlightType>(type).getMatrix();
  return llvm::cantFail(attr.getLayout(tile)); // the type was verified
}

double tegula::sched::getRegisters(mlir::Value value, const RoleScope &scope) {
  Type type = value.getType();
  if (!isa<FragType, FlightType>(type) || value.getDefiningOp<SplatOp>())
    return 0;
  auto [shape, elem] =
      isa<FragType>(type)
          ? std::pair(cast<FragType>(type).getShape(), cast<FragType>(type).getElem())
          : std::pair(cast<FlightType>(type).getShape(), cast<FlightType>(type).getElem());
  std::optional<layout::Layout> layout = getLayout(type);
  if (!layout)
    return double(getTileBytes(shape, elem)) / 4 / scope.lanes / scope.warps;
  double registers = layout->getRegisters32(elem.getIntOrFloatBitWidth());
  auto load = value.getDefiningOp<LoadOp>();
  if (!load || !load.getAhead())
    return registers;
  // Steps go along the contraction: columns of A, rows of B.
  bool isA = layout->getAtom().getPart() == 'A';
  int64_t steps = layout->getRepetition()[isA ? 1 : 0];
  return registers * std::min(1.0, double(*load.getAhead() + 1) / steps);
}
