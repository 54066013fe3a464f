//===- SchedDialect.cpp - Dialect and buffer type -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Sched/IR/Sched.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tegula::sched;

#include "tegula/Dialect/Sched/IR/SchedDialect.cpp.inc"
#include "tegula/Dialect/Sched/IR/SchedEnums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "tegula/Dialect/Sched/IR/SchedTypes.cpp.inc"
#define GET_OP_CLASSES
#include "tegula/Dialect/Sched/IR/SchedOps.cpp.inc"

void SchedDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "tegula/Dialect/Sched/IR/SchedTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "tegula/Dialect/Sched/IR/SchedOps.cpp.inc"
      >();
}

// buf: `<128x64xf32, local (, pack n32t?)?>`
Type BufType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type elem;
  StringRef word;
  int64_t panel = 0;
  bool transposed = false;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(elem) || parser.parseComma() || parser.parseKeyword(&word))
    return {};
  std::optional<Space> space = symbolizeSpace(word);
  if (!space) {
    parser.emitError(loc, "unknown memory space '") << word << "'";
    return {};
  }
  if (succeeded(parser.parseOptionalComma())) {
    StringRef width;
    if (parser.parseKeyword("pack") || parser.parseKeyword(&width))
      return {};
    transposed = width.consume_back("t");
    if (!width.consume_front("n") || width.getAsInteger(10, panel)) {
      parser.emitError(loc, "expected a panel width such as 'n32' or 'n32t'");
      return {};
    }
  }
  if (parser.parseGreater())
    return {};
  auto emitError = [&] { return parser.emitError(loc); };
  return BufType::getChecked(function_ref<InFlightDiagnostic()>(emitError), parser.getContext(),
                             ArrayRef<int64_t>(shape), elem, *space, panel, transposed);
}

void BufType::print(AsmPrinter &printer) const {
  printer << "<";
  for (int64_t extent : getShape())
    printer << extent << "x";
  printer << getElem() << ", " << stringifySpace(getSpace());
  if (isPacked())
    printer << ", pack n" << getPanel() << (getTransposed() ? "t" : "");
  printer << ">";
}

LogicalResult BufType::verify(function_ref<InFlightDiagnostic()> emitError,
                              ArrayRef<int64_t> shape, Type elem, Space space, int64_t panel,
                              bool transposed) {
  if (!elem.isIntOrFloat())
    return emitError() << "buffer cannot hold " << elem;
  for (int64_t extent : shape) // C1
    if (extent < 1)
      return emitError() << "buffer needs positive extents, got " << extent;
  if (panel < 0 || (panel > 0 && shape.size() < 2)) // C2
    return emitError() << "packed buffer needs rank 2 and a positive panel width, got rank "
                       << shape.size() << " and width " << panel;
  return success();
}
