//===- SchedTypes.cpp - Types and layouts of scheduled kernels ------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Sched/IR/Sched.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cctype>

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

#include "tegula/Dialect/Sched/IR/SchedEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "tegula/Dialect/Sched/IR/SchedAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "tegula/Dialect/Sched/IR/SchedTypes.cpp.inc"

void SchedDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "tegula/Dialect/Sched/IR/SchedAttrs.cpp.inc"
      >();
}

void SchedDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "tegula/Dialect/Sched/IR/SchedTypes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// LayoutAttr: `<m16n8k16.D [2, 16] (warps [4, 1] (by [1, 1])?)?>`
//===----------------------------------------------------------------------===//

static ParseResult parsePair(AsmParser &parser, layout::Extents &pair) {
  return failure(parser.parseLSquare() || parser.parseInteger(pair[0]) || parser.parseComma() ||
                 parser.parseInteger(pair[1]) || parser.parseRSquare());
}

Attribute LayoutAttr::parse(AsmParser &parser, Type) {
  std::string atom;
  layout::Extents repetition, warps = {1, 1};
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseKeywordOrString(&atom) || parsePair(parser, repetition))
    return {};
  if (succeeded(parser.parseOptionalKeyword("warps")) && failed(parsePair(parser, warps)))
    return {};
  layout::Extents strides = {warps[1], 1};
  if (succeeded(parser.parseOptionalKeyword("by")) && failed(parsePair(parser, strides)))
    return {};
  if (parser.parseGreater())
    return {};
  MLIRContext *context = parser.getContext();
  auto emitError = [&] { return parser.emitError(loc); };
  return LayoutAttr::getChecked(function_ref<InFlightDiagnostic()>(emitError), context,
                                StringAttr::get(context, atom), ArrayRef<int64_t>(repetition),
                                ArrayRef<int64_t>(warps), ArrayRef<int64_t>(strides));
}

void LayoutAttr::print(AsmPrinter &printer) const {
  auto printPair = [&](ArrayRef<int64_t> pair) {
    printer << "[" << pair[0] << ", " << pair[1] << "]";
  };
  printer << "<";
  printer.printKeywordOrString(getAtom().getValue());
  printer << " ";
  printPair(getRepetition());
  ArrayRef<int64_t> warps = getWarps(), strides = getStrides();
  bool rowMajor = (warps[0] == 1 || strides[0] == warps[1]) && (warps[1] == 1 || strides[1] == 1);
  if (warps[0] != 1 || warps[1] != 1) {
    printer << " warps ";
    printPair(warps);
  }
  if (!rowMajor) {
    printer << " by ";
    printPair(strides);
  }
  printer << ">";
}

static layout::Extents toExtents(ArrayRef<int64_t> pair) { return {pair[0], pair[1]}; }

LogicalResult LayoutAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringAttr atom,
                                 ArrayRef<int64_t> repetition, ArrayRef<int64_t> warps,
                                 ArrayRef<int64_t> strides) {
  assert(repetition.size() == 2 && warps.size() == 2 && strides.size() == 2 && "rows and columns");
  const layout::Atom *known = layout::findAtom(atom.getValue());
  if (!known) // C2
    return emitError() << "no atom is called '" << atom.getValue() << "'";
  auto made =
      layout::Layout::get(*known, toExtents(repetition), {toExtents(warps), toExtents(strides)});
  if (!made) // C1
    return emitError() << llvm::toString(made.takeError());
  return success();
}

llvm::Expected<layout::Layout> LayoutAttr::getLayout(layout::Extents tile) const {
  return layout::Layout::get(*layout::findAtom(getAtom().getValue()), toExtents(getRepetition()),
                             {toExtents(getWarps()), toExtents(getStrides())}, tile);
}

layout::Extents LayoutAttr::getCovered() const {
  layout::Extents atom = layout::findAtom(getAtom().getValue())->getShape();
  return {atom[0] * getRepetition()[0] * getWarps()[0],
          atom[1] * getRepetition()[1] * getWarps()[1]};
}

layout::Extents tegula::sched::getMatrix(ArrayRef<int64_t> shape, LayoutAttr layout) {
  if (shape.empty())
    return {1, 1};
  bool isColumn = shape.size() == 1 && layout && layout.getCovered()[1] == 1;
  if (isColumn)
    return {shape[0], 1};
  int64_t rows = 1;
  for (int64_t extent : shape.drop_back())
    rows *= extent;
  return {rows, shape.back()};
}

//===----------------------------------------------------------------------===//
// BufType: `<(3 x)? 128x64xf32, local (, pack n32t? | , swz (128 | auto))?>`
//===----------------------------------------------------------------------===//

BufType BufType::getStage() const {
  return BufType::get(getContext(), getShape(), getElem(), getSpace(), getPanel(), getTransposed(),
                      /*stages=*/1, getSwizzle());
}

BufType BufType::withShape(ArrayRef<int64_t> shape) const {
  return BufType::get(getContext(), shape, getElem(), getSpace(), getPanel(), getTransposed(),
                      getStages(), getSwizzle());
}

/// True where the text goes on with a number and a blank: `3 x` before the extents.
static bool startsWithStages(AsmParser &parser) {
  const char *text = parser.getCurrentLocation().getPointer();
  const char *end = text;
  while (isdigit(static_cast<unsigned char>(*end)))
    ++end;
  return end != text && isspace(static_cast<unsigned char>(*end));
}

static ParseResult parseStorage(AsmParser &parser, int64_t &panel, bool &transposed,
                                int64_t &swizzle) {
  SMLoc loc = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalKeyword("swz"))) {
    if (succeeded(parser.parseOptionalKeyword("auto"))) {
      swizzle = BufType::autoSwizzle;
      return success();
    }
    if (parser.parseInteger(swizzle))
      return failure();
    if (swizzle < 1)
      return parser.emitError(loc, "swizzle spans 32, 64 or 128 bytes, got ") << swizzle;
    return success();
  }
  StringRef width;
  if (parser.parseKeyword("pack") || parser.parseKeyword(&width))
    return failure();
  transposed = width.consume_back("t");
  if (!width.consume_front("n") || width.getAsInteger(10, panel))
    return parser.emitError(loc, "expected a panel width such as 'n32' or 'n32t'");
  return success();
}

Type BufType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type elem;
  StringRef word;
  int64_t stages = 1, panel = 0, swizzle = 0;
  bool transposed = false;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess())
    return {};
  if (startsWithStages(parser) && (parser.parseInteger(stages) || parser.parseKeyword("x")))
    return {};
  if (parser.parseDimensionList(shape, /*allowDynamic=*/false) || parser.parseType(elem) ||
      parser.parseComma() || parser.parseKeyword(&word))
    return {};
  std::optional<Space> space = symbolizeSpace(word);
  if (!space) {
    parser.emitError(loc, "unknown memory space '") << word << "'";
    return {};
  }
  if (succeeded(parser.parseOptionalComma()) &&
      failed(parseStorage(parser, panel, transposed, swizzle)))
    return {};
  if (parser.parseGreater())
    return {};
  auto emitError = [&] { return parser.emitError(loc); };
  return BufType::getChecked(function_ref<InFlightDiagnostic()>(emitError), parser.getContext(),
                             ArrayRef<int64_t>(shape), elem, *space, panel, transposed, stages,
                             swizzle);
}

void BufType::print(AsmPrinter &printer) const {
  printer << "<";
  if (getStages() != 1)
    printer << getStages() << " x ";
  for (int64_t extent : getShape())
    printer << extent << "x";
  printer << getElem() << ", " << stringifySpace(getSpace());
  if (isPacked())
    printer << ", pack n" << getPanel() << (getTransposed() ? "t" : "");
  if (getSwizzle() == autoSwizzle)
    printer << ", swz auto";
  else if (isSwizzled())
    printer << ", swz " << getSwizzle();
  printer << ">";
}

LogicalResult BufType::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> shape,
                              Type elem, Space space, int64_t panel, bool transposed,
                              int64_t stages, int64_t swizzle) {
  if (!elem.isIntOrFloat())
    return emitError() << "buffer cannot hold " << elem;
  for (int64_t extent : shape) // C1
    if (extent < 1)
      return emitError() << "buffer needs positive extents, got " << extent;
  if (panel < 0 || (panel > 0 && shape.size() < 2)) // C2
    return emitError() << "packed buffer needs rank 2 and a positive panel width, got rank "
                       << shape.size() << " and width " << panel;
  if (stages < 1) // C3
    return emitError() << "buffer needs at least one stage, got " << stages;
  if (swizzle == 0)
    return success();
  if (!llvm::is_contained({int64_t(32), int64_t(64), int64_t(128), autoSwizzle}, swizzle)) // C4
    return emitError() << "swizzle spans 32, 64 or 128 bytes, got " << swizzle;
  if (shape.size() < 2 || panel != 0)
    return emitError() << "swizzled buffer needs rank 2 and no panels, got rank " << shape.size()
                       << " and width " << panel;
  return success();
}

//===----------------------------------------------------------------------===//
// ChanType: `<fifo, !sched.buf<...>, ...>`
//===----------------------------------------------------------------------===//

Type ChanType::parse(AsmParser &parser) {
  StringRef word;
  SmallVector<BufType> buffers;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseKeyword(&word))
    return {};
  std::optional<Completion> kind = symbolizeCompletion(word);
  if (!kind) {
    parser.emitError(loc, "unknown kind of completion '") << word << "'";
    return {};
  }
  while (succeeded(parser.parseOptionalComma()))
    if (parser.parseType(buffers.emplace_back()))
      return {};
  if (parser.parseGreater())
    return {};
  auto emitError = [&] { return parser.emitError(loc); };
  return ChanType::getChecked(function_ref<InFlightDiagnostic()>(emitError), parser.getContext(),
                              *kind, ArrayRef<BufType>(buffers));
}

void ChanType::print(AsmPrinter &printer) const {
  printer << "<" << stringifyCompletion(getKind());
  for (BufType buffer : getBuffers())
    printer << ", " << buffer;
  printer << ">";
}

LogicalResult ChanType::verify(function_ref<InFlightDiagnostic()> emitError, Completion kind,
                               ArrayRef<BufType> buffers) {
  if (buffers.empty()) // C1
    return emitError() << "channel has no buffer";
  for (BufType buffer : buffers) // C2
    if (buffer.getStages() != buffers.front().getStages()) {
      InFlightDiagnostic error = emitError();
      error << "buffers of a channel have different stage counts [";
      llvm::interleaveComma(buffers, error, [&](BufType each) { error << each.getStages(); });
      return error << "]";
    }
  return success();
}

//===----------------------------------------------------------------------===//
// FragType and FlightType: `<128x64xf32 (, #sched.layout<...>)?>`
//===----------------------------------------------------------------------===//

template <typename TileType> static Type parseTile(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type elem;
  LayoutAttr layout;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(elem))
    return {};
  if (succeeded(parser.parseOptionalComma()) && parser.parseAttribute(layout))
    return {};
  if (parser.parseGreater())
    return {};
  auto emitError = [&] { return parser.emitError(loc); };
  return TileType::getChecked(function_ref<InFlightDiagnostic()>(emitError), parser.getContext(),
                              ArrayRef<int64_t>(shape), elem, layout);
}

template <typename TileType> static void printTile(AsmPrinter &printer, TileType type) {
  printer << "<";
  for (int64_t extent : type.getShape())
    printer << extent << "x";
  printer << type.getElem();
  if (type.getLayout())
    printer << ", " << type.getLayout();
  printer << ">";
}

static LogicalResult verifyTile(function_ref<InFlightDiagnostic()> emitError,
                                ArrayRef<int64_t> shape, Type elem, LayoutAttr layout) {
  if (!elem.isIntOrFloat())
    return emitError() << "fragment cannot hold " << elem;
  for (int64_t extent : shape) // C1
    if (extent < 1)
      return emitError() << "fragment needs positive extents, got " << extent;
  if (!layout)
    return success();
  if (shape.empty()) // C2
    return emitError() << "fragment of rank 0 has a layout";
  layout::Extents matrix = getMatrix(shape, layout), covered = layout.getCovered();
  if (matrix[0] > covered[0] || matrix[1] > covered[1]) // C3
    return emitError() << "layout " << layout << " covers " << covered[0] << "x" << covered[1]
                       << ", the tile is " << matrix[0] << "x" << matrix[1];
  return success();
}

Type FragType::parse(AsmParser &parser) { return parseTile<FragType>(parser); }
void FragType::print(AsmPrinter &printer) const { printTile(printer, *this); }
LogicalResult FragType::verify(function_ref<InFlightDiagnostic()> emitError,
                               ArrayRef<int64_t> shape, Type elem, LayoutAttr layout) {
  return verifyTile(emitError, shape, elem, layout);
}

Type FlightType::parse(AsmParser &parser) { return parseTile<FlightType>(parser); }
void FlightType::print(AsmPrinter &printer) const { printTile(printer, *this); }
LogicalResult FlightType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<int64_t> shape, Type elem, LayoutAttr layout) {
  return verifyTile(emitError, shape, elem, layout);
}
