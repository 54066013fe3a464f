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

LogicalResult tegula::verifySchedule(StreamOp stream) {
  ScheduleAttr schedule = stream.getScheduleAttr();
  if (!schedule)
    return success();
  StringRef name = stream.getLabel().value_or("");
  llvm::StringSet<> present, scheduled;
  for (Anchor anchor : getAnchors(stream))
    present.insert(anchor.label.getValue());
  for (ScheduleRowAttr row : schedule.getRows())
    for (StringAttr label : row.getLabels()) {
      if (!present.contains(label.getValue()))
        return stream.emitOpError() << "label '" << label.getValue()
                                    << "' labels nothing in stream '" << name << "'";
      if (!scheduled.insert(label.getValue()).second)
        return stream.emitOpError() << "label '" << label.getValue() << "' of stream '" << name
                                    << "' has two rows";
    }
  for (Anchor anchor : getAnchors(stream))
    if (!scheduled.contains(anchor.label.getValue()))
      return stream.emitOpError() << "label '" << anchor.label.getValue() << "' of stream '"
                                  << name << "' has no row";
  return success();
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

/// One row: role, stage, labels, flag, in columns.
static void printRow(llvm::raw_ostream &os, ScheduleRowAttr row) {
  std::string labels;
  llvm::raw_string_ostream text(labels);
  llvm::interleave(row.getLabels(), text, [&](StringAttr label) { text << label.getValue(); },
                   "+");
  std::string flag;
  llvm::raw_string_ostream flagText(flag);
  if (row.getFlag()) {
    StringRef word = stringifyScheduleFlag(*row.getFlag());
    switch (*row.getFlag()) {
    case ScheduleFlag::pack:
      flagText << "pack n" << row.getAmount();
      break;
    case ScheduleFlag::pack_t:
      flagText << "pack n" << row.getAmount() << "t";
      break;
    case ScheduleFlag::in_place:
      flagText << "in place";
      break;
    default:
      flagText << word;
      if (row.getAmount())
        flagText << " " << row.getAmount();
    }
  }
  std::string role = row.getRole().str() + " " + std::to_string(row.getStage());
  os << llvm::format("    %-7s %-28s %s", role.c_str(), labels.c_str(), flag.c_str());
  os << "\n";
}

void tegula::printSchedule(llvm::raw_ostream &os, KernelOpInterface kernel, StringRef target) {
  os << "schedule @" << kernel.getKernelName() << " for " << target << "    grid";
  kernel->walk([&](GridOp grid) {
    for (int64_t step : grid.getSteps())
      os << " " << step;
  });
  os << "\n  roles    all warps 1\n";
  kernel->walk<WalkOrder::PreOrder>([&](StreamOp stream) {
    os << "  stream " << stream.getLabel().value_or("-") << "  step " << stream.getStep()
       << "  order " << stringifyStreamOrder(stream.getOrder()) << "\n";
    if (ScheduleAttr schedule = stream.getScheduleAttr())
      for (ScheduleRowAttr row : schedule.getRows())
        printRow(os, row);
  });
}
