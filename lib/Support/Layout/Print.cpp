//===- Print.cpp - Layouts, storage and plans as text ---------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/Layout/Print.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace tegula::layout;
using llvm::Expected;
using llvm::SmallVector;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

static std::string spellCell(const Layout &layout, Element element) {
  SmallVector<Owner> owners = layout.getOwners(element, layout.getWarps());
  std::string text;
  llvm::raw_string_ostream os(text);
  if (layout.getWarps() > 1)
    os << owners[0].warp << ':';
  os << owners[0].lane << '.' << owners[0].reg;
  if (owners.size() > 1)
    os << " x" << owners.size();
  return text;
}

/// Right-aligned columns, two spaces apart.
static void printColumns(llvm::raw_ostream &os, llvm::ArrayRef<std::vector<std::string>> rows) {
  std::vector<size_t> widths;
  for (const std::vector<std::string> &row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (auto [i, cell] : llvm::enumerate(row))
      widths[i] = std::max(widths[i], cell.size());
  }
  for (const std::vector<std::string> &row : rows) {
    for (auto [i, cell] : llvm::enumerate(row))
      os << (i ? "  " : "") << llvm::right_justify(cell, widths[i]);
    os << '\n';
  }
}

void tegula::layout::printTable(llvm::raw_ostream &os, const Layout &layout, Extents most) {
  Extents tile = layout.getTile();
  int64_t rows = std::min(tile[0], most[0]), cols = std::min(tile[1], most[1]);
  std::vector<std::vector<std::string>> table(1, {""});
  for (int64_t col = 0; col < cols; ++col)
    table[0].push_back(std::to_string(col));
  for (int64_t row = 0; row < rows; ++row) {
    table.push_back({std::to_string(row)});
    for (int64_t col = 0; col < cols; ++col)
      table.back().push_back(spellCell(layout, {row, col}));
  }
  os << layout.str() << ": " << tile[0] << 'x' << tile[1] << ", " << layout.getRegisters()
     << " registers of " << layout.getLanes() << " lanes\n";
  printColumns(os, table);
  if (rows < tile[0] || cols < tile[1])
    os << "(the first " << rows << 'x' << cols << ")\n";
}

void tegula::layout::printUnits(llvm::raw_ostream &os, const Storage &storage, int64_t mostRows) {
  int64_t units = storage.panelBytes / storage.unitBytes;
  os << storage.str() << '\n';
  std::vector<std::vector<std::string>> table;
  for (int64_t row = 0; row < std::min(storage.rows, mostRows); ++row) {
    table.push_back({"row " + std::to_string(row)});
    for (int64_t place = 0; place < units; ++place)
      table.back().push_back(std::to_string(place ^ storage.key(row)));
  }
  printColumns(os, table);
}

//===----------------------------------------------------------------------===//
// Plans
//===----------------------------------------------------------------------===//

static void printLane(llvm::raw_ostream &os, const LaneFunction &lane) {
  if (lane.isXor()) {
    os << "lane ^ " << lane.constant;
    return;
  }
  os << lane.constant;
  for (auto [bit, image] : llvm::enumerate(lane.images))
    if (image)
      os << " ^ " << image << "*bit" << bit;
}

void tegula::layout::printPlan(llvm::raw_ostream &os, const ShufflePlan &plan) {
  auto name = [](unsigned value) {
    return value == noRegister ? std::string("_") : "v" + std::to_string(value);
  };
  for (auto [i, step] : llvm::enumerate(plan.steps)) {
    os << name(plan.registers + i) << " = ";
    switch (step.kind) {
    case ShuffleStep::Kind::Pack:
      os << "pack " << llvm::join(llvm::map_range(step.operands, name), ", ");
      break;
    case ShuffleStep::Kind::Unpack:
      os << "unpack " << name(step.operands[0]) << " at " << step.index;
      break;
    case ShuffleStep::Kind::Select:
      os << "select " << name(step.operands[0]) << ", " << name(step.operands[1])
         << " by parity of lane & " << step.mask;
      break;
    case ShuffleStep::Kind::Shuffle:
      os << "shuffle " << name(step.operands[0]) << " from ";
      printLane(os, step.source);
      break;
    }
    os << '\n';
  }
  os << "results " << llvm::join(llvm::map_range(plan.results, name), " ") << '\n';
}

void tegula::layout::printPlan(llvm::raw_ostream &os, const ConversionPlan &plan) {
  os << stringifyConversionClass(plan.kind) << '\n';
  switch (plan.kind) {
  case ConversionClass::Free:
    os << "registers";
    for (unsigned reg : plan.rename)
      os << ' ' << (reg == noRegister ? "_" : std::to_string(reg));
    os << '\n';
    break;
  case ConversionClass::Shuffle:
    printPlan(os, plan.shuffle);
    break;
  case ConversionClass::Shared: {
    const SharedPlan &shared = plan.shared;
    auto bytes = [&](const VectorAccess &vector) {
      return vector.registers.size() * shared.storage.elementBytes;
    };
    os << "store " << shared.stores.size() << " x " << bytes(shared.stores[0])
       << " bytes a lane to " << shared.storage.str() << (shared.axis == 0 ? " (transposed)" : "")
       << '\n'
       << (shared.crossesWarps ? "barrier of all warps\n" : "wait within the warp\n") << "load "
       << shared.loads.size() << " x " << bytes(shared.loads[0]) << " bytes a lane\n"
       << shared.cost.cycles << " cycles, " << shared.cost.getConflicts() << " of them conflicts\n";
    break;
  }
  }
}
