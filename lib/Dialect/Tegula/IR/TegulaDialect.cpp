//===- TegulaDialect.cpp - Dialect, attributes, types ---------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FoldInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tegula;

#include "tegula/Dialect/Tegula/IR/TegulaDialect.cpp.inc"
#include "tegula/Dialect/Tegula/IR/TegulaEnums.cpp.inc"
#include "tegula/Dialect/Tegula/IR/TegulaInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "tegula/Dialect/Tegula/IR/TegulaAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "tegula/Dialect/Tegula/IR/TegulaTypes.cpp.inc"
#define GET_OP_CLASSES
#include "tegula/Dialect/Tegula/IR/TegulaOps.cpp.inc"

namespace {

/// Constants that folding makes stay in their grid: the launch part runs on the
/// host and has no use for tiles.
struct FoldInterface : DialectFoldInterface {
  using DialectFoldInterface::DialectFoldInterface;

  bool shouldMaterializeInto(Region *region) const override {
    return isa<GridOp>(region->getParentOp());
  }
};

} // namespace

void TegulaDialect::initialize() {
  addInterfaces<FoldInterface>();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "tegula/Dialect/Tegula/IR/TegulaAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "tegula/Dialect/Tegula/IR/TegulaTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "tegula/Dialect/Tegula/IR/TegulaOps.cpp.inc"
      >();
}

Operation *TegulaDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type,
                                              Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

bool tegula::isTileType(RankedTensorType type) {
  return !type.getEncoding() &&
         llvm::all_of(type.getShape(), [](int64_t extent) { return extent >= 1; });
}

bool tegula::isElementType(Type type) {
  return type.isF64() || type.isF32() || type.isF16() || type.isBF16() ||
         type.isSignlessInteger(1) || type.isSignlessInteger(8) || type.isSignlessInteger(32) ||
         type.isSignlessInteger(64) || isa<Float8E4M3FNType, Float8E5M2Type>(type);
}

BlockArgument tegula::getViewOrigin(Value view) {
  while (Operation *op = view.getDefiningOp()) {
    auto viewLike = dyn_cast<ViewLikeOpInterface>(op);
    if (!viewLike)
      return nullptr;
    view = viewLike.getViewSource();
  }
  return cast<BlockArgument>(view);
}

BlockArgument tegula::getViewArgument(Value view) {
  BlockArgument origin = getViewOrigin(view);
  if (!origin || !isa_and_nonnull<KernelOpInterface>(origin.getOwner()->getParentOp()))
    return nullptr;
  return origin;
}

ArgAttr tegula::getViewArgAttr(Value view) {
  BlockArgument argument = getViewArgument(view);
  if (!argument)
    return nullptr;
  ArrayAttr args = cast<KernelOpInterface>(argument.getOwner()->getParentOp()).getArgAttrs();
  return argument.getArgNumber() < args.size() ? cast<ArgAttr>(args[argument.getArgNumber()])
                                               : nullptr;
}

std::optional<Access> tegula::getViewAccess(Value view) {
  ArgAttr arg = getViewArgAttr(view);
  return arg ? std::optional(arg.getAccess()) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

/// True for names that the text form can write as `%name` or as a word.
static bool isIdentifier(StringRef name) {
  auto isWord = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  return !name.empty() && !llvm::isDigit(name.front()) && llvm::all_of(name, isWord);
}

LogicalResult ArgAttr::verify(function_ref<InFlightDiagnostic()> emitError, Access access,
                              StringRef name, int64_t align, ArrayRef<int64_t> multiples) {
  if (!isIdentifier(name)) // C1
    return emitError() << "name of an argument must be an identifier, got '" << name << "'";
  if (align < 1 || (align & (align - 1)) != 0) // C2
    return emitError() << "alignment of argument '" << name
                       << "' must be a power of two, got " << align;
  for (int64_t multiple : multiples)
    if (multiple < 1)
      return emitError() << "stride multiples of argument '" << name
                         << "' must be positive, got " << multiple;
  if (access == Access::Value && (align != 1 || !multiples.empty())) // C3
    return emitError() << "scalar argument '" << name << "' cannot promise a layout";
  return success();
}

LogicalResult ScheduleRowAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                      StringRef role, int64_t stage, ArrayRef<StringAttr> labels,
                                      std::optional<ScheduleFlag> flag, int64_t amount) {
  if (!isIdentifier(role)) // C1
    return emitError() << "role of a schedule row must be an identifier, got '" << role << "'";
  if (stage < 0)
    return emitError() << "stage of a schedule row must not be negative, got " << stage;
  if (labels.empty())
    return emitError() << "a schedule row names at least one label";
  return success();
}

// row: `role stage "label" + "label" (flag (amount)?)?`
Attribute ScheduleRowAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef role;
  int64_t stage = 0, amount = 0;
  SmallVector<StringAttr> labels;
  std::optional<ScheduleFlag> flag;
  if (parser.parseLess() || parser.parseKeyword(&role) || parser.parseInteger(stage))
    return {};
  do {
    std::string label;
    if (parser.parseString(&label))
      return {};
    labels.push_back(StringAttr::get(parser.getContext(), label));
  } while (succeeded(parser.parseOptionalPlus()));
  StringRef word;
  if (succeeded(parser.parseOptionalKeyword(&word))) {
    flag = symbolizeScheduleFlag(word);
    if (!flag) {
      parser.emitError(parser.getNameLoc(), "unknown schedule flag '") << word << "'";
      return {};
    }
    OptionalParseResult number = parser.parseOptionalInteger(amount);
    if (number.has_value() && failed(*number))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return ScheduleRowAttr::getChecked([&] { return parser.emitError(loc); }, parser.getContext(),
                                     role, stage, labels, flag, amount);
}

void ScheduleRowAttr::print(AsmPrinter &printer) const {
  printer << "<" << getRole() << " " << getStage() << " ";
  llvm::interleave(getLabels(), printer, [&](StringAttr label) { printer << label; }, " + ");
  if (getFlag()) {
    printer << " " << stringifyScheduleFlag(*getFlag());
    if (getAmount())
      printer << " " << getAmount();
  }
  printer << ">";
}

Attribute ScheduleAttr::parse(AsmParser &parser, Type) {
  SmallVector<ScheduleRowAttr> rows;
  auto parseRow = [&]() -> ParseResult {
    auto row = dyn_cast_or_null<ScheduleRowAttr>(ScheduleRowAttr::parse(parser, {}));
    if (!row)
      return failure();
    rows.push_back(row);
    return success();
  };
  if (parser.parseLess() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseRow) ||
      parser.parseGreater())
    return {};
  return ScheduleAttr::get(parser.getContext(), rows);
}

void ScheduleAttr::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(getRows(), printer, [&](ScheduleRowAttr row) { row.print(printer); });
  printer << "]>";
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

Type SoftmaxType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type elem;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(elem) || parser.parseGreater())
    return {};
  if (shape.size() != 2) {
    parser.emitError(loc, "softmax state needs rows x columns, got ") << shape.size()
                                                                      << " extents";
    return {};
  }
  return SoftmaxType::getChecked([&] { return parser.emitError(loc); }, parser.getContext(),
                                 shape[0], shape[1], elem);
}

void SoftmaxType::print(AsmPrinter &printer) const {
  printer << "<" << getRows() << "x" << getCols() << "x" << getElem() << ">";
}

LogicalResult SoftmaxType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t rows,
                                  int64_t cols, Type elem) {
  if (!elem.isF32() && !elem.isF64()) // C1
    return emitError() << "softmax state must be kept in f32 or f64, got " << elem;
  if (rows < 1 || cols < 1) // C2
    return emitError() << "softmax state needs positive extents, got " << rows << "x" << cols;
  return success();
}

SmallVector<Type, 3> SoftmaxType::getPartTypes() const {
  return {RankedTensorType::get({getRows()}, getElem()),
          RankedTensorType::get({getRows()}, getElem()),
          RankedTensorType::get({getRows(), getCols()}, getElem())};
}
