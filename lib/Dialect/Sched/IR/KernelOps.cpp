//===- KernelOps.cpp - Kernels, buffers, roles ----------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Dialect/Tegula/IR/KernelSyntax.h"

#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

//===----------------------------------------------------------------------===//
// KernelOp
//===----------------------------------------------------------------------===//

ParseResult sched::KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<Properties>();
  StringAttr name;
  std::string target;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<Attribute> attrs;
  if (parser.parseSymbolName(name) || parseArguments(parser, arguments, attrs) ||
      parser.parseKeyword("target") || parser.parseString(&target))
    return failure();
  properties.sym_name = name;
  properties.args = parser.getBuilder().getArrayAttr(attrs);
  properties.target = parser.getBuilder().getStringAttr(target);
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  return parser.parseRegion(*result.addRegion(), arguments);
}

void sched::KernelOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  printArguments(printer, getBody().front(), getArgs());
  printer << " target " << getTargetAttr();
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {"sym_name", "args", "target"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

void sched::KernelOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  nameArguments(region, getArgs(), setName);
}

LogicalResult sched::KernelOp::verify() {
  if (getTarget().empty()) // C2
    return emitOpError("names no target");
  return verifyArguments(*this, getBody().front(), getArgs());
}

LogicalResult sched::KernelOp::verifyRegions() { // C3
  return verifyKernelBody(*this, getBody().front(), getSymName());
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

LogicalResult AllocOp::verify() {
  if (!isa<GridOp>((*this)->getParentOp())) // C1
    return emitOpError("stands inside a loop or branch: buffers are made once an instance");
  if (getBuffer().getType().getSpace() == Space::local)
    return success();
  bool ordered = llvm::any_of(getBuffer().getUses(), [](OpOperand &use) {
    auto convert = dyn_cast<ConvertOp>(use.getOwner());
    return isa<ChannelOp>(use.getOwner()) || (convert && convert.getScratch() == use.get());
  });
  if (!ordered) // C2
    return emitOpError() << "shared buffer '" << describe(getBuffer())
                         << "' belongs to no channel: nothing orders its users";
  return success();
}

LogicalResult ArenaOp::verify() {
  MemRefType type = getArena().getType();
  if (type.getRank() != 1 || !type.hasStaticShape() || !type.getLayout().isIdentity()) // C1
    return emitOpError() << "is one contiguous block of static size, not " << type;
  return success();
}

/// No rearranging op takes packed buffers.
static LogicalResult verifyRows(Operation *op, BufType source, BufType dest) {
  if (source.isPacked() || dest.isPacked())
    return op->emitOpError("takes no packed buffers");
  return success();
}

LogicalResult sched::ConstantOp::verify() {
  if (getValue().getType() != getBuffer().getType().getTile()) // C1
    return emitOpError() << "puts " << getValue().getType() << " into " << getBuffer().getType();
  return success();
}

/// C4 of slices: a product's left operand, read where it lies in memory.
static LogicalResult verifyBoxOfView(SliceOp op, MemRefType view, BufType box) {
  if (view.getElementType() != box.getElem() || view.getRank() != box.getRank() ||
      box.getSpace() != Space::local || box.isPacked() || box.isSwizzled() || box.getStages() != 1)
    return op.emitOpError() << "cannot be " << box << " of " << view;
  if (static_cast<int64_t>(op.getAt().size()) != view.getRank()) // C1
    return op.emitOpError() << "needs offsets and a box of rank " << view.getRank() << ", got "
                            << op.getAt().size() << " and " << box;
  return success();
}

LogicalResult sched::SliceOp::verify() {
  BufType box = getBuffer().getType();
  if (llvm::count(getAt(), ShapedType::kDynamic) != static_cast<int64_t>(getOffsets().size()))
    return emitOpError() << "has " << getOffsets().size() << " offsets that are not constant, for "
                         << llvm::count(getAt(), ShapedType::kDynamic) << " places";
  if (auto view = dyn_cast<MemRefType>(getSource().getType()))
    return verifyBoxOfView(*this, view, box);
  auto source = cast<BufType>(getSource().getType());
  int64_t rank = source.getRank();
  if (static_cast<int64_t>(getAt().size()) != rank || box.getRank() != rank || rank < 1) // C1, C2
    return emitOpError() << "needs offsets and a box of rank " << rank << ", got " << getAt().size()
                         << " and " << box;
  for (int64_t axis = 0; axis < rank; ++axis) { // C1
    bool dynamic = ShapedType::isDynamic(getAt()[axis]);
    int64_t at = dynamic ? 0 : getAt()[axis];
    if (at < 0 || at + box.getDimSize(axis) > source.getDimSize(axis))
      return emitOpError() << "leaves " << source << " along axis " << axis;
  }
  if (box.getElem() != source.getElem() || box.getSpace() != source.getSpace() ||
      box.getSwizzle() != source.getSwizzle() || box.getStages() != 1 ||
      source.getStages() != 1) // C2
    return emitOpError() << "cannot be " << box << " of " << source;
  if (source.getSpace() == Space::local && rank > 1 &&
      box.getShape().back() != source.getShape().back()) // C3
    return emitOpError() << "does not cover the last axis of " << source;
  return verifyRows(*this, source, box);
}

LogicalResult sched::ViewOp::verify() {
  BufType source = getSource().getType(), view = getBuffer().getType();
  if (source.getTile().getNumElements() != view.getTile().getNumElements() ||
      source.getElem() != view.getElem() || source.getSpace() != view.getSpace()) // C1
    return emitOpError() << "cannot show " << source << " as " << view;
  return verifyRows(*this, source, view);
}

//===----------------------------------------------------------------------===//
// Trips, roles, phases
//===----------------------------------------------------------------------===//

LogicalResult TripsOp::verify() {
  if (!isa<GridOp>((*this)->getParentOp())) // C1
    return emitOpError("stands inside a role, loop or branch: all roles count alike");
  APInt step;
  if (matchPattern(getStep(), m_ConstantInt(&step)) && !step.isStrictlyPositive()) // C2
    return emitOpError() << "needs a positive step, got " << step.getSExtValue();
  return success();
}

ParseResult RoleOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &builder = parser.getBuilder();
  auto &properties = result.getOrAddProperties<Properties>();
  StringRef word;
  int64_t count, regs;
  SmallVector<OpAsmParser::Argument, 1> arguments;
  SMLoc loc;
  if (parser.parseSymbolName(properties.sym_name) || parser.getCurrentLocation(&loc) ||
      parser.parseKeyword(&word))
    return failure();
  std::optional<Members> members = symbolizeMembers(word);
  if (!members)
    return parser.emitError(loc, "expected 'warps' or 'groups'");
  properties.members = MembersAttr::get(builder.getContext(), *members);
  if (parser.parseInteger(count))
    return failure();
  properties.count = builder.getI64IntegerAttr(count);
  if (succeeded(parser.parseOptionalLParen())) {
    OpAsmParser::Argument &member = arguments.emplace_back();
    member.type = builder.getIndexType();
    if (parser.parseArgument(member) || parser.parseRParen())
      return failure();
  }
  if (succeeded(parser.parseOptionalKeyword("regs"))) {
    if (parser.parseInteger(regs))
      return failure();
    properties.regs = builder.getI64IntegerAttr(regs);
  }
  Region *body = result.addRegion();
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseRegion(*body, arguments))
    return failure();
  ensureTerminator(*body, builder, result.location);
  return success();
}

void RoleOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  printer << " " << stringifyMembers(getMembers()) << " " << getCount();
  if (getMember())
    printer << " (" << getMember() << ")";
  if (getRegs())
    printer << " regs " << *getRegs();
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {"sym_name", "members", "count", "regs"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/false);
}

void RoleOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  for (BlockArgument argument : region.getArguments())
    setName(argument, "g");
}

LogicalResult RoleOp::verify() {
  auto grid = dyn_cast<GridOp>((*this)->getParentOp());
  if (!grid) // C1
    return emitOpError() << "@" << getSymName() << " does not stand directly in a grid";
  for (auto other : (*this)->getBlock()->getOps<RoleOp>())
    if (other != *this && other.getSymName() == getSymName() && other->isBeforeInBlock(*this))
      return emitOpError() << "@" << getSymName() << " has the name of another role";
  if (static_cast<int64_t>(getCount()) < 1) // C2
    return emitOpError() << "@" << getSymName() << " needs at least one member, got "
                         << static_cast<int64_t>(getCount());
  if (getRegs() && static_cast<int64_t>(*getRegs()) < 1)
    return emitOpError() << "@" << getSymName() << " needs a positive budget of registers, got "
                         << static_cast<int64_t>(*getRegs());
  if (getBody().getNumArguments() > 1 ||
      llvm::any_of(getBody().getArgumentTypes(), [](Type type) { return !type.isIndex(); })) // C3
    return emitOpError() << "@" << getSymName() << " takes the number of its member, and no more";
  return success();
}

LogicalResult PhaseOp::verifyRegions() {
  Operation *yield = getBody().front().getTerminator();
  if (yield->getOperandTypes() != getResultTypes()) // C1
    return emitOpError() << "@" << getSymName() << " yields (" << yield->getOperandTypes()
                         << ") as (" << getResultTypes() << ")";
  return success();
}

LogicalResult sched::YieldOp::verify() {
  if (isa<RoleOp>((*this)->getParentOp()) && getNumOperands() != 0) // C1
    return emitOpError() << "gives " << getNumOperands() << " values out of a role";
  return success();
}
