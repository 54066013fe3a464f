//===- ProgramOps.cpp - Programs, kernels, grids --------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/KernelSyntax.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace tegula;

//===----------------------------------------------------------------------===//
// Arguments of kernels and programs
//===----------------------------------------------------------------------===//

ParseResult tegula::parseArguments(OpAsmParser &parser,
                                   SmallVectorImpl<OpAsmParser::Argument> &arguments,
                                   SmallVectorImpl<Attribute> &attrs) {
  auto parseOne = [&]() -> ParseResult {
    SMLoc loc = parser.getCurrentLocation();
    Access access = Access::Value;
    StringRef word;
    if (succeeded(parser.parseOptionalKeyword(&word, {"in", "out", "inout"})))
      access = *symbolizeAccess(word);
    OpAsmParser::Argument &argument = arguments.emplace_back();
    int64_t align = 1;
    SmallVector<int64_t> multiples;
    if (parser.parseArgument(argument, /*allowType=*/true))
      return failure();
    if (succeeded(parser.parseOptionalKeyword("align")) && parser.parseInteger(align))
      return failure();
    if (succeeded(parser.parseOptionalKeyword("multiples")) &&
        parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
          return parser.parseInteger(multiples.emplace_back());
        }))
      return failure();
    if (parser.parseOptionalLocationSpecifier(argument.sourceLoc))
      return failure();
    auto emitError = [&] { return parser.emitError(loc); };
    auto attr = ArgAttr::getChecked(function_ref<InFlightDiagnostic()>(emitError),
                                    parser.getContext(), access,
                                    argument.ssaName.name.drop_front(), align,
                                    ArrayRef<int64_t>(multiples));
    if (!attr)
      return failure();
    attrs.push_back(attr);
    return success();
  };
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseOne);
}

void tegula::printArguments(OpAsmPrinter &printer, Block &block, ArrayAttr attrs) {
  printer << "(";
  llvm::interleaveComma(llvm::zip(block.getArguments(), attrs), printer, [&](auto pair) {
    auto [argument, attr] = pair;
    auto arg = cast<ArgAttr>(attr);
    if (arg.getAccess() != Access::Value)
      printer << stringifyAccess(arg.getAccess()) << " ";
    printer.printRegionArgument(argument);
    if (arg.getAlign() != 1)
      printer << " align " << arg.getAlign();
    if (!arg.getMultiples().empty()) {
      printer << " multiples [";
      llvm::interleaveComma(arg.getMultiples(), printer);
      printer << "]";
    }
  });
  printer << ")";
}

template <typename OpTy>
static ParseResult parseSymbolWithArguments(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<typename OpTy::Properties>();
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<Attribute> attrs;
  if (parser.parseSymbolName(name) || parseArguments(parser, arguments, attrs))
    return failure();
  properties.sym_name = name;
  properties.args = parser.getBuilder().getArrayAttr(attrs);
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  return parser.parseRegion(*result.addRegion(), arguments);
}

template <typename OpTy>
static void printSymbolWithArguments(OpAsmPrinter &printer, OpTy op) {
  printer << " ";
  printer.printSymbolName(op.getSymName());
  printArguments(printer, op.getBody().front(), op.getArgs());
  printer.printOptionalAttrDictWithKeyword(op->getAttrs(), {"sym_name", "args"});
  printer << " ";
  printer.printRegion(op.getBody(), /*printEntryBlockArgs=*/false);
}

void tegula::nameArguments(Region &region, ArrayAttr args, OpAsmSetValueNameFn setName) {
  // Names are asked for of invalid ops too, to print them in diagnostics.
  if (region.empty() || !args || region.getNumArguments() != args.size())
    return;
  for (auto [argument, attr] : llvm::zip(region.getArguments(), args))
    if (auto arg = dyn_cast<ArgAttr>(attr))
      setName(argument, arg.getName());
}

/// C2 of one argument.
static LogicalResult verifyArgument(Operation *op, ArgAttr arg, Type type) {
  if (arg.getAccess() == Access::Value) {
    if (isa<BaseMemRefType>(type))
      return op->emitOpError() << "argument '" << arg.getName()
                               << "' is a view: say 'in', 'out' or 'inout'";
    if (!type.isIndex() && !isElementType(type))
      return op->emitOpError() << "argument '" << arg.getName()
                               << "' has no scalar type: " << type;
    return success();
  }
  auto view = dyn_cast<MemRefType>(type);
  if (!view)
    return op->emitOpError() << "argument '" << arg.getName() << "' is '"
                             << stringifyAccess(arg.getAccess()) << "' but no view: " << type;
  if (!isElementType(view.getElementType()) || !view.isStrided())
    return op->emitOpError() << "argument '" << arg.getName()
                             << "' is no strided view of a type of the language: " << type;
  if (!arg.getMultiples().empty() &&
      static_cast<int64_t>(arg.getMultiples().size()) != view.getRank())
    return op->emitOpError() << "argument '" << arg.getName() << "' has rank " << view.getRank()
                             << " but " << arg.getMultiples().size() << " stride multiples";
  return success();
}

LogicalResult tegula::verifyArguments(Operation *op, Block &block, ArrayAttr args) {
  if (args.size() != block.getNumArguments()) // C1
    return op->emitOpError() << "has " << block.getNumArguments() << " arguments but "
                             << args.size() << " argument attributes";
  llvm::StringSet<> names;
  for (auto [argument, attr] : llvm::zip(block.getArguments(), args)) {
    auto arg = cast<ArgAttr>(attr);
    if (!names.insert(arg.getName()).second)
      return op->emitOpError() << "has two arguments named '" << arg.getName() << "'";
    if (failed(verifyArgument(op, arg, argument.getType()))) // C2
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// KernelOp
//===----------------------------------------------------------------------===//

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseSymbolWithArguments<KernelOp>(parser, result);
}

void KernelOp::print(OpAsmPrinter &printer) { printSymbolWithArguments(printer, *this); }

void KernelOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  nameArguments(region, getArgsAttr(), setName);
}

LogicalResult KernelOp::verify() { return verifyArguments(*this, getBody().front(), getArgs()); }

LogicalResult KernelOp::verifyRegions() {
  if (failed(verifyKernelBody(*this, getBody().front(), getSymName())))
    return failure();
  if (!isa<ReturnOp>(getBody().front().getTerminator())) // C3
    return emitOpError() << "'" << getSymName() << "' must end with tegula.return";
  return success();
}

/// C4: the launch part runs on the host, where views have no data.
static LogicalResult verifyLaunchOp(Operation *op, StringRef kernel) {
  bool holdsStream =
      op->walk([](StreamOp) { return WalkResult::interrupt(); }).wasInterrupted();
  if (holdsStream || (!isMemoryEffectFree(op) && !isa<RequireOp>(op)))
    return op->emitOpError() << "is not allowed in the launch part of kernel '" << kernel
                             << "': only sizes, strides and scalars are known there";
  return success();
}

/// A narrowing that drops axes of size 1 does not say which: where the strides do not
/// tell either, upstream takes the first, and reads the wrong axes afterwards.
static LogicalResult verifyNarrowing(memref::SubViewOp op) {
  llvm::SmallBitVector dropped = op.getDroppedDims();
  SmallVector<int64_t> kept;
  for (auto [axis, size] : llvm::enumerate(op.getStaticSizes()))
    if (!dropped.test(axis))
      kept.push_back(size);
  if (op.getType().getShape() == ArrayRef<int64_t>(kept)) // C6
    return success();
  return op.emitOpError("drops one of several axes of size 1, and nothing tells which");
}

LogicalResult tegula::verifyKernelBody(Operation *kernel, Block &block, StringRef name) {
  GridOp grid;
  for (Operation &op : block.without_terminator()) {
    if (grid) { // C3
      InFlightDiagnostic diag = op.emitOpError() << "stands after the grid of kernel '" << name
                                                 << "': nothing may follow it";
      diag.attachNote(grid.getLoc()) << "the grid is here";
      return diag;
    }
    if (auto found = dyn_cast<GridOp>(op))
      grid = found;
    else if (failed(verifyLaunchOp(&op, name)))
      return failure();
  }
  if (!grid)
    return kernel->emitOpError() << "'" << name << "' has no grid";
  WalkResult narrowings = block.walk(
      [](memref::SubViewOp op) { return WalkResult(verifyNarrowing(op)); });
  return failure(narrowings.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// GridOp
//===----------------------------------------------------------------------===//

ParseResult GridOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &builder = parser.getBuilder();
  auto &properties = result.getOrAddProperties<Properties>();
  SmallVector<OpAsmParser::Argument> ids;
  SmallVector<OpAsmParser::UnresolvedOperand> extents;
  SmallVector<int64_t> steps;
  if (parser.parseArgumentList(ids, OpAsmParser::Delimiter::Paren) || parser.parseKeyword("to") ||
      parser.parseOperandList(extents, OpAsmParser::Delimiter::Paren) ||
      parser.resolveOperands(extents, builder.getIndexType(), result.operands) ||
      parser.parseKeyword("step") ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, [&] {
        return parser.parseInteger(steps.emplace_back());
      }))
    return failure();
  for (OpAsmParser::Argument &id : ids)
    id.type = builder.getIndexType();
  properties.steps = builder.getDenseI64ArrayAttr(steps);
  if (succeeded(parser.parseOptionalKeyword("order"))) {
    StringRef word;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&word))
      return failure();
    std::optional<GridOrder> order = symbolizeGridOrder(word);
    if (!order)
      return parser.emitError(loc, "unknown grid order '") << word << "'";
    properties.order = GridOrderAttr::get(builder.getContext(), *order);
    int64_t group = 0;
    if (*order == GridOrder::grouped) {
      if (parser.parseInteger(group))
        return failure();
      properties.group = builder.getI64IntegerAttr(group);
    }
  }
  if (succeeded(parser.parseOptionalKeyword("resident")))
    properties.resident = builder.getUnitAttr();
  if (succeeded(parser.parseOptionalKeyword("roles"))) {
    SmallVector<Attribute> roles;
    if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
          return success(roles.emplace_back(ScheduleRoleAttr::parse(parser, {})) != nullptr);
        }))
      return failure();
    properties.roles = builder.getArrayAttr(roles);
  }
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  return parser.parseRegion(*result.addRegion(), ids);
}

void GridOp::print(OpAsmPrinter &printer) {
  printer << " (";
  llvm::interleaveComma(getBody().getArguments(), printer,
                        [&](BlockArgument id) { printer.printOperand(id); });
  printer << ") to (" << getExtents() << ") step (";
  llvm::interleaveComma(getSteps(), printer);
  printer << ")";
  if (getOrder() != GridOrder::linear) {
    printer << " order " << stringifyGridOrder(getOrder());
    if (getOrder() == GridOrder::grouped)
      printer << " " << getGroup();
  }
  if (getResident())
    printer << " resident";
  if (ArrayAttr roles = getRolesAttr()) {
    printer << " roles [";
    llvm::interleaveComma(roles.getAsRange<ScheduleRoleAttr>(), printer,
                          [&](ScheduleRoleAttr role) { role.print(printer); });
    printer << "]";
  }
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {"steps", "order", "group", "resident", "roles"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

void GridOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  for (BlockArgument id : region.getArguments())
    setName(id, "id");
}

LogicalResult GridOp::verify() {
  if (!isa_and_nonnull<KernelOpInterface>((*this)->getParentOp())) // C4
    return emitOpError("stands outside a kernel");
  size_t rank = getExtents().size();
  if (rank == 0) // C1
    return emitOpError("needs at least one extent");
  if (getSteps().size() != rank)
    return emitOpError() << "has " << rank << " extents but " << getSteps().size() << " steps";
  if (getBody().getNumArguments() != rank)
    return emitOpError() << "has " << rank << " extents but " << getBody().getNumArguments()
                         << " block arguments";
  for (int64_t step : getSteps()) // C2
    if (step < 1)
      return emitOpError() << "needs positive steps, got " << step;
  for (BlockArgument id : getBody().getArguments())
    if (!id.getType().isIndex())
      return emitOpError() << "block arguments must be index, got " << id.getType();
  if (getOrder() == GridOrder::grouped && static_cast<int64_t>(getGroup()) < 1) // C3
    return emitOpError() << "order grouped needs a positive group, got "
                         << static_cast<int64_t>(getGroup());
  if (ArrayAttr roles = getRolesAttr()) { // C5
    llvm::StringSet<> names;
    for (auto role : roles.getAsRange<ScheduleRoleAttr>())
      if (!names.insert(role.getName()).second)
        return emitOpError() << "has two roles called '" << role.getName() << "'";
  }
  return success();
}

/// Bodies that carry no values end with a yield of none.
static LogicalResult verifyYieldsNothing(Operation *op, Block &block) {
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield)
    return op->emitOpError("must end with tegula.yield");
  if (!yield.getValues().empty())
    return yield.emitOpError() << "yields " << yield.getValues().size() << " values from a '"
                               << op->getName() << "', which carries none";
  return success();
}

LogicalResult GridOp::verifyRegions() { // C4
  return verifyYieldsNothing(*this, getBody().front());
}

//===----------------------------------------------------------------------===//
// ReturnOp, RequireOp, CheckOp
//===----------------------------------------------------------------------===//

LogicalResult ReturnOp::verify() {
  if (!isa<KernelOpInterface, ProgramOp>((*this)->getParentOp())) // C1
    return emitOpError("ends a kernel or a program, nothing else");
  return success();
}

LogicalResult RequireOp::verify() {
  if (!isa_and_nonnull<KernelOpInterface, ProgramOp, VariantOp>((*this)->getParentOp())) // C1
    return emitOpError("stands outside a launch part or program: the host cannot check it");
  return success();
}

/// A condition that is known to hold needs no test.
template <typename OpTy>
static LogicalResult eraseWhereTrue(OpTy op, PatternRewriter &rewriter) {
  if (!matchPattern(op.getCondition(), m_One()))
    return rewriter.notifyMatchFailure(op, "its condition is not known to hold");
  rewriter.eraseOp(op);
  return success();
}

LogicalResult RequireOp::canonicalize(RequireOp op, PatternRewriter &rewriter) {
  return eraseWhereTrue(op, rewriter);
}

LogicalResult CheckOp::canonicalize(CheckOp op, PatternRewriter &rewriter) {
  return eraseWhereTrue(op, rewriter);
}

LogicalResult CheckOp::verify() {
  if (!(*this)->getParentOfType<GridOp>()) // C1
    return emitOpError("stands outside a grid: use tegula.require in a launch part");
  return success();
}

//===----------------------------------------------------------------------===//
// ProgramOp and what it holds
//===----------------------------------------------------------------------===//

ParseResult ProgramOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseSymbolWithArguments<ProgramOp>(parser, result);
}

void ProgramOp::print(OpAsmPrinter &printer) { printSymbolWithArguments(printer, *this); }

void ProgramOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  nameArguments(region, getArgsAttr(), setName);
}

LogicalResult ProgramOp::verify() { return verifyArguments(*this, getBody().front(), getArgs()); }

/// Bodies of programs and variants hold host arithmetic, workspace, launches.
static LogicalResult verifyProgramBody(Block &block, StringRef what) {
  for (Operation &op : block.without_terminator())
    if (!isMemoryEffectFree(&op) && !isa<RequireOp, WorkspaceOp, LaunchOp, VariantOp>(op))
      return op.emitOpError() << "is not allowed in a " << what;
  return success();
}

LogicalResult ProgramOp::verifyRegions() { // C2
  if (!isa<ReturnOp>(getBody().front().getTerminator()))
    return emitOpError() << "'" << getSymName() << "' must end with tegula.return";
  return verifyProgramBody(getBody().front(), "program");
}

LogicalResult VariantOp::verifyRegions() { // C1
  if (failed(verifyYieldsNothing(*this, getBody().front())))
    return failure();
  return verifyProgramBody(getBody().front(), "variant");
}

/// variant(%true, %a)       ->  variant(%a)
/// variant(%false)          ->  nothing
/// variant {} variant(%a)   ->  variant {}    the second is never reached
LogicalResult VariantOp::canonicalize(VariantOp op, PatternRewriter &rewriter) {
  if (llvm::any_of(op.getGuards(), [](Value guard) { return matchPattern(guard, m_Zero()); })) {
    rewriter.eraseOp(op);
    return success();
  }
  SmallVector<Value> open;
  for (Value guard : op.getGuards())
    if (!matchPattern(guard, m_One()))
      open.push_back(guard);
  if (open.size() != op.getGuards().size()) {
    rewriter.modifyOpInPlace(op, [&] { op.getGuardsMutable().assign(open); });
    return success();
  }
  if (!op.getGuards().empty())
    return rewriter.notifyMatchFailure(op, "its guards are known when it is called only");
  SmallVector<VariantOp> unreached;
  for (Operation *next = op->getNextNode(); next; next = next->getNextNode())
    if (auto variant = dyn_cast<VariantOp>(next))
      unreached.push_back(variant);
  if (unreached.empty())
    return rewriter.notifyMatchFailure(op, "is the last variant");
  for (VariantOp variant : unreached)
    rewriter.eraseOp(variant);
  return success();
}

LogicalResult WorkspaceOp::verify() {
  auto type = cast<MemRefType>(getBuffer().getType());
  if (!type.getLayout().isIdentity() || !isElementType(type.getElementType())) // C1
    return emitOpError() << "must be a contiguous buffer of a type of the language, got "
                         << type;
  if (getSizes().size() != type.getNumDynamicDims())
    return emitOpError() << "has " << getSizes().size() << " sizes for "
                         << type.getNumDynamicDims() << " dynamic axes";
  if (!isa_and_nonnull<ProgramOp, VariantOp>((*this)->getParentOp())) // C2
    return emitOpError("stands outside a program");
  return success();
}

LogicalResult LaunchOp::verify() {
  if (!isa_and_nonnull<ProgramOp, VariantOp>((*this)->getParentOp())) // C3
    return emitOpError("stands outside a program");
  return success();
}

/// C2 and C3 of one operand of a launch.
static LogicalResult verifyLaunchOperand(LaunchOp launch, unsigned i, KernelOpInterface kernel) {
  Value operand = launch.getOperands()[i];
  Type expected = kernel.getKernelBlock()->getArgument(i).getType();
  auto arg = cast<ArgAttr>(kernel.getArgAttrs()[i]);
  if (operand.getType() != expected &&
      !memref::CastOp::areCastCompatible(operand.getType(), expected)) // C2
    return launch.emitOpError() << "operand " << i << " has type " << operand.getType()
                                << " but argument '" << arg.getName() << "' of kernel '"
                                << launch.getKernel() << "' has type " << expected;
  auto program = launch->getParentOfType<ProgramOp>();
  BlockArgument origin =
      isa<MemRefType>(operand.getType()) ? getViewOrigin(operand) : BlockArgument();
  if (!origin || origin.getOwner()->getParentOp() != program)
    return success();
  auto given = cast<ArgAttr>(program.getArgs()[origin.getArgNumber()]);
  bool writes = arg.getAccess() == Access::Out || arg.getAccess() == Access::InOut;
  if (given.getAccess() == Access::In && writes) // C3
    return launch.emitOpError() << "hands '" << given.getName()
                                << "', which is 'in' of the program, to argument '"
                                << arg.getName() << "' of kernel '" << launch.getKernel()
                                << "', which is '" << stringifyAccess(arg.getAccess()) << "'";
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel =
      symbols.lookupNearestSymbolFrom<KernelOpInterface>(*this, getKernelAttr());
  if (!kernel) // C1
    return emitOpError() << "'" << getKernel() << "' names no kernel of this module";
  Block *block = kernel.getKernelBlock();
  if (block->getNumArguments() != getOperands().size()) // C2
    return emitOpError() << "has " << getOperands().size() << " operands but kernel '"
                         << getKernel() << "' has " << block->getNumArguments() << " arguments";
  for (unsigned i = 0; i < block->getNumArguments(); ++i)
    if (failed(verifyLaunchOperand(*this, i, kernel)))
      return failure();
  return success();
}
