//===- SchedDialect.cpp - The dialect and names of its values -------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Sched/IR/Sched.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace tegula::sched;

/// The name of an op's first result in the text, unless that is a number.
static ParseResult parseSsaName(OpAsmParser &parser, StringAttr &name) {
  if (parser.getNumResults() == 0)
    return success();
  StringRef text = parser.getResultName(0).first;
  if (!text.empty() && !llvm::isDigit(text.front()))
    name = parser.getBuilder().getStringAttr(text);
  return success();
}

/// `getAsmResultNames` prints it.
static void printSsaName(OpAsmPrinter &, Operation *, StringAttr) {}

/// The engine of a copy, or nothing.
static ParseResult parseEngine(OpAsmParser &parser, EngineAttr &engine) {
  StringRef word;
  if (failed(parser.parseOptionalKeyword(&word, {"bulk", "async", "direct", "pack"})))
    return success();
  engine = EngineAttr::get(parser.getContext(), *symbolizeEngine(word));
  return success();
}

static void printEngine(OpAsmPrinter &printer, Operation *, EngineAttr engine) {
  if (engine)
    printer << " " << stringifyEngine(engine.getValue());
}

#include "tegula/Dialect/Sched/IR/SchedDialect.cpp.inc"
#define GET_OP_CLASSES
#include "tegula/Dialect/Sched/IR/SchedOps.cpp.inc"

namespace {

/// Layouts, channels and slots are long and occur on every line: they are printed once,
/// in front of the module.
struct SchedAliases : OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;

  AliasResult getAlias(Attribute attr, raw_ostream &os) const override {
    if (!isa<LayoutAttr>(attr))
      return AliasResult::NoAlias;
    os << "layout";
    return AliasResult::OverridableAlias;
  }

  AliasResult getAlias(Type type, raw_ostream &os) const override {
    if (!isa<ChanType>(type))
      return AliasResult::NoAlias;
    os << "chan";
    return AliasResult::OverridableAlias;
  }
};

} // namespace

void SchedDialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "tegula/Dialect/Sched/IR/SchedOps.cpp.inc"
      >();
  addInterfaces<SchedAliases>();
}

void tegula::sched::nameResults(Operation *op, StringAttr name, OpAsmSetValueNameFn setName) {
  if (name && op->getNumResults() != 0)
    setName(op->getResult(0), name.getValue());
}
