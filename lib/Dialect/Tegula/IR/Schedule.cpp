//===- Schedule.cpp - The schedule object of a stream ---------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Schedule.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace tegula;

SmallVector<Anchor> tegula::getAnchors(StreamOp stream) {
  SmallVector<Anchor> anchors;
  stream.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<StreamOp>(op))
      return WalkResult::skip();
    auto anchor = dyn_cast<AnchorOpInterface>(op);
    if (!anchor || !anchor.getAnchorLabel())
      return WalkResult::advance();
    StringAttr label = anchor.getAnchorLabel();
    if (anchor.getInnerLabels().empty())
      anchors.push_back({label, op});
    for (StringRef suffix : anchor.getInnerLabels())
      anchors.push_back({StringAttr::get(op->getContext(), label.getValue() + suffix), op});
    return WalkResult::advance();
  });
  return anchors;
}

ScheduleRowAttr tegula::findRow(ScheduleAttr schedule, StringAttr label) {
  for (ScheduleRowAttr row : schedule.getRows())
    if (llvm::is_contained(row.getLabels(), label))
      return row;
  return nullptr;
}

/// The label of the load whose second half `label` is, or nothing.
static std::optional<StringRef> getFetch(StringRef label) {
  return label.consume_back(".put") ? std::optional<StringRef>(label) : std::nullopt;
}

/// Rings name loads, each once, and by the half that fills them.
static LogicalResult verifyRings(StreamOp stream, const llvm::StringSet<> &loads,
                                 const llvm::StringSet<> &scheduled) {
  llvm::StringSet<> held;
  for (ScheduleRingAttr ring : stream.getScheduleAttr().getRings())
    for (StringAttr attr : ring.getLabels()) {
      StringRef label = attr.getValue();
      if (!loads.contains(getFetch(label).value_or(label)))
        return stream.emitOpError() << "ring '" << ring.getName() << "' holds '" << label
                                    << "', which is no load of the stream";
      if (!scheduled.contains(label))
        return stream.emitOpError()
               << "ring '" << ring.getName() << "' holds '" << label << "', which has no row";
      if (!held.insert(label).second)
        return stream.emitOpError() << "label '" << label << "' is in two rings";
    }
  for (StringRef label : scheduled.keys())
    if (getFetch(label) && !held.contains(label))
      return stream.emitOpError() << "label '" << label << "' fills no ring";
  return success();
}

LogicalResult tegula::verifySchedule(StreamOp stream) {
  ScheduleAttr schedule = stream.getScheduleAttr();
  if (!schedule)
    return success();
  StringRef name = stream.getLabel().value_or("");
  llvm::StringSet<> present, loads, scheduled;
  for (Anchor anchor : getAnchors(stream)) {
    present.insert(anchor.label.getValue());
    if (isa<LoadOp, GatherOp>(anchor.op))
      loads.insert(anchor.label.getValue());
  }
  for (ScheduleRowAttr row : schedule.getRows())
    for (StringAttr attr : row.getLabels()) {
      StringRef label = attr.getValue();
      std::optional<StringRef> fetch = getFetch(label);
      if (!present.contains(label) && !(fetch && loads.contains(*fetch)))
        return stream.emitOpError()
               << "label '" << label << "' labels nothing in stream '" << name << "'";
      if (!scheduled.insert(label).second)
        return stream.emitOpError()
               << "label '" << label << "' of stream '" << name << "' has two rows";
    }
  for (Anchor anchor : getAnchors(stream))
    if (!scheduled.contains(anchor.label.getValue()))
      return stream.emitOpError() << "label '" << anchor.label.getValue() << "' of stream '" << name
                                  << "' has no row";
  return verifyRings(stream, loads, scheduled);
}

std::optional<bool> tegula::getRightOperandSide(Value tile) {
  if (cast<RankedTensorType>(tile.getType()).getRank() < 2)
    return std::nullopt;
  std::optional<bool> transposed;
  for (OpOperand &use : tile.getUses()) {
    auto dot = dyn_cast<DotOp>(use.getOwner());
    if (!dot || dot.getB() != tile || dot.getA() == tile || dot.getAcc() == tile)
      return std::nullopt;
    if (transposed && *transposed != dot.getTransB())
      return std::nullopt;
    transposed = dot.getTransB();
  }
  return transposed;
}

/// What the ops of a row give, for a reader: bytes of each label's tile, and the ring that
/// it lies in. A label may name several ops of which one gives a tile.
static std::string describeValues(StreamOp stream, ScheduleRowAttr row) {
  llvm::StringMap<int64_t> bytes;
  for (Anchor anchor : getAnchors(stream))
    for (Type type : anchor.op->getResultTypes())
      if (auto tile = dyn_cast<RankedTensorType>(type))
        bytes[anchor.label.getValue()] +=
            llvm::divideCeil(tile.getNumElements() * tile.getElementTypeBitWidth(), 8);
  std::string text;
  llvm::raw_string_ostream os(text);
  for (StringAttr label : row.getLabels()) {
    StringRef name = label.getValue();
    if (int64_t size = bytes.lookup(getFetch(name).value_or(name)))
      os << (text.empty() ? "# " : ", ") << name << " " << size << " bytes";
    for (ScheduleRingAttr ring : stream.getScheduleAttr().getRings())
      if (llvm::is_contained(ring.getLabels(), label))
        os << " in " << ring.getName();
  }
  return text;
}

/// One row: role, stage, labels, flag, in columns.
static void printRow(llvm::raw_ostream &os, StreamOp stream, ScheduleRowAttr row) {
  std::string labels;
  llvm::raw_string_ostream text(labels);
  llvm::interleave(row.getLabels(), text, [&](StringAttr label) { text << label.getValue(); }, "+");
  std::string flags;
  llvm::raw_string_ostream flagText(flags);
  for (auto [flag, amount] : llvm::zip(row.getFlags(), row.getAmounts())) {
    flagText << (flagText.tell() ? " " : "");
    switch (flag) {
    case ScheduleFlag::pack:
      flagText << "pack n" << amount;
      break;
    case ScheduleFlag::pack_t:
      flagText << "pack n" << amount << "t";
      break;
    case ScheduleFlag::in_place:
      flagText << "in place";
      break;
    default:
      flagText << stringifyScheduleFlag(flag);
      if (amount)
        flagText << " " << amount;
    }
  }
  if (row.getPhase())
    flagText << (flagText.tell() ? " " : "") << "phase " << row.getPhase().getValue();
  std::string role = row.getRole().str() + " " + std::to_string(row.getStage());
  os << llvm::format("    %-7s %-28s %-12s", role.c_str(), labels.c_str(), flags.c_str())
     << describeValues(stream, row) << "\n";
}

/// `roles    load warps 1 regs 24 | mma groups 2 regs 240`; one thread where none are set.
static void printRoles(llvm::raw_ostream &os, GridOp grid) {
  os << "  roles    ";
  if (ArrayAttr roles = grid.getRolesAttr())
    llvm::interleave(
        roles.getAsRange<ScheduleRoleAttr>(), os,
        [&](ScheduleRoleAttr role) {
          os << role.getName() << (role.getGroups() ? " groups " : " warps ") << role.getMembers();
          if (role.getRegs())
            os << " regs " << role.getRegs();
        },
        " | ");
  else
    os << "all warps 1";
  os << "\n";
}

/// `channels kc fifo 2 : kt | vc fifo 2 : vt`, of all streams of the kernel.
static void printRings(llvm::raw_ostream &os, KernelOpInterface kernel) {
  SmallVector<ScheduleRingAttr> rings;
  kernel->walk<WalkOrder::PreOrder>([&](StreamOp stream) {
    if (ScheduleAttr schedule = stream.getScheduleAttr())
      llvm::append_range(rings, schedule.getRings());
  });
  if (rings.empty())
    return;
  os << "  channels ";
  llvm::interleave(
      rings, os,
      [&](ScheduleRingAttr ring) {
        os << ring.getName() << " " << stringifyRingKind(ring.getKind()) << " " << ring.getDepth()
           << " :";
        for (StringAttr label : ring.getLabels())
          os << " " << label.getValue();
      },
      " | ");
  os << "\n";
}

void tegula::printSchedule(llvm::raw_ostream &os, KernelOpInterface kernel, StringRef target) {
  os << "schedule @" << kernel.getKernelName() << " for " << target << "    grid";
  kernel->walk([&](GridOp grid) {
    for (int64_t step : grid.getSteps())
      os << " " << step;
    os << "\n";
    printRoles(os, grid);
  });
  printRings(os, kernel);
  kernel->walk<WalkOrder::PreOrder>([&](StreamOp stream) {
    os << "  stream " << stream.getLabel().value_or("-") << "  step " << stream.getStep()
       << "  order " << stringifyStreamOrder(stream.getOrder()) << "\n";
    if (ScheduleAttr schedule = stream.getScheduleAttr())
      for (ScheduleRowAttr row : schedule.getRows())
        printRow(os, stream, row);
  });
}
