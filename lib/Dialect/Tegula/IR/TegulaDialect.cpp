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
    return emitError() << "alignment of argument '" << name << "' must be a power of two, got "
                       << align;
  for (int64_t multiple : multiples)
    if (multiple < 1)
      return emitError() << "stride multiples of argument '" << name << "' must be positive, got "
                         << multiple;
  if (access == Access::Value && (align != 1 || !multiples.empty())) // C3
    return emitError() << "scalar argument '" << name << "' cannot promise a layout";
  return success();
}

LogicalResult ScheduleRoleAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef name,
                                       bool groups, int64_t members, int64_t regs) {
  if (!isIdentifier(name)) // C1
    return emitError() << "name of a role must be an identifier, got '" << name << "'";
  if (members < 1 || regs < 0) // C2
    return emitError() << "role '" << name << "' needs members and a budget of registers, got "
                       << members << " and " << regs;
  return success();
}

// role: `name (warps | groups) n (regs n)?`
Attribute ScheduleRoleAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef name;
  int64_t members = 0, regs = 0;
  if (parser.parseLess() || parser.parseKeyword(&name))
    return {};
  bool groups = succeeded(parser.parseOptionalKeyword("groups"));
  if ((!groups && parser.parseKeyword("warps")) || parser.parseInteger(members))
    return {};
  if (succeeded(parser.parseOptionalKeyword("regs")) && parser.parseInteger(regs))
    return {};
  if (parser.parseGreater())
    return {};
  return ScheduleRoleAttr::getChecked([&] { return parser.emitError(loc); }, parser.getContext(),
                                      name, groups, members, regs);
}

void ScheduleRoleAttr::print(AsmPrinter &printer) const {
  printer << "<" << getName() << (getGroups() ? " groups " : " warps ") << getMembers();
  if (getRegs())
    printer << " regs " << getRegs();
  printer << ">";
}

/// label: `"label" + "label" + ...`
static ParseResult parseLabels(AsmParser &parser, SmallVectorImpl<StringAttr> &labels) {
  do {
    std::string label;
    if (parser.parseString(&label))
      return failure();
    labels.push_back(StringAttr::get(parser.getContext(), label));
  } while (succeeded(parser.parseOptionalPlus()));
  return success();
}

static void printLabels(AsmPrinter &printer, ArrayRef<StringAttr> labels) {
  llvm::interleave(labels, printer, [&](StringAttr label) { printer << label; }, " + ");
}

LogicalResult ScheduleRingAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef name,
                                       RingKind kind, int64_t depth, ArrayRef<StringAttr> labels) {
  if (!isIdentifier(name)) // C1
    return emitError() << "name of a ring must be an identifier, got '" << name << "'";
  if (depth < 1) // C2
    return emitError() << "ring '" << name << "' needs at least one slot, got " << depth;
  assert(!labels.empty() && "the text has one");
  return success();
}

// ring: `name kind depth labels`
Attribute ScheduleRingAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef name, word;
  int64_t depth = 0;
  SmallVector<StringAttr> labels;
  if (parser.parseLess() || parser.parseKeyword(&name) || parser.parseKeyword(&word))
    return {};
  std::optional<RingKind> kind = symbolizeRingKind(word);
  if (!kind) {
    parser.emitError(parser.getNameLoc(), "unknown kind of ring '") << word << "'";
    return {};
  }
  if (parser.parseInteger(depth) || parseLabels(parser, labels) || parser.parseGreater())
    return {};
  return ScheduleRingAttr::getChecked([&] { return parser.emitError(loc); }, parser.getContext(),
                                      name, *kind, depth, labels);
}

void ScheduleRingAttr::print(AsmPrinter &printer) const {
  printer << "<" << getName() << " " << stringifyRingKind(getKind()) << " " << getDepth() << " ";
  printLabels(printer, getLabels());
  printer << ">";
}

LogicalResult ScheduleRowAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef role,
                                      int64_t stage, ArrayRef<StringAttr> labels,
                                      ArrayRef<ScheduleFlag> flags, ArrayRef<int64_t> amounts,
                                      StringAttr phase) {
  if (!isIdentifier(role)) // C1
    return emitError() << "role of a schedule row must be an identifier, got '" << role << "'";
  if (stage < 0)
    return emitError() << "stage of a schedule row must not be negative, got " << stage;
  if (labels.empty())
    return emitError() << "a schedule row names at least one label";
  assert(flags.size() == amounts.size() && "one number per flag");
  for (auto [i, flag] : llvm::enumerate(flags))
    if (llvm::is_contained(flags.take_front(i), flag)) // C2
      return emitError() << "a schedule row has flag '" << stringifyScheduleFlag(flag) << "' twice";
  return success();
}

std::optional<int64_t> ScheduleRowAttr::getAmount(ScheduleFlag flag) const {
  for (auto [have, amount] : llvm::zip(getFlags(), getAmounts()))
    if (have == flag)
      return amount;
  return std::nullopt;
}

// row: `role stage labels (flag amount?)* (phase "name")?`
Attribute ScheduleRowAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef role;
  int64_t stage = 0;
  SmallVector<StringAttr> labels;
  SmallVector<ScheduleFlag> flags;
  SmallVector<int64_t> amounts;
  StringAttr phase;
  if (parser.parseLess() || parser.parseKeyword(&role) || parser.parseInteger(stage) ||
      parseLabels(parser, labels))
    return {};
  StringRef word;
  while (succeeded(parser.parseOptionalKeyword(&word))) {
    if (word == "phase") {
      std::string name;
      if (parser.parseString(&name))
        return {};
      phase = StringAttr::get(parser.getContext(), name);
      break;
    }
    std::optional<ScheduleFlag> flag = symbolizeScheduleFlag(word);
    if (!flag) {
      parser.emitError(parser.getNameLoc(), "unknown schedule flag '") << word << "'";
      return {};
    }
    int64_t amount = 0;
    OptionalParseResult number = parser.parseOptionalInteger(amount);
    if (number.has_value() && failed(*number))
      return {};
    flags.push_back(*flag);
    amounts.push_back(amount);
  }
  if (parser.parseGreater())
    return {};
  return ScheduleRowAttr::getChecked([&] { return parser.emitError(loc); }, parser.getContext(),
                                     role, stage, labels, flags, amounts, phase);
}

void ScheduleRowAttr::print(AsmPrinter &printer) const {
  printer << "<" << getRole() << " " << getStage() << " ";
  printLabels(printer, getLabels());
  for (auto [flag, amount] : llvm::zip(getFlags(), getAmounts())) {
    printer << " " << stringifyScheduleFlag(flag);
    if (amount)
      printer << " " << amount;
  }
  if (getPhase())
    printer << " phase " << getPhase();
  printer << ">";
}

/// A list in square brackets of attributes of kind `A`.
template <typename A>
static ParseResult parseAttrList(AsmParser &parser, SmallVectorImpl<A> &attrs) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() -> ParseResult {
    auto attr = dyn_cast_or_null<A>(A::parse(parser, {}));
    if (!attr)
      return failure();
    attrs.push_back(attr);
    return success();
  });
}

template <typename A> static void printAttrList(AsmPrinter &printer, ArrayRef<A> attrs) {
  printer << "[";
  llvm::interleaveComma(attrs, printer, [&](A attr) { attr.print(printer); });
  printer << "]";
}

// schedule: `[row, ...] (rings [ring, ...])?`
Attribute ScheduleAttr::parse(AsmParser &parser, Type) {
  SmallVector<ScheduleRowAttr> rows;
  SmallVector<ScheduleRingAttr> rings;
  if (parser.parseLess() || parseAttrList(parser, rows))
    return {};
  if (succeeded(parser.parseOptionalKeyword("rings")) && parseAttrList(parser, rings))
    return {};
  if (parser.parseGreater())
    return {};
  return ScheduleAttr::get(parser.getContext(), rows, rings);
}

void ScheduleAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printAttrList(printer, getRows());
  if (!getRings().empty()) {
    printer << " rings ";
    printAttrList(printer, getRings());
  }
  printer << ">";
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
    parser.emitError(loc, "softmax state needs rows x columns, got ") << shape.size() << " extents";
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
